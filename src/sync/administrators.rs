//! Whom the guard `administrators` protects: the people in the groups that it names, and
//! these groups themselves. Ending one waits for approval; ending the last one is refused
//! even then.

use std::collections::{HashMap, HashSet};

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, TenantId};
use rollcall_store::records::Presence;
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, Store, StoreError};

use super::effect::Proposal;
use super::guard::{Held, Holds};
use super::setup::Footing;
use super::tally::Tally;

/// An administrator whom a step would end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protected {
    /// Who.
    pub(super) resource: ResourceId,
    /// Their name in the step.
    subject: String,
}

/// The groups that the guard names, as they are, and who is in them.
#[derive(Debug, Default)]
pub(super) struct Administrators {
    /// People and groups.
    all: HashSet<ResourceId>,
    /// Names of the guard that no group has.
    missing: Vec<String>,
}

impl Administrators {
    /// As they are before `proposals` are written; a group that these make is not missing.
    pub(super) async fn now(
        store: &Store,
        footing: &Footing,
        proposals: &[Proposal],
    ) -> Result<Self, StoreError> {
        let names = &footing.guards.administrators;
        if names.is_empty() {
            return Ok(Self::default());
        }
        let groups = named(store, footing.source.tenant, names).await?;
        let there: HashSet<String> = groups
            .iter()
            .map(|(name, _)| name.to_lowercase())
            .chain(proposals.iter().flat_map(|p| made_groups(&p.step)))
            .collect();
        let missing = names
            .iter()
            .filter(|name| !there.contains(&name.to_lowercase()));
        Ok(Self {
            missing: missing.cloned().collect(),
            all: with_members(store, groups.into_iter().map(|(_, id)| id).collect()).await?,
        })
    }

    /// The administrators whom these steps end. Each step must be one that ends somebody.
    pub(super) fn ended_by(&self, steps: &[&Step]) -> Vec<Protected> {
        let mut ended: Vec<Protected> = Vec::new();
        for step in steps {
            for resource in ended_in(step) {
                if self.all.contains(&resource) && ended.iter().all(|p| p.resource != resource) {
                    ended.push(Protected {
                        resource,
                        subject: step.subject.clone(),
                    });
                }
            }
        }
        ended
    }

    /// Whether a step takes one of the protected out of an administrators' group. That waits
    /// with their end, or the next run would find them no administrators.
    pub(super) fn are_left_by(&self, protected: &[Protected], step: &Step) -> bool {
        step.writes.iter().any(|write| match write {
            Write::Members { group, removed, .. } => {
                self.all.contains(group) && protected.iter().any(|p| removed.contains(&p.resource))
            }
            _ => false,
        })
    }

    /// A line for the report of each run, while a group is missing.
    pub(super) fn missing_note(&self) -> Option<String> {
        (!self.missing.is_empty()).then(|| {
            format!(
                "the guard `administrators` names {}, and no group here is called that, so it protects nobody: correct the name in the configuration, or see why the group was renamed; until then nobody is ended without approval",
                self.missing.join(", ")
            )
        })
    }

    /// Nobody is ended while it is not known who is an administrator.
    pub(super) fn missing(&self, tally: &Tally) -> Option<Held> {
        let ends = tally.users_gone + tally.groups_gone + tally.deactivated + tally.deleted;
        (ends > 0 && !self.missing.is_empty()).then(|| Held {
            guard: "administrators".to_owned(),
            holds: Holds::Endings,
            because: format!(
                "no group here is called {}, which the guard `administrators` names, so nobody can tell who is an administrator: nobody is ended until somebody approves",
                self.missing.join(", ")
            ),
        })
    }
}

/// The administrators whom these steps end. Each step must be one that ends somebody.
pub(super) async fn ended_by(
    store: &Store,
    footing: &Footing,
    steps: &[&Step],
) -> Result<Vec<Protected>, StoreError> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let administrators = Administrators::now(store, footing, &[]).await?;
    Ok(administrators.ended_by(steps))
}

/// The names of the groups that a step makes, folded.
fn made_groups(step: &Step) -> impl Iterator<Item = String> {
    step.writes.iter().filter_map(|write| match write {
        Write::Create {
            kind: Kind::Group,
            document,
            ..
        } => Some(document.text("displayName")?.to_lowercase()),
        _ => None,
    })
}

/// The guard's sentence.
pub(super) fn guard(protected: &[Protected]) -> Option<Held> {
    let first = protected.first()?;
    Some(Held {
        guard: "administrators".to_owned(),
        holds: Holds::Administrators,
        because: format!(
            "{} is an administrator, and would be ended{}: that never happens without approval",
            first.subject,
            match protected.len() {
                1 => String::new(),
                n => format!(", and {} others too", n - 1),
            }
        ),
    })
}

/// Whether these steps leave nobody who is an administrator and active, where somebody is.
pub(super) async fn none_left_after(
    store: &Store,
    footing: &Footing,
    steps: &[Step],
) -> Result<bool, StoreError> {
    let names = &footing.guards.administrators;
    if names.is_empty() {
        return Ok(false);
    }
    let groups = named(store, footing.source.tenant, names).await?;
    let groups = groups.into_iter().map(|(_, id)| id).collect();
    let ids: Vec<_> = with_members(store, groups).await?.into_iter().collect();
    let active: Vec<ResourceId> = store
        .resources(&ids)
        .await?
        .into_iter()
        .filter(|r| r.kind == Kind::User && r.orphaned.is_none() && r.document.active())
        .map(|r| r.id)
        .collect();
    // Later writes count: who is ended and put back within the steps stays.
    let mut ended: HashMap<ResourceId, bool> = HashMap::new();
    for write in steps.iter().flat_map(|step| &step.writes) {
        match write {
            Write::Update {
                resource, document, ..
            } => {
                ended.insert(*resource, !document.active());
            }
            Write::Delete { resource, .. }
            | Write::Orphan {
                resource,
                since: Some(_),
            } => {
                ended.insert(*resource, true);
            }
            _ => {}
        }
    }
    Ok(!active.is_empty() && active.iter().all(|id| ended.get(id) == Some(&true)))
}

/// The groups of these names.
async fn named(
    store: &Store,
    tenant: TenantId,
    names: &[String],
) -> Result<Vec<(String, ResourceId)>, StoreError> {
    store
        .resources_by(tenant, Kind::Group, By::DisplayName, names)
        .await
}

/// Groups and their members, through nested groups.
async fn with_members(
    store: &Store,
    groups: Vec<ResourceId>,
) -> Result<HashSet<ResourceId>, StoreError> {
    let mut open = groups;
    let mut seen: HashSet<ResourceId> = open.iter().copied().collect();
    while let Some(group) = open.pop() {
        for (member, _) in store.all_members(group).await? {
            // A group among them has members of its own; a cycle ends here.
            if seen.insert(member) {
                open.push(member);
            }
        }
    }
    Ok(seen)
}

/// Whom a step ends: it makes them inactive, takes their entry away, or deletes them.
fn ended_in(step: &Step) -> Vec<ResourceId> {
    let ended = step.writes.iter().filter_map(|write| match write {
        Write::Relink { link, .. } if link.presence != Presence::Present => Some(link.resource),
        Write::Update {
            resource, document, ..
        } if !document.active() => Some(*resource),
        Write::Delete { resource, .. }
        | Write::Orphan {
            resource,
            since: Some(_),
        } => Some(*resource),
        _ => None,
    });
    ended.collect()
}
