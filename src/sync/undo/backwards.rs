//! A run's journal turned round, newest line first.
//!
//! What goes back is what the run's source *said*: its links and its members. What people
//! then look like follows from what all sources say today, so an undo never revives whom
//! another source has ended since. What later runs have changed stays, and is listed.

use std::collections::{BTreeSet, HashMap};

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::Unit;
use rollcall_store::ids::{LinkId, ResourceId, RunId, SourceId};
use rollcall_store::records::{JournalEvent, JournalLine, JournalQuery, Link, Resource};
use rollcall_store::writes::{Step, Write};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::LINES_A_PAGE;
use super::as_left::take_back;
use crate::sync::SyncError;
use crate::sync::candidate::OF_NO_ENTRY;
use crate::sync::report::Report;
use crate::sync::run::Engine;
use crate::sync::setup::Footing;
use crate::sync::tally::Tally;
use crate::sync::view::View;

/// How many leftovers are named in the report.
const LEFTOVERS_NAMED_MAX: usize = 1_000;

/// Turns journal lines round, newest first.
pub(super) struct Backwards<'a> {
    pub(super) engine: &'a Engine,
    pub(super) footing: &'a Footing,
    /// The run that is undone.
    undone: RunId,
    /// The undo itself.
    run: RunId,
    pub(super) now: OffsetDateTime,
    pub(super) view: View,
    /// Who is touched, in order.
    order: Vec<ResourceId>,
    pub(super) going_back: HashMap<ResourceId, GoingBack>,
    pub(super) tally: Tally,
    /// What stays as it is, and why.
    leftovers: BTreeSet<(String, String)>,
}

/// What goes back of one resource.
#[derive(Debug, Default)]
pub(super) struct GoingBack {
    pub(super) subject: String,
    pub(super) writes: Vec<Write>,
    /// Since when no source had held it before the run, if the run changed that.
    pub(super) orphaned_before: Option<OffsetDateTime>,
    /// What stood there before the run, by attribute that it changed.
    pub(super) before: HashMap<Unit, Option<Json>>,
    /// Attributes of which it is told already why they stay.
    pub(super) told: BTreeSet<Unit>,
}

impl<'a> Backwards<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        footing: &'a Footing,
        undone: RunId,
        run: RunId,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            engine,
            footing,
            undone,
            run,
            now,
            view: View::new(
                engine.store.clone(),
                footing.source.tenant,
                footing.source.id,
            ),
            order: Vec::new(),
            going_back: HashMap::new(),
            tally: Tally::default(),
            leftovers: BTreeSet::new(),
        }
    }

    /// The steps, one for each resource, and what they come to.
    pub(super) async fn end(mut self) -> Result<(Vec<Step>, Report), SyncError> {
        let mut steps = Vec::new();
        for id in std::mem::take(&mut self.order) {
            steps.extend(self.settle(id).await?);
        }
        let mut notes: Vec<String> = self
            .leftovers
            .into_iter()
            .map(|(subject, why)| format!("{subject} stays as it is: {why}"))
            .collect();
        notes.truncate(LEFTOVERS_NAMED_MAX);
        let report = Report {
            tally: self.tally,
            notes,
            ..Report::default()
        };
        Ok((steps, report))
    }

    pub(super) async fn line(&mut self, line: JournalLine) -> Result<(), SyncError> {
        let Some(id) = line.resource else {
            return Ok(());
        };
        let resource = self.resource(id).await?;
        self.touch(id, &line, resource.as_ref());
        match self.inverse(id, &line, resource.as_ref()).await? {
            Ok(writes) => self.write(id, writes).await,
            Err(why) => {
                self.leave(id, why);
                Ok(())
            }
        }
    }

    fn touch(&mut self, id: ResourceId, line: &JournalLine, resource: Option<&Resource>) {
        if self.going_back.contains_key(&id) {
            return;
        }
        let subject = resource
            .map(crate::sync::name_of)
            .or_else(|| line.uuid.map(|uuid| uuid.to_string()))
            .unwrap_or_default();
        self.order.push(id);
        let going_back = GoingBack {
            subject,
            ..GoingBack::default()
        };
        self.going_back.insert(id, going_back);
    }

    pub(super) fn leave(&mut self, id: ResourceId, why: String) {
        let subject = self.going_back.get(&id).map(|g| g.subject.clone());
        self.leftovers.insert((subject.unwrap_or_default(), why));
    }

    pub(super) fn leave_value(&mut self, id: ResourceId, unit: &Unit, why: &str) {
        if let Some(going_back) = self.going_back.get_mut(&id) {
            going_back.told.insert(unit.clone());
        }
        self.leave(id, format!("{unit} {why}"));
    }

    async fn write(&mut self, id: ResourceId, writes: Vec<Write>) -> Result<(), SyncError> {
        if writes.is_empty() {
            return Ok(());
        }
        let step = Step {
            subject: String::new(),
            writes,
        };
        self.view.lay(std::slice::from_ref(&step), self.now).await?;
        if let Some(going_back) = self.going_back.get_mut(&id) {
            going_back.writes.extend(step.writes);
        }
        Ok(())
    }

    pub(super) async fn resource(&self, id: ResourceId) -> Result<Option<Resource>, SyncError> {
        Ok(self.view.resources(&[id]).await?.remove(&id))
    }

    /// The writes that turn one line round, or why that cannot be.
    async fn inverse(
        &mut self,
        id: ResourceId,
        line: &JournalLine,
        resource: Option<&Resource>,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        Ok(match &line.event {
            JournalEvent::Created => match resource {
                None => Err("it is gone already".to_owned()),
                Some(resource) => self.uncreate(resource, line).await?,
            },
            // Follows from what the sources say: see `settle`.
            JournalEvent::Updated { .. } if resource.is_none() => {
                Err("it was deleted since".to_owned())
            }
            JournalEvent::Updated { changes } => {
                let going_back = self.going_back.entry(id).or_default();
                let before = changes.iter().map(|c| (c.unit.clone(), c.before.clone()));
                going_back.before.extend(before);
                Ok(Vec::new())
            }
            JournalEvent::Deleted { .. } => self.undelete(line, resource).await?,
            JournalEvent::Linked => match self.link(line.link).await? {
                Some(made) if self.is_ours(&made) => Ok(vec![Write::Unlink { link: made.id }]),
                _ => Err("its link has changed since".to_owned()),
            },
            JournalEvent::LinkChanged { before } => Ok(self.unchange(id, line, before).await?),
            JournalEvent::Unlinked { before } => match self.taken_key(before).await? {
                Some(why) => Err(why),
                None => Ok(vec![Write::Link {
                    link: to_be_looked_at(before),
                }]),
            },
            JournalEvent::Members { added, removed } => match (resource, line.source) {
                (Some(_), Some(source)) => {
                    Ok(self.swap_members(id, source, added, removed).await?)
                }
                _ => Ok(Vec::new()),
            },
            JournalEvent::Orphaned { before, .. } => {
                self.going_back.entry(id).or_default().orphaned_before = *before;
                Ok(Vec::new())
            }
            JournalEvent::Note { .. } => Ok(Vec::new()),
        })
    }

    /// What the run had changed of a link goes back, as far as it is as the run left it.
    async fn unchange(
        &mut self,
        id: ResourceId,
        told: &JournalLine,
        before: &Link,
    ) -> Result<Vec<Write>, SyncError> {
        let Some(current) = self.link(Some(before.id)).await? else {
            self.leave(id, "its link is gone".to_owned());
            return Ok(Vec::new());
        };
        if self.is_ours(&current) {
            return Ok(vec![Write::Relink {
                link: to_be_looked_at(before),
                journal: true,
            }]);
        }
        let left = self.as_left(id, told, before.id).await?;
        let left = left.unwrap_or_else(|| current.clone());
        let mut link = current.clone();
        for unit in take_back(before, &left, &mut link) {
            self.leave_value(id, &unit, "was changed again since");
        }
        let journal = link != current;
        Ok(vec![Write::Relink {
            link: to_be_looked_at(&link),
            journal,
        }])
    }

    /// A link as the change that `told` tells of had left it, if it was changed since.
    async fn as_left(
        &self,
        id: ResourceId,
        told: &JournalLine,
        link: LinkId,
    ) -> Result<Option<Link>, SyncError> {
        let mut after = told.seq;
        loop {
            let query = JournalQuery {
                resource: Some(id),
                after_seq: Some(after),
                limit: LINES_A_PAGE,
                ..JournalQuery::default()
            };
            let tenant = self.footing.source.tenant;
            let lines = self.engine.store.journal(tenant, &query).await?;
            let Some(last) = lines.last() else {
                return Ok(None);
            };
            after = last.seq;
            let next = lines.into_iter().find_map(|line| match line.event {
                JournalEvent::LinkChanged { before } | JournalEvent::Unlinked { before }
                    if before.id == link =>
                {
                    Some(*before)
                }
                _ => None,
            });
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Who came goes, and who went comes back, unless that has been done since.
    async fn swap_members(
        &mut self,
        group: ResourceId,
        source: SourceId,
        came: &[ResourceId],
        went: &[ResourceId],
    ) -> Result<Vec<Write>, SyncError> {
        let current = if source == self.footing.source.id {
            self.view.members(group).await?
        } else {
            let members = self.engine.store.members(group, source).await?;
            members.into_iter().collect()
        };
        let removed: Vec<_> = came.iter().filter(|m| current.contains(m)).collect();
        let added: Vec<_> = went.iter().filter(|m| !current.contains(m)).collect();
        if removed.len() < came.len() || added.len() < went.len() {
            self.leave(group, "a later run has changed its members".to_owned());
        }
        if removed.is_empty() && added.is_empty() {
            return Ok(Vec::new());
        }
        self.tally.members_removed += removed.len() as u64;
        self.tally.members_added += added.len() as u64;
        let mut writes = vec![Write::Members {
            group,
            source,
            added: added.into_iter().copied().collect(),
            removed: removed.into_iter().copied().collect(),
        }];
        let links = self.view.links_of(&[group]).await?;
        let own = links.get(&group).into_iter().flatten();
        writes.extend(
            own.filter(|l| l.source == source)
                .map(|link| Write::Relink {
                    link: to_be_looked_at(link),
                    journal: false,
                }),
        );
        Ok(writes)
    }

    async fn undelete(
        &mut self,
        line: &JournalLine,
        resource: Option<&Resource>,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        let JournalEvent::Deleted {
            document,
            created,
            orphaned,
            links,
            memberships,
            members,
        } = &line.event
        else {
            return Ok(Ok(Vec::new()));
        };
        let (Some(id), Some(uuid), None) = (line.resource, line.uuid, resource) else {
            return Ok(Err("somebody else stands in its place".to_owned()));
        };
        for link in links {
            if let Some(why) = self.taken_key(link).await? {
                return Ok(Err(why));
            }
        }
        let mut writes = vec![Write::Restore {
            resource: id,
            uuid,
            kind: links.first().map_or(Kind::User, |l| l.kind),
            document: document.clone(),
            created: *created,
        }];
        if orphaned.is_some() {
            writes.push(Write::Orphan {
                resource: id,
                since: *orphaned,
            });
        }
        writes.extend(links.iter().map(|link| Write::Link {
            link: to_be_looked_at(link),
        }));
        let row = |group: ResourceId, source: SourceId, member: ResourceId| Write::Members {
            group,
            source,
            added: vec![member],
            removed: Vec::new(),
        };
        writes.extend(memberships.iter().map(|(group, by)| row(*group, *by, id)));
        writes.extend(members.iter().map(|(member, by)| row(id, *by, *member)));
        self.tally.returned += 1;
        Ok(Ok(writes))
    }

    /// Why a link cannot come back: its entry is somebody else's by now.
    async fn taken_key(&self, link: &Link) -> Result<Option<String>, SyncError> {
        let key = std::slice::from_ref(&link.key);
        let store = &self.engine.store;
        let found = store.links_by_key(link.source, link.kind, key).await?;
        Ok(found.iter().any(|other| other.id != link.id).then(|| {
            format!(
                "the entry with key {} is tied to somebody else by now",
                link.key
            )
        }))
    }

    /// Whom the run made is deleted, unless a later run or another source has taken them
    /// up: then only the link goes that they were made from.
    async fn uncreate(
        &mut self,
        resource: &Resource,
        line: &JournalLine,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        let links = self.view.links_of(&[resource.id]).await?;
        let links = links.get(&resource.id).map_or(&[][..], Vec::as_slice);
        if links.iter().any(|link| Some(link.id) != line.link) {
            self.leave(resource.id, "another source holds it by now".to_owned());
            let own = links.iter().find(|link| Some(link.id) == line.link);
            let own = own.filter(|link| self.is_ours(link));
            let cut = own.map(|link| Write::Unlink { link: link.id });
            return Ok(Ok(cut.into_iter().collect()));
        }
        if self.changed_since(resource).await? {
            return Ok(Err("it was changed by a later run".to_owned()));
        }
        match resource.kind {
            Kind::User => self.tally.users_gone += 1,
            Kind::Group => self.tally.groups_gone += 1,
            Kind::Custom(_) => self.tally.others_gone += 1,
        }
        Ok(Ok(vec![Write::Delete {
            resource: resource.id,
            base_version: resource.document_version,
        }]))
    }

    /// Whether another run than the one that is undone has changed the resource last.
    async fn changed_since(&self, resource: &Resource) -> Result<bool, SyncError> {
        let query = JournalQuery {
            resource: Some(resource.id),
            limit: 1,
            newest_first: true,
            ..JournalQuery::default()
        };
        let tenant = self.footing.source.tenant;
        let lines = self.engine.store.journal(tenant, &query).await?;
        let last = lines.first().map(|line| line.actor.run());
        Ok(last.is_some_and(|run| run != Some(self.undone)))
    }

    async fn link(&self, id: Option<LinkId>) -> Result<Option<Link>, SyncError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.view.links(&[id]).await?.remove(&id))
    }

    /// Whether the link is as the undone run left it, or as this undo has it by now.
    fn is_ours(&self, link: &Link) -> bool {
        link.run == self.run || link.run <= self.undone
    }
}

/// A link as it goes back. The next run must not find its entry unchanged: whom it mentions,
/// and by what it is called, is not in the journal.
fn to_be_looked_at(link: &Link) -> Box<Link> {
    Box::new(Link {
        fingerprint: OF_NO_ENTRY,
        ..link.clone()
    })
}
