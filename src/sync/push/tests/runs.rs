//! What administrators see of pushes: runs by the hour, paused connections, guards.

use async_trait::async_trait;
use rollcall_store::records::{RunKind, RunQuery, RunState};

use super::super::{Held, PushEffect, PushGuard};
use super::*;

/// Holds everything back.
#[derive(Debug)]
struct Closed;

#[async_trait]
impl PushGuard for Closed {
    async fn admit(&self, effect: PushEffect) -> Result<(), Held> {
        Err(Held {
            detail: format!("{effect:?}"),
            retry_after: Duration::from_hours(1),
        })
    }
}

on_both! {
    async fn an_hour_of_pushes_is_a_run(world: World) {
        let ada = world.okta_user("ada").await;
        world.pass(Duration::from_mins(49));
        world.patch_user(&world.okta, &ada, replace("title", json!("a"))).await.unwrap();
        world.pass(Duration::from_mins(1));
        world.patch_user(&world.okta, &ada, replace("title", json!("b"))).await.unwrap();
        world.patch_user(&world.entra, &ada, replace("locale", json!("c"))).await.unwrap();
        let query = RunQuery { limit: 10, ..RunQuery::default() };
        let runs = world.store.runs(world.tenant, &query).await.unwrap();
        assert!(runs.iter().all(|r| (r.kind, r.state) == (RunKind::Push, RunState::Applied)));
        let sources: Vec<SourceId> = runs.iter().rev().map(|r| r.source).collect();
        let okta = world.connection.source.id;
        assert_eq!(sources, [okta, okta, world.entra.source()]);
        let first = runs.last().unwrap().id;
        let of_run = JournalQuery { run: Some(first), limit: 10, ..JournalQuery::default() };
        let lines = world.store.journal(world.tenant, &of_run).await.unwrap();
        assert_eq!(lines.len(), 3, "made; its link and its title changed");
        assert!(lines.iter().all(|line| line.actor == Actor::Connection(first)));
        assert!(lines.iter().all(|line| line.source == Some(okta)));
    }

    async fn a_paused_connection_writes_nothing_but_reads(world: World) {
        let ada = world.okta_user("ada").await;
        let source = world.connection.source.id;
        world.store.set_paused(source, Some("run 3 was undone")).await.unwrap();
        let refused = [
            world.post_user(&world.okta, json!({ "userName": "bea" })).await.err(),
            world.patch_user(&world.okta, &ada, replace("title", json!("x"))).await.err(),
            world.put_user(&world.okta, &ada, json!({ "userName": "ada" })).await.err(),
            world.delete_user(&world.okta, &ada).await.err(),
        ];
        for error in refused.into_iter().flatten() {
            assert_eq!(error.status(), 503);
            assert!(error.retry_after().is_some());
            assert!(error.to_string().contains("run 3 was undone"));
        }
        assert!(world.seen(&world.okta, &ada).await.is_some());
        assert!(world.patch_user(&world.entra, &ada, replace("title", json!("x"))).await.is_ok());
    }

    async fn the_guard_is_asked_before_somebody_ends(world: World) {
        let guarded = world.okta_with(|connection| connection.guard = Some(Arc::new(Closed)));
        let ada = world.okta_user("ada").await;
        world.patch_user(&guarded, &ada, replace("title", json!("x"))).await.unwrap();
        let off = world.patch_user(&guarded, &ada, replace("active", json!(false))).await.unwrap_err();
        assert_eq!((off.status(), off.to_string()), (429, "Deactivates".to_owned()));
        let gone = world.delete_user(&guarded, &ada).await.unwrap_err();
        assert_eq!(gone.to_string(), "Deletes { active: true }");
        assert!(world.stored(&ada).await.unwrap().document.active());
    }
}
