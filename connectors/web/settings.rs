//! How a service is reached over HTTP, and how requests prove who we are.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use governor::{Quota, RateLimiter};

use super::client::Rate;
use crate::Secret;

/// A service, but for what it is asked.
#[derive(Debug, Clone)]
pub struct Service {
    /// How requests prove who we are.
    pub auth: Auth,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files for a client certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Sent with every request to the source (not to the token URL).
    pub headers: Vec<(String, Secret)>,
    /// At most so many requests a second.
    pub requests_per_second: Option<u32>,
    /// Allow loopback, link-local and private addresses.
    pub allow_private: bool,
    /// Allow `http://`. Secrets and people then cross the network in clear text; always
    /// allowed on loopback.
    pub allow_plain: bool,
    /// Largest page after decoding, in bytes.
    pub body_bytes_max: u64,
    /// For the connection.
    pub connect_timeout: Duration,
    /// For one page.
    pub page_timeout: Duration,
    /// For the whole read.
    pub run_timeout: Duration,
    /// The longest `Retry-After` that is obeyed.
    pub retry_after_max: Duration,
    /// The longest time that all waits of a run may add up to.
    pub waits_max: Duration,
    /// First and longest pause between tries after 5xx and broken connections.
    pub retry_pause: (Duration, Duration),
}

impl Service {
    /// A service on the public internet, with every limit at its default.
    #[must_use]
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            ca_file: None,
            client_certificate: None,
            headers: Vec::new(),
            requests_per_second: None,
            allow_private: false,
            allow_plain: false,
            body_bytes_max: Self::BODY_BYTES_MAX_DEFAULT,
            connect_timeout: Self::CONNECT_TIMEOUT_DEFAULT,
            page_timeout: Self::PAGE_TIMEOUT_DEFAULT,
            run_timeout: Self::RUN_TIMEOUT_DEFAULT,
            retry_after_max: Self::RETRY_AFTER_MAX_DEFAULT,
            waits_max: Self::WAITS_MAX_DEFAULT,
            retry_pause: Self::RETRY_PAUSE_DEFAULT,
        }
    }

    /// The limit on requests a second, if there is one.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let limit = NonZeroU32::new(self.requests_per_second?)?;
        let quota = Quota::per_second(limit).allow_burst(NonZeroU32::MIN);
        Some(RateLimiter::direct(quota))
    }

    /// Why an address would be refused whatever it answers; `None` if it would not, as far
    /// as that can be told without asking a name server.
    #[must_use]
    pub fn refuses(&self, key: &str, url: &str) -> Option<String> {
        super::validate::check_url(self, key, url)
            .and_then(|()| super::validate::check_address(self, key, url))
            .err()
    }

    /// 64 MiB.
    pub const BODY_BYTES_MAX_DEFAULT: u64 = 64 * 1024 * 1024;
    /// Ten seconds.
    pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
    /// One minute.
    pub const PAGE_TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);
    /// Six hours.
    pub const RUN_TIMEOUT_DEFAULT: Duration = Duration::from_hours(6);
    /// 15 minutes.
    pub const RETRY_AFTER_MAX_DEFAULT: Duration = Duration::from_mins(15);
    /// 60 minutes.
    pub const WAITS_MAX_DEFAULT: Duration = Duration::from_hours(1);
    /// One second to one minute.
    pub const RETRY_PAUSE_DEFAULT: (Duration, Duration) =
        (Duration::from_secs(1), Duration::from_mins(1));
}

/// How requests are authorised.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all (or by a header or client certificate).
    None,
    /// `Authorization: Bearer …`, a token that does not end.
    Bearer(Secret),
    /// HTTP Basic (RFC 7617).
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): the data synchronisation settings.
    ClientCredentials {
        /// Where tokens come from.
        token_url: String,
        /// The client.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
        /// Asked for, if set.
        scope: Option<String>,
        /// Send id and secret in the body instead of HTTP Basic (`client_secret_post`).
        in_body: bool,
    },
}

/// A client certificate in PEM.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The chain.
    pub certificate_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}
