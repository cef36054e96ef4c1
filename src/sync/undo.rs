//! Putting back what a run changed.
//!
//! The journal of the run, backwards, each line turned round. What has changed since is
//! left as it is and listed. An undo is a run of its own, under the removal guard, and it
//! pauses the source: the next run would do the same again.

use std::collections::HashMap;

use rollcall_directory::diff::{Change, apply, diff};
use rollcall_directory::entry::Kind;
use rollcall_store::ids::{LinkId, ResourceId, RunId};
use rollcall_store::records::{
    Actor, JournalEvent, JournalLine, JournalQuery, Resource, RunKind, RunState,
};
use rollcall_store::writes::{Fence, Step, Write};
use time::OffsetDateTime;

use super::SyncError;
use super::administrators;
use super::guard::{self, Held, Holds};
use super::report::{Finished, Removed, Report};
use super::run::Engine;
use super::setup::Footing;
use super::tally::Tally;
use super::view::View;
use super::writer::Writer;

/// Journal lines read at a time.
const LINES_A_PAGE: u32 = 1_000;
/// How many leftovers are named in the report.
const LEFTOVERS_NAMED_MAX: usize = 1_000;

impl Engine {
    /// Undoes a run, or with `plan_only` keeps what that would do as a plan.
    pub(crate) async fn undo(
        &self,
        footing: &Footing,
        id: RunId,
        plan_only: bool,
    ) -> Result<Finished, SyncError> {
        let lease = self.lease(footing).await?;
        let done = self.undo_under(footing, id, plan_only, &lease.fence).await;
        lease.release().await?;
        done
    }

    async fn undo_under(
        &self,
        footing: &Footing,
        id: RunId,
        plan_only: bool,
        fence: &Fence,
    ) -> Result<Finished, SyncError> {
        let run = self.store.run(id).await?.ok_or(SyncError::NoRun(id))?;
        if !matches!(run.state, RunState::Applied | RunState::Failed) {
            return Err(SyncError::State {
                run: id,
                state: format!("{:?}", run.state).to_lowercase(),
                needs: "only a run that wrote something can be undone; what is held is approved or cancelled first",
            });
        }
        // A connection does not wait for a lease: it must not write while it is put back.
        let pauses = run.kind == RunKind::Push && !plan_only && footing.source.paused.is_none();
        if pauses {
            self.pause_for(footing, id).await?;
        }
        let now = self.clock.now();
        let undo = self
            .store
            .start_run(
                footing.source.id,
                RunKind::Undo,
                run.settings,
                Some(id),
                now,
            )
            .await?;
        let mut back = Backwards::new(self, footing, undo, now);
        let mut before = None;
        loop {
            let lines = self
                .store
                .journal(
                    footing.source.tenant,
                    &JournalQuery {
                        run: Some(id),
                        after_seq: before,
                        limit: LINES_A_PAGE,
                        newest_first: true,
                        ..JournalQuery::default()
                    },
                )
                .await?;
            let Some(last) = lines.last() else { break };
            before = Some(last.seq);
            for line in lines {
                back.line(line).await?;
            }
        }
        let (steps, mut report) = back.end();
        report.held = self.judge(footing, undo, &steps, &report).await?;
        let state = if plan_only {
            RunState::Planned
        } else if report.held.is_empty() {
            RunState::Applied
        } else {
            RunState::Held
        };
        if state == RunState::Applied {
            self.store.keep_validators(footing.source.id, None).await?;
            let writer = Writer::new(&self.store, footing, Actor::Run(undo), Some(fence), now);
            report.removed = Removed::all_of(&report.tally);
            let counted = serde_json::to_value(&report).map_err(SyncError::Report)?;
            self.store.update_run(undo, &counted).await?;
            report.notes.extend(writer.write_all(&steps, |_| {}).await?);
            self.after_undo(footing, id).await?;
        } else {
            if pauses {
                self.store.set_paused(footing.source.id, None).await?;
            }
            report.waiting = steps.len() as u64;
            let mut first = 0;
            for chunk in steps.chunks(rollcall_connectors::Batch::ENTRIES_MAX) {
                self.store.save_steps(undo, first, chunk).await?;
                first += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
            }
        }
        let verdict = format!("undo of run {id}");
        let json = serde_json::to_value(&report).map_err(SyncError::Report)?;
        self.store
            .finish_run(undo, state, Some(&verdict), &json, now)
            .await?;
        Ok(Finished {
            run: undo,
            state,
            verdict,
            report,
        })
    }

    /// The removal guards, over what the undo removes. An undo is done whole or not at all.
    async fn judge(
        &self,
        footing: &Footing,
        undo: RunId,
        steps: &[Step],
        report: &Report,
    ) -> Result<Vec<Held>, SyncError> {
        let (guards, tally) = (&footing.guards, &report.tally);
        let links = self.store.link_marks(footing.source.id).await?;
        let of = |kind: Kind| links.iter().filter(|l| l.kind == kind).count() as u64;
        let present = [of(Kind::User), of(Kind::Group)];
        let mut totals = self
            .totals(footing, undo, self.clock.now(), present)
            .await?;
        totals.memberships = self.links_and_memberships(footing).await?.1;
        let mut held = Vec::new();
        for (kind, gone) in [
            (Kind::User, tally.users_gone),
            (Kind::Group, tally.groups_gone),
        ] {
            held.extend(guard::removals(guards, kind, gone, &totals));
        }
        held.extend(guard::leavers(guards, tally, &totals));
        held.extend(guard::memberships(guards, tally, &totals));
        for said in &mut held {
            said.because = said
                .because
                .replace(
                    "are missing from the source",
                    "would be deleted again by this undo",
                )
                .replace("the source says that", "this undo would say again that");
            said.holds = Holds::All;
        }
        let all: Vec<&Step> = steps.iter().collect();
        let ended = administrators::ended_by(&self.store, footing, &all).await?;
        held.extend(administrators::guard(&ended));
        Ok(held)
    }

    /// Marks the run as undone and pauses its source.
    pub(super) async fn after_undo(
        &self,
        footing: &Footing,
        undone: RunId,
    ) -> Result<(), SyncError> {
        let run = self
            .store
            .run(undone)
            .await?
            .ok_or(SyncError::NoRun(undone))?;
        let verdict = run.verdict.clone().unwrap_or_default();
        self.store
            .finish_run(
                undone,
                RunState::Undone,
                Some(&verdict),
                &run.report,
                run.finished.unwrap_or_else(|| self.clock.now()),
            )
            .await?;
        self.pause_for(footing, undone).await
    }

    async fn pause_for(&self, footing: &Footing, undone: RunId) -> Result<(), SyncError> {
        self.store
            .set_paused(
                footing.source.id,
                Some(&format!(
                    "run {undone} was undone, and the next run would do the same again"
                )),
            )
            .await?;
        Ok(())
    }
}

/// Turns journal lines round, newest first.
struct Backwards<'a> {
    engine: &'a Engine,
    footing: &'a Footing,
    run: RunId,
    now: OffsetDateTime,
    view: View,
    steps: Vec<Step>,
    tally: Tally,
    leftovers: HashMap<String, String>,
}

impl<'a> Backwards<'a> {
    fn new(engine: &'a Engine, footing: &'a Footing, run: RunId, now: OffsetDateTime) -> Self {
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
            leftovers: HashMap::new(),
        }
    }

    fn end(self) -> (Vec<Step>, Report) {
        let mut notes: Vec<String> = self
            .leftovers
            .into_iter()
            .map(|(subject, why)| format!("{subject} stays as it is: {why}"))
            .collect();
        notes.sort();
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

    async fn line(&mut self, line: JournalLine) -> Result<(), SyncError> {
        let resource = match line.resource {
            Some(id) => self.resource(id).await?,
            None => None,
        };
        let subject = resource
            .as_ref()
            .map(super::name_of)
            .or_else(|| line.uuid.map(|u| u.to_string()))
            .unwrap_or_default();
        let writes = match self.inverse(&line, resource.as_ref()).await? {
            Ok(writes) => writes,
            Err(why) => {
                self.leftovers.insert(subject, why);
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

    async fn resource(&self, id: ResourceId) -> Result<Option<Resource>, SyncError> {
        Ok(self.view.resources(&[id]).await?.remove(&id))
    }

    /// The writes that turn one line round, or why that cannot be.
    async fn inverse(
        &mut self,
        line: &JournalLine,
        resource: Option<&Resource>,
    ) -> Result<Result<Vec<Write>, String>, SyncError> {
        Ok(match &line.event {
            JournalEvent::Created => match resource {
                None => Err("it is gone already".to_owned()),
                Some(resource) => self.uncreate(resource).await?,
            },
            JournalEvent::Updated { changes } => match resource {
                None => Err("it was deleted since".to_owned()),
                Some(resource) => self.unchange(resource, changes),
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
                    Err("a later run has changed what its source says".to_owned())
                }
            }
            JournalEvent::Unlinked { before } => Ok(vec![Write::Link {
                link: before.clone(),
            }]),
            JournalEvent::Members { added, removed } => match (line.resource, line.source) {
                (Some(group), Some(source)) if resource.is_some() => {
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
                    self.tally.members_removed += added.len() as u64;
                    self.tally.members_added += removed.len() as u64;
                    Ok(vec![Write::Members {
                        group,
                        source,
                        added: removed.clone(),
                        removed: added.clone(),
                    }])
                }
                _ => Ok(Vec::new()),
            },
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

    fn unchange(&mut self, resource: &Resource, changes: &[Change]) -> Result<Vec<Write>, String> {
        let mut document = resource.document.clone();
        for change in changes {
            if document.get(&change.unit) != change.after.as_ref() {
                return Err(format!("{} was changed again since", change.unit));
            }
        }
        let inverse: Vec<Change> = changes.iter().cloned().map(Change::inverse).collect();
        apply(&inverse, &mut document);
        let changes = diff(&resource.document, &document);
        self.tally.updated += 1;
        let ends = resource.kind == Kind::User && resource.document.active() && !document.active();
        self.tally.deactivated += u64::from(ends);
        Ok(vec![Write::Update {
            resource: resource.id,
            base_version: resource.document_version,
            document,
            changes,
        }])
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
