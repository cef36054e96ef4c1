//! The HTTP side of `rollcall serve`: one listener for health, metrics and SCIM, over TLS
//! where a certificate is configured. A request passes [`observe`] (its id, its line in
//! the log, its metrics), the limits that are set here, and then its handler.

mod door;
mod health;
mod metrics;
mod observe;
mod shutdown;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_request};
use axum::routing::{MethodRouter, get};
use rollcall_store::Store;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use self::door::Door;
pub(crate) use self::shutdown::stop_signal;
pub(crate) use self::tls::TlsFiles;
use crate::admin;
use crate::auth::connection::Admission;
use crate::config::{self, Config};
use crate::scim::{self, Inspector, Recorder, Scim};
use crate::sync::Clock;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The longest that any request may take. SCIM answers for itself before.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How long the last requests may take to be written after a stop.
const RECORDER_GRACE: Duration = Duration::from_secs(5);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}: change {setting}, or stop whoever has that port")]
    Listen {
        /// Which setting says so.
        setting: &'static str,
        /// As configured.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The listener broke off.
    #[error("the server stopped")]
    Stopped(#[source] io::Error),
}

/// What the configuration says about the server.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where clients find it.
    pub(crate) public_url: String,
    /// Certificate and key; `None`: plain HTTP.
    pub(crate) tls: Option<TlsFiles>,
    /// A second listener, for the metrics alone, in plain HTTP. `None`: they stand beside
    /// everything else.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How long requests may go on once the server is told to stop.
    pub(crate) shutdown_grace: Duration,
}

impl From<&config::Server> for Settings {
    fn from(server: &config::Server) -> Self {
        Self {
            listen: server.listen,
            public_url: server.public_url.clone(),
            tls: server.tls.as_ref().map(|tls| TlsFiles {
                certificate: tls.certificate.clone(),
                key: tls.key.clone(),
            }),
            metrics_listen: server.metrics_listen,
            shutdown_grace: server.shutdown_grace,
        }
    }
}

/// The server, not yet listening.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    store: Store,
    clock: Arc<dyn Clock>,
    admission: Admission,
    settings: Settings,
}

impl Server {
    /// `config` says which sources and connections there are.
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        config: Arc<Config>,
        settings: Settings,
    ) -> Self {
        Self {
            admission: Admission::new(store.clone(), Arc::clone(&clock), config),
            store,
            clock,
            settings,
        }
    }

    /// Every route, with everything that requests pass.
    fn router(&self, inspector: Inspector) -> Router {
        let scim = Scim::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            &self.settings.public_url,
            self.admission.clone(),
            inspector,
        );
        let mut router = Router::new()
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready));
        if self.settings.metrics_listen.is_none() {
            router = router.route("/metrics", self.metrics_route());
        }
        let router = router
            // Its own, lest it be SCIM's, which asks for a token.
            .fallback(async || StatusCode::NOT_FOUND)
            .with_state(self.store.clone())
            .merge(admin::router(self.store.clone(), self.admission.clone()))
            .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
            // SCIM has limits of its own, and says so in its own words.
            .merge(scim.router())
            .layer(TimeoutLayer::with_status_code(
                StatusCode::SERVICE_UNAVAILABLE,
                REQUEST_TIMEOUT,
            ))
            .layer(CatchPanicLayer::new())
            .layer(CompressionLayer::new())
            .layer(from_fn_with_state(
                Arc::clone(&self.clock),
                observe::observe,
            ));
        // What is layered around a router comes after it has found the route; so what
        // changes the path stands around a router of its own.
        Router::new()
            .fallback_service(router)
            .layer(map_request(scim::tidy))
    }

    fn metrics_route(&self) -> MethodRouter<Store> {
        let clock = Arc::clone(&self.clock);
        let roster = self.admission.roster();
        get(move |store| metrics::show(store, Arc::clone(&clock), roster.clone()))
    }

    /// The routes of the listener for metrics.
    fn metrics_router(&self) -> Router {
        Router::new()
            .route("/metrics", self.metrics_route())
            .with_state(self.store.clone())
            .layer(CatchPanicLayer::new())
            .layer(CompressionLayer::new())
    }

    /// Opens the ports and reads the certificate, so that mistakes show at once.
    ///
    /// # Errors
    /// A port cannot be opened, or the certificate or key cannot be used.
    pub(crate) fn bind(self) -> Result<Bound, ServerError> {
        let tls = self.settings.tls.as_ref().map(TlsFiles::load).transpose()?;
        let (inspector, recorder) = Inspector::new(self.store.clone());
        let mut doors = vec![Door::open(
            "server.listen",
            self.settings.listen,
            self.router(inspector),
            tls,
        )?];
        if let Some(address) = self.settings.metrics_listen {
            let router = self.metrics_router();
            doors.push(Door::open("server.metrics_listen", address, router, None)?);
        }
        metrics::recorder();
        Ok(Bound {
            doors,
            recorder,
            shutdown_grace: self.settings.shutdown_grace,
        })
    }
}

/// The server, its ports open.
#[derive(Debug)]
pub(crate) struct Bound {
    doors: Vec<Door>,
    recorder: Recorder,
    shutdown_grace: Duration,
}

impl Bound {
    /// The addresses that were opened, with the ports that were free where the
    /// configuration says `:0`: the main one, then that of the metrics if they have one.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(|door| door.address).collect()
    }

    /// Serves until `stop` is cancelled, then lets requests finish within the grace time.
    ///
    /// # Errors
    /// A listener breaks off.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recorder is waited for at the end"
    )]
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), ServerError> {
        let grace = self.shutdown_grace;
        let recording = tokio::spawn(self.recorder.run());
        let doors = self.doors.into_iter().map(|door| door.serve(&stop, grace));
        let ended = tokio::select! {
            ended = futures::future::try_join_all(doors) => ended.map(|_| ()),
            () = metrics::keep_small() => Ok(()),
        };
        // The last requests are written when everybody who could tell of one is gone.
        let _ = tokio::time::timeout(RECORDER_GRACE, recording).await;
        ended
    }
}
