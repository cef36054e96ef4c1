//! The push guard: how many active people a connection may deactivate or delete within some
//! time. A customer's mistake that ends everybody is held back here, until it has passed or
//! an administrator approves it; everything else goes on. What it counts is kept in the
//! store: a restart does not forget it, and all replicas share it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rollcall_store::connections::GuardState;
use rollcall_store::ids::{ResourceId, SourceId};
use rollcall_store::records::Actor;
use rollcall_store::{Store, StoreError};
use time::OffsetDateTime;

use super::Admitted;
use crate::config::PushGuards;
use crate::sync::Clock;
use crate::sync::push::{Held, PushEffect, PushGuard};

/// How long it counts for how many people a connection holds: counting is not free, and
/// the number moves slowly.
const TOTAL_FRESH: Duration = Duration::from_secs(30);
/// How often it is written that the guard goes on holding.
const HELD_EXACT_TO: time::Duration = time::Duration::MINUTE;
/// Nobody is asked to come back sooner.
const RETRY_AFTER_MIN: Duration = Duration::from_mins(1);
/// How long a client waits when the guard cannot be asked.
const RETRY_AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// The guard of one connection.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    store: Store,
    clock: Arc<dyn Clock>,
    client: Admitted,
    source: SourceId,
    total: Mutex<Option<(Instant, u64)>>,
}

impl ConnectionGuard {
    /// `None`: the client is no source.
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, client: &Admitted) -> Option<Self> {
        Some(Self {
            store,
            clock,
            source: client.source.as_ref()?.id,
            client: client.clone(),
            total: Mutex::new(None),
        })
    }

    /// What it was made for.
    pub(super) fn settings(&self) -> PushGuards {
        self.client.settings.guard
    }

    async fn judge(&self, whom: ResourceId) -> Result<Result<(), Held>, StoreError> {
        let now = self.clock.now();
        let guard = self.settings();
        let state = self.store.guard_state(self.source).await?;
        if state.approved_until.is_some_and(|until| now < until) {
            return Ok(Ok(()));
        }
        let since = now - window(&guard);
        let counts = async |limit| {
            let within = (since, limit);
            self.store
                .count_ending(self.source, whom, within, now)
                .await
        };
        // As long as few have ended, nobody needs to be counted.
        if counts(guard.removals.at_least).await? {
            return Ok(Ok(()));
        }
        let ended = self.store.endings(self.source, since).await?;
        let total = self.total(since).await?;
        let limit = guard.removals.of(total);
        if limit > guard.removals.at_least && counts(limit).await? {
            return Ok(Ok(()));
        }
        let detail = format!(
            "connection {name} has deactivated or deleted {count} of {total} active people within {window}, and its guard allows {limit}: this write is held back; if it is meant, the administrator of this service lets it through (rollcall connection approve {name})",
            name = self.client.name,
            count = ended.count,
            window = spoken(guard.window),
        );
        self.alarm(&state, &detail, now).await?;
        let first = ended.first.unwrap_or(now);
        let free = Duration::try_from(first + window(&guard) - now).unwrap_or_default();
        Ok(Err(Held {
            detail,
            retry_after: free.max(RETRY_AFTER_MIN),
        }))
    }

    /// Tells whoever watches, once for all that is held within the window.
    async fn alarm(
        &self,
        state: &GuardState,
        detail: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.client.count_refused("guard");
        if state
            .held_last
            .is_some_and(|last| now < last + HELD_EXACT_TO)
        {
            return Ok(());
        }
        let before = now - window(&self.settings());
        if !self.store.guard_holds(self.source, before, now).await? {
            return Ok(());
        }
        let (tenant, connection) = (&self.client.tenant.name, &self.client.name);
        tracing::error!(tenant, connection, "the guard holds writes back: {detail}");
        let state = self.store.push_state(self.source, before).await?;
        let actor = state.run.map_or(Actor::Time, Actor::Connection);
        let source = Some(self.source);
        self.store
            .note(self.client.tenant.id, source, &actor, detail, now)
            .await
    }

    /// How many active people there would be had the connection ended nobody since then.
    /// That number stands still while a wave goes on, and so does the limit.
    async fn total(&self, since: OffsetDateTime) -> Result<u64, StoreError> {
        let known = *self.total.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((counted, total)) = known
            && counted.elapsed() < TOTAL_FRESH
        {
            return Ok(total);
        }
        let total = self.store.active_people_of(self.source, since).await?;
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), total));
        Ok(total)
    }
}

#[async_trait]
impl PushGuard for ConnectionGuard {
    async fn admit(&self, whom: ResourceId, effect: PushEffect) -> Result<(), Held> {
        if effect == (PushEffect::Deletes { active: false }) {
            return Ok(());
        }
        self.judge(whom).await.unwrap_or_else(|error| {
            let connection = &self.client.name;
            tracing::error!(connection, %error, "the guard cannot be asked, so nobody is ended");
            Err(Held {
                detail:
                    "the guard of this connection cannot be asked at the moment; try again later"
                        .to_owned(),
                retry_after: RETRY_AFTER_TROUBLE,
            })
        })
    }
}

/// Whether a guard in this state, with these settings, holds writes back now.
pub(crate) fn holds_now(state: &GuardState, guard: &PushGuards, now: OffsetDateTime) -> bool {
    state
        .held_last
        .is_some_and(|last| now < last + window(guard))
}

fn window(guard: &PushGuards) -> time::Duration {
    time::Duration::try_from(guard.window).unwrap_or(time::Duration::MAX)
}

/// A duration in words.
fn spoken(duration: Duration) -> String {
    let minutes = duration.as_secs() / 60;
    match minutes {
        0 => format!("{} seconds", duration.as_secs()),
        60 => "an hour".to_owned(),
        _ if minutes.is_multiple_of(60) => format!("{} hours", minutes / 60),
        _ => format!("{minutes} minutes"),
    }
}
