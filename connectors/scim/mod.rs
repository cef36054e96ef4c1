//! Reads people and groups from a SCIM 2.0 service (RFC 7643, RFC 7644): an identity
//! provider, an application that keeps its own people, another Rollcall. The connector's
//! care is, as everywhere, for whether what came is everything, and for the many things
//! that services leave out of an answer without meaning that they are not there.
//!
//! [`announced`] asks what the service can, [`walk`] turns pages, [`read`] makes batches of
//! [`resource`]s and judges the whole; [`crate::web`] talks and checks what came.

pub mod settings;

mod announced;
mod base;
mod check;
mod list;
mod look_up;
mod problem;
mod read;
mod resource;
mod walk;

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;

use async_trait::async_trait;
use reqwest::Url;
use rollcall_directory::entry::{Entry, EntryKey, Kind};
use rollcall_directory::filter::Filter;
use tokio::sync::mpsc;

use self::announced::Features;
use self::problem::Problem;
use self::read::{Place, Reading};
use self::resource::{KEY, Shape};
use self::settings::Settings;
use crate::web::client::{Rate, Session};
use crate::web::outbox::Outbox;
use crate::web::outcome::{Outcome, verdict};
use crate::web::problem::{Problem as WebProblem, shown};
use crate::web::validate::{check_url, validate_service};
use crate::{
    Absence, Batch, CheckStep, Connector, ConnectorError, KindRequest, LookUp, ReadRequest,
    SourceSchema, Verdict,
};

/// What every request accepts (RFC 7644 §3.1).
const ACCEPTED: &str = "application/scim+json, application/json;q=0.9";

/// Reads one SCIM source.
pub struct ScimConnector {
    settings: Settings,
    base: Url,
    rate: Option<Rate>,
}

/// Only the URL without its query: everything else may be or hold a secret.
impl std::fmt::Debug for ScimConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScimConnector")
            .field("url", &shown(&self.base))
            .finish_non_exhaustive()
    }
}

impl ScimConnector {
    /// Checks the settings; connects to nothing.
    ///
    /// # Errors
    /// [`ConnectorError::Settings`] when they cannot work whatever the service does.
    pub fn new(settings: Settings) -> Result<Self, ConnectorError> {
        let base = validate(&settings).map_err(ConnectorError::Settings)?;
        Ok(Self {
            rate: settings.service.rate(),
            settings,
            base,
        })
    }

    async fn session(&self) -> Result<Session<'_>, Problem> {
        let urls = urls(&self.base);
        let rate = self.rate.as_ref();
        Ok(Session::open(&self.settings.service, rate, &urls, ACCEPTED).await?)
    }

    async fn within_run_timeout<T>(
        &self,
        work: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let limit = self.settings.service.run_timeout;
        let timed = tokio::time::timeout(limit, work).await;
        timed.unwrap_or(Err(Problem::Web(WebProblem::RunTimeout(limit))))
    }

    /// Users, then groups.
    async fn read_all(
        &self,
        request: &ReadRequest,
        out: &mpsc::Sender<Batch>,
    ) -> Result<Vec<Outcome>, Problem> {
        let kinds = [Kind::User, Kind::Group].map(|kind| (kind, request.of(kind)));
        let parts = kinds.map(|(kind, part)| part.map(|part| (kind, part)));
        for (_, part) in parts.into_iter().flatten() {
            must_be_by_id(part)?;
        }
        let mut session = self.session().await?;
        let features = Features::ask(&mut session, &self.base).await?;
        let announced = announced::Attributes::ask(&mut session, &self.base).await?;
        let place = Place {
            base: &self.base,
            features,
            page_size: self.settings.page_size,
            omits_empty_members: self.settings.omits_empty_members,
        };
        let mut outcomes = Vec::new();
        for (kind, request_of_kind) in parts.into_iter().flatten() {
            if request_of_kind.filter.is_some() && !features.filter {
                let place = shown(&self.base);
                return Err(Problem::CannotFilter { place });
            }
            let shape = Shape {
                kind,
                request: request_of_kind,
                announced: &announced,
            };
            let outbox = Outbox::new(out, request.sample);
            let reading = Reading::new(&mut session, place, shape, outbox);
            outcomes.push(Box::pin(reading.run()).await?);
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl Connector for ScimConnector {
    async fn read(&self, request: &ReadRequest, out: mpsc::Sender<Batch>) -> Verdict {
        let everything = self.read_all(request, &out);
        let ended = tokio::select! {
            biased;
            () = out.closed() => Err(Problem::Web(WebProblem::Cancelled)),
            ended = self.within_run_timeout(everything) => ended,
        };
        match ended {
            Ok(outcomes) => verdict(outcomes),
            Err(problem) => Verdict::Failed {
                because: problem.to_string(),
            },
        }
    }

    async fn look_up(
        &self,
        _request: &ReadRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        let there = self
            .within_run_timeout(async {
                let mut session = self.session().await?;
                look_up::still_there(&mut session, &self.base, kind, keys).await
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
        let Some(part) = request.of(kind) else {
            return Ok(None);
        };
        must_be_by_id(part)?;
        // An entry's place is `Users/ID`.
        let place = format!("{}/", base::endpoint(kind));
        let Ok(id) = EntryKey::new(name.strip_prefix(&place).unwrap_or(name)) else {
            return Ok(None);
        };
        let one = async {
            let mut session = self.session().await?;
            let announced = announced::Attributes::ask(&mut session, &self.base).await?;
            let shape = Shape {
                kind,
                request: part,
                announced: &announced,
            };
            look_up::one(&mut session, &self.base, &shape, &id).await
        };
        Ok(self.within_run_timeout(one).await?)
    }

    /// Whoever is missing is looked up by id.
    fn absence(&self) -> Absence {
        Absence::Proven
    }

    async fn check(&self) -> Vec<CheckStep> {
        check::steps(&self.settings, &self.base, self.rate.as_ref()).await
    }

    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError> {
        let attributes = self
            .within_run_timeout(async {
                let mut session = self.session().await?;
                announced::Attributes::ask(&mut session, &self.base).await
            })
            .await?;
        if attributes.is_empty() {
            return Ok(None);
        }
        let named = attributes.names().map(str::to_owned);
        // What every resource has (RFC 7643 §3.1) stands in no schema.
        let common = COMMON.map(str::to_owned);
        Ok(Some(SourceSchema {
            attributes: common.into_iter().chain(named).collect(),
        }))
    }
}

/// The common attributes (RFC 7643 §3.1).
const COMMON: [&str; 9] = [
    "schemas",
    "id",
    "externalId",
    "meta",
    "meta.resourceType",
    "meta.created",
    "meta.lastModified",
    "meta.location",
    "meta.version",
];

impl From<Problem> for ConnectorError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Web(WebProblem::Cancelled) => Self::Cancelled,
            other => Self::Source(other.to_string()),
        }
    }
}

/// What can be known to be wrong with a filter before anybody is asked to apply it.
///
/// # Errors
/// The sentence that says what is wrong with it.
pub fn check_filter(filter: &str) -> Result<(), String> {
    Filter::parse(filter)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn validate(settings: &Settings) -> Result<Url, String> {
    check_url(&settings.service, "url", &settings.url)?;
    validate_service(&settings.service)?;
    if settings.page_size == 0 {
        return Err("page_size must be at least 1".to_owned());
    }
    Url::parse(&settings.url).map_err(|_| "url is no URL".to_owned())
}

fn must_be_by_id(request: &KindRequest) -> Result<(), Problem> {
    if request.key.eq_ignore_ascii_case(KEY) {
        Ok(())
    } else {
        Err(Problem::Key(request.key.clone()))
    }
}

/// The one host that is asked.
fn urls(base: &Url) -> [Url; 1] {
    [base.clone()]
}
