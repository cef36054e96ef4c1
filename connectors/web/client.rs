//! One conversation with a source: the HTTP client with its TLS, time-outs and pinned
//! addresses, the authorisation of each request, redirects, retries and the rate. A new
//! one is opened for each call of the connector, so that a run resolves hosts once, has
//! one token and one budget of waits.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Certificate, Client, Identity, Response, StatusCode, Url, redirect};
use rustls::CertificateError;
use time::OffsetDateTime;

use super::address::{resolve, same_origin};
use super::ask::Ask;
use super::body::{Unpacker, read_small};
use super::problem::{Problem, shown_origin};
use super::retry::{TRIES_MAX, Trouble, Waits, retry_after};
use super::settings::{Auth, Service};
use super::token::{ClientCredentials, Token, basic, bearer, fetch, sensitive};

/// Redirects that are followed from one page.
const REDIRECTS_MAX: usize = 3;
/// How much of an error's body is looked at, in bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// The error codes of SCIM (RFC 7644 §3.12, RFC 9865 §2.1): of what an error says, only
/// these words are known to hold nothing secret.
const ERROR_CODES: [&str; 13] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
];

/// The limit on requests a second, shared by all calls of a connector.
pub(crate) type Rate = governor::DefaultDirectRateLimiter;

/// See the module.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    service: &'a Service,
    rate: Option<&'a Rate>,
    accepted: &'static str,
    http: Client,
    token_url: Option<Url>,
    token: Option<Token>,
    waits: Waits,
}

/// An answer whose body was read whole.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
}

impl<'a> Session<'a> {
    /// Resolves and pins the host of every URL that will be asked, and sets up TLS.
    /// `accepted` are the media types that answers may have.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes a client"
    )]
    pub(crate) async fn open(
        service: &'a Service,
        rate: Option<&'a Rate>,
        urls: &[Url],
        accepted: &'static str,
    ) -> Result<Self, Problem> {
        let mut builder = Client::builder()
            .user_agent(concat!("Rollcall/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .gzip(false) // unpacked by `body`, which counts
            .no_proxy() // a proxy would resolve names anew, behind the address guard
            .referer(false)
            .connect_timeout(service.connect_timeout);
        let token_url = token_url(service)?;
        for url in urls.iter().chain(&token_url) {
            let addresses = resolve(url, service.allow_private, service.connect_timeout).await?;
            if let Some(host) = url.host_str() {
                builder = builder.resolve_to_addrs(host, &addresses);
            }
        }
        if let Some(file) = &service.ca_file {
            let what = "a PEM file of certificates";
            let pem = read_pem(file, what).await?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|_| pem_problem(file, what))?;
            if certificates.is_empty() {
                return Err(pem_problem(file, what));
            }
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(ours) = &service.client_certificate {
            let what = "a PEM certificate with its key";
            let mut pem = read_pem(&ours.certificate_file, what).await?;
            pem.push(b'\n');
            pem.extend(read_pem(&ours.key_file, what).await?);
            let identity =
                Identity::from_pem(&pem).map_err(|_| pem_problem(&ours.certificate_file, what))?;
            builder = builder.identity(identity);
        }
        Ok(Self {
            service,
            accepted,
            rate,
            http: builder.build().map_err(|_| Problem::ClientSetUp)?,
            token_url,
            token: None,
            waits: Waits::new(service),
        })
    }

    /// Asks for a page and reads its body, with patience.
    pub(crate) async fn page(&mut self, ask: &Ask) -> Result<Page, Problem> {
        let mut patience = self.waits.patience();
        loop {
            self.keep_rate().await;
            let limit = self.service.page_timeout;
            let tried = tokio::time::timeout(limit, self.try_page(ask)).await;
            let trouble = match tried {
                Ok(Ok(page)) => {
                    tracing::debug!(
                        place = ask.place,
                        status = page.status.as_u16(),
                        bytes = page.body.len(),
                        "a page was read"
                    );
                    return Ok(page);
                }
                Ok(Err(trouble)) => trouble,
                Err(_) => Trouble::Passing(page_timeout(&ask.place, limit)),
            };
            patience.bear(trouble, &mut self.waits).await?;
        }
    }

    /// Asks for a page and leaves its body to be read as a stream, with patience.
    pub(crate) async fn stream(&mut self, ask: &Ask) -> Result<Response, Problem> {
        let mut patience = self.waits.patience();
        loop {
            self.keep_rate().await;
            let limit = self.service.page_timeout;
            let tried = tokio::time::timeout(limit, self.head(ask)).await;
            let trouble = match tried {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(trouble)) => trouble,
                Err(_) => Trouble::Passing(page_timeout(&ask.place, limit)),
            };
            patience.bear(trouble, &mut self.waits).await?;
        }
    }

    /// The next piece of a streamed body; each may take as long as a page.
    pub(crate) async fn chunk(
        &self,
        response: &mut Response,
        place: &str,
    ) -> Result<Option<impl AsRef<[u8]> + use<>>, Problem> {
        let limit = self.service.page_timeout;
        match tokio::time::timeout(limit, response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(broken(place, &error)),
            Err(_) => Err(page_timeout(place, limit)),
        }
    }

    /// Fetches a token if this source needs one and none is at hand.
    pub(crate) async fn ensure_token(&mut self) -> Result<(), Trouble> {
        let Auth::ClientCredentials {
            client_id,
            client_secret,
            scope,
            in_body,
            ..
        } = &self.service.auth
        else {
            return Ok(());
        };
        let Some(token_url) = &self.token_url else {
            return Ok(());
        };
        if self.token.as_ref().is_some_and(Token::is_fresh) {
            return Ok(());
        }
        let ours = ClientCredentials {
            token_url,
            client_id,
            client_secret,
            scope: scope.as_deref(),
            in_body: *in_body,
        };
        self.token = Some(fetch(&self.http, &ours).await?);
        Ok(())
    }

    async fn keep_rate(&self) {
        if let Some(rate) = self.rate {
            rate.until_ready().await;
        }
    }

    async fn try_page(&mut self, ask: &Ask) -> Result<Page, Trouble> {
        let mut response = self.head(ask).await?;
        let max = self.service.body_bytes_max;
        let headers = response.headers().clone();
        let mut unpacker = Unpacker::new(&headers, &ask.place)?;
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| Trouble::Passing(broken(&ask.place, &error)))?
        {
            unpacker.unpack(&chunk, &mut body, max)?;
        }
        unpacker.finish(&mut body)?;
        Ok(Page {
            status: response.status(),
            headers,
            url: response.url().clone(),
            body,
        })
    }

    /// An answer with a status that says something about what was asked: 200, 204, 404 or
    /// 410, and 304 where it was asked for conditionally. A token that is no longer taken is replaced once.
    async fn head(&mut self, ask: &Ask) -> Result<Response, Trouble> {
        self.ensure_token().await?;
        let mut response = self.follow(ask).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.token.take().is_some() {
            self.ensure_token().await?;
            response = self.follow(ask).await?;
        }
        let status = response.status();
        let place = ask.place.clone();
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND | StatusCode::GONE => {
                Ok(response)
            }
            StatusCode::NOT_MODIFIED if ask.unless.is_some() => Ok(response),
            StatusCode::UNAUTHORIZED if self.token.is_some() => {
                Err(Problem::NewTokenRefused { place }.into())
            }
            StatusCode::UNAUTHORIZED => Err(Problem::Unauthorized { place }.into()),
            StatusCode::FORBIDDEN => Err(Problem::Forbidden { place }.into()),
            StatusCode::NOT_MODIFIED => Err(Problem::NotModified { place }.into()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Err(match retry_after(response.headers(), now()) {
                    Some(wait) => Trouble::Later { wait, place },
                    None => passing(place, status),
                })
            }
            // 501 is what the service is, not how it fares.
            _ if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
                Err(passing(place, status))
            }
            _ => {
                let said = error_code(response).await;
                Err(Problem::Status {
                    place,
                    status,
                    said,
                }
                .into())
            }
        }
    }

    /// Sends the request and follows redirects within the same scheme, host and port.
    async fn follow(&self, ask: &Ask) -> Result<Response, Trouble> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let response = self
                .request(&url, ask)
                .send()
                .await
                .map_err(|error| connection_trouble(&url, &ask.place, error))?;
            let status = response.status();
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            // After a POST only these two repeat the request as it was (RFC 9110 §15.4).
            let repeats = matches!(
                status,
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
            );
            let target = response
                .headers()
                .get(LOCATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|target| url.join(target).ok())
                .filter(|_| repeats || ask.body.is_none())
                .ok_or_else(|| Problem::BadRedirect {
                    place: ask.place.clone(),
                })?;
            if !same_origin(&target, &url) {
                return Err(Problem::RedirectElsewhere {
                    place: ask.place.clone(),
                    to: shown_origin(&target),
                }
                .into());
            }
            url = target;
        }
        Err(Problem::TooManyRedirects {
            place: ask.place.clone(),
            max: REDIRECTS_MAX,
        }
        .into())
    }

    fn request(&self, url: &Url, ask: &Ask) -> reqwest::RequestBuilder {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(self.accepted));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let conditions = ask.unless.as_ref().map(|last| {
            [
                (IF_NONE_MATCH, &last.etag),
                (IF_MODIFIED_SINCE, &last.last_modified),
            ]
        });
        for (name, value) in conditions.into_iter().flatten() {
            if let Some(value) = value.as_deref().and_then(|v| HeaderValue::from_str(v).ok()) {
                headers.insert(name, value);
            }
        }
        let authorisation = match &self.service.auth {
            Auth::None => None,
            Auth::Bearer(token) => bearer(token),
            Auth::Basic { user, password } => basic(user, password.reveal()),
            Auth::ClientCredentials { .. } => self.token.as_ref().and_then(Token::header),
        };
        if let Some(value) = authorisation {
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &self.service.headers {
            if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), sensitive(value.reveal()))
            {
                headers.insert(name, value);
            }
        }
        match &ask.body {
            None => self.http.get(url.clone()).headers(headers),
            Some(body) => self
                .http
                .post(url.clone())
                .headers(headers)
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string()),
        }
    }
}

fn token_url(service: &Service) -> Result<Option<Url>, Problem> {
    match &service.auth {
        Auth::ClientCredentials { token_url, .. } => Url::parse(token_url)
            .map(Some)
            .map_err(|_| Problem::BadUrl("token_url".to_owned())),
        Auth::None | Auth::Bearer(_) | Auth::Basic { .. } => Ok(None),
    }
}

/// The standard's word for what is wrong, if the body has one.
async fn error_code(response: Response) -> Option<&'static str> {
    let body = read_small(response, ERROR_BYTES_MAX).await.ok()?;
    let answer: serde_json::Value = serde_json::from_slice(&body).ok()?;
    let said = answer.get("scimType")?.as_str()?;
    ERROR_CODES.into_iter().find(|code| *code == said)
}

async fn read_pem(file: &std::path::Path, what: &'static str) -> Result<Vec<u8>, Problem> {
    tokio::fs::read(file)
        .await
        .map_err(|_| pem_problem(file, what))
}

fn pem_problem(file: &std::path::Path, what: &'static str) -> Problem {
    Problem::PemFile {
        file: file.display().to_string(),
        what,
    }
}

/// The clock, for `Retry-After` dates of services that send no `Date`.
#[expect(
    clippy::disallowed_methods,
    reason = "a date in Retry-After is one of the wall clock"
)]
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn passing(place: String, status: StatusCode) -> Trouble {
    Trouble::Passing(Problem::ServerError {
        place,
        status,
        tries: TRIES_MAX,
    })
}

fn page_timeout(place: &str, after: Duration) -> Problem {
    Problem::PageTimeout {
        place: place.to_owned(),
        after,
    }
}

fn broken(place: &str, error: &reqwest::Error) -> Problem {
    Problem::Broken {
        place: place.to_owned(),
        cause: deepest(error),
    }
}

/// A request that got no answer: a certificate will not get better, a connection may.
#[expect(
    clippy::needless_pass_by_value,
    reason = "an error is handed over, and mapped with map_err"
)]
pub(crate) fn connection_trouble(url: &Url, place: &str, error: reqwest::Error) -> Trouble {
    let host = shown_origin(url);
    if let Some(tls) = tls_error(&error) {
        return Trouble::Lasting(Problem::Tls {
            host,
            cause: tls_words(tls),
        });
    }
    if error.is_connect() || error.is_timeout() {
        return Trouble::Passing(Problem::Connect {
            host,
            cause: deepest(&error),
        });
    }
    Trouble::Passing(broken(place, &error))
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
}

/// The innermost cause: outer ones name the URL, which may hold a secret.
fn deepest(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .map_or_else(|| "no answer".to_owned(), ToString::to_string)
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    chain(error).find_map(tls_inside)
}

/// I/O errors wrap their cause without naming it as their source, some twice over.
fn tls_inside<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = cause.downcast_ref() {
        return Some(tls);
    }
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    tls_inside(inner)
}

fn tls_words(error: &rustls::Error) -> String {
    if matches!(error, rustls::Error::InvalidMessage(_)) {
        return "the service does not speak TLS on this port; check the port, or write http:// if it is \
                meant to be asked in clear text"
            .to_owned();
    }
    let rustls::Error::InvalidCertificate(wrong) = error else {
        return format!("{error}; ask the service's operator, or check client_certificate");
    };
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; have the service's operator renew it".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host name; use the name that stands in it".to_owned()
        }
        CertificateError::UnknownIssuer => "its certificate comes from an authority that is not \
             trusted; set ca_file to that authority's certificate"
            .to_owned(),
        other => format!("its certificate is not accepted ({other}); check ca_file"),
    }
}
