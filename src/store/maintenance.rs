//! What whoever operates the store needs.

use std::ops::Range;
use std::path::Path;

use crate::ids::{IdKind, TenantId};
use crate::records::TenantStatistics;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// The version of the schema.
    pub async fn schema_version(&self) -> Result<i64, StoreError> {
        unfinished()
    }

    /// Whether the database answers and has the schema that this program needs.
    pub async fn is_ready(&self) -> bool {
        false
    }

    /// Copies a SQLite store, as it is at one instant, into a new file while others write.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let _ = (to);
        unfinished()
    }

    /// How much each tenant holds.
    pub async fn statistics(&self) -> Result<Vec<TenantStatistics>, StoreError> {
        unfinished()
    }

    /// Numbers for new rows, never given before and never again.
    pub async fn reserve_ids(&self, kind: IdKind, count: u32) -> Result<Range<i64>, StoreError> {
        let _ = (kind, count);
        unfinished()
    }

    /// What a tenant's directory holds, as sorted JSON lines without numbers, SCIM ids,
    /// time stamps and runs: equal for two directories that hold the same.
    pub async fn dump(&self, tenant: TenantId) -> Result<Vec<String>, StoreError> {
        let _ = (tenant);
        unfinished()
    }
}
