//! SCIM 2.0 for whoever calls us (RFC 7643, 7644, 9865): identity providers push people and
//! groups into a tenant, programs read them.
//!
//! A request is admitted ([`access`]): whose token is it, which tenant, what may it do. It
//! is looked at by the inspector ([`inspect`]), and held to the connection's [`limits`]. Then
//! its endpoint answers, one file each. What a connection sends is put right by its profile
//! before the RFC's rules see it; what was odd about it is collected in the request's
//! [`report::Report`]. Every answer below the base URL is SCIM's JSON, whatever went wrong.

mod access;
mod answer;
mod body;
mod bulk;
mod conditions;
mod create;
mod delete;
mod discovery;
mod error;
mod everything;
mod inspect;
mod limits;
mod list;
mod me;
mod one;
mod parameters;
mod patch;
mod redact;
mod replace;
mod report;
mod search;
mod show;
mod target;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::uri::{PathAndQuery, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use rollcall_store::Store;
use rollcall_store::search::Cursors;
use tokio::sync::OnceCell;
use tower_http::catch_panic::CatchPanicLayer;

use self::access::Access;
use self::error::ScimError;
pub(crate) use self::inspect::{Inspector, Recorder};
use self::redact::SecretsByTenant;
use self::target::Target;
use crate::auth::connection::Admission;
use crate::sync::Clock;
use crate::sync::push::PushEngine;

/// The longest that a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Where SCIM stands: for the only tenant, and for each.
const PLACES: [&str; 2] = ["/scim", "/t/{tenant}/scim"];
/// The version of the protocol, as it stands in the path (RFC 7644 §3.13).
const VERSION: &str = "v2";
/// Endpoints of resource types. The built-in ones are written out, for the metrics.
const ENDPOINTS: [&str; 3] = ["Users", "Groups", "{type}"];

/// What SCIM requests need.
#[derive(Debug, Clone)]
pub(crate) struct Scim {
    store: Store,
    clock: Arc<dyn Clock>,
    /// Without a slash at its end.
    public_url: Arc<str>,
    push: Arc<PushEngine>,
    /// What the inspector does not keep.
    secrets: SecretsByTenant,
    admission: Admission,
    inspector: Inspector,
    cursors: Arc<OnceCell<Cursors>>,
}

impl Scim {
    /// `public_url` is where clients find this server.
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        public_url: &str,
        admission: Admission,
        inspector: Inspector,
    ) -> Self {
        Self {
            push: PushEngine::over(store.clone(), Arc::clone(&clock)),
            secrets: SecretsByTenant::default(),
            store,
            clock,
            public_url: public_url.trim_end_matches('/').into(),
            admission,
            inspector,
            cursors: Arc::default(),
        }
    }

    /// Both places where SCIM stands. Whoever has no token learns nothing but what the
    /// service can do, not even which paths there are.
    pub(crate) fn router(self) -> Router {
        let admitted = PLACES
            .iter()
            .fold(Router::new(), |router, place| routes(router, place))
            .method_not_allowed_fallback(not_allowed)
            .layer(from_fn_with_state(self.clone(), limits::limit))
            .layer(from_fn_with_state(self.clone(), inspect::inspect))
            .layer(from_fn_with_state(self.clone(), access::admit));
        PLACES
            .iter()
            .fold(admitted, |router, place| {
                let path = format!("{place}/{VERSION}/ServiceProviderConfig");
                router.route(&path, discovery::config::routes())
            })
            // Each connection has a limit of its own: see `limits`.
            .layer(DefaultBodyLimit::disable())
            .layer(from_fn(in_time))
            .layer(CatchPanicLayer::custom(|_| {
                ScimError::Panicked.into_response()
            }))
            .with_state(self)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the key of a store's cursors is made once, of the system's randomness"
    )]
    async fn cursors(&self) -> Result<&Cursors, ScimError> {
        let made = self.cursors.get_or_try_init(async || {
            let fresh = rand::Rng::random(&mut rand::rng());
            self.store.cursors(fresh).await
        });
        Ok(made.await?)
    }
}

/// The routes of one place. Every other path below it is a mistake that SCIM answers.
fn routes(router: Router<Scim>, place: &str) -> Router<Scim> {
    let nothing = || any(async || ScimError::NoSuchPath);
    let base = format!("{place}/{VERSION}");
    let router = ENDPOINTS.iter().fold(router, |router, endpoint| {
        let type_ = format!("{base}/{endpoint}");
        router
            .route(&type_, get(list::handler).post(create::handler))
            .route(&format!("{type_}/.search"), post(search::handler))
            .route(
                &format!("{type_}/{{id}}"),
                get(one::handler)
                    .put(replace::handler)
                    .patch(patch::handler)
                    .delete(delete::handler),
            )
            .route(&format!("{type_}/{{id}}/{{*rest}}"), nothing())
    });
    router
        .route(&base, get(everything::handler))
        .route(&format!("{base}/.search"), post(search::everywhere))
        .route(&format!("{base}/Bulk"), post(bulk::handler))
        .route(&format!("{base}/Me"), any(me::handler))
        .route(&format!("{base}/Schemas"), get(discovery::schemas::handler))
        .route(
            &format!("{base}/Schemas/{{id}}"),
            get(discovery::schemas::one),
        )
        .route(
            &format!("{base}/ResourceTypes"),
            get(discovery::resource_types::handler),
        )
        .route(
            &format!("{base}/ResourceTypes/{{id}}"),
            get(discovery::resource_types::one),
        )
        .route(&format!("{place}/{{version}}"), other_version())
        .route(&format!("{place}/{{version}}/{{*rest}}"), other_version())
}

fn other_version() -> axum::routing::MethodRouter<Scim> {
    any(async || ScimError::Version)
}

/// A method that is not for this path; or a path that is nothing.
async fn not_allowed(Extension(access): Extension<Access>, uri: Uri) -> ScimError {
    let mut segments = target::segments(uri.path());
    let first = segments.next().unwrap_or_default();
    if discovery::is_reserved(&first) || Target::resource_type(&access, &first).is_some() {
        ScimError::Method
    } else {
        ScimError::NoSuchPath
    }
}

async fn in_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await;
    answer.unwrap_or_else(|_| ScimError::TimedOut.into_response())
}

/// Slashes twice and at the end of a SCIM path mean nothing: many a client puts a path
/// with a slash behind a base URL with one. To be done before a request finds its route.
pub(crate) async fn tidy(mut request: Request) -> Request {
    let path = request.uri().path();
    if path.contains("/scim/") && (path.ends_with('/') || path.contains("//")) {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let mut tidy = format!("/{}", segments.join("/"));
        if let Some(query) = request.uri().query() {
            tidy.push('?');
            tidy.push_str(query);
        }
        if let Ok(tidy) = tidy.parse::<PathAndQuery>() {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(tidy);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}
