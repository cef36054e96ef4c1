//! Bearer tokens with which SCIM is read; only their hashes are stored.

use time::{Duration, OffsetDateTime};

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::ids::TenantId;
use crate::records::Token;
use crate::{Store, StoreError};

/// How exactly the last use is known: a token used a thousand times a second is written
/// once a minute.
const LAST_USE_EXACT_TO: Duration = Duration::MINUTE;

macro_rules! columns {
    () => {
        "tenant, name, scope, created, expires, last_used"
    };
}

statements! {
    CREATE = "INSERT INTO tokens (hash, tenant, name, scope, expires, created)
        VALUES ($1, $2, $3, $4, $5, $6)";
    TOKENS = concat!("SELECT ", columns!(), " FROM tokens WHERE tenant = $1");
    BY_HASH = concat!("SELECT ", columns!(), " FROM tokens WHERE hash = $1");
    REVOKE = "DELETE FROM tokens WHERE tenant = $1 AND name = $2";
    TOUCH = "UPDATE tokens SET last_used = $1
        WHERE tenant = $2 AND name = $3 AND (last_used IS NULL OR last_used <= $4)";
}

impl FromCells for Token {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            tenant: cells.take()?,
            name: cells.take()?,
            scope: cells.take()?,
            created: cells.take()?,
            expires: cells.take()?,
            last_used: cells.take()?,
        })
    }
}

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
        let binds = binds![hash, tenant, name, scope, expires, now];
        match self.database.execute(CREATE, binds).await {
            Err(Trouble::Constraint(_)) => Err(StoreError::Exists {
                what: format!("token {name}"),
            }),
            other => Ok(other.map(|_| ())?),
        }
    }

    /// All tokens of a tenant, by name.
    pub async fn tokens(&self, tenant: TenantId) -> Result<Vec<Token>, StoreError> {
        let mut found: Vec<Token> = self.database.fetch(TOKENS, binds![tenant]).await?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The token with this hash, of whatever tenant, expired or not.
    pub async fn token_by_hash(&self, hash: [u8; 32]) -> Result<Option<Token>, StoreError> {
        self.database.fetch_one(BY_HASH, binds![hash]).await
    }

    /// Ends a token; `false`: there was none of that name.
    pub async fn revoke_token(&self, tenant: TenantId, name: &str) -> Result<bool, StoreError> {
        Ok(self.database.execute(REVOKE, binds![tenant, name]).await? > 0)
    }

    /// Remembers that a token was used; writes at most once a minute.
    pub async fn touch_token(&self, token: &Token, now: OffsetDateTime) -> Result<(), StoreError> {
        let earlier = now - LAST_USE_EXACT_TO;
        if token.last_used.is_some_and(|last| last > earlier) {
            return Ok(());
        }
        let binds = binds![now, token.tenant, token.name.as_str(), earlier];
        self.database.execute(TOUCH, binds).await?;
        Ok(())
    }
}
