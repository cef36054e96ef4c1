//! A compiled mapping and what can be asked of it.

use std::sync::Arc;

use rollcall_directory::contribution::Mapped;
use rollcall_directory::entry::{Entry, Kind};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::{Name, Space};
use rollcall_directory::schema::{Schemas, Unit};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};

use crate::compile::{self, KindPlan, Line};
use crate::example::Example;
use crate::expression::{Interpreter, Library};
use crate::functions::Surroundings;
use crate::lines::{self, Evaluation};
use crate::problem::{LineOf, MapError, Problem, TraceLine, did_you_mean};

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

impl SourceKind {
    /// The word in the files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Scim => "scim",
            Self::Http => "http",
            Self::File => "file",
        }
    }

    /// Whether the names of attributes are the same in any case (RFC 4512 §2.5, RFC 7643
    /// §2.1).
    #[must_use]
    pub fn ignores_case(self) -> bool {
        matches!(self, Self::Ldap | Self::Scim)
    }
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
    /// A filter in the source's own language that the entries must satisfy.
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

/// A compiled mapping file. Share it in an `Arc`.
#[derive(Debug)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) description: String,
    pub(crate) source_kind: SourceKind,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) library: Arc<Library>,
    pub(crate) interpreter: Interpreter,
    pub(crate) user: Option<KindPlan>,
    pub(crate) group: Option<KindPlan>,
    pub(crate) references: ReferenceSpaces,
    pub(crate) examples: Vec<Example>,
}

impl Mapping {
    /// Reads and checks a mapping file. `name` is the file's stem, `text` its content.
    ///
    /// # Errors
    /// All problems found, in the order of their places.
    pub fn compile(name: &str, text: &str, schemas: &Schemas) -> Result<Self, Vec<Problem>> {
        compile::compile(name, text, schemas)
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
        self.plan(kind).map(|plan| &plan.mapping)
    }

    /// By which names references go.
    #[must_use]
    pub fn references(&self) -> &ReferenceSpaces {
        &self.references
    }

    /// Turns an entry into what its source says. An entry of a kind that the file does
    /// not map says nothing.
    ///
    /// # Errors
    /// The first line that fails for another reason than an absent attribute.
    pub fn evaluate(&self, entry: &Entry, context: &Context) -> Result<Mapped, MapError> {
        let mut mapped = match self.evaluation(entry, context) {
            Some(evaluation) => evaluation.mapped()?,
            None => Mapped::default(),
        };
        if self.references.dn {
            mapped.names.extend(Name::of_locator(&entry.locator));
        }
        for attribute in &self.references.attributes {
            let values = entry.attributes.get(attribute).unwrap_or_default();
            let texts = values.iter().filter_map(|value| value.as_text());
            mapped.names.extend(texts.map(|text| Name {
                space: Space::Attribute(attribute.to_lowercase()),
                text: text.to_owned(),
            }));
        }
        Ok(mapped)
    }

    /// Evaluates line by line, for people.
    #[must_use]
    pub fn trace(&self, entry: &Entry, context: &Context) -> Vec<TraceLine> {
        self.evaluation(entry, context)
            .map(|evaluation| evaluation.trace())
            .unwrap_or_default()
    }

    /// Runs the file's own examples; returns those that fail.
    #[must_use]
    pub fn run_examples(&self, context: &Context) -> Vec<Problem> {
        self.examples
            .iter()
            .flat_map(|example| example.run(self, context))
            .collect()
    }

    /// Attribute names that the source's schema does not know, each where it is used
    /// first. `known` are the schema's names, aliases included.
    #[must_use]
    pub fn check_against(&self, known: &[String]) -> Vec<Problem> {
        [&self.user, &self.group]
            .into_iter()
            .flatten()
            .flat_map(|plan| self.unknown_in(plan, known))
            .collect()
    }

    /// A problem at the filter of users, or of groups; `None` if there is no filter.
    #[must_use]
    pub fn problem_at_filter(&self, kind: Kind, message: String) -> Option<Problem> {
        let place = self.plan(kind)?.filter_place.clone()?;
        Some(Problem::at(&self.name, &self.text, place, message))
    }

    /// The lines that feed a unit.
    #[must_use]
    pub fn line_of(&self, kind: Kind, unit: &Unit) -> Vec<LineOf> {
        self.plan(kind)
            .map(|plan| lines::lines_of(plan, unit))
            .unwrap_or_default()
    }

    /// What of an entry changes by the passing of time alone: the values of the lines that
    /// ask whether something has expired. `None` if no line does. It belongs into the
    /// entry's fingerprint, or a contract that ends would be noticed only when the entry
    /// changes for another reason.
    #[must_use]
    pub fn of_the_moment(&self, entry: &Entry, context: &Context) -> Option<String> {
        self.evaluation(entry, context)?.of_the_moment()
    }

    fn plan(&self, kind: Kind) -> Option<&KindPlan> {
        match kind {
            Kind::User => self.user.as_ref(),
            Kind::Group => self.group.as_ref(),
            Kind::Custom(_) => None,
        }
    }

    fn evaluation<'e>(&'e self, entry: &'e Entry, context: &Context) -> Option<Evaluation<'e>> {
        let around = Surroundings {
            now: context.now,
            zone: context.zone_offset,
            tables: &self.library.tables,
            patterns: &self.library.patterns,
        };
        // A SCIM connector says itself what is empty: not everything that is absent is.
        let absent_is_empty = self.source_kind == SourceKind::Ldap
            || (self.source_kind != SourceKind::Scim && entry.attributes.names_ignore_case());
        let plan = self.plan(entry.kind)?;
        Some(Evaluation::new(
            plan,
            entry,
            absent_is_empty,
            around,
            &self.interpreter,
        ))
    }

    fn unknown_in(&self, plan: &KindPlan, known: &[String]) -> Vec<Problem> {
        let is_known = |name: &str| {
            // Options (`;lang-ja`, `;binary`) are no part of the schema's name.
            let name = name.split(';').next().unwrap_or(name);
            known.iter().any(|k| k.eq_ignore_ascii_case(name))
        };
        let names = plan.mapping.attributes.iter().enumerate();
        names
            .filter(|(_, name)| !is_known(name))
            .map(|(slot, name)| {
                let uses = |line: &&Line| line.expression.inputs().iter().any(|i| i.slot == slot);
                let place = plan.lines.iter().find(uses).map(|line| line.place.clone());
                let place = place.unwrap_or_else(|| self.first_mention(name));
                let message = format!("the source does not know the attribute `{name}`");
                let mut problem = Problem::at(&self.name, &self.text, place, message);
                problem.help = did_you_mean(name, known.iter().map(String::as_str));
                problem
            })
            .collect()
    }

    /// Where a key or the name of a reference stands.
    fn first_mention(&self, name: &str) -> std::ops::Range<usize> {
        let quoted = format!("\"{name}\"");
        self.text
            .find(&quoted)
            .map_or(0..0, |at| at..at + quoted.len())
    }
}
