//! The settings of one HTTP source.

use std::path::PathBuf;
use std::time::Duration;

use crate::Secret;

/// A user URL and a group URL that answer JSON, and how to be allowed to read them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people come from.
    pub users: Option<Endpoint>,
    /// Where groups come from.
    pub groups: Option<Endpoint>,
    /// How requests prove who we are.
    pub auth: Auth,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files for a client certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Sent with every request to the source (not to the token URL).
    pub headers: Vec<(String, Secret)>,
    /// Ask first whether anything has changed since the last complete read.
    pub conditional: bool,
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

impl Settings {
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

/// One URL to read.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The first page. May carry a query of its own.
    pub url: String,
    /// GET, or POST with a body.
    pub method: Method,
    /// How items stand in an answer.
    pub format: Format,
    /// How the next page is found.
    pub paging: Paging,
    /// Where the total stands, if the service tells it.
    pub total: Option<Total>,
    /// One record by its key: `{key}` in it is replaced, percent-encoded.
    pub item_url: Option<String>,
    /// Whether `{label, value}` objects stand for their value (Personio and others).
    pub unwrap_values: bool,
}

/// The request method.
#[derive(Debug, Clone)]
pub enum Method {
    /// Parameters in the query.
    Get,
    /// A JSON object as body; page parameters become its members.
    Post {
        /// The body.
        body: serde_json::Value,
    },
}

/// How an answer holds its items.
#[derive(Debug, Clone)]
pub enum Format {
    /// A JSON array.
    Array,
    /// A JSON object; the array stands at this dotted path (`data.items`).
    Object {
        /// The path.
        items: String,
    },
    /// One JSON object a line (NDJSON).
    Lines,
}

/// How the next page is asked for. Each kind has its own proof that the end was reached.
#[derive(Debug, Clone)]
pub enum Paging {
    /// One answer holds everything.
    None,
    /// `Link: <…>; rel="next"` (RFC 8288). No such link: the end.
    Link,
    /// A member at this dotted path holds the next URL. Null, empty or absent: the end.
    Next {
        /// The path.
        path: String,
    },
    /// A page number. An empty page, or 204, is the end.
    Page {
        /// Its parameter.
        parameter: String,
        /// The first page's number.
        first: u64,
        /// The size's parameter and value, if asked for.
        size: Option<(String, u64)>,
    },
    /// An offset, advanced by the items received. An empty page, or 204, is the end.
    Offset {
        /// Its parameter.
        parameter: String,
        /// The limit's parameter and value, if asked for.
        limit: Option<(String, u64)>,
    },
    /// A cursor found at a dotted path of the answer, sent as a parameter. Null, empty or
    /// absent: the end.
    Cursor {
        /// The parameter that carries it.
        parameter: String,
        /// Where the next one stands.
        path: String,
        /// The limit's parameter and value, if asked for.
        limit: Option<(String, u64)>,
    },
}

/// Where a total stands.
#[derive(Debug, Clone)]
pub enum Total {
    /// A dotted path in the answer.
    Body(String),
    /// A header's name.
    Header(String),
}
