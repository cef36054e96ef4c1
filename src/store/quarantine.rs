//! Entries that could not be mapped or reconciled.

use crate::ids::SourceId;
use crate::records::Quarantined;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// All of a source, by kind and name.
    pub async fn quarantined(&self, source: SourceId) -> Result<Vec<Quarantined>, StoreError> {
        let _ = (source);
        unfinished()
    }
}
