//! Writes steps into the directory, a transaction at a time.

use std::ops::Range;
use std::sync::Arc;

use rollcall_connectors::Batch;
use rollcall_store::ids::RunId;
use rollcall_store::records::Actor;
use rollcall_store::writes::{Fence, Step};
use rollcall_store::{CommitError, PrepareError, PreparedStep, StepConflict, Store};
use time::OffsetDateTime;

use super::SyncError;
use super::refused::Refused;
use super::setup::Footing;

/// Writes for one run, under its lease.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    store: Store,
    source: rollcall_store::records::Source,
    actor: Actor,
    fence: Option<Fence>,
    now: OffsetDateTime,
}

impl Writer {
    pub(super) fn new(
        store: &Store,
        footing: &Footing,
        actor: Actor,
        fence: Option<&Fence>,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            store: store.clone(),
            source: footing.source.clone(),
            actor,
            fence: fence.cloned(),
            now,
        }
    }

    /// Writes steps, [`Batch::ENTRIES_MAX`] a transaction; returns those that could not be
    /// written.
    pub(super) async fn write_all(
        &self,
        steps: &[Step],
        mut written: impl FnMut(u64),
    ) -> Result<Vec<Refused>, SyncError> {
        let mut left = Vec::new();
        for chunk in steps.chunks(Batch::ENTRIES_MAX) {
            left.extend(self.write(chunk).await?);
            written(chunk.len() as u64);
        }
        // Two people who swap their names may stand in two transactions.
        let is_name = |cause: &StepConflict| matches!(cause, StepConflict::UserNameTaken { .. });
        if left.len() <= Batch::ENTRIES_MAX && left.iter().any(|(_, cause)| is_name(cause)) {
            left = self.write_together(left).await?;
        }
        Ok(left
            .into_iter()
            .map(|(step, cause)| Refused::of(step, cause))
            .collect())
    }

    /// Writes steps in one transaction. One that fails is tried step by step, so that one
    /// entry fails alone; returns the steps that could not be written.
    async fn write<'s>(&self, steps: &'s [Step]) -> Result<Vec<Unwritten<'s>>, SyncError> {
        let (prepared, places, mut left) = prepare(steps)?;
        for (index, cause) in self.write_prepared(&prepared.into()).await? {
            left.extend(places.get(index).map(|step| (*step, cause)));
        }
        Ok(left)
    }

    /// Writes steps that failed alone once more, in one transaction: those that still fail
    /// leave it, until the rest is written.
    async fn write_together<'s>(
        &self,
        mut left: Vec<Unwritten<'s>>,
    ) -> Result<Vec<Unwritten<'s>>, SyncError> {
        let mut refused = Vec::new();
        while !left.is_empty() {
            let mut prepared = Vec::with_capacity(left.len());
            let mut places = Vec::with_capacity(left.len());
            for (step, cause) in std::mem::take(&mut left) {
                match PreparedStep::of(step) {
                    Ok(ready) => {
                        prepared.push(ready);
                        places.push((step, cause));
                    }
                    Err(_) => refused.push((step, cause)),
                }
            }
            let count = prepared.len();
            match self.commit_prepared(&prepared.into(), 0..count).await {
                Ok(()) => break,
                Err(CommitError::Step { index, cause }) if index < count => {
                    let (step, _) = places.remove(index);
                    refused.push((step, cause));
                    left = places;
                }
                Err(other) => return Err(other.into()),
            }
        }
        Ok(refused)
    }

    /// Writes prepared steps in one transaction, or else one by one; returns the places of
    /// those that could not be written, and why.
    pub(super) async fn write_prepared(
        &self,
        steps: &Arc<[PreparedStep]>,
    ) -> Result<Vec<(usize, StepConflict)>, SyncError> {
        let count = steps.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        match self.commit_prepared(steps, 0..count).await {
            Ok(()) => return Ok(Vec::new()),
            Err(CommitError::Step { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        let mut left = Vec::new();
        for index in 0..count {
            match self.commit_prepared(steps, index..index + 1).await {
                Ok(()) => {}
                Err(CommitError::Step { cause, .. }) => left.push((index, cause)),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(left)
    }

    /// Puts the entries of refused steps into quarantine; returns how many there are.
    pub(super) async fn set_aside(
        &self,
        refused: &[Refused],
        run: RunId,
    ) -> Result<u64, SyncError> {
        let steps: Vec<Step> = refused.iter().filter_map(|r| r.quarantine(run)).collect();
        for chunk in steps.chunks(Batch::ENTRIES_MAX) {
            self.write(chunk).await?;
        }
        Ok(steps.len() as u64)
    }

    async fn commit_prepared(
        &self,
        steps: &Arc<[PreparedStep]>,
        range: Range<usize>,
    ) -> Result<(), CommitError> {
        self.store
            .commit_prepared(
                Arc::clone(steps),
                range,
                &self.actor,
                Some(self.source.id),
                self.source.tenant,
                self.fence.as_ref(),
                self.now,
            )
            .await
    }
}

/// A step that could not be written, and why.
type Unwritten<'s> = (&'s Step, StepConflict);

/// Steps that are prepared, the steps that they were made from, and those that no row can
/// hold.
type Prepared<'s> = (Vec<PreparedStep>, Vec<&'s Step>, Vec<Unwritten<'s>>);

/// Prepares steps, and parts from them those that no row can hold.
pub(super) fn prepare(steps: &[Step]) -> Result<Prepared<'_>, SyncError> {
    let mut prepared = Vec::with_capacity(steps.len());
    let mut places = Vec::with_capacity(steps.len());
    let mut left = Vec::new();
    for step in steps {
        match PreparedStep::of(step) {
            Ok(ready) => {
                prepared.push(ready);
                places.push(step);
            }
            Err(PrepareError::Step(cause)) => left.push((step, cause)),
            Err(PrepareError::Store(error)) => return Err(error.into()),
        }
    }
    Ok((prepared, places, left))
}
