//! The one place that knows which database it is.
//!
//! A [`Database`] reads with [`Database::fetch`] and writes in a [`Tx`]. A transaction is
//! an async function over `&mut Tx`, written once: on PostgreSQL it awaits the server; on
//! SQLite the whole function is handed to the writer thread, where nothing ever waits.
//! It may be run again from the start when PostgreSQL asks for that, so it must not keep
//! anything beyond its arguments.

mod built;
mod cells;
mod postgres;
mod sqlite;
mod statement;

use futures::future::BoxFuture;
use sqlx::SqlStr;

pub(crate) use built::Built;
pub(crate) use cells::{Cells, FromCells, from_micros, json, micros};
pub(crate) use statement::{Column, Statement, Value, binds, statements};

use crate::dialect::Dialect;
use crate::error::{CommitError, StoreError};
use crate::{Options, migrations};

/// Why a statement failed.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// A unique index or a foreign key said no.
    Constraint(String),
    /// The transaction has to be run again.
    Again(String),
    /// The batch cannot be done.
    Refused(CommitError),
    /// The rest.
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Constraint(reason) | Trouble::Again(reason) => Self::Conflict { reason },
            Trouble::Store(error) | Trouble::Refused(CommitError::Store(error)) => error,
            Trouble::Refused(other) => Self::Conflict {
                reason: other.to_string(),
            },
        }
    }
}

/// An open database of either kind.
#[derive(Debug)]
pub(crate) enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
}

/// A transaction.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(rusqlite::Connection),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

/// What a transaction answers, later.
pub(crate) type Answer<'t, R> = BoxFuture<'t, Result<R, Trouble>>;

impl Database {
    /// Opens the database that `url` names. To write, it is brought up to date first.
    pub(crate) async fn open(
        url: &str,
        options: &Options,
        access: Access,
    ) -> Result<Self, StoreError> {
        let database = if let Some(path) = url.strip_prefix("sqlite:") {
            Self::Sqlite(sqlite::Sqlite::open(path, options.connections_max, access).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::Postgres(postgres::Postgres::open(url, options.connections_max, access).await?)
        } else {
            return Err(StoreError::Url {
                url: without_password(url),
            });
        };
        migrations::settle(&database, access).await?;
        Ok(database)
    }

    /// Runs one statement that reads.
    pub(crate) async fn fetch<T: FromCells>(
        &self,
        statement: Statement,
        binds: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = match self {
            Self::Sqlite(sqlite) => {
                sqlite
                    .read(move |connection| {
                        sqlite::fetch(connection, statement.sqlite, &[], &binds)
                    })
                    .await
            }
            Self::Postgres(postgres) => postgres.fetch(statement, &binds).await,
        };
        Ok(rows?)
    }

    /// Runs one statement that reads at most one row.
    pub(crate) async fn fetch_one<T: FromCells>(
        &self,
        statement: Statement,
        binds: Vec<Value>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch(statement, binds).await?.into_iter().next())
    }

    /// Runs one statement that reads, for each row of `columns`.
    pub(crate) async fn fetch_each<T: FromCells>(
        &self,
        statement: Statement,
        columns: Vec<Column<'static>>,
        binds: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        if columns.first().is_none_or(|column| column.len() == 0) {
            return Ok(Vec::new());
        }
        let rows = match self {
            Self::Sqlite(sqlite) => {
                sqlite
                    .read(move |connection| {
                        sqlite::within_snapshot(connection, |connection| {
                            sqlite::fetch_each(connection, statement.sqlite, &columns, &binds)
                        })
                    })
                    .await
            }
            Self::Postgres(postgres) => postgres.fetch_each(statement, &columns, &binds).await,
        };
        Ok(rows?)
    }

    /// Runs several reads over one snapshot.
    pub(crate) async fn snapshot<R, W>(&self, work: W) -> Result<R, StoreError>
    where
        R: Send + 'static,
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync + 'static,
    {
        let answer = match self {
            Self::Sqlite(sqlite) => sqlite.snapshot(work).await,
            Self::Postgres(postgres) => postgres.snapshot(work).await,
        };
        Ok(answer?)
    }

    /// Runs a transaction that writes. See the module on what `work` may do.
    pub(crate) async fn write<R, W>(&self, work: W) -> Result<R, Trouble>
    where
        R: Send + 'static,
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync + 'static,
    {
        match self {
            Self::Sqlite(sqlite) => sqlite.write(work).await,
            Self::Postgres(postgres) => postgres.write(work).await,
        }
    }

    /// Runs one statement that writes; returns how many rows it touched.
    pub(crate) async fn execute(
        &self,
        statement: Statement,
        binds: Vec<Value>,
    ) -> Result<u64, Trouble> {
        let binds = std::sync::Arc::new(binds);
        self.write(move |tx| {
            let binds = std::sync::Arc::clone(&binds);
            Box::pin(async move { tx.execute(statement, &binds).await })
        })
        .await
    }

    /// Runs one statement that writes and returns rows.
    pub(crate) async fn execute_returning<T: FromCells>(
        &self,
        statement: Statement,
        binds: Vec<Value>,
    ) -> Result<Vec<T>, Trouble> {
        let binds = std::sync::Arc::new(binds);
        self.write(move |tx| {
            let binds = std::sync::Arc::clone(&binds);
            Box::pin(async move { tx.fetch(statement, &binds).await })
        })
        .await
    }
}

impl Tx {
    /// How its database spells what the two spell differently.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs one statement that was put together for this database's dialect.
    pub(crate) async fn fetch_built<T: FromCells>(
        &mut self,
        built: &Built,
    ) -> Result<Vec<T>, Trouble> {
        match self {
            Self::Sqlite(connection) => sqlite::fetch(connection, built.text(), &[], built.binds()),
            Self::Postgres(tx) => postgres::fetch_built(tx, built).await,
        }
    }

    /// Runs one statement that returns rows.
    pub(crate) async fn fetch<T: FromCells>(
        &mut self,
        statement: Statement,
        binds: &[Value],
    ) -> Result<Vec<T>, Trouble> {
        match self {
            Self::Sqlite(connection) => sqlite::fetch(connection, statement.sqlite, &[], binds),
            Self::Postgres(tx) => {
                postgres::fetch(tx, SqlStr::from_static(statement.postgres), &[], binds).await
            }
        }
    }

    /// Runs one statement that returns rows, for each row of `columns`.
    pub(crate) async fn fetch_each<T: FromCells>(
        &mut self,
        statement: Statement,
        columns: &[Column<'_>],
        binds: &[Value],
    ) -> Result<Vec<T>, Trouble> {
        if columns.first().is_none_or(|column| column.len() == 0) {
            return Ok(Vec::new());
        }
        match self {
            Self::Sqlite(connection) => {
                sqlite::fetch_each(connection, statement.sqlite, columns, binds)
            }
            Self::Postgres(tx) => {
                postgres::fetch(tx, SqlStr::from_static(statement.postgres), columns, binds).await
            }
        }
    }

    /// Runs one statement; returns how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        statement: Statement,
        binds: &[Value],
    ) -> Result<u64, Trouble> {
        match self {
            Self::Sqlite(connection) => sqlite::execute(connection, statement.sqlite, binds),
            Self::Postgres(tx) => {
                postgres::execute(tx, SqlStr::from_static(statement.postgres), &[], binds).await
            }
        }
    }

    /// Runs one statement for each row of `columns`; returns how many rows it touched.
    pub(crate) async fn execute_each(
        &mut self,
        statement: Statement,
        columns: &[Column<'_>],
        binds: &[Value],
    ) -> Result<u64, Trouble> {
        if columns.first().is_none_or(|column| column.len() == 0) {
            return Ok(0);
        }
        match self {
            Self::Sqlite(connection) => {
                sqlite::execute_each(connection, statement.sqlite, columns, binds)
            }
            Self::Postgres(tx) => {
                postgres::execute(tx, SqlStr::from_static(statement.postgres), columns, binds).await
            }
        }
    }

    /// Runs a script of statements without answers, written for each database.
    pub(crate) async fn script(
        &mut self,
        for_sqlite: &'static str,
        for_postgres: &'static str,
    ) -> Result<(), Trouble> {
        match self {
            Self::Sqlite(connection) => sqlite::script(connection, for_sqlite),
            Self::Postgres(tx) => postgres::script(tx, for_postgres).await,
        }
    }
}

/// A URL fit for a message: what could be a password is left out.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}
