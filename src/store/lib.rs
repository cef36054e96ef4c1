//! The canonical store: one schema on two databases, SQLite inside and PostgreSQL beside.
//!
//! The only package that names SQL or a database driver. The floors above say what they
//! want read and written in the words of [`records`] and [`writes`]; each module adds the
//! methods of its subject to [`Store`]. Time is always an argument.

#![warn(missing_docs)]

mod commit;
pub mod connections;
mod contributions;
mod dialect;
mod driver;
mod dump;
mod error;
pub mod ids;
mod journal;
mod leases;
mod links;
mod maintenance;
mod mappings;
mod memberships;
mod migrations;
mod plans;
mod quarantine;
pub mod records;
mod resources;
mod runs;
mod schemas;
pub mod search;
mod sources;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
pub mod writes;

pub use commit::{PrepareError, PreparedStep, storable};
pub use error::{CommitError, StepConflict, StoreError};
pub use ids::IdKind;
pub use links::said;
pub use resources::By;
pub use schemas::{Origin, RegisterError, Registered, Registration};

use std::sync::Arc;

use driver::{Access, Database};

/// The canonical store. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    database: Arc<Database>,
    stones: Arc<search::Stones>,
    registrations: Arc<schemas::Registrations>,
}

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many connections read at the same time (SQLite), or are open in all
    /// (PostgreSQL).
    pub connections_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 8 }
    }
}

impl Store {
    /// Opens the store at `sqlite:PATH` (made if it is not there) or `postgres://…`, and
    /// brings its schema up to date.
    pub async fn open(url: &str, options: &Options) -> Result<Self, StoreError> {
        Self::open_for(url, options, Access::Write).await
    }

    /// Opens a store that must be there and up to date, to read only.
    pub async fn open_read_only(url: &str) -> Result<Self, StoreError> {
        Self::open_for(url, &Options::default(), Access::Read).await
    }

    async fn open_for(url: &str, options: &Options, access: Access) -> Result<Self, StoreError> {
        Ok(Self {
            database: Arc::new(Database::open(url, options, access).await?),
            stones: Arc::default(),
            registrations: Arc::default(),
        })
    }
}
