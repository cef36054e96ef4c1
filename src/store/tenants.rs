//! Tenants: isolated directories.

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::records::Tenant;
use crate::{Store, StoreError};

statements! {
    ENSURE_TENANT = "INSERT INTO tenants (name) VALUES ($1)
        ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id, name, schemas_version";
    TENANT_BY_NAME = "SELECT id, name, schemas_version FROM tenants WHERE name = $1";
    TENANTS = "SELECT id, name, schemas_version FROM tenants ORDER BY name";
}

impl FromCells for Tenant {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            name: cells.take()?,
            schemas_version: cells.take()?,
        })
    }
}

impl Store {
    /// The tenant of this name, made if it is not there.
    pub async fn ensure_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        let known = self
            .database
            .fetch_one(TENANT_BY_NAME, binds![name])
            .await?;
        if let Some(tenant) = known {
            return Ok(tenant);
        }
        self.database
            .execute_returning(ENSURE_TENANT, binds![name])
            .await?
            .pop()
            .ok_or_else(|| StoreError::missing(format!("tenant {name}")))
    }

    /// All tenants, by name.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.database.fetch(TENANTS, binds![]).await
    }
}
