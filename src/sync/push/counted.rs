//! What a run of pushes did, counted from the journal: a push itself counts nothing, so that
//! the pushes of an hour do not wait for one another.

use std::collections::HashMap;

use rollcall_directory::diff::Change;
use rollcall_directory::entry::Kind;
use rollcall_store::ids::{ResourceId, RunId, TenantId};
use rollcall_store::records::{JournalEvent, JournalQuery};
use rollcall_store::{Store, StoreError};
use serde_json::Value as Json;

use super::super::tally::Tally;

/// Lines read at a time.
const LINES_A_PAGE: u32 = 1_000;
/// Beyond so many lines it is not counted on.
const LINES_COUNTED_MAX: usize = 20_000;

/// Counts a run.
pub(crate) async fn counted(
    store: &Store,
    tenant: TenantId,
    run: RunId,
) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    let mut query = JournalQuery {
        run: Some(run),
        limit: LINES_A_PAGE,
        ..JournalQuery::default()
    };
    for _ in 0..LINES_COUNTED_MAX / LINES_A_PAGE as usize {
        let lines = store.journal(tenant, &query).await?;
        let Some(last) = lines.last() else { break };
        query.after_seq = Some(last.seq);
        let ids: Vec<ResourceId> = lines.iter().filter_map(|line| line.resource).collect();
        let resources = store.resources(&ids).await?;
        let kinds: HashMap<ResourceId, Kind> = resources.iter().map(|r| (r.id, r.kind)).collect();
        for line in &lines {
            let kind = line.resource.and_then(|id| kinds.get(&id)).copied();
            count(&mut tally, kind, &line.event);
        }
    }
    Ok(tally)
}

fn count(tally: &mut Tally, kind: Option<Kind>, event: &JournalEvent) {
    let is_group = kind == Some(Kind::Group);
    let is_other = matches!(kind, Some(Kind::Custom(_)));
    match event {
        JournalEvent::Created if is_other => tally.others_created += 1,
        JournalEvent::Created if is_group => tally.groups_created += 1,
        JournalEvent::Created => tally.users_created += 1,
        JournalEvent::Linked => tally.linked += 1,
        JournalEvent::Updated { changes } => {
            tally.updated += 1;
            let active = changes.iter().find_map(active_after);
            match active.filter(|_| !is_other) {
                Some(true) => tally.reactivated += 1,
                Some(false) => tally.deactivated += 1,
                None => {}
            }
        }
        JournalEvent::Members { added, removed } => {
            tally.members_added += added.len() as u64;
            tally.members_removed += removed.len() as u64;
        }
        JournalEvent::Orphaned { since: Some(_), .. } if is_other => tally.others_gone += 1,
        JournalEvent::Orphaned { since: Some(_), .. } if is_group => tally.groups_gone += 1,
        JournalEvent::Orphaned { since: Some(_), .. } => tally.users_gone += 1,
        JournalEvent::Orphaned { since: None, .. } => tally.returned += 1,
        JournalEvent::Deleted { .. }
        | JournalEvent::LinkChanged { .. }
        | JournalEvent::Unlinked { .. }
        | JournalEvent::Note { .. } => {}
    }
}

/// Whether somebody is active after a change of that, if it is one.
fn active_after(change: &Change) -> Option<bool> {
    (change.unit.as_str() == "active")
        .then(|| change.after != Some(Json::Bool(false)))
        .filter(|after| *after != (change.before != Some(Json::Bool(false))))
}
