//! Access tokens by OAuth 2.0 client credentials (RFC 6749 §4.4): the client id, client
//! secret and token URL of the data synchronisation settings. A token is fetched when the
//! first request needs it, kept for the run, and fetched anew shortly before it ends or
//! when the service no longer takes it.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::body::read_small;
use super::client::{connection_trouble, now};
use super::problem::{Problem, shown};
use super::retry::{TRIES_MAX, Trouble, retry_after};
use crate::Secret;

/// A token is not used in its last seconds: it could end on the way.
const SPARE: Duration = Duration::from_secs(30);
/// The largest answer of a token URL, in bytes.
const TOKEN_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// The error codes of RFC 6749 §5.2, the only words of an answer that are shown.
const ERROR_CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// What it takes to get a token.
#[derive(Debug)]
pub(crate) struct ClientCredentials<'a> {
    pub(crate) token_url: &'a Url,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a Secret,
    pub(crate) scope: Option<&'a str>,
    pub(crate) in_body: bool,
}

/// A token and when it ends.
#[derive(Debug)]
pub(crate) struct Token {
    value: Secret,
    ends: Option<Instant>,
}

impl Token {
    /// Whether it may still be sent.
    pub(crate) fn is_fresh(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() + SPARE < ends)
    }

    /// The `Authorization` header that carries it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        bearer(&self.value)
    }
}

/// `Bearer …` (RFC 6750), marked as sensitive.
pub(crate) fn bearer(token: &Secret) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {}", token.reveal()))
}

/// `Basic …` (RFC 7617), marked as sensitive.
pub(crate) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    sensitive(&format!("Basic {pair}"))
}

/// A header value that the HTTP library never prints.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// Fetches a token. Redirects are not followed: the secret stays with its URL.
pub(crate) async fn fetch(http: &Client, ours: &ClientCredentials<'_>) -> Result<Token, Trouble> {
    let place = shown(ours.token_url);
    let response = request(http, ours)
        .send()
        .await
        .map_err(|error| connection_trouble(ours.token_url, &place, error))?;
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(match retry_after(response.headers(), now()) {
            Some(wait) => Trouble::Later { wait, place },
            None => Trouble::Passing(Problem::ServerError {
                place,
                status,
                tries: TRIES_MAX,
            }),
        });
    }
    let body = read_small(response, TOKEN_ANSWER_BYTES_MAX)
        .await
        .map_err(|error| connection_trouble(ours.token_url, &place, error))?;
    if status == StatusCode::BAD_REQUEST || status == StatusCode::UNAUTHORIZED {
        return Err(refused(place, status, &body).into());
    }
    accepted(&body, status).ok_or(Trouble::Lasting(Problem::NoToken { url: place }))
}

fn request(http: &Client, ours: &ClientCredentials<'_>) -> reqwest::RequestBuilder {
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(ours.scope.map(|scope| ("scope", scope)));
    let mut request = http
        .post(ours.token_url.clone())
        .header(ACCEPT, "application/json");
    if ours.in_body {
        form.push(("client_id", ours.client_id));
        form.push(("client_secret", ours.client_secret.reveal()));
    } else if let Some(header) = basic(
        // RFC 6749 §2.3.1: form-encoded before they are joined.
        &form_encoded(ours.client_id),
        &form_encoded(ours.client_secret.reveal()),
    ) {
        request = request.header(AUTHORIZATION, header);
    }
    request.form(&form)
}

/// `application/x-www-form-urlencoded` for one text.
fn form_encoded(text: &str) -> String {
    let Ok(mut url) = Url::parse("form:") else {
        return String::new();
    };
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
}

fn refused(url: String, status: StatusCode, body: &[u8]) -> Problem {
    let code = serde_json::from_slice::<ErrorAnswer>(body)
        .ok()
        .and_then(|answer| ERROR_CODES.into_iter().find(|code| *code == answer.error));
    Problem::TokenRefused {
        url,
        why: code.map_or_else(|| status.as_u16().to_string(), str::to_owned),
    }
}

fn accepted(body: &[u8], status: StatusCode) -> Option<Token> {
    if status != StatusCode::OK {
        return None;
    }
    let answer: TokenAnswer = serde_json::from_slice(body).ok()?;
    let is_bearer = answer
        .token_type
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = Token {
        value: Secret::new(answer.access_token),
        ends: answer
            .expires_in
            .and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds))),
    };
    (is_bearer && token.header().is_some()).then_some(token)
}
