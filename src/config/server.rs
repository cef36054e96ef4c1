//! `[server]`: where it listens, and what it says of itself.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::section::Section;

const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8480);
const SHUTDOWN_GRACE_DEFAULT: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where clients find it; without a slash at the end.
    pub(crate) public_url: String,
    /// Certificate and key; `None`: plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// Whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The log.
    pub(crate) log: Log,
    /// A second listener for metrics alone.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// How long requests may go on once the server is told to stop.
    pub(crate) shutdown_grace: Duration,
}

/// `[server.tls]`: two PEM files.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// The certificate, then those that signed it.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// `[server.log]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log {
    /// How lines look.
    pub(crate) format: LogFormat,
    /// What is written.
    pub(crate) level: tracing::Level,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

impl Server {
    pub(super) fn read(section: Section<'_>) -> Self {
        let listen = section.parsed("listen", address).unwrap_or(LISTEN_DEFAULT);
        let tls = section.section_if("tls").map(read_tls);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Self {
            listen,
            public_url: section
                .parsed("public_url", public_url)
                .unwrap_or_else(|| format!("{scheme}://{listen}")),
            tls,
            trusted_proxies: proxies(&section),
            log: read_log(section.section("log")),
            metrics_listen: section.parsed("metrics_listen", address),
            shutdown_grace: section.duration("shutdown_grace", SHUTDOWN_GRACE_DEFAULT),
        };
        section.finish();
        server
    }
}

fn read_tls(section: Section<'_>) -> Tls {
    section.required("certificate");
    section.required("key");
    let tls = Tls {
        certificate: section.path("certificate").unwrap_or_default(),
        key: section.path("key").unwrap_or_default(),
    };
    section.finish();
    tls
}

fn read_log(section: Section<'_>) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let levels = [
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
    let log = Log {
        format: section.word("format", &formats).unwrap_or(LogFormat::Text),
        level: section
            .word("level", &levels)
            .unwrap_or(tracing::Level::INFO),
    };
    section.finish();
    log
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is no address with a port; write one like \"127.0.0.1:8480\" or \"[::]:8480\""
        )
    })
}

fn public_url(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("write a URL that starts with https:// or http://".to_owned())
    }
}

fn proxies(section: &Section<'_>) -> Vec<IpNet> {
    let mut all = Vec::new();
    for text in section.texts("trusted_proxies").unwrap_or_default() {
        match network(&text) {
            Some(network) => all.push(network),
            None => section.error_at(
                "trusted_proxies",
                format!("{text:?} is no address or network"),
                Some("write one like \"10.0.0.0/8\"".to_owned()),
            ),
        }
    }
    all
}

/// An address alone is a network of one.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let of_one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(of_one)
}
