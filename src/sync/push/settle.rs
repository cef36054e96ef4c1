//! Somebody has come by a name that others waited for: members become real, managers are
//! said by their id.

use std::collections::BTreeMap;

use rollcall_directory::name::{NameHash, Reference};
use rollcall_store::ids::{LinkId, RunId};
use rollcall_store::records::{Link, Presence};
use rollcall_store::writes::{Step, Write};
use serde_json::Value as Json;

use super::super::reconcile::MEMBERS;
use super::super::view::Named;
use super::draft::Known;
use super::{PushError, Pusher};

impl Pusher {
    /// The steps for all who wait for one of these names, which are `named`'s.
    pub(super) async fn settled(
        &self,
        names: &[NameHash],
        named: Named,
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
        let ids: Vec<LinkId> = waiting.keys().copied().collect();
        let mut steps = Vec::new();
        for link in store.links(&ids).await? {
            // Who comes may have waited for itself: its own request takes care of that.
            if link.presence == Presence::Withdrawn || link.resource == named.resource {
                continue;
            }
            let references = waiting.remove(&link.id).unwrap_or_default();
            steps.extend(self.settle(link, references, named, run).await?);
        }
        Ok(steps)
    }

    /// The step for one who waited.
    pub(in crate::sync) async fn settle(
        &self,
        mut link: Link,
        references: Vec<Reference>,
        named: Named,
        run: RunId,
    ) -> Result<Option<Step>, PushError> {
        let store = &self.engine.store;
        let Some(resource) = store.resources(&[link.resource]).await?.pop() else {
            return Ok(None);
        };
        let mut writes = vec![Write::Pending {
            link: link.id,
            added: Vec::new(),
            removed: references.clone(),
        }];
        let mut says_more = false;
        for reference in references {
            if reference.unit.as_str() == MEMBERS {
                writes.push(Write::Members {
                    group: link.resource,
                    source: self.source(),
                    added: vec![named.resource],
                    removed: Vec::new(),
                });
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
