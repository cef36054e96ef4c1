//! Keys as text and back: `objectGUID` in Microsoft's hyphenated form (its first three
//! fields are little-endian), `objectSid` as `S-1-…`, other octets in hexadecimal.

use std::fmt::Write as _;

use super::names::KeyKind;

/// A SID has at most this many sub-authorities ([MS-DTYP] 2.4.2.2).
const SID_PARTS_MAX: usize = 15;

/// The text of a key's octets; `None` when they are no UTF-8 although they should be.
pub(super) fn to_text(kind: KeyKind, octets: &[u8]) -> Option<String> {
    Some(match kind {
        KeyKind::Text => std::str::from_utf8(octets).ok()?.trim().to_owned(),
        KeyKind::Uuid => std::str::from_utf8(octets).ok()?.trim().to_lowercase(),
        KeyKind::Guid => guid_text(octets).unwrap_or_else(|| hexadecimal(octets)),
        KeyKind::Sid => sid_text(octets).unwrap_or_else(|| hexadecimal(octets)),
        KeyKind::Octets => hexadecimal(octets),
    })
}

/// The octets that a server compares, from a key's text; `None`: no key of that kind.
pub(super) fn to_octets(kind: KeyKind, text: &str) -> Option<Vec<u8>> {
    match kind {
        KeyKind::Text | KeyKind::Uuid => Some(text.as_bytes().to_vec()),
        KeyKind::Guid => guid_octets(text).or_else(|| octets(text)),
        KeyKind::Sid => sid_octets(text).or_else(|| octets(text)),
        KeyKind::Octets => octets(text),
    }
}

fn guid_text(octets: &[u8]) -> Option<String> {
    let guid: [u8; 16] = octets.try_into().ok()?;
    Some(uuid::Uuid::from_bytes_le(guid).hyphenated().to_string())
}

fn guid_octets(text: &str) -> Option<Vec<u8>> {
    let guid = uuid::Uuid::try_parse(text).ok()?;
    text.contains('-').then(|| guid.to_bytes_le().to_vec())
}

fn sid_text(octets: &[u8]) -> Option<String> {
    let (head, parts) = octets.split_at_checked(8)?;
    let [revision, count, authority @ ..] = head else {
        return None;
    };
    if parts.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts.chunks_exact(4) {
        let number = u32::from_le_bytes(part.try_into().ok()?);
        // Writing to a String cannot fail.
        let _ = write!(text, "-{number}");
    }
    Some(text)
}

fn sid_octets(text: &str) -> Option<Vec<u8>> {
    let mut numbers = text.strip_prefix("S-")?.split('-');
    let revision: u8 = numbers.next()?.parse().ok()?;
    let authority: u64 = numbers.next()?.parse().ok()?;
    let parts: Vec<u32> = numbers
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    if parts.len() > SID_PARTS_MAX {
        return None;
    }
    let mut octets = vec![revision, u8::try_from(parts.len()).ok()?];
    octets.extend(authority.to_be_bytes().get(2..)?);
    for part in parts {
        octets.extend(part.to_le_bytes());
    }
    Some(octets)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    #[test]
    fn object_guid_has_microsofts_form() {
        let octets = base64::engine::general_purpose::STANDARD
            .decode("uzGOJojL+Ee5zlCTyuTsvQ==")
            .unwrap();
        let text = to_text(KeyKind::Guid, &octets).unwrap();
        assert_eq!(text, "268e31bb-cb88-47f8-b9ce-5093cae4ecbd");
        assert_eq!(to_octets(KeyKind::Guid, &text).unwrap(), octets);
    }

    #[test]
    fn a_sid_has_its_usual_form() {
        let octets = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
        assert_eq!(to_text(KeyKind::Sid, &octets).unwrap(), "S-1-5-32-544");
        assert_eq!(to_octets(KeyKind::Sid, "S-1-5-32-544").unwrap(), octets);
    }

    #[test]
    fn an_entry_uuid_is_compared_without_case_and_octets_are_hexadecimal() {
        assert_eq!(to_text(KeyKind::Uuid, b"ABCD-ef").unwrap(), "abcd-ef");
        assert_eq!(to_text(KeyKind::Octets, &[0, 255]).unwrap(), "00ff");
        assert_eq!(to_octets(KeyKind::Octets, "00ff").unwrap(), [0, 255]);
        assert_eq!(to_text(KeyKind::Text, &[0xff]), None);
    }
}
