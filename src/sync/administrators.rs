//! Whom the guard `administrators` protects: the people in the groups that it names, and
//! these groups themselves. Ending one waits for approval; ending the last one is refused
//! even then.

use std::collections::{HashMap, HashSet};

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, TenantId};
use rollcall_store::records::Presence;
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, Store, StoreError};

use super::guard::{Held, Holds};
use super::setup::Footing;

/// An administrator whom a step would end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protected {
    /// Who.
    pub(super) resource: ResourceId,
    /// Their name in the step.
    subject: String,
}

/// The administrators whom these steps end. Each step must be one that ends somebody.
pub(super) async fn ended_by(
    store: &Store,
    footing: &Footing,
    steps: &[&Step],
) -> Result<Vec<Protected>, StoreError> {
    let names = &footing.guards.administrators;
    if names.is_empty() || steps.is_empty() {
        return Ok(Vec::new());
    }
    let administrators = of(store, footing.source.tenant, names).await?;
    let mut ended: Vec<Protected> = Vec::new();
    for step in steps {
        for resource in ended_in(step) {
            if !administrators.contains(&resource) {
                continue;
            }
            if ended.iter().all(|p| p.resource != resource) {
                ended.push(Protected {
                    resource,
                    subject: step.subject.clone(),
                });
            }
        }
    }
    Ok(ended)
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
    let ids: Vec<_> = of(store, footing.source.tenant, names)
        .await?
        .into_iter()
        .collect();
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

/// The named groups and their members, through nested groups.
async fn of(
    store: &Store,
    tenant: TenantId,
    names: &[String],
) -> Result<HashSet<ResourceId>, StoreError> {
    let mut open: Vec<ResourceId> = store
        .resources_by(tenant, Kind::Group, By::DisplayName, names)
        .await?
        .into_iter()
        .map(|(_, id)| id)
        .collect();
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
