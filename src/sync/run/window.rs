//! What guards measure against: what the source holds, and what runs removed lately.
//!
//! Whatever was removed within the window adds up, whoever removed it: runs, the part of a
//! held run that was applied, approvals, plans and undos. A run says itself what it
//! removed ([`Removed`]), before it writes, so that even one that was cut off counts.

use rollcall_directory::entry::Kind;
use rollcall_store::ids::RunId;
use rollcall_store::records::{RunQuery, RunState};
use time::{Duration, OffsetDateTime};

use super::Engine;
use crate::sync::SyncError;
use crate::sync::guard::Totals;
use crate::sync::plan::PLAN_HOURS_MAX;
use crate::sync::report::{Removed, Report};
use crate::sync::setup::Footing;

/// Runs by hand beside those of a schedule of one a minute.
const RUNS_BY_HAND_MAX: u32 = 1_000;

impl Engine {
    /// What percentages are of, beside the source's own numbers of people and groups.
    pub(in crate::sync) async fn totals(
        &self,
        footing: &Footing,
        run: RunId,
        now: OffsetDateTime,
        [users, groups]: [u64; 2],
    ) -> Result<Totals, SyncError> {
        let lately = self.removed_lately(footing, run, now).await?;
        Ok(Totals {
            users,
            groups,
            memberships: 0,
            users_removed_lately: lately.users,
            groups_removed_lately: lately.groups,
            users_expired_lately: lately.expired,
            leavers_lately: lately.leavers,
            memberships_removed_lately: lately.memberships,
        })
    }

    /// Links and memberships of the whole tenant.
    pub(in crate::sync) async fn links_and_memberships(
        &self,
        footing: &Footing,
    ) -> Result<(u64, u64), SyncError> {
        let all = self.store.statistics().await?;
        Ok(all
            .into_iter()
            .find(|t| t.tenant == footing.tenant_name)
            .map(|t| (t.links, t.memberships))
            .unwrap_or_default())
    }

    /// What other runs of the source removed within the window. Who was put back does not
    /// count: an undone run removed nobody.
    async fn removed_lately(
        &self,
        footing: &Footing,
        run: RunId,
        now: OffsetDateTime,
    ) -> Result<Removed, SyncError> {
        let since = now - footing.guards.window;
        // A plan is approved up to a day after it began.
        let begun = since - Duration::hours(PLAN_HOURS_MAX);
        let minutes = u32::try_from((now - begun).whole_minutes()).unwrap_or(u32::MAX);
        let query = RunQuery {
            source: Some(footing.source.id),
            since: Some(begun),
            limit: minutes.saturating_add(RUNS_BY_HAND_MAX),
        };
        let mut sum = Removed::default();
        for other in self.store.runs(footing.source.tenant, &query).await? {
            let ended = other.finished.unwrap_or(other.started);
            if other.id == run || other.state == RunState::Undone || ended < since {
                continue;
            }
            let report = Report::of(&other);
            sum.add(&report.removed);
        }
        Ok(sum)
    }
}

/// The links that count as the source's people and groups.
pub(in crate::sync) fn present(index: &crate::sync::reader::LinkIndex) -> [u64; 2] {
    [index.present(Kind::User), index.present(Kind::Group)]
}
