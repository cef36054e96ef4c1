//! What can go wrong in the store, in the words of whoever operates it.

use crate::ids::ResourceId;

/// Why the store could not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database that Rollcall can use.
    #[error("{url} is no store: write sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Url {
        /// The URL without its password.
        url: String,
    },
    /// The database cannot be reached or opened, or broke off.
    #[error("the store cannot be used: {reason}")]
    Unavailable {
        /// In the database's words.
        reason: String,
    },
    /// No connection to PostgreSQL.
    #[error(
        "PostgreSQL at {server} cannot be used: {reason}; check that it runs and takes connections from here, and user, password and database in the store's `url`"
    )]
    Unreachable {
        /// Its host, or the folder of its socket, and its port.
        server: String,
        /// In the database's words.
        reason: String,
    },
    /// No room for another page.
    #[error("the disk that holds {place} is full: free some space; nothing was half written")]
    Full {
        /// The database's file or server.
        place: String,
    },
    /// A newer Rollcall has been here.
    #[error(
        "the store was written by a newer Rollcall (its schema is {found}, this program knows {known}): start the newer one, or restore a backup from before the upgrade"
    )]
    NewerSchema {
        /// The version found.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// Opened for reading only, and older than this program.
    #[error("the store's schema is {found} and this program needs {known}: run `rollcall migrate`")]
    OlderSchema {
        /// The version found.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// Others kept changing the same rows.
    #[error("the store was busy with the same rows for too long: {reason}")]
    Conflict {
        /// In the database's words.
        reason: String,
    },
    /// A text with NUL, which PostgreSQL cannot hold.
    #[error("a text contains a NUL character, which cannot be stored")]
    Nul,
    /// What is asked for is not there.
    #[error("there is no {what}")]
    NotFound {
        /// Such as `run 7`.
        what: String,
    },
    /// It is there already.
    #[error("there is a {what} already")]
    Exists {
        /// Such as `token ci`.
        what: String,
    },
    /// A row that this program would never have written.
    #[error("the store holds something unreadable: {what}")]
    Corrupt {
        /// Which row and why.
        what: String,
    },
    /// A write to a store that was opened for reading only.
    #[error("the store was opened for reading only")]
    ReadOnly,
    /// The database supports no such thing.
    #[error("{what}")]
    Unsupported {
        /// What to do instead.
        what: String,
    },
}

/// Why a batch was not written. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The lease has passed to somebody else: stop writing.
    #[error("the lease {lease} has passed to another run")]
    Fenced {
        /// Its name.
        lease: String,
    },
    /// One step cannot be done; without it the others may.
    #[error("step {index} of the batch: {cause}")]
    Step {
        /// Which step, counted from 0.
        index: usize,
        /// Why.
        cause: StepConflict,
    },
    /// The store itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a step cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepConflict {
    /// The resource has changed since the change was computed.
    #[error("resource {resource} has changed meanwhile (version {found} instead of {expected})")]
    Version {
        /// Which.
        resource: ResourceId,
        /// The version that the change was computed from.
        expected: i64,
        /// The version now.
        found: i64,
    },
    /// What the sources say of the resource has changed since the change was computed.
    #[error("what is said of resource {resource} has changed meanwhile")]
    Said {
        /// Which.
        resource: ResourceId,
    },
    /// The userName belongs to another user of the tenant, active or not.
    #[error("the userName {name} belongs to another user")]
    UserNameTaken {
        /// As the document spells it.
        name: String,
        /// Whose it is.
        holder: ResourceId,
    },
    /// Another link has the key.
    #[error("the entry {key} has a link already")]
    KeyTaken {
        /// The entry's key.
        key: String,
    },
    /// What the step builds on is no longer there.
    #[error("{what} is no longer there")]
    Gone {
        /// Such as `resource 7` or `link 9`.
        what: String,
    },
    /// What the step makes is there already.
    #[error("{what} is there already")]
    Exists {
        /// Such as `resource 7` or `link 9`.
        what: String,
    },
    /// A value by which resources are found is too long for an index.
    #[error("{attribute} is longer than {limit_bytes} bytes")]
    TooLong {
        /// The attribute.
        attribute: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// A value contains NUL, which PostgreSQL cannot hold.
    #[error("{attribute} contains a NUL character")]
    Nul {
        /// The attribute.
        attribute: String,
    },
    /// Another resource of the type has a value that must be unique.
    #[error("another resource has the {attribute} `{value}`")]
    ValueTaken {
        /// The attribute's path.
        attribute: String,
        /// The value, in the form in which it is compared.
        value: String,
        /// Whose it is.
        holder: ResourceId,
    },
}

impl StoreError {
    pub(crate) fn missing(what: String) -> Self {
        Self::NotFound { what }
    }
}
