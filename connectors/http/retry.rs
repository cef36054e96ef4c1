//! Patience with a service that cannot answer just now: what is tried again, when, and
//! for how long. 5xx and broken connections get five tries with growing, jittered pauses;
//! 429 and 503 with `Retry-After` (RFC 9110 §10.2.3) get the time that they ask for, up to
//! a limit each and a limit a run.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::problem::Problem;

/// How often one page is asked for before a passing trouble counts as lasting.
pub(crate) const TRIES_MAX: usize = 5;

/// What became of one try.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Trying again would not help.
    Lasting(Problem),
    /// It may pass; the problem if it does not.
    Passing(Problem),
    /// The service said when to come back.
    Later {
        /// How long it asks us to wait.
        wait: Duration,
        /// Where.
        place: String,
    },
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Lasting(problem)
    }
}

/// The limits on waiting, and how much of them a run has left.
#[derive(Debug)]
pub(crate) struct Waits {
    retry_after_max: Duration,
    pause: (Duration, Duration),
    left: Duration,
}

impl Waits {
    pub(crate) fn new(settings: &super::settings::Settings) -> Self {
        Self {
            retry_after_max: settings.retry_after_max,
            pause: settings.retry_pause,
            left: settings.waits_max,
        }
    }

    /// The patience with one page.
    pub(crate) fn patience(&self) -> Patience {
        let (first, longest) = self.pause;
        Patience {
            pauses: ExponentialBuilder::new()
                .with_min_delay(first)
                .with_max_delay(longest)
                .with_max_times(TRIES_MAX - 1)
                .with_jitter()
                // backon draws the jitter from a fixed seed unless it gets one.
                .with_jitter_seed(RandomState::new().build_hasher().finish())
                .build(),
        }
    }

    async fn spend(&mut self, wait: Duration, place: &str) -> Result<(), Problem> {
        let Some(left) = self.left.checked_sub(wait) else {
            return Err(Problem::WaitsSpent {
                place: place.to_owned(),
            });
        };
        self.left = left;
        tracing::debug!(
            place,
            seconds = wait.as_secs_f32(),
            "waiting before the next try"
        );
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// How much patience is left with one page.
#[derive(Debug)]
pub(crate) struct Patience {
    pauses: ExponentialBackoff,
}

impl Patience {
    /// Waits before the next try, or gives the problem when there shall be none.
    pub(crate) async fn bear(
        &mut self,
        trouble: Trouble,
        waits: &mut Waits,
    ) -> Result<(), Problem> {
        match trouble {
            Trouble::Lasting(problem) => Err(problem),
            Trouble::Passing(problem) => match self.pauses.next() {
                Some(pause) => waits.spend(pause, "").await.map_err(|_| problem),
                None => Err(problem),
            },
            Trouble::Later { wait, place } if wait > waits.retry_after_max => {
                Err(Problem::WaitTooLong {
                    place,
                    asked: wait,
                    limit: waits.retry_after_max,
                })
            }
            Trouble::Later { wait, place } => waits.spend(wait, &place).await,
        }
    }
}

/// What `Retry-After` asks for: seconds, or a date by the service's own clock. `None` if
/// it is missing, unreadable or asks for no wait at all: such an answer counts as a try,
/// else a service could keep us asking for ever.
pub(crate) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let until = OffsetDateTime::parse(text, &Rfc2822).ok()?;
        let now = headers.get(DATE).and_then(date).unwrap_or(now);
        Duration::try_from(until - now).ok()?
    };
    (wait > Duration::ZERO).then_some(wait)
}

/// A date of HTTP (RFC 9110 §5.6.7), in the form that is in use.
pub(crate) fn date(value: &HeaderValue) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(value.to_str().ok()?, &Rfc2822).ok()
}
