//! Tokens of connections; only their hashes are stored. A connection has at most two that
//! are live, so that one can be exchanged for the other while both work.

use rollcall_directory::fingerprint::Fingerprint;
use time::{Duration, OffsetDateTime};

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::ids::SourceId;
use crate::records::{Source, Tenant};
use crate::{Store, StoreError};

/// Live tokens that a connection may have.
pub const LIVE_TOKENS_MAX: usize = 2;
/// How exactly the last use is known: a token used a thousand times a second is written
/// once a minute.
const LAST_USE_EXACT_TO: Duration = Duration::MINUTE;

macro_rules! columns {
    () => {
        "k.source, k.number, k.scope, k.addresses, k.created, k.expires, k.last_used"
    };
}

statements! {
    // Whoever adds a token first makes others wait.
    LOCK = "SELECT id FROM sources WHERE id = $1",
        postgres: "SELECT id FROM sources WHERE id = $1 FOR UPDATE";
    // The newest stays, so that no number is given twice.
    FORGET_ENDED = "DELETE FROM connection_tokens WHERE source = $1 AND expires <= $2
        AND number < (SELECT MAX(number) FROM connection_tokens WHERE source = $1)";
    NUMBERS = "SELECT number, expires FROM connection_tokens WHERE source = $1 ORDER BY number";
    ADD = "INSERT INTO connection_tokens
            (lookup, hash, source, number, scope, addresses, created, expires)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    TOKENS = concat!(
        "SELECT ", columns!(), " FROM connection_tokens k WHERE k.source = $1 ORDER BY k.number"
    );
    BEARER = concat!(
        "SELECT k.hash, ", columns!(), ", ", crate::sources::columns!("s."), ", t.id, t.name, t.schemas_version, c.settings
            FROM connection_tokens k JOIN sources s ON s.id = k.source
            JOIN tenants t ON t.id = s.tenant LEFT JOIN connections c ON c.source = s.id
            WHERE k.lookup = $1"
    );
    REVOKE = "UPDATE connection_tokens SET expires = $1
        WHERE source = $2 AND number = $3 AND (expires IS NULL OR expires > $1)";
    END_AT = "UPDATE connection_tokens SET expires = $1
        WHERE source = $2 AND number <> $3 AND (expires IS NULL OR expires > $1)";
    TOUCH = "UPDATE connection_tokens SET last_used = $1
        WHERE source = $2 AND number = $3 AND (last_used IS NULL OR last_used <= $4)";
}

/// A token, without anything that would tell what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionToken {
    /// Its connection.
    pub source: SourceId,
    /// By which people name it: 1, 2, …
    pub number: i64,
    /// `read` or `write`.
    pub scope: String,
    /// Networks that it may be used from, separated by spaces; empty: any.
    pub addresses: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it ends.
    pub expires: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used: Option<OffsetDateTime>,
}

/// Whose token somebody shows, expired or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// What is compared with the hash of the token shown.
    pub hash: Vec<u8>,
    /// The token.
    pub token: ConnectionToken,
    /// Its connection.
    pub source: Source,
    /// The connection's tenant.
    pub tenant: Tenant,
    /// The connection's settings; `None`: it was not made at run time.
    pub settings: Option<String>,
}

/// A token that is to be kept.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// By which it is looked for.
    pub lookup: Fingerprint,
    /// What is compared.
    pub hash: [u8; 32],
    /// See [`ConnectionToken::scope`].
    pub scope: String,
    /// See [`ConnectionToken::addresses`].
    pub addresses: String,
    /// When it ends.
    pub expires: Option<OffsetDateTime>,
}

impl FromCells for ConnectionToken {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            source: cells.take()?,
            number: cells.take()?,
            scope: cells.take()?,
            addresses: cells.take()?,
            created: cells.take()?,
            expires: cells.take()?,
            last_used: cells.take()?,
        })
    }
}

impl FromCells for Bearer {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            hash: cells.take()?,
            token: ConnectionToken::from_cells(cells)?,
            source: Source::from_cells(cells)?,
            tenant: Tenant::from_cells(cells)?,
            settings: cells.take()?,
        })
    }
}

impl Store {
    /// Keeps a new token; returns its number. `None`: the connection has
    /// [`LIVE_TOKENS_MAX`] live ones already. Older ended ones are forgotten. With
    /// `others_end`, those that it had end then at the latest.
    pub async fn add_connection_token(
        &self,
        source: SourceId,
        token: &NewToken,
        others_end: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Result<Option<i64>, StoreError> {
        let token = token.clone();
        let added = self
            .database
            .write(move |tx| {
                let token = token.clone();
                Box::pin(async move {
                    let locked: Vec<(SourceId,)> = tx.fetch(LOCK, &binds![source]).await?;
                    if locked.is_empty() {
                        return Err(StoreError::missing(format!("source {source}")).into());
                    }
                    let known: Vec<(i64, Option<OffsetDateTime>)> =
                        tx.fetch(NUMBERS, &binds![source]).await?;
                    let is_live = |end: &Option<OffsetDateTime>| end.is_none_or(|end| now < end);
                    let live = known.iter().filter(|(_, end)| is_live(end)).count();
                    if live >= LIVE_TOKENS_MAX {
                        return Ok(None);
                    }
                    let number = known.last().map_or(1, |(last, _)| last + 1);
                    let row = binds![
                        token.lookup,
                        token.hash,
                        source,
                        number,
                        token.scope,
                        token.addresses,
                        now,
                        token.expires,
                    ];
                    tx.execute(ADD, &row).await?;
                    tx.execute(FORGET_ENDED, &binds![source, now]).await?;
                    if let Some(end) = others_end {
                        tx.execute(END_AT, &binds![end, source, number]).await?;
                    }
                    Ok(Some(number))
                })
            })
            .await;
        Ok(added?)
    }

    /// The tokens of a connection, in the order in which they were made; some of them have
    /// ended.
    pub async fn connection_tokens(
        &self,
        source: SourceId,
    ) -> Result<Vec<ConnectionToken>, StoreError> {
        self.database.fetch(TOKENS, binds![source]).await
    }

    /// Whose token it is. The caller compares the hash.
    pub async fn bearer(&self, lookup: Fingerprint) -> Result<Option<Bearer>, StoreError> {
        self.database.fetch_one(BEARER, binds![lookup]).await
    }

    /// Ends a token now; `false`: there was no live one of that number.
    pub async fn revoke_connection_token(
        &self,
        source: SourceId,
        number: i64,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let ended = self
            .database
            .execute(REVOKE, binds![now, source, number])
            .await?;
        Ok(ended > 0)
    }

    /// Remembers that a token was used; writes at most once a minute.
    pub async fn touch_connection_token(
        &self,
        token: &ConnectionToken,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let earlier = now - LAST_USE_EXACT_TO;
        if token.last_used.is_some_and(|last| last > earlier) {
            return Ok(());
        }
        let binds = binds![now, token.source, token.number, earlier];
        self.database.execute(TOUCH, binds).await?;
        Ok(())
    }
}
