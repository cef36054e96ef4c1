//! Names that pass from one entry to another: a DN or a login that somebody new bears by now.
//!
//! An entry that mentions such a name may be as it was, and so is not looked at; yet it means
//! somebody else from now on. So this run forgets that it knows these entries: the next one
//! takes them for changed, and asks anew whom they mean.

use std::collections::{BTreeSet, HashSet};

use rollcall_connectors::Batch;
use rollcall_directory::entry::Kind;
use rollcall_directory::name::NameHash;
use rollcall_store::StoreError;
use rollcall_store::ids::{LinkId, ResourceId, SourceId};
use rollcall_store::records::{Link, Presence};
use rollcall_store::writes::{Step, Write};

use super::candidate::{Candidate, OF_NO_ENTRY};
use super::effect::Proposal;
use super::place::Place;
use super::reader::LinkIndex;
use super::reconcile::Reconciler;

/// What a run has found out about names that pass on.
#[derive(Debug, Default)]
pub(super) struct PassedNames {
    /// Who had a name that somebody else bears now.
    former: BTreeSet<ResourceId>,
    /// Links whose entries this run has looked at anyway.
    looked_at: HashSet<LinkId>,
}

impl PassedNames {
    /// Nobody has the names of this one any more.
    pub(super) fn forget(&mut self, resource: ResourceId) {
        self.former.insert(resource);
    }

    /// Whether some name has passed on.
    pub(super) fn are_there(&self) -> bool {
        !self.former.is_empty()
    }
}

impl Reconciler<'_> {
    /// Notes which names of a batch somebody else had when the run began.
    pub(super) async fn note_passed_names(
        &mut self,
        candidates: &[Candidate],
        places: &[Option<Place>],
    ) -> Result<(), StoreError> {
        if self.view.is_importing() {
            return Ok(());
        }
        let mut bearers: Vec<(NameHash, ResourceId)> = Vec::new();
        for (candidate, place) in candidates.iter().zip(places) {
            let Some(place) = place else { continue };
            self.passed_names.looked_at.insert(place.link_id());
            let renamed = place
                .link()
                .is_none_or(|old| old.locator != candidate.locator);
            if renamed || !self.setup.mapping.references().attributes.is_empty() {
                let names = candidate.names.iter();
                bearers.extend(names.map(|name| (*name, place.resource())));
            }
        }
        let names: Vec<NameHash> = bearers.iter().map(|(name, _)| *name).collect();
        let source = self.setup.source.id;
        for (name, _, former, _) in self.store.links_named(source, &names).await? {
            let mut now = bearers.iter().filter(|(borne, _)| *borne == name);
            if now.any(|(_, bearer)| *bearer != former) {
                self.passed_names.former.insert(former);
            }
        }
        Ok(())
    }

    /// The writes that make the next run look again at the entries of this source that mean
    /// somebody by a name that has passed on.
    pub(super) async fn look_again(&self, index: &LinkIndex) -> Result<Vec<Proposal>, StoreError> {
        let former: Vec<ResourceId> = self.passed_names.former.iter().copied().collect();
        let mut again = self.who_mention(&former, index).await?;
        again.retain(|link| !self.passed_names.looked_at.contains(&link.id));
        Ok(again.into_iter().map(forget_fingerprint).collect())
    }

    /// The same for whoever mentions those who are deleted now: they wait for the name again.
    pub(super) async fn look_again_without(
        &mut self,
        deleted: &[ResourceId],
        index: &LinkIndex,
    ) -> Result<Vec<Proposal>, StoreError> {
        self.passed_names.former.extend(deleted);
        let again = self.who_mention(deleted, index).await?;
        Ok(again.into_iter().map(forget_fingerprint).collect())
    }

    /// The links whose entries mention one of `former`: groups of every source, and people of
    /// this one.
    async fn who_mention(
        &self,
        former: &[ResourceId],
        index: &LinkIndex,
    ) -> Result<Vec<Link>, StoreError> {
        if former.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows: BTreeSet<(ResourceId, SourceId)> = BTreeSet::new();
        for member in former {
            rows.extend(self.store.groups_of(*member).await?);
        }
        let groups: BTreeSet<ResourceId> = rows.iter().map(|(group, _)| *group).collect();
        let groups: Vec<ResourceId> = groups.into_iter().collect();
        let mut links: Vec<Link> = Vec::new();
        for of_group in self.view.links_of(&groups).await?.into_values() {
            let says_so = |link: &Link| rows.contains(&(link.resource, link.source));
            links.extend(of_group.into_iter().filter(says_so));
        }
        let told: HashSet<String> = self
            .view
            .resources(former)
            .await?
            .into_values()
            .map(|resource| resource.uuid.to_string())
            .collect();
        for chunk in index.people().chunks(Batch::ENTRIES_MAX) {
            let of_people = self.view.links(chunk).await?.into_values();
            links.extend(of_people.filter(|link| mentions(link, &told)));
        }
        links.retain(|link| link.presence == Presence::Present);
        links.sort_by_key(|link| (link.kind == Kind::Group, link.id));
        Ok(links)
    }
}

/// Whether a link's entry says that one of these is its manager.
fn mentions(link: &Link, told: &HashSet<String>) -> bool {
    let texts = link
        .contribution
        .iter()
        .filter_map(|(_, value)| value.as_str());
    texts.into_iter().any(|text| told.contains(text))
}

fn forget_fingerprint(mut link: Link) -> Proposal {
    link.fingerprint = OF_NO_ENTRY;
    Proposal::of(Step {
        subject: link.key.to_string(),
        writes: vec![Write::Relink {
            link: Box::new(link),
            journal: false,
        }],
    })
}
