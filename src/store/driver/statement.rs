//! SQL as text, and the values bound to it.

use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_directory::fingerprint::Fingerprint;
use time::OffsetDateTime;
use uuid::Uuid;

use super::micros;
use crate::ids::{LinkId, ResourceId, RunId, SourceId, TenantId};
use crate::records::{Presence, RunKind, RunState};

/// A statement, in one text or in one for each database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    /// For messages of tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "named by tests"))]
    pub(crate) name: &'static str,
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// Names the statements of a module, and lists them for the test that prepares them all.
///
/// `NAME = "…";` is one text for both. `NAME = "…", postgres: "…";` is for statements
/// that take whole columns: SQLite runs its text once for each row, with the row's values
/// as the first placeholders; PostgreSQL runs its own once, with arrays.
macro_rules! statements {
    ($($name:ident = $sqlite:expr $(, postgres: $postgres:expr)?;)*) => {
        $(const $name: $crate::driver::Statement = $crate::driver::Statement {
            name: stringify!($name),
            sqlite: $sqlite,
            postgres: $crate::driver::statements!(@postgres $sqlite $(, $postgres)?),
        };)*

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[$crate::driver::Statement] = &[$($name),*];
    };
    (@postgres $sqlite:expr) => { $sqlite };
    (@postgres $sqlite:expr, $postgres:expr) => { $postgres };
}
pub(crate) use statements;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// The values of one placeholder for many rows.
#[derive(Debug, Clone)]
pub(crate) enum Column<'a> {
    Ints(Vec<i64>),
    MaybeInts(Vec<Option<i64>>),
    Bools(Vec<bool>),
    Texts(Vec<&'a str>),
    MaybeTexts(Vec<Option<&'a str>>),
    OwnedTexts(Vec<String>),
    Hashes(Vec<[u8; 16]>),
}

impl Column<'_> {
    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::MaybeInts(values) => values.len(),
            Self::Bools(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::MaybeTexts(values) => values.len(),
            Self::OwnedTexts(values) => values.len(),
            Self::Hashes(values) => values.len(),
        }
    }
}

/// A vector of [`Value`]s.
macro_rules! binds {
    ($($value:expr),* $(,)?) => { Vec::<$crate::driver::Value>::from([$($crate::driver::Value::from($value)),*]) };
}
pub(crate) use binds;

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl From<OffsetDateTime> for Value {
    fn from(value: OffsetDateTime) -> Self {
        Self::Int(Some(micros(value)))
    }
}

impl From<Option<OffsetDateTime>> for Value {
    fn from(value: Option<OffsetDateTime>) -> Self {
        Self::Int(value.map(micros))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Text(Some(value.to_string()))
    }
}

impl From<&EntryKey> for Value {
    fn from(value: &EntryKey) -> Self {
        Self::from(value.as_str())
    }
}

impl From<Fingerprint> for Value {
    fn from(value: Fingerprint) -> Self {
        Self::Bytes(Some(value.0.to_vec()))
    }
}

impl From<[u8; 32]> for Value {
    fn from(value: [u8; 32]) -> Self {
        Self::Bytes(Some(value.to_vec()))
    }
}

macro_rules! words {
    ($($kind:ty),*) => { $(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::from(value.as_str())
            }
        }
    )* };
}
words!(Kind, Presence, RunKind, RunState);

macro_rules! numbers {
    ($($id:ty),*) => { $(
        impl From<$id> for Value {
            fn from(value: $id) -> Self {
                Self::Int(Some(value.0))
            }
        }
        impl From<Option<$id>> for Value {
            fn from(value: Option<$id>) -> Self {
                Self::Int(value.map(|id| id.0))
            }
        }
    )* };
}
numbers!(TenantId, SourceId, ResourceId, LinkId, RunId);
