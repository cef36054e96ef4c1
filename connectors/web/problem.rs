//! Why a conversation with a service broke off, each cause in one sentence that says what
//! happened, where, and what to do. A sentence never holds a URL's query, a header's value
//! or a body: any of them may carry a secret or a person.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{StatusCode, Url};

/// One cause. The text is the sentence for the administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{file} could not be read as {what}: check the path and that Rollcall may read it")]
    PemFile { file: String, what: &'static str },
    #[error("the HTTP client could not be set up: check ca_file and client_certificate")]
    ClientSetUp,
    #[error("{0} is no URL that can be asked: check it in the source's settings")]
    BadUrl(String),

    #[error(
        "the address of {host} was not found: check the host name in the URL and this machine's DNS"
    )]
    NoAddress { host: String },
    #[error(
        "{host} has the address {address}, which is loopback, link-local or private: set allow_private = true if that is meant"
    )]
    PrivateAddress { host: String, address: IpAddr },
    #[error(
        "no connection to {host}: {cause}; check that the service runs and that a firewall lets us through"
    )]
    Connect { host: String, cause: String },
    #[error("no secure connection to {host}: {cause}")]
    Tls { host: String, cause: String },
    #[error(
        "the connection broke while reading {place}: {cause}; ask the service's operator if it happens again"
    )]
    Broken { place: String, cause: String },
    #[error("{place} did not answer within {} s: raise page_timeout or ask for smaller pages", .after.as_secs())]
    PageTimeout { place: String, after: Duration },
    #[error("the read took longer than {} s: raise run_timeout, or ask the service's operator why it is slow", .0.as_secs())]
    RunTimeout(Duration),

    #[error(
        "{url} refused our client id and secret ({why}): check client_id, client_secret and client_auth"
    )]
    TokenRefused { url: String, why: String },
    #[error(
        "{url} gave no access token: check that token_url is the service's OAuth 2.0 token URL for client credentials"
    )]
    NoToken { url: String },
    #[error(
        "{place} refused a new access token too (401): the client may not read this; have the service's operator grant it, or check scope"
    )]
    NewTokenRefused { place: String },
    #[error("{place} refused our credentials (401): check bearer_token, or user and password")]
    Unauthorized { place: String },
    #[error(
        "{place} refuses to be read (403): have the service's operator grant this client the right to read it"
    )]
    Forbidden { place: String },
    #[error("{place} is not there ({}): check the URL in the source's settings", .status.as_u16())]
    NotFound { place: String, status: StatusCode },
    #[error("{place} answered with the error {} each of {tries} times: ask the service's operator; the next run reads everything again", .status.as_u16())]
    ServerError {
        place: String,
        status: StatusCode,
        tries: usize,
    },
    #[error("{place} answered with the status {}{}, which is no answer to a read: check the URL and the method", .status.as_u16(), in_brackets(*.said))]
    Status {
        place: String,
        status: StatusCode,
        /// The standard's word for it.
        said: Option<&'static str>,
    },
    #[error(
        "{place} answered \"not modified\" (304) although we asked for everything: check for a cache between us and the service"
    )]
    NotModified { place: String },
    #[error("{place} asks us to wait {} s, longer than retry_after_max ({} s): lower requests_per_second, or read at a quieter time", .asked.as_secs(), .limit.as_secs())]
    WaitTooLong {
        place: String,
        asked: Duration,
        limit: Duration,
    },
    #[error(
        "{place} has used up the waits of this run (waits_max): lower requests_per_second, or read at a quieter time"
    )]
    WaitsSpent { place: String },
    #[error(
        "{place} redirects to another scheme, host or port ({to}), which is not followed: set the URL to where the service really is"
    )]
    RedirectElsewhere { place: String, to: String },
    #[error("{place} redirects more than {max} times: set the URL to where the service really is")]
    TooManyRedirects { place: String, max: usize },
    #[error(
        "{place} answers with a redirect that cannot be followed: set the URL to where the service really is"
    )]
    BadRedirect { place: String },

    #[error(
        "{place} answered with an HTML page instead of JSON, perhaps a sign-in or error page: check the URL and the credentials"
    )]
    Html { place: String },
    #[error(
        "{place} answered with {found} instead of JSON: check that the URL is the one that answers it"
    )]
    WrongType { place: String, found: String },
    #[error(
        "{place} breaks off in the middle of its JSON: nothing is removed, the next run reads it again; ask the service's operator if it happens again"
    )]
    HalfJson { place: String },
    #[error(
        "{place} is no JSON at line {line}, column {column}: check that the URL is the one that answers it, or ask the service's operator"
    )]
    BadJson {
        place: String,
        line: usize,
        column: usize,
    },
    #[error(
        "{place} says that its text is {charset}, but JSON is UTF-8 (RFC 8259): ask the service's operator"
    )]
    Charset { place: String, charset: String },
    #[error("{place} is not valid UTF-8: ask the service's operator to send UTF-8")]
    NotUtf8 { place: String },
    #[error("{place} is larger than {max} bytes: ask for smaller pages, or raise body_bytes_max")]
    TooLarge { place: String, max: u64 },
    #[error(
        "{place} unpacks to more than {max} times its size, as only an attack does: ask the service's operator"
    )]
    Ratio { place: String, max: u64 },
    #[error(
        "{place} is encoded in a way that cannot be unpacked: ask the service's operator for gzip or none"
    )]
    Encoding { place: String },
    #[error("{place} cannot be taken: {why}; ask the service's operator")]
    Item { place: String, why: String },
    #[error(
        "{place} has the member `{name}` twice, so nobody can tell which one counts: ask the service's operator"
    )]
    MemberTwice { place: String, name: String },

    #[error("the run was cancelled")]
    Cancelled,
}

fn in_brackets(said: Option<&str>) -> String {
    said.map(|word| format!(" ({word})")).unwrap_or_default()
}

/// A URL as it may be shown: without user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Fails only for URLs that cannot have either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// A URL's scheme, host and port.
pub(crate) fn shown_origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
