//! Distinguished names (RFC 4514): parsed part by part and brought into one canonical form,
//! so that names which a server takes for equal are equal here, however they are written:
//! `CN=Doe\, Jane , OU=x` and `cn=doe\2c jane,ou=X`.
//!
//! Values are compared as `caseIgnoreMatch` compares them (RFC 4518): without case, with
//! white space at the edges ignored and inside collapsed.

use std::fmt::Write as _;

/// Attribute types with their numbers and longer names (RFC 4519), by the short name.
const ALIASES: &[(&str, &str)] = &[
    ("2.5.4.3", "cn"),
    ("commonname", "cn"),
    ("2.5.4.4", "sn"),
    ("surname", "sn"),
    ("2.5.4.5", "serialnumber"),
    ("2.5.4.6", "c"),
    ("countryname", "c"),
    ("2.5.4.7", "l"),
    ("localityname", "l"),
    ("2.5.4.8", "st"),
    ("stateorprovincename", "st"),
    ("2.5.4.9", "street"),
    ("streetaddress", "street"),
    ("2.5.4.10", "o"),
    ("organizationname", "o"),
    ("2.5.4.11", "ou"),
    ("organizationalunitname", "ou"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "givenname"),
    ("gn", "givenname"),
    ("2.5.4.46", "dnqualifier"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("userid", "uid"),
    ("0.9.2342.19200300.100.1.3", "mail"),
    ("rfc822mailbox", "mail"),
    ("0.9.2342.19200300.100.1.25", "dc"),
    ("domaincomponent", "dc"),
    ("1.2.840.113549.1.9.1", "emailaddress"),
    ("e", "emailaddress"),
    ("email", "emailaddress"),
];

/// Why a text is no distinguished name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DnError {
    /// A part has no `=`.
    #[error("a part has no \"=\"")]
    NoEquals,
    /// What stands before `=` is neither a name nor a number.
    #[error("an attribute type is missing or has odd characters")]
    BadType,
    /// `\` without a character or two hexadecimal digits behind it.
    #[error("\"\\\" is not followed by a special character or two hexadecimal digits")]
    BadEscape,
    /// A `"` that does not end.
    #[error("a quoted value does not end")]
    OpenQuote,
    /// A character that must be escaped is not.
    #[error("a special character in a value is not escaped")]
    Unescaped,
    /// `#` without whole octets behind it.
    #[error("\"#\" is not followed by hexadecimal digits")]
    BadHex,
    /// Escaped octets that are no text.
    #[error("a value is no UTF-8")]
    NotUtf8,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AvaValue {
    Text(String),
    /// `#` and the BER of a value that has no text form.
    Ber(Vec<u8>),
}

/// An attribute type and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ava {
    attribute: String,
    value: AvaValue,
}

/// One level of a name: usually one attribute and value, sometimes several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    parts: Vec<Ava>,
}

/// A distinguished name. Equality is of what was written; compare [`Dn::normalised`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dn {
    rdns: Vec<Rdn>,
}

impl Rdn {
    /// Types and values with escapes resolved; a value without a text form as `#` and
    /// hexadecimal digits.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, String)> {
        self.parts.iter().map(|part| {
            let value = match &part.value {
                AvaValue::Text(text) => text.clone(),
                AvaValue::Ber(octets) => hexadecimal(octets),
            };
            (part.attribute.as_str(), value)
        })
    }

    fn normalised(&self) -> String {
        let mut parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| {
                let mut text = canonical_type(&part.attribute);
                text.push('=');
                match &part.value {
                    AvaValue::Text(value) => push_escaped(&mut text, &prepared(value)),
                    AvaValue::Ber(octets) => text.push_str(&hexadecimal(octets)),
                }
                text
            })
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts.join("+")
    }
}

impl Dn {
    /// Takes a name apart. The empty text is the root's name. Besides RFC 4514 the older
    /// forms of RFC 2253 §4 are understood: quoted values, `;` between parts, `OID.` before
    /// numbers.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut parser = Parser { rest: text };
        let mut rdns = Vec::new();
        parser.skip_space();
        if parser.rest.is_empty() {
            return Ok(Self { rdns });
        }
        let mut parts = Vec::new();
        loop {
            parts.push(parser.ava()?);
            match parser.take() {
                Some('+') => {}
                Some(',' | ';') => rdns.push(Rdn {
                    parts: std::mem::take(&mut parts),
                }),
                Some(_) => return Err(DnError::Unescaped),
                None => {
                    rdns.push(Rdn { parts });
                    return Ok(Self { rdns });
                }
            }
        }
    }

    /// The canonical form, for comparison only.
    #[must_use]
    pub fn normalised(&self) -> String {
        let parts: Vec<String> = self.rdns.iter().map(Rdn::normalised).collect();
        parts.join(",")
    }

    /// The entry's own part of the name; `None` for the root.
    #[must_use]
    pub fn rdn(&self) -> Option<&Rdn> {
        self.rdns.first()
    }

    /// The name of the entry above; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.rdns.split_first().map(|(_, above)| Self {
            rdns: above.to_vec(),
        })
    }
}

/// The form that two equal names share. A text that is no name is only folded and trimmed,
/// so that it still equals itself.
#[must_use]
pub fn normalised(text: &str) -> String {
    if is_simple(text) {
        return simple_normalised(text);
    }
    match Dn::parse(text) {
        Ok(dn) => dn.normalised(),
        Err(_) => text.trim().to_lowercase(),
    }
}

/// A cheap look before comparing many names with one: `false` only if they surely differ.
#[must_use]
pub fn may_be_same(a: &str, b: &str) -> bool {
    if !is_simple(a) || !is_simple(b) {
        return true;
    }
    let first = |text: &str| {
        let (_, value) = text.split_once('=')?;
        value.bytes().next().map(|byte| byte.to_ascii_lowercase())
    };
    first(a) == first(b)
}

/// ASCII with nothing escaped, quoted, doubled or padded: most names.
fn is_simple(text: &str) -> bool {
    let mut before = b',';
    let mut equals = false;
    for byte in text.bytes() {
        let fine = match byte {
            b',' => equals && before != b' ' && before != b'=' && before != b',',
            b'=' => !equals && before != b',' && before != b' ',
            b' ' => equals && before != b' ' && before != b'=',
            b'\\' | b'"' | b'+' | b';' | b'<' | b'>' => false,
            b'#' => before != b'=',
            byte if byte.is_ascii_graphic() => {
                equals || byte.is_ascii_alphanumeric() || byte == b'-'
            }
            _ => false,
        };
        if !fine {
            return false;
        }
        equals = match byte {
            b'=' => true,
            b',' => false,
            _ => equals,
        };
        before = byte;
    }
    equals && before != b' ' && before != b'='
}

fn simple_normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for part in text.split(',') {
        if !normal.is_empty() {
            normal.push(',');
        }
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        normal.push_str(&canonical_type(attribute));
        normal.push('=');
        normal.extend(value.chars().map(|c| c.to_ascii_lowercase()));
    }
    normal
}

fn canonical_type(attribute: &str) -> String {
    let folded = attribute.to_ascii_lowercase();
    let number = folded.strip_prefix("oid.").unwrap_or(&folded);
    ALIASES
        .iter()
        .find(|(alias, _)| *alias == number)
        .map_or_else(|| number.to_owned(), |(_, short)| (*short).to_owned())
}

/// A value as `caseIgnoreMatch` prepares it (RFC 4518 §2): folded, characters that are not
/// seen left out, white space collapsed and taken off the edges.
fn prepared(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let visible = value.chars().filter(|c| {
        !matches!(
            c,
            '\u{ad}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'
                ..='\u{fe0f}'
        ) && (!c.is_control() || c.is_whitespace())
    });
    let mut space = false;
    for c in visible {
        if c.is_whitespace() {
            space = !text.is_empty();
            continue;
        }
        if std::mem::take(&mut space) {
            text.push(' ');
        }
        match c {
            'ß' | 'ẞ' => text.push_str("ss"),
            'ς' => text.push('σ'),
            c => text.extend(c.to_lowercase()),
        }
    }
    text
}

fn push_escaped(out: &mut String, value: &str) {
    for (at, c) in value.char_indices() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') || (c == '#' && at == 0) {
            out.push('\\');
        }
        out.push(c);
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold("#".to_owned(), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn ava(&mut self) -> Result<Ava, DnError> {
        let (attribute, rest) = self.rest.split_once('=').ok_or(DnError::NoEquals)?;
        let attribute = attribute.trim();
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        if attribute.is_empty() || attribute.contains(odd) {
            return Err(DnError::BadType);
        }
        self.rest = rest;
        self.skip_space();
        let value = match self.peek() {
            Some('#') => self.hex_value()?,
            Some('"') => AvaValue::Text(self.quoted()?),
            _ => AvaValue::Text(self.plain()?),
        };
        self.skip_space();
        Ok(Ava {
            attribute: attribute.to_owned(),
            value,
        })
    }

    fn hex_value(&mut self) -> Result<AvaValue, DnError> {
        self.take();
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        let octets = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| pair.len() == 2)?;
                u8::from_str_radix(pair, 16).ok()
            })
            .collect::<Option<Vec<u8>>>()
            .filter(|octets| !octets.is_empty())
            .ok_or(DnError::BadHex)?;
        Ok(text_of_ber(&octets).map_or(AvaValue::Ber(octets), AvaValue::Text))
    }

    fn quoted(&mut self) -> Result<String, DnError> {
        self.take();
        let mut octets = Vec::new();
        loop {
            match self.take().ok_or(DnError::OpenQuote)? {
                '"' => return String::from_utf8(octets).map_err(|_| DnError::NotUtf8),
                '\\' => self.escaped(&mut octets)?,
                c => push(&mut octets, c),
            }
        }
    }

    /// A value up to the next separator; white space at its end counts only if escaped.
    fn plain(&mut self) -> Result<String, DnError> {
        let mut octets = Vec::new();
        let mut kept = 0;
        while let Some(c) = self.peek() {
            match c {
                ',' | ';' | '+' => break,
                '"' | '<' | '>' => return Err(DnError::Unescaped),
                '\\' => {
                    self.take();
                    self.escaped(&mut octets)?;
                    kept = octets.len();
                }
                c => {
                    self.take();
                    push(&mut octets, c);
                    if !c.is_whitespace() {
                        kept = octets.len();
                    }
                }
            }
        }
        octets.truncate(kept);
        String::from_utf8(octets).map_err(|_| DnError::NotUtf8)
    }

    /// What stands behind `\`: an octet in hexadecimal, or a character itself.
    fn escaped(&mut self, octets: &mut Vec<u8>) -> Result<(), DnError> {
        if let Some(digits) = self.rest.get(..2)
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            octets.push(u8::from_str_radix(digits, 16).map_err(|_| DnError::BadEscape)?);
            self.rest = self.rest.get(2..).unwrap_or_default();
            return Ok(());
        }
        match self.take() {
            Some(c) if !c.is_alphanumeric() => {
                push(octets, c);
                Ok(())
            }
            _ => Err(DnError::BadEscape),
        }
    }
}

fn push(octets: &mut Vec<u8>, c: char) {
    octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The text in the BER of a string of one of the common types, with a short length.
fn text_of_ber(octets: &[u8]) -> Option<String> {
    const STRINGS: [u8; 4] = [0x04, 0x0c, 0x13, 0x16];
    let (&tag, rest) = octets.split_first()?;
    let (&length, content) = rest.split_first()?;
    let content = match length {
        0..=0x7f if usize::from(length) == content.len() => content,
        0x81 => {
            let (&length, content) = content.split_first()?;
            (usize::from(length) == content.len()).then_some(content)?
        }
        _ => return None,
    };
    if !STRINGS.contains(&tag) {
        return None;
    }
    String::from_utf8(content.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_a_server_takes_for_equal_are_equal() {
        for (a, b) in [
            ("CN=Ada,DC=Example", "cn=ada,dc=example"),
            (r"cn=Doe\, Jane,dc=x", r"cn=Doe\2C Jane,dc=x"),
            ("cn=Ada , dc = x", "cn=Ada,dc=x"),
            ("cn=a+uid=b,dc=x", "UID=B+CN=A,dc=x"),
            ("2.5.4.3=Ada,dc=x", "cn=Ada,dc=x"),
            ("OID.2.5.4.3=Ada", "commonName=ada"),
            ("cn=#0403416461,dc=x", "cn=Ada,dc=x"),
            (r"cn=\ Ada\20,dc=x", "cn=ada,dc=x"),
            ("cn=Ada   King", "cn=ada king"),
            (r"cn=L\C3\BCtzow", "cn=lützow"),
            ("cn=\"Doe, Jane\";dc=x", r"cn=doe\, jane,dc=x"),
            ("cn=Groß", "cn=GROSS"),
            (r"cn=a\=b", "cn=a=b"),
            (r"cn=\#1", r"cn=\231"),
        ] {
            assert_eq!(normalised(a), normalised(b), "{a} and {b}");
        }
    }

    #[test]
    fn names_that_differ_stay_different() {
        for (a, b) in [
            (r"cn=a\,dc=x", "cn=a,dc=x"),
            ("cn=a+uid=b", "cn=a,uid=b"),
            ("cn=Ada King", "cn=AdaKing"),
            ("cn=a,dc=x", "cn=a,dc=y"),
            ("cn=#04820001", "cn=x"),
            (r"cn=a\+uid\=b", "cn=a+uid=b"),
        ] {
            assert_ne!(normalised(a), normalised(b), "{a} and {b}");
        }
    }

    #[test]
    fn a_name_has_its_own_part_and_a_parent() {
        let dn = Dn::parse(r"cn=Doe\, Jane+uid=jd,ou=x,dc=y").unwrap();
        let rdn: Vec<_> = dn.rdn().unwrap().attributes().collect();
        assert_eq!(
            rdn,
            [("cn", "Doe, Jane".to_owned()), ("uid", "jd".to_owned())]
        );
        assert_eq!(dn.parent().unwrap().normalised(), "ou=x,dc=y");
        assert_eq!(Dn::parse("").unwrap().parent(), None);
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        for (text, error) in [
            ("ada", DnError::NoEquals),
            ("=x", DnError::BadType),
            ("c n=x", DnError::BadType),
            (r"cn=a\", DnError::BadEscape),
            (r"cn=a\zz", DnError::BadEscape),
            ("cn=\"a", DnError::OpenQuote),
            ("cn=a<b", DnError::Unescaped),
            ("cn=#4", DnError::BadHex),
            ("cn=#04x", DnError::Unescaped),
            (r"cn=\ff", DnError::NotUtf8),
            ("cn=a,", DnError::NoEquals),
        ] {
            assert_eq!(Dn::parse(text), Err(error), "{text}");
        }
    }

    fn escaped(value: &str) -> String {
        value
            .bytes()
            .fold(String::new(), |text, byte| text + &format!("\\{byte:02x}"))
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[a-c=,+;\"\\\\# <0-9é]{0,30}") {
            let _ = Dn::parse(&text);
            let _ = normalised(&text);
        }

        #[test]
        fn the_canonical_form_is_its_own_canonical_form(text in "cn=[a-zA-Z ,+=#\\\\0-9éß]{0,20}") {
            if let Ok(dn) = Dn::parse(&text) {
                let once = dn.normalised();
                prop_assert_eq!(normalised(&once), once);
            }
        }

        #[test]
        fn escaping_every_octet_changes_nothing(value in "[a-zA-Z0-9éß漢][a-zA-Z0-9éß漢 ]{0,15}") {
            prop_assert_eq!(
                normalised(&format!("cn={value},dc=x")),
                normalised(&format!("CN={},DC=X", escaped(&value)))
            );
        }

        #[test]
        fn the_short_way_and_the_long_way_agree(text in "[a-zA-Z]{1,4}=[a-zA-Z0-9 =#.@]{0,8}(,[A-Za-z]{1,3}=[a-z #]{0,5}){0,2}") {
            if let Ok(dn) = Dn::parse(&text) {
                prop_assert_eq!(normalised(&text), dn.normalised());
            }
        }

        #[test]
        fn equal_names_are_never_passed_over(a in "(cn|CN|2\\.5\\.4\\.3)=[aA][bB ]{0,3}", b in "(cn|commonName)=[aA][bB ]{0,3}") {
            if normalised(&a) == normalised(&b) {
                prop_assert!(may_be_same(&a, &b));
            }
        }
    }
}
