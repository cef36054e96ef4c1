//! Who was there before and is not listed any more: what the leaver policy makes of it.

use std::collections::{HashMap, HashSet};

use rollcall_directory::contribution::Contribution;
use rollcall_directory::diff::diff;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::Unit;
use rollcall_store::StoreError;
use rollcall_store::ids::{LinkId, ResourceId, SourceId};
use rollcall_store::records::{Link, Presence, Resource};
use rollcall_store::writes::{Step, Write};

use super::effect::{Effect, Proposal};
use super::reconcile::{Reconciler, require, voices_with};
use crate::config::policy::LeaverAction;

impl Reconciler<'_> {
    /// What the leaver policy does with links whose entries are gone.
    pub(super) async fn leave(&mut self, gone: &[LinkId]) -> Result<Vec<Proposal>, StoreError> {
        let presence = match self.setup.leavers.action {
            LeaverAction::Keep => return Ok(Vec::new()),
            LeaverAction::Disable => Presence::Disabled,
            LeaverAction::Withdraw => Presence::Withdrawn,
        };
        self.end(gone, presence).await
    }

    /// What the end of a grace period does: contributions go; whom nobody holds any more
    /// is deleted.
    pub(super) async fn expire(
        &mut self,
        seen: &HashSet<LinkId>,
    ) -> Result<Vec<Proposal>, StoreError> {
        let Some(grace) = self.setup.leavers.delete_after else {
            return Ok(Vec::new());
        };
        let before = self.now - grace;
        let mut proposals = Vec::new();
        let own = self.setup.source.id;
        let (mut expired, mut outlived) = (Vec::new(), Vec::new());
        for (link, listed_by) in self.over(before, seen).await? {
            if listed_by.is_empty() {
                expired.push(link.id);
            } else if !listed_by.contains(&own) && !link.contribution.is_empty() {
                outlived.push(link);
            }
        }
        let mut withdrawn = self.end(&expired, Presence::Withdrawn).await?;
        for proposal in &mut withdrawn {
            proposal.effect.expires = true;
        }
        withdrawn.extend(self.fade(&outlived).await?);
        let steps: Vec<Step> = withdrawn.iter().map(|p| p.step.clone()).collect();
        self.view.lay(&steps, self.now).await?;
        proposals.extend(withdrawn);
        let mut ending: Vec<Resource> =
            self.store.orphans(self.setup.source.tenant, before).await?;
        let owners: Vec<ResourceId> = self
            .view
            .links(&expired)
            .await?
            .values()
            .map(|link| link.resource)
            .collect();
        let newly = self.view.resources(&owners).await?;
        ending.extend(newly.into_values().filter(|r| r.orphaned.is_some()));
        ending.sort_by_key(|r| r.id);
        ending.dedup_by_key(|r| r.id);
        let ids: Vec<ResourceId> = ending.iter().map(|r| r.id).collect();
        let current = self.view.resources(&ids).await?;
        let links = self.view.links_of(&ids).await?;
        for resource in ending {
            let ours = links
                .get(&resource.id)
                .is_some_and(|l| l.iter().any(|l| l.source == self.setup.source.id));
            let listed = links
                .get(&resource.id)
                .is_some_and(|l| l.iter().any(|l| seen.contains(&l.id)));
            if let (true, false, Some(now)) = (ours, listed, current.get(&resource.id))
                && now.orphaned.is_some()
            {
                proposals.push(deletion(now));
            }
        }
        Ok(proposals)
    }

    /// Links whose grace period is over: gone, and not listed again by this read (not even as
    /// an entry that could not be taken). With each, the sources that list the person by
    /// another entry.
    async fn over(
        &self,
        before: time::OffsetDateTime,
        seen: &HashSet<LinkId>,
    ) -> Result<Vec<(Link, HashSet<SourceId>)>, StoreError> {
        let stored: Vec<LinkId> = self
            .store
            .gone_links(self.setup.source.id, before)
            .await?
            .into_iter()
            .map(|link| link.id)
            .filter(|id| !seen.contains(id))
            .collect();
        let links = self.view.links(&stored).await?;
        let owners: Vec<ResourceId> = links.values().map(|l| l.resource).collect();
        let links_of = self.view.links_of(&owners).await?;
        let listed_by = |link: &Link| -> HashSet<SourceId> {
            let all = links_of.get(&link.resource).into_iter().flatten();
            all.filter(|other| other.id != link.id && other.presence == Presence::Present)
                .map(|other| other.source)
                .collect()
        };
        let mut over: Vec<(Link, HashSet<SourceId>)> = links
            .into_values()
            .filter(|link| link.presence == Presence::Disabled)
            .map(|link| {
                let by = listed_by(&link);
                (link, by)
            })
            .collect();
        over.sort_by_key(|(link, _)| link.id);
        Ok(over)
    }

    /// The values of these links go; their "no" goes on to count, since another source lists
    /// the person and would else give the account back.
    async fn fade(&self, outlived: &[Link]) -> Result<Vec<Proposal>, StoreError> {
        let owners: Vec<ResourceId> = outlived.iter().map(|link| link.resource).collect();
        let resources = self.view.resources(&owners).await?;
        let links_of = self.view.links_of(&owners).await?;
        let mut proposals = Vec::new();
        for old in outlived {
            let Some(resource) = resources.get(&old.resource) else {
                continue;
            };
            let link = Link {
                contribution: Contribution::default(),
                run: self.run,
                ..old.clone()
            };
            let voices = voices_with(&link, &links_of);
            let (all, schemas) = (&self.setup.voices, &self.setup.schemas);
            let document = all.merge(link.kind, &voices, schemas);
            if require(link.kind, &document).is_err() {
                continue;
            }
            let mut writes = vec![Write::Relink {
                link: Box::new(link),
                journal: true,
            }];
            let update = update(resource, document);
            let updates = update.is_some();
            writes.extend(update);
            proposals.push(Proposal {
                step: Step {
                    subject: subject(resource, old),
                    writes,
                },
                effect: Effect {
                    updates,
                    ..Effect::default()
                },
            });
        }
        Ok(proposals)
    }

    async fn end(
        &mut self,
        gone: &[LinkId],
        presence: Presence,
    ) -> Result<Vec<Proposal>, StoreError> {
        let mut proposals = Vec::new();
        for chunk in gone.chunks(rollcall_connectors::Batch::ENTRIES_MAX) {
            let links = self.view.links(chunk).await?;
            let owners: Vec<ResourceId> = links.values().map(|l| l.resource).collect();
            let resources = self.view.resources(&owners).await?;
            let links_of = self.view.links_of(&owners).await?;
            for id in chunk {
                let Some(link) = links.get(id) else { continue };
                let Some(resource) = resources.get(&link.resource) else {
                    continue;
                };
                proposals.push(self.end_link(link, presence, resource, &links_of).await?);
            }
        }
        Ok(proposals)
    }

    async fn end_link(
        &self,
        old: &Link,
        presence: Presence,
        resource: &Resource,
        links_of: &HashMap<ResourceId, Vec<Link>>,
    ) -> Result<Proposal, StoreError> {
        // "Not active" means nothing for a group: its contribution goes at once.
        let presence = match old.kind {
            Kind::User => presence,
            Kind::Group | Kind::Custom(_) => Presence::Withdrawn,
        };
        let mut link = old.clone();
        link.presence = presence;
        link.gone_since = Some(old.gone_since.unwrap_or(self.now));
        link.run = self.run;
        let voices = voices_with(&link, links_of);
        let held = voices.iter().any(|l| l.presence != Presence::Withdrawn);
        let document = if held {
            self.setup
                .voices
                .merge(link.kind, &voices, &self.setup.schemas)
        } else {
            last_state(resource)
        };
        let mut effect = Effect {
            removes: Some(old.kind),
            ..Effect::default()
        };
        let mut writes = vec![Write::Relink {
            link: Box::new(link.clone()),
            journal: true,
        }];
        if old.kind == Kind::Group {
            let mut removed: Vec<ResourceId> =
                self.view.members(resource.id).await?.into_iter().collect();
            removed.sort_unstable();
            effect.members_removed = removed.len() as u64;
            if !removed.is_empty() {
                writes.push(Write::Members {
                    group: resource.id,
                    source: self.setup.source.id,
                    added: Vec::new(),
                    removed,
                });
            }
        }
        let update = update(resource, document);
        effect.updates = update.is_some();
        writes.extend(update);
        if !held && resource.orphaned.is_none() {
            writes.push(Write::Orphan {
                resource: resource.id,
                since: Some(self.now),
            });
        }
        Ok(Proposal {
            step: Step {
                subject: subject(resource, old),
                writes,
            },
            effect,
        })
    }
}

/// The write of a resource's new document; none if it is as it was.
fn update(resource: &Resource, document: Document) -> Option<Write> {
    let changes = diff(&resource.document, &document);
    (!changes.is_empty()).then_some(Write::Update {
        resource: resource.id,
        base_version: resource.document_version,
        document,
        changes,
    })
}

/// Whom nobody holds keeps the attributes that they had, and is not active.
pub(super) fn last_state(resource: &Resource) -> Document {
    let mut document = resource.document.clone();
    if resource.kind == Kind::User {
        document.set(
            &Unit::from_canonical("active"),
            Some(serde_json::Value::Bool(false)),
        );
    }
    document
}

fn deletion(resource: &Resource) -> Proposal {
    Proposal {
        step: Step {
            subject: name_of(resource),
            writes: vec![Write::Delete {
                resource: resource.id,
                base_version: resource.document_version,
            }],
        },
        effect: Effect {
            removes: Some(resource.kind),
            expires: true,
            ..Effect::default()
        },
    }
}

fn subject(resource: &Resource, link: &Link) -> String {
    format!("{} ({})", name_of(resource), link.key)
}

/// What people call a resource.
pub(crate) fn name_of(resource: &Resource) -> String {
    let unit = resource.kind.name_attribute();
    resource
        .document
        .text(unit)
        .map_or_else(|| resource.uuid.to_string(), str::to_owned)
}
