//! Writes steps into the directory, a transaction at a time.

use std::ops::Range;
use std::sync::Arc;

use rollcall_connectors::Batch;
use rollcall_store::records::Actor;
use rollcall_store::writes::{Fence, Step};
use rollcall_store::{CommitError, PrepareError, PreparedStep, StepConflict, Store};
use time::OffsetDateTime;

use super::SyncError;
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

    /// Writes steps, [`Batch::ENTRIES_MAX`] a transaction; returns a note for each that
    /// could not be written.
    pub(super) async fn write_all(
        &self,
        steps: &[Step],
        mut written: impl FnMut(u64),
    ) -> Result<Vec<String>, SyncError> {
        let mut notes = Vec::new();
        for chunk in steps.chunks(Batch::ENTRIES_MAX) {
            notes.extend(self.write(chunk).await?);
            written(chunk.len() as u64);
        }
        Ok(notes)
    }

    /// Writes steps in one transaction. One that fails is tried step by step, so that one
    /// entry fails alone; returns a note for each step that could not be written.
    pub(super) async fn write(&self, steps: &[Step]) -> Result<Vec<String>, SyncError> {
        let mut notes = Vec::new();
        let prepared = prepare(steps, &mut notes)?;
        notes.extend(self.write_prepared(prepared.into()).await?);
        Ok(notes)
    }

    /// The same for steps that are prepared.
    pub(super) async fn write_prepared(
        &self,
        steps: Arc<[PreparedStep]>,
    ) -> Result<Vec<String>, SyncError> {
        let count = steps.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        match self.commit_prepared(&steps, 0..count).await {
            Ok(()) => return Ok(Vec::new()),
            Err(CommitError::Step { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        let mut notes = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            match self.commit_prepared(&steps, index..index + 1).await {
                Ok(()) => {}
                Err(CommitError::Step { cause, .. }) => notes.push(note(step.subject(), &cause)),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(notes)
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

/// Prepares steps; leaves out those that no row can hold, with a note for each.
pub(super) fn prepare(
    steps: &[Step],
    notes: &mut Vec<String>,
) -> Result<Vec<PreparedStep>, SyncError> {
    let mut prepared = Vec::with_capacity(steps.len());
    for step in steps {
        match PreparedStep::of(step) {
            Ok(step) => prepared.push(step),
            Err(PrepareError::Step(cause)) => notes.push(note(&step.subject, &cause)),
            Err(PrepareError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(prepared)
}

fn note(subject: &str, cause: &StepConflict) -> String {
    format!("{subject}: {cause}; the next run tries it again")
}
