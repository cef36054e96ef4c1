//! The end of an undo for one resource: what all sources say together, now that one of them
//! says again what it said before.

use rollcall_directory::diff::diff;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_store::ids::ResourceId;
use rollcall_store::records::{Link, Presence, Resource};
use rollcall_store::writes::{Step, Write};

use super::backwards::{Backwards, GoingBack};
use crate::sync::SyncError;
use crate::sync::absence::last_state;
use crate::sync::reconcile::require;

impl Backwards<'_> {
    /// The step that puts one resource back; none if all of it stays.
    pub(super) async fn settle(&mut self, id: ResourceId) -> Result<Option<Step>, SyncError> {
        let Some(resource) = self.resource(id).await? else {
            return Ok(self.going_back.remove(&id).and_then(deletion));
        };
        let links = self.view.links_of(&[id]).await?;
        let links: Vec<&Link> = links.get(&id).into_iter().flatten().collect();
        let held = links.iter().any(|l| l.presence != Presence::Withdrawn);
        let document = if held {
            let footing = self.footing;
            footing
                .voices
                .merge(resource.kind, &links, &footing.schemas)
        } else {
            last_state(&resource)
        };
        if let Err(why) = require(resource.kind, &document) {
            self.leave(id, why);
            return Ok(None);
        }
        self.tell_what_stays(id, &document);
        let going_back = self.going_back.remove(&id).unwrap_or_default();
        let orphan = self.hold(&going_back, &resource, held);
        let mut writes = going_back.writes;
        writes.extend(orphan);
        self.put(&resource, document, &mut writes);
        Ok((!writes.is_empty()).then_some(Step {
            subject: going_back.subject,
            writes,
        }))
    }

    /// Whether a source holds it, as far as that is not what it was.
    fn hold(&self, going_back: &GoingBack, resource: &Resource, held: bool) -> Option<Write> {
        let since = if held {
            None
        } else {
            let before = going_back.orphaned_before;
            before.or(resource.orphaned).or(Some(self.now))
        };
        (since != resource.orphaned).then_some(Write::Orphan {
            resource: resource.id,
            since,
        })
    }

    /// The write of the new document, if it is new; where the resource itself comes back, it
    /// comes back with it.
    fn put(&mut self, resource: &Resource, document: Document, writes: &mut Vec<Write>) {
        let changes = diff(&resource.document, &document);
        if changes.is_empty() {
            return;
        }
        let is_user = resource.kind == Kind::User;
        let (was, is) = (resource.document.active(), document.active());
        self.tally.deactivated += u64::from(is_user && was && !is);
        self.tally.reactivated += u64::from(is_user && !was && is);
        let restored = writes.iter_mut().find_map(|write| match write {
            Write::Restore { document, .. } => Some(document),
            _ => None,
        });
        if let Some(restored) = restored {
            *restored = document;
            return;
        }
        self.tally.updated += 1;
        writes.push(Write::Update {
            resource: resource.id,
            base_version: resource.document_version,
            document,
            changes,
        });
    }

    /// Values that the run changed and that do not go back: another source gives them by
    /// now, or wins by now.
    fn tell_what_stays(&mut self, id: ResourceId, document: &Document) {
        let Some(going_back) = self.going_back.get(&id) else {
            return;
        };
        let mut stay: Vec<_> = going_back
            .before
            .iter()
            .filter(|(unit, before)| {
                !going_back.told.contains(*unit) && document.get(unit) != before.as_ref()
            })
            .map(|(unit, _)| unit.clone())
            .collect();
        stay.sort();
        for unit in stay {
            self.leave_value(id, &unit, "is what its sources together say today");
        }
    }
}

/// Of somebody who is deleted nothing else is written.
fn deletion(going_back: GoingBack) -> Option<Step> {
    let delete = going_back
        .writes
        .into_iter()
        .find(|write| matches!(write, Write::Delete { .. }))?;
    Some(Step {
        subject: going_back.subject,
        writes: vec![delete],
    })
}
