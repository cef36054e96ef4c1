//! A batch done in memory: what every row is in the end, and what the journal says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;

use crate::By;
use crate::driver::json;
use crate::error::{CommitError, StepConflict, StoreError};
use crate::ids::{ResourceId, SourceId};
use crate::journal::text_of;
use crate::records::{JournalEvent, Link, Presence};

use super::known::{Known, StoredResource};
use super::prepared::{
    Doc, LinkRow, NewResource, PendingRow, Prepare, PreparedStep, QuarantinePlace, QuarantineRow,
};

/// See the module. Rows are in order of their keys, so that transactions that touch the
/// same rows take them in the same order.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    known: &'a Known,
    now: i64,
    pub(super) resources: BTreeMap<i64, ResourceSlot<'a>>,
    pub(super) links: BTreeMap<i64, LinkSlot<'a>>,
    /// Of a link: its source and all its names.
    pub(super) names: BTreeMap<i64, (i64, &'a [[u8; 16]])>,
    /// Group, member, source: whether it comes or goes.
    pub(super) memberships: BTreeMap<(i64, i64, i64), bool>,
    /// Link, unit, name: it comes (with the link's source), or goes.
    pub(super) pending: BTreeMap<PendingPlace<'a>, Option<(i64, &'a PendingRow)>>,
    /// It comes or goes.
    pub(super) quarantine: BTreeMap<QuarantinePlace, Option<&'a QuarantineRow>>,
    pub(super) journal: Vec<Line<'a>>,
}

/// The key of a row of `pending_references`: link, unit, name.
pub(super) type PendingPlace<'a> = (i64, &'a str, [u8; 16]);

/// A resource that the batch touches.
#[derive(Debug)]
pub(super) struct ResourceSlot<'a> {
    pub(super) stored: Option<&'a StoredResource>,
    /// The stored row goes, even if one of the same number comes.
    pub(super) cut: bool,
    pub(super) now: Option<ResourceNow<'a>>,
    /// The last step that touched it.
    pub(super) step: usize,
}

impl ResourceSlot<'_> {
    /// Whether the rows of its values differ in the end.
    pub(super) fn needs_values(&self) -> bool {
        self.now
            .as_ref()
            .is_some_and(|now| now.touched && (now.doc.is_some() || self.holds() != self.held()))
    }

    /// Whether nobody else may have its unique values.
    pub(super) fn holds(&self) -> bool {
        let now = self.now.as_ref();
        now.is_some_and(|now| now.orphaned.is_none())
    }

    fn held(&self) -> bool {
        let stored = self.stored.filter(|_| !self.cut);
        stored.is_some_and(|stored| stored.orphaned.is_none())
    }

    /// Its document's text in the end.
    pub(super) fn text(&self) -> Option<&str> {
        let now = self.now.as_ref()?;
        match now.doc {
            Some(doc) => Some(&doc.text),
            None => self.stored.map(|stored| stored.doc.as_str()),
        }
    }
}

/// What a resource is in the end.
#[derive(Debug)]
pub(super) struct ResourceNow<'a> {
    pub(super) uuid: &'a str,
    pub(super) kind: &'a str,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) version: i64,
    pub(super) document_version: i64,
    pub(super) orphaned: Option<time::OffsetDateTime>,
    /// `None`: as stored.
    pub(super) doc: Option<&'a Doc>,
    pub(super) doc_active: bool,
    /// The stored document's userName, as it is spelled.
    stored_name: Option<String>,
    /// Whether its version is a new one already.
    raised: bool,
    /// Whether its row differs from the stored one.
    pub(super) touched: bool,
}

impl ResourceNow<'_> {
    pub(super) fn active(&self) -> bool {
        self.doc_active && self.orphaned.is_none()
    }

    /// The userName that it holds, folded: none while no source holds it.
    pub(super) fn user_name(&self) -> Option<Cow<'_, str>> {
        self.name().filter(|_| self.orphaned.is_none())
    }

    /// The userName that it has given up, folded.
    pub(super) fn freed_name(&self) -> Option<Cow<'_, str>> {
        self.name().filter(|_| self.orphaned.is_some())
    }

    /// Its userName, for messages.
    pub(super) fn spelled_name(&self) -> &str {
        match self.doc {
            Some(doc) => doc.user_name_as_is.as_deref().unwrap_or_default(),
            None => self.stored_name.as_deref().unwrap_or_default(),
        }
    }

    fn name(&self) -> Option<Cow<'_, str>> {
        if self.kind != Kind::User.as_str() {
            return None;
        }
        if let Some(doc) = self.doc {
            return doc.user_name.as_deref().map(Cow::Borrowed);
        }
        let name = self.stored_name.as_deref()?;
        Some(Cow::Owned(By::UserName.fold(name)))
    }

    fn raise(&mut self, now: i64) {
        self.version += 1;
        self.modified = now;
        self.raised = true;
        self.touched = true;
    }
}

/// A link that the batch touches.
#[derive(Debug)]
pub(super) struct LinkSlot<'a> {
    /// Whether there is a row, as far as is known.
    pub(super) stored: bool,
    /// The stored row goes, even if one of the same number comes.
    pub(super) cut: bool,
    pub(super) now: Option<&'a LinkRow>,
    /// The last step that touched it.
    pub(super) step: usize,
}

/// A line of the journal.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) resource: i64,
    /// `None`: the resource has a row at the end of the batch, which tells.
    pub(super) uuid: Option<&'a str>,
    pub(super) link: Option<i64>,
    pub(super) event: Cow<'a, str>,
}

type Done = Result<(), Refusal>;

/// Why a write cannot be done.
enum Refusal {
    Step(StepConflict),
    Store(StoreError),
}

impl From<StepConflict> for Refusal {
    fn from(cause: StepConflict) -> Self {
        Self::Step(cause)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<crate::driver::Trouble> for Refusal {
    fn from(trouble: crate::driver::Trouble) -> Self {
        Self::Store(trouble.into())
    }
}

fn gone(what: &str, id: i64) -> Refusal {
    Refusal::Step(StepConflict::Gone {
        what: format!("{what} {id}"),
    })
}

fn exists(what: &str, id: i64) -> Refusal {
    Refusal::Step(StepConflict::Exists {
        what: format!("{what} {id}"),
    })
}

impl<'a> Ledger<'a> {
    pub(super) fn of(
        prepared: &'a [PreparedStep],
        known: &'a Known,
        now: i64,
    ) -> Result<Self, CommitError> {
        let mut ledger = Self {
            known,
            now,
            resources: BTreeMap::new(),
            links: BTreeMap::new(),
            names: BTreeMap::new(),
            memberships: BTreeMap::new(),
            pending: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            journal: Vec::with_capacity(prepared.len()),
        };
        for (index, step) in prepared.iter().enumerate() {
            for write in &step.writes {
                ledger
                    .enter(index, write)
                    .map_err(|refusal| match refusal {
                        Refusal::Step(cause) => CommitError::Step { index, cause },
                        Refusal::Store(error) => CommitError::Store(error),
                    })?;
            }
        }
        ledger.refuse_links_to_orphans()?;
        Ok(ledger)
    }

    fn enter(&mut self, step: usize, write: &'a Prepare) -> Done {
        match write {
            Prepare::Create(new) => self.create(step, new),
            Prepare::Update {
                resource,
                base_version,
                doc,
                event,
            } => self.update(step, *resource, *base_version, doc, event),
            Prepare::Expect {
                resource,
                version,
                said,
            } => self.expect(*resource, *version, *said),
            Prepare::Delete {
                resource,
                base_version,
            } => self.delete(step, *resource, *base_version),
            Prepare::Orphan { resource, since } => self.orphan(step, *resource, *since),
            Prepare::Link(row) => {
                self.link(step, row)?;
                self.tell(row.resource, Some(row.id), &JournalEvent::Linked)
            }
            Prepare::Relink { row, journal } => self.relink(step, row, *journal),
            Prepare::Unlink { link } => self.unlink(step, *link),
            Prepare::Names { link, names } => {
                let source = self.source_of(*link)?;
                self.names.insert(*link, (source, names));
                Ok(())
            }
            Prepare::Members {
                group,
                source,
                added,
                removed,
                event,
            } => self.members(step, (*group, *source), added, removed, event),
            Prepare::Pending {
                link,
                added,
                removed,
            } => self.await_names(*link, added, removed),
            Prepare::Quarantine(row) => {
                self.quarantine.insert(row.place, Some(row));
                Ok(())
            }
            Prepare::Release { place } => {
                self.quarantine.insert(*place, None);
                Ok(())
            }
        }
    }

    fn create(&mut self, step: usize, new: &'a NewResource) -> Done {
        let stored = self.known.resources.get(&new.id);
        let slot = self.resources.entry(new.id).or_insert(ResourceSlot {
            stored,
            cut: false,
            now: None,
            step,
        });
        if slot.now.is_some() || (slot.stored.is_some() && !slot.cut) {
            return Err(exists("resource", new.id));
        }
        slot.step = step;
        slot.now = Some(ResourceNow {
            uuid: &new.uuid,
            kind: new.kind,
            created: new.created.unwrap_or(self.now),
            modified: self.now,
            version: 1,
            document_version: 1,
            orphaned: None,
            doc: Some(&new.doc),
            doc_active: new.doc.active,
            stored_name: None,
            raised: true,
            touched: true,
        });
        if let Some(link) = &new.link {
            self.link(step, link)?;
        }
        let link = new.link.as_ref().map(|link| link.id);
        self.tell(new.id, link, &JournalEvent::Created)
    }

    /// A resource that a write builds on.
    fn resource(
        &mut self,
        step: usize,
        id: i64,
        expected: Option<i64>,
    ) -> Result<&mut ResourceNow<'a>, Refusal> {
        if !self.resources.contains_key(&id) {
            let stored = self
                .known
                .resources
                .get(&id)
                .ok_or_else(|| gone("resource", id))?;
            let doc: rollcall_directory::document::Document = json(&stored.doc)?;
            let now = ResourceNow {
                uuid: &stored.uuid,
                kind: &stored.kind,
                created: stored.created,
                modified: stored.modified,
                version: stored.version,
                document_version: stored.document_version,
                orphaned: stored.orphaned,
                doc: None,
                doc_active: doc.active(),
                stored_name: (stored.kind == Kind::User.as_str())
                    .then(|| doc.text("userName").map(str::to_owned))
                    .flatten(),
                raised: false,
                touched: false,
            };
            self.resources.insert(
                id,
                ResourceSlot {
                    stored: Some(stored),
                    cut: false,
                    now: Some(now),
                    step,
                },
            );
        }
        let slot = self
            .resources
            .get_mut(&id)
            .ok_or_else(|| gone("resource", id))?;
        slot.step = step;
        let now = slot.now.as_mut().ok_or_else(|| gone("resource", id))?;
        match expected {
            Some(expected) if expected != now.document_version => Err(StepConflict::Version {
                resource: ResourceId(id),
                expected,
                found: now.document_version,
            }
            .into()),
            _ => Ok(now),
        }
    }

    fn update(
        &mut self,
        step: usize,
        id: i64,
        base_version: i64,
        doc: &'a Doc,
        event: &'a str,
    ) -> Done {
        let at = self.now;
        let now = self.resource(step, id, Some(base_version))?;
        now.raise(at);
        now.document_version += 1;
        now.doc = Some(doc);
        now.doc_active = doc.active;
        self.journal.push(Line {
            resource: id,
            uuid: None,
            link: None,
            event: Cow::Borrowed(event),
        });
        Ok(())
    }

    fn orphan(&mut self, step: usize, id: i64, since: Option<time::OffsetDateTime>) -> Done {
        let now = self.resource(step, id, None)?;
        let before = now.orphaned;
        now.orphaned = since;
        now.touched = true;
        self.tell(id, None, &JournalEvent::Orphaned { since, before })
    }

    /// What a change was computed from must be what was there when the batch began.
    fn expect(&self, id: i64, version: Option<i64>, said: Option<Fingerprint>) -> Done {
        let stored = self
            .known
            .resources
            .get(&id)
            .ok_or_else(|| gone("resource", id))?;
        let resource = ResourceId(id);
        if let Some(expected) = version
            && expected != stored.version
        {
            return Err(StepConflict::Version {
                resource,
                expected,
                found: stored.version,
            }
            .into());
        }
        if let Some(expected) = said {
            let links = self.known.links.values();
            let links: Vec<Link> = links.filter(|l| l.resource == resource).cloned().collect();
            if crate::said(&links) != expected {
                return Err(StepConflict::Said { resource }.into());
            }
        }
        Ok(())
    }

    /// Whoever linked an entry to somebody whom no source held any more by then did not
    /// know it.
    fn refuse_links_to_orphans(&self) -> Result<(), CommitError> {
        for slot in self.links.values().filter(|slot| !slot.stored) {
            let Some(row) = slot.now.filter(|row| row.presence != Presence::Withdrawn) else {
                continue;
            };
            let orphaned = match self.resources.get(&row.resource) {
                Some(slot) => slot.now.as_ref().and_then(|now| now.orphaned),
                None => self
                    .known
                    .resources
                    .get(&row.resource)
                    .and_then(|r| r.orphaned),
            };
            if orphaned.is_some() {
                let resource = ResourceId(row.resource);
                return Err(CommitError::Step {
                    index: slot.step,
                    cause: StepConflict::Said { resource },
                });
            }
        }
        Ok(())
    }

    fn delete(&mut self, step: usize, id: i64, base_version: i64) -> Done {
        let now = self.resource(step, id, Some(base_version))?;
        let (created, uuid, doc, orphaned) = (now.created, now.uuid, now.doc, now.orphaned);
        let text: &str = match (doc, self.known.resources.get(&id)) {
            (Some(doc), _) => &doc.text,
            (None, Some(stored)) => &stored.doc,
            (None, None) => return Err(gone("resource", id)),
        };
        let document = json(text)?;
        let links = self.cut_links_of(step, id)?;
        let (members, memberships) = self.cut_memberships_of(id);
        if let Some(slot) = self.resources.get_mut(&id) {
            slot.now = None;
            slot.cut = slot.stored.is_some();
        }
        // Once its row is gone, only its lines can tell its SCIM id.
        for line in &mut self.journal {
            if line.resource == id && line.uuid.is_none() {
                line.uuid = Some(uuid);
            }
        }
        let event = JournalEvent::Deleted {
            document,
            created: time_of(created)?,
            orphaned,
            links,
            memberships,
            members,
        };
        self.journal.push(Line {
            resource: id,
            uuid: Some(uuid),
            link: None,
            event: Cow::Owned(text_of(&event)?),
        });
        Ok(())
    }

    /// Cuts all links of a resource that goes; returns their last states.
    fn cut_links_of(&mut self, step: usize, resource: i64) -> Result<Vec<Link>, Refusal> {
        let mut cut: BTreeMap<i64, Link> = BTreeMap::new();
        for (id, slot) in &self.links {
            if let Some(row) = slot.now.filter(|row| row.resource == resource) {
                cut.insert(*id, row.link()?);
            }
        }
        for (id, link) in &self.known.links {
            if link.resource.0 == resource && !self.links.contains_key(id) {
                cut.insert(*id, link.clone());
            }
        }
        for id in cut.keys() {
            self.cut_link(step, *id);
        }
        Ok(cut.into_values().collect())
    }

    fn cut_link(&mut self, step: usize, id: i64) {
        let stored = self.known.links.contains_key(&id);
        let slot = self.links.entry(id).or_insert(LinkSlot {
            stored,
            cut: false,
            now: None,
            step,
        });
        slot.step = step;
        slot.now = None;
        slot.cut = slot.stored;
        self.names.remove(&id);
        self.pending.retain(|(link, _, _), _| *link != id);
    }

    /// Forgets all memberships of a resource that goes; returns its members and its groups.
    fn cut_memberships_of(&mut self, id: i64) -> (Memberships, Memberships) {
        let mut rows: BTreeMap<(i64, i64, i64), bool> = self
            .known
            .memberships
            .iter()
            .filter(|(group, member, _)| *group == id || *member == id)
            .map(|row| (*row, true))
            .collect();
        self.memberships.retain(|row, comes| {
            let touched = row.0 == id || row.1 == id;
            if touched {
                rows.insert(*row, *comes);
            }
            !touched
        });
        let mut members = Vec::new();
        let mut groups = Vec::new();
        for ((group, member, source), _) in rows.into_iter().filter(|(_, there)| *there) {
            // A row of a resource that went earlier in this batch went with it.
            let other = if group == id { member } else { group };
            if self.went(other) {
                continue;
            }
            if group == id {
                members.push((ResourceId(member), SourceId(source)));
            } else {
                groups.push((ResourceId(group), SourceId(source)));
            }
        }
        (members, groups)
    }

    fn went(&self, resource: i64) -> bool {
        self.resources
            .get(&resource)
            .is_some_and(|slot| slot.cut || slot.now.is_none())
    }

    /// Whether something may refer to a resource.
    fn must_be_there(&self, resource: i64) -> Done {
        let there = match self.resources.get(&resource) {
            Some(slot) => slot.now.is_some(),
            None => {
                self.known.resources.contains_key(&resource)
                    || self.known.present.contains(&resource)
            }
        };
        there
            .then_some(())
            .ok_or_else(|| gone("resource", resource))
    }

    fn link(&mut self, step: usize, row: &'a LinkRow) -> Done {
        self.must_be_there(row.resource)?;
        let stored = self.known.links.contains_key(&row.id);
        let slot = self.links.entry(row.id).or_insert(LinkSlot {
            stored,
            cut: false,
            now: None,
            step,
        });
        if slot.now.is_some() || (slot.stored && !slot.cut) {
            return Err(exists("link", row.id));
        }
        slot.step = step;
        slot.now = Some(row);
        Ok(())
    }

    fn relink(&mut self, step: usize, row: &'a LinkRow, journal: bool) -> Done {
        self.must_be_there(row.resource)?;
        let stored = self.known.links.get(&row.id);
        let before = match self.links.get(&row.id) {
            Some(slot) => {
                let row = slot.now.ok_or_else(|| gone("link", row.id))?;
                journal.then(|| row.link()).transpose()?
            }
            None if stored.is_none() && (journal || self.known.complete) => {
                return Err(gone("link", row.id));
            }
            None => stored.filter(|_| journal).cloned(),
        };
        let slot = self.links.entry(row.id).or_insert(LinkSlot {
            stored: true,
            cut: false,
            now: None,
            step,
        });
        slot.step = step;
        slot.now = Some(row);
        match before {
            None => Ok(()),
            Some(before) => self.tell(
                row.resource,
                Some(row.id),
                &JournalEvent::LinkChanged {
                    before: Box::new(before),
                },
            ),
        }
    }

    fn unlink(&mut self, step: usize, id: i64) -> Done {
        let before = match self.links.get(&id) {
            Some(slot) => slot.now.map(LinkRow::link).transpose()?,
            None => self.known.links.get(&id).cloned(),
        };
        let before = Box::new(before.ok_or_else(|| gone("link", id))?);
        self.cut_link(step, id);
        self.tell(
            before.resource.0,
            Some(id),
            &JournalEvent::Unlinked { before },
        )
    }

    /// The source of a link that is there.
    fn source_of(&self, link: i64) -> Result<i64, Refusal> {
        let source = match self.links.get(&link) {
            Some(slot) => slot.now.map(|row| row.source),
            None => self.known.links.get(&link).map(|link| link.source.0),
        };
        source.ok_or_else(|| gone("link", link))
    }

    fn members(
        &mut self,
        step: usize,
        (group, source): (i64, i64),
        added: &[i64],
        removed: &[i64],
        event: &'a str,
    ) -> Done {
        self.must_be_there(group)?;
        let gone = self.turn(group, source, removed, false);
        for member in added {
            self.must_be_there(*member)?;
        }
        let come = self.turn(group, source, added, true);
        if come.is_empty() && gone.is_empty() {
            return Ok(());
        }
        if !self.known.made.contains(&group) {
            let at = self.now;
            let now = self.resource(step, group, None)?;
            if !now.raised {
                now.raise(at);
            }
        }
        let event = if come.len() == added.len() && gone.len() == removed.len() {
            Cow::Borrowed(event)
        } else {
            Cow::Owned(text_of(&JournalEvent::Members {
                added: come,
                removed: gone,
            })?)
        };
        self.journal.push(Line {
            resource: group,
            uuid: None,
            link: None,
            event,
        });
        Ok(())
    }

    /// Makes memberships come or go; returns those members for whom that is a change.
    fn turn(&mut self, group: i64, source: i64, members: &[i64], comes: bool) -> Vec<ResourceId> {
        let mut turned = Vec::new();
        for member in members {
            let row = (group, *member, source);
            if self.is_member(row) != comes {
                self.memberships.insert(row, comes);
                turned.push(ResourceId(*member));
            }
        }
        turned
    }

    fn is_member(&self, row: (i64, i64, i64)) -> bool {
        if let Some(comes) = self.memberships.get(&row) {
            return *comes;
        }
        let cut = |id: &i64| self.resources.get(id).is_some_and(|slot| slot.cut);
        self.known.memberships.contains(&row) && !cut(&row.0) && !cut(&row.1)
    }

    fn await_names(
        &mut self,
        link: i64,
        added: &'a [PendingRow],
        removed: &'a [PendingRow],
    ) -> Done {
        let source = self.source_of(link)?;
        for row in removed {
            self.pending.insert((link, &row.unit, row.name_hash), None);
        }
        for row in added {
            self.pending
                .insert((link, &row.unit, row.name_hash), Some((source, row)));
        }
        Ok(())
    }

    fn tell(&mut self, resource: i64, link: Option<i64>, event: &JournalEvent) -> Done {
        self.journal.push(Line {
            resource,
            uuid: None,
            link,
            event: Cow::Owned(text_of(event)?),
        });
        Ok(())
    }
}

type Memberships = Vec<(ResourceId, SourceId)>;

fn time_of(stored: i64) -> Result<time::OffsetDateTime, StoreError> {
    crate::driver::from_micros(stored).ok_or_else(|| StoreError::Corrupt {
        what: format!("the time {stored}"),
    })
}
