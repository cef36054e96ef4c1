//! What Prometheus collects. Every name is explained in `docs/operate/metrics.md`, which a
//! test holds to.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rollcall_store::records::TenantStatistics;
use rollcall_store::{Store, StoreError};

use crate::auth::connection::{REFUSED, REQUESTS, Roster, holds_now};
use crate::sync::{Clock, READ_ENDS, freshness, push};

/// Requests answered, by method, route and status.
pub(super) const HTTP_REQUESTS: &str = "rollcall_http_requests_total";
/// How long they took.
pub(super) const HTTP_SECONDS: &str = "rollcall_http_request_duration_seconds";
const USERS: &str = "rollcall_users";
const ACTIVE_USERS: &str = "rollcall_users_active";
const GROUPS: &str = "rollcall_groups";
const LINKS: &str = "rollcall_links";
const MEMBERSHIPS: &str = "rollcall_memberships";
const PENDING: &str = "rollcall_references_pending";
const QUARANTINED: &str = "rollcall_entries_quarantined";

const LAST_COMPLETE: &str = "rollcall_source_last_complete_timestamp_seconds";
const LAST_READ: &str = "rollcall_source_last_read";
const OVERDUE: &str = "rollcall_source_overdue";

const GUARD_HELD: &str = "rollcall_connection_guard_held";

/// What each metric is.
const DESCRIPTIONS: [(&str, &str); 11] = [
    (USERS, "Users of a tenant"),
    (ACTIVE_USERS, "Users of a tenant who are active"),
    (GROUPS, "Groups of a tenant"),
    (LINKS, "Entries of sources that are tied to a user or group"),
    (
        MEMBERSHIPS,
        "Memberships, counted for each source that states them",
    ),
    (PENDING, "References that name nobody yet"),
    (QUARANTINED, "Entries in quarantine"),
    (
        LAST_COMPLETE,
        "When a source was last read completely, in Unix time",
    ),
    (
        LAST_READ,
        "1 for the way in which the last read of a source ended",
    ),
    (
        OVERDUE,
        "1 while a source has been without a complete read for too long",
    ),
    (
        GUARD_HELD,
        "1 while the guard of a connection holds writes back",
    ),
];

/// Bounds of the duration's buckets, in seconds.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// How often samples are folded into buckets: between two, they take memory each.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// The process's recorder, installed by whoever asks first.
pub(super) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS);
        let recorder = builder
            .unwrap_or_else(|_| PrometheusBuilder::new())
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder collects the metrics: /metrics stays empty");
        }
        metrics::describe_counter!(HTTP_REQUESTS, "HTTP requests answered");
        metrics::describe_counter!(REQUESTS, "SCIM requests of a connection");
        metrics::describe_counter!(REFUSED, "SCIM requests of a connection that were refused");
        metrics::describe_histogram!(HTTP_SECONDS, "How long they took, in seconds");
        for (name, description) in DESCRIPTIONS {
            metrics::describe_gauge!(name, description);
        }
        handle
    })
}

/// Keeps the recorder's memory small, for ever.
pub(super) async fn keep_small() {
    let mut ticks = tokio::time::interval(FOLD_EVERY);
    loop {
        ticks.tick().await;
        recorder().run_upkeep();
    }
}

/// `GET /metrics`, in Prometheus's text format. What the store holds is counted now.
pub(super) async fn show(
    State(store): State<Store>,
    clock: Arc<dyn Clock>,
    roster: Roster,
) -> Response {
    let recorder = recorder();
    match store.statistics().await {
        Ok(tenants) => tenants.iter().for_each(record),
        Err(error) => tracing::warn!(%error, "the store's statistics are missing in /metrics"),
    }
    if let Err(error) = record_sources(&store, clock.now()).await {
        tracing::warn!(%error, "the sources are missing in /metrics");
    }
    if let Err(error) = record_guards(&store, &roster, clock.now()).await {
        tracing::warn!(%error, "the connections are missing in /metrics");
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, recorder.render()).into_response()
}

/// How fresh each source is.
#[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
async fn record_sources(store: &Store, now: time::OffsetDateTime) -> Result<(), StoreError> {
    for tenant in store.tenants().await? {
        for source in store.sources(tenant.id).await? {
            // Whoever pushes is never read, and so never late.
            if source.kind == push::KIND {
                continue;
            }
            let fresh = freshness(store, &source, now).await?;
            let labels = [
                ("tenant", tenant.name.clone()),
                ("source", source.name.clone()),
            ];
            if let Some(at) = fresh.last_complete {
                metrics::gauge!(LAST_COMPLETE, &labels).set(at.unix_timestamp() as f64);
            }
            metrics::gauge!(OVERDUE, &labels).set(f64::from(u8::from(fresh.overdue.is_some())));
            for end in READ_ENDS {
                let is_so = fresh.last_read == Some(end);
                let [tenant, source] = labels.clone();
                let labels = [tenant, source, ("verdict", end.to_owned())];
                metrics::gauge!(LAST_READ, &labels).set(f64::from(u8::from(is_so)));
            }
        }
    }
    Ok(())
}

/// Whether the guard of each connection holds something back.
async fn record_guards(
    store: &Store,
    roster: &Roster,
    now: time::OffsetDateTime,
) -> Result<(), StoreError> {
    for known in roster.all(None).await? {
        let state = store.guard_state(known.source.id).await?;
        let held = holds_now(&state, &known.settings.settings.guard, now);
        let (tenant, connection) = (known.tenant.name, known.source.name);
        metrics::gauge!(GUARD_HELD, "tenant" => tenant, "connection" => connection)
            .set(f64::from(u8::from(held)));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn record(tenant: &TenantStatistics) {
    for (name, value) in [
        (USERS, tenant.users),
        (ACTIVE_USERS, tenant.active_users),
        (GROUPS, tenant.groups),
        (LINKS, tenant.links),
        (MEMBERSHIPS, tenant.memberships),
        (PENDING, tenant.pending),
        (QUARANTINED, tenant.quarantined),
    ] {
        metrics::gauge!(name, "tenant" => tenant.tenant.clone()).set(value as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let page = include_str!("../../docs/operate/metrics.md");
        let names = DESCRIPTIONS.iter().map(|(name, _)| *name);
        for name in names.chain([HTTP_REQUESTS, HTTP_SECONDS, REQUESTS, REFUSED]) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
