//! Writes of identity providers that push over SCIM: each request becomes the contribution
//! of its connection, is merged with what the other sources say, and is one commit.
//!
//! A connection is a source of kind [`KIND`]. It reads the directory as all sources
//! together make it ([`Pusher::read`]), except whom it has deleted itself. It writes with
//! [`Pusher::create`], [`Pusher::replace`], [`Pusher::patch`], [`Pusher::delete`]: the
//! change is computed from the document that the client sees; the attributes that differ
//! are what the connection says from then on. Where another source wins, the answer shows
//! the winner, and [`Pushed::overruled`] tells why. What changes nothing writes nothing.
//!
//! Members of groups are rows with their source; they are never loaded to change one. A
//! member that nobody here is waits as a pending reference until somebody comes by that id
//! or externalId.
//!
//! All pushes of a connection within an hour are one run of kind `push`, so that they are
//! listed, explained and undone like any other.

#![expect(
    dead_code,
    reason = "passwords and custom types are going to use the rest"
)]

mod counted;
mod create;
mod delete;
mod draft;
mod error;
mod gate;
mod managers;
mod members;
mod names;
mod pusher;
mod settle;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_directory::password::PasswordChange;
use rollcall_directory::schema::{Registry, Schemas, Unit};
use rollcall_directory::warning::{Strictness, Warning};
use rollcall_store::ids::ResourceId;
use rollcall_store::records::{Resource, Source};

pub(crate) use counted::counted;
pub(crate) use error::PushError;
pub(crate) use gate::PushEngine;
pub(crate) use pusher::Pusher;

use super::setup::Voices;
pub(crate) use crate::config::policy::UnknownMembers;

/// The kind of sources that push.
pub(crate) const KIND: &str = "push";

/// One connection, as it is set up while a request is served.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The source that it is. Whether it is paused is asked of the store with each write.
    pub(crate) source: Source,
    /// How much each source of the tenant counts, this one included.
    pub(crate) voices: Arc<Voices>,
    /// The tenant's resource types.
    pub(crate) registry: Arc<Registry>,
    /// `Schemas::from(&registry)`, made once.
    pub(crate) schemas: Arc<Schemas>,
    /// Whether what is odd is refused.
    pub(crate) strictness: Strictness,
    /// What becomes of members whom nobody here is.
    pub(crate) unknown_members: UnknownMembers,
    /// How long whom it deletes can come back under the same id; `None`: for ever.
    pub(crate) grace: Option<Duration>,
    /// Who is asked before somebody is deactivated or deleted.
    pub(crate) guard: Option<Arc<dyn PushGuard>>,
}

/// A request's `If-Match` (RFC 7644 §3.14), or the `version` of a bulk operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: it must be there.
    Any,
    /// It must be at one of these versions. A tag that is none of ours stands for nothing,
    /// so the list may be empty: then nothing matches.
    Versions(Vec<i64>),
}

impl IfMatch {
    /// Whether a resource of this version will do.
    pub(crate) fn holds(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }
}

/// What came of a write.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    /// The resource as it is now.
    pub(crate) resource: Resource,
    /// Whether anything was written.
    pub(crate) changed: bool,
    /// Whether it is new to the client: made, linked to somebody who was there, or back.
    pub(crate) created: bool,
    /// What the client said and another source overrules.
    pub(crate) overruled: Vec<Overruled>,
    /// What was odd about the request.
    pub(crate) warnings: Vec<Warning>,
    /// The password that the client sets, for whoever keeps passwords. Not stored here.
    pub(crate) password: PasswordChange,
}

/// One attribute that the client set and that has another value all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overruled {
    /// The attribute; `members` where a member stays because of another source.
    pub(crate) unit: Unit,
    /// The source that wins.
    pub(crate) by: String,
}

impl fmt::Display for Overruled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: source {} decides", self.unit, self.by)
    }
}

/// What a write is about to do to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushEffect {
    /// A person who is active will not be.
    Deactivates,
    /// A person or group is deleted, as far as the connection goes; `active`: it is a
    /// person who was active.
    Deletes {
        /// See the variant.
        active: bool,
    },
}

/// Judges whether somebody may be deactivated or deleted: the guard against a
/// misconfiguration that ends everybody.
#[async_trait]
pub(crate) trait PushGuard: fmt::Debug + Send + Sync {
    /// Asked right before the write; more than once when the write has to be computed again,
    /// so somebody counts once. `Err`: it is not done, and the client is told to come back
    /// later.
    async fn admit(&self, whom: ResourceId, effect: PushEffect) -> Result<(), Held>;
}

/// A write that the guard holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Why, in a sentence for the client's administrator.
    pub(crate) detail: String,
    /// When it makes sense to ask again.
    pub(crate) retry_after: Duration,
}
