//! Connections: at most two live tokens, what guards count, the ring of requests.

use std::collections::HashSet;

use time::Duration;

use super::*;
use crate::connections::{GuardState, NewRequest, NewToken};
use crate::error::StoreError;

const HOUR: Duration = Duration::HOUR;

fn token(number: u8, expires: Option<OffsetDateTime>) -> NewToken {
    NewToken {
        lookup: Fingerprint([number; 16]),
        hash: [number; 32],
        scope: "write".to_owned(),
        addresses: "10.0.0.0/8 ::1/128".to_owned(),
        expires,
    }
}

impl World {
    async fn connection(&self, name: &str) -> SourceId {
        let made = self
            .store
            .create_connection(self.tenant, name, "profile = \"okta\"", NOW);
        made.await.unwrap()
    }

    async fn add(&self, source: SourceId, token: &NewToken) -> Option<i64> {
        let added = self.store.add_connection_token(source, token, None, NOW);
        added.await.unwrap()
    }

    /// Whether an ending is counted, with this limit within an hour.
    async fn ends(&self, whom: i64, limit: u64, at: OffsetDateTime) -> bool {
        let within = (at - HOUR, limit);
        let counted = self
            .store
            .count_ending(self.source, ResourceId(whom), within, at);
        counted.await.unwrap()
    }
}

on_both! {
    async fn a_connection_is_a_source_with_settings_and_a_name_of_its_own(world: World) {
        let store = &world.store;
        let okta = world.connection("okta").await;
        let other = store.ensure_tenant("other").await.unwrap();
        let taken = StoreError::Exists { what: "connection or source okta".to_owned() };
        let again = store.create_connection(other.id, "okta", "", NOW).await;
        assert_eq!(again, Err(taken), "a name is unique, whatever the tenant");
        assert!(store.create_connection(world.tenant, "hr", "", NOW).await.is_err());
        let pushed_before = store.ensure_source(other.id, "entra", "push").await.unwrap().id;
        assert_eq!(store.create_connection(other.id, "entra", "", NOW).await, Ok(pushed_before));
        let all = store.kept_connections().await.unwrap();
        let names: Vec<_> =
            all.iter().map(|c| (c.source.name.as_str(), c.tenant.name.as_str())).collect();
        assert_eq!(names, [("entra", "other"), ("okta", "example")]);
        let found = store.kept_connection("okta").await.unwrap().unwrap();
        assert_eq!((found.source.id, found.source.kind.as_str()), (okta, "push"));
        assert_eq!((found.settings.as_str(), found.created), ("profile = \"okta\"", NOW));
        assert_eq!(store.kept_connection("none").await, Ok(None));
    }

    async fn a_connection_has_at_most_two_live_tokens(world: World) {
        let store = &world.store;
        let okta = world.connection("okta").await;
        assert_eq!(world.add(okta, &token(1, None)).await, Some(1));
        assert_eq!(world.add(okta, &token(2, Some(NOW + HOUR))).await, Some(2));
        assert_eq!(world.add(okta, &token(3, None)).await, None);
        let later = NOW + HOUR;
        let added = store.add_connection_token(okta, &token(3, None), None, later).await;
        assert_eq!(added, Ok(Some(3)), "an expired one does not count");
        let numbers: Vec<i64> =
            store.connection_tokens(okta).await.unwrap().iter().map(|t| t.number).collect();
        assert_eq!(numbers, [1, 3]);
        assert_eq!(store.revoke_connection_token(okta, 1, later).await, Ok(true));
        assert_eq!(store.revoke_connection_token(okta, 1, later).await, Ok(false));
        let revoked = store.bearer(Fingerprint([1; 16])).await.unwrap().unwrap();
        assert_eq!(revoked.token.expires, Some(later));
        let end = later + HOUR;
        let added = store.add_connection_token(okta, &token(4, None), Some(end), later).await;
        assert_eq!(added, Ok(Some(4)));
        let ends: Vec<_> =
            store.connection_tokens(okta).await.unwrap().iter().map(|t| t.expires).collect();
        let why = "the ended ones are forgotten, the one before ends when it is told";
        assert_eq!(ends, [Some(end), None], "{why}");
    }

    async fn of_many_that_add_a_token_at_once_two_succeed(world: World) {
        let okta = world.connection("okta").await;
        let tokens: Vec<NewToken> = (1..=8).map(|number| token(number, None)).collect();
        let added = tokens.iter().map(|token| world.add(okta, token));
        let added = futures::future::join_all(added).await;
        let numbers: HashSet<i64> = added.into_iter().flatten().collect();
        assert_eq!(numbers, HashSet::from([1, 2]));
    }

    async fn a_bearer_is_found_with_connection_and_tenant(world: World) {
        let store = &world.store;
        let okta = world.connection("okta").await;
        world.add(okta, &token(1, Some(NOW + HOUR))).await;
        world.add(world.source, &token(2, None)).await;
        let found = store.bearer(Fingerprint([1; 16])).await.unwrap().unwrap();
        assert_eq!((found.hash, found.source.id), (vec![1; 32], okta));
        assert_eq!((found.tenant.id, found.tenant.name.as_str()), (world.tenant, "example"));
        assert_eq!(found.settings.as_deref(), Some("profile = \"okta\""));
        assert_eq!(found.token.addresses, "10.0.0.0/8 ::1/128");
        assert_eq!(found.token.expires, Some(NOW + HOUR));
        let of_the_file = store.bearer(Fingerprint([2; 16])).await.unwrap().unwrap();
        assert_eq!(of_the_file.settings, None);
        assert_eq!(store.bearer(Fingerprint([3; 16])).await, Ok(None));
    }

    async fn the_use_of_a_connections_token_is_written_once_a_minute(world: World) {
        let store = &world.store;
        let okta = world.connection("okta").await;
        world.add(okta, &token(1, None)).await;
        let last = async || store.connection_tokens(okta).await.unwrap().remove(0);
        let unused = last().await;
        store.touch_connection_token(&unused, NOW).await.unwrap();
        store.touch_connection_token(&unused, NOW + Duration::seconds(59)).await.unwrap();
        assert_eq!(last().await.last_used, Some(NOW));
        store.touch_connection_token(&last().await, NOW + Duration::MINUTE).await.unwrap();
        assert_eq!(last().await.last_used, Some(NOW + Duration::MINUTE));
    }

    async fn a_guard_counts_each_person_once_within_its_window(world: World) {
        let store = &world.store;
        assert!(world.ends(1, 2, NOW).await);
        assert!(world.ends(1, 2, NOW).await, "the same person is not another");
        assert!(world.ends(2, 2, NOW + Duration::MINUTE).await);
        assert!(!world.ends(3, 2, NOW + Duration::MINUTE).await);
        assert!(world.ends(2, 2, NOW + Duration::MINUTE).await, "again, with no place left");
        let counted = store.endings(world.source, NOW - HOUR).await.unwrap();
        assert_eq!((counted.count, counted.first), (2, Some(NOW)));
        assert!(world.ends(3, 2, NOW + HOUR).await, "the first has left the window");
        assert!(!world.ends(4, 2, NOW + HOUR).await);
        assert_eq!(store.endings(world.other, NOW - HOUR).await.unwrap().count, 0);
    }

    async fn of_many_that_end_somebody_at_once_no_more_than_the_limit_are_counted(world: World) {
        // Two programs on one database, as replicas are.
        let second = Store::open(&world.url, &Options::default()).await.unwrap();
        let endings = (1..=400).map(|whom| {
            let store = if whom % 2 == 0 { &world.store } else { &second };
            let within = (NOW - HOUR, 100);
            store.count_ending(world.source, ResourceId(whom), within, NOW)
        });
        let counted = futures::future::join_all(endings).await;
        let counted = counted.into_iter().filter(|counted| *counted == Ok(true));
        assert_eq!(counted.count(), 100);
        let kept = world.store.endings(world.source, NOW - HOUR).await.unwrap();
        assert_eq!(kept.count, 100);
    }

    async fn a_guard_remembers_since_when_it_holds_until_somebody_approves(world: World) {
        let store = &world.store;
        let source = world.source;
        let holds =
            async |at: OffsetDateTime| store.guard_holds(source, at - HOUR, at).await.unwrap();
        assert_eq!(store.guard_state(source).await, Ok(GuardState::default()));
        assert!(holds(NOW).await, "the first of many");
        let later = NOW + Duration::minutes(50);
        assert!(!holds(later).await);
        let state =
            GuardState { held_since: Some(NOW), held_last: Some(later), approved_until: None };
        assert_eq!(store.guard_state(source).await, Ok(state));
        let next_day = NOW + Duration::DAY;
        assert!(holds(next_day).await, "another story");
        assert!(world.ends(1, 1, next_day).await);
        let until = next_day + HOUR;
        store.approve_guard(source, until).await.unwrap();
        let state = GuardState { held_since: None, held_last: None, approved_until: Some(until) };
        assert_eq!(store.guard_state(source).await, Ok(state));
        assert_eq!(store.endings(source, NOW).await.unwrap().count, 0);
    }

    async fn active_people_are_those_whom_the_connection_holds_or_has_just_ended(world: World) {
        let mut writes = vec![world.user(1, "ada"), world.user(2, "bob"), world.group(3, "staff")];
        let left = [("userName", json!("eve")), ("active", json!(false))];
        writes.push(world.create(4, Kind::User, &left));
        world.write(writes).await.unwrap();
        let since = NOW - HOUR;
        assert_eq!(world.store.active_people_of(world.source, since).await, Ok(2));
        assert_eq!(world.store.active_people_of(world.other, since).await, Ok(0));
        // Whom it has ended was one of them; who is active all the same counts once.
        for whom in [1, 4] {
            assert!(world.ends(whom, 9, NOW).await);
        }
        assert_eq!(world.store.active_people_of(world.source, since).await, Ok(3));
        assert_eq!(world.store.active_people_of(world.source, NOW).await, Ok(2));
    }

    async fn the_last_requests_of_each_connection_stay(world: World) {
        let store = &world.store;
        let request = |source, number: i64| NewRequest {
            source,
            at: NOW + Duration::seconds(number),
            body: json!({ "number": number }),
        };
        let (hr, ad) = (world.source, world.other);
        let first: Vec<_> = (1..=3).map(|n| request(hr, n)).chain([request(ad, 9)]).collect();
        store.log_requests(&first, vec![(hr, 4), (ad, 4)]).await.unwrap();
        let more: Vec<_> = (4..=6).map(|n| request(hr, n)).collect();
        store.log_requests(&more, vec![(hr, 4)]).await.unwrap();
        let numbers = async |source, after, limit| -> Vec<i64> {
            let kept = store.logged_requests(source, after, limit).await.unwrap();
            kept.iter().map(|r| r.body["number"].as_i64().unwrap()).collect()
        };
        assert_eq!(numbers(hr, None, 10).await, [3, 4, 5, 6]);
        assert_eq!(numbers(hr, None, 2).await, [5, 6]);
        assert_eq!(numbers(ad, None, 10).await, [9]);
        let kept = store.logged_requests(hr, None, 10).await.unwrap();
        assert_eq!(kept[0].at, NOW + Duration::seconds(3));
        assert_eq!(numbers(hr, Some(kept[1].seq), 10).await, [5, 6]);
        store.log_requests(&[], vec![(hr, 0)]).await.unwrap();
        assert_eq!(numbers(hr, None, 10).await, Vec::<i64>::new());
    }
}
