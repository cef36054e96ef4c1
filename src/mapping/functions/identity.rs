//! Functions on what identifies people and things: GUIDs, names of entries, telephone
//! numbers, flags.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::text::as_text;
use crate::datum::Datum;

type Outcome<'a> = Result<Datum<'a>, String>;

/// `bit(number, mask)`: whether any of the mask's bits is set.
pub(super) fn bit<'a>(args: &[Datum<'a>]) -> Outcome<'a> {
    let [subject, mask] = args else {
        return Ok(Datum::Null);
    };
    if subject.is_nothing() {
        return Ok(Datum::Null);
    }
    Ok(Datum::Bool(integer(subject)? & integer(mask)? != 0))
}

fn integer(datum: &Datum<'_>) -> Result<i64, String> {
    match datum {
        Datum::Int(number) => Ok(*number),
        Datum::Text(text) => text
            .trim()
            .parse()
            .map_err(|_| "the text is no whole number".to_owned()),
        other => Err(format!("needs a number, not {}", other.kind())),
    }
}

/// `guid(x)`: 16 octets as Active Directory orders them (the first three fields with the
/// least octet first), or the same in base64, as hyphenated text.
pub(super) fn guid<'a>(args: &[Datum<'a>]) -> Outcome<'a> {
    let octets = match args.first() {
        None | Some(Datum::Null) => return Ok(Datum::Null),
        Some(Datum::Bytes(octets)) => octets.to_vec(),
        Some(Datum::Text(text)) => {
            if let Some(written) = hyphenated(text.trim()) {
                return Ok(Datum::text(written));
            }
            BASE64
                .decode(text.trim())
                .ok()
                .filter(|octets| octets.len() == 16)
                .unwrap_or_else(|| text.as_bytes().to_vec())
        }
        Some(other) => return Err(format!("needs 16 octets, not {}", other.kind())),
    };
    let octets: [u8; 16] = octets
        .try_into()
        .map_err(|_| "needs 16 octets".to_owned())?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15_usize];
    let mut text = String::with_capacity(36);
    for (position, from) in order.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let octet = octets.get(from).copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    Ok(Datum::text(text))
}

/// A GUID that is written out already, perhaps in braces.
fn hyphenated(text: &str) -> Option<String> {
    let text = text
        .strip_prefix('{')
        .and_then(|t| t.strip_suffix('}'))
        .unwrap_or(text);
    let fits = text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    fits.then(|| text.to_ascii_lowercase())
}

/// `rdn(dn[, type])`: the value of a DN's first part, or of its first part of that type.
pub(super) fn rdn<'a>(args: &[Datum<'a>]) -> Outcome<'a> {
    let Some(subject) = args.first().filter(|d| !d.is_nothing()) else {
        return Ok(Datum::Null);
    };
    let wanted = args.get(1).map(as_text).transpose()?;
    let dn = as_text(subject)?;
    let mut rest = dn.as_ref();
    loop {
        let end = unescaped(rest, &[',', '+', ';']);
        let (part, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (kind, value) = part
            .split_once('=')
            .ok_or_else(|| "the value is no distinguished name".to_owned())?;
        if wanted
            .as_deref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(kind.trim()))
        {
            return plain(value).map(Datum::text);
        }
        if after.is_empty() {
            return Ok(Datum::Null);
        }
        rest = after.get(1..).unwrap_or_default();
    }
}

/// Where the first of `stops` stands that is neither escaped nor in quotes.
fn unescaped(text: &str, stops: &[char]) -> usize {
    let mut escaped = false;
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && stops.contains(&c) => return at,
            _ => {}
        }
    }
    text.len()
}

/// An attribute value of a DN without its escapes (RFC 4514 §2.4).
fn plain(value: &str) -> Result<String, String> {
    let value = value.trim_start();
    let mut end = value.trim_end().len();
    if value.get(..end).is_some_and(|v| v.ends_with('\\')) && end < value.len() {
        end += 1;
    }
    let value = value.get(..end).unwrap_or(value);
    let value = value
        .strip_prefix('"')
        .and_then(|v| v.strip_suffix('"'))
        .unwrap_or(value);
    let mut octets = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            octets.push(byte);
            continue;
        }
        let Some(next) = bytes.next() else { break };
        match hex_digit(next) {
            None => octets.push(next),
            Some(high) => {
                let low = bytes
                    .next()
                    .and_then(hex_digit)
                    .ok_or_else(|| "the value is no distinguished name".to_owned())?;
                octets.push(high * 16 + low);
            }
        }
    }
    String::from_utf8(octets).map_err(|_| "the name is no UTF-8".to_owned())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// `phone(x[, country])`: without spaces and punctuation, `00` as `+`; with a country
/// (`+41`) a leading 0 becomes it. What holds anything else is left as it is.
pub(super) fn phone(args: Vec<Datum<'_>>) -> Outcome<'_> {
    let mut args = args.into_iter();
    let subject = args.next().unwrap_or(Datum::Null);
    let country = match args.next() {
        None | Some(Datum::Null) => None,
        Some(datum) => Some(as_text(&datum)?.into_owned()),
    };
    super::text::each_of(subject, |text| Ok(number(text, country.as_deref())))
}

fn number<'a>(text: Cow<'a, str>, country: Option<&str>) -> Cow<'a, str> {
    let written = text.trim();
    // "+41 (0)44 …" tells foreigners to leave the 0 out.
    let written = if written.starts_with('+') && written.contains("(0)") {
        Cow::Owned(written.replace("(0)", ""))
    } else {
        Cow::Borrowed(written)
    };
    let is_layout = |c: &char| matches!(c, ' ' | '\u{a0}' | '-' | '.' | '/' | '(' | ')');
    let mut digits = String::with_capacity(written.len());
    digits.extend(written.chars().filter(|c| !is_layout(c)));
    let significant = digits.strip_prefix('+').unwrap_or(&digits);
    if significant.is_empty() || !significant.bytes().all(|b| b.is_ascii_digit()) {
        return super::text::trimmed(text);
    }
    let national = |rest: &str| country.map(|c| format!("{c}{rest}"));
    Cow::Owned(match digits.strip_prefix("00") {
        Some(rest) => format!("+{rest}"),
        None => digits
            .strip_prefix('0')
            .and_then(national)
            .unwrap_or(digits),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_active_directorys_order() {
        let expected = Datum::text("268e31bb-cb88-47f8-b9ce-5093cae4ecbd");
        let base64 = "uzGOJojL+Ee5zlCTyuTsvQ==";
        assert_eq!(guid(&[Datum::text(base64)]), Ok(expected.clone()));
        let octets = BASE64.decode(base64).unwrap();
        assert_eq!(guid(&[Datum::Bytes(octets.into())]), Ok(expected.clone()));
        assert_eq!(
            guid(&[Datum::text("{268E31BB-CB88-47F8-B9CE-5093CAE4ECBD}")]),
            Ok(expected)
        );
        assert!(guid(&[Datum::text("short")]).is_err());
    }

    #[test]
    fn an_rdn_is_unescaped() {
        for (dn, value) in [
            ("cn=Ada,ou=x", "Ada"),
            (r"CN=Lovelace\, Ada , OU=x", "Lovelace, Ada"),
            (r"cn=a\2Cb\C3\A4,dc=x", "a,bä"),
            (r"cn=edge\ ,dc=x", "edge "),
            ("cn=\"a,b\",dc=x", "a,b"),
        ] {
            assert_eq!(rdn(&[Datum::text(dn)]), Ok(Datum::text(value)), "{dn}");
        }
        let dn = Datum::text("cn=Ada,OU=Engineering,ou=People,dc=x");
        assert_eq!(
            rdn(&[dn, Datum::text("ou")]),
            Ok(Datum::text("Engineering"))
        );
        assert!(rdn(&[Datum::text("Ada")]).is_err());
    }

    #[test]
    fn telephone_numbers_lose_their_punctuation() {
        let of = |text: &str, country: Option<&str>| {
            let mut args = vec![Datum::text(text)];
            args.extend(country.map(Datum::text));
            phone(args)
        };
        for (text, country, number) in [
            ("+41 (0)44 123-45.67", None, "+41441234567"),
            ("0041 44 123 45 67", None, "+41441234567"),
            ("044 123 45 67", Some("+41"), "+41441234567"),
            ("044 123 45 67", None, "0441234567"),
            (" ask Bob ", Some("+41"), "ask Bob"),
            ("+41 44 1 ext. 2", None, "+41 44 1 ext. 2"),
        ] {
            assert_eq!(of(text, country), Ok(Datum::text(number)), "{text}");
        }
    }
}
