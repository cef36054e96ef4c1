//! Whom the guard `administrators` protects: the people in the groups that it names.

use std::collections::HashSet;

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, TenantId};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, Store, StoreError};

/// The members of the named groups, through nested groups.
pub(super) async fn of(
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
    let mut seen: HashSet<ResourceId> = HashSet::new();
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

/// Whether a step ends one of them.
pub(super) fn touches(step: &Step, administrators: &HashSet<ResourceId>) -> bool {
    step.writes.iter().any(|write| match write {
        Write::Relink { link, .. } | Write::Link { link } => {
            administrators.contains(&link.resource)
        }
        Write::Delete { resource, .. }
        | Write::Update { resource, .. }
        | Write::Orphan { resource, .. } => administrators.contains(resource),
        _ => false,
    })
}
