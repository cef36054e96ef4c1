//! Bearer tokens with which SCIM is read; only their hashes are stored.

use time::OffsetDateTime;

use crate::ids::TenantId;
use crate::records::Token;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// Keeps a new token; its name must be new in the tenant.
    pub async fn create_token(
        &self,
        tenant: TenantId,
        name: &str,
        hash: [u8; 32],
        scope: &str,
        expires: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let _ = (tenant, name, hash, scope, expires, now);
        unfinished()
    }

    /// All tokens of a tenant, by name.
    pub async fn tokens(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let _ = (tenant);
        unfinished()
    }

    /// The token with this hash, of whatever tenant, expired or not.
    pub async fn token_by_hash(&self, hash: [u8; 32]) -> Result<Option<Token>, StoreError> {
        let _ = (hash);
        unfinished()
    }

    /// Ends a token; `false`: there was none of that name.
    pub async fn revoke_token(&self, tenant: TenantId, name: &str) -> Result<bool, StoreError> {
        let _ = (tenant, name);
        unfinished()
    }

    /// Remembers that a token was used; writes at most once a minute.
    pub async fn touch_token(&self, token: &Token, now: OffsetDateTime) -> Result<(), StoreError> {
        let _ = (token, now);
        unfinished()
    }
}
