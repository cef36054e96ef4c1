//! LDIF (RFC 2849), content records only.
//!
//! A record is the lines up to the next empty one; a line that begins with a space goes on
//! with the one before. Values by URL (`attr:< file:///…`) are refused, since they would
//! make an export read files of this machine, and a list of changes is refused as a whole.
//! The summary that `ldapsearch` writes behind its entries is understood: it says whether
//! the export hit a limit.

use std::fs::File;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_directory::entry::{Attribute, Attributes, Flaw, Locator, Value};

use super::descriptor::Descriptor;
use super::problem::Problem;
use super::record::{Record, Records};
use super::settings::Encoding;
use super::text::{Decoder, LINE_BYTES_MAX, Line, LineReader, text_of};

/// Attributes whose values are octets, when they come in base64.
const OCTET_ATTRIBUTES: [&str; 20] = [
    "audio",
    "authorityRevocationList",
    "cACertificate",
    "certificateRevocationList",
    "crossCertificatePair",
    "jpegPhoto",
    "krbPrincipalKey",
    "mS-DS-ConsistencyGuid",
    "msExchMailboxGuid",
    "objectGUID",
    "objectSid",
    "photo",
    "sambaNTPassword",
    "sIDHistory",
    "thumbnailLogo",
    "thumbnailPhoto",
    "userCertificate",
    "userPassword",
    "userPKCS12",
    "userSMIMECertificate",
];

/// Reads one record after the other.
#[derive(Debug)]
pub(super) struct Ldif<'a> {
    descriptor: &'a Descriptor,
    lines: LineReader<Decoder<&'a File>>,
    /// The first line of the next thing, read ahead to see whether it is a continuation.
    ahead: Option<Logical>,
    started: bool,
    shortfall: Option<String>,
}

/// A line with its continuations joined.
#[derive(Debug)]
struct Logical {
    number: u64,
    octets: Vec<u8>,
}

/// The lines of one record, as far as they fit.
#[derive(Debug, Default)]
struct Lines {
    list: Vec<Logical>,
    bytes: usize,
    too_long: bool,
}

/// One `name: value`.
enum Said {
    Value(Attribute),
    Flawed(Flaw),
}

impl<'a> Ldif<'a> {
    pub(super) fn new(descriptor: &'a Descriptor, encoding: Encoding) -> Result<Self, Problem> {
        Ok(Self {
            descriptor,
            lines: LineReader::new(descriptor.text(encoding)?),
            ahead: None,
            started: false,
            shortfall: None,
        })
    }

    /// The next physical line; false at the end. A last line without a line end is cut.
    fn physical(&mut self) -> Result<Option<Line>, Problem> {
        let found = self
            .lines
            .next()
            .map_err(|error| self.descriptor.unreadable(error))?;
        match found {
            Line::End => Ok(None),
            Line::Unended => Err(Problem::Cut {
                file: self.descriptor.name(),
                line: self.lines.number,
                detail: "the last line has no line end",
            }),
            whole => Ok(Some(whole)),
        }
    }

    /// The next line with its continuations; an empty one ends a record.
    fn logical(&mut self) -> Result<Option<Logical>, Problem> {
        let mut current = self.ahead.take();
        loop {
            let Some(found) = self.physical()? else {
                return Ok(current);
            };
            let too_long = found == Line::TooLong;
            let number = self.lines.number;
            match (&mut current, self.lines.line.split_first()) {
                (Some(line), Some((b' ', rest))) => {
                    if line.octets.len() <= LINE_BYTES_MAX {
                        line.octets.extend_from_slice(rest);
                    }
                    continue;
                }
                (None, Some((b' ', _))) => {
                    return Err(self.refused(number, "a continuation of no line".to_owned()));
                }
                _ => {}
            }
            let mut next = Logical {
                number,
                octets: std::mem::take(&mut self.lines.line),
            };
            if too_long {
                next.octets.resize(LINE_BYTES_MAX + 1, b'#');
            }
            match current {
                Some(line) => {
                    self.ahead = Some(next);
                    return Ok(Some(line));
                }
                None => current = Some(next),
            }
        }
    }

    /// The lines of the next record, without comments; `None` at the end.
    fn gather(&mut self) -> Result<Option<Lines>, Problem> {
        let mut lines = Lines::default();
        while let Some(line) = self.logical()? {
            if line.octets.is_empty() {
                if lines.list.is_empty() {
                    continue;
                }
                return Ok(Some(lines));
            }
            lines.bytes += line.octets.len();
            if lines.bytes > LINE_BYTES_MAX {
                lines.too_long = true;
                if lines.list.is_empty() {
                    lines.list.push(Logical {
                        number: line.number,
                        octets: b"dn:".to_vec(),
                    });
                }
                continue;
            }
            if line.octets.first() == Some(&b'#') {
                lines.bytes -= line.octets.len();
                continue;
            }
            if !self.started {
                self.started = true;
                if self.is_version(&line)? {
                    continue;
                }
            }
            lines.list.push(line);
        }
        Ok((!lines.list.is_empty()).then_some(lines))
    }

    /// `version: 1` stands before the first record, if at all.
    fn is_version(&self, line: &Logical) -> Result<bool, Problem> {
        let Some((name, rest)) = split_colon(&line.octets) else {
            return Ok(false);
        };
        if !name.eq_ignore_ascii_case(b"version") {
            return Ok(false);
        }
        if rest.trim_ascii() == b"1" {
            return Ok(true);
        }
        let because = "this version of LDIF is not known: only version 1 is (RFC 2849)";
        Err(self.refused(line.number, because.to_owned()))
    }

    /// What `ldapsearch` writes that is no entry: true when `lines` are such.
    fn is_summary(&mut self, lines: &Lines) -> bool {
        let Some(first) = lines.list.first() else {
            return false;
        };
        if named(first, b"ref") {
            self.shortfall.get_or_insert_with(|| {
                format!(
                    "line {}: the export holds a reference to another server instead of its \
                     entries: export from there too",
                    first.number
                )
            });
            return true;
        }
        if !named(first, b"search") && !named(first, b"result") {
            return false;
        }
        let result = lines
            .list
            .iter()
            .find(|line| named(line, b"result"))
            .and_then(|line| split_colon(&line.octets))
            .map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned());
        if let Some(result) = result
            && result.split_ascii_whitespace().next() != Some("0")
        {
            self.shortfall = Some(format!(
                "line {}: the search behind this export ended with \"{}\": raise that limit and \
                 export again",
                first.number,
                result.escape_debug()
            ));
        }
        true
    }

    fn record(&self, lines: Lines) -> Result<Record, Problem> {
        let mut rest = lines.list.into_iter();
        let first = rest.next().unwrap_or(Logical {
            number: 0,
            octets: Vec::new(),
        });
        let number = first.number;
        let dn = match dn_of(&first) {
            Ok(dn) => dn,
            Err(because) => {
                return Ok(Record::malformed(number, Locator::Line(number), because));
            }
        };
        let locator = Locator::Dn(dn);
        if lines.too_long {
            let because = "the entry is larger than 16 MiB".to_owned();
            return Ok(Record::malformed(number, locator, because));
        }
        let mut list: Vec<Attribute> = Vec::new();
        let mut flaws = Vec::new();
        let mut malformed = None;
        for (place, line) in rest.enumerate() {
            if place == 0 && (named(&line, b"changetype") || named(&line, b"control")) {
                let because = "changetype: this file is a list of changes. Export the content \
                               instead (slapcat, or ldapsearch -LLL)";
                return Err(self.refused(line.number, because.to_owned()));
            }
            match said(&line) {
                Ok(Said::Value(attribute)) => push(&mut list, attribute),
                Ok(Said::Flawed(flaw)) => flaws.push(flaw),
                Err(because) => {
                    flaws.push(Flaw {
                        attribute: String::new(),
                        reason: because.clone(),
                    });
                    malformed.get_or_insert(because);
                }
            }
        }
        Ok(Record {
            line: number,
            locator,
            attributes: Attributes::new(list, true),
            flaws,
            malformed,
        })
    }

    fn refused(&self, line: u64, detail: String) -> Problem {
        Problem::Refused {
            file: self.descriptor.name(),
            line,
            detail,
        }
    }
}

impl Records for Ldif<'_> {
    fn next(&mut self) -> Result<Option<Record>, Problem> {
        loop {
            let Some(lines) = self.gather()? else {
                return Ok(None);
            };
            if !self.is_summary(&lines) {
                return self.record(lines).map(Some);
            }
        }
    }

    fn shortfall(&self) -> Option<String> {
        self.shortfall.clone()
    }
}

/// Attributes of a record mostly come grouped: the values join the last one.
fn push(list: &mut Vec<Attribute>, mut attribute: Attribute) {
    match list.last_mut() {
        Some(before) if before.name.eq_ignore_ascii_case(&attribute.name) => {
            before.values.append(&mut attribute.values);
        }
        _ => list.push(attribute),
    }
}

fn split_colon(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = octets.iter().position(|octet| *octet == b':')?;
    let (name, rest) = octets.split_at(colon);
    Some((name, rest.get(1..).unwrap_or_default()))
}

fn named(line: &Logical, name: &[u8]) -> bool {
    split_colon(&line.octets).is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

fn dn_of(line: &Logical) -> Result<String, String> {
    let value = match split_colon(&line.octets) {
        Some((name, rest)) if name.eq_ignore_ascii_case(b"dn") => rest,
        _ => return Err("the record does not begin with `dn:`".to_owned()),
    };
    let octets = match value.split_first() {
        Some((b':', encoded)) => decoded(encoded).ok_or("the dn is no base64")?,
        Some((b'<', _)) => return Err("the dn is given by a URL, which is not read".to_owned()),
        _ => value.to_vec(),
    };
    text_of(&octets)
        .map(|dn| dn.trim().to_owned())
        .map_err(|because| format!("the dn {because}"))
}

fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(encoded.trim_ascii()).ok()
}

/// What one line says; `Err` when it is no line of a record.
fn said(line: &Logical) -> Result<Said, String> {
    let description = split_colon(&line.octets)
        .and_then(|(name, rest)| Some((std::str::from_utf8(name).ok()?, rest)))
        .filter(|(name, _)| is_description(name));
    let Some((name, rest)) = description else {
        return Err(format!("line {} is not `attribute: value`", line.number));
    };
    let (name, partial) = delivered_name(name);
    let flawed = |reason: &str| {
        Ok(Said::Flawed(Flaw {
            attribute: name.clone(),
            reason: reason.to_owned(),
        }))
    };
    if partial {
        return flawed("the export holds only a range of its values: export all of them");
    }
    let value = match rest.split_first() {
        Some((b'<', _)) => return flawed("a value by URL is not read"),
        Some((b':', encoded)) => match decoded(encoded) {
            None => return flawed("is no base64"),
            Some(octets) if is_octets(&name) => Value::Bytes(octets),
            Some(octets) => match text_of(&octets) {
                Ok(text) => Value::from(text.trim_matches(' ')),
                Err(because) => return flawed(because),
            },
        },
        _ => match text_of(rest) {
            Ok(text) => Value::from(text.trim_matches(' ')),
            Err(because) => return flawed(because),
        },
    };
    Ok(Said::Value(Attribute {
        name: Arc::from(name),
        values: vec![value],
    }))
}

/// An attribute description (RFC 4512 §2.5): a name or OID, and options. Underscores,
/// which the standard forbids, stand in many schemas.
fn is_description(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-.;_=*".contains(&octet))
}

/// The name without `;binary`, and whether it carries only a part of the values
/// (`member;range=0-1499`). Language options make another attribute and stay.
fn delivered_name(description: &str) -> (String, bool) {
    let mut parts = description.split(';');
    let mut name = parts.next().unwrap_or_default().to_owned();
    let mut partial = false;
    for option in parts {
        let option = option.to_ascii_lowercase();
        if let Some(range) = option.strip_prefix("range=") {
            partial |= range != "0-*";
        } else if option != "binary" {
            name.push(';');
            name.push_str(&option);
        }
    }
    (name, partial)
}

fn is_octets(name: &str) -> bool {
    let name = name.split(';').next().unwrap_or(name);
    OCTET_ATTRIBUTES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}
