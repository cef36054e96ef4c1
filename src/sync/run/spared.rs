//! What a run takes from the last good one to ask the source whether anything has changed,
//! and what it leaves for the next.

use rollcall_connectors::Verdict;
use rollcall_store::records::RunState;

use super::{Going, Mode};
use crate::sync::SyncError;
use crate::sync::reader::{LinkIndex, Reading};
use crate::sync::unchanged::Kept;

impl Going<'_> {
    /// Takes away what the last good run left; gives it if it may be used. A plan always
    /// reads everything, and leaves it where it is.
    pub(super) async fn take_kept(
        &self,
        index: &LinkIndex,
        quarantined: usize,
    ) -> Result<Option<Kept>, SyncError> {
        if self.mode == Mode::Plan {
            return Ok(None);
        }
        let (store, source) = (&self.engine.store, &self.setup.source);
        let Some(text) = store.validators(source.id).await? else {
            return Ok(None);
        };
        store.keep_validators(source.id, None).await?;
        let kept: Option<Kept> = serde_json::from_str(&text).ok();
        Ok(kept.filter(|k| k.are_good(self.setup.settings, index, quarantined, self.now)))
    }

    /// Leaves for the next run what this read left, if all of it was taken and written.
    pub(super) async fn leave_kept(
        &self,
        reading: Reading,
        state: RunState,
        names_passed: bool,
    ) -> Result<(), SyncError> {
        let all_done =
            state == RunState::Applied && self.unwritten == 0 && self.report.tally.quarantined == 0;
        if !all_done || !reading.steady || names_passed {
            return Ok(());
        }
        let kept = match (reading.verdict, reading.validators) {
            (Verdict::Unchanged { .. }, _) => self.kept.clone(),
            (_, validators) => validators.map(|validators| Kept {
                settings: self.setup.settings,
                run: self.run,
                taken: self.now,
                users: reading.users,
                groups: reading.groups,
                validators,
            }),
        };
        if let Some(kept) = kept {
            let text = serde_json::to_string(&kept).map_err(SyncError::Report)?;
            let source = self.setup.source.id;
            self.engine
                .store
                .keep_validators(source, Some(&text))
                .await?;
        }
        Ok(())
    }
}
