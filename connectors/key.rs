//! How the value of a key attribute becomes an [`EntryKey`].
//!
//! Directories keep identities in several shapes: `entryUUID` (RFC 4530) is text in any
//! case, Active Directory's `objectGUID` and `objectSid` are octets. A key must be the same
//! text whichever way the entry came, over LDAP or out of an export, so the rule is
//! written once, here.

use std::fmt::Write as _;

use rollcall_directory::entry::{EntryKey, EntryKeyError, Value};
use uuid::Uuid;

/// The key that `values` of `attribute` stand for. An attribute with several values, or
/// whose value is a JSON object, identifies nobody.
pub(crate) fn key_of(values: &[Value], attribute: &str) -> Result<EntryKey, EntryKeyError> {
    let value = match values {
        [] => return Err(EntryKeyError::Empty),
        [value] => value,
        _ => return Err(EntryKeyError::NotSingle),
    };
    let name = attribute.split(';').next().unwrap_or(attribute).trim();
    match value {
        Value::Json(_) => Err(EntryKeyError::NotSingle),
        Value::Bytes(octets) => EntryKey::new(&text_of_octets(octets, name)),
        Value::Text(text) if is_uuid_attribute(name) => EntryKey::new(&text_of_uuid(text, name)),
        Value::Text(text) => EntryKey::new(text),
    }
}

/// Attributes whose text is a UUID, equal in any case.
fn is_uuid_attribute(name: &str) -> bool {
    ["entryUUID", "objectGUID", "ipaUniqueID", "nsUniqueId"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn text_of_uuid(text: &str, name: &str) -> String {
    // Octets that happen to be ASCII are still octets.
    if name.eq_ignore_ascii_case("objectGUID") && text.len() == 16 {
        return text_of_octets(text.as_bytes(), name);
    }
    let text = text.trim();
    let bare = text
        .strip_prefix('{')
        .and_then(|inner| inner.strip_suffix('}'))
        .unwrap_or(text);
    bare.to_ascii_lowercase()
}

fn text_of_octets(octets: &[u8], name: &str) -> String {
    if name.eq_ignore_ascii_case("objectGUID")
        && let Ok(guid) = <[u8; 16]>::try_from(octets)
    {
        return Uuid::from_bytes_le(guid).hyphenated().to_string();
    }
    if name.eq_ignore_ascii_case("objectSid")
        && let Some(sid) = text_of_sid(octets)
    {
        return sid;
    }
    hexadecimal(octets)
}

/// `S-1-5-21-…`: revision, number of sub-authorities, a big-endian authority of 48 bits,
/// then little-endian sub-authorities ([MS-DTYP] 2.4.2).
fn text_of_sid(octets: &[u8]) -> Option<String> {
    let (head, rest) = octets.split_first_chunk::<8>()?;
    let [revision, count, authority @ ..] = head;
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority
        .iter()
        .fold(0_u64, |sum, octet| (sum << 8) | u64::from(*octet));
    let mut text = format!("S-{revision}-{authority}");
    for part in rest.as_chunks::<4>().0 {
        let _ = write!(text, "-{}", u32::from_le_bytes(*part));
    }
    Some(text)
}

fn hexadecimal(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        let _ = write!(text, "{octet:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn key(value: Value, attribute: &str) -> String {
        key_of(&[value], attribute).unwrap().to_string()
    }

    #[test]
    fn object_guid_has_microsofts_octet_order() {
        let octets = STANDARD.decode("uzGOJojL+Ee5zlCTyuTsvQ==").unwrap();
        let guid = "268e31bb-cb88-47f8-b9ce-5093cae4ecbd";
        assert_eq!(key(Value::Bytes(octets), "objectguid"), guid);
        let written = "{268E31BB-CB88-47F8-B9CE-5093CAE4ECBD}";
        assert_eq!(key(Value::from(written), "objectGUID"), guid);
    }

    #[test]
    fn object_guid_of_sixteen_ascii_octets_is_octets_all_the_same() {
        let octets = b"0123456789abcdef";
        assert_eq!(
            key(Value::from("0123456789abcdef"), "objectGUID"),
            key(Value::Bytes(octets.to_vec()), "objectGUID"),
        );
    }

    #[test]
    fn entry_uuid_is_the_same_key_in_any_case() {
        assert_eq!(key(Value::from("AB12-Cd"), "entryUUID"), "ab12-cd");
    }

    #[test]
    fn object_sid_is_written_as_windows_writes_it() {
        let mut sid = vec![1, 5, 0, 0, 0, 0, 0, 5];
        for part in [21_u32, 3_623_811_015, 3_361_044_348, 30_300_820, 1013] {
            sid.extend(part.to_le_bytes());
        }
        assert_eq!(
            key(Value::Bytes(sid), "objectSid"),
            "S-1-5-21-3623811015-3361044348-30300820-1013",
        );
    }

    #[test]
    fn a_sid_that_is_cut_off_is_hexadecimal_like_other_octets() {
        assert_eq!(key(Value::Bytes(vec![1, 5, 0]), "objectSid"), "010500");
        assert_eq!(key(Value::Bytes(vec![0xff, 0]), "other"), "ff00");
    }

    #[test]
    fn other_text_keeps_its_case() {
        assert_eq!(key(Value::from(" Ada "), "uid"), "Ada");
    }

    #[test]
    fn no_value_and_several_values_are_no_key() {
        assert_eq!(key_of(&[], "uid"), Err(EntryKeyError::Empty));
        let two = [Value::from("a"), Value::from("b")];
        assert_eq!(key_of(&two, "uid"), Err(EntryKeyError::NotSingle));
        let object = [Value::Json("{}".into())];
        assert_eq!(key_of(&object, "uid"), Err(EntryKeyError::NotSingle));
    }
}
