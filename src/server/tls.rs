//! The server's certificate and key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// No PEM file, or none that can be read.
    #[error("{} cannot be used as {what}: it must be a PEM file that Rollcall may read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Certificate or key.
        what: &'static str,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A file without a certificate in it.
    #[error("{} holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    /// They do not belong together, or are of a kind that is not supported.
    #[error("server.tls: certificate and key cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// `[server.tls]`: two PEM files, the certificate's with its chain.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    /// The certificate, then those that signed it.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl TlsFiles {
    /// Reads both. TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// A file cannot be read, or the two do not belong together.
    pub(crate) fn load(&self) -> Result<RustlsConfig, TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|source| TlsError::File {
            path: self.key.clone(),
            what: "the private key",
            source,
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(RustlsConfig::from_config(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::File {
        path: path.to_owned(),
        what: "the certificate",
        source,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(failed)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}
