//! A userName belongs to one person of a tenant at a time.

use std::collections::{BTreeMap, HashMap};

use rollcall_directory::entry::Kind;
use rollcall_store::ids::ResourceId;
use rollcall_store::{By, StoreError};

use super::candidate::Candidate;
use super::reconcile::{Attempt, Known, Place, Reconciler, Rejection, document_of};

impl Reconciler<'_> {
    /// A userName may be taken only if its holder gives it up in the same batch.
    pub(super) async fn refuse_taken_names(
        &self,
        attempt: &mut Attempt,
        places: &[Option<Place>],
        candidates: &[Candidate],
        known: &Known,
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
            let occupied = holders
                .get(name)
                .into_iter()
                .flatten()
                .any(|holder| holder != id && frees.get(holder) != Some(name));
            let twice = *promised.entry(name.as_str()).or_insert(*id) != *id;
            if occupied || twice {
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
}
