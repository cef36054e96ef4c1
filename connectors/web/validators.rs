//! The validators of an answer (RFC 9110 §8.8), by which it can be asked for "if it has
//! changed since".

use reqwest::header::{DATE, ETAG, HeaderMap, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use time::Duration;

use super::retry::date;

/// The longest entity tag that is kept, in bytes.
const TAG_BYTES_MAX: usize = 512;
/// A `Last-Modified` younger than this when it came is no validator: the page may change
/// once more within the same second, or the service's clocks may differ (RFC 9110
/// §8.8.2.2, and the minute of RFC 7232).
const SETTLED_AFTER: Duration = Duration::MINUTE;

/// The validators of one page; at least one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageValidators {
    /// For `If-None-Match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    /// For `If-Modified-Since`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_modified: Option<String>,
}

impl PageValidators {
    /// Those of an answer; `None` if it has none that can be relied on.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let etag = text_of(headers, &ETAG).filter(|tag| is_tag(tag));
        let last_modified = text_of(headers, &LAST_MODIFIED).filter(|_| is_settled(headers));
        (etag.is_some() || last_modified.is_some()).then_some(Self {
            etag,
            last_modified,
        })
    }

    /// Whether both are of the same state of a page.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        match (&self.etag, &other.etag) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self.last_modified == other.last_modified,
            _ => false,
        }
    }
}

fn text_of(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    Some(text.to_owned())
}

/// RFC 9110 §8.8.3.
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
    quoted && text.len() <= TAG_BYTES_MAX
}

fn is_settled(headers: &HeaderMap) -> bool {
    let modified = headers.get(LAST_MODIFIED).and_then(date);
    let answered = headers.get(DATE).and_then(date);
    matches!((modified, answered), (Some(modified), Some(answered))
        if answered - modified >= SETTLED_AFTER)
}
