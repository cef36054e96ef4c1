//! Somebody has come by a name that others waited for: members become real, managers are
//! said by their id.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rollcall_directory::name::{NameHash, Reference};
use rollcall_store::ids::{LinkId, ResourceId, RunId};
use rollcall_store::records::{Link, Presence};
use rollcall_store::writes::{Step, Write};
use serde_json::Value as Json;

use super::super::reconcile::MEMBERS;
use super::super::view::Named;
use super::draft::Known;
use super::error::Setback;
use super::{PushError, Pusher};

/// Of links: whom they wait for, and who that is.
type Found = BTreeMap<LinkId, Vec<(Reference, Named)>>;

impl Pusher {
    /// The steps for all who wait for one of these names, which are `whom`'s.
    pub(super) async fn settled(
        &self,
        names: &[NameHash],
        whom: Named,
        run: RunId,
    ) -> Result<Vec<Step>, PushError> {
        let store = &self.engine.store;
        let mut waiting: BTreeMap<LinkId, Vec<Reference>> = BTreeMap::new();
        for pending in store.pending_named(self.source(), names).await? {
            waiting
                .entry(pending.link)
                .or_default()
                .push(pending.reference);
        }
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let found = waiting
            .into_iter()
            .map(|(link, references)| (link, references.into_iter().map(|r| (r, whom)).collect()))
            .collect();
        // Who comes may have waited for itself: its own request takes care of that.
        self.settle(found, Some(whom.resource), run).await
    }

    /// Looks again whether those are here by now for whom somebody waits: all whom links of
    /// this connection wait for, or one link. Returns how many links wait for less. What two
    /// requests at the same moment could not know of each other is found here.
    pub(crate) async fn settle_waiting(&self, only: Option<LinkId>) -> Result<u64, PushError> {
        let store = &self.engine.store;
        let pending = match only {
            Some(link) => store.pending_of(&[link]).await?,
            None => store.pending(self.source()).await?,
        };
        let texts: HashSet<&str> = pending
            .iter()
            .map(|pending| pending.reference.name.text.as_str())
            .collect();
        let meant = self.meant(&texts).await?;
        let mut found: Found = BTreeMap::new();
        for pending in &pending {
            if let Some(named) = meant.get(&pending.reference.name.text) {
                let of_link = found.entry(pending.link).or_default();
                of_link.push((pending.reference.clone(), *named));
            }
        }
        if found.is_empty() {
            return Ok(0);
        }
        let moment = self.moment().await?;
        let mut settled = 0;
        for step in self.settle(found, None, moment.run).await? {
            match self.commit(std::slice::from_ref(&step), moment).await {
                Ok(()) => settled += 1,
                Err(Setback::Refused(error)) => return Err(error),
                // It is looked again later.
                Err(Setback::Again | Setback::NameTaken(_)) => {}
            }
        }
        Ok(settled)
    }

    async fn settle(
        &self,
        mut found: Found,
        but: Option<ResourceId>,
        run: RunId,
    ) -> Result<Vec<Step>, PushError> {
        let ids: Vec<LinkId> = found.keys().copied().collect();
        let mut steps = Vec::new();
        for link in self.engine.store.links(&ids).await? {
            if link.presence == Presence::Withdrawn || Some(link.resource) == but {
                continue;
            }
            let references = found.remove(&link.id).unwrap_or_default();
            steps.extend(self.settle_link(link, references, run).await?);
        }
        Ok(steps)
    }

    /// The step for one who waited.
    async fn settle_link(
        &self,
        mut link: Link,
        references: Vec<(Reference, Named)>,
        run: RunId,
    ) -> Result<Option<Step>, PushError> {
        let store = &self.engine.store;
        let Some(resource) = store.resources(&[link.resource]).await?.pop() else {
            return Ok(None);
        };
        let mut writes = vec![Write::Pending {
            link: link.id,
            added: Vec::new(),
            removed: references.iter().map(|(r, _)| r.clone()).collect(),
        }];
        let mut members: BTreeSet<ResourceId> = BTreeSet::new();
        let mut says_more = false;
        for (reference, named) in references {
            if reference.unit.as_str() == MEMBERS {
                members.insert(named.resource);
            } else if link
                .contribution
                .says(&reference.unit)
                .and_then(Json::as_str)
                == Some(reference.name.text.as_str())
            {
                let id = Json::from(named.uuid.to_string());
                link.contribution.say(reference.unit, id);
                says_more = true;
            }
        }
        members.remove(&link.resource);
        if !members.is_empty() {
            writes.push(Write::Members {
                group: link.resource,
                source: self.source(),
                added: members.into_iter().collect(),
                removed: Vec::new(),
            });
        }
        let subject = super::super::name_of(&resource);
        if says_more {
            link.run = run;
            let links = store.links_of(&[link.resource]).await?;
            let known = Known { resource, links };
            writes.extend(known.expected(false, true));
            writes.extend(self.connection.draft(&known, &link)?.writes);
        }
        Ok(Some(Step { subject, writes }))
    }
}
