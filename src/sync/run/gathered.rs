//! What a run has read, reconciled once all of it is there.
//!
//! Only then it is known which keys stand twice, and by what everybody is called now: a
//! manager whose whole branch was renamed is the same person under another name, whichever
//! of the two entries a server lists first. (The first import does not wait: nobody had a
//! name before it. Whom it has made from one of two entries with one key it takes back.)

use std::collections::{HashMap, HashSet};

use rollcall_connectors::Batch;
use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_store::records::Resource;
use rollcall_store::writes::{Step, Write};

use super::{Going, Outlet};
use crate::sync::SyncError;
use crate::sync::candidate::{Candidate, Examined};
use crate::sync::effect::Proposal;
use crate::sync::reconcile::Reconciler;

impl Going<'_> {
    /// Returns the entries that get a second chance.
    pub(super) async fn reconcile_gathered(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        gathered: Vec<Examined>,
        twice: &HashSet<(Kind, EntryKey)>,
        outlet: &mut Outlet,
    ) -> Result<Vec<Candidate>, SyncError> {
        let (mut candidates, mut troubled) = (Vec::new(), Vec::new());
        for examined in gathered {
            candidates.extend(examined.candidates);
            troubled.extend(examined.troubled);
        }
        let candidates = each_once(candidates, twice);
        reconciler.view.expect_names(&candidates);
        // Who is new has no name yet that others could mean, so they go first.
        let (new, known): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| c.link.is_none());
        let mut waiting = new.into_iter().chain(known).peekable();
        let mut postponed = Vec::new();
        while waiting.peek().is_some() || !troubled.is_empty() {
            let batch = waiting.by_ref().take(Batch::ENTRIES_MAX).collect();
            let done = reconciler
                .batch(batch, std::mem::take(&mut troubled), false)
                .await?;
            postponed.extend(done.postponed);
            self.take(reconciler, done.changes, outlet).await?;
        }
        Ok(postponed)
    }
}

impl Going<'_> {
    /// What takes back those whom the first import has made from the first of several entries
    /// with one key, before the second showed up. Whoever mentions them is looked at again.
    pub(super) async fn made_of_doubles(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        twice: &HashSet<(Kind, EntryKey)>,
    ) -> Result<Vec<Proposal>, SyncError> {
        let (store, source) = (&self.engine.store, self.setup.source.id);
        let mut made = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            let of_kind = twice.iter().filter(|(k, _)| *k == kind);
            let keys: Vec<EntryKey> = of_kind.map(|(_, key)| key.clone()).collect();
            for chunk in keys.chunks(Batch::ENTRIES_MAX) {
                let links = store.links_by_key(source, kind, chunk).await?;
                let ids: Vec<_> = links.iter().map(|link| link.resource).collect();
                made.extend(store.resources(&ids).await?);
            }
        }
        let tally = &mut self.report.tally;
        for resource in &made {
            reconciler.passed_names.forget(resource.id);
            match resource.kind {
                Kind::User => tally.users_created = tally.users_created.saturating_sub(1),
                Kind::Group => tally.groups_created = tally.groups_created.saturating_sub(1),
                Kind::Custom(_) => tally.others_created = tally.others_created.saturating_sub(1),
            }
        }
        let take_back = |resource: Resource| {
            Proposal::of(Step {
                subject: crate::sync::name_of(&resource),
                writes: vec![Write::Delete {
                    resource: resource.id,
                    base_version: resource.document_version,
                }],
            })
        };
        Ok(made.into_iter().map(take_back).collect())
    }
}

/// Without those whose key stands twice; of an entry that came again after a broken
/// connection, what came last.
fn each_once(candidates: Vec<Candidate>, twice: &HashSet<(Kind, EntryKey)>) -> Vec<Candidate> {
    let place = |c: &Candidate| (c.kind, c.key.clone());
    let last: HashMap<(Kind, EntryKey), usize> = candidates.iter().map(place).zip(0..).collect();
    candidates
        .into_iter()
        .enumerate()
        .filter(|(index, candidate)| {
            let place = place(candidate);
            last.get(&place) == Some(index) && !twice.contains(&place)
        })
        .map(|(_, candidate)| candidate)
        .collect()
}
