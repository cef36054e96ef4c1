//! Tenants: isolated directories.

use crate::ids::TenantId;
use crate::records::Tenant;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// The tenant of this name, made if it is not there.
    pub async fn ensure_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        let _ = (name);
        unfinished()
    }

    /// All tenants, by name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        unfinished()
    }
}
