//! Changes of a group's members: rows of this connection that come and go. The other
//! members are not looked at, but where the client gives the whole list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rollcall_directory::entry::Kind;
use rollcall_directory::filter::Condition;
use rollcall_directory::member::{Member, MemberChange};
use rollcall_directory::name::Reference;
use rollcall_directory::schema::Unit;
use rollcall_store::ids::{LinkId, ResourceId, SourceId};
use rollcall_store::records::Resource;
use rollcall_store::writes::Write;
use serde_json::json;

use super::super::reconcile::MEMBERS;
use super::super::references::pending_write;
use super::super::view::Named;
use super::names::reference;
use super::{Overruled, PushError, Pusher, UnknownMembers};

/// Members that are read at once to be compared with a condition.
const MEMBERS_A_PAGE: usize = 500;

/// A group whose members change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) id: ResourceId,
    /// The connection's link.
    pub(super) link: LinkId,
    /// Whether the group, and whether the link is there already.
    pub(super) is_there: bool,
    pub(super) link_is_there: bool,
}

/// What has to be written.
#[derive(Debug, Default)]
pub(super) struct MemberWrites {
    pub(super) members: Option<Write>,
    pub(super) pending: Option<Write>,
    pub(super) overruled: Vec<Overruled>,
}

/// What all changes of a request come to.
#[derive(Debug, Default)]
struct Sum {
    /// Whoever was a member before is none, unless it comes.
    cleared: bool,
    /// Who comes; whether each was named by itself, not as part of the whole list.
    come: BTreeMap<ResourceId, bool>,
    go: BTreeSet<ResourceId>,
    /// Names that nobody has, to be waited for or no longer.
    wait: BTreeSet<String>,
    forget: BTreeSet<String>,
}

impl Sum {
    fn add(&mut self, members: &[Member], meant: &HashMap<String, Named>, by_itself: bool) {
        for member in members {
            if let Some(named) = meant.get(&member.value) {
                self.go.remove(&named.resource);
                self.come.insert(named.resource, by_itself);
            } else {
                self.forget.remove(&member.value);
                self.wait.insert(member.value.clone());
            }
        }
    }

    fn remove(&mut self, ids: &[String], meant: &HashMap<String, Named>) {
        for id in ids {
            if let Some(named) = meant.get(id) {
                self.come.remove(&named.resource);
                self.go.insert(named.resource);
            }
            self.wait.remove(id);
            self.forget.insert(id.clone());
        }
    }

    fn clear(&mut self) {
        *self = Self {
            cleared: true,
            ..Self::default()
        };
    }
}

impl Pusher {
    /// What `changes` come to.
    pub(super) async fn member_writes(
        &self,
        group: Group,
        changes: &[MemberChange],
    ) -> Result<MemberWrites, PushError> {
        if changes.is_empty() {
            return Ok(MemberWrites::default());
        }
        let sum = self.sum(group, changes).await?;
        if sum.come.contains_key(&group.id) {
            return Err(PushError::value("a group cannot be its own member"));
        }
        if let (UnknownMembers::Refused, Some(name)) =
            (self.connection.unknown_members, sum.wait.first())
        {
            return Err(PushError::value(format!(
                "there is no user or group with the id `{name}`: `members` must name those that are there"
            )));
        }
        let mut writes = MemberWrites::default();
        let (added, removed) = if sum.cleared {
            self.replaced(group, &sum, &mut writes.overruled).await?
        } else {
            self.changed(group, &sum, &mut writes.overruled).await?
        };
        if !added.is_empty() || !removed.is_empty() {
            writes.members = Some(Write::Members {
                group: group.id,
                source: self.source(),
                added,
                removed,
            });
        }
        writes.pending = self.pending_members(group, &sum).await?;
        Ok(writes)
    }

    async fn sum(&self, group: Group, changes: &[MemberChange]) -> Result<Sum, PushError> {
        let mut texts: HashSet<&str> = HashSet::new();
        for change in changes {
            match change {
                MemberChange::Add(members) | MemberChange::Replace(members) => {
                    texts.extend(members.iter().map(|member| member.value.as_str()));
                }
                MemberChange::Remove(ids) => texts.extend(ids.iter().map(String::as_str)),
                MemberChange::RemoveMatching(_) | MemberChange::Clear => {}
            }
        }
        let meant = self.meant(&texts).await?;
        let mut sum = Sum::default();
        for change in changes {
            match change {
                MemberChange::Add(members) => sum.add(members, &meant, true),
                MemberChange::Remove(ids) => sum.remove(ids, &meant),
                MemberChange::Clear => sum.clear(),
                MemberChange::Replace(members) => {
                    sum.clear();
                    sum.add(members, &meant, false);
                }
                MemberChange::RemoveMatching(condition) => {
                    let matching = self.matching(group, &sum, condition).await?;
                    for member in matching {
                        sum.come.remove(&member);
                        sum.go.insert(member);
                    }
                }
            }
        }
        Ok(sum)
    }

    /// The members by this connection of whom a condition holds.
    async fn matching(
        &self,
        group: Group,
        sum: &Sum,
        condition: &Condition,
    ) -> Result<Vec<ResourceId>, PushError> {
        let mut members: BTreeSet<ResourceId> = sum.come.keys().copied().collect();
        if group.is_there && !sum.cleared {
            members.extend(self.engine.store.members(group.id, self.source()).await?);
        }
        let members: Vec<ResourceId> = members.into_iter().collect();
        let mut matching = Vec::new();
        for page in members.chunks(MEMBERS_A_PAGE) {
            for resource in self.engine.store.resources(page).await? {
                if condition.matches_value(&as_member(&resource)) {
                    matching.push(resource.id);
                }
            }
        }
        Ok(matching)
    }

    /// Single members come and go.
    async fn changed(
        &self,
        group: Group,
        sum: &Sum,
        overruled: &mut Vec<Overruled>,
    ) -> Result<(Vec<ResourceId>, Vec<ResourceId>), PushError> {
        let touched: Vec<ResourceId> = sum.come.keys().chain(&sum.go).copied().collect();
        let (own, others) = self.holders(group, &touched).await?;
        for member in &sum.go {
            if let Some(source) = others.get(member) {
                overruled.push(self.stays(*source));
            }
        }
        overruled.dedup();
        let added = sum.come.keys().filter(|m| !own.contains(m));
        let removed = sum.go.iter().filter(|m| own.contains(m));
        Ok((added.copied().collect(), removed.copied().collect()))
    }

    /// The client gives the whole list. Whom another source names is a member already, and
    /// is not said again: else nobody could end that membership any more.
    async fn replaced(
        &self,
        group: Group,
        sum: &Sum,
        overruled: &mut Vec<Overruled>,
    ) -> Result<(Vec<ResourceId>, Vec<ResourceId>), PushError> {
        let own: BTreeSet<ResourceId> = if group.is_there {
            let members = self.engine.store.members(group.id, self.source()).await?;
            members.into_iter().collect()
        } else {
            BTreeSet::new()
        };
        let new: Vec<ResourceId> = sum
            .come
            .keys()
            .filter(|member| !own.contains(member))
            .copied()
            .collect();
        let (_, others) = self.holders(group, &new).await?;
        let added = new
            .into_iter()
            .filter(|m| sum.come.get(m) == Some(&true) || !others.contains_key(m))
            .collect();
        let removed = own
            .into_iter()
            .filter(|member| !sum.come.contains_key(member))
            .collect();
        if group.is_there && sum.come.is_empty() {
            let store = &self.engine.store;
            let others = store.other_sources_of_members(group.id, self.source());
            overruled.extend(others.await?.into_iter().map(|source| self.stays(source)));
        }
        Ok((added, removed))
    }

    /// Of `members`: those by this connection, and those by another source.
    async fn holders(
        &self,
        group: Group,
        members: &[ResourceId],
    ) -> Result<(HashSet<ResourceId>, HashMap<ResourceId, SourceId>), PushError> {
        let mut own = HashSet::new();
        let mut others = HashMap::new();
        if group.is_there {
            for (member, source) in self.engine.store.held_members(group.id, members).await? {
                if source == self.source() {
                    own.insert(member);
                } else {
                    others.insert(member, source);
                }
            }
        }
        Ok((own, others))
    }

    async fn pending_members(&self, group: Group, sum: &Sum) -> Result<Option<Write>, PushError> {
        if !sum.cleared && sum.wait.is_empty() && sum.forget.is_empty() {
            return Ok(None);
        }
        let unit = Unit::from_canonical(MEMBERS);
        let before: Vec<Reference> = if group.link_is_there {
            let pending = self.engine.store.pending_of(&[group.link]).await?;
            let of_members = pending.into_iter().map(|pending| pending.reference);
            of_members.filter(|r| r.unit == unit).collect()
        } else {
            Vec::new()
        };
        let stays = |r: &&Reference| !sum.cleared && !sum.forget.contains(&r.name.text);
        let mut after: Vec<Reference> = before.iter().filter(stays).cloned().collect();
        let known: HashSet<&str> = before.iter().map(|r| r.name.text.as_str()).collect();
        let is_new = |name: &&String| sum.cleared || !known.contains(name.as_str());
        after.extend(
            sum.wait
                .iter()
                .filter(is_new)
                .map(|name| reference(&unit, name)),
        );
        Ok(pending_write(group.link, &after, Some(&before)))
    }

    fn stays(&self, source: SourceId) -> Overruled {
        Overruled {
            unit: Unit::from_canonical(MEMBERS),
            by: self.connection.voices.name_of(source),
        }
    }
}

/// A member as conditions in brackets see it.
fn as_member(resource: &Resource) -> serde_json::Value {
    let (type_name, endpoint) = match resource.kind {
        Kind::User => ("User", "Users"),
        Kind::Group => ("Group", "Groups"),
        Kind::Custom(word) => (word.as_str(), word.as_str()),
    };
    json!({
        "value": resource.uuid,
        "$ref": format!("{endpoint}/{}", resource.uuid),
        "type": type_name,
        "display": super::super::name_of(resource),
    })
}
