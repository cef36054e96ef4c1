//! The HTTP side of `rollcall serve`: one listener for health, metrics and SCIM, over TLS
//! where a certificate is configured. A request passes [`observe`] (its id, its line in
//! the log, its metrics), the limits that are set here, and then its handler.

mod health;
mod metrics;
mod observe;
mod shutdown;
#[cfg(test)]
mod tests;
mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rollcall_store::Store;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

pub(crate) use self::shutdown::stop_signal;
pub(crate) use self::tls::TlsFiles;
use crate::scim::Scim;
use crate::sync::Clock;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The longest that any request may take. SCIM answers for itself before.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// For the first request of a connection, and for a TLS handshake.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// For the headers of each later request on it, and for the wait between two.
const HEADERS_TIMEOUT: Duration = Duration::from_mins(1);
/// How long requests may go on once the server is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// The port is taken, or not ours to take.
    #[error("cannot listen on {address}: change server.listen, or stop whoever has that port")]
    Listen {
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
}

/// The server, not yet listening.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    store: Store,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl Server {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        Self {
            store,
            clock,
            settings,
        }
    }

    /// Every route, with everything that requests pass.
    pub(crate) fn router(&self) -> Router {
        let scim = Scim::new(
            self.store.clone(),
            Arc::clone(&self.clock),
            &self.settings.public_url,
        );
        Router::new()
            .route("/health/live", get(health::live))
            .route("/health/ready", get(health::ready))
            .route("/metrics", get(metrics::show))
            // Its own, lest it be SCIM's, which asks for a token.
            .fallback(async || StatusCode::NOT_FOUND)
            .with_state(self.store.clone())
            .merge(scim.router())
            .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
            .layer(TimeoutLayer::with_status_code(
                StatusCode::SERVICE_UNAVAILABLE,
                REQUEST_TIMEOUT,
            ))
            .layer(CatchPanicLayer::new())
            .layer(CompressionLayer::new())
            .layer(from_fn_with_state(
                Arc::clone(&self.clock),
                observe::observe,
            ))
    }

    /// Opens the port and reads the certificate, so that mistakes show at once.
    ///
    /// # Errors
    /// The port cannot be opened, or the certificate or key cannot be used.
    pub(crate) fn bind(self) -> Result<Bound, ServerError> {
        let tls = self.settings.tls.as_ref().map(TlsFiles::load).transpose()?;
        let address = self.settings.listen;
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        metrics::recorder();
        Ok(Bound {
            router: self.router(),
            listener,
            address,
            tls,
        })
    }
}

/// The server, its port open.
#[derive(Debug)]
pub(crate) struct Bound {
    router: Router,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<RustlsConfig>,
}

impl Bound {
    /// The address that was opened: with `listen = "…:0"` the port that was free.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then lets requests finish for at most
    /// [`DRAIN_TIMEOUT`].
    ///
    /// # Errors
    /// The listener breaks off.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), ServerError> {
        let handle = Handle::new();
        let stopping = async {
            stop.cancelled().await;
            tracing::info!("stopping: no new requests are taken");
            handle.graceful_shutdown(Some(DRAIN_TIMEOUT));
            std::future::pending::<()>().await;
        };
        let app = self.router.into_make_service();
        let mut server = axum_server::from_tcp(self.listener)
            .map_err(ServerError::Stopped)?
            .handle(handle.clone())
            .first_request_timeout(CONNECTION_TIMEOUT)
            .accept_error_handler(|address, error| {
                tracing::debug!(?address, %error, "a connection was not taken");
            });
        server
            .http_builder()
            .http1()
            .header_read_timeout(HEADERS_TIMEOUT);
        let serving = async {
            match self.tls {
                Some(tls) => {
                    let acceptor = RustlsAcceptor::new(tls).handshake_timeout(CONNECTION_TIMEOUT);
                    server.acceptor(acceptor).serve(app).await
                }
                None => server.serve(app).await,
            }
        };
        tokio::select! {
            ended = serving => ended.map_err(ServerError::Stopped),
            () = stopping => Ok(()),
            () = metrics::keep_small() => Ok(()),
        }
    }
}
