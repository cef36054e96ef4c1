//! A userName belongs to one person of a tenant at a time.
//!
//! Who has left gives theirs up when somebody new wants it: they stay another person, with
//! another id, and whoever comes back later must take another name, or wait.

use std::collections::{BTreeMap, HashMap};

use rollcall_directory::entry::Kind;
use rollcall_store::ids::ResourceId;
use rollcall_store::writes::Write;
use rollcall_store::{By, StoreError};

use super::attempt::{Attempt, Rejection};
use super::candidate::Candidate;
use super::place::Place;
use super::reconcile::{Known, Reconciler, document_of};
use crate::config::policy::LeaverAction;

impl Reconciler<'_> {
    /// A userName may be taken only if its holder gives it up in the same batch.
    pub(super) async fn refuse_taken_names(
        &self,
        attempt: &mut Attempt,
        places: &[Option<Place>],
        candidates: &[Candidate],
        known: &Known,
        last_chance: bool,
    ) -> Result<(), StoreError> {
        let mut takes: BTreeMap<usize, (ResourceId, String)> = BTreeMap::new();
        let mut frees: HashMap<ResourceId, String> = HashMap::new();
        for (index, change) in attempt.indices.iter().zip(&attempt.changes) {
            let Some(place) = places.get(*index).and_then(Option::as_ref) else {
                continue;
            };
            if candidates.get(*index).is_none_or(|c| c.kind != Kind::User) {
                continue;
            }
            let Some(document) = document_of(&change.step) else {
                continue;
            };
            let id = place.resource();
            let new = document.text("userName").map(|n| By::UserName.fold(n));
            let old = known
                .resources
                .get(&id)
                // Whom no source held had given it up.
                .filter(|r| r.orphaned.is_none())
                .and_then(|r| r.document.text("userName"))
                .map(|n| By::UserName.fold(n));
            if new == old {
                continue;
            }
            if let Some(old) = old {
                frees.insert(id, old);
            }
            if let Some(new) = new {
                takes.insert(*index, (id, new));
            }
        }
        if takes.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = takes.values().map(|(_, name)| name.clone()).collect();
        let mut holders: HashMap<String, Vec<ResourceId>> = HashMap::new();
        for (name, id) in self
            .view
            .resources_by(Kind::User, By::UserName, &names)
            .await?
        {
            holders
                .entry(By::UserName.fold(&name))
                .or_default()
                .push(id);
        }
        let mut promised: HashMap<&str, ResourceId> = HashMap::new();
        for (index, (id, name)) in &takes {
            let in_the_way: Vec<ResourceId> = holders
                .get(name)
                .into_iter()
                .flatten()
                .filter(|holder| *holder != id && frees.get(holder) != Some(name))
                .copied()
                .collect();
            let twice = *promised.entry(name.as_str()).or_insert(*id) != *id;
            let given_up = last_chance && !twice && self.all_have_left(&in_the_way).await?;
            if given_up {
                self.give_up_names(attempt, *index, &in_the_way);
            } else if twice || !in_the_way.is_empty() {
                attempt.rejected.insert(
                    *index,
                    Rejection::NameTaken(format!(
                        "its userName {name} belongs to another person; give one of them another userName, or correlate by an attribute that both entries share"
                    )),
                );
            }
        }
        Ok(())
    }

    /// Whether nobody lists these people any more, and whoever left is ended by that.
    async fn all_have_left(&self, people: &[ResourceId]) -> Result<bool, StoreError> {
        if people.is_empty() || self.setup.leavers.action == LeaverAction::Keep {
            return Ok(false);
        }
        let links = self.view.links_of(people).await?;
        Ok(people.iter().all(|person| {
            let links = links.get(person).map_or(&[][..], Vec::as_slice);
            !links.is_empty() && links.iter().all(|link| self.view.has_left(link))
        }))
    }

    /// The step that takes the name takes it from them first.
    fn give_up_names(&self, attempt: &mut Attempt, index: usize, people: &[ResourceId]) {
        let place = attempt.indices.iter().position(|i| *i == index);
        let Some(change) = place.and_then(|place| attempt.changes.get_mut(place)) else {
            return;
        };
        let freed = people.iter().map(|person| Write::Orphan {
            resource: *person,
            since: Some(self.now),
        });
        change.step.writes.splice(0..0, freed);
    }
}
