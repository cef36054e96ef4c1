//! Why a read of an HTTP source broke off, beyond what any service may do
//! ([`crate::web::problem`]): pages that do not follow each other as they should.

use crate::web;

/// One cause. The text is the sentence for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// What any service may do.
    #[error(transparent)]
    Web(#[from] web::problem::Problem),
    #[error(
        "the mapping has a filter, but an HTTP source cannot filter: remove it from the mapping and narrow the URL instead"
    )]
    Filter,
    #[error("the mapping reads {0}s, but the source has no {0}s URL: set `{0}s = {{ url = … }}`")]
    NoEndpoint(rollcall_directory::entry::Kind),
    #[error(
        "{place} answered \"no content\" (204), which does not prove an end with this kind of paging: check `paging`"
    )]
    NoContent { place: String },
    #[error("{place} has no array of items{}: check `items`", at(.path))]
    NoItems { place: String, path: String },
    #[error("{place} has something at `{path}` that is no URL or cursor: check `paging`")]
    BadNext { place: String, path: String },
    #[error(
        "{place} repeats an earlier page: the service seems to ignore the page parameter; check `paging`"
    )]
    PageRepeats { place: String },
    #[error(
        "{place} names a next page that was read already, so there would be no end: check `paging`, or ask the service's operator"
    )]
    NextRepeats { place: String },
    #[error(
        "{place} names a next page on another scheme, host or port ({to}), which is not followed: ask the service's operator"
    )]
    NextElsewhere { place: String, to: String },
    #[error("{place} is not the last of {max} pages: ask for larger pages")]
    TooManyPages { place: String, max: u64 },
    #[error("{place} answered with another record than the one asked for: check item_url")]
    OtherRecord { place: String },
}

fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" at `{path}`")
    }
}
