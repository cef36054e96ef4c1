//! What has to be written so that a connection says something else of a resource.

use std::borrow::Cow;

use rollcall_directory::diff::diff;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::Unit;
use rollcall_store::ids::SourceId;
use rollcall_store::records::{Link, Resource};
use rollcall_store::said;
use rollcall_store::writes::Write;
use serde_json::Value as Json;

use super::super::setup::effective;
use super::{Connection, Overruled, PushError};

/// A resource and all that is said of it, as it is when a change is computed.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) resource: Resource,
    /// Of every source.
    pub(super) links: Vec<Link>,
}

/// The writes, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) writes: Vec<Write>,
    /// The document that results.
    pub(super) document: Document,
    /// The person was active and will not be.
    pub(super) deactivates: bool,
}

impl Known {
    /// The connection's own link.
    pub(super) fn own(&self, source: SourceId) -> Option<&Link> {
        self.links.iter().find(|link| link.source == source)
    }

    /// The links with a new state of the connection's own.
    pub(super) fn with<'a>(&'a self, own: &'a Link) -> Vec<&'a Link> {
        let others = self.links.iter().filter(|link| link.id != own.id);
        others.chain([own]).collect()
    }

    /// The write that refuses the others if anything is not as it is known.
    pub(super) fn expected(&self, version: bool, said_too: bool) -> Option<Write> {
        (version || said_too).then(|| Write::Expect {
            resource: self.resource.id,
            version: version.then_some(self.resource.version),
            said: said_too.then(|| said(&self.links)),
        })
    }
}

impl Connection {
    /// What has to be written so that the connection's link has the state `own`.
    pub(super) fn draft(&self, known: &Known, own: &Link) -> Result<Draft, PushError> {
        let resource = &known.resource;
        let document = self.voices.merge(own.kind, &known.with(own), &self.schemas);
        require(own.kind, &document)?;
        let mut writes = Vec::new();
        match known.links.iter().find(|link| link.id == own.id) {
            None => writes.push(Write::Link {
                link: Box::new(own.clone()),
            }),
            Some(before) if *before != *own => writes.push(Write::Relink {
                link: Box::new(own.clone()),
                journal: true,
            }),
            Some(_) => {}
        }
        if resource.orphaned.is_some() {
            writes.push(Write::Orphan {
                resource: resource.id,
                since: None,
            });
        }
        let changes = diff(&resource.document, &document);
        let was_active = resource.orphaned.is_none() && resource.document.active();
        let deactivates = own.kind == Kind::User && was_active && !document.active();
        if !changes.is_empty() {
            writes.push(Write::Update {
                resource: resource.id,
                base_version: resource.document_version,
                document: document.clone(),
                changes,
            });
        }
        Ok(Draft {
            writes,
            document,
            deactivates,
        })
    }

    /// Of what the connection says, the attributes that have another value because of
    /// another source.
    pub(super) fn overruled(
        &self,
        units: &[Unit],
        links: &[&Link],
        document: &Document,
    ) -> Vec<Overruled> {
        let own = links.iter().find(|link| link.source == self.source.id);
        units
            .iter()
            .filter_map(|unit| {
                let said = own?.contribution.says(unit)?;
                let value = document.get(unit).unwrap_or(&Json::Null);
                if said == value || self.is_joined(unit, said, value) {
                    return None;
                }
                let by = self.who_says(unit, value, links)?;
                Some(Overruled {
                    unit: unit.clone(),
                    by,
                })
            })
            .collect()
    }

    /// Whether a list holds all that was said, beside what others say.
    fn is_joined(&self, unit: &Unit, said: &Json, value: &Json) -> bool {
        let (Some(said), Some(value)) = (said.as_array(), value.as_array()) else {
            return false;
        };
        self.voices.rules.union.contains(unit) && said.iter().all(|one| value.contains(one))
    }

    /// The other source by which an attribute has its value.
    fn who_says(&self, unit: &Unit, value: &Json, links: &[&Link]) -> Option<String> {
        links
            .iter()
            .filter(|link| link.source != self.source.id)
            .filter_map(|link| {
                let says: Cow<'_, _> = effective(link)?;
                let said = says.says(unit)?;
                let joined = self.voices.rules.union.contains(unit);
                (said == value || joined).then_some(link.source)
            })
            .min_by_key(|source| self.voices.priority(*source, unit))
            .map(|source| self.voices.name_of(source))
    }
}

/// The attributes without which no resource can be.
pub(super) fn require(kind: Kind, document: &Document) -> Result<(), PushError> {
    let unit = match kind {
        Kind::User => "userName",
        Kind::Group => "displayName",
        // No other source says anything of these.
        Kind::Custom(_) => return Ok(()),
    };
    match document.text(unit) {
        Some(text) if !text.trim().is_empty() => Ok(()),
        _ => Err(PushError::value(format!(
            "`{unit}` is required, and another source says that there is none"
        ))),
    }
}
