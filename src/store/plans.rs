//! The steps of plans that wait to be applied.

use crate::ids::RunId;
use crate::writes::Step;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// Keeps steps of a plan, numbered from `first_seq`.
    pub async fn save_steps(
        &self,
        run: RunId,
        first_seq: i64,
        steps: &[Step],
    ) -> Result<(), StoreError> {
        let _ = (run, first_seq, steps);
        unfinished()
    }

    /// The next steps of a plan beyond `after_seq`, in order, at most `limit`.
    pub async fn steps(
        &self,
        run: RunId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<(i64, Step)>, StoreError> {
        let _ = (run, after_seq, limit);
        unfinished()
    }

    /// How many steps a plan has.
    pub async fn count_steps(&self, run: RunId) -> Result<u64, StoreError> {
        let _ = (run);
        unfinished()
    }

    /// Forgets a plan's steps.
    pub async fn drop_steps(&self, run: RunId) -> Result<(), StoreError> {
        let _ = (run);
        unfinished()
    }
}
