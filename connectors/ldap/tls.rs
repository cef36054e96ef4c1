//! TLS for LDAP: whom to trust, and what a certificate or a failed handshake says in words.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::ber::{Malformed, Reader, tag};

/// Trusts the authorities in `ca_file`, else the system's. The sentence says what is wrong
/// with the file.
pub(super) fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        trust_file(&mut roots, path)?;
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system has no certificate authorities: install them \
                    (Debian: ca-certificates) or set ca_file"
                .to_owned());
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn trust_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let shown = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("ca_file {shown} cannot be read: {error}"))?;
    for certificate in certificates {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()))
            .map_err(|error| {
                format!("ca_file {shown} holds something that is no certificate: {error}")
            })?;
    }
    if roots.is_empty() {
        return Err(format!(
            "ca_file {shown} holds no certificate: it must be PEM, with -----BEGIN CERTIFICATE-----"
        ));
    }
    Ok(())
}

/// Why a handshake failed, and what to do.
pub(super) fn handshake_failed(error: &io::Error, host: &str) -> String {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let reason = match cause {
        Some(rustls::Error::InvalidCertificate(reason)) => certificate_refused(reason, host),
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS on this port: ldaps:// is usually port 636, StartTLS \
             (start_tls = true with an ldap:// URL) port 389"
                .to_owned()
        }
        Some(other) => format!("{other}"),
        None => {
            format!("{error}: the server may not speak TLS on this port, or have no certificate")
        }
    };
    format!("TLS with {host} failed: {reason}")
}

fn certificate_refused(reason: &CertificateError, host: &str) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired: renew it on the server".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: check both clocks".to_owned()
        }
        CertificateError::NotValidForName => {
            format!(
                "the server's certificate is not for {host}: write in urls the name that it is for"
            )
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the server's certificate is not for {host} but for {}: write in urls a name that it is for",
            presented.join(", ")
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate comes from an authority that is not trusted: set ca_file to \
             that authority's certificate"
                .to_owned()
        }
        other => format!("the server's certificate was refused ({other})"),
    }
}

/// `certificate for CN=dc1.example.com, valid until 2027-03-01`.
pub(super) fn describe_certificate(der: &[u8]) -> String {
    match subject_and_expiry(der) {
        Ok((subject, until)) => format!("certificate for {subject}, valid until {until}"),
        Err(Malformed) => "a certificate that was accepted".to_owned(),
    }
}

/// Reads RFC 5280 §4.1 as far as the subject.
fn subject_and_expiry(der: &[u8]) -> Result<(String, String), Malformed> {
    let mut signed = Reader::new(der)
        .inside(tag::SEQUENCE)?
        .inside(tag::SEQUENCE)?;
    signed.optional(0xa0)?; // version
    signed.expect(tag::INTEGER)?; // serial number
    signed.expect(tag::SEQUENCE)?; // signature algorithm
    signed.expect(tag::SEQUENCE)?; // issuer
    let mut validity = signed.inside(tag::SEQUENCE)?;
    validity.any()?; // not before
    let (kind, not_after) = validity.any()?;
    let mut names = signed.inside(tag::SEQUENCE)?;
    let mut subject = Vec::new();
    while !names.is_empty() {
        let mut relative = names.inside(tag::SET)?;
        while !relative.is_empty() {
            let mut part = relative.inside(tag::SEQUENCE)?;
            let attribute = part.expect(0x06)?;
            let (_, value) = part.any()?;
            let name = match attribute {
                [0x55, 0x04, 0x03] => "CN",
                [0x55, 0x04, 0x0a] => "O",
                [0x55, 0x04, 0x0b] => "OU",
                _ => continue,
            };
            subject.push(format!("{name}={}", String::from_utf8_lossy(value)));
        }
    }
    if subject.is_empty() {
        subject.push("its alternative names".to_owned());
    }
    Ok((subject.join(", "), date(kind, not_after)?))
}

/// The day of a `UTCTime` or `GeneralizedTime`.
fn date(kind: u8, text: &[u8]) -> Result<String, Malformed> {
    let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
    let whole = match (kind, text.get(..2)) {
        // RFC 5280 §4.1.2.5.1: 50 to 99 are of the last century.
        (0x17, Some(year)) if year >= "50" => format!("19{text}"),
        (0x17, Some(_)) => format!("20{text}"),
        _ => text.to_owned(),
    };
    match (whole.get(..4), whole.get(4..6), whole.get(6..8)) {
        (Some(year), Some(month), Some(day)) => Ok(format!("{year}-{month}-{day}")),
        _ => Err(Malformed),
    }
}
