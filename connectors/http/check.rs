//! Tries the connection step by step: addresses, a connection to each host, a token, and
//! one page of each URL, whose items are counted and thrown away.

use std::time::Instant;

use reqwest::{StatusCode, Url};
use rollcall_directory::entry::Kind;
use tokio::net::TcpStream;

use super::address::resolve;
use super::body::{check_type, text};
use super::client::{Rate, Session};
use super::envelope;
use super::paging::Turner;
use super::problem::{Problem, shown, shown_origin};
use super::retry::Trouble;
use super::settings::{Auth, Endpoint, Format, Settings};
use crate::CheckStep;

/// The steps, up to and with the first that fails.
pub(crate) async fn steps(settings: &Settings, rate: Option<&Rate>) -> Vec<CheckStep> {
    let mut steps = Steps(Vec::new());
    // A failed step ends the list; its sentence is in it.
    let _ = steps.all(settings, rate).await;
    steps.0
}

struct Steps(Vec<CheckStep>);

/// The step's outcome is already noted.
struct Stop;

impl Steps {
    async fn all(&mut self, settings: &Settings, rate: Option<&Rate>) -> Result<(), Stop> {
        let token_url = match &settings.auth {
            Auth::ClientCredentials { token_url, .. } => Some(token_url),
            Auth::None | Auth::Bearer(_) | Auth::Basic { .. } => None,
        };
        let endpoints = [
            (Kind::User, settings.users.as_ref()),
            (Kind::Group, settings.groups.as_ref()),
        ];
        let named = token_url
            .into_iter()
            .chain(endpoints.iter().filter_map(|(_, e)| e.map(|e| &e.url)));
        let mut urls: Vec<Url> = named.filter_map(|url| Url::parse(url).ok()).collect();
        urls.dedup_by(|a, b| a.origin() == b.origin());
        for url in &urls {
            self.note(
                &format!("connect to {}", shown_origin(url)),
                connect(url, settings),
            )
            .await?;
        }
        let mut session = self
            .note_with("set up TLS", async {
                let session = Session::open(settings, rate).await?;
                Ok((session, "certificates and hosts are in order".to_owned()))
            })
            .await?;
        if token_url.is_some() {
            self.note("fetch an access token", token(&mut session))
                .await?;
        }
        for (kind, endpoint) in endpoints {
            if let Some(endpoint) = endpoint {
                let step = format!("ask for the first page of {kind}s");
                self.note(&step, first_page(&mut session, endpoint)).await?;
            }
        }
        Ok(())
    }

    async fn note(
        &mut self,
        step: &str,
        outcome: impl Future<Output = Result<String, Problem>>,
    ) -> Result<(), Stop> {
        self.note_with(step, async { Ok(((), outcome.await?)) })
            .await
    }

    async fn note_with<T>(
        &mut self,
        step: &str,
        outcome: impl Future<Output = Result<(T, String), Problem>>,
    ) -> Result<T, Stop> {
        let start = Instant::now();
        let (result, outcome) = match outcome.await {
            Ok((value, words)) => (Ok(value), Ok(words)),
            Err(problem) => (Err(Stop), Err(problem.to_string())),
        };
        self.0.push(CheckStep {
            step: step.to_owned(),
            outcome,
            took: start.elapsed(),
        });
        result
    }
}

async fn connect(url: &Url, settings: &Settings) -> Result<String, Problem> {
    let limit = settings.connect_timeout;
    let addresses = resolve(url, settings.allow_private, limit).await?;
    let connected = tokio::time::timeout(limit, TcpStream::connect(addresses.as_slice())).await;
    let problem = |cause: String| Problem::Connect {
        host: shown_origin(url),
        cause,
    };
    let stream = connected
        .map_err(|_| problem("no answer in time".to_owned()))?
        .map_err(|error| problem(error.to_string()))?;
    let peer = stream
        .peer_addr()
        .map(|a| a.to_string())
        .unwrap_or_default();
    Ok(format!("connected to {peer}"))
}

async fn token(session: &mut Session<'_>) -> Result<String, Problem> {
    match session.ensure_token().await {
        Ok(()) => Ok("the service gave one".to_owned()),
        Err(Trouble::Lasting(problem) | Trouble::Passing(problem)) => Err(problem),
        Err(Trouble::Later { place, .. }) => Err(Problem::WaitsSpent { place }),
    }
}

async fn first_page(session: &mut Session<'_>, endpoint: &Endpoint) -> Result<String, Problem> {
    let ask = Turner::new(endpoint)?.first();
    if matches!(endpoint.format, Format::Lines) {
        let response = session.stream(&ask).await?;
        check_type(response.headers(), &endpoint.format, &ask.place)?;
        return answered(response.status(), &ask.place, "JSON lines");
    }
    let page = session.page(&ask).await?;
    if page.status != StatusCode::OK {
        return answered(page.status, &ask.place, "nothing");
    }
    check_type(&page.headers, &endpoint.format, &ask.place)?;
    let answer = envelope::whole(text(&page.headers, &page.body, &ask.place)?, &ask.place)?;
    let path = match &endpoint.format {
        Format::Object { items } => items.as_str(),
        Format::Array | Format::Lines => "",
    };
    let items = envelope::items(answer, path, &ask.place)?.len();
    Ok(format!(
        "{} answers JSON with {items} items",
        shown(&page.url)
    ))
}

fn answered(status: StatusCode, place: &str, what: &str) -> Result<String, Problem> {
    match status {
        StatusCode::OK | StatusCode::NO_CONTENT => Ok(format!("{place} answers {what}")),
        status => Err(Problem::NotFound {
            place: place.to_owned(),
            status,
        }),
    }
}
