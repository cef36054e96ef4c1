//! What a run wants written. A run that syncs commits writes at once, a plan keeps them:
//! so what is shown is what would be done.

use rollcall_directory::diff::Change;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::{NameHash, Reference};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::By;
use crate::ids::{LinkId, ResourceId, SourceId};
use crate::records::{Link, Quarantined};

/// One write. Ids of new rows come from [`crate::Store::reserve_ids`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "write", rename_all = "kebab-case")]
pub enum Write {
    /// A new user or group, and the link that it was made from.
    Create {
        /// Its number.
        resource: ResourceId,
        /// Its SCIM id.
        uuid: Uuid,
        /// User or group.
        kind: Kind,
        /// Its attributes.
        document: Document,
        /// Its first link.
        link: Box<Link>,
    },
    /// A resource's attributes change.
    Update {
        /// Whose.
        resource: ResourceId,
        /// The document's version that the change was computed from: another one is a
        /// conflict.
        base_version: i64,
        /// The new attributes.
        document: Document,
        /// How they differ from the old.
        changes: Vec<Change>,
    },
    /// Nothing is written; but the batch is refused unless the resource is as it was when
    /// the change was computed.
    Expect {
        /// Which.
        resource: ResourceId,
        /// Its [`crate::records::Resource::version`]; `None`: whatever it is.
        version: Option<i64>,
        /// [`crate::said`] by its links; `None`: whatever they say.
        said: Option<Fingerprint>,
    },
    /// Nothing is written, and nothing is looked at when it is committed: whoever keeps steps
    /// notes here by what nobody was known when they were computed, and looks again before
    /// they are written.
    Unclaimed {
        /// Users or groups.
        kind: Kind,
        /// By which attribute.
        by: By,
        /// Its value.
        text: String,
    },
    /// A resource ends, with its links, memberships and names.
    Delete {
        /// Which.
        resource: ResourceId,
        /// The document's version that the decision was made from.
        base_version: i64,
    },
    /// A deleted resource comes back as it was (undo): same number, same SCIM id.
    Restore {
        /// Its number.
        resource: ResourceId,
        /// Its SCIM id.
        uuid: Uuid,
        /// User or group.
        kind: Kind,
        /// Its attributes.
        document: Document,
        /// When it had first been made.
        #[serde(with = "time::serde::rfc3339")]
        created: OffsetDateTime,
    },
    /// No source holds it any more since then: its userName is free for others. Or
    /// (`None`) one does again, which takes the userName back if nobody else has it.
    Orphan {
        /// Which.
        resource: ResourceId,
        /// Since when.
        #[serde(with = "time::serde::rfc3339::option")]
        since: Option<OffsetDateTime>,
    },
    /// An entry is tied to a resource that is there already, or comes back (undo).
    Link {
        /// The new link.
        link: Box<Link>,
    },
    /// A link's new state, by its number. `journal` is false when only the fingerprint
    /// and the run changed: such a write leaves no line.
    Relink {
        /// The new state.
        link: Box<Link>,
        /// Whether the journal keeps the old state.
        journal: bool,
    },
    /// A link is cut (undo of its making).
    Unlink {
        /// Which.
        link: LinkId,
    },
    /// The names under which others refer to a link's entry, instead of the old ones.
    Names {
        /// Whose.
        link: LinkId,
        /// All of them.
        names: Vec<NameHash>,
    },
    /// Members come to and go from a group, as far as one source goes. Those who are there
    /// already or gone already change nothing; the others raise the group's version.
    Members {
        /// The group.
        group: ResourceId,
        /// Whose memberships these are.
        source: SourceId,
        /// Who comes.
        added: Vec<ResourceId>,
        /// Who goes.
        removed: Vec<ResourceId>,
    },
    /// A link's references that name nobody yet: some come, some go.
    Pending {
        /// Who refers.
        link: LinkId,
        /// To be kept.
        added: Vec<Reference>,
        /// To be forgotten.
        removed: Vec<Reference>,
    },
    /// An entry goes into quarantine, or its reason changes.
    Quarantine {
        /// It.
        entry: Box<Quarantined>,
    },
    /// An entry leaves quarantine.
    Release {
        /// Its source.
        source: SourceId,
        /// User or group.
        kind: Kind,
        /// Its name there.
        name: String,
    },
}

/// The writes of one entry: done together or not at all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Step {
    /// Whose, for messages: the entry's key or the resource's name.
    pub subject: String,
    /// In order.
    pub writes: Vec<Write>,
}

/// Proof of the lease under which a batch is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lease's name, `source:<id>`.
    pub lease: String,
    /// Counted up with each new holder.
    pub number: i64,
}
