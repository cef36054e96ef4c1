//! The batch: all writes of some steps in one transaction, or none.
//!
//! A batch goes through four hands. [`prepared`] turns the writes into texts and numbers,
//! before any lock is held. Inside the transaction [`known`] loads the rows that they
//! build on; [`ledger`] does the writes in memory, one after the other, and so finds what
//! each row is in the end and what the journal says on the way; [`flush`] writes the rows
//! that differ, table by table, a few statements for the whole batch.
//!
//! The first attempt is hopeful: it leaves it to the database to notice that a name or a
//! key is taken, which is rare. If the database does, the batch is run again carefully:
//! [`blame`] looks for the step that is to blame.

mod blame;
mod flush;
mod known;
mod ledger;
mod prepared;
pub(crate) mod values;

use std::ops::Range;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::Store;
use crate::driver::{Trouble, Tx, Value, binds, micros, statements};
use crate::error::{CommitError, StoreError};
use crate::ids::{SourceId, TenantId};
use crate::records::Actor;
use crate::schemas::{Registered, Registrations};
use crate::writes::{Fence, Step};

use known::Known;
use ledger::{Ledger, ResourceSlot};
pub use prepared::{PrepareError, PreparedStep, storable};

/// How often a batch is looked through carefully before the store gives up: each time
/// somebody else must have taken a name between the look and the write.
const CAREFUL_ATTEMPTS_MAX: usize = 4;

statements! {
    FENCE = "SELECT number FROM leases WHERE name = $1 AND expires > 0",
        postgres: "SELECT number FROM leases WHERE name = $1 AND expires > 0 FOR SHARE";
}

/// How closely a batch is looked at before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Hopeful,
    Careful,
}

/// A batch on its way.
#[derive(Debug)]
struct Batch {
    steps: Arc<[PreparedStep]>,
    /// Of the steps, those that are written.
    range: Range<usize>,
    tenant: TenantId,
    source: Option<SourceId>,
    actor: Actor,
    fence: Option<Fence>,
    now: i64,
    registrations: Arc<Registrations>,
}

impl Store {
    /// Does all writes of all steps, with their journal lines, in one transaction; or, if
    /// one cannot be done, none. A userName may pass from one resource to another within
    /// the batch, whatever the order of the steps: uniqueness counts at its end.
    pub async fn commit(
        &self,
        steps: &[Step],
        actor: &Actor,
        source: Option<SourceId>,
        tenant: TenantId,
        fence: Option<&Fence>,
        now: OffsetDateTime,
    ) -> Result<(), CommitError> {
        let prepared = steps.iter().enumerate().map(|(index, step)| {
            PreparedStep::of(step).map_err(|error| match error {
                PrepareError::Step(cause) => CommitError::Step { index, cause },
                PrepareError::Store(error) => error.into(),
            })
        });
        let prepared: Arc<[PreparedStep]> = prepared.collect::<Result<_, _>>()?;
        let all = 0..prepared.len();
        self.commit_prepared(prepared, all, actor, source, tenant, fence, now)
            .await
    }

    /// The same for those of `steps` that are in `range`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what is written, and by whom, when and under which lease"
    )]
    pub async fn commit_prepared(
        &self,
        steps: Arc<[PreparedStep]>,
        range: Range<usize>,
        actor: &Actor,
        source: Option<SourceId>,
        tenant: TenantId,
        fence: Option<&Fence>,
        now: OffsetDateTime,
    ) -> Result<(), CommitError> {
        let batch = Arc::new(Batch {
            steps,
            range,
            tenant,
            source,
            actor: actor.clone(),
            fence: fence.cloned(),
            now: micros(now),
            registrations: Arc::clone(&self.registrations),
        });
        let mut care = Care::Hopeful;
        let mut reason = String::new();
        for _ in 0..=CAREFUL_ATTEMPTS_MAX {
            let attempt = Arc::clone(&batch);
            let outcome = self
                .database
                .write(move |tx| {
                    let batch = Arc::clone(&attempt);
                    Box::pin(async move { batch.write(tx, care).await })
                })
                .await;
            match outcome {
                Ok(()) => return Ok(()),
                Err(Trouble::Constraint(said)) => {
                    reason = said;
                    care = Care::Careful;
                }
                Err(Trouble::Refused(refused)) => return Err(refused),
                Err(other) => return Err(StoreError::from(other).into()),
            }
        }
        Err(StoreError::Conflict { reason }.into())
    }
}

impl Batch {
    async fn write(&self, tx: &mut Tx, care: Care) -> Result<(), Trouble> {
        self.check_fence(tx).await?;
        let steps = self.steps.get(self.range.clone()).unwrap_or_default();
        let known = Known::load(tx, steps, self.tenant, care).await?;
        let ledger = Ledger::of(steps, &known, self.now).map_err(Trouble::Refused)?;
        let registered = self.registered(tx, &ledger).await?;
        if care == Care::Careful {
            blame::look(tx, &ledger, self.tenant).await?;
            blame::values(tx, &ledger, self.tenant, registered.as_deref()).await?;
        }
        flush::flush(tx, &ledger, self, registered.as_deref()).await
    }

    /// What is registered, where a document is written or somebody goes or comes back.
    async fn registered(
        &self,
        tx: &mut Tx,
        ledger: &Ledger<'_>,
    ) -> Result<Option<Arc<Registered>>, Trouble> {
        if !ledger.resources.values().any(ResourceSlot::needs_values) {
            return Ok(None);
        }
        let registered = self.registrations.to_write_under(tx, self.tenant).await?;
        Ok((!registered.indexed.is_empty()).then_some(registered))
    }

    /// The lease must still be ours, and stay so until the commit.
    async fn check_fence(&self, tx: &mut Tx) -> Result<(), Trouble> {
        let Some(fence) = &self.fence else {
            return Ok(());
        };
        let held: Vec<(i64,)> = tx.fetch(FENCE, &binds![fence.lease.as_str()]).await?;
        if held.first() == Some(&(fence.number,)) {
            return Ok(());
        }
        Err(Trouble::Refused(CommitError::Fenced {
            lease: fence.lease.clone(),
        }))
    }

    /// The columns that are the same in each of the batch's journal lines.
    fn signature(&self) -> Vec<Value> {
        let (word, run) = self.actor.parts();
        binds![self.now, self.tenant, word, run, self.source]
    }
}

/// The statements of the batch's parts.
#[cfg(test)]
pub(crate) fn statements_of_parts() -> Vec<crate::driver::Statement> {
    [
        blame::STATEMENTS,
        flush::STATEMENTS,
        known::STATEMENTS,
        values::STATEMENTS,
    ]
    .concat()
}
