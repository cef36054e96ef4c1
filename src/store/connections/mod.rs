//! What the store keeps of connections over which identity providers push: those that were
//! made at run time, their tokens ([`tokens`]), what their guards count ([`guard`]), and
//! their last requests ([`log`]). A connection is a source of kind `push`; one that the
//! configuration names has no row of its own here, and all the rest.

mod guard;
mod log;
mod tokens;

use time::OffsetDateTime;

use crate::driver::{Cells, FromCells, Trouble, Tx, binds, statements};
use crate::ids::{SourceId, TenantId};
use crate::records::{Source, Tenant};
use crate::{Store, StoreError};

pub use guard::{Endings, GuardState};
pub use log::{LoggedRequest, NewRequest};
pub use tokens::{Bearer, ConnectionToken, LIVE_TOKENS_MAX, NewToken};

/// The kind of sources that push.
const KIND: &str = "push";

macro_rules! columns {
    () => {
        concat!(
            $crate::sources::columns!("s."),
            ", t.id, t.name, t.schemas_version, c.settings, c.created FROM connections c
                JOIN sources s ON s.id = c.source JOIN tenants t ON t.id = s.tenant"
        )
    };
}

statements! {
    ALL = concat!("SELECT ", columns!(), " ORDER BY c.name");
    BY_NAME = concat!("SELECT ", columns!(), " WHERE c.name = $1");
    SOURCE_OF_NAME = "SELECT id, kind FROM sources WHERE tenant = $1 AND name = $2";
    NEW_SOURCE = "INSERT INTO sources (tenant, name, kind) VALUES ($1, $2, $3) RETURNING id";
    CREATE = "INSERT INTO connections (source, name, settings, created) VALUES ($1, $2, $3, $4)";
}

/// A connection that was made at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptConnection {
    /// The source that it is.
    pub source: Source,
    /// Its tenant.
    pub tenant: Tenant,
    /// Its settings, as a section of the configuration is written.
    pub settings: String,
    /// When it was made.
    pub created: OffsetDateTime,
}

impl FromCells for KeptConnection {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            source: Source::from_cells(cells)?,
            tenant: Tenant::from_cells(cells)?,
            settings: cells.take()?,
            created: cells.take()?,
        })
    }
}

impl Store {
    /// All connections that were made at run time, by name.
    pub async fn kept_connections(&self) -> Result<Vec<KeptConnection>, StoreError> {
        self.database.fetch(ALL, binds![]).await
    }

    /// The one of this name.
    pub async fn kept_connection(&self, name: &str) -> Result<Option<KeptConnection>, StoreError> {
        self.database.fetch_one(BY_NAME, binds![name]).await
    }

    /// Makes a connection. Its name must be new among connections of all tenants, and not
    /// that of a source that is read: a source of that name which pushed before is taken
    /// over, with all that it has said.
    pub async fn create_connection(
        &self,
        tenant: TenantId,
        name: &str,
        settings: &str,
        now: OffsetDateTime,
    ) -> Result<SourceId, StoreError> {
        let (name, settings) = (name.to_owned(), settings.to_owned());
        let taken = StoreError::Exists {
            what: format!("connection or source {name}"),
        };
        let made = self
            .database
            .write(move |tx| {
                let (name, settings) = (name.clone(), settings.clone());
                Box::pin(async move {
                    let Some(source) = source_to_be(tx, tenant, &name).await? else {
                        return Ok(None);
                    };
                    let row = binds![source, name, settings, now];
                    tx.execute(CREATE, &row).await?;
                    Ok(Some(source))
                })
            })
            .await;
        match made {
            Ok(Some(source)) => Ok(source),
            Ok(None) | Err(Trouble::Constraint(_)) => Err(taken),
            Err(other) => Err(other.into()),
        }
    }
}

/// The source that a new connection is; `None`: the name is that of another kind.
async fn source_to_be(
    tx: &mut Tx,
    tenant: TenantId,
    name: &str,
) -> Result<Option<SourceId>, Trouble> {
    let known: Vec<(SourceId, String)> = tx.fetch(SOURCE_OF_NAME, &binds![tenant, name]).await?;
    if let Some((source, kind)) = known.into_iter().next() {
        return Ok((kind == KIND).then_some(source));
    }
    let made: Vec<(SourceId,)> = tx.fetch(NEW_SOURCE, &binds![tenant, name, KIND]).await?;
    Ok(made.into_iter().next().map(|(source,)| source))
}

/// The statements of all parts.
#[cfg(test)]
pub(crate) fn statements_of_parts() -> Vec<crate::driver::Statement> {
    [
        STATEMENTS,
        guard::STATEMENTS,
        log::STATEMENTS,
        tokens::STATEMENTS,
    ]
    .concat()
}
