//! A run's journal turned round, newest line first: the steps that put back what is still
//! as the run left it, and a list of what is not.

use std::collections::BTreeSet;

use rollcall_directory::diff::{Change, apply, diff};
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_store::ids::{LinkId, ResourceId, RunId, SourceId};
use rollcall_store::records::{JournalEvent, JournalLine, JournalQuery, Resource};
use rollcall_store::writes::{Step, Write};
use time::OffsetDateTime;

use crate::sync::SyncError;
use crate::sync::report::Report;
use crate::sync::run::Engine;
use crate::sync::setup::Footing;
use crate::sync::tally::Tally;
use crate::sync::view::View;

/// The fingerprint that no entry has.
const OF_NO_ENTRY: Fingerprint = Fingerprint([0; 16]);
/// How many leftovers are named in the report.
const LEFTOVERS_NAMED_MAX: usize = 1_000;

/// Turns journal lines round, newest first.
pub(super) struct Backwards<'a> {
    engine: &'a Engine,
    footing: &'a Footing,
    run: RunId,
    now: OffsetDateTime,
    view: View,
    steps: Vec<Step>,
    tally: Tally,
    /// What stays as it is, and why.
    leftovers: BTreeSet<(String, String)>,
}

impl<'a> Backwards<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        footing: &'a Footing,
        run: RunId,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            engine,
            footing,
            run,
            now,
            view: View::new(
                engine.store.clone(),
                footing.source.tenant,
                footing.source.id,
            ),
            steps: Vec::new(),
            tally: Tally::default(),
            leftovers: BTreeSet::new(),
        }
    }

    pub(super) fn end(self) -> (Vec<Step>, Report) {
        let mut notes: Vec<String> = self
            .leftovers
            .into_iter()
            .map(|(subject, why)| format!("{subject} stays as it is: {why}"))
            .collect();
        notes.truncate(LEFTOVERS_NAMED_MAX);
        (
            self.steps,
            Report {
                tally: self.tally,
                notes,
                ..Report::default()
            },
        )
    }

    pub(super) async fn line(&mut self, line: JournalLine) -> Result<(), SyncError> {
        let resource = match line.resource {
            Some(id) => self.resource(id).await?,
            None => None,
        };
        let subject = resource
            .as_ref()
            .map(crate::sync::name_of)
            .or_else(|| line.uuid.map(|u| u.to_string()))
            .unwrap_or_default();
        let writes = match self.inverse(&line, resource.as_ref(), &subject).await? {
            Ok(writes) => writes,
            Err(why) => {
                self.leave(&subject, why);
                return Ok(());
            }
        };
        if writes.is_empty() {
            return Ok(());
        }
        let step = Step { subject, writes };
        self.view.lay(std::slice::from_ref(&step), self.now).await?;
        self.steps.push(step);
        Ok(())
    }

    fn leave(&mut self, subject: &str, why: String) {
        self.leftovers.insert((subject.to_owned(), why));
    }

    async fn resource(&self, id: ResourceId) -> Result<Option<Resource>, SyncError> {
        Ok(self.view.resources(&[id]).await?.remove(&id))
    }

    /// The writes that turn one line round, or why that cannot be.
    async fn inverse(
        &mut self,
        line: &JournalLine,
        resource: Option<&Resource>,
        subject: &str,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        Ok(match &line.event {
            JournalEvent::Created => match resource {
                None => Err("it is gone already".to_owned()),
                Some(resource) => self.uncreate(resource).await?,
            },
            JournalEvent::Updated { changes } => match resource {
                None => Err("it was deleted since".to_owned()),
                Some(resource) => Ok(self.unchange(resource, changes, subject)),
            },
            JournalEvent::Deleted {
                document,
                created,
                orphaned,
                links,
                memberships,
                members,
            } => {
                let (Some(id), Some(uuid), None) = (line.resource, line.uuid, resource) else {
                    return Ok(Err("somebody else stands in its place".to_owned()));
                };
                let kind = links.first().map_or(Kind::User, |l| l.kind);
                let mut writes = vec![Write::Restore {
                    resource: id,
                    uuid,
                    kind,
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
                    link: Box::new(link.clone()),
                }));
                writes.extend(memberships.iter().map(|(group, source)| Write::Members {
                    group: *group,
                    source: *source,
                    added: vec![id],
                    removed: Vec::new(),
                }));
                writes.extend(members.iter().map(|(member, source)| Write::Members {
                    group: id,
                    source: *source,
                    added: vec![*member],
                    removed: Vec::new(),
                }));
                self.tally.returned += 1;
                Ok(writes)
            }
            JournalEvent::Linked => match line.link {
                Some(cut) if self.link_is_ours(cut, line).await? => {
                    Ok(vec![Write::Unlink { link: cut }])
                }
                _ => Err("its link has changed since".to_owned()),
            },
            JournalEvent::LinkChanged { before } => {
                if self.link_is_ours(before.id, line).await? {
                    Ok(vec![Write::Relink {
                        link: before.clone(),
                        journal: true,
                    }])
                } else {
                    self.leave(
                        subject,
                        "a later run has changed what its source says".to_owned(),
                    );
                    Ok(self.looked_at_again(before.id).await?)
                }
            }
            JournalEvent::Unlinked { before } => Ok(vec![Write::Link {
                link: before.clone(),
            }]),
            JournalEvent::Members { added, removed } => {
                match (line.resource.filter(|_| resource.is_some()), line.source) {
                    (Some(group), Some(source)) => {
                        self.swap_members(line, group, source, added, removed)
                            .await?
                    }
                    _ => Ok(Vec::new()),
                }
            }
            JournalEvent::Orphaned { before, .. } => match (line.resource, resource) {
                (Some(id), Some(_)) => Ok(vec![Write::Orphan {
                    resource: id,
                    since: *before,
                }]),
                _ => Ok(Vec::new()),
            },
            JournalEvent::Note { .. } => Ok(Vec::new()),
        })
    }

    /// Who came goes, and who went comes back.
    async fn swap_members(
        &mut self,
        line: &JournalLine,
        group: ResourceId,
        source: SourceId,
        came: &[ResourceId],
        went: &[ResourceId],
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        let links = self.view.links_of(&[group]).await?;
        let own = links
            .get(&group)
            .into_iter()
            .flatten()
            .find(|l| l.source == source)
            .map(|l| l.id);
        if let Some(own) = own
            && !self.link_is_ours(own, line).await?
        {
            return Ok(Err("a later run has changed its members".to_owned()));
        }
        self.tally.members_removed += came.len() as u64;
        self.tally.members_added += went.len() as u64;
        Ok(Ok(vec![Write::Members {
            group,
            source,
            added: went.to_vec(),
            removed: came.to_vec(),
        }]))
    }

    async fn uncreate(
        &mut self,
        resource: &Resource,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        let links = self.view.links_of(&[resource.id]).await?;
        let foreign = links
            .get(&resource.id)
            .is_some_and(|l| l.iter().any(|l| l.source != self.footing.source.id));
        if foreign {
            return Ok(Err("another source holds it by now".to_owned()));
        }
        // The version counts every change; the run's own are turned round by now, each
        // with a change of its own.
        let changed_by_others = self.changed_since(resource).await?;
        if changed_by_others {
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
        let lines = self
            .engine
            .store
            .journal(
                self.footing.source.tenant,
                &JournalQuery {
                    resource: Some(resource.id),
                    limit: 1,
                    newest_first: true,
                    ..JournalQuery::default()
                },
            )
            .await?;
        let undone = self
            .engine
            .store
            .run(self.run)
            .await?
            .and_then(|r| r.undoes);
        Ok(lines
            .first()
            .is_some_and(|line| undone.is_some() && line.actor.run() != undone))
    }

    /// Puts back the values that are still as the run left them; the others stay.
    fn unchange(&mut self, resource: &Resource, changes: &[Change], subject: &str) -> Vec<Write> {
        let mut document = resource.document.clone();
        let (as_left, touched): (Vec<&Change>, Vec<&Change>) = changes
            .iter()
            .partition(|change| document.get(&change.unit) == change.after.as_ref());
        for change in touched {
            self.leave(subject, format!("{} was changed again since", change.unit));
        }
        let inverse: Vec<Change> = as_left.into_iter().cloned().map(Change::inverse).collect();
        apply(&inverse, &mut document);
        let changes = diff(&resource.document, &document);
        if changes.is_empty() {
            return Vec::new();
        }
        self.tally.updated += 1;
        let ends = resource.kind == Kind::User && resource.document.active() && !document.active();
        self.tally.deactivated += u64::from(ends);
        vec![Write::Update {
            resource: resource.id,
            base_version: resource.document_version,
            document,
            changes,
        }]
    }

    /// A link that stays although values of its person go back: the next run must not find
    /// its entry unchanged, or the two would differ for good.
    async fn looked_at_again(&self, id: LinkId) -> Result<Vec<Write>, SyncError> {
        let mut links = self.view.links(&[id]).await?;
        let write = links.remove(&id).map(|mut link| {
            link.fingerprint = OF_NO_ENTRY;
            Write::Relink {
                link: Box::new(link),
                journal: false,
            }
        });
        Ok(write.into_iter().collect())
    }

    /// Whether the link is as the undone run left it, or as this undo has it by now.
    async fn link_is_ours(&self, id: LinkId, line: &JournalLine) -> Result<bool, SyncError> {
        let found = self.view.links(&[id]).await?;
        let Some(original) = line.actor.run() else {
            return Ok(false);
        };
        Ok(found
            .get(&id)
            .is_some_and(|l| l.run == original || l.run == self.run || l.run < original))
    }
}
