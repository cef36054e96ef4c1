//! By which names resources are meant in pushes: by their id, or by the externalId that the
//! connection gave them. Both are looked for in one space, so that whoever waits for a name
//! need not know which of the two it is.

use std::collections::{HashMap, HashSet};

use rollcall_directory::contribution::Contribution;
use rollcall_directory::entry::{EntryKey, Locator};
use rollcall_directory::name::{Name, NameHash, Reference, Space};
use rollcall_directory::schema::{ResourceType, Unit};
use rollcall_store::ids::{LinkId, ResourceId, RunId};
use rollcall_store::records::{Link, Presence};
use uuid::Uuid;

use super::super::view::Named;
use super::{PushError, Pusher};

/// The space of the names: that of the attribute which one of them is.
const SPACE: &str = "externalid";

/// What somebody is called in a request.
pub(super) fn name(text: &str) -> Name {
    Name {
        space: Space::Attribute(SPACE.to_owned()),
        text: text.to_owned(),
    }
}

/// A mention of somebody.
pub(super) fn reference(unit: &Unit, text: &str) -> Reference {
    Reference {
        unit: unit.clone(),
        name: name(text),
    }
}

/// The names of a resource of this id and contribution.
pub(super) fn names_of(uuid: Uuid, contribution: &Contribution) -> Vec<NameHash> {
    let mut names = vec![name(&uuid.to_string()).hash()];
    if let Some(external_id) = external_id(contribution) {
        names.push(name(external_id).hash());
    }
    names
}

/// The externalId that the connection gives.
pub(super) fn external_id(contribution: &Contribution) -> Option<&str> {
    contribution
        .says(&Unit::from_canonical("externalId"))?
        .as_str()
}

impl Pusher {
    /// A new link of the connection, which says nothing yet.
    pub(super) fn new_link(
        &self,
        id: LinkId,
        resource_type: &ResourceType,
        (resource, uuid): (ResourceId, Uuid),
        run: RunId,
    ) -> Result<Link, PushError> {
        let key = EntryKey::new(&uuid.to_string())
            .map_err(|error| PushError::value(error.to_string()))?;
        Ok(Link {
            id,
            source: self.source(),
            kind: resource_type.kind(),
            key,
            locator: Locator::Item(format!("{}/{uuid}", resource_type.endpoint)),
            resource,
            fingerprint: super::gate::mark(),
            mapping: super::gate::mark(),
            contribution: Contribution::default(),
            presence: Presence::Present,
            gone_since: None,
            missed_reads: 0,
            run,
        })
    }

    /// Whom each of `texts` means, as far as the connection sees somebody. An id is looked
    /// for first; an externalId that several have means nobody.
    pub(super) async fn meant(
        &self,
        texts: &HashSet<&str>,
    ) -> Result<HashMap<String, Named>, PushError> {
        let mut meant: HashMap<String, Named> = HashMap::new();
        let ids: Vec<(&str, Uuid)> = texts
            .iter()
            .filter_map(|text| Some((*text, Uuid::try_parse(text).ok()?)))
            .collect();
        let uuids: Vec<Uuid> = ids.iter().map(|(_, uuid)| *uuid).collect();
        let found: HashMap<Uuid, ResourceId> = self.visible(&uuids).await?.into_iter().collect();
        for (text, uuid) in ids {
            if let Some(resource) = found.get(&uuid) {
                let resource = *resource;
                meant.insert(text.to_owned(), Named { resource, uuid });
            }
        }
        let others: Vec<&str> = texts
            .iter()
            .copied()
            .filter(|text| !meant.contains_key(*text))
            .collect();
        meant.extend(self.called(&others).await?);
        Ok(meant)
    }

    /// Whom each of `texts` means as an externalId.
    async fn called(&self, texts: &[&str]) -> Result<HashMap<String, Named>, PushError> {
        let hashes: Vec<NameHash> = texts.iter().map(|text| name(text).hash()).collect();
        let store = &self.engine.store;
        let named = store.links_named(self.source(), &hashes).await?;
        let ids: Vec<ResourceId> = named.iter().map(|(_, _, resource, _)| *resource).collect();
        let visible = self.visible_among(&ids).await?;
        let mut by_name: HashMap<NameHash, Vec<Named>> = HashMap::new();
        for (hash, _, resource, uuid) in named {
            if visible.contains(&resource) {
                let all = by_name.entry(hash).or_default();
                all.push(Named { resource, uuid });
                all.dedup();
            }
        }
        Ok(texts
            .iter()
            .zip(hashes)
            .filter_map(|(text, hash)| match by_name.get(&hash)?.as_slice() {
                [one] => Some(((*text).to_owned(), *one)),
                _ => None,
            })
            .collect())
    }
}
