//! How SCIM says no (RFC 7644 §3.12), and with which challenge (RFC 6750 §3).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rollcall_store::StoreError;
use serde_json::json;

use super::answer::scim_answer;

/// URN of an error's body.
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

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
    /// No resource of this id, or none of this tenant.
    #[error("there is no {0} with this id")]
    NoSuchResource(&'static str),
    /// A write.
    #[error("the directory is read-only over SCIM in this version")]
    ReadOnly,
    /// A filter that is not answered yet, or none at all.
    #[error("{0}")]
    Filter(String),
    /// A parameter with an impossible value.
    #[error("{0}")]
    Value(String),
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

impl ScimError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::WhichTenant | Self::NoSuchPath | Self::NoSuchResource(_) => StatusCode::NOT_FOUND,
            Self::ReadOnly => StatusCode::METHOD_NOT_ALLOWED,
            Self::Filter(_) | Self::Value(_) => StatusCode::BAD_REQUEST,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// RFC 7644 §3.12, table 9.
    fn scim_type(&self) -> Option<&'static str> {
        match self {
            Self::Filter(_) => Some("invalidFilter"),
            Self::Value(_) => Some("invalidValue"),
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
}

impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::error!(%error, "the store failed a SCIM request");
        }
        let status = self.status();
        let mut body = json!({
            "schemas": [ERROR],
            "status": status.as_str(),
            "detail": self.to_string(),
        });
        if let (Some(scim_type), Some(body)) = (self.scim_type(), body.as_object_mut()) {
            body.insert("scimType".to_owned(), scim_type.into());
        }
        let mut response = scim_answer(status, &body);
        if let Some(challenge) = self.challenge() {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
