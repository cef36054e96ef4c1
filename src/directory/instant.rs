//! Instants as SCIM writes them (RFC 7643 §2.3.5: `xsd:dateTime`, in practice RFC 3339).

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Reads an instant. Without a zone it is taken as UTC.
#[must_use]
pub fn instant(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}Z"), &Rfc3339))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_has_many_spellings() {
        let noon = instant("2026-03-01T12:00:00Z").unwrap();
        for text in [
            "2026-03-01T12:00:00.000Z",
            "2026-03-01T13:00:00+01:00",
            "2026-03-01T12:00:00",
        ] {
            assert_eq!(instant(text), Some(noon), "{text}");
        }
        for text in ["", "2026-03-01", "yesterday", "2026-13-01T12:00:00Z"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
