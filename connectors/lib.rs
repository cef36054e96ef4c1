//! Connectors read sources. Each kind of source is a folder here, under the one written
//! contract of [`Connector`], which the test suite of every connector checks.
//!
//! A connector only reads: it knows nothing of mappings, SCIM or the store. It turns what
//! its source says into [`Entry`]s, in batches, through a bounded channel, and ends with a
//! [`Verdict`]: whether what it delivered is everything there is. Only a complete read may
//! lead to removals, so when in doubt a connector says `Incomplete`.

#![warn(missing_docs)]

pub mod file;
pub mod http;
pub mod ldap;
pub mod scim;
pub mod web;

mod json;
mod key;

use std::time::Duration;

use async_trait::async_trait;
use rollcall_directory::entry::{Entry, EntryKey, Kind};
use tokio::sync::mpsc;

/// What to read, from the mapping and the source's settings.
#[derive(Debug, Clone, Default)]
pub struct ReadRequest {
    /// How to read people; `None` when the mapping has no `[user]`.
    pub users: Option<KindRequest>,
    /// How to read groups; `None` when the mapping has no `[group]`.
    pub groups: Option<KindRequest>,
    /// Stop after so many entries of each kind (a look, never a sync): the verdict is then
    /// `Incomplete` unless the source ended before.
    pub sample: Option<usize>,
}

impl ReadRequest {
    /// The request for one kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Option<&KindRequest> {
        match kind {
            Kind::User => self.users.as_ref(),
            Kind::Group => self.groups.as_ref(),
            Kind::Custom(_) => None,
        }
    }
}

/// How entries of one kind are found and identified.
#[derive(Debug, Clone, Default)]
pub struct KindRequest {
    /// In the source's own language (LDAP: RFC 4515). The mapping's filter and the
    /// source's own, already joined.
    pub filter: Option<String>,
    /// The attribute whose value is the key.
    pub key: String,
    /// The attributes to deliver, in the spelling that the mapping uses; the key's is
    /// delivered too if it is listed here. `None`: all that the source gives by itself.
    pub attributes: Option<Vec<String>>,
}

/// Some entries of one kind, in the order of arrival. At most [`Batch::ENTRIES_MAX`].
#[derive(Debug)]
pub struct Batch {
    /// The entries. Users all come before groups.
    pub entries: Vec<Entry>,
    /// The total that the source announced, if it did: for the progress bar.
    pub announced: Option<u64>,
    /// How often the read had to begin anew before: entries of an earlier pass may come
    /// again in a later one, and may have changed in between. Within one pass a key that
    /// comes twice is a mistake of the source.
    pub pass: u8,
}

impl Batch {
    /// The most entries in a batch; also the size of a transaction.
    pub const ENTRIES_MAX: usize = 500;
    /// How many batches wait in the channel before the connector must.
    pub const IN_FLIGHT_MAX: usize = 1;
}

/// How a read ended. Every sentence is one that an administrator can act on: what
/// happened, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that the source holds was delivered, and the end was explicit.
    Complete {
        /// Things worth a line in the run's log.
        notes: Vec<String>,
        /// A reason to hold removals back although nothing failed (an answer of exactly
        /// 50 unpaged items looks like a silent limit).
        hold_removals: Option<String>,
    },
    /// Some entries are missing or could not be told apart: what came may update, nothing
    /// is removed.
    Incomplete {
        /// Why, in one sentence.
        because: String,
    },
    /// The read broke off; what came before may update, nothing is removed, the run failed.
    Failed {
        /// Why, in one sentence.
        because: String,
    },
    /// The source says that nothing has changed since the validators were taken with which
    /// it was asked; no entry was delivered. Only [`Connector::read_if_changed`] ends so.
    Unchanged {
        /// Things worth a line in the run's log.
        notes: Vec<String>,
    },
}

impl Verdict {
    /// Complete, with nothing to add.
    #[must_use]
    pub fn complete() -> Self {
        Self::Complete {
            notes: Vec::new(),
            hold_removals: None,
        }
    }
}

/// What a complete read leaves behind so that the next may ask whether anything has changed
/// since (HTTP: `ETag` and `Last-Modified` of every page). Only the connector that made
/// them can read them. They are stored in clear, so they hold no secret.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Validators(String);

impl Validators {
    /// Wraps a connector's own words.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The connector's own words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// They may be long.
impl std::fmt::Debug for Validators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validators({} bytes)", self.0.len())
    }
}

/// How a read ended, and what it leaves for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it ended.
    pub verdict: Verdict,
    /// Of everything that was delivered; only after a complete read, and only if the source
    /// can be asked conditionally.
    pub validators: Option<Validators>,
}

/// Why a source could not be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The settings cannot work, whatever the source does.
    #[error("{0}")]
    Settings(String),
    /// The source could not be reached or refused us. One sentence: cause and remedy.
    #[error("{0}")]
    Source(String),
    /// The receiver of the batches is gone: the run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

/// What looking up possible leavers by key found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The keys that the source still has (whatever the filter says); the others are gone.
    StillThere(Vec<EntryKey>),
    /// This source cannot look up single entries.
    NotPossible,
}

/// What a complete read of this source proves about an entry that it did not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is gone.
    Proven,
    /// It may have slipped between two pages (offset paging without a look-up): it is gone
    /// when two complete reads running did not list it.
    ProvenBySecondRead,
}

/// One step of `rollcall check --connect`: name, TCP, TLS, bind, base, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// What was tried: "connect to ldap.example.org:636".
    pub step: String,
    /// What it showed, or the sentence that says what is wrong and what to do.
    pub outcome: Result<String, String>,
    /// How long it took.
    pub took: Duration,
}

/// The attribute names that a source's own schema knows (LDAP subschema), for checking a
/// mapping against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSchema {
    /// Every name and alias, in the schema's spelling.
    pub attributes: Vec<String>,
}

/// Reads one source. Implementations hold their settings and secrets, and open their
/// connections inside each call.
///
/// The contract, checked by each connector's tests:
/// - all users come before all groups, in batches of at most [`Batch::ENTRIES_MAX`];
/// - an entry that cannot be read as it should comes all the same, with its flaws;
/// - the same source state read twice gives equal entries;
/// - when the channel closes, the read stops soon and returns `Failed`;
/// - no secret appears in a sentence, an entry, a log line or the `Debug` output;
/// - memory does not grow with the size of the source.
#[async_trait]
pub trait Connector: std::fmt::Debug + Send + Sync {
    /// Reads everything that `request` asks for.
    async fn read(&self, request: &ReadRequest, out: mpsc::Sender<Batch>) -> Verdict;

    /// Whether [`Self::read_if_changed`] is more than [`Self::read`].
    fn asks_conditionally(&self) -> bool {
        false
    }

    /// Reads everything that `request` asks for, unless the source says that nothing has
    /// changed since `last` was taken under the same request: then it delivers nothing, and
    /// the verdict is [`Verdict::Unchanged`]. Whenever the source does not say so, for
    /// whatever reason, everything is read.
    async fn read_if_changed(
        &self,
        request: &ReadRequest,
        last: Option<&Validators>,
        out: mpsc::Sender<Batch>,
    ) -> Answer {
        let _ = last;
        Answer {
            verdict: self.read(request, out).await,
            validators: None,
        }
    }

    /// Which of `keys` (at most [`LOOK_UP_KEYS_MAX`]) does the source still have?
    async fn look_up(
        &self,
        request: &ReadRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError>;

    /// Reads one entry, by key or by locator text (a DN, a line); `None` if there is none.
    async fn find(
        &self,
        request: &ReadRequest,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Entry>, ConnectorError>;

    /// What a complete read proves about who is missing from it.
    fn absence(&self) -> Absence;

    /// Tries the connection step by step, without reading people. Stops at the first
    /// step that fails.
    async fn check(&self) -> Vec<CheckStep>;

    /// The source's schema, where it publishes one.
    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError>;
}

/// The most keys that are looked up before anybody is called gone.
pub const LOOK_UP_KEYS_MAX: usize = 1_000;

/// A secret in memory: no `Debug`, no `Display`, wiped when dropped.
#[derive(Clone)]
pub struct Secret(zeroize::Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(zeroize::Zeroizing::new(text))
    }

    /// The secret itself: only where it is sent to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
