//! What administrators see of pushes: runs by the hour, paused connections, guards.

use std::collections::HashMap;

use async_trait::async_trait;
use rollcall_store::records::{RunKind, RunQuery, RunState};

use super::super::{Held, PushEffect, PushGuard};
use super::*;
use crate::config::policy::Guards;
use crate::sync::{Footing, Upkeep, explain};

impl World {
    async fn footing(&self) -> Footing {
        let source = self.connection.source.id;
        Footing {
            source: self.store.source(source).await.unwrap().unwrap(),
            tenant_name: "example".to_owned(),
            settings: Fingerprint::of(b"settings"),
            guards: Guards::default(),
            voices: self.connection.voices.clone(),
            schemas: self.connection.schemas.clone(),
        }
    }
}

/// Holds everything back.
#[derive(Debug)]
struct Closed;

#[async_trait]
impl PushGuard for Closed {
    async fn admit(&self, _: ResourceId, effect: PushEffect) -> Result<(), Held> {
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

    async fn an_hour_of_pushes_can_be_undone_and_pauses_the_connection(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "title": "Countess" })).await;
        let group = world.okta_group("Team", &[]).await;
        world.pass(Duration::from_hours(1));
        let before = world.store.dump(world.tenant).await.unwrap();
        let bea = world.okta_user("bea").await;
        world.patch_user(&world.okta, &ada, replace("active", json!(false))).await.unwrap();
        world.patch_group(&world.okta, &group, add_member(bea.uuid)).await.unwrap();
        world.delete_user(&world.okta, &ada).await.unwrap();
        world.patch_group(&world.okta, &group, replace("displayName", json!("T"))).await.unwrap();
        let query = RunQuery { limit: 1, ..RunQuery::default() };
        let run = world.store.runs(world.tenant, &query).await.unwrap().remove(0);
        let tally = super::super::super::counted(&world.store, world.tenant, run.id).await.unwrap();
        assert_eq!((tally.users_created, tally.members_added, tally.linked), (1, 1, 1));
        assert_eq!((tally.deactivated, tally.reactivated), (1, 1), "until Okta let go of her");
        let footing = world.footing().await;
        let undone = world.engine.undo(&footing, run.id, false).await.unwrap();
        assert_eq!(undone.state, RunState::Applied, "{undone:?}");
        assert_eq!(undone.report.notes, Vec::<String>::new());
        assert_eq!(world.store.dump(world.tenant).await.unwrap(), before);
        let refused = world.post_user(&world.okta, json!({ "userName": "cyd" })).await;
        assert_eq!(refused.unwrap_err().status(), 503);
        world.store.set_paused(world.connection.source.id, None).await.unwrap();
        world.okta_user("cyd").await;
        let newest = world.store.runs(world.tenant, &query).await.unwrap().remove(0);
        assert!(newest.id > undone.run, "not in the run that was undone");
    }

    async fn a_value_is_explained_by_the_push_that_said_it(world: World) {
        let ada = world.okta_user("ada").await;
        world.pass(Duration::from_hours(2));
        world.patch_user(&world.okta, &ada, replace("title", json!("Dr"))).await.unwrap();
        world.pass(Duration::from_hours(2));
        world.patch_user(&world.okta, &ada, replace("locale", json!("en"))).await.unwrap();
        let ada = world.stored(&ada).await.unwrap();
        let connection = &world.connection;
        let explained = explain(&world.store, &ada, &connection.voices, &connection.schemas);
        let explained = explained.await.unwrap();
        let lines = |unit: &str| {
            let value = explained.values.iter().find(|v| v.unit.as_str() == unit).unwrap();
            (value.said_by[0].source.clone(), value.said_by[0].lines.clone())
        };
        let at = |time: &str, run| {
            let line = format!("pushed over SCIM at 2026-03-01T{time}Z, run {run}");
            ("okta".to_owned(), vec![line])
        };
        assert_eq!(lines("userName"), at("12:10:00", 1));
        assert_eq!(lines("title"), at("14:10:00", 2));
        assert_eq!(lines("locale"), at("16:10:00", 3));
    }

    async fn after_the_grace_period_whom_nobody_holds_is_deleted_for_good(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        let kept = world.hr_user(json!({ "userName": "kept" })).await;
        let back = world.okta_user("back").await;
        for who in [&ada, &kept, &back] {
            world.delete_user(&world.okta, who).await.unwrap();
        }
        let upkeep = Upkeep { tenant: world.tenant, graces: HashMap::new() };
        world.pass(GRACE.saturating_sub(Duration::from_secs(1)));
        assert_eq!(world.engine.expire_orphans(&upkeep).await.unwrap(), 0);
        world.okta_user("back").await;
        world.pass(Duration::from_secs(1));
        let okta = world.connection.source.id;
        let never = Upkeep { graces: [(okta, None)].into(), ..upkeep.clone() };
        assert_eq!(world.engine.expire_orphans(&never).await.unwrap(), 0);
        let longer = Upkeep { graces: [(okta, Some(GRACE * 2))].into(), ..upkeep.clone() };
        assert_eq!(world.engine.expire_orphans(&longer).await.unwrap(), 0);
        assert_eq!(world.engine.expire_orphans(&upkeep).await.unwrap(), 1);
        assert!(world.stored(&ada).await.is_none());
        for who in [&bea, &kept, &back] {
            assert!(world.stored(who).await.is_some());
        }
        assert_eq!(world.journal().await.last().unwrap().actor, Actor::Time);
    }

    async fn the_grace_period_of_a_connection_made_meanwhile_is_its_own(world: World) {
        let settings = "leavers = { delete_after = \"never\" }";
        let made = world.store.create_connection(world.tenant, "okta", settings, NOW).await;
        assert_eq!(made, Ok(world.connection.source.id), "it takes over what pushed before");
        let ada = world.okta_user("ada").await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        world.pass(GRACE * 2);
        let upkeep = Upkeep { tenant: world.tenant, graces: HashMap::new() };
        assert_eq!(world.engine.expire_orphans(&upkeep).await.unwrap(), 0);
        let file = [(world.connection.source.id, Some(GRACE))].into();
        let in_the_file_too = Upkeep { graces: file, ..upkeep };
        assert_eq!(world.engine.expire_orphans(&in_the_file_too).await.unwrap(), 1);
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

    async fn the_guard_is_asked_when_somebody_comes_back_inactive(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "active": true })).await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        let guarded = world.okta_with(|connection| connection.guard = Some(Arc::new(Closed)));
        let inactive = json!({ "userName": "ada", "active": false });
        let off = world.post_user(&guarded, inactive).await.unwrap_err();
        assert_eq!(off.to_string(), "Deactivates");
        let active = json!({ "userName": "ada", "active": true });
        assert!(world.post_user(&guarded, active).await.is_ok());
    }
}
