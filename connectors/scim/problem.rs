//! Why a read of a SCIM service broke off, beyond what any service may do
//! ([`crate::web::problem`]). A sentence never holds a body, nor a filter's values.

use rollcall_directory::entry::Kind;

use crate::web::problem::Problem as WebProblem;

/// One cause. The text is the sentence for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// What any service may do.
    #[error(transparent)]
    Web(WebProblem),
    #[error(
        "the key of a SCIM source is the resource's id, but the mapping says key = \"{0}\": write key = \"id\""
    )]
    Key(String),
    #[error(
        "{place} says that it cannot filter, but a filter is set: remove it from the mapping and from the source, and let `active` decide in the mapping"
    )]
    CannotFilter { place: String },
    #[error(
        "{place} refuses the filter (invalidFilter): check filter in the mapping and user_filter or group_filter in the source; many services filter on a few attributes only"
    )]
    FilterRefused { place: String },
    #[error("{place} refuses the size of the page ({said}): lower page_size")]
    PageRefused { place: String, said: &'static str },
    #[error(
        "{place} no longer takes the cursor that it gave ({said}), twice: read at a quieter time, or ask the service's operator how long cursors last"
    )]
    CursorLost { place: String, said: &'static str },
    #[error(
        "{place} is not there (404): the service has no {kind}s at this URL; check url, or remove [{kind}] from the mapping"
    )]
    NoEndpoint { place: String, kind: Kind },
    #[error(
        "{place} is no list of SCIM (RFC 7644 §3.4.2): check that url is the base URL of a SCIM 2.0 service, as in https://example.com/scim/v2"
    )]
    NoList { place: String },
    #[error(
        "{place} answered \"no content\" (204), which is no answer of SCIM to a read: check url, or ask the service's operator"
    )]
    NoContent { place: String },
    #[error(
        "{place} is not there ({status}) although pages before it were: nothing is removed, the next run reads everything again; ask the service's operator if it happens again"
    )]
    PageGone { place: String, status: u16 },
    #[error(
        "{place} repeats an earlier page: the service seems to ignore startIndex, or to repeat itself; raise page_size above the number of its resources, or ask its operator"
    )]
    PageRepeats { place: String },
    #[error(
        "{place} gives a cursor that was used already, so there would be no end: ask the service's operator"
    )]
    CursorRepeats { place: String },
    #[error("{place} is not the last of {max} pages: raise page_size")]
    TooManyPages { place: String, max: u64 },
    #[error(
        "{place} answered with another resource than the one asked for: ask the service's operator"
    )]
    OtherResource { place: String },
}

/// SCIM has words for some refusals; they say more than a status.
impl From<WebProblem> for Problem {
    fn from(problem: WebProblem) -> Self {
        let WebProblem::Status {
            place,
            status,
            said: Some(said),
        } = problem
        else {
            return Self::Web(problem);
        };
        match said {
            "invalidFilter" => Self::FilterRefused { place },
            "tooMany" | "invalidCount" => Self::PageRefused { place, said },
            "invalidCursor" | "expiredCursor" => Self::CursorLost { place, said },
            _ => Self::Web(WebProblem::Status {
                place,
                status,
                said: Some(said),
            }),
        }
    }
}
