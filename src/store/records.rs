//! What the store keeps, as the floors above see it.

use rollcall_directory::contribution::Contribution;
use rollcall_directory::diff::Change;
use rollcall_directory::document::Document;
use rollcall_directory::entry::{EntryKey, Flaw, Kind, Locator};
use rollcall_directory::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ids::{LinkId, ResourceId, RunId, SourceId, TenantId};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name in URLs and files.
    pub name: String,
    /// Counted up whenever its registered schemas change.
    pub schemas_version: i64,
}

/// What the store remembers of a source between runs; its settings are configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its name in the configuration.
    pub name: String,
    /// `ldap`, `scim`, `http`, `file`, `push` or `admin`.
    pub kind: String,
    /// Why it does not run, if it is paused.
    pub paused: Option<String>,
    /// The settings (base, filter, URL, key, mapping) of the last run that ended with a
    /// complete read; `None`: there was none, the next run is the first.
    pub settings: Option<Fingerprint>,
    /// When a read was last complete.
    pub last_complete: Option<OffsetDateTime>,
    /// When the last scheduled run was due, so that a missed one is caught up once.
    pub last_due: Option<OffsetDateTime>,
    /// The rules (priorities, unions) under which its last run merged.
    pub voices: Option<Fingerprint>,
}

/// A canonical user or group.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its number.
    pub id: ResourceId,
    /// Its SCIM id, a UUID of version 7.
    pub uuid: Uuid,
    /// Its tenant.
    pub tenant: TenantId,
    /// User, group, or of a registered type.
    pub kind: Kind,
    /// Its attributes.
    pub document: Document,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it last changed.
    pub modified: OffsetDateTime,
    /// Counted up with each change that a client can see, members of a group included,
    /// from 1: the entity tag.
    pub version: i64,
    /// Counted up with each change of the attributes, from 1: what changes are computed
    /// from.
    pub document_version: i64,
    /// Since when no source holds it any more.
    pub orphaned: Option<OffsetDateTime>,
}

/// Whether a link's entry is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// The last complete read listed it.
    Present,
    /// Gone; its contribution stays and says `active = false` (policy `disable`).
    Disabled,
    /// Gone; its contribution does not count (policy `withdraw`, or the grace period is
    /// over). The link stays so that who comes back is the same person.
    Withdrawn,
}

/// The tie between one entry of one source and one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub id: LinkId,
    /// The entry's source.
    pub source: SourceId,
    /// User or group.
    pub kind: Kind,
    /// The entry's key.
    pub key: EntryKey,
    /// Where the entry was last found.
    pub locator: Locator,
    /// Whose link it is.
    pub resource: ResourceId,
    /// Of the entry, under its mapping, when it was last mapped.
    pub fingerprint: Fingerprint,
    /// The mapping (see [`crate::records::MappingText`]) that made the contribution.
    pub mapping: Fingerprint,
    /// What the entry says.
    pub contribution: Contribution,
    /// Whether the entry is there.
    pub presence: Presence,
    /// Since when it is gone.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub gone_since: Option<OffsetDateTime>,
    /// How many complete reads running did not list it, where one is no proof.
    pub missed_reads: i64,
    /// The run that last wrote it.
    pub run: RunId,
}

/// The few bytes of a link that a run keeps in memory for each entry of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkMark {
    /// The link.
    pub id: LinkId,
    /// User or group.
    pub kind: Kind,
    /// Hash of the key: [`Fingerprint::of`] its bytes.
    pub key: Fingerprint,
    /// Of the entry when it was last mapped.
    pub fingerprint: Fingerprint,
    /// Whether the entry was there.
    pub presence: Presence,
    /// See [`Link::missed_reads`].
    pub missed_reads: i64,
}

/// A mapping file as it was when it made contributions, so that a value can be explained
/// by the very line that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingText {
    /// Of its meaning.
    pub fingerprint: Fingerprint,
    /// The file's stem.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Going on, or cut off by a crash until the next start notices.
    Running,
    /// A plan that nobody has applied yet.
    Planned,
    /// Done.
    Applied,
    /// Something waits for approval.
    Held,
    /// Broke off.
    Failed,
    /// Stopped, or its plan was discarded.
    Cancelled,
    /// Put back.
    Undone,
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// Read and write.
    Sync,
    /// Read and show.
    Plan,
    /// Put back what another run changed.
    Undo,
    /// All that a connection pushes within an hour.
    Push,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Its source.
    pub source: SourceId,
    /// What started it.
    pub kind: RunKind,
    /// Where it stands.
    pub state: RunState,
    /// When it began.
    pub started: OffsetDateTime,
    /// When it ended.
    pub finished: Option<OffsetDateTime>,
    /// How the read ended, in one sentence; `None` while it reads.
    pub verdict: Option<String>,
    /// Counts, notes, what is held and why: the sync floor's own JSON object.
    pub report: serde_json::Value,
    /// The run that this one undoes.
    pub undoes: Option<RunId>,
    /// The settings that it ran under.
    pub settings: Fingerprint,
}

/// An entry that could not be mapped or reconciled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// Its source.
    pub source: SourceId,
    /// User or group.
    pub kind: Kind,
    /// Its key, or its locator's text when it has none.
    pub name: String,
    /// Where it was found.
    pub locator: Locator,
    /// What is wrong, in one sentence.
    pub reason: String,
    /// The values that were refused.
    pub flaws: Vec<Flaw>,
    /// The run that met it first.
    pub since: RunId,
}

/// A reference that names nobody yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Who refers.
    pub link: LinkId,
    /// The reference.
    pub reference: rollcall_directory::name::Reference,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// A run.
    Run(RunId),
    /// A client that pushes over a connection; the run is the connection's hour.
    Connection(RunId),
    /// A person or program at the command line.
    Cli,
    /// Time: a grace period has ended, or somebody whom others waited for has come.
    Time,
}

impl Actor {
    /// The run that it acts in.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Run(run) | Self::Connection(run) => Some(*run),
            Self::Cli | Self::Time => None,
        }
    }
}

/// What a journal line tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum JournalEvent {
    /// A resource was made from an entry; with it its link.
    Created,
    /// Its attributes changed.
    Updated {
        /// How.
        changes: Vec<Change>,
    },
    /// It was deleted.
    Deleted {
        /// Its last state.
        document: Document,
        /// When it had been made.
        #[serde(with = "time::serde::rfc3339")]
        created: OffsetDateTime,
        /// Since when no source had held it.
        #[serde(with = "time::serde::rfc3339::option", default)]
        orphaned: Option<OffsetDateTime>,
        /// Its links' last states.
        links: Vec<Link>,
        /// Where it was a member.
        memberships: Vec<(ResourceId, SourceId)>,
        /// Who were its members.
        members: Vec<(ResourceId, SourceId)>,
    },
    /// An entry was tied to a resource that was there already.
    Linked,
    /// A link changed: its last state before (contribution, presence, locator).
    LinkChanged {
        /// Before.
        before: Box<Link>,
    },
    /// A link was cut.
    Unlinked {
        /// Its last state.
        before: Box<Link>,
    },
    /// A group's members changed, as far as one source goes.
    Members {
        /// Who came.
        added: Vec<ResourceId>,
        /// Who went.
        removed: Vec<ResourceId>,
    },
    /// No source holds the resource any more, or one does again.
    Orphaned {
        /// Since when; `None`: a source holds it again.
        #[serde(with = "time::serde::rfc3339::option")]
        since: Option<OffsetDateTime>,
        /// What stood there before.
        #[serde(with = "time::serde::rfc3339::option", default)]
        before: Option<OffsetDateTime>,
    },
    /// Something about a run or a source that is no resource: approval, pause.
    Note {
        /// In words.
        text: String,
    },
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalLine {
    /// Its number: ascending, with gaps.
    pub seq: i64,
    /// When.
    pub at: OffsetDateTime,
    /// Who.
    pub actor: Actor,
    /// Through which source.
    pub source: Option<SourceId>,
    /// About which resource.
    pub resource: Option<ResourceId>,
    /// Its SCIM id, kept after its deletion.
    pub uuid: Option<Uuid>,
    /// Through which link.
    pub link: Option<LinkId>,
    /// What.
    pub event: JournalEvent,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The holder, as it named itself.
    pub owner: String,
    /// The lease's number under it.
    pub number: i64,
    /// Since when.
    pub acquired: OffsetDateTime,
    /// Until when, unless it renews.
    pub expires: OffsetDateTime,
}

/// A bearer token with which SCIM is read; the token itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it allows.
    pub scope: String,
    /// When it was made.
    pub created: OffsetDateTime,
    /// When it ends.
    pub expires: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used: Option<OffsetDateTime>,
}

/// What a connection needs to know of itself before it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushState {
    /// Why it does not write, if it is paused.
    pub paused: Option<String>,
    /// Its run that began at or after the asked time, if there is one that was not undone.
    pub run: Option<RunId>,
}

/// How much a tenant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantStatistics {
    /// The tenant's name.
    pub tenant: String,
    /// People.
    pub users: u64,
    /// Those of them who are active.
    pub active_users: u64,
    /// Groups.
    pub groups: u64,
    /// Ties between entries and resources, of every source.
    pub links: u64,
    /// Memberships, of every source.
    pub memberships: u64,
    /// References that name nobody.
    pub pending: u64,
    /// Entries in quarantine.
    pub quarantined: u64,
}

/// Which lines of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only about this resource.
    pub resource: Option<ResourceId>,
    /// Only beyond this line, in the direction of reading: the page's border.
    pub after_seq: Option<i64>,
    /// At most so many lines.
    pub limit: u32,
    /// Read backwards from the end.
    pub newest_first: bool,
}

/// Which runs. Newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Only of this source; else of every source of the tenant.
    pub source: Option<SourceId>,
    /// Only those that began then or later.
    pub since: Option<OffsetDateTime>,
    /// At most so many.
    pub limit: u32,
}

/// Which resources, in order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only beyond this one: the fast way through a long list.
    pub after: Option<ResourceId>,
    /// Leave out so many first: SCIM's `startIndex` less one.
    pub offset: u64,
    /// At most so many.
    pub limit: u32,
    /// Only the user of this name, ignoring case.
    pub user_name: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceList {
    /// How many there are in all, `after`, `offset` and `limit` aside.
    pub total: u64,
    /// Those asked for.
    pub resources: Vec<Resource>,
}

impl RunState {
    /// The word used in messages and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Planned => "planned",
            Self::Applied => "applied",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Undone => "undone",
        }
    }
}

impl RunKind {
    /// The word used in messages and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Plan => "plan",
            Self::Undo => "undo",
            Self::Push => "push",
        }
    }
}

impl Presence {
    /// The word used in messages and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Disabled => "disabled",
            Self::Withdrawn => "withdrawn",
        }
    }
}
