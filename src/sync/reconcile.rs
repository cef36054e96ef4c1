//! From mapped entries to writes: whose entry is it, what do all its sources together
//! say now, and how does that differ from what is stored?
//!
//! A batch is reconciled as a whole, so that entries may take names that others free,
//! and refer to each other in any order. An entry that cannot be taken leaves the batch,
//! and the rest is reconciled again without it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use rollcall_directory::contribution::Contribution;
use rollcall_directory::diff::{Change, diff};
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::name::{NameHash, Reference};
use rollcall_directory::schema::Unit;
use rollcall_store::ids::{LinkId, ResourceId, RunId};
use rollcall_store::records::{Link, Presence, Quarantined, Resource};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{Store, StoreError, storable};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::attempt::{Attempt, Rejection};
use super::candidate::{Candidate, OF_NO_ENTRY, Troubled};
use super::clock::Uuids;
use super::effect::{Effect, Proposal};
use super::id_pool::IdPool;
use super::passed_names::PassedNames;
use super::place::Place;
use super::references::{pending_write, refer};
use super::setup::Setup;
use super::view::{Named, View};

/// The unit that a group's members stand under.
pub(super) const MEMBERS: &str = "members";

/// Reconciles the batches of one run.
#[derive(Debug)]
pub(super) struct Reconciler<'a> {
    pub(super) setup: &'a Setup,
    pub(super) store: Store,
    pub(super) view: View,
    pub(super) now: OffsetDateTime,
    pub(super) run: RunId,
    pub(super) quarantine: QuarantineBook,
    pub(super) ids: IdPool,
    pub(super) uuids: Uuids,
    pub(super) passed_names: PassedNames,
    /// Groups that wait until all people are reconciled.
    groups: VecDeque<Candidate>,
}

/// What is in quarantine, so that the same trouble is not written again.
#[derive(Debug, Default)]
pub(super) struct QuarantineBook {
    /// Reason and first run, by kind and name.
    pub(super) known: HashMap<(Kind, String), (String, RunId)>,
    /// What this run met.
    pub(super) met: HashSet<(Kind, String)>,
}

/// What came of a batch.
#[derive(Debug, Default)]
pub(super) struct Reconciled {
    /// To be written, in order.
    pub(super) changes: Vec<Proposal>,
    /// Entries that get a second chance when everything has been read: somebody else
    /// holds their userName and may be about to give it up, or is new in this run and may
    /// be the same person.
    pub(super) postponed: Vec<Candidate>,
}

impl<'a> Reconciler<'a> {
    pub(super) fn new(
        setup: &'a Setup,
        store: Store,
        now: OffsetDateTime,
        run: RunId,
        quarantined: Vec<Quarantined>,
    ) -> Self {
        let known = quarantined
            .into_iter()
            .map(|q| ((q.kind, q.name), (q.reason, q.since)))
            .collect();
        Self {
            setup,
            view: View::new(store.clone(), setup.source.tenant, setup.source.id),
            ids: IdPool::new(store.clone()),
            uuids: Uuids::default(),
            passed_names: PassedNames::default(),
            groups: VecDeque::new(),
            store,
            now,
            run,
            quarantine: QuarantineBook {
                known,
                met: HashSet::new(),
            },
        }
    }

    /// Reconciles one batch; `last_chance` when a taken userName is not postponed again.
    /// Its groups wait for [`Reconciler::next_groups`], except in an import, where no name
    /// can have passed from one to another.
    pub(super) async fn batch(
        &mut self,
        mut candidates: Vec<Candidate>,
        troubled: Vec<Troubled>,
        last_chance: bool,
    ) -> Result<Reconciled, StoreError> {
        if !last_chance && !self.view.is_importing() {
            let (groups, others) = candidates.into_iter().partition(|c| c.kind == Kind::Group);
            candidates = others;
            self.groups.extend::<Vec<Candidate>>(groups);
        }
        self.reconcile(candidates, troubled, last_chance).await
    }

    /// Reconciles some of the groups that have waited until all people were: a name among
    /// their members means whoever has it now. `None`: there are no more.
    pub(super) async fn next_groups(&mut self) -> Result<Option<Reconciled>, StoreError> {
        let count = self
            .groups
            .len()
            .min(rollcall_connectors::Batch::ENTRIES_MAX);
        if count == 0 {
            return Ok(None);
        }
        let groups = self.groups.drain(..count).collect();
        self.reconcile(groups, Vec::new(), false).await.map(Some)
    }

    async fn reconcile(
        &mut self,
        mut candidates: Vec<Candidate>,
        troubled: Vec<Troubled>,
        last_chance: bool,
    ) -> Result<Reconciled, StoreError> {
        let mut out = Reconciled::default();
        let mut refused = troubled;
        let mut attempt = loop {
            let mut attempt = self.attempt(&mut candidates, last_chance).await?;
            if attempt.rejected.is_empty() {
                break attempt;
            }
            attempt.give_back(&mut candidates);
            let mut rejected = attempt.rejected;
            let mut kept = Vec::with_capacity(candidates.len());
            for (index, candidate) in candidates.into_iter().enumerate() {
                match rejected.remove(&index) {
                    None => kept.push(candidate),
                    Some(Rejection::Shared) => out.postponed.push(candidate),
                    Some(Rejection::NameTaken(_)) if !last_chance => out.postponed.push(candidate),
                    Some(Rejection::NameTaken(reason) | Rejection::Trouble(reason)) => {
                        refused.push(Troubled::of(&candidate, reason));
                    }
                }
            }
            candidates = kept;
        };
        self.view.claim(std::mem::take(&mut attempt.claimed));
        for change in &mut attempt.changes {
            self.release(change);
        }
        out.changes = attempt.changes;
        for troubled in refused {
            out.changes.extend(self.quarantine_step(troubled));
        }
        Ok(out)
    }

    /// The write that puts an entry into quarantine; none if it is there for that reason.
    pub(super) fn quarantine_step(&mut self, troubled: Troubled) -> Option<Proposal> {
        let place = (troubled.kind, troubled.name.clone());
        self.quarantine.met.insert(place.clone());
        let since = match self.quarantine.known.get(&place) {
            Some((reason, _)) if *reason == troubled.reason => return None,
            Some((_, since)) => *since,
            None => self.run,
        };
        self.quarantine
            .known
            .insert(place, (troubled.reason.clone(), since));
        let entry = Quarantined {
            source: self.setup.source.id,
            kind: troubled.kind,
            name: troubled.name.clone(),
            locator: troubled.locator,
            reason: troubled.reason,
            flaws: troubled.flaws,
            since,
        };
        Some(Proposal {
            step: Step {
                subject: troubled.name,
                writes: vec![Write::Quarantine {
                    entry: Box::new(entry),
                }],
            },
            effect: Effect::default(),
        })
    }

    /// An entry that is taken leaves quarantine.
    fn release(&mut self, change: &mut Proposal) {
        let Some((kind, name)) = change.step.writes.iter().find_map(|write| match write {
            Write::Create { link, .. } | Write::Link { link } | Write::Relink { link, .. } => {
                Some((link.kind, link.key.to_string()))
            }
            _ => None,
        }) else {
            return;
        };
        if self.quarantine.known.contains_key(&(kind, name.clone())) {
            change.step.writes.push(Write::Release {
                source: self.setup.source.id,
                kind,
                name,
            });
        }
    }

    async fn attempt(
        &mut self,
        candidates: &mut [Candidate],
        last_chance: bool,
    ) -> Result<Attempt, StoreError> {
        let mut attempt = Attempt::default();
        let places = self.place(candidates, last_chance, &mut attempt).await?;
        self.note_passed_names(candidates, &places).await?;
        let known = self.known(candidates, &places).await?;
        let resolved = self.resolve(candidates, &places).await?;
        for (index, candidate) in candidates.iter_mut().enumerate() {
            let Some(place) = places.get(index).and_then(Option::as_ref) else {
                continue;
            };
            if attempt.rejected.contains_key(&index) {
                continue;
            }
            match self.change(candidate, place, &known, &resolved).await? {
                Ok(Some(change)) => attempt.push(index, change),
                Ok(None) => {}
                Err(reason) => attempt.reject(index, Rejection::Trouble(reason)),
            }
        }
        self.refuse_taken_names(&mut attempt, &places, candidates, &known, last_chance)
            .await?;
        Ok(attempt)
    }

    /// What is stored of the resources that the batch touches.
    async fn known(
        &self,
        candidates: &[Candidate],
        places: &[Option<Place>],
    ) -> Result<Known, StoreError> {
        let resources: Vec<ResourceId> = places
            .iter()
            .flatten()
            .filter(|p| !matches!(p, Place::New { .. }))
            .map(Place::resource)
            .collect();
        let links: Vec<LinkId> = candidates.iter().filter_map(|c| c.link).collect();
        Ok(Known {
            resources: self.view.resources(&resources).await?,
            links_of: self.view.links_of(&resources).await?,
            pending: self.view.pending_of(&links).await?,
        })
    }

    /// Whom the references of the batch name, entries of the batch itself included.
    async fn resolve(
        &self,
        candidates: &[Candidate],
        places: &[Option<Place>],
    ) -> Result<HashMap<NameHash, Vec<Named>>, StoreError> {
        let mut here: HashMap<NameHash, Vec<Named>> = HashMap::new();
        for (candidate, place) in candidates.iter().zip(places.iter()) {
            if let Some(Place::New { resource, uuid, .. }) = place {
                for name in &candidate.names {
                    here.entry(*name).or_default().push(Named {
                        resource: *resource,
                        uuid: *uuid,
                    });
                }
            }
        }
        let asked: Vec<NameHash> = candidates
            .iter()
            .flat_map(|c| c.mentions.iter().copied())
            .filter(|hash| !here.contains_key(hash))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        here.extend(self.view.named(&asked).await?);
        Ok(here)
    }

    /// What has to be written for one entry: nothing, a change, or why it cannot be taken.
    async fn change(
        &self,
        candidate: &mut Candidate,
        place: &Place,
        known: &Known,
        resolved: &HashMap<NameHash, Vec<Named>>,
    ) -> Result<Result<Option<Proposal>, String>, StoreError> {
        let previous = place.link();
        let mut contribution = match candidate.first.take().filter(|_| previous.is_none()) {
            Some(first) => first,
            None => Contribution::settle(&candidate.mapped, previous.map(|l| &l.contribution)),
        };
        let mut unresolved = refer(&mut contribution, candidate, previous, resolved);
        let link = Link {
            id: place.link_id(),
            source: self.setup.source.id,
            kind: candidate.kind,
            key: candidate.key.clone(),
            locator: candidate.locator.clone(),
            resource: place.resource(),
            fingerprint: candidate.fingerprint,
            mapping: self.setup.mapping.fingerprint(),
            contribution,
            presence: Presence::Present,
            gone_since: None,
            missed_reads: 0,
            run: self.run,
        };
        let mut effect = Effect::default();
        let mut writes = match self.resource_writes(&link, place, known, &mut effect) {
            Ok(writes) => writes,
            Err(reason) => return Ok(Err(reason)),
        };
        let names_may_differ = previous
            .is_none_or(|old| old.locator != link.locator || old.fingerprint == OF_NO_ENTRY)
            || !self.setup.mapping.references().attributes.is_empty();
        if names_may_differ && !(candidate.names.is_empty() && previous.is_none()) {
            writes.push(Write::Names {
                link: link.id,
                names: candidate.names.clone(),
            });
        }
        if candidate.kind == Kind::Group {
            let pending = self
                .member_writes(candidate, &link, place, resolved, &mut writes, &mut effect)
                .await?;
            unresolved.extend(pending);
        }
        remember_old_state(&mut writes);
        writes.extend(pending_write(
            link.id,
            &unresolved,
            known.pending.get(&link.id),
        ));
        let subject = subject(&writes, known.resources.get(&link.resource), &link);
        Ok(Ok((!writes.is_empty()).then_some(Proposal {
            step: Step { subject, writes },
            effect,
        })))
    }

    fn resource_writes(
        &self,
        link: &Link,
        place: &Place,
        known: &Known,
        effect: &mut Effect,
    ) -> Result<Vec<Write>, String> {
        let others = known.links_of.get(&link.resource);
        let mut voices: Vec<&Link> = others
            .into_iter()
            .flatten()
            // The entry of before says nothing beside the one that came in its place.
            .filter(|other| other.id != link.id && !self.view.leaves(other.id))
            .collect();
        voices.push(link);
        let document = self
            .setup
            .voices
            .merge(link.kind, &voices, &self.setup.schemas);
        require(link.kind, &document)?;
        storable(&document)
            .map_err(|cause| format!("{cause}; correct the entry, or map another attribute"))?;
        let Place::New { resource, uuid, .. } = place else {
            let Some(resource) = known.resources.get(&link.resource) else {
                return Err(
                    "the person it was linked to is gone; the next run makes it new".into(),
                );
            };
            effect.returns = self.rejoins(place, &voices);
            return Ok(Self::update_writes(link, place, resource, document, effect));
        };
        effect.creates = Some(link.kind);
        Ok(vec![Write::Create {
            resource: *resource,
            uuid: *uuid,
            kind: link.kind,
            document,
            link: Box::new(link.clone()),
        }])
    }

    /// Whether a new entry is that of somebody who had left this source.
    fn rejoins(&self, place: &Place, voices: &[&Link]) -> bool {
        matches!(place, Place::Found { .. })
            && voices
                .iter()
                .any(|l| l.source == self.setup.source.id && l.presence != Presence::Present)
    }

    pub(super) fn update_writes(
        link: &Link,
        place: &Place,
        resource: &Resource,
        document: Document,
        effect: &mut Effect,
    ) -> Vec<Write> {
        let mut writes = Vec::new();
        match place.link() {
            None => {
                effect.links = true;
                writes.push(Write::Link {
                    link: Box::new(link.clone()),
                });
            }
            Some(old) => {
                effect.returns = old.presence != Presence::Present;
                let journal = old.contribution != link.contribution
                    || old.presence != link.presence
                    || old.locator != link.locator;
                if journal
                    || old.fingerprint != link.fingerprint
                    || old.mapping != link.mapping
                    || old.missed_reads != 0
                {
                    writes.push(Write::Relink {
                        link: Box::new(link.clone()),
                        journal,
                    });
                }
            }
        }
        // Who has left may have given up the userName to somebody new meanwhile.
        if resource.orphaned.is_some() && link.presence == Presence::Present {
            writes.push(Write::Orphan {
                resource: resource.id,
                since: None,
            });
        }
        let changes = diff(&resource.document, &document);
        let was_active = resource.orphaned.is_none() && resource.document.active();
        effect.deactivates = link.kind == Kind::User && was_active && !document.active();
        effect.reactivates = link.kind == Kind::User && !was_active && document.active();
        if !changes.is_empty() {
            effect.updates = true;
            effect.replaces = replaced(&changes);
            writes.push(Write::Update {
                resource: resource.id,
                base_version: resource.document_version,
                document,
                changes,
            });
        }
        writes
    }

    /// Members: rows of this source that come and go. Returns the references that name
    /// nobody.
    async fn member_writes(
        &self,
        candidate: &Candidate,
        link: &Link,
        place: &Place,
        resolved: &HashMap<NameHash, Vec<Named>>,
        writes: &mut Vec<Write>,
        effect: &mut Effect,
    ) -> Result<Vec<Reference>, StoreError> {
        let members = Unit::from_canonical(MEMBERS);
        if !candidate.mapped.reference_units.contains(&members) {
            return Ok(Vec::new());
        }
        let mut wanted: BTreeSet<ResourceId> = BTreeSet::new();
        let mut unresolved = Vec::new();
        for (reference, hash) in candidate.references().filter(|(r, _)| r.unit == members) {
            match resolved.get(&hash).map(Vec::as_slice) {
                None | Some([]) => unresolved.push(reference.clone()),
                Some(named) => wanted.extend(named.iter().map(|n| n.resource)),
            }
        }
        wanted.remove(&link.resource);
        let current = match place {
            Place::New { .. } => HashSet::new(),
            _ => self.view.members(link.resource).await?,
        };
        let added: Vec<ResourceId> = wanted
            .iter()
            .filter(|m| !current.contains(m))
            .copied()
            .collect();
        let mut removed: Vec<ResourceId> = current
            .iter()
            .filter(|m| !wanted.contains(m))
            .copied()
            .collect();
        removed.sort_unstable();
        effect.members_added = added.len() as u64;
        effect.members_removed = removed.len() as u64;
        effect.members_before = current.len() as u64;
        if !added.is_empty() || !removed.is_empty() {
            writes.push(Write::Members {
                group: link.resource,
                source: self.setup.source.id,
                added,
                removed,
            });
        }
        Ok(unresolved)
    }
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) resources: HashMap<ResourceId, Resource>,
    pub(super) links_of: HashMap<ResourceId, Vec<Link>>,
    pub(super) pending: HashMap<LinkId, Vec<Reference>>,
}

/// All links of a resource, with a new state of one of them.
pub(super) fn voices_with<'l>(
    link: &'l Link,
    links_of: &'l HashMap<ResourceId, Vec<Link>>,
) -> Vec<&'l Link> {
    let all = links_of.get(&link.resource).into_iter().flatten();
    let others = all.filter(|other| other.id != link.id);
    others.chain([link]).collect()
}

/// Where members come or go, the journal keeps the link's old state too: an undo then
/// restores its fingerprint, so that the next run sees the group as changed.
fn remember_old_state(writes: &mut [Write]) {
    if !writes.iter().any(|w| matches!(w, Write::Members { .. })) {
        return;
    }
    for write in writes {
        if let Write::Relink { journal, .. } = write {
            *journal = true;
        }
    }
}

/// The attributes without which no resource can be.
pub(super) fn require(kind: Kind, document: &Document) -> Result<(), String> {
    let unit = kind.name_attribute();
    match document.text(unit) {
        Some(text) if !text.trim().is_empty() => Ok(()),
        _ => Err(format!(
            "no {unit}: neither this entry nor another source gives one; map an attribute that every entry has, or correct the entry"
        )),
    }
}

/// The units whose old value goes: what guards count, unlike values that only come.
pub(super) fn replaced(changes: &[Change]) -> Vec<Unit> {
    changes
        .iter()
        .filter(|change| loses_something(change.before.as_ref(), change.after.as_ref()))
        .map(|change| change.unit.clone())
        .collect()
}

/// A list that only grows loses nothing.
fn loses_something(before: Option<&Json>, after: Option<&Json>) -> bool {
    match (before, after) {
        (None, _) => false,
        (Some(Json::Array(before)), Some(Json::Array(after))) => {
            before.iter().any(|value| !after.contains(value))
        }
        (Some(_), _) => true,
    }
}

pub(super) fn document_of(step: &Step) -> Option<&Document> {
    document_in(&step.writes)
}

fn document_in(writes: &[Write]) -> Option<&Document> {
    writes.iter().find_map(|write| match write {
        Write::Create { document, .. } | Write::Update { document, .. } => Some(document),
        _ => None,
    })
}

/// Whom a step is about: the name that people know, and the entry's key.
pub(super) fn subject(writes: &[Write], resource: Option<&Resource>, link: &Link) -> String {
    let unit = link.kind.name_attribute();
    document_in(writes)
        .or(resource.map(|r| &r.document))
        .and_then(|document| document.text(unit))
        .map_or_else(
            || link.key.to_string(),
            |name| format!("{name} ({})", link.key),
        )
}
