//! Distinguished names (RFC 4514).

/// The form that two equal names share.
#[must_use]
pub fn normalised(text: &str) -> String {
    text.trim().to_lowercase()
}
