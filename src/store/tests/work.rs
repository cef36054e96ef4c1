//! Leases, runs, plans, tokens, reads: what the engine and the scheduler lean on.

use std::time::Duration;

use rollcall_directory::name::{Name, Reference, Space};

use super::*;
use crate::error::StoreError;
use crate::records::{
    JournalEvent, JournalQuery, ListQuery, MappingText, RunKind, RunQuery, RunState,
};
use crate::{By, IdKind};

const TTL: Duration = Duration::from_mins(1);

on_both! {
    async fn a_lease_has_one_holder_until_it_is_given_back(world: World) {
        let store = &world.store;
        let (first, second) = (uuid(1), uuid(2));
        let fence = store.acquire_lease("source:1", first, TTL, NOW).await.unwrap().unwrap();
        assert_eq!(store.acquire_lease("source:1", second, TTL, NOW).await, Ok(None));
        let holder = store.lease_holder("source:1", NOW).await.unwrap().unwrap();
        assert_eq!((holder.owner, holder.number), (first, fence.number));
        assert_eq!(store.renew_lease(&fence, first, TTL, NOW).await, Ok(true));
        store.release_lease(&fence, first).await.unwrap();
        assert_eq!(store.renew_lease(&fence, first, TTL, NOW).await, Ok(false));
        assert_eq!(store.lease_holder("source:1", NOW).await, Ok(None));
        let next = store.acquire_lease("source:1", second, TTL, NOW).await.unwrap().unwrap();
        assert!(next.number > fence.number);
    }

    async fn a_lease_that_has_run_out_passes_to_the_next(world: World) {
        let store = &world.store;
        let fence = store.acquire_lease("x", uuid(1), Duration::ZERO, NOW).await.unwrap().unwrap();
        let next = store.acquire_lease("x", uuid(2), TTL, NOW).await.unwrap().unwrap();
        assert_eq!(next.number, fence.number + 1);
        assert_eq!(store.renew_lease(&fence, uuid(1), TTL, NOW).await, Ok(false));
    }

    async fn numbers_are_never_given_twice(world: World) {
        let first = world.store.reserve_ids(IdKind::Link, 500).await.unwrap();
        let second = world.store.reserve_ids(IdKind::Link, 10).await.unwrap();
        assert_eq!((first.start, first.end, second.start, second.end), (1, 501, 501, 511));
        assert_eq!(world.store.reserve_ids(IdKind::Resource, 1).await.unwrap(), 1..2);
    }

    async fn a_run_whose_process_died_has_failed(world: World) {
        let store = &world.store;
        let settings = Fingerprint::of(b"settings");
        let run = store.start_run(world.source, RunKind::Sync, settings, None, NOW).await.unwrap();
        let lease = "source:1";
        let fence = store.acquire_lease(lease, uuid(1), TTL, NOW).await.unwrap().unwrap();
        let failed = store.fail_interrupted_runs(world.source, lease, NOW).await.unwrap();
        assert!(failed.is_empty(), "whose lease is held is going on");
        store.release_lease(&fence, uuid(1)).await.unwrap();
        assert_eq!(store.fail_interrupted_runs(world.source, lease, NOW).await.unwrap(), [run]);
        let run = store.run(run).await.unwrap().unwrap();
        assert_eq!((run.state, run.finished), (RunState::Failed, Some(NOW)));
        assert!(run.verdict.unwrap().contains("was interrupted"));
    }

    async fn a_run_is_reported_ended_and_moved_on_once(world: World) {
        let store = &world.store;
        let settings = Fingerprint::of(b"settings");
        let run = store.start_run(world.source, RunKind::Plan, settings, None, NOW).await.unwrap();
        store.update_run(run, &json!({"read": 3})).await.unwrap();
        let report = json!({"read": 5});
        let verdict = Some("complete");
        store.finish_run(run, RunState::Held, verdict, &report, NOW).await.unwrap();
        assert_eq!(store.change_run_state(run, RunState::Held, RunState::Applied).await, Ok(true));
        assert_eq!(store.change_run_state(run, RunState::Held, RunState::Applied).await, Ok(false));
        let query = RunQuery { source: Some(world.source), limit: 5, ..RunQuery::default() };
        let runs = store.runs(world.tenant, &query).await.unwrap();
        assert_eq!((runs.len(), runs[0].state), (1, RunState::Applied));
        assert_eq!((&runs[0].report, runs[0].settings), (&report, settings));
        let other = RunQuery { source: Some(world.other), limit: 5, ..RunQuery::default() };
        assert!(store.runs(world.tenant, &other).await.unwrap().is_empty());
        let missing = store.update_run(RunId(99), &report).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })));
    }

    async fn the_pushes_of_an_hour_are_one_run_until_it_is_undone(world: World) {
        let store = &world.store;
        let settings = Fingerprint::of(b"push");
        let run = store.push_run(world.source, NOW, settings, NOW).await.unwrap();
        assert_eq!(store.push_run(world.source, NOW, settings, NOW).await, Ok(run));
        let state = store.push_state(world.source, NOW).await.unwrap();
        assert_eq!((state.paused, state.run), (None, Some(run)));
        let kept = store.run(run).await.unwrap().unwrap();
        assert_eq!((kept.kind, kept.state), (RunKind::Push, RunState::Applied));
        let hour = NOW + Duration::from_hours(1);
        assert_eq!(store.push_state(world.source, hour).await.unwrap().run, None);
        store.change_run_state(run, RunState::Applied, RunState::Undone).await.unwrap();
        store.set_paused(world.source, Some("undone")).await.unwrap();
        let state = store.push_state(world.source, NOW).await.unwrap();
        assert_eq!((state.paused.as_deref(), state.run), (Some("undone"), None));
        assert_ne!(store.push_run(world.source, NOW, settings, NOW).await, Ok(run));
        assert!(store.push_state(SourceId(99), NOW).await.is_err());
    }

    async fn a_connection_sees_whom_it_has_not_deleted(world: World) {
        let store = &world.store;
        world.write(vec![world.user(1, "ada"), world.user(2, "bea"), world.user(3, "cyd")]).await.unwrap();
        let hidden = |id| {
            let mut link = world.link(id + 10, id);
            link.source = world.other;
            link.presence = Presence::Withdrawn;
            Write::Link { link: Box::new(link) }
        };
        let orphan = Write::Orphan { resource: ResourceId(3), since: Some(NOW) };
        world.write(vec![hidden(2), orphan]).await.unwrap();
        let ids = [1, 2, 3].map(ResourceId);
        let uuids = [1, 2, 3].map(uuid);
        let seen = async |by| store.visible_among(world.tenant, by, &ids).await.unwrap();
        assert_eq!(seen(world.other).await, [ResourceId(1)]);
        assert_eq!(seen(world.source).await, [ResourceId(1), ResourceId(2)]);
        let found = store.visible_ids(world.tenant, world.other, &uuids).await.unwrap();
        assert_eq!(found, [(uuid(1), ResourceId(1))]);
        let ada = store.visible(world.tenant, world.other, uuid(1)).await.unwrap();
        assert_eq!(ada.map(|r| r.id), Some(ResourceId(1)));
        assert_eq!(store.visible(world.tenant, world.other, uuid(2)).await, Ok(None));
        let second = store.ensure_tenant("second").await.unwrap().id;
        assert_eq!(store.visible(second, world.source, uuid(1)).await, Ok(None));
    }

    async fn single_members_are_looked_up_with_their_sources(world: World) {
        let members = |source, added: &[i64]| Write::Members {
            group: ResourceId(9),
            source,
            added: added.iter().map(|id| ResourceId(*id)).collect(),
            removed: Vec::new(),
        };
        world
            .write(vec![
                world.user(1, "ada"),
                world.user(2, "bea"),
                world.group(9, "t"),
                members(world.source, &[1]),
                members(world.other, &[1, 2]),
            ])
            .await
            .unwrap();
        let asked = [ResourceId(1), ResourceId(7)];
        let held = world.store.held_members(ResourceId(9), &asked).await.unwrap();
        assert_eq!(held, [(ResourceId(1), world.source), (ResourceId(1), world.other)]);
        let others = world.store.other_sources_of_members(ResourceId(9), world.source).await;
        assert_eq!(others.unwrap(), [world.other]);
    }

    async fn a_plan_is_read_as_it_was_saved_a_page_at_a_time(world: World) {
        let store = &world.store;
        let settings = Fingerprint::of(b"settings");
        let run = store.start_run(world.source, RunKind::Plan, settings, None, NOW).await.unwrap();
        let steps: Vec<Step> =
            (1..=5).map(|id| step(vec![world.user(id, "ada"), delete(id, 1)])).collect();
        store.save_steps(run, 0, &steps[..3]).await.unwrap();
        store.save_steps(run, 3, &steps[3..]).await.unwrap();
        assert_eq!(store.count_steps(run).await, Ok(5));
        let page = store.steps(run, 1, 2).await.unwrap();
        assert_eq!(page, [(2, steps[2].clone()), (3, steps[3].clone())]);
        store.drop_steps(run).await.unwrap();
        assert_eq!(store.count_steps(run).await, Ok(0));
    }

    async fn a_source_keeps_what_its_last_run_left(world: World) {
        let store = &world.store;
        let settings = Fingerprint::of(b"settings");
        store.source_ended_well(world.source, settings, NOW).await.unwrap();
        store.set_paused(world.source, Some("undone")).await.unwrap();
        store.set_last_due(world.source, NOW).await.unwrap();
        assert_eq!(store.validators(world.source).await.unwrap(), None);
        for validators in [Some("{}"), None] {
            store.keep_validators(world.source, validators).await.unwrap();
            let kept = store.validators(world.source).await.unwrap();
            assert_eq!(kept.as_deref(), validators);
        }
        let source = store.ensure_source(world.tenant, "hr", "http").await.unwrap();
        assert_eq!((source.id, source.settings), (world.source, Some(settings)));
        assert_eq!((source.last_complete, source.last_due), (Some(NOW), Some(NOW)));
        assert_eq!(source.paused.as_deref(), Some("undone"));
        let file = store.ensure_source(world.tenant, "hr", "file").await.unwrap();
        assert_eq!((file.id, file.kind.as_str()), (world.source, "file"));
    }

    async fn people_are_found_by_what_they_carry(world: World) {
        let ada = [
            ("userName", json!("Ada")),
            ("externalId", json!("E1")),
            ("displayName", json!("Ada Lovelace")),
            ("emails", json!([{"value": "Ada@Example.com"}, {"value": "a@example.com"}])),
        ];
        world.write(vec![world.create(1, Kind::User, &ada), world.group(2, "Ada Lovelace")])
            .await
            .unwrap();
        let found = async |kind, by, text: &str| {
            let texts = ["nobody".to_owned(), text.to_owned()];
            world.store.resources_by(world.tenant, kind, by, &texts).await.unwrap()
        };
        let user = |text: &str| vec![(text.to_owned(), ResourceId(1))];
        assert_eq!(found(Kind::User, By::UserName, "aDA").await, user("aDA"));
        assert_eq!(found(Kind::User, By::ExternalId, "E1").await, user("E1"));
        assert_eq!(found(Kind::User, By::ExternalId, "e1").await, []);
        assert_eq!(found(Kind::User, By::DisplayName, "ada lovelace").await, user("ada lovelace"));
        assert_eq!(found(Kind::User, By::Email, "ada@example.COM").await, user("ada@example.COM"));
        let id = uuid(1).to_string();
        assert_eq!(found(Kind::User, By::Uuid, &id).await, user(&id));
        let groups = found(Kind::Group, By::DisplayName, "ADA lovelace").await;
        assert_eq!(groups, [("ADA lovelace".to_owned(), ResourceId(2))]);
        world.write(vec![rename(1, 1, "ada.l")]).await.unwrap();
        assert_eq!(found(Kind::User, By::Email, "ada@example.com").await, []);
        assert_eq!(found(Kind::User, By::UserName, "ada").await, []);
    }

    async fn lists_go_on_by_number_or_by_place(world: World) {
        let users = (1..=5).map(|id| world.user(id, &format!("user-{id}"))).collect();
        world.write(users).await.unwrap();
        let list = async |query: ListQuery| {
            let list = world.store.list_resources(world.tenant, Kind::User, &query).await.unwrap();
            (list.total, list.resources.iter().map(|r| r.id.0).collect::<Vec<_>>())
        };
        let query = ListQuery { offset: 1, limit: 2, ..ListQuery::default() };
        assert_eq!(list(query).await, (5, vec![2, 3]));
        let query = ListQuery { after: Some(ResourceId(3)), limit: 9, ..ListQuery::default() };
        assert_eq!(list(query).await, (5, vec![4, 5]));
        let user_name = Some("USER-4".to_owned());
        let query = ListQuery { user_name, limit: 9, ..ListQuery::default() };
        assert_eq!(list(query).await, (1, vec![4]));
    }

    async fn links_are_found_by_key_name_resource_and_absence(world: World) {
        let store = &world.store;
        let mut gone = world.link(2, 1);
        gone.presence = Presence::Disabled;
        gone.gone_since = Some(NOW);
        gone.source = world.other;
        let name = Fingerprint::of(b"name");
        world
            .write(vec![
                world.user(1, "ada"),
                Write::Link { link: Box::new(gone.clone()) },
                Write::Names { link: LinkId(1), names: vec![name] },
            ])
            .await
            .unwrap();
        let first = world.link(1, 1);
        let keys = [EntryKey::new("key-1").unwrap(), EntryKey::new("key-2").unwrap()];
        let by_key = store.links_by_key(world.source, Kind::User, &keys).await.unwrap();
        assert_eq!(by_key, std::slice::from_ref(&first));
        let all = store.links_of(&[ResourceId(1), ResourceId(1)]).await.unwrap();
        assert_eq!(all, [first, gone.clone()]);
        let named = store.links_named(world.source, &[name]).await.unwrap();
        assert_eq!(named, [(name, LinkId(1), ResourceId(1), uuid(1))]);
        assert!(store.links_named(world.other, &[name]).await.unwrap().is_empty());
        assert_eq!(store.gone_links(world.other, NOW).await.unwrap(), [gone]);
        let earlier = store.gone_links(world.other, NOW - TTL).await.unwrap();
        assert!(earlier.is_empty());
        let marks = store.link_marks(world.source).await.unwrap();
        assert_eq!(marks.len(), 1);
        assert_eq!(marks[0].key, Fingerprint::of(b"key-1"));
    }

    async fn references_wait_for_their_names(world: World) {
        let reference = |text: &str| Reference {
            unit: Unit::from_canonical("members"),
            name: Name { space: Space::Dn, text: text.to_owned() },
        };
        let pending = |added: &[&str], removed: &[&str]| Write::Pending {
            link: LinkId(1),
            added: added.iter().map(|text| reference(text)).collect(),
            removed: removed.iter().map(|text| reference(text)).collect(),
        };
        world.write(vec![world.group(1, "Team"), pending(&["uid=a", "uid=b"], &[])])
            .await
            .unwrap();
        world.write(vec![pending(&["uid=c"], &["uid=a"])]).await.unwrap();
        let all = world.store.pending(world.source).await.unwrap();
        assert_eq!(all.len(), 2);
        let mut of_link = world.store.pending_of(&[LinkId(1)]).await.unwrap();
        of_link.sort_by(|a, b| a.reference.cmp(&b.reference));
        assert_eq!(of_link[0].reference, reference("uid=b"));
        let hashes = [reference("UID = c").name.hash()];
        let named = world.store.pending_named(world.source, &hashes).await.unwrap();
        assert_eq!(named[0].reference, reference("uid=c"));
    }

    async fn the_journal_tells_who_did_what_by_run_and_by_resource(world: World) {
        let mut relinked = world.link(1, 1);
        relinked.presence = Presence::Disabled;
        world.write(vec![world.user(1, "ada"), world.user(2, "grace")]).await.unwrap();
        world
            .write(vec![
                rename(1, 1, "ada.l"),
                Write::Relink { link: Box::new(relinked.clone()), journal: true },
                delete(1, 2),
            ])
            .await
            .unwrap();
        world.store.note(world.tenant, None, &Actor::Cli, "approved", NOW).await.unwrap();
        let page = async |query: JournalQuery| {
            world.store.journal(world.tenant, &query).await.unwrap()
        };
        let all = page(JournalQuery { limit: 99, ..JournalQuery::default() }).await;
        assert_eq!(all.len(), 6);
        let of_ada = JournalQuery { resource: Some(ResourceId(1)), limit: 99, ..Default::default() };
        let ada = page(of_ada).await;
        assert_eq!(ada.iter().map(|line| line.uuid).collect::<Vec<_>>(), [Some(uuid(1)); 4]);
        assert_eq!(ada[0].event, JournalEvent::Created);
        assert_eq!(ada[0].link, Some(LinkId(1)));
        assert_eq!((ada[0].at, ada[0].source), (NOW, Some(world.source)));
        let before = Box::new(world.link(1, 1));
        assert_eq!(ada[2].event, JournalEvent::LinkChanged { before });
        let JournalEvent::Deleted { document, links, created, .. } = &ada[3].event else {
            panic!("{:?}", ada[3]);
        };
        assert_eq!(document.text("userName"), Some("ada.l"));
        assert_eq!((links.as_slice(), *created), ([relinked].as_slice(), NOW));
        let newest = JournalQuery { newest_first: true, limit: 2, ..JournalQuery::default() };
        let newest = page(newest).await;
        assert_eq!(newest[0].actor, Actor::Cli);
        let run = JournalQuery {
            run: Some(RunId(1)),
            after_seq: Some(all[3].seq),
            limit: 99,
            ..JournalQuery::default()
        };
        assert_eq!(page(run).await, [all[4].clone()]);
    }

    async fn a_token_is_known_by_its_hash_until_it_is_revoked(world: World) {
        let store = &world.store;
        let hash = [7; 32];
        store.create_token(world.tenant, "ci", hash, "scim:read", None, NOW).await.unwrap();
        let twice = store.create_token(world.tenant, "ci", [8; 32], "scim:read", None, NOW).await;
        assert_eq!(twice, Err(StoreError::Exists { what: "token ci".to_owned() }));
        let token = store.token_by_hash(hash).await.unwrap().unwrap();
        store.touch_token(&token, NOW).await.unwrap();
        store.touch_token(&token, NOW + Duration::from_secs(59)).await.unwrap();
        let used = store.tokens(world.tenant).await.unwrap().remove(0);
        assert_eq!(used.last_used, Some(NOW), "within a minute nothing is written");
        store.touch_token(&used, NOW + TTL).await.unwrap();
        let used = store.token_by_hash(hash).await.unwrap().unwrap();
        assert_eq!(used.last_used, Some(NOW + TTL));
        assert_eq!(store.revoke_token(world.tenant, "ci").await, Ok(true));
        assert_eq!(store.revoke_token(world.tenant, "ci").await, Ok(false));
        assert_eq!(store.token_by_hash(hash).await, Ok(None));
    }

    async fn a_mapping_is_kept_as_it_was(world: World) {
        let text = MappingText {
            fingerprint: Fingerprint::of(b"mapping"),
            name: "openldap".to_owned(),
            text: "kind = 'ldap'".to_owned(),
        };
        world.store.remember_mapping(&text).await.unwrap();
        world.store.remember_mapping(&text).await.unwrap();
        assert_eq!(world.store.mapping_text(text.fingerprint).await, Ok(Some(text.clone())));
        let nul = MappingText { text: "a\0b".to_owned(), fingerprint: Fingerprint::of(b"2"), ..text };
        assert_eq!(world.store.remember_mapping(&nul).await, Err(StoreError::Nul));
    }
}
