//! Users and groups, read.

use rollcall_directory::entry::Kind;
use time::OffsetDateTime;

use crate::ids::{ResourceId, TenantId};
use crate::records::{ListQuery, Resource, ResourceList};
use crate::{Store, StoreError, unfinished};

/// What resources are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum By {
    /// `userName`, ignoring case.
    UserName,
    /// `externalId`, exactly.
    ExternalId,
    /// `displayName`, ignoring case.
    DisplayName,
    /// Any e-mail address, ignoring case.
    Email,
    /// The SCIM id.
    Uuid,
}

impl By {
    /// The form in which texts are compared.
    #[must_use]
    pub fn fold(self, text: &str) -> String {
        match self {
            Self::ExternalId => text.to_owned(),
            Self::UserName | Self::DisplayName | Self::Email | Self::Uuid => text.to_lowercase(),
        }
    }
}

impl Store {
    /// Resources by number. Those that are gone are missing from the answer.
    pub async fn resources(&self, ids: &[ResourceId]) -> Result<Vec<Resource>, StoreError> {
        let _ = (ids);
        unfinished()
    }

    /// Who carries one of `texts`: pairs of the text as asked for and the resource.
    pub async fn resources_by(
        &self,
        tenant: TenantId,
        kind: Kind,
        by: By,
        texts: &[String],
    ) -> Result<Vec<(String, ResourceId)>, StoreError> {
        let _ = (tenant, kind, by, texts);
        unfinished()
    }

    /// Part of a tenant's users or groups.
    pub async fn list_resources(
        &self,
        tenant: TenantId,
        kind: Kind,
        query: &ListQuery,
    ) -> Result<ResourceList, StoreError> {
        let _ = (tenant, kind, query);
        unfinished()
    }

    /// Resources that no source holds since `before` or longer.
    pub async fn orphans(
        &self,
        tenant: TenantId,
        before: OffsetDateTime,
    ) -> Result<Vec<Resource>, StoreError> {
        let _ = (tenant, before);
        unfinished()
    }
}
