//! The append-only record of every change.

use time::OffsetDateTime;

use crate::ids::{SourceId, TenantId};
use crate::records::{Actor, JournalLine, JournalQuery};
use crate::{Store, StoreError, unfinished};

impl Store {
    /// A page of a tenant's journal.
    pub async fn journal(
        &self,
        tenant: TenantId,
        query: &JournalQuery,
    ) -> Result<Vec<JournalLine>, StoreError> {
        let _ = (tenant, query);
        unfinished()
    }

    /// Notes something about a run or a source that changes no resource.
    pub async fn note(
        &self,
        tenant: TenantId,
        source: Option<SourceId>,
        actor: &Actor,
        text: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let _ = (tenant, source, actor, text, now);
        unfinished()
    }
}
