//! SQLite: one thread that writes, a pool of connections that read.
//!
//! The writer takes all transactions that wait, runs them one after the other inside one
//! database transaction (each but the first in a savepoint of its own), commits once, and
//! only then answers: many small writers share one flush to the disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, ToSql};
use tokio::sync::{Semaphore, oneshot};

use super::{Access, Answer, Cells, Column, FromCells, Trouble, Tx, Value};
use crate::error::StoreError;

/// Between two tries to switch to write-ahead logging.
const WRITE_AHEAD_PAUSE: Duration = Duration::from_millis(10);
/// How long a process waits while another one writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the writer collects transactions before it commits.
const GROUP_TIME_MAX: Duration = Duration::from_millis(10);
/// How many statements stay prepared on each connection.
const PREPARED_STATEMENTS_MAX: usize = 256;
/// The writer's page cache.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Each reader's page cache.
const READER_CACHE_KIB: i64 = 4 * 1024;
/// How much of the write-ahead log is kept as a file between checkpoints.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;
/// The log is moved into the database when it is longer.
const CHECKPOINT_PAGES: i64 = 32_000;
/// Two to four people a page. Only a new database takes it.
const PAGE_BYTES: i64 = 8_192;

/// An open SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    readers: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    writer: Option<mpsc::Sender<Box<dyn Job>>>,
}

impl Sqlite {
    pub(super) async fn open(
        path: &str,
        readers_max: u32,
        access: Access,
    ) -> Result<Self, StoreError> {
        if path.is_empty() || path.starts_with(':') {
            return Err(StoreError::Url {
                url: format!("sqlite:{path}"),
            });
        }
        let path = PathBuf::from(path);
        let file = path.clone();
        let writer = blocking(move || match access {
            Access::Write => open_writer(&file).map(Some),
            Access::Read => open_reader(&file).map(|_| None),
        })
        .await
        .map_err(StoreError::from)?;
        Ok(Self {
            writer: writer.map(|connection| start_writer(connection, &path)),
            path,
            readers: Arc::default(),
            turns: Arc::new(Semaphore::new(readers_max.max(1) as usize)),
        })
    }

    /// Runs `work` on a reader's connection, on a thread that may block.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<R, Trouble> + Send + 'static,
    ) -> Result<R, Trouble> {
        self.lend(move |mut connection| {
            let answer = work(&mut connection);
            (Some(connection), answer)
        })
        .await
    }

    /// See [`super::Database::snapshot`].
    pub(super) async fn snapshot<R, W>(&self, work: W) -> Result<R, Trouble>
    where
        R: Send + 'static,
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync + 'static,
    {
        self.lend(move |connection| {
            if let Err(trouble) = run(&connection, "BEGIN") {
                return (None, Err(trouble));
            }
            let mut tx = Tx::Sqlite(connection);
            let answer = futures::executor::block_on(work(&mut tx));
            // A connection that cannot end its snapshot would keep it for ever.
            let connection = match tx {
                Tx::Sqlite(connection) => Some(connection).filter(|c| run(c, "COMMIT").is_ok()),
                Tx::Postgres(_) => None,
            };
            (connection, answer)
        })
        .await
    }

    /// Lends a reader's connection to `work`, on a thread that may block. A connection
    /// that does not come back is closed.
    async fn lend<R: Send + 'static>(
        &self,
        work: impl FnOnce(Connection) -> (Option<Connection>, Result<R, Trouble>) + Send + 'static,
    ) -> Result<R, Trouble> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let readers = Arc::clone(&self.readers);
        let path = self.path.clone();
        blocking(move || {
            let waiting = lock(&readers).pop();
            let connection = match waiting {
                Some(connection) => connection,
                None => open_reader(&path)?,
            };
            let (connection, answer) = work(connection);
            lock(&readers).extend(connection);
            drop(turn);
            answer.map_err(|t| about(t, &path))
        })
        .await
    }

    /// See [`super::Database::write`].
    pub(super) async fn write<R, W>(&self, work: W) -> Result<R, Trouble>
    where
        R: Send + 'static,
        W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Task {
            work,
            outcome: None,
            answer,
        });
        self.writer
            .as_ref()
            .ok_or(StoreError::ReadOnly)?
            .send(job)
            .map_err(|_| stopped())?;
        answered
            .await
            .map_err(|_| stopped())?
            .map_err(|trouble| about(trouble, &self.path))
    }

    /// Copies the database as it is now into a new file.
    pub(crate) async fn copy_to(&self, to: &Path) -> Result<(), Trouble> {
        let target = to.to_owned();
        let path = self.path.clone();
        blocking(move || {
            let connection = open_reader(&path)?;
            let name = target.to_string_lossy();
            connection
                .execute("VACUUM INTO ?1", [&name])
                .map_err(|e| trouble(&e))?;
            std::fs::File::open(&target)
                .and_then(|file| file.sync_all())
                .map_err(|e| unavailable(&e))
        })
        .await
        .map_err(|t| about(t, to))
    }
}

/// Switches to write-ahead logging. While another program does the same, SQLite answers
/// "busy" at once, whatever the time-out: so it is asked again until that has passed.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let begun = std::time::Instant::now();
    loop {
        let switched = connection.pragma_update(None, "journal_mode", "WAL");
        let busy = switched
            .as_ref()
            .err()
            .and_then(rusqlite::Error::sqlite_error_code)
            == Some(ErrorCode::DatabaseBusy);
        if !busy || begun.elapsed() > BUSY_TIMEOUT {
            return switched;
        }
        std::thread::sleep(WRITE_AHEAD_PAUSE);
    }
}

fn open_writer(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags, WRITER_CACHE_KIB)?;
    let settle = || {
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        write_ahead(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
    };
    settle().map_err(|e| about(trouble(&e), path))?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    connect(path, flags, READER_CACHE_KIB)
}

fn connect(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, Trouble> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS_MAX);
        connection.pragma_update(None, "cache_size", -cache_kib)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    };
    open().map_err(|e: rusqlite::Error| {
        Trouble::Store(StoreError::Unavailable {
            reason: format!("{}: {e}", path.display()),
        })
    })
}

/// A transaction that waits for the writer.
trait Job: Send {
    /// Runs it; whether it may be committed.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Tells whoever waits what came of it; `lost`: the whole group failed because of this.
    fn answer(self: Box<Self>, lost: Option<Trouble>);
}

struct Task<R, W> {
    work: W,
    outcome: Option<Result<R, Trouble>>,
    answer: oneshot::Sender<Result<R, Trouble>>,
}

impl<R, W> Job for Task<R, W>
where
    R: Send + 'static,
    W: for<'t> Fn(&'t mut Tx) -> Answer<'t, R> + Send + Sync + 'static,
{
    fn run(&mut self, tx: &mut Tx) -> bool {
        let outcome = futures::executor::block_on((self.work)(tx));
        let good = outcome.is_ok();
        self.outcome = Some(outcome);
        good
    }

    fn answer(self: Box<Self>, lost: Option<Trouble>) {
        let outcome = match (lost, self.outcome) {
            (_, Some(Err(trouble))) | (Some(trouble), _) => Err(trouble),
            (None, Some(Ok(answer))) => Ok(answer),
            (None, None) => Err(stopped().into()),
        };
        // Whoever asked may have gone away; the work is done all the same.
        let _ = self.answer.send(outcome);
    }
}

fn start_writer(connection: Connection, path: &Path) -> mpsc::Sender<Box<dyn Job>> {
    let (sender, queue) = mpsc::channel();
    let mut writer = Writer {
        tx: Tx::Sqlite(connection),
        queue,
    };
    let started = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.work());
    if let Err(error) = started {
        tracing::error!(%error, path = %path.display(), "the store's writer does not start");
    }
    sender
}

struct Writer {
    tx: Tx,
    queue: mpsc::Receiver<Box<dyn Job>>,
}

impl Writer {
    fn work(&mut self) {
        while let Ok(first) = self.queue.recv() {
            self.group(first);
        }
        // The last clone of the store is gone: leave a tidy file behind.
        if let Tx::Sqlite(connection) = &self.tx {
            let _ = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
        }
    }

    /// Runs `first` and what has queued up behind it in one database transaction.
    fn group(&mut self, mut first: Box<dyn Job>) {
        if let Err(trouble) = self.say("BEGIN IMMEDIATE") {
            return first.answer(Some(trouble));
        }
        if !first.run(&mut self.tx) {
            self.roll_back();
            return first.answer(None);
        }
        let mut done = vec![first];
        let mut spoilt = None;
        let began = Instant::now();
        while began.elapsed() < GROUP_TIME_MAX {
            let Ok(mut next) = self.queue.try_recv() else {
                break;
            };
            if let Err(trouble) = self.say("SAVEPOINT job") {
                next.answer(Some(trouble));
                break;
            }
            let good = next.run(&mut self.tx);
            done.push(next);
            let closed = if good {
                self.say("RELEASE job")
            } else {
                self.say("ROLLBACK TO job")
                    .and_then(|()| self.say("RELEASE job"))
            };
            if closed.is_err() {
                // What the failed one wrote may still be there: nothing may be committed.
                spoilt = closed.err();
                break;
            }
        }
        let lost = spoilt.or_else(|| self.say("COMMIT").err());
        if lost.is_some() {
            self.roll_back();
        }
        for job in done {
            job.answer(lost.clone());
        }
    }

    fn say(&self, sql: &str) -> Result<(), Trouble> {
        match &self.tx {
            Tx::Sqlite(connection) => run(connection, sql),
            Tx::Postgres(_) => Err(stopped().into()),
        }
    }

    fn roll_back(&self) {
        if let Tx::Sqlite(connection) = &self.tx
            && !connection.is_autocommit()
            && let Err(trouble) = run(connection, "ROLLBACK")
        {
            tracing::error!(?trouble, "a transaction could not be rolled back");
        }
    }
}

fn run(connection: &Connection, sql: &str) -> Result<(), Trouble> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(|e| trouble(&e))
}

/// Runs `work` over one snapshot of the database.
pub(super) fn within_snapshot<R>(
    connection: &mut Connection,
    work: impl FnOnce(&mut Connection) -> Result<R, Trouble>,
) -> Result<R, Trouble> {
    run(connection, "BEGIN")?;
    let answer = work(connection);
    let ended = run(connection, "COMMIT");
    answer.and_then(|answer| ended.map(|()| answer))
}

/// Prepares a statement, or finds it prepared. What PostgreSQL writes `$7` is a name to
/// SQLite, counted by where it stands; `?7` is the seventh for certain.
fn prepare<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, Trouble> {
    connection
        .prepare_cached(&sql.replace('$', "?"))
        .map_err(|e| trouble(&e))
}

pub(super) fn fetch<T: FromCells>(
    connection: &mut Connection,
    sql: &str,
    row: &[Cell<'_>],
    binds: &[Value],
) -> Result<Vec<T>, Trouble> {
    let mut statement = prepare(connection, sql)?;
    let mut found = Vec::new();
    collect(&mut statement, row, binds, &mut found)?;
    Ok(found)
}

pub(super) fn fetch_each<T: FromCells>(
    connection: &mut Connection,
    sql: &str,
    columns: &[Column<'_>],
    binds: &[Value],
) -> Result<Vec<T>, Trouble> {
    let mut statement = prepare(connection, sql)?;
    let mut found = Vec::new();
    let mut row = Vec::with_capacity(columns.len());
    for at in 0..columns.first().map_or(0, Column::len) {
        cut(columns, at, &mut row)?;
        collect(&mut statement, &row, binds, &mut found)?;
    }
    Ok(found)
}

fn collect<T: FromCells>(
    statement: &mut rusqlite::Statement<'_>,
    row: &[Cell<'_>],
    binds: &[Value],
    found: &mut Vec<T>,
) -> Result<(), Trouble> {
    bind(statement, row, binds)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|e| trouble(&e))? {
        found.push(T::from_cells(&mut Cells::of_sqlite(row))?);
    }
    Ok(())
}

pub(super) fn execute(
    connection: &mut Connection,
    sql: &str,
    binds: &[Value],
) -> Result<u64, Trouble> {
    let mut statement = prepare(connection, sql)?;
    bind(&mut statement, &[], binds)?;
    let touched = statement.raw_execute().map_err(|e| trouble(&e))?;
    Ok(touched as u64)
}

pub(super) fn execute_each(
    connection: &mut Connection,
    sql: &str,
    columns: &[Column<'_>],
    binds: &[Value],
) -> Result<u64, Trouble> {
    let mut statement = prepare(connection, sql)?;
    let mut touched = 0;
    let mut row = Vec::with_capacity(columns.len());
    for at in 0..columns.first().map_or(0, Column::len) {
        cut(columns, at, &mut row)?;
        bind(&mut statement, &row, binds)?;
        touched += statement.raw_execute().map_err(|e| trouble(&e))? as u64;
    }
    Ok(touched)
}

pub(super) fn script(connection: &mut Connection, sql: &str) -> Result<(), Trouble> {
    connection.execute_batch(sql).map_err(|e| trouble(&e))
}

/// One value, as SQLite takes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a>(ValueRef<'a>);

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.0))
    }
}

/// Cuts one row out of columns.
fn cut<'a>(columns: &'a [Column<'a>], at: usize, row: &mut Vec<Cell<'a>>) -> Result<(), Trouble> {
    row.clear();
    for column in columns {
        let cell = match column {
            Column::Ints(values) => values.get(at).map(|v| ValueRef::Integer(*v)),
            Column::MaybeInts(values) => values
                .get(at)
                .map(|v| v.map_or(ValueRef::Null, ValueRef::Integer)),
            Column::Bools(values) => values.get(at).map(|v| ValueRef::Integer(i64::from(*v))),
            Column::Texts(values) => values.get(at).map(|v| ValueRef::Text(v.as_bytes())),
            Column::MaybeTexts(values) => values
                .get(at)
                .map(|v| v.map_or(ValueRef::Null, |v| ValueRef::Text(v.as_bytes()))),
            Column::OwnedTexts(values) => values.get(at).map(|v| ValueRef::Text(v.as_bytes())),
            Column::Hashes(values) => values.get(at).map(|v| ValueRef::Blob(v)),
        };
        row.push(Cell(cell.ok_or_else(|| {
            Trouble::Store(StoreError::Corrupt {
                what: "a column of a batch is shorter than the first".to_owned(),
            })
        })?));
    }
    Ok(())
}

fn bind(
    statement: &mut rusqlite::Statement<'_>,
    row: &[Cell<'_>],
    binds: &[Value],
) -> Result<(), Trouble> {
    let binds = binds.iter().map(|value| {
        Cell(match value {
            Value::Int(value) => value.map_or(ValueRef::Null, ValueRef::Integer),
            Value::Text(value) => value
                .as_ref()
                .map_or(ValueRef::Null, |v| ValueRef::Text(v.as_bytes())),
            Value::Bytes(value) => value.as_ref().map_or(ValueRef::Null, |v| ValueRef::Blob(v)),
        })
    });
    for (index, cell) in row.iter().copied().chain(binds).enumerate() {
        if let ValueRef::Text(text) = cell.0
            && memchr::memchr(0, text).is_some()
        {
            return Err(StoreError::Nul.into());
        }
        statement
            .raw_bind_parameter(index + 1, cell)
            .map_err(|e| trouble(&e))?;
    }
    Ok(())
}

/// What an error of SQLite means to us.
fn trouble(error: &rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Trouble::Constraint(error.to_string()),
        Some(ErrorCode::DiskFull) => Trouble::Store(StoreError::Full {
            place: String::new(),
        }),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Trouble::Store(StoreError::Conflict {
                reason: "another process keeps writing to it".to_owned(),
            })
        }
        Some(ErrorCode::ReadOnly) => Trouble::Store(StoreError::ReadOnly),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Trouble::Store(StoreError::Corrupt {
                what: error.to_string(),
            })
        }
        _ => Trouble::Store(StoreError::Unavailable {
            reason: error.to_string(),
        }),
    }
}

/// Says which file an error is about.
fn about(trouble: Trouble, path: &Path) -> Trouble {
    match trouble {
        Trouble::Store(StoreError::Full { .. }) => Trouble::Store(StoreError::Full {
            place: path.display().to_string(),
        }),
        other => other,
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::Store(StoreError::Unavailable {
        reason: error.to_string(),
    })
}

fn stopped() -> StoreError {
    StoreError::Unavailable {
        reason: "its writer has stopped".to_owned(),
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, Trouble> + Send + 'static,
) -> Result<R, Trouble> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| unavailable(&e))?
}

/// A panic elsewhere has left nothing half done in a list of connections.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
