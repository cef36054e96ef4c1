//! What time alone does in tenants that are pushed to: whom no source holds any more is
//! deleted when the grace period is over. Pulled sources see to theirs in their runs.

use std::collections::HashMap;
use std::time::Duration;

use rollcall_store::ids::{ResourceId, SourceId, TenantId};
use rollcall_store::records::{Actor, Link, Resource};
use rollcall_store::writes::{Fence, Step, Write};
use rollcall_store::{CommitError, said};
use tokio_util::sync::CancellationToken;

use super::SyncError;
use super::lease::Lease;
use super::push;
use super::run::Engine;
use super::setup::kept_source;
use crate::config::policy::Leavers;

/// How often it is looked who is to be deleted.
const PERIOD: Duration = Duration::from_mins(10);
/// How many are looked at together.
const ORPHANS_A_PAGE: usize = 500;

/// A tenant, and how long its sources let people come back; `None`: for ever.
#[derive(Debug, Clone)]
pub(crate) struct Upkeep {
    /// The tenant.
    pub(crate) tenant: TenantId,
    /// By source. Connections that were made at run time need not be here: the store knows
    /// theirs, and the others have the default.
    pub(crate) graces: HashMap<SourceId, Option<Duration>>,
}

/// Sees to all tenants until it is stopped.
pub(crate) async fn keep_up(engine: Engine, tenants: Vec<Upkeep>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        for tenant in &tenants {
            match engine.expire_orphans(tenant).await {
                Ok(0) => {}
                Ok(deleted) => {
                    tracing::info!(tenant = tenant.tenant.0, deleted, "grace periods are over");
                }
                Err(error) => {
                    tracing::error!(tenant = tenant.tenant.0, %error, "those whose grace period is over could not be deleted; it is tried again");
                }
            }
        }
    }
}

impl Engine {
    /// Deletes those of a tenant whom no source holds and whose grace period is over, if
    /// nobody else is about it. Returns how many.
    pub(crate) async fn expire_orphans(&self, upkeep: &Upkeep) -> Result<u64, SyncError> {
        let name = format!("tenant:{}", upkeep.tenant);
        let Some(lease) = Lease::take_named(&self.store, &name, &self.tenancy, &self.clock).await?
        else {
            return Ok(0);
        };
        let deleted = self.expire_under(upkeep, &lease.fence).await;
        lease.release().await?;
        deleted
    }

    async fn expire_under(&self, upkeep: &Upkeep, fence: &Fence) -> Result<u64, SyncError> {
        let now = self.clock.now();
        let sources = self.store.sources(upkeep.tenant).await?;
        let mut pushing: HashMap<SourceId, Option<Duration>> = sources
            .into_iter()
            .filter(|source| source.kind == push::KIND)
            .map(|source| (source.id, Leavers::default().delete_after))
            .collect();
        if pushing.is_empty() {
            return Ok(0);
        }
        for kept in self.store.kept_connections().await? {
            if kept.tenant.id == upkeep.tenant {
                pushing.insert(kept.source.id, kept_source(&kept)?.settings.grace.0);
            }
        }
        let grace = |links: &[Link]| -> Option<Duration> {
            if !links.iter().any(|link| pushing.contains_key(&link.source)) {
                return None;
            }
            // The longest counts; who need never go stays.
            links.iter().try_fold(Duration::ZERO, |longest, link| {
                let configured = upkeep.graces.get(&link.source);
                let default = pushing.get(&link.source);
                let grace = configured
                    .or(default)
                    .copied()
                    .unwrap_or(Leavers::default().delete_after);
                Some(longest.max(grace?))
            })
        };
        let orphans = self.store.orphans(upkeep.tenant, now).await?;
        let mut deleted = 0;
        for chunk in orphans.chunks(ORPHANS_A_PAGE) {
            let ids: Vec<ResourceId> = chunk.iter().map(|resource| resource.id).collect();
            let mut links: HashMap<ResourceId, Vec<Link>> = HashMap::new();
            for link in self.store.links_of(&ids).await? {
                links.entry(link.resource).or_default().push(link);
            }
            let steps: Vec<Step> = chunk
                .iter()
                .filter_map(|resource| {
                    let links = links.get(&resource.id)?;
                    let ends = resource.orphaned? + grace(links)?;
                    (ends <= now).then(|| deletion(resource, links))
                })
                .collect();
            deleted += self.delete(upkeep.tenant, &steps, fence).await?;
        }
        Ok(deleted)
    }

    /// Each by itself: who has come back meanwhile stays, and keeps nobody else.
    async fn delete(
        &self,
        tenant: TenantId,
        steps: &[Step],
        fence: &Fence,
    ) -> Result<u64, SyncError> {
        let now = self.clock.now();
        let mut deleted = 0;
        for step in steps {
            let steps = std::slice::from_ref(step);
            let outcome = self
                .store
                .commit(steps, &Actor::Time, None, tenant, Some(fence), now)
                .await;
            match outcome {
                Ok(()) => deleted += 1,
                Err(CommitError::Step { cause, .. }) => {
                    tracing::debug!(%cause, subject = step.subject, "not deleted");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(deleted)
    }
}

fn deletion(resource: &Resource, links: &[Link]) -> Step {
    Step {
        subject: super::name_of(resource),
        writes: vec![
            Write::Expect {
                resource: resource.id,
                version: None,
                said: Some(said(links)),
            },
            Write::Delete {
                resource: resource.id,
                base_version: resource.document_version,
            },
        ],
    }
}
