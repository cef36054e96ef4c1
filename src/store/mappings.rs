//! Mapping files as they were when they made contributions.

use rollcall_directory::fingerprint::Fingerprint;

use crate::records::MappingText;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// Keeps a mapping's text, once.
    pub async fn remember_mapping(&self, mapping: &MappingText) -> Result<(), StoreError> {
        let _ = (mapping);
        unfinished()
    }

    /// The mapping that had this fingerprint.
    pub async fn mapping_text(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<MappingText>, StoreError> {
        let _ = (fingerprint);
        unfinished()
    }
}
