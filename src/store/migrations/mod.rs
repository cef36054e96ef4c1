//! The schema, brought up to date one numbered step at a time.
//!
//! Each step is a file in `sqlite/` and its twin in `postgres/`; a file that has shipped
//! never changes again. Whoever opens a store first makes it, inside a transaction that
//! holds the only row of `schema_version`, so that of several programs that start at the
//! same time one migrates and the others wait.

use crate::driver::{Access, Database, Trouble, Tx, binds, statements};
use crate::error::StoreError;

/// One step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) version: i64,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $file:literal) => {
        Migration {
            version: $version,
            sqlite: include_str!(concat!("sqlite/", $file)),
            postgres: include_str!(concat!("postgres/", $file)),
        }
    };
}

/// All steps, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[migration!(1, "0001_directory.sql")];

/// The version that this program works with.
pub(crate) const fn known() -> i64 {
    match MIGRATIONS.last() {
        Some(newest) => newest.version,
        None => 0,
    }
}

const PREPARE: &str = "
    CREATE TABLE IF NOT EXISTS schema_version (
        id      BIGINT NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL
    );
    INSERT INTO schema_version (id, version) VALUES (1, 0) ON CONFLICT (id) DO NOTHING;
";

statements! {
    LOCK = "SELECT version FROM schema_version WHERE id = 1",
        postgres: "SELECT version FROM schema_version WHERE id = 1 FOR UPDATE";
    PREPARED = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
        postgres: "SELECT COUNT(*) FROM information_schema.tables
            WHERE table_name = 'schema_version' AND table_schema = ANY(current_schemas(false))";
    VERSION = "SELECT version FROM schema_version WHERE id = 1";
    RAISE = "UPDATE schema_version SET version = $1 WHERE id = 1";
}

/// Brings a store that may be written up to date; refuses one that cannot be used.
pub(crate) async fn settle(database: &Database, access: Access) -> Result<(), StoreError> {
    if access == Access::Read {
        let found = if is_prepared(database).await? {
            version(database).await?
        } else {
            0
        };
        return usable(found);
    }
    // Two programs may both find that the table is not there, and one of them is late.
    match database
        .write(|tx| Box::pin(tx.script(PREPARE, PREPARE)))
        .await
    {
        Ok(()) | Err(Trouble::Constraint(_)) => {}
        Err(_) if version(database).await.is_ok() => {}
        Err(other) => return Err(other.into()),
    }
    let found = database.write(|tx| Box::pin(migrate(tx))).await?;
    usable(found)
}

/// Whether anything was ever made here: a new database of PostgreSQL is empty.
async fn is_prepared(database: &Database) -> Result<bool, StoreError> {
    let found = database.fetch_one(PREPARED, binds![]).await?;
    Ok(found.is_some_and(|(tables,): (i64,)| tables > 0))
}

/// The version of a store.
pub(crate) async fn version(database: &Database) -> Result<i64, StoreError> {
    let found = database.fetch_one(VERSION, binds![]).await?;
    Ok(found.map_or(0, |(version,): (i64,)| version))
}

fn usable(found: i64) -> Result<(), StoreError> {
    let known = known();
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::NewerSchema { found, known }),
        std::cmp::Ordering::Less => Err(StoreError::OlderSchema { found, known }),
    }
}

/// Makes the steps that are missing; returns the version that the store has then.
async fn migrate(tx: &mut Tx) -> Result<i64, Trouble> {
    let locked: Vec<(i64,)> = tx.fetch(LOCK, &[]).await?;
    let found = locked.first().map_or(0, |(version,)| *version);
    let mut version = found;
    for migration in MIGRATIONS.iter().filter(|m| m.version > found) {
        tx.script(migration.sqlite, migration.postgres).await?;
        tx.execute(RAISE, &binds![migration.version]).await?;
        version = migration.version;
        tracing::info!(version, "the store's schema is new");
    }
    Ok(version)
}
