//! What administrators and their programs read over HTTP, behind a token of scope
//! [`crate::auth::ADMIN`]: for now the request inspector's log.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_extra::extract::{Query, QueryRejection};
use rollcall_store::{Store, StoreError};
use serde::Deserialize;
use serde_json::json;

use crate::auth::BearerToken;
use crate::auth::connection::{Admission, AdmissionError, as_json};

/// Requests of one answer when the client does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Requests of one answer at most.
const LIMIT_MAX: u32 = 1_000;

#[derive(Debug, Clone)]
struct Admin {
    store: Store,
    admission: Admission,
}

/// Why an administrator got no answer, as problem+json (RFC 9457).
#[derive(Debug, thiserror::Error)]
enum AdminError {
    #[error("a bearer token is needed: make one with `rollcall token create NAME --scope admin`")]
    NoToken,
    #[error("there is no connection of this name in the token's tenant")]
    NoConnection,
    #[error("`after` and `limit` must be whole numbers")]
    Query,
    #[error("{0}")]
    Admission(AdmissionError),
    #[error("the store cannot be read at the moment; try again later")]
    Store(#[from] StoreError),
}

impl From<AdmissionError> for AdminError {
    fn from(error: AdmissionError) -> Self {
        match error {
            AdmissionError::Store(error) => Self::Store(error),
            other => Self::Admission(other),
        }
    }
}

impl AdminError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::Admission(AdmissionError::Unknown) => StatusCode::UNAUTHORIZED,
            Self::NoConnection => StatusCode::NOT_FOUND,
            Self::Query => StatusCode::BAD_REQUEST,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Admission(_) => StatusCode::FORBIDDEN,
        }
    }
}

impl IntoResponse for AdminError {
    fn into_response(self) -> Response {
        if let Self::Store(error) = &self {
            tracing::error!(%error, "the store failed a request of an administrator");
        }
        let status = self.status();
        let body = json!({
            "type": "about:blank",
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"rollcall\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// The routes of administrators.
pub(crate) fn router(store: Store, admission: Admission) -> Router {
    Router::new()
        .route("/t/{tenant}/connections/{name}/log", get(log))
        .with_state(Arc::new(Admin { store, admission }))
}

#[derive(Debug, Default, Deserialize)]
struct Part {
    after: Option<i64>,
    limit: Option<u32>,
}

/// `GET /t/{tenant}/connections/{name}/log`: the last requests, oldest first; with `after`,
/// those whose `seq` is greater. Another tenant is answered as one that does not exist.
async fn log(
    State(admin): State<Arc<Admin>>,
    Path((tenant, name)): Path<(String, String)>,
    headers: HeaderMap,
    query: Result<Query<Part>, QueryRejection>,
) -> Result<Response, AdminError> {
    let token = presented(&headers)?;
    let own = admin.admission.administrator(&token).await?;
    let Query(part) = query.map_err(|_| AdminError::Query)?;
    let known = admin.admission.roster().named(&name).await?;
    let known = known
        .filter(|known| known.tenant.id == own && known.tenant.name == tenant)
        .ok_or(AdminError::NoConnection)?;
    let limit = part.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let requests = admin
        .store
        .logged_requests(known.source.id, part.after, limit)
        .await?;
    let requests: Vec<_> = requests.iter().map(as_json).collect();
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    let body = json!({ "connection": name, "requests": requests });
    Ok((fresh, Json(body)).into_response())
}

fn presented(headers: &HeaderMap) -> Result<BearerToken, AdminError> {
    let credentials = headers.get(header::AUTHORIZATION);
    let (scheme, token) = credentials
        .and_then(|credentials| credentials.to_str().ok()?.split_once(' '))
        .ok_or(AdminError::NoToken)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(AdminError::NoToken);
    }
    BearerToken::parse(token.trim()).ok_or(AdmissionError::Unknown.into())
}
