//! POST: somebody new; or somebody whom this connection has deleted before, and who comes
//! back.

use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::name::{NameHash, Reference};
use rollcall_directory::resource::Checked;
use rollcall_directory::schema::{ResourceType, Unit};
use rollcall_store::By;
use rollcall_store::ids::{LinkId, ResourceId};
use rollcall_store::records::{Link, Presence, Resource};
use rollcall_store::writes::Write;
use time::OffsetDateTime;

use super::super::view::Named;
use super::draft::{Known, require};
use super::error::Setback;
use super::members::Group;
use super::names::{name, names_of};
use super::write::{Moment, named, step};
use super::{Overruled, PushEffect, PushError, Pushed, Pusher};

/// Where what a client posts belongs.
enum Place {
    New,
    /// To somebody whom this connection has deleted: with its link.
    Back(Box<(Known, Link)>),
    /// That changes at this moment.
    Unclear,
}

impl Pusher {
    pub(super) async fn try_create(
        &self,
        resource_type: &ResourceType,
        checked: &Checked,
        moment: Moment,
    ) -> Result<Pushed, Setback> {
        let kind = resource_type.kind();
        match self.place(kind, &checked.document, moment.now).await? {
            Place::Unclear => Err(Setback::Again),
            Place::New => self.make(resource_type, checked, moment).await,
            Place::Back(back) => {
                let (known, link) = *back;
                self.bring_back(resource_type, checked, known, link, moment)
                    .await
            }
        }
    }

    async fn place(
        &self,
        kind: Kind,
        document: &Document,
        now: OffsetDateTime,
    ) -> Result<Place, PushError> {
        let store = &self.engine.store;
        if let (Kind::User, Some(user_name)) = (kind, document.text("userName")) {
            let tenant = self.connection.source.tenant;
            let texts = [user_name.to_owned()];
            let holders = store
                .resources_by(tenant, kind, By::UserName, &texts)
                .await?;
            if let Some((_, holder)) = holders.first() {
                if !self.visible_among(&[*holder]).await?.is_empty() {
                    return Err(PushError::Uniqueness {
                        detail: format!("a user with the userName `{user_name}` is there already"),
                    });
                }
                let back = self.deleted_here(&[*holder], kind).await?;
                return Ok(back.into_iter().next().map_or(Place::Unclear, Place::Back));
            }
        }
        let Some(external_id) = document.text("externalId") else {
            return Ok(Place::New);
        };
        let hash = name(external_id).hash();
        let called = store.links_named(self.source(), &[hash]).await?;
        let ids: Vec<_> = called.iter().map(|(_, _, id, _)| *id).collect();
        let mut back = self.deleted_here(&ids, kind).await?;
        back.retain(|back| {
            let (_, link) = &**back;
            self.is_in_grace(link, now)
                && super::names::external_id(&link.contribution) == Some(external_id)
        });
        back.sort_by_key(|back| back.1.gone_since);
        Ok(back.pop().map_or(Place::New, Place::Back))
    }

    /// Of these resources those that this connection has deleted.
    async fn deleted_here(
        &self,
        ids: &[ResourceId],
        kind: Kind,
    ) -> Result<Vec<Box<(Known, Link)>>, PushError> {
        let store = &self.engine.store;
        let mut deleted = Vec::new();
        for resource in store.resources(ids).await? {
            let known = self.known(resource).await?;
            let own = known.own(self.source()).cloned();
            if let Some(link) =
                own.filter(|link| link.presence == Presence::Withdrawn && link.kind == kind)
            {
                deleted.push(Box::new((known, link)));
            }
        }
        Ok(deleted)
    }

    fn is_in_grace(&self, link: &Link, now: OffsetDateTime) -> bool {
        match (self.connection.grace, link.gone_since) {
            (Some(grace), Some(gone)) => gone + grace > now,
            _ => true,
        }
    }

    async fn make(
        &self,
        resource_type: &ResourceType,
        checked: &Checked,
        moment: Moment,
    ) -> Result<Pushed, Setback> {
        let uuid = self.engine.uuid(moment.now);
        let id = self.engine.resource_number().await?;
        let number = self.engine.link_number().await?;
        let mut link = self.new_link(number, resource_type, (id, uuid), moment.run)?;
        let (contribution, unknown) = self.said(resource_type, &checked.document).await?;
        link.contribution = contribution;
        let document = self
            .connection
            .voices
            .merge(link.kind, &[&link], &self.connection.schemas);
        require(link.kind, &document)?;
        let group = Group {
            id,
            link: number,
            is_there: false,
            link_is_there: false,
        };
        let changes: Vec<_> = checked.members.iter().cloned().collect();
        let members = self.member_writes(group, &changes).await?;
        let resource = Resource {
            id,
            uuid,
            tenant: self.connection.source.tenant,
            kind: link.kind,
            document: document.clone(),
            created: moment.now,
            modified: moment.now,
            version: 1,
            document_version: 1,
            orphaned: None,
        };
        let names = names_of(uuid, &link.contribution);
        let mut writes = vec![
            Write::Create {
                resource: id,
                uuid,
                kind: link.kind,
                document,
                link: Box::new(link),
            },
            Write::Names {
                link: number,
                names: names.clone(),
            },
        ];
        writes.extend(members.members);
        writes.extend(members.pending);
        writes.extend(waits(number, unknown));
        let whom = Named { resource: id, uuid };
        self.write_arrival(&resource, writes, (&names, whom), moment)
            .await?;
        Ok(arrived(resource, checked, members.overruled))
    }

    /// The same person under the same id, with nothing but what the client says now.
    async fn bring_back(
        &self,
        resource_type: &ResourceType,
        checked: &Checked,
        known: Known,
        mut link: Link,
        moment: Moment,
    ) -> Result<Pushed, Setback> {
        let (contribution, unknown) = self.said(resource_type, &checked.document).await?;
        link.contribution = contribution;
        link.presence = Presence::Present;
        link.gone_since = None;
        link.run = moment.run;
        let draft = self.connection.draft(&known, &link)?;
        if draft.deactivates {
            self.ask_guard(known.resource.id, PushEffect::Deactivates)
                .await?;
        }
        let group = Group {
            id: known.resource.id,
            link: link.id,
            is_there: true,
            link_is_there: true,
        };
        let changes: Vec<_> = checked.members.iter().cloned().collect();
        let members = self.member_writes(group, &changes).await?;
        let names = names_of(known.resource.uuid, &link.contribution);
        let mut writes: Vec<Write> = known.expected(false, true).into_iter().collect();
        writes.extend(draft.writes);
        writes.push(Write::Names {
            link: link.id,
            names: names.clone(),
        });
        writes.extend(members.members);
        writes.extend(members.pending);
        writes.extend(waits(link.id, unknown));
        let units: Vec<Unit> = link.contribution.iter().map(|(u, _)| u.clone()).collect();
        let mut overruled = members.overruled;
        overruled.extend(
            self.connection
                .overruled(&units, &known.with(&link), &draft.document),
        );
        let whom = named(&known);
        self.write_arrival(&known.resource, writes, (&names, whom), moment)
            .await?;
        let resource = self.again(known.resource).await?;
        Ok(arrived(resource, checked, overruled))
    }

    /// What a whole document says, and whom it mentions that nobody here is.
    async fn said(
        &self,
        resource_type: &ResourceType,
        document: &Document,
    ) -> Result<(Contribution, Vec<Reference>), PushError> {
        let mut contribution = Contribution::default();
        for (unit, value) in document.units() {
            contribution.say(unit, value.clone());
        }
        let units: Vec<Unit> = contribution.iter().map(|(unit, _)| unit.clone()).collect();
        let unknown = self
            .say_ids(resource_type, &units, &mut contribution)
            .await?;
        Ok((contribution, unknown))
    }

    /// Writes who has come, and all that others waited for.
    async fn write_arrival(
        &self,
        resource: &Resource,
        writes: Vec<Write>,
        (names, whom): (&[NameHash], Named),
        moment: Moment,
    ) -> Result<(), Setback> {
        let mut steps = vec![step(resource, writes)];
        steps.extend(self.settled(names, whom, moment.run).await?);
        self.commit(&steps, moment).await?;
        self.look_again(&steps).await;
        Ok(())
    }
}

fn arrived(resource: Resource, checked: &Checked, overruled: Vec<Overruled>) -> Pushed {
    Pushed {
        resource,
        changed: true,
        created: true,
        overruled,
        warnings: checked.warnings.clone(),
        password: checked.password.clone(),
    }
}

/// The write that lets a new link wait for whom nobody here is.
fn waits(link: LinkId, added: Vec<Reference>) -> Option<Write> {
    (!added.is_empty()).then_some(Write::Pending {
        link,
        added,
        removed: Vec::new(),
    })
}
