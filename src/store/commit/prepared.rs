//! Writes as the texts and numbers that are bound to statements.

use std::borrow::Cow;
use std::sync::Arc;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::Reference;
use uuid::Uuid;

use crate::contributions;
use crate::driver::{Trouble, json, micros};
use crate::error::{StepConflict, StoreError};
use crate::journal::text_of;
use crate::records::{JournalEvent, Link, Quarantined};
use crate::resources::By;
use crate::writes::{Step, Write};

/// The longest text by which resources are found: it must fit an index row of every
/// database.
const INDEXED_TEXT_BYTES_MAX: usize = 1_024;

/// A step as texts and numbers, ready to be committed: made beforehand, on any thread, so
/// that the thread that holds the database's only write lock has the least to do. Some
/// three kilobytes for a person.
#[derive(Debug)]
pub struct PreparedStep {
    subject: String,
    pub(super) writes: Vec<Prepare>,
}

impl PreparedStep {
    /// Whom the step is about, for messages.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How many memberships come or go.
    #[must_use]
    pub fn memberships(&self) -> usize {
        let count = |write: &Prepare| match write {
            Prepare::Members { added, removed, .. } => added.len() + removed.len(),
            _ => 0,
        };
        self.writes.iter().map(count).sum()
    }

    /// The link that the step makes or changes, if it does.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.writes.iter().find_map(|write| match write {
            Prepare::Create(new) => new.link.as_ref()?.link().ok(),
            Prepare::Link(row) | Prepare::Relink { row, .. } => row.link().ok(),
            _ => None,
        })
    }
}

/// One write, and nothing that still has to be serialised.
#[derive(Debug)]
pub(super) enum Prepare {
    Create(Box<NewResource>),
    Update {
        resource: i64,
        base_version: i64,
        doc: Doc,
        event: String,
    },
    Expect {
        resource: i64,
        version: Option<i64>,
        said: Option<Fingerprint>,
    },
    Delete {
        resource: i64,
        base_version: i64,
    },
    Orphan {
        resource: i64,
        since: Option<time::OffsetDateTime>,
    },
    Link(Box<LinkRow>),
    Relink {
        row: Box<LinkRow>,
        journal: bool,
    },
    Unlink {
        link: i64,
    },
    Names {
        link: i64,
        names: Vec<[u8; 16]>,
    },
    Members {
        group: i64,
        source: i64,
        added: Vec<i64>,
        removed: Vec<i64>,
        event: String,
    },
    Pending {
        link: i64,
        added: Vec<PendingRow>,
        removed: Vec<PendingRow>,
    },
    Quarantine(Box<QuarantineRow>),
    Release {
        place: QuarantinePlace,
    },
}

/// A resource that is made or comes back.
#[derive(Debug)]
pub(super) struct NewResource {
    pub(super) id: i64,
    pub(super) uuid: String,
    pub(super) kind: &'static str,
    pub(super) doc: Doc,
    /// `None`: now.
    pub(super) created: Option<i64>,
    pub(super) link: Option<LinkRow>,
}

/// A document, and what it is found by.
#[derive(Debug)]
pub(super) struct Doc {
    pub(super) text: Arc<str>,
    pub(super) active: bool,
    /// As the document spells it, for messages.
    pub(super) user_name_as_is: Option<String>,
    pub(super) user_name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) display_name: Option<String>,
    /// In order, each once.
    pub(super) emails: Vec<String>,
}

/// A contribution.
#[derive(Debug)]
enum Said {
    Whole(String),
    /// What it says beside this document; see [`crate::contributions`].
    Beside {
        document: Arc<str>,
        none: String,
    },
}

/// A row of `links`.
#[derive(Debug)]
pub(super) struct LinkRow {
    pub(super) id: i64,
    pub(super) source: i64,
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) key_hash: [u8; 16],
    pub(super) locator: String,
    pub(super) resource: i64,
    pub(super) fingerprint: [u8; 16],
    pub(super) mapping: [u8; 16],
    contribution: Said,
    pub(super) presence: crate::records::Presence,
    pub(super) gone_since: Option<i64>,
    pub(super) missed_reads: i64,
    pub(super) run: i64,
    gone: Option<time::OffsetDateTime>,
    of_kind: Kind,
}

/// A row of `pending_references`, but for its link.
#[derive(Debug)]
pub(super) struct PendingRow {
    pub(super) unit: String,
    pub(super) name_hash: [u8; 16],
    pub(super) name: String,
}

/// The key of a row of `quarantine`: source, kind, name.
pub(super) type QuarantinePlace = (i64, &'static str, [u8; 16]);

/// A row of `quarantine`.
#[derive(Debug)]
pub(super) struct QuarantineRow {
    pub(super) place: QuarantinePlace,
    pub(super) name: String,
    pub(super) locator: String,
    pub(super) reason: String,
    pub(super) flaws: String,
    pub(super) since: i64,
}

impl PreparedStep {
    /// Refuses what no row can hold.
    pub fn of(step: &Step) -> Result<Self, PrepareError> {
        let writes = step
            .writes
            .iter()
            .filter_map(|w| Prepare::of(w).transpose());
        Ok(Self {
            subject: step.subject.clone(),
            writes: writes.collect::<Result<_, _>>()?,
        })
    }
}

/// Why a step cannot be committed, whatever the directory holds.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A value that no row can hold.
    #[error(transparent)]
    Step(StepConflict),
    /// It cannot be written down.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StepConflict> for PrepareError {
    fn from(cause: StepConflict) -> Self {
        Self::Step(cause)
    }
}

impl From<StoreError> for PrepareError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Prepare {
    fn of(write: &Write) -> Result<Option<Self>, PrepareError> {
        Ok(Some(match write {
            Write::Unclaimed { .. } => return Ok(None),
            Write::Create {
                resource,
                uuid,
                kind,
                document,
                link,
            } => {
                let mut new = NewResource::of(resource.0, uuid, *kind, document, None)?;
                let said = Said::of_first(&link.contribution, document, &new.doc.text)?;
                new.link = Some(LinkRow::saying(link, said)?);
                Self::Create(Box::new(new))
            }
            Write::Restore {
                resource,
                uuid,
                kind,
                document,
                created,
            } => {
                let created = Some(micros(*created));
                let new = NewResource::of(resource.0, uuid, *kind, document, created)?;
                Self::Create(Box::new(new))
            }
            Write::Update {
                resource,
                base_version,
                document,
                changes,
            } => Self::Update {
                resource: resource.0,
                base_version: *base_version,
                doc: Doc::of(document)?,
                event: text_of(&JournalEvent::Updated {
                    changes: changes.clone(),
                })?,
            },
            Write::Expect {
                resource,
                version,
                said,
            } => Self::Expect {
                resource: resource.0,
                version: *version,
                said: *said,
            },
            Write::Delete {
                resource,
                base_version,
            } => Self::Delete {
                resource: resource.0,
                base_version: *base_version,
            },
            Write::Orphan { resource, since } => Self::Orphan {
                resource: resource.0,
                since: *since,
            },
            Write::Link { link } => Self::Link(Box::new(LinkRow::of(link)?)),
            Write::Relink { link, journal } => Self::Relink {
                row: Box::new(LinkRow::of(link)?),
                journal: *journal,
            },
            Write::Unlink { link } => Self::Unlink { link: link.0 },
            Write::Names { link, names } => Self::Names {
                link: link.0,
                names: names.iter().map(|name| name.0).collect(),
            },
            Write::Members {
                group,
                source,
                added,
                removed,
            } => Self::Members {
                group: group.0,
                source: source.0,
                added: added.iter().map(|id| id.0).collect(),
                removed: removed.iter().map(|id| id.0).collect(),
                event: text_of(&JournalEvent::Members {
                    added: added.clone(),
                    removed: removed.clone(),
                })?,
            },
            Write::Pending {
                link,
                added,
                removed,
            } => Self::Pending {
                link: link.0,
                added: PendingRow::all(added)?,
                removed: PendingRow::all(removed)?,
            },
            Write::Quarantine { entry } => Self::Quarantine(Box::new(QuarantineRow::of(entry)?)),
            Write::Release { source, kind, name } => Self::Release {
                place: quarantine_place(source.0, *kind, name),
            },
        }))
    }
}

impl NewResource {
    fn of(
        id: i64,
        uuid: &Uuid,
        kind: Kind,
        document: &Document,
        created: Option<i64>,
    ) -> Result<Self, PrepareError> {
        let mut doc = Doc::of(document)?;
        if kind != Kind::User {
            doc.user_name = None;
        }
        Ok(Self {
            id,
            uuid: uuid.to_string(),
            kind: kind.as_str(),
            doc,
            created,
            link: None,
        })
    }
}

impl Doc {
    fn of(document: &Document) -> Result<Self, PrepareError> {
        let indexed = |attribute: &'static str, by: By| match document.text(attribute) {
            None => Ok(None),
            Some(text) => fit(attribute, by.fold(text)).map(Some),
        };
        Ok(Self {
            text: text_of(document)?.into(),
            active: document.active(),
            user_name_as_is: document.text("userName").map(str::to_owned),
            user_name: indexed("userName", By::UserName)?,
            external_id: indexed("externalId", By::ExternalId)?,
            display_name: indexed("displayName", By::DisplayName)?,
            emails: emails_of(document)?,
        })
    }
}

fn emails_of(document: &Document) -> Result<Vec<String>, StepConflict> {
    let folded = document.emails().map(|email| By::Email.fold(email));
    let mut emails: Vec<String> = folded
        .map(|email| fit("emails", email))
        .collect::<Result<_, _>>()?;
    emails.sort_unstable();
    emails.dedup();
    Ok(emails)
}

/// Whether rows can hold a document: refuses what [`PreparedStep::of`] would refuse, and
/// costs next to nothing.
pub fn storable(document: &Document) -> Result<(), StepConflict> {
    let texts = [
        ("userName", By::UserName),
        ("externalId", By::ExternalId),
        ("displayName", By::DisplayName),
    ];
    for (attribute, by) in texts {
        if let Some(text) = document.text(attribute) {
            fit(attribute, by.fold(text))?;
        }
    }
    for email in document.emails() {
        fit("emails", By::Email.fold(email))?;
    }
    Ok(())
}

/// Refuses a text that an index, or PostgreSQL, could not hold.
pub(super) fn fit(attribute: &str, text: String) -> Result<String, StepConflict> {
    if text.len() > INDEXED_TEXT_BYTES_MAX {
        return Err(StepConflict::TooLong {
            attribute: attribute.to_owned(),
            limit_bytes: INDEXED_TEXT_BYTES_MAX,
        });
    }
    if text.contains('\0') {
        return Err(StepConflict::Nul {
            attribute: attribute.to_owned(),
        });
    }
    Ok(text)
}

impl Said {
    fn of(contribution: &Contribution) -> Result<Self, StoreError> {
        text_of(contribution).map(Self::Whole)
    }

    /// Of the link that makes a resource.
    fn of_first(
        contribution: &Contribution,
        document: &Document,
        text: &Arc<str>,
    ) -> Result<Self, StoreError> {
        match contributions::beside(contribution, document)? {
            Some(none) => Ok(Self::Beside {
                document: Arc::clone(text),
                none,
            }),
            None => Self::of(contribution),
        }
    }

    fn whole(&self) -> Result<Contribution, Trouble> {
        match self {
            Self::Whole(text) => contributions::whole(text, None),
            Self::Beside { document, none } => contributions::whole(none, Some(document)),
        }
    }
}

impl LinkRow {
    fn of(link: &Link) -> Result<Self, StoreError> {
        Self::saying(link, Said::of(&link.contribution)?)
    }

    fn saying(link: &Link, contribution: Said) -> Result<Self, StoreError> {
        Ok(Self {
            id: link.id.0,
            source: link.source.0,
            kind: link.kind.as_str(),
            key: link.key.as_str().to_owned(),
            key_hash: crate::links::key_hash(&link.key),
            locator: text_of(&link.locator)?,
            resource: link.resource.0,
            fingerprint: link.fingerprint.0,
            mapping: link.mapping.0,
            contribution,
            presence: link.presence,
            gone_since: link.gone_since.map(micros),
            missed_reads: link.missed_reads,
            run: link.run.0,
            gone: link.gone_since,
            of_kind: link.kind,
        })
    }

    /// The text of its contribution, when its resource's document is `document` in the end.
    pub(super) fn contribution(&self, document: Option<&Doc>) -> Result<Cow<'_, str>, Trouble> {
        match (&self.contribution, document) {
            (Said::Whole(text), _) => Ok(Cow::Borrowed(text)),
            (Said::Beside { document, none }, Some(doc)) if Arc::ptr_eq(document, &doc.text) => {
                Ok(Cow::Borrowed(none))
            }
            (said, _) => Ok(Cow::Owned(text_of(&said.whole()?)?)),
        }
    }

    /// The link that this row was made from.
    pub(super) fn link(&self) -> Result<Link, Trouble> {
        Ok(Link {
            id: crate::ids::LinkId(self.id),
            source: crate::ids::SourceId(self.source),
            kind: self.of_kind,
            key: rollcall_directory::entry::EntryKey::new(&self.key).map_err(|e| {
                StoreError::Corrupt {
                    what: e.to_string(),
                }
            })?,
            locator: json(&self.locator)?,
            resource: crate::ids::ResourceId(self.resource),
            fingerprint: Fingerprint(self.fingerprint),
            mapping: Fingerprint(self.mapping),
            contribution: self.contribution.whole()?,
            presence: self.presence,
            gone_since: self.gone,
            missed_reads: self.missed_reads,
            run: crate::ids::RunId(self.run),
        })
    }
}

impl PendingRow {
    fn all(references: &[Reference]) -> Result<Vec<Self>, StoreError> {
        references
            .iter()
            .map(|reference| {
                Ok(Self {
                    unit: reference.unit.as_str().to_owned(),
                    name_hash: reference.name.hash().0,
                    name: text_of(&reference.name)?,
                })
            })
            .collect()
    }
}

impl QuarantineRow {
    fn of(entry: &Quarantined) -> Result<Self, PrepareError> {
        if entry.name.contains('\0') {
            return Err(StepConflict::Nul {
                attribute: "key".to_owned(),
            }
            .into());
        }
        Ok(Self {
            place: quarantine_place(entry.source.0, entry.kind, &entry.name),
            name: entry.name.clone(),
            locator: text_of(&entry.locator)?,
            reason: entry.reason.replace('\0', "\u{fffd}"),
            flaws: text_of(&entry.flaws)?,
            since: entry.since.0,
        })
    }
}

fn quarantine_place(source: i64, kind: Kind, name: &str) -> QuarantinePlace {
    (source, kind.as_str(), Fingerprint::of(name.as_bytes()).0)
}
