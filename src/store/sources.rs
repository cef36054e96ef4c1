//! What the store remembers of each source between runs.

use rollcall_directory::fingerprint::Fingerprint;
use time::OffsetDateTime;

use crate::ids::{SourceId, TenantId};
use crate::records::Source;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// The source of this name, made if it is not there. Its kind follows the configuration.
    pub async fn ensure_source(
        &self,
        tenant: TenantId,
        name: &str,
        kind: &str,
    ) -> Result<Source, StoreError> {
        let _ = (tenant, name, kind);
        unfinished()
    }

    /// All sources of a tenant, by name.
    pub async fn sources(&self, tenant: TenantId) -> Result<Vec<Source>, StoreError> {
        let _ = (tenant);
        unfinished()
    }

    /// A source by its number.
    pub async fn source(&self, id: SourceId) -> Result<Option<Source>, StoreError> {
        let _ = (id);
        unfinished()
    }

    /// Pauses a source, saying why, or lets it go on.
    pub async fn set_paused(
        &self,
        source: SourceId,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let _ = (source, reason);
        unfinished()
    }

    /// Remembers that a read under these settings was complete.
    pub async fn source_ended_well(
        &self,
        source: SourceId,
        settings: Fingerprint,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let _ = (source, settings, at);
        unfinished()
    }

    /// Remembers when a scheduled run was due.
    pub async fn set_last_due(
        &self,
        source: SourceId,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let _ = (source, at);
        unfinished()
    }
}
