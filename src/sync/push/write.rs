//! A change of a resource that is there: computed from what the client sees, written in one
//! commit, and computed again when others were faster.

use std::future::Future;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::diff::diff;
use rollcall_directory::document::Document;
use rollcall_directory::member::MemberChange;
use rollcall_directory::password::PasswordChange;
use rollcall_directory::refusal::Refusal;
use rollcall_directory::schema::{ResourceType, Unit};
use rollcall_directory::warning::Warning;
use rollcall_store::ids::{ResourceId, RunId};
use rollcall_store::records::{Actor, Link, Presence, Resource};
use rollcall_store::writes::{Step, Write};
use serde_json::Value as Json;
use time::OffsetDateTime;

use super::super::view::Named;
use super::draft::Known;
use super::error::Setback;
use super::members::Group;
use super::names::{external_id, names_of};
use super::{IfMatch, PushEffect, PushError, Pushed, Pusher};

/// How often a change is computed again when others keep being faster.
const ATTEMPTS_MAX: u32 = 16;

/// What a client wants a resource to be.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) document: Document,
    pub(super) members: Vec<MemberChange>,
    pub(super) password: PasswordChange,
    pub(super) warnings: Vec<Warning>,
}

/// Makes a wish of the document that the client sees.
pub(super) type Wisher<'a> = dyn Fn(&Document) -> Result<Wish, Refusal> + Send + Sync + 'a;

/// When a request is served, and in which run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: OffsetDateTime,
    pub(super) run: RunId,
}

impl Pusher {
    /// Whether the connection may write, when, and in which run.
    pub(super) async fn moment(&self) -> Result<Moment, PushError> {
        let now = self.engine.now();
        let run = self.engine.admit(&self.connection, now).await?;
        Ok(Moment { now, run })
    }

    /// Makes attempts until one is done.
    pub(super) async fn until_done<T, F: Future<Output = Result<T, Setback>> + Send>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, PushError> {
        let mut taken = None;
        for _ in 0..ATTEMPTS_MAX {
            match attempt().await {
                Ok(done) => return Ok(done),
                Err(Setback::Refused(error)) => return Err(error),
                Err(Setback::Again) => {}
                // Whoever has it may be somebody whom the next attempt finds; but the
                // name of somebody else stays taken.
                Err(Setback::NameTaken(name)) if taken.as_ref() == Some(&name) => {
                    return Err(name_taken(&name));
                }
                Err(Setback::NameTaken(name)) => taken = Some(name),
            }
            tokio::task::yield_now().await;
        }
        Err(PushError::Busy)
    }

    /// The resource with all that is said of it.
    pub(super) async fn known(&self, resource: Resource) -> Result<Known, PushError> {
        let links = self.engine.store.links_of(&[resource.id]).await?;
        Ok(Known { resource, links })
    }

    /// The resource that the client sees, with all that is said of it.
    pub(super) async fn seen(
        &self,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<Known, Setback> {
        let resource = self.read(resource_type, id).await?;
        let known = self.known(resource).await?;
        let withdrawn = |link: &Link| link.presence == Presence::Withdrawn;
        // It was deleted between the two reads.
        if known.own(self.source()).is_some_and(withdrawn) || known.links.iter().all(withdrawn) {
            return Err(Setback::Again);
        }
        Ok(known)
    }

    /// The connection's link to a resource, or a new one that says nothing yet.
    pub(super) async fn own_link(
        &self,
        known: &Known,
        resource_type: &ResourceType,
        moment: Moment,
    ) -> Result<Link, PushError> {
        if let Some(own) = known.own(self.source()) {
            return Ok(own.clone());
        }
        let place = (known.resource.id, known.resource.uuid);
        let number = self.engine.link_number().await?;
        self.new_link(number, resource_type, place, moment.run)
    }

    /// PUT and PATCH: what `wish` makes of the document.
    pub(super) async fn change(
        &self,
        resource_type: &ResourceType,
        id: &str,
        wish: &Wisher<'_>,
        if_match: Option<&IfMatch>,
    ) -> Result<Pushed, PushError> {
        let moment = self.moment().await?;
        self.until_done(|| self.try_change(resource_type, id, wish, if_match, moment))
            .await
    }

    async fn try_change(
        &self,
        resource_type: &ResourceType,
        id: &str,
        wish: &Wisher<'_>,
        if_match: Option<&IfMatch>,
        moment: Moment,
    ) -> Result<Pushed, Setback> {
        let known = self.seen(resource_type, id).await?;
        refuse_other_version(&known.resource, if_match)?;
        let wished = wish(&known.resource.document)?;
        let is_new = known.own(self.source()).is_none();
        let mut link = self.own_link(&known, resource_type, moment).await?;
        let before = link.clone();
        let units = says(&known.resource.document, &wished.document, &before, wish);
        for (unit, value) in &units {
            link.contribution.say(unit.clone(), value.clone());
        }
        let units: Vec<Unit> = units.into_iter().map(|(unit, _)| unit).collect();
        let unknown = self
            .say_ids(resource_type, &units, &mut link.contribution)
            .await?;
        let says_more = link.contribution != before.contribution;

        let group = Group {
            id: known.resource.id,
            link: link.id,
            is_there: true,
            link_is_there: !is_new,
        };
        let members = self.member_writes(group, &wished.members).await?;
        let managers = if is_new {
            let added = unknown;
            (!added.is_empty()).then(|| Write::Pending {
                link: link.id,
                added,
                removed: Vec::new(),
            })
        } else {
            self.await_managers(link.id, resource_type, &units, unknown)
                .await?
        };
        let rows: Vec<Write> = [members.members, members.pending, managers]
            .into_iter()
            .flatten()
            .collect();

        if says_more {
            link.run = moment.run;
        }
        let mut overruled = members.overruled;
        let links = known.with(&link);
        let mut writes = Vec::new();
        let mut steps = Vec::new();
        let mut document = None;
        if says_more || (is_new && !rows.is_empty()) {
            let draft = self.connection.draft(&known, &link)?;
            if draft.deactivates {
                self.ask_guard(known.resource.id, PushEffect::Deactivates)
                    .await?;
            }
            writes.extend(draft.writes);
            if is_new || external_id(&link.contribution) != external_id(&before.contribution) {
                let names = names_of(known.resource.uuid, &link.contribution);
                steps = self.settled(&names, named(&known), moment.run).await?;
                let link = link.id;
                writes.push(Write::Names { link, names });
            }
            document = Some(draft.document);
        }
        writes.extend(rows);
        let document = document.as_ref().unwrap_or(&known.resource.document);
        overruled.extend(self.connection.overruled(&units, &links, document));
        let pushed = |resource, changed| Pushed {
            resource,
            changed,
            created: false,
            overruled,
            warnings: wished.warnings,
            password: wished.password,
        };
        if writes.is_empty() {
            return Ok(pushed(known.resource, false));
        }
        let exactly = matches!(if_match, Some(IfMatch::Versions(_)));
        let mut all: Vec<Write> = known
            .expected(exactly, says_more || is_new)
            .into_iter()
            .collect();
        all.extend(writes);
        steps.insert(0, step(&known.resource, all));
        self.commit(&steps, moment).await?;
        self.look_again(&steps).await;
        let resource = self.again(known.resource).await?;
        Ok(pushed(resource, true))
    }

    /// Writes all steps, or none.
    pub(super) async fn commit(&self, steps: &[Step], moment: Moment) -> Result<(), Setback> {
        self.engine
            .store
            .commit(
                steps,
                &Actor::Connection(moment.run),
                Some(self.source()),
                self.connection.source.tenant,
                None,
                moment.now,
            )
            .await
            .map_err(Setback::of)
    }

    /// Whom a step waits for may have come at the same moment.
    pub(super) async fn look_again(&self, steps: &[Step]) {
        for write in steps.iter().flat_map(|step| &step.writes) {
            if let Write::Pending { link, added, .. } = write
                && !added.is_empty()
                && let Err(error) = self.settle_waiting(Some(*link)).await
            {
                // The request itself is done; it is looked again later.
                tracing::warn!(%error, "members who were waited for could not be looked for");
            }
        }
    }

    /// The resource as it is after a commit.
    pub(super) async fn again(&self, before: Resource) -> Result<Resource, PushError> {
        let found = self.engine.store.resources(&[before.id]).await?;
        // Whoever deletes it at this moment does so after our write.
        Ok(found.into_iter().next().unwrap_or(before))
    }

    pub(super) async fn ask_guard(
        &self,
        whom: ResourceId,
        effect: PushEffect,
    ) -> Result<(), PushError> {
        match &self.connection.guard {
            Some(guard) => guard.admit(whom, effect).await.map_err(PushError::Guarded),
            None => Ok(()),
        }
    }
}

/// A step about a resource.
pub(super) fn step(resource: &Resource, writes: Vec<Write>) -> Step {
    Step {
        subject: super::super::name_of(resource),
        writes,
    }
}

pub(super) fn named(known: &Known) -> Named {
    Named {
        resource: known.resource.id,
        uuid: known.resource.uuid,
    }
}

pub(super) fn name_taken(name: &str) -> PushError {
    PushError::Uniqueness {
        detail: format!("the userName `{name}` belongs to another user"),
    }
}

pub(super) fn refuse_other_version(
    resource: &Resource,
    if_match: Option<&IfMatch>,
) -> Result<(), PushError> {
    match if_match {
        Some(wanted) if !wanted.holds(resource.version) => Err(PushError::Precondition {
            found: resource.version,
        }),
        _ => Ok(()),
    }
}

/// What the connection says from now on: each attribute that the wish changes, and those
/// that it sets to the value that they have anyway while the connection itself has said
/// something else, or nothing of `active`: "not active" must be on record, whoever else
/// says it.
fn says(current: &Document, wished: &Document, own: &Link, wish: &Wisher<'_>) -> Vec<(Unit, Json)> {
    let mut said: Vec<(Unit, Json)> = diff(current, wished)
        .into_iter()
        .map(|change| (change.unit, change.after.unwrap_or(Json::Null)))
        .collect();
    // A document that differs there: what the wish sets is the same in both afterwards.
    let other = own_first(current, own);
    let differing = diff(current, &other);
    if differing.is_empty() {
        return said;
    }
    if let Ok(probe) = wish(&other) {
        for change in differing {
            let (value, probed) = (wished.get(&change.unit), probe.document.get(&change.unit));
            let is_said = said.iter().any(|(unit, _)| *unit == change.unit);
            if value == probed && probed != change.after.as_ref() && !is_said {
                said.push((change.unit, value.cloned().unwrap_or(Json::Null)));
            }
        }
    }
    said
}

/// The document as it would be if the connection had its way, and `active` turned round
/// where it says nothing of it.
fn own_first(current: &Document, own: &Link) -> Document {
    let contribution: &Contribution = &own.contribution;
    let mut document = current.clone();
    for (unit, value) in contribution.iter() {
        document.set(unit, Some(value.clone()).filter(|value| !value.is_null()));
    }
    let active = Unit::from_canonical("active");
    if own.kind == rollcall_directory::entry::Kind::User && contribution.says(&active).is_none() {
        document.set(&active, Some(Json::from(!current.active())));
    }
    document
}
