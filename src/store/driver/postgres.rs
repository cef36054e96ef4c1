//! PostgreSQL 14 and later, and databases that speak like it.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Postgres as Pg, SqlSafeStr as _, SqlStr};

use super::{Access, Answer, Built, Cells, Column, FromCells, Statement, Trouble, Tx, Value};
use crate::error::StoreError;

/// How long a connection may take to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How many statements stay prepared on each connection.
const PREPARED_STATEMENTS_MAX: usize = 256;
/// How often a transaction is run again when the server asks for it.
const ATTEMPTS_MAX: u32 = 8;
/// The pause before the second attempt; it doubles with each.
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// An open PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: PgPool,
    access: Access,
}

impl Postgres {
    pub(super) async fn open(
        url: &str,
        connections_max: u32,
        access: Access,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|e| StoreError::from(trouble(&e)))?
            .application_name("rollcall")
            .statement_cache_capacity(PREPARED_STATEMENTS_MAX)
            .disable_statement_logging();
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let pool = PgPoolOptions::new()
            .max_connections(connections_max.max(1))
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|e| match StoreError::from(trouble(&e)) {
                StoreError::Unavailable { reason } => StoreError::Unreachable { server, reason },
                other => other,
            })?;
        Ok(Self { pool, access })
    }

    pub(super) async fn fetch<T: FromCells>(
        &self,
        statement: Statement,
        binds: &[Value],
    ) -> Result<Vec<T>, Trouble> {
        self.fetch_each(statement, &[], binds).await
    }

    pub(super) async fn fetch_each<T: FromCells>(
        &self,
        statement: Statement,
        columns: &[Column<'_>],
        binds: &[Value],
    ) -> Result<Vec<T>, Trouble> {
        let mut connection = self.pool.acquire().await.map_err(|e| trouble(&e))?;
        let sql = SqlStr::from_static(statement.postgres);
        fetch(&mut connection, sql, columns, binds).await
    }

    /// See [`super::Database::snapshot`].
    pub(super) async fn snapshot<R, W>(&self, work: W) -> Result<R, Trouble>
    where
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync,
    {
        self.transaction(
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
            &work,
        )
        .await
    }

    /// See [`super::Database::write`].
    pub(super) async fn write<R, W>(&self, work: W) -> Result<R, Trouble>
    where
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync,
    {
        if self.access == Access::Read {
            return Err(StoreError::ReadOnly.into());
        }
        let mut pause = PAUSE_FIRST;
        for _ in 1..ATTEMPTS_MAX {
            match self.transaction("BEGIN", &work).await {
                Err(Trouble::Again(reason)) => {
                    tracing::debug!(%reason, "a transaction is run again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
        self.transaction("BEGIN", &work).await
    }

    async fn transaction<R, W>(&self, begin: &'static str, work: &W) -> Result<R, Trouble>
    where
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync,
    {
        let started = self.pool.begin_with(begin).await.map_err(|e| trouble(&e))?;
        let mut tx = Tx::Postgres(started);
        let answer = work(&mut tx).await;
        let Tx::Postgres(tx) = tx else {
            return answer;
        };
        match answer {
            Ok(answer) => {
                tx.commit().await.map_err(|e| trouble(&e))?;
                Ok(answer)
            }
            Err(trouble) => {
                // If even this fails, the server rolls back when it loses the connection.
                let _ = tx.rollback().await;
                Err(trouble)
            }
        }
    }
}

pub(super) async fn fetch<T: FromCells>(
    connection: &mut PgConnection,
    sql: SqlStr,
    columns: &[Column<'_>],
    binds: &[Value],
) -> Result<Vec<T>, Trouble> {
    let rows = query(sql, columns, binds)?
        .fetch_all(connection)
        .await
        .map_err(|e| trouble(&e))?;
    rows.iter()
        .map(|row| T::from_cells(&mut Cells::of_postgres(row)))
        .collect()
}

pub(super) async fn execute(
    connection: &mut PgConnection,
    sql: SqlStr,
    columns: &[Column<'_>],
    binds: &[Value],
) -> Result<u64, Trouble> {
    let done = query(sql, columns, binds)?
        .execute(connection)
        .await
        .map_err(|e| trouble(&e))?;
    Ok(done.rows_affected())
}

/// Runs a statement that was put together at run time. See [`super::Built`] for what its
/// text may hold.
pub(super) async fn fetch_built<T: FromCells>(
    connection: &mut PgConnection,
    built: &Built,
) -> Result<Vec<T>, Trouble> {
    let sql = AssertSqlSafe(built.text().to_owned()).into_sql_str();
    fetch(connection, sql, &[], built.binds()).await
}

pub(super) async fn script(
    connection: &mut PgConnection,
    sql: &'static str,
) -> Result<(), Trouble> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| trouble(&e))
}

fn query<'q>(
    sql: SqlStr,
    columns: &'q [Column<'_>],
    binds: &'q [Value],
) -> Result<Query<'q, Pg, PgArguments>, Trouble> {
    let mut query = sqlx::query(sql);
    for column in columns {
        query = match column {
            Column::Ints(values) => query.bind(values),
            Column::MaybeInts(values) => query.bind(values),
            Column::Bools(values) => query.bind(values),
            Column::Texts(values) => {
                without_nul(values.iter().copied())?;
                query.bind(values)
            }
            Column::MaybeTexts(values) => {
                without_nul(values.iter().copied().flatten())?;
                query.bind(values)
            }
            Column::OwnedTexts(values) => {
                without_nul(values.iter().map(String::as_str))?;
                query.bind(values)
            }
            Column::Hashes(values) => query.bind(values),
        };
    }
    for value in binds {
        query = match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => {
                without_nul(value.iter().map(String::as_str))?;
                query.bind(value)
            }
            Value::Bytes(value) => query.bind(value),
        };
    }
    Ok(query)
}

fn without_nul<'a>(mut texts: impl Iterator<Item = &'a str>) -> Result<(), Trouble> {
    if texts.any(|text| memchr::memchr(0, text.as_bytes()).is_some()) {
        return Err(StoreError::Nul.into());
    }
    Ok(())
}

/// What an error of PostgreSQL means to us, by its SQLSTATE.
fn trouble(error: &sqlx::Error) -> Trouble {
    let reason = error.to_string();
    let Some(database) = error.as_database_error() else {
        return Trouble::Store(match error {
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
                StoreError::Corrupt { what: reason }
            }
            _ => StoreError::Unavailable { reason },
        });
    };
    match database.code().as_deref() {
        // unique_violation, foreign_key_violation
        Some("23505" | "23503") => Trouble::Constraint(reason),
        // serialization_failure, deadlock_detected
        Some("40001" | "40P01") => Trouble::Again(reason),
        // disk_full
        Some("53100") => Trouble::Store(StoreError::Full {
            place: "the PostgreSQL database".to_owned(),
        }),
        // read_only_sql_transaction: a standby
        Some("25006") => Trouble::Store(StoreError::ReadOnly),
        _ => Trouble::Store(StoreError::Unavailable { reason }),
    }
}
