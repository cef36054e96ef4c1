//! Reads people and groups from an HR service over HTTP: a user URL and a group URL that
//! answer JSON, in pages or in one piece. The connector's whole care is for one question,
//! whether what came is everything: each kind of paging has its own proof of the end, and
//! an answer that is not what it should be makes the read fail rather than look short.
//!
//! [`crate::web`] talks and checks what came, [`paging`] turns pages, [`read`] makes batches of
//! [`items`] and judges the whole; [`validators`] may spare a read.

pub mod settings;

mod check;
mod envelope;
mod items;
mod look_up;
mod paging;
mod problem;
mod read;
mod validate;
mod validators;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;

use async_trait::async_trait;
use reqwest::Url;
use rollcall_directory::entry::{Entry, EntryKey, Kind};
use tokio::sync::mpsc;

use self::items::Shape;
use self::problem::Problem;
use self::read::{Read, Reading};
use self::settings::{Endpoint, Paging, Settings};
use self::validators::nothing_changed;
use crate::web::client::{Rate, Session};
use crate::web::outcome::verdict;
use crate::web::problem::{Problem as WebProblem, shown};
use crate::{
    Absence, Answer, Batch, CheckStep, Connector, ConnectorError, LookUp, ReadRequest,
    SourceSchema, Validators, Verdict,
};

/// What every request accepts.
const ACCEPTED: &str = "application/json, application/x-ndjson, */*;q=0.1";

/// Reads one HTTP source.
pub struct HttpConnector {
    settings: Settings,
    rate: Option<Rate>,
}

/// Only URLs without their queries: everything else may be or hold a secret.
impl std::fmt::Debug for HttpConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = |endpoint: &Option<Endpoint>| {
            endpoint
                .as_ref()
                .and_then(|endpoint| reqwest::Url::parse(&endpoint.url).ok())
                .map(|url| shown(&url))
        };
        f.debug_struct("HttpConnector")
            .field("users", &url(&self.settings.users))
            .field("groups", &url(&self.settings.groups))
            .finish_non_exhaustive()
    }
}

impl HttpConnector {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] when they cannot work whatever the service does.
    pub fn new(settings: Settings) -> Result<Self, ConnectorError> {
        validate::validate(&settings).map_err(ConnectorError::Settings)?;
        let rate = settings.service.rate();
        Ok(Self { settings, rate })
    }

    fn endpoint(&self, kind: Kind) -> Option<&Endpoint> {
        match kind {
            Kind::User => self.settings.users.as_ref(),
            Kind::Group => self.settings.groups.as_ref(),
            Kind::Custom(_) => None,
        }
    }

    async fn session(&self) -> Result<Session<'_>, Problem> {
        let urls = urls(&self.settings)?;
        Ok(Session::open(&self.settings.service, self.rate.as_ref(), &urls, ACCEPTED).await?)
    }

    async fn within_run_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let limit = self.settings.service.run_timeout;
        let timed = tokio::time::timeout(limit, work).await;
        timed.unwrap_or(Err(WebProblem::RunTimeout(limit).into()))
    }

    /// The endpoint of a kind and the shape of its entries; `None` if they are not asked for.
    fn part<'a>(
        &'a self,
        request: &'a ReadRequest,
        kind: Kind,
    ) -> Result<Option<(&'a Endpoint, Shape<'a>)>, Problem> {
        let Some(of_kind) = request.of(kind) else {
            return Ok(None);
        };
        if of_kind.filter.is_some() {
            return Err(Problem::Filter);
        }
        let endpoint = self.endpoint(kind).ok_or(Problem::NoEndpoint(kind))?;
        let shape = Shape {
            kind,
            request: of_kind,
            unwrap_values: endpoint.unwrap_values,
        };
        Ok(Some((endpoint, shape)))
    }

    /// Users, then groups, unless nothing has changed since `last`.
    async fn read_all(
        &self,
        request: &ReadRequest,
        kinds: &[Kind],
        last: Option<&Validators>,
        out: &mpsc::Sender<Batch>,
    ) -> Result<Ended, Problem> {
        let mut parts = Vec::new();
        for kind in kinds {
            parts.extend(self.part(request, *kind)?);
        }
        let mut session = self.session().await?;
        if let Some(last) = last {
            let endpoints: Vec<_> = parts.iter().map(|(e, shape)| (shape.kind, *e)).collect();
            if nothing_changed(&mut session, &self.settings, &endpoints, last).await {
                return Ok(Ended::Unchanged);
            }
        }
        let mut outcomes = Vec::new();
        for (endpoint, shape) in parts {
            let kind = shape.kind;
            let reading = Reading::new(
                &mut session,
                endpoint,
                shape,
                request.sample,
                &self.settings,
                out,
            );
            outcomes.push((kind, Box::pin(reading.run()).await?));
        }
        Ok(Ended::Read(outcomes))
    }

    /// The validators of a read of all kinds; `None` if any page has none.
    fn validators(&self, outcomes: &mut [(Kind, Read)]) -> Option<Validators> {
        let mut users = None;
        let mut groups = None;
        for (kind, read) in outcomes {
            let pages = Some(read.pages.take()?);
            match kind {
                Kind::User => users = pages,
                Kind::Group => groups = pages,
                Kind::Custom(_) => {}
            }
        }
        validators::keep(&self.settings, users, groups)
    }
}

/// How reading ended that did not fail.
enum Ended {
    /// The service says that nothing has changed.
    Unchanged,
    /// Each kind that was asked for.
    Read(Vec<(Kind, Read)>),
}

#[async_trait]
impl Connector for HttpConnector {
    async fn read(&self, request: &ReadRequest, out: mpsc::Sender<Batch>) -> Verdict {
        self.read_if_changed(request, None, out).await.verdict
    }

    fn asks_conditionally(&self) -> bool {
        self.settings.conditional
    }

    async fn read_if_changed(
        &self,
        request: &ReadRequest,
        last: Option<&Validators>,
        out: mpsc::Sender<Batch>,
    ) -> Answer {
        // A sample says nothing about everything.
        let last = last.filter(|_| request.sample.is_none());
        let everything = self.read_all(request, &[Kind::User, Kind::Group], last, &out);
        let ended = tokio::select! {
            biased;
            () = out.closed() => Err(WebProblem::Cancelled.into()),
            ended = self.within_run_timeout(everything) => ended,
        };
        let mut validators = None;
        let verdict = match ended {
            Ok(Ended::Unchanged) => Verdict::Unchanged { notes: Vec::new() },
            Ok(Ended::Read(mut outcomes)) => {
                validators = self.validators(&mut outcomes);
                verdict(outcomes.into_iter().map(|(_, read)| read.outcome))
            }
            Err(problem) => Verdict::Failed {
                because: problem.to_string(),
            },
        };
        Answer {
            validators: validators.filter(|_| matches!(verdict, Verdict::Complete { .. })),
            verdict,
        }
    }

    async fn look_up(
        &self,
        _request: &ReadRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        let Some(item_url) = self.endpoint(kind).and_then(|e| e.item_url.as_deref()) else {
            return Ok(LookUp::NotPossible);
        };
        let there = self
            .within_run_timeout(async {
                let mut session = self.session().await?;
                look_up::still_there(&mut session, item_url, keys).await
            })
            .await?;
        Ok(LookUp::StillThere(there))
    }

    async fn find(
        &self,
        request: &ReadRequest,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Entry>, ConnectorError> {
        let Some((endpoint, shape)) = self.part(request, kind)? else {
            return Ok(None);
        };
        // An entry's place is no key: only reading comes by it.
        let key = EntryKey::new(name)
            .ok()
            .filter(|_| !name.contains(", item "));
        if let (Some(item_url), Some(key)) = (&endpoint.item_url, key) {
            let one = async {
                let mut session = self.session().await?;
                look_up::one(&mut session, endpoint, item_url, &shape, &key).await
            };
            return Ok(self.within_run_timeout(one).await?);
        }
        let everything = ReadRequest {
            sample: None,
            ..request.clone()
        };
        let (send, receive) = mpsc::channel(1);
        let reading = async {
            // Moved in, so that the channel closes when the reading ends.
            let send = send;
            self.within_run_timeout(self.read_all(&everything, &[kind], None, &send))
                .await
        };
        let (ended, found) = tokio::join!(reading, look_up::first_named(receive, name));
        match (ended, found) {
            (_, Some(entry)) => Ok(Some(entry)),
            (Ok(_), None) => Ok(None),
            (Err(problem), None) => Err(problem.into()),
        }
    }

    fn absence(&self) -> Absence {
        let slips = [&self.settings.users, &self.settings.groups]
            .into_iter()
            .flatten()
            .any(|endpoint| {
                matches!(endpoint.paging, Paging::Page { .. } | Paging::Offset { .. })
                    && endpoint.item_url.is_none()
            });
        if slips {
            Absence::ProvenBySecondRead
        } else {
            Absence::Proven
        }
    }

    async fn check(&self) -> Vec<CheckStep> {
        check::steps(&self.settings, self.rate.as_ref()).await
    }

    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError> {
        Ok(None)
    }
}

/// Every URL that the settings name, item URLs with a key that stands for any.
fn urls(settings: &Settings) -> Result<Vec<Url>, Problem> {
    let endpoints = [&settings.users, &settings.groups].into_iter().flatten();
    let named = endpoints.flat_map(|endpoint| {
        let item = endpoint.item_url.as_ref();
        std::iter::once(endpoint.url.clone()).chain(item.map(|item| item.replace("{key}", "key")))
    });
    let parsed = named.map(|text| Url::parse(&text));
    let urls: Result<Vec<Url>, _> = parsed.collect();
    Ok(urls.map_err(|_| WebProblem::BadUrl("a users or groups URL".into()))?)
}

impl From<Problem> for ConnectorError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Web(WebProblem::Cancelled) => Self::Cancelled,
            other => Self::Source(other.to_string()),
        }
    }
}
