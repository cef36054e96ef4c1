//! One request: what is asked for, and how its place is told.

use reqwest::Url;
use serde_json::Value as Json;

use super::validators::PageValidators;

/// One page to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Where.
    pub(crate) url: Url,
    /// The JSON body of a POST; `None` for GET.
    pub(crate) body: Option<Json>,
    /// In words, for sentences: "<https://hr.example.com/users>, page 7".
    pub(crate) place: String,
    /// Only if it is no longer what these validators are of: else 304 is an answer too.
    pub(crate) unless: Option<PageValidators>,
}

/// Everything but unreserved characters (RFC 3986 §2.3) as `%XX`: a key cannot add to the
/// path or the query.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
