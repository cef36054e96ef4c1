//! Whom entries mention: managers are said in a contribution, members are rows; who is not
//! here yet is waited for.

use std::collections::{BTreeSet, HashMap, HashSet};

use rollcall_directory::contribution::Contribution;
use rollcall_directory::name::{NameHash, Reference};
use rollcall_store::StoreError;
use rollcall_store::ids::{LinkId, ResourceId};
use rollcall_store::records::{Link, Presence};
use rollcall_store::writes::{Step, Write};
use serde_json::Value as Json;

use super::candidate::Candidate;
use super::effect::{Effect, Proposal};
use super::place::Place;
use super::reconcile::{MEMBERS, Reconciler, subject, voices_with};
use super::view::Named;

/// A link's references that name somebody by now, and whom.
type Ready = (LinkId, Vec<(Reference, Vec<Named>)>);

impl Reconciler<'_> {
    /// References that named nobody before and do now: members come, managers are said.
    pub(super) async fn settle_references(&mut self) -> Result<Vec<Proposal>, StoreError> {
        let pending = self.view.pending().await?;
        let hashes: Vec<NameHash> = pending
            .values()
            .flatten()
            .map(|r| r.name.hash())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let resolved = self.view.named(&hashes).await?;
        let mut ready: Vec<Ready> = pending
            .into_iter()
            .filter_map(|(link, references)| {
                let found: Vec<_> = references
                    .into_iter()
                    .filter_map(|r| {
                        let named = resolved.get(&r.name.hash()).filter(|n| !n.is_empty())?;
                        Some((r, named.clone()))
                    })
                    .collect();
                (!found.is_empty()).then_some((link, found))
            })
            .collect();
        ready.sort_by_key(|(link, _)| *link);
        let mut changes = Vec::new();
        for chunk in ready.chunks(rollcall_connectors::Batch::ENTRIES_MAX) {
            changes.extend(self.settle_chunk(chunk).await?);
        }
        Ok(changes)
    }

    async fn settle_chunk(&self, chunk: &[Ready]) -> Result<Vec<Proposal>, StoreError> {
        let ids: Vec<LinkId> = chunk.iter().map(|(id, _)| *id).collect();
        let links = self.view.links(&ids).await?;
        let owners: Vec<ResourceId> = links.values().map(|l| l.resource).collect();
        let resources = self.view.resources(&owners).await?;
        let links_of = self.view.links_of(&owners).await?;
        let mut changes = Vec::new();
        for (id, found) in chunk {
            // Who has been withdrawn refers to nobody any more.
            let Some(old) = links.get(id).filter(|l| l.presence != Presence::Withdrawn) else {
                continue;
            };
            let Some(resource) = resources.get(&old.resource) else {
                continue;
            };
            let mut effect = Effect::default();
            let mut writes = vec![Write::Pending {
                link: *id,
                added: Vec::new(),
                removed: found.iter().map(|(r, _)| r.clone()).collect(),
            }];
            let mut link = old.clone();
            let mut members: BTreeSet<ResourceId> = BTreeSet::new();
            for (reference, named) in found {
                if reference.unit.as_str() == MEMBERS {
                    members.extend(named.iter().map(|n| n.resource));
                } else if let Some(chosen) = named.iter().map(|n| n.uuid).min() {
                    link.contribution
                        .say(reference.unit.clone(), Json::from(chosen.to_string()));
                }
            }
            members.remove(&link.resource);
            if !members.is_empty() {
                let current = self.view.members(link.resource).await?;
                let added: Vec<ResourceId> = members
                    .into_iter()
                    .filter(|m| !current.contains(m))
                    .collect();
                effect.members_added = added.len() as u64;
                writes.push(Write::Members {
                    group: link.resource,
                    source: self.setup.source.id,
                    added,
                    removed: Vec::new(),
                });
            }
            if link.contribution != old.contribution {
                link.run = self.run;
                let voices = voices_with(&link, &links_of);
                let document = self
                    .setup
                    .voices
                    .merge(link.kind, &voices, &self.setup.schemas);
                writes.extend(Self::update_writes(
                    &link,
                    &Place::Linked(old.clone()),
                    resource,
                    document,
                    &mut effect,
                ));
            }
            changes.push(Proposal {
                step: Step {
                    subject: subject(&writes, Some(resource), &link),
                    writes,
                },
                effect,
            });
        }
        Ok(changes)
    }
}

/// Says the references that are no members in the contribution; returns those that name
/// nobody. Where several are named, the one chosen before stays, else the smallest.
pub(super) fn refer(
    contribution: &mut Contribution,
    candidate: &Candidate,
    previous: Option<&Link>,
    resolved: &HashMap<NameHash, Vec<Named>>,
) -> Vec<Reference> {
    let mut unresolved = Vec::new();
    for unit in candidate
        .mapped
        .reference_units
        .iter()
        .filter(|u| u.as_str() != MEMBERS)
    {
        let mut targets: BTreeSet<String> = BTreeSet::new();
        let mut mentioned = false;
        for (reference, hash) in candidate.references().filter(|(r, _)| r.unit == *unit) {
            mentioned = true;
            match resolved.get(&hash).map(Vec::as_slice) {
                None | Some([]) => unresolved.push(reference.clone()),
                Some(named) => targets.extend(named.iter().map(|n| n.uuid.to_string())),
            }
        }
        let before = previous
            .and_then(|l| l.contribution.says(unit)?.as_str())
            .filter(|chosen| targets.contains(*chosen));
        match before.or_else(|| targets.first().map(String::as_str)) {
            Some(chosen) => contribution.say(unit.clone(), Json::from(chosen)),
            None if !mentioned => contribution.say(unit.clone(), Json::Null),
            None => {}
        }
    }
    unresolved
}

/// The write that makes a link wait for `unresolved` and for nobody else.
pub(super) fn pending_write(
    link: LinkId,
    unresolved: &[Reference],
    before: Option<&Vec<Reference>>,
) -> Option<Write> {
    let before: &[Reference] = before.map_or(&[], Vec::as_slice);
    let (old, new): (HashSet<&Reference>, HashSet<&Reference>) =
        (before.iter().collect(), unresolved.iter().collect());
    let those = |of: &[Reference], others: &HashSet<&Reference>| -> Vec<Reference> {
        let those = of.iter().filter(|r| !others.contains(r));
        those.cloned().collect()
    };
    let removed = those(before, &new);
    let added = those(unresolved, &old);
    (!added.is_empty() || !removed.is_empty()).then_some(Write::Pending {
        link,
        added,
        removed,
    })
}
