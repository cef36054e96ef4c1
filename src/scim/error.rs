//! How SCIM says no (RFC 7644 §3.12), and with which challenge (RFC 6750 §3).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::QueryRejection;
use rollcall_directory::refusal::{Refusal, ScimType};
use rollcall_store::StoreError;
use rollcall_store::search::CursorError;
use serde_json::{Value as Json, json};

use super::answer::scim_answer;
use crate::auth::connection::{AdmissionError, Scope, TooMany};
use crate::sync::push::PushError;

/// URN of an error's body.
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// How long a client waits before it tries again when the database is away.
const RETRY_SECONDS: u64 = 5;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScimError {
    /// No bearer token came.
    #[error("a bearer token is needed: make one with `rollcall token create`")]
    NoToken,
    /// The token is unknown, revoked, expired, or another tenant's: which of them is
    /// nobody's business.
    #[error("the bearer token is not valid here")]
    BadToken,
    /// The token does not allow it.
    #[error("the bearer token does not allow this: it needs the scope {0}")]
    Scope(&'static str),
    /// The short path, and several tenants that it could mean.
    #[error("there are several tenants here: use /t/TENANT/scim/v2")]
    WhichTenant,
    /// Nothing at this path.
    #[error("there is nothing at this path: try /Users or /Groups")]
    NoSuchPath,
    /// Another version of the protocol.
    #[error("only version 2 of SCIM is spoken here: use …/scim/v2")]
    Version,
    /// No resource of this id, or none of this tenant.
    #[error("there is no {0} with this id")]
    NoSuchResource(String),
    /// Not for this path.
    #[error("this method is not for this path: see the header Allow")]
    Method,
    /// `/Me`: tokens are programs', not people's.
    #[error("/Me is not offered: a token here belongs to a program and not to a person")]
    Me,
    /// A filter on `/Schemas`, `/ResourceTypes`, `/ServiceProviderConfig` (RFC 7644 §4).
    #[error("filters are not for this path: ask without `filter`, it always answers everything")]
    FilteredDiscovery,
    /// A body of another type.
    #[error("the body must be application/scim+json or application/json, not {0}")]
    Media(String),
    /// A body that is too large.
    #[error("the body is too large: at most {0} bytes are taken")]
    BodyTooLarge(u64),
    /// More requests than the connection may send.
    #[error(
        "too many requests: at most {} a second are answered here; wait as long as Retry-After says",
        .0.per_second
    )]
    TooManyRequests(TooMany),
    /// The token may not be used from the client's address.
    #[error("the bearer token may not be used from this address")]
    Address,
    /// A path of another tenant, or of none.
    #[error("there is nothing at this path for this token")]
    OtherTenant,
    /// Too many operations.
    #[error("there are {found} operations: at most {max} are taken at once")]
    TooManyOperations {
        /// How many came.
        found: usize,
        /// How many are taken.
        max: usize,
    },
    /// The connection broke off within the body.
    #[error("the body could not be read to its end")]
    BodyBroken,
    /// `If-None-Match` (or its like) does not hold.
    #[error("the resource is at version {0}, which the header If-None-Match excludes")]
    Precondition(i64),
    /// A reference of a bulk request to an operation that came to nothing.
    #[error("the operation with the bulkId `{0}` failed, and this one refers to it")]
    BrokenReference(String),
    /// A cursor that is not taken.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// More a page than is given by cursor.
    #[error("count must be at most {0} where pages are turned by cursor")]
    CursorCount(u32),
    /// What the client sent is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A write came to nothing.
    #[error("{}", push_detail(.0))]
    Push(PushError),
    /// It took longer than anybody waits.
    #[error("this took too long: ask for fewer resources at once, or exclude members")]
    TimedOut,
    /// The handler panicked; the panic is in the log.
    #[error("something went wrong here; the server's log has more under this request's id")]
    Panicked,
    /// The store failed; its error is for the log only.
    #[error("the directory cannot be read at the moment; try again later")]
    Store(#[from] StoreError),
}

/// What the store says is for the log only.
fn push_detail(error: &PushError) -> String {
    match error {
        PushError::Store(StoreError::Nul) => {
            "a text contains the character U+0000, which cannot be kept".to_owned()
        }
        PushError::Store(_) => {
            "the directory cannot be written at the moment; try again later".to_owned()
        }
        other => other.to_string(),
    }
}

impl ScimError {
    /// A value that cannot be taken.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(ScimType::InvalidValue, detail))
    }

    /// A body of the wrong structure.
    pub(super) fn syntax(detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(ScimType::InvalidSyntax, detail))
    }

    /// The token may only read.
    pub(super) fn read_only() -> Self {
        Self::Scope(Scope::Write.as_str())
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Scope(_) | Self::Address | Self::FilteredDiscovery => StatusCode::FORBIDDEN,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::OtherTenant | Self::WhichTenant | Self::NoSuchPath | Self::NoSuchResource(_) => {
                StatusCode::NOT_FOUND
            }
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Me => StatusCode::NOT_IMPLEMENTED,
            Self::Media(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge(_) | Self::TooManyOperations { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Precondition(_) => StatusCode::PRECONDITION_FAILED,
            Self::BrokenReference(_) => StatusCode::CONFLICT,
            Self::Version | Self::BodyBroken | Self::Cursor(_) | Self::CursorCount(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Refused(refusal) => numbered(refusal.scim_type.status()),
            Self::Push(error) => numbered(error.status()),
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// RFC 7644 §3.12, table 9; RFC 9865 §2.1.
    fn scim_type(&self) -> Option<&'static str> {
        match self {
            Self::Version => Some("invalidVers"),
            Self::Cursor(error) => Some(error.scim_type()),
            Self::CursorCount(_) => Some("invalidCount"),
            Self::Refused(refusal) => Some(refusal.scim_type.as_str()),
            Self::Push(error) => error.scim_type().map(ScimType::as_str),
            _ => None,
        }
    }

    fn challenge(&self) -> Option<HeaderValue> {
        let challenge = match self {
            Self::NoToken => "Bearer realm=\"rollcall\"",
            Self::BadToken => "Bearer realm=\"rollcall\", error=\"invalid_token\"",
            Self::Scope(_) => "Bearer realm=\"rollcall\", error=\"insufficient_scope\"",
            _ => return None,
        };
        Some(HeaderValue::from_static(challenge))
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Push(error) => error.retry_after().map(|wait| wait.as_secs().max(1)),
            Self::TooManyRequests(TooMany { wait, .. }) => {
                Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
            }
            Self::TimedOut | Self::Store(_) => Some(RETRY_SECONDS),
            _ => None,
        }
    }

    /// Writes to the log what is not for the client.
    pub(super) fn log(&self) {
        match self {
            Self::Store(error) | Self::Push(PushError::Store(error)) => {
                tracing::error!(%error, "the store failed a SCIM request");
            }
            _ => {}
        }
    }

    /// The body of the answer, or of an operation's answer in a bulk request.
    pub(super) fn body(&self) -> Json {
        let mut body = json!({
            "schemas": [ERROR],
            "status": self.status().as_str(),
            "detail": self.to_string(),
        });
        if let (Some(scim_type), Some(body)) = (self.scim_type(), body.as_object_mut()) {
            body.insert("scimType".to_owned(), scim_type.into());
        }
        body
    }
}

fn numbered(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl From<AdmissionError> for ScimError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Unknown => Self::BadToken,
            AdmissionError::Scope(scope) => Self::Scope(scope),
            AdmissionError::Address => Self::Address,
            AdmissionError::OtherTenant => Self::OtherTenant,
            AdmissionError::WhichTenant => Self::WhichTenant,
            AdmissionError::Store(error) => Self::Store(error),
        }
    }
}

impl From<PushError> for ScimError {
    fn from(error: PushError) -> Self {
        match error {
            PushError::NotFound { resource_type } => Self::NoSuchResource(resource_type),
            PushError::Refusal(refusal) => Self::Refused(refusal),
            other => Self::Push(other),
        }
    }
}

impl From<QueryRejection> for ScimError {
    fn from(_: QueryRejection) -> Self {
        Self::value("the query cannot be read: it must be encoded as in a URL, in UTF-8")
    }
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = scim_answer(self.status(), &self.body());
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
