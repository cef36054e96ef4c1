//! The URLs of a service, below its base URL.

use reqwest::Url;
use rollcall_directory::entry::{EntryKey, Kind};

use crate::web::ask::Ask;
use crate::web::problem::shown;

/// The URL of `segments` below the base, which may end with a slash or not. A query of the
/// base stays.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// `Users` or `Groups`: no others are read.
pub(crate) fn endpoint(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "Users",
        Kind::Group => "Groups",
        Kind::Custom(word) => word.as_str(),
    }
}

/// The request for one resource; `None` for an id that no URL can carry (`.` and `..` are
/// steps in a path).
pub(crate) fn one(base: &Url, kind: Kind, id: &EntryKey) -> Option<Ask> {
    if matches!(id.as_str(), "." | "..") {
        return None;
    }
    let url = below(base, &[endpoint(kind), id.as_str()]);
    Some(Ask {
        place: shown(&url),
        url,
        body: None,
        unless: None,
    })
}
