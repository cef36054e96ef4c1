//! Trying a connection step by step: what all connectors that speak HTTP do alike.

use std::time::Instant;

use reqwest::Url;
use tokio::net::TcpStream;

use super::address::resolve;
use super::client::{Rate, Session};
use super::problem::{Problem, shown_origin};
use super::retry::Trouble;
use super::settings::{Auth, Service};
use crate::CheckStep;

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps(pub(crate) Vec<CheckStep>);

/// A step failed; its outcome is already noted.
#[derive(Debug)]
pub(crate) struct Stop;

impl Steps {
    /// Connects to the host of each URL, sets up TLS, and fetches a token where one is
    /// needed.
    pub(crate) async fn open<'a>(
        &mut self,
        service: &'a Service,
        rate: Option<&'a Rate>,
        urls: &[Url],
        accepted: &'static str,
    ) -> Result<Session<'a>, Stop> {
        let token_url = match &service.auth {
            Auth::ClientCredentials { token_url, .. } => Url::parse(token_url).ok(),
            Auth::None | Auth::Bearer(_) | Auth::Basic { .. } => None,
        };
        let mut hosts: Vec<&Url> = token_url.iter().chain(urls).collect();
        hosts.dedup_by(|a, b| a.origin() == b.origin());
        for url in hosts {
            self.note(
                &format!("connect to {}", shown_origin(url)),
                connect(url, service),
            )
            .await?;
        }
        let encrypts = token_url
            .iter()
            .chain(urls)
            .any(|url| url.scheme() == "https");
        let (step, done) = if encrypts {
            ("set up TLS", "certificates and hosts are in order")
        } else {
            ("prepare requests", "in clear text, as the URLs are http://")
        };
        let mut session = self
            .note_with(step, async {
                let session = Session::open(service, rate, urls, accepted).await?;
                Ok::<_, Problem>((session, done.to_owned()))
            })
            .await?;
        if token_url.is_some() {
            self.note("fetch an access token", token(&mut session))
                .await?;
        }
        Ok(session)
    }

    /// Notes what became of a step.
    pub(crate) async fn note<E: std::fmt::Display>(
        &mut self,
        step: &str,
        outcome: impl Future<Output = Result<String, E>>,
    ) -> Result<(), Stop> {
        self.note_with(step, async { Ok::<_, E>(((), outcome.await?)) })
            .await
    }

    /// Notes what became of a step that also gives something to go on with.
    pub(crate) async fn note_with<T, E: std::fmt::Display>(
        &mut self,
        step: &str,
        outcome: impl Future<Output = Result<(T, String), E>>,
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

/// Connects to the host of a URL, without TLS.
async fn connect(url: &Url, service: &Service) -> Result<String, Problem> {
    let limit = service.connect_timeout;
    let addresses = resolve(url, service.allow_private, limit).await?;
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

/// Fetches an access token.
async fn token(session: &mut Session<'_>) -> Result<String, Problem> {
    match session.ensure_token().await {
        Ok(()) => Ok("the service gave one".to_owned()),
        Err(Trouble::Lasting(problem) | Trouble::Passing(problem)) => Err(problem),
        Err(Trouble::Later { place, .. }) => Err(Problem::WaitsSpent { place }),
    }
}
