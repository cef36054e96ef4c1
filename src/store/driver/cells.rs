//! Rows as both databases give them, taken apart cell by cell.

use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_directory::fingerprint::Fingerprint;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Trouble;
use crate::error::StoreError;
use crate::ids::{LinkId, ResourceId, RunId, SourceId, TenantId};
use crate::records::{Presence, RunKind, RunState};

/// A row, read from the left.
pub(crate) struct Cells<'r> {
    row: Row<'r>,
    next: usize,
}

enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r sqlx::postgres::PgRow),
}

/// What can be read from a row.
pub(crate) trait FromCells: Sized + Send + 'static {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble>;
}

/// What both drivers can read from a cell.
pub(crate) trait Base:
    rusqlite::types::FromSql
    + for<'r> sqlx::Decode<'r, sqlx::Postgres>
    + sqlx::Type<sqlx::Postgres>
    + Send
{
}
impl<B> Base for B where
    B: rusqlite::types::FromSql
        + for<'r> sqlx::Decode<'r, sqlx::Postgres>
        + sqlx::Type<sqlx::Postgres>
        + Send
{
}

/// A value kept in one cell.
pub(crate) trait Stored: Sized + Send + 'static {
    type Base: Base;
    /// `None`: no such value is ever written.
    fn from_base(base: Self::Base) -> Option<Self>;
}

impl<'r> Cells<'r> {
    pub(super) fn of_sqlite(row: &'r rusqlite::Row<'r>) -> Self {
        Self {
            row: Row::Sqlite(row),
            next: 0,
        }
    }

    pub(super) fn of_postgres(row: &'r sqlx::postgres::PgRow) -> Self {
        Self {
            row: Row::Postgres(row),
            next: 0,
        }
    }

    /// The next cell.
    pub(crate) fn take<T: Stored>(&mut self) -> Result<T, Trouble> {
        let at = self.next;
        self.next += 1;
        let base = match self.row {
            Row::Sqlite(row) => row.get::<_, T::Base>(at).map_err(|e| e.to_string()),
            Row::Postgres(row) => row.try_get::<T::Base, _>(at).map_err(|e| e.to_string()),
        };
        match base.map(T::from_base) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(corrupt(format!(
                "column {at} is no {}",
                std::any::type_name::<T>()
            ))),
            Err(reason) => Err(corrupt(format!("column {at}: {reason}"))),
        }
    }

    /// The next cell, a JSON text.
    pub(crate) fn take_json<T: DeserializeOwned>(&mut self) -> Result<T, Trouble> {
        let text: String = self.take()?;
        json(&text)
    }
}

/// Reads a JSON text that the store has written.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Trouble> {
    serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))
}

fn corrupt(what: String) -> Trouble {
    Trouble::Store(StoreError::Corrupt { what })
}

/// A time as it is stored: microseconds since 1970.
pub(crate) fn micros(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).unwrap_or(i64::MAX)
}

/// The time that [`micros`] gave.
pub(crate) fn from_micros(micros: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()
}

macro_rules! as_it_is {
    ($($base:ty),*) => { $(
        impl Stored for $base {
            type Base = $base;
            fn from_base(base: $base) -> Option<Self> {
                Some(base)
            }
        }
    )* };
}
as_it_is!(i64, bool, String, Vec<u8>);

macro_rules! numbers {
    ($($id:ident),*) => { $(
        impl Stored for $id {
            type Base = i64;
            fn from_base(base: i64) -> Option<Self> {
                Some($id(base))
            }
        }
    )* };
}
numbers!(TenantId, SourceId, ResourceId, LinkId, RunId);

impl<T: Stored> Stored for Option<T> {
    type Base = Option<T::Base>;
    fn from_base(base: Self::Base) -> Option<Self> {
        match base {
            None => Some(None),
            Some(base) => T::from_base(base).map(Some),
        }
    }
}

impl Stored for u64 {
    type Base = i64;
    fn from_base(base: i64) -> Option<Self> {
        u64::try_from(base).ok()
    }
}

impl Stored for OffsetDateTime {
    type Base = i64;
    fn from_base(base: i64) -> Option<Self> {
        from_micros(base)
    }
}

impl Stored for Fingerprint {
    type Base = Vec<u8>;
    fn from_base(base: Vec<u8>) -> Option<Self> {
        base.try_into().ok().map(Fingerprint)
    }
}

impl Stored for [u8; 32] {
    type Base = Vec<u8>;
    fn from_base(base: Vec<u8>) -> Option<Self> {
        base.try_into().ok()
    }
}

impl Stored for Uuid {
    type Base = String;
    fn from_base(base: String) -> Option<Self> {
        Uuid::try_parse(&base).ok()
    }
}

impl Stored for EntryKey {
    type Base = String;
    fn from_base(base: String) -> Option<Self> {
        EntryKey::new(&base).ok()
    }
}

impl Stored for Kind {
    type Base = String;
    fn from_base(base: String) -> Option<Self> {
        (!base.is_empty()).then(|| Self::of_type(&base))
    }
}

macro_rules! words {
    ($($kind:ident: $($variant:ident),*;)*) => { $(
        impl Stored for $kind {
            type Base = String;
            fn from_base(base: String) -> Option<Self> {
                [$($kind::$variant),*].into_iter().find(|word| word.as_str() == base)
            }
        }
    )* };
}
words! {
    Presence: Present, Disabled, Withdrawn;
    RunKind: Sync, Plan, Undo, Push;
    RunState: Running, Planned, Applied, Held, Failed, Cancelled, Undone;
}

macro_rules! tuples {
    ($(($($part:ident),+))*) => { $(
        impl<$($part: Stored),+> FromCells for ($($part,)+) {
            fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
                Ok(($(cells.take::<$part>()?,)+))
            }
        }
    )* };
}
tuples! { (A) (A, B) (A, B, C) (A, B, C, D) }
