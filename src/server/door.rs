//! One port: what is served there, and how connections are kept from staying for ever.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio_util::sync::CancellationToken;

use super::ServerError;

/// For the first request of a connection, and for a TLS handshake.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// For the headers of each later request on it, and for the wait between two.
const HEADERS_TIMEOUT: Duration = Duration::from_mins(1);

/// An open port.
#[derive(Debug)]
pub(super) struct Door {
    /// With the port that was free, where `:0` was asked for.
    pub(super) address: SocketAddr,
    listener: TcpListener,
    router: Router,
    tls: Option<RustlsConfig>,
}

impl Door {
    /// Opens it. `setting` is where the address stands in the configuration.
    pub(super) fn open(
        setting: &'static str,
        address: SocketAddr,
        router: Router,
        tls: Option<RustlsConfig>,
    ) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen {
            setting,
            address,
            source,
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            router,
            tls,
        })
    }

    /// Serves until `stop` is cancelled, then lets requests finish within `grace`.
    pub(super) async fn serve(
        self,
        stop: &CancellationToken,
        grace: Duration,
    ) -> Result<(), ServerError> {
        let handle = Handle::new();
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
        let app = self
            .router
            .into_make_service_with_connect_info::<SocketAddr>();
        let serving = async {
            match self.tls {
                Some(tls) => {
                    let acceptor = RustlsAcceptor::new(tls).handshake_timeout(CONNECTION_TIMEOUT);
                    server.acceptor(acceptor).serve(app).await
                }
                None => server.serve(app).await,
            }
        };
        let stopping = async {
            stop.cancelled().await;
            tracing::info!(address = %self.address, "stopping: no new requests are taken");
            handle.graceful_shutdown(Some(grace));
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = serving => ended.map_err(ServerError::Stopped),
            () = stopping => Ok(()),
        }
    }
}
