//! DELETE: the connection says nothing of somebody any more, and does not see them any
//! more. Whom no other source holds is nobody's from then on: inactive, the userName free,
//! and gone for good after the grace period.

use rollcall_directory::diff::diff;
use rollcall_directory::entry::Kind;
use rollcall_directory::name::Reference;
use rollcall_directory::schema::ResourceType;
use rollcall_store::records::{Link, Presence, Resource};
use rollcall_store::writes::{Step, Write};

use super::super::absence::last_state;
use super::draft::Known;
use super::error::Setback;
use super::write::{Moment, refuse_other_version, step};
use super::{IfMatch, PushEffect, PushError, Pusher};

impl Pusher {
    pub(super) async fn try_delete(
        &self,
        resource_type: &ResourceType,
        id: &str,
        if_match: Option<&IfMatch>,
        moment: Moment,
    ) -> Result<(), Setback> {
        let known = self.seen(resource_type, id).await?;
        refuse_other_version(&known.resource, if_match)?;
        let is_new = known.own(self.source()).is_none();
        let link = self.own_link(&known, resource_type, moment).await?;
        let link = Link {
            presence: Presence::Withdrawn,
            gone_since: Some(moment.now),
            run: moment.run,
            ..link
        };
        let effect = PushEffect::Deletes {
            active: known.resource.kind == Kind::User && known.resource.document.active(),
        };
        self.ask_guard(known.resource.id, effect).await?;
        let exactly = matches!(if_match, Some(IfMatch::Versions(_)));
        let mut writes: Vec<Write> = known.expected(exactly, true).into_iter().collect();
        writes.push(if is_new {
            Write::Link {
                link: Box::new(link.clone()),
            }
        } else {
            Write::Relink {
                link: Box::new(link.clone()),
                journal: true,
            }
        });
        if !is_new {
            writes.extend(self.end_members(&known.resource).await?);
            writes.extend(self.end_waiting(&link).await?);
        }
        writes.extend(self.others_decide(&known, &link, moment));
        let mut steps = vec![step(&known.resource, writes)];
        steps.extend(self.end_memberships(&known.resource).await?);
        self.commit(&steps, moment).await
    }

    /// What the other sources make of the resource.
    fn others_decide(&self, known: &Known, link: &Link, moment: Moment) -> Vec<Write> {
        let resource = &known.resource;
        let links = known.with(link);
        let held = links.iter().any(|l| l.presence != Presence::Withdrawn);
        let document = if held {
            let connection = &self.connection;
            connection
                .voices
                .merge(link.kind, &links, &connection.schemas)
        } else {
            last_state(resource)
        };
        let changes = diff(&resource.document, &document);
        let mut writes = Vec::new();
        if !changes.is_empty() {
            writes.push(Write::Update {
                resource: resource.id,
                base_version: resource.document_version,
                document,
                changes,
            });
        }
        if !held {
            writes.push(Write::Orphan {
                resource: resource.id,
                since: Some(moment.now),
            });
        }
        writes
    }

    /// A group loses the members that the connection gave it.
    async fn end_members(&self, resource: &Resource) -> Result<Option<Write>, PushError> {
        if resource.kind != Kind::Group {
            return Ok(None);
        }
        let source = self.source();
        let removed = self.engine.store.members(resource.id, source).await?;
        Ok((!removed.is_empty()).then_some(Write::Members {
            group: resource.id,
            source,
            added: Vec::new(),
            removed,
        }))
    }

    async fn end_waiting(&self, link: &Link) -> Result<Option<Write>, PushError> {
        let pending = self.engine.store.pending_of(&[link.id]).await?;
        let removed: Vec<Reference> = pending.into_iter().map(|p| p.reference).collect();
        Ok((!removed.is_empty()).then_some(Write::Pending {
            link: link.id,
            added: Vec::new(),
            removed,
        }))
    }

    /// It leaves the groups that the connection put it into.
    async fn end_memberships(&self, resource: &Resource) -> Result<Vec<Step>, PushError> {
        let groups = self.engine.store.groups_of(resource.id).await?;
        let own = groups.into_iter().filter(|(_, by)| *by == self.source());
        let ids: Vec<_> = own.map(|(group, _)| group).collect();
        let groups = self.engine.store.resources(&ids).await?;
        Ok(groups
            .iter()
            .map(|group| {
                let left = Write::Members {
                    group: group.id,
                    source: self.source(),
                    added: Vec::new(),
                    removed: vec![resource.id],
                };
                step(group, vec![left])
            })
            .collect())
    }
}
