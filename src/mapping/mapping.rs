//! A compiled mapping and what can be asked of it.

use rollcall_directory::contribution::Mapped;
use rollcall_directory::entry::{Entry, Kind};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::schema::{Schemas, Unit};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

use crate::problem::{LineOf, MapError, Problem, TraceLine};

/// The kind of source that a mapping is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A directory server.
    Ldap,
    /// A SCIM service.
    Scim,
    /// An HTTP service that answers JSON.
    Http,
    /// CSV, JSON lines or LDIF.
    File,
}

/// The time at which a mapping is evaluated, and the zone in which the source's days end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// Now.
    pub now: OffsetDateTime,
    /// The offset of the source's time zone: a contract that ends on a date ends with
    /// that day there.
    pub zone_offset: UtcOffset,
}

/// What a mapping says about reading users, or groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindMapping {
    /// An LDAP filter that the entries must satisfy.
    pub filter: Option<String>,
    /// The attribute whose value identifies an entry.
    pub key: String,
    /// Correlation for entries without a link, tried in this order.
    pub match_on: Vec<Unit>,
    /// All attributes that the mapping uses, key and references included, in the
    /// mapping's spelling.
    pub attributes: Vec<String>,
}

/// By which names a mapping's references go: an entry must carry these names itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceSpaces {
    /// Some reference is a distinguished name.
    pub dn: bool,
    /// Some reference is a key.
    pub key: bool,
    /// The attributes that references go by, in the mapping's spelling.
    pub attributes: Vec<String>,
}

/// A compiled mapping file.
#[derive(Debug)]
pub struct Mapping {
    name: String,
    description: String,
    source_kind: SourceKind,
    fingerprint: Fingerprint,
    user: Option<KindMapping>,
    group: Option<KindMapping>,
    references: ReferenceSpaces,
}

impl Mapping {
    /// Reads and checks a mapping file. `name` is the file's stem, `text` its content.
    ///
    /// # Errors
    /// All problems found, in the order of their places.
    pub fn compile(name: &str, text: &str, schemas: &Schemas) -> Result<Self, Vec<Problem>> {
        let _ = schemas;
        Err(vec![Problem::at(
            name,
            text,
            0..0,
            "mapping files cannot be read yet".to_owned(),
        )])
    }

    /// What the file says it is for.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The file's stem.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of source that it is for.
    #[must_use]
    pub fn source_kind(&self) -> SourceKind {
        self.source_kind
    }

    /// A hash of all that bears meaning: comments, layout and examples do not count.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// How users, or groups, are read; `None` if the file does not map that kind.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> Option<&KindMapping> {
        match kind {
            Kind::User => self.user.as_ref(),
            Kind::Group => self.group.as_ref(),
        }
    }

    /// By which names references go.
    #[must_use]
    pub fn references(&self) -> &ReferenceSpaces {
        &self.references
    }

    /// Turns an entry into what its source says.
    ///
    /// # Errors
    /// The first line that fails for another reason than an absent attribute.
    pub fn evaluate(&self, entry: &Entry, context: &Context) -> Result<Mapped, MapError> {
        let _ = (entry, context);
        Ok(Mapped::default())
    }

    /// Evaluates line by line, for people.
    #[must_use]
    pub fn trace(&self, entry: &Entry, context: &Context) -> Vec<TraceLine> {
        let _ = (entry, context);
        Vec::new()
    }

    /// Runs the file's own examples; returns those that fail.
    #[must_use]
    pub fn run_examples(&self, context: &Context) -> Vec<Problem> {
        let _ = context;
        Vec::new()
    }

    /// Attribute names that the source's schema does not know.
    #[must_use]
    pub fn check_against(&self, known: &[String]) -> Vec<Problem> {
        let _ = known;
        Vec::new()
    }

    /// The lines that feed a unit.
    #[must_use]
    pub fn line_of(&self, kind: Kind, unit: &Unit) -> Vec<LineOf> {
        let _ = (kind, unit);
        Vec::new()
    }
}
