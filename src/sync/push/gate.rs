//! What pushes of all connections share: the store, the time, numbers for new rows; and
//! the way in: whether a connection may write, and in which run it does.

use std::sync::Arc;

use rollcall_directory::fingerprint::Fingerprint;
use rollcall_store::ids::{LinkId, ResourceId, RunId};
use rollcall_store::{IdKind, Store, StoreError};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::super::clock::{Clock, Uuids};
use super::super::id_pool::IdPool;
#[cfg(test)]
use super::super::run::Engine;
use super::{Connection, PushError, Pusher};

/// How long the pushes of a connection are one run.
const RUN_MINUTES: i64 = 60;

/// See the module. Made once for a process.
#[derive(Debug)]
pub(crate) struct PushEngine {
    pub(super) store: Store,
    clock: Arc<dyn Clock>,
    numbers: Mutex<IdPool>,
    uuids: Uuids,
}

impl PushEngine {
    /// Beside an engine for pulled sources.
    #[cfg(test)]
    pub(crate) fn new(engine: &Engine) -> Arc<Self> {
        Self::over(engine.store.clone(), engine.clock.clone())
    }

    /// Over a store.
    pub(crate) fn over(store: Store, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            numbers: Mutex::new(IdPool::new(store.clone())),
            store,
            clock,
            uuids: Uuids::default(),
        })
    }

    /// Writes for a connection. Costs nothing: made for each request.
    pub(crate) fn pusher(self: &Arc<Self>, connection: Arc<Connection>) -> Pusher {
        Pusher::new(Arc::clone(self), connection)
    }

    /// Now, as exactly as the store keeps it.
    pub(super) fn now(&self) -> OffsetDateTime {
        let now = self.clock.now();
        now.replace_microsecond(now.microsecond()).unwrap_or(now)
    }

    /// The run in which the connection writes; refused while it is paused.
    pub(super) async fn admit(
        &self,
        connection: &Connection,
        now: OffsetDateTime,
    ) -> Result<RunId, PushError> {
        let source = connection.source.id;
        let since = beginning(now);
        let state = self.store.push_state(source, since).await?;
        // The configuration may pause it, too, of which the store knows nothing.
        let paused = state.paused.or_else(|| connection.source.paused.clone());
        if let Some(because) = paused {
            return Err(PushError::Paused { because });
        }
        match state.run {
            Some(run) => Ok(run),
            None => Ok(self.store.push_run(source, since, mark(), now).await?),
        }
    }

    pub(super) async fn resource_number(&self) -> Result<ResourceId, StoreError> {
        let number = self.numbers.lock().await.next(IdKind::Resource).await?;
        Ok(ResourceId(number))
    }

    pub(super) async fn link_number(&self) -> Result<LinkId, StoreError> {
        Ok(LinkId(self.numbers.lock().await.next(IdKind::Link).await?))
    }

    pub(super) fn uuid(&self, now: OffsetDateTime) -> Uuid {
        self.uuids.next(now)
    }
}

/// When the run that is going on at `now` began at the earliest: the hour on the clock.
fn beginning(now: OffsetDateTime) -> OffsetDateTime {
    let seconds = RUN_MINUTES * 60;
    now - Duration::seconds(now.unix_timestamp().rem_euclid(seconds))
        - Duration::nanoseconds(now.nanosecond().into())
}

/// What stands where entries of pulled sources have the fingerprint of their mapping.
pub(super) fn mark() -> Fingerprint {
    Fingerprint::of(super::KIND.as_bytes())
}
