//! The directory over SCIM 2.0 (RFC 7643, RFC 7644), to be looked at: `/Users` and
//! `/Groups`, listed and by id, behind a bearer token. A tenant stands at
//! `/t/TENANT/scim/v2`, and at `/scim/v2` while it is the only one. Writing comes later.
//!
//! A request passes [`access`] (whose token is it, which tenant does it read), then [`one`]
//! or [`list`], which read [`parameters`] and show each resource as [`resource`] says.

mod access;
mod answer;
mod error;
mod excluded;
mod list;
mod mentions;
mod one;
mod parameters;
mod resource;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use rollcall_store::Store;
use tower_http::catch_panic::CatchPanicLayer;

use self::error::ScimError;
use crate::sync::Clock;

/// The longest that a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Where SCIM stands: for the only tenant, and for each.
const PLACES: [&str; 2] = ["/scim/v2", "/t/{tenant}/scim/v2"];

/// What SCIM requests need.
#[derive(Debug, Clone)]
pub(crate) struct Scim {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Without a slash at its end.
    public_url: Arc<str>,
}

impl Scim {
    /// `public_url` is where clients find this server.
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, public_url: &str) -> Self {
        Self {
            store,
            clock,
            public_url: public_url.trim_end_matches('/').into(),
        }
    }

    /// Both places where SCIM stands. Whoever has no token learns nothing, not even which
    /// paths there are.
    pub(crate) fn router(self) -> Router {
        PLACES
            .iter()
            .fold(Router::new(), |router, place| routes(router, place))
            .method_not_allowed_fallback(async || ScimError::ReadOnly)
            .layer(from_fn_with_state(self.clone(), access::admit))
            .layer(from_fn(in_time))
            .layer(CatchPanicLayer::custom(|_| {
                ScimError::Panicked.into_response()
            }))
            .with_state(self)
    }
}

/// The routes of one place. Every other path below it is a mistake that SCIM answers.
fn routes(router: Router<Scim>, place: &str) -> Router<Scim> {
    let nothing = || any(async || ScimError::NoSuchPath);
    router
        .route(&format!("{place}/Users"), get(list::users))
        .route(&format!("{place}/Users/{{id}}"), get(one::user))
        .route(&format!("{place}/Groups"), get(list::groups))
        .route(&format!("{place}/Groups/{{id}}"), get(one::group))
        .route(place, nothing())
        .route(&format!("{place}/"), nothing())
        .route(&format!("{place}/{{*rest}}"), nothing())
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    answer.unwrap_or_else(|_| ScimError::TimedOut.into_response())
}
