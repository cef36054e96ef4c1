//! A batch is written whole or not at all, and its steps are refused one by one.

use std::time::Duration;

use rollcall_directory::name::{Name, Reference, Space};

use super::*;
use crate::By;
use crate::records::{JournalEvent, Quarantined};
use crate::writes::Fence;

on_both! {
    async fn a_batch_makes_users_groups_and_members(world: World) {
        world
            .commit(&[
                step(vec![world.user(1, "Ada"), world.user(2, "Grace")]),
                step(vec![
                    world.group(3, "Engineers"),
                    Write::Members {
                        group: ResourceId(3),
                        source: world.source,
                        added: vec![ResourceId(1), ResourceId(2)],
                        removed: Vec::new(),
                    },
                ]),
            ])
            .await
            .unwrap();
        let ada = world.resource(1).await.unwrap();
        assert_eq!(ada.document.text("userName"), Some("Ada"));
        assert_eq!((ada.version, ada.uuid, ada.created), (1, uuid(1), NOW));
        let members = world.store.members(ResourceId(3), world.source).await.unwrap();
        assert_eq!(members, [ResourceId(1), ResourceId(2)]);
        let groups = world.store.groups_of(ResourceId(2)).await.unwrap();
        assert_eq!(groups, [(ResourceId(3), world.source)]);
    }

    async fn groups_may_contain_each_other_in_the_batch_that_makes_them(world: World) {
        let contains = |group: i64, member: i64| Write::Members {
            group: ResourceId(group),
            source: world.source,
            added: vec![ResourceId(member)],
            removed: Vec::new(),
        };
        let steps = [
            step(vec![world.group(1, "a"), contains(1, 2)]),
            step(vec![world.group(2, "b"), contains(2, 1)]),
        ];
        world.commit(&steps).await.unwrap();
        assert_eq!(world.store.groups_of(ResourceId(1)).await.unwrap(), [(ResourceId(2), world.source)]);
        assert_eq!(world.store.groups_of(ResourceId(2)).await.unwrap(), [(ResourceId(1), world.source)]);
    }

    async fn nothing_refers_to_whom_somebody_else_ends_at_the_same_moment(world: World) {
        let group = world.group(1_000, "everybody");
        let people: Vec<Write> = (1..=40).map(|id| world.user(id, &format!("u{id}"))).collect();
        world.write([vec![group], people].concat()).await.unwrap();
        let end = async {
            for id in 1..=40 {
                let gone = Write::Delete { resource: ResourceId(id), base_version: 1 };
                world.write(vec![gone]).await.unwrap();
            }
        };
        let join = async {
            for id in (1..=40).rev() {
                let member = Write::Members {
                    group: ResourceId(1_000),
                    source: world.source,
                    added: vec![ResourceId(id)],
                    removed: Vec::new(),
                };
                let link = Link { key: EntryKey::new(&format!("second-{id}")).unwrap(), ..world.link(100 + id, id) };
                // Refused where the person has gone already.
                let _ = world.write(vec![member]).await;
                let _ = world.write(vec![Write::Link { link: Box::new(link) }]).await;
            }
        };
        futures::join!(end, join);
        assert_eq!(world.dangling().await, Vec::<String>::new());
    }

    async fn two_people_swap_their_names_in_one_batch(world: World) {
        world.write(vec![world.user(1, "ada"), world.user(2, "grace")]).await.unwrap();
        world.write(vec![rename(1, 1, "grace"), rename(2, 1, "ada")]).await.unwrap();
        assert_eq!(world.user_name(1).await, "grace");
        assert_eq!(world.user_name(2).await, "ada");
    }

    async fn names_move_along_a_chain_in_either_order(world: World) {
        world
            .write(vec![world.user(1, "a"), world.user(2, "b"), world.user(3, "c")])
            .await
            .unwrap();
        world
            .write(vec![rename(1, 1, "b"), rename(2, 1, "c"), rename(3, 1, "d")])
            .await
            .unwrap();
        world
            .write(vec![rename(3, 2, "c"), rename(2, 2, "b"), rename(1, 2, "a")])
            .await
            .unwrap();
        assert_eq!(world.user_name(3).await, "c");
        assert_eq!(world.resource(1).await.unwrap().version, 3);
    }

    async fn a_joiner_takes_the_name_of_a_leaver_of_the_same_batch(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        world.write(vec![world.user(2, "ada"), delete(1, 1)]).await.unwrap();
        assert_eq!(world.user_name(2).await, "ada");
        assert!(world.resource(1).await.is_none());
    }

    async fn a_name_is_taken_whatever_its_case_even_by_somebody_inactive(world: World) {
        let inactive = [("userName", json!("Ada")), ("active", json!(false))];
        world.write(vec![world.create(1, Kind::User, &inactive)]).await.unwrap();
        let (index, cause) = world
            .refused(vec![world.user(2, "grace"), world.user(3, "ADA")])
            .await;
        assert_eq!(index, 1);
        assert_eq!(
            cause,
            StepConflict::UserNameTaken { name: "ADA".to_owned(), holder: ResourceId(1) }
        );
        assert!(world.resource(2).await.is_none(), "nothing of a refused batch is written");
    }

    async fn of_two_that_take_one_name_the_later_is_refused(world: World) {
        let (index, cause) = world
            .refused(vec![world.user(2, "ada"), world.user(1, "Ada")])
            .await;
        assert_eq!(index, 1);
        assert!(matches!(cause, StepConflict::UserNameTaken { holder: ResourceId(2), .. }));
    }

    async fn another_tenant_may_use_the_same_name(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let tenant = world.store.ensure_tenant("second").await.unwrap().id;
        let source = world.store.ensure_source(tenant, "hr", "http").await.unwrap().id;
        let second = World { tenant, source, ..world };
        second.write(vec![second.user(2, "ada")]).await.unwrap();
    }

    async fn groups_may_share_a_display_name(world: World) {
        world.write(vec![world.group(1, "Team"), world.group(2, "Team")]).await.unwrap();
    }

    async fn a_change_of_what_has_changed_is_refused(world: World) {
        world.write(vec![world.user(1, "ada"), world.user(2, "grace")]).await.unwrap();
        world.write(vec![rename(1, 1, "ada.l")]).await.unwrap();
        let stale = (
            1,
            StepConflict::Version { resource: ResourceId(1), expected: 1, found: 2 },
        );
        assert_eq!(world.refused(vec![rename(2, 1, "g"), rename(1, 1, "a")]).await, stale);
        assert_eq!(world.refused(vec![rename(2, 1, "g"), delete(1, 1)]).await, stale);
        assert_eq!(world.user_name(2).await, "grace");
    }

    async fn what_builds_on_something_gone_is_refused(world: World) {
        world.write(vec![world.user(1, "ada"), world.group(9, "Team")]).await.unwrap();
        let gone = |what: &str| (1, StepConflict::Gone { what: what.to_owned() });
        let harmless = || Write::Members {
            group: ResourceId(9),
            source: world.source,
            added: Vec::new(),
            removed: Vec::new(),
        };
        let refused = async |write: Write| world.refused(vec![harmless(), write]).await;
        assert_eq!(refused(rename(7, 1, "x")).await, gone("resource 7"));
        assert_eq!(refused(delete(7, 1)).await, gone("resource 7"));
        let link = Box::new(world.link(7, 7));
        assert_eq!(refused(Write::Link { link: link.clone() }).await, gone("resource 7"));
        let here = Box::new(world.link(7, 1));
        for journal in [true, false] {
            let relink = Write::Relink { link: here.clone(), journal };
            assert_eq!(refused(relink).await, gone("link 7"));
        }
        assert_eq!(refused(Write::Unlink { link: LinkId(7) }).await, gone("link 7"));
        let names = Write::Names { link: LinkId(7), names: vec![Fingerprint::of(b"x")] };
        assert_eq!(refused(names).await, gone("link 7"));
        let members = |group, member| Write::Members {
            group: ResourceId(group),
            source: world.source,
            added: vec![ResourceId(member)],
            removed: Vec::new(),
        };
        assert_eq!(refused(members(9, 7)).await, gone("resource 7"));
        assert_eq!(refused(members(7, 1)).await, gone("resource 7"));
    }

    async fn what_is_there_already_is_refused(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let exists = |what: &str| StepConflict::Exists { what: what.to_owned() };
        let (_, cause) = world.refused(vec![world.user(1, "grace")]).await;
        assert_eq!(cause, exists("resource 1"));
        let link = Box::new(world.link(1, 1));
        let (_, cause) = world.refused(vec![Write::Link { link }]).await;
        assert_eq!(cause, exists("link 1"));
        let mut link = Box::new(world.link(2, 1));
        link.key = EntryKey::new("key-1").unwrap();
        let (_, cause) = world.refused(vec![Write::Link { link }]).await;
        assert_eq!(cause, StepConflict::KeyTaken { key: "key-1".to_owned() });
    }

    async fn values_that_no_index_holds_are_refused_by_attribute(world: World) {
        let long = "x".repeat(1_025);
        let user = [("userName", json!("ada")), ("displayName", json!(long))];
        let (_, cause) = world.refused(vec![world.create(1, Kind::User, &user)]).await;
        assert_eq!(cause, StepConflict::TooLong { attribute: "displayName".to_owned(), limit_bytes: 1_024 });
        let user = [("userName", json!("a\0da"))];
        let (_, cause) = world.refused(vec![world.create(1, Kind::User, &user)]).await;
        assert_eq!(cause, StepConflict::Nul { attribute: "userName".to_owned() });
        let user = [("userName", json!("ada")), ("title", json!("a\0b"))];
        world.write(vec![world.create(1, Kind::User, &user)]).await.unwrap();
        let kept = world.resource(1).await.unwrap();
        assert_eq!(kept.document.text("title"), Some("a\0b"));
    }

    async fn one_batch_may_write_the_same_rows_again_and_again(world: World) {
        let mut relinked = world.link(1, 1);
        relinked.contribution = contribution(&[("title", json!("Countess"))]);
        world
            .write(vec![
                world.user(1, "ada"),
                rename(1, 1, "ada.l"),
                Write::Relink { link: Box::new(relinked.clone()), journal: true },
                rename(1, 2, "ada.lovelace"),
                Write::Names { link: LinkId(1), names: vec![Fingerprint::of(b"a")] },
                Write::Names { link: LinkId(1), names: vec![Fingerprint::of(b"b")] },
                world.user(2, "grace"),
                delete(2, 1),
                Write::Unlink { link: LinkId(1) },
                Write::Link { link: Box::new(relinked.clone()) },
            ])
            .await
            .unwrap();
        assert_eq!(world.resource(1).await.unwrap().version, 3);
        assert_eq!(world.user_name(1).await, "ada.lovelace");
        assert!(world.resource(2).await.is_none());
        assert_eq!(world.store.links(&[LinkId(1)]).await.unwrap(), [relinked]);
        let named = world.store.links_named(world.source, &[Fingerprint::of(b"b")]).await.unwrap();
        assert!(named.is_empty(), "a link that was cut has lost its names");
    }

    async fn a_resource_takes_all_that_hangs_on_it_along_and_comes_back_as_it_was(world: World) {
        let reference = Reference {
            unit: Unit::from_canonical("members"),
            name: Name { space: Space::Dn, text: "uid=x".to_owned() },
        };
        world
            .write(vec![
                world.user(1, "ada"),
                world.group(2, "Team"),
                Write::Members {
                    group: ResourceId(2),
                    source: world.source,
                    added: vec![ResourceId(1)],
                    removed: Vec::new(),
                },
                Write::Names { link: LinkId(1), names: vec![Fingerprint::of(b"ada")] },
                Write::Pending {
                    link: LinkId(1),
                    added: vec![reference.clone()],
                    removed: Vec::new(),
                },
            ])
            .await
            .unwrap();
        let before = world.store.dump(world.tenant).await.unwrap();
        world.write(vec![delete(1, 1)]).await.unwrap();
        assert!(world.store.links_of(&[ResourceId(1)]).await.unwrap().is_empty());
        assert!(world.store.pending(world.source).await.unwrap().is_empty());
        assert!(world.store.all_members(ResourceId(2)).await.unwrap().is_empty());
        world
            .write(vec![
                Write::Restore {
                    resource: ResourceId(1),
                    uuid: uuid(1),
                    kind: Kind::User,
                    document: document(&[("userName", json!("ada"))]),
                    created: NOW - Duration::from_mins(1),
                },
                Write::Link { link: Box::new(world.link(1, 1)) },
                Write::Members {
                    group: ResourceId(2),
                    source: world.source,
                    added: vec![ResourceId(1)],
                    removed: Vec::new(),
                },
                Write::Names { link: LinkId(1), names: vec![Fingerprint::of(b"ada")] },
                Write::Pending { link: LinkId(1), added: vec![reference], removed: Vec::new() },
            ])
            .await
            .unwrap();
        assert_eq!(world.store.dump(world.tenant).await.unwrap(), before);
        let ada = world.resource(1).await.unwrap();
        assert_eq!(ada.created, NOW - Duration::from_mins(1));
    }

    async fn who_has_no_source_any_more_is_inactive_until_one_returns(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let orphan = |since| Write::Orphan { resource: ResourceId(1), since };
        world.write(vec![orphan(Some(NOW))]).await.unwrap();
        let statistics = world.store.statistics().await.unwrap();
        assert_eq!((statistics[0].users, statistics[0].active_users), (1, 0));
        let orphans = world.store.orphans(world.tenant, NOW).await.unwrap();
        assert_eq!(orphans.len(), 1);
        assert_eq!(orphans[0].orphaned, Some(NOW));
        world.write(vec![orphan(None)]).await.unwrap();
        assert_eq!(world.store.statistics().await.unwrap()[0].active_users, 1);
        assert!(world.store.orphans(world.tenant, NOW).await.unwrap().is_empty());
    }

    async fn whom_no_source_holds_gives_up_the_name_and_takes_it_back_if_it_is_free(world: World) {
        world.write(vec![world.user(1, "Ada"), world.user(2, "bea")]).await.unwrap();
        let orphan = |since| Write::Orphan { resource: ResourceId(1), since };
        world.write(vec![orphan(Some(NOW))]).await.unwrap();
        let found = async |by| {
            let texts = ["ADA".to_owned()];
            let found = world.store.resources_by(world.tenant, Kind::User, by, &texts).await;
            found.unwrap().into_iter().map(|(_, id)| id.0).collect::<Vec<_>>()
        };
        assert_eq!((found(By::UserName).await, found(By::FreedName).await), (vec![], vec![1]));
        world.write(vec![orphan(None)]).await.unwrap();
        assert_eq!((found(By::UserName).await, found(By::FreedName).await), (vec![1], vec![]));
        world.write(vec![orphan(Some(NOW)), rename(2, 1, "ada")]).await.unwrap();
        let taken = StepConflict::UserNameTaken { name: "Ada".to_owned(), holder: ResourceId(2) };
        assert_eq!(world.refused(vec![orphan(None)]).await, (0, taken));
        world.write(vec![orphan(None), rename(2, 2, "bea")]).await.unwrap();
        assert_eq!(found(By::UserName).await, [1]);
        // A change of somebody whom no source holds does not take a name.
        world.write(vec![orphan(Some(NOW)), rename(1, 1, "bea")]).await.unwrap();
        assert_eq!(world.user_name(1).await, "bea");
    }

    async fn nobody_links_to_somebody_whom_no_source_holds(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let orphan = |since| Write::Orphan { resource: ResourceId(1), since };
        world.write(vec![orphan(Some(NOW))]).await.unwrap();
        let link = || Write::Link { link: Box::new(world.link(2, 1)) };
        let (_, cause) = world.refused(vec![link()]).await;
        assert_eq!(cause, StepConflict::Said { resource: ResourceId(1) });
        world.write(vec![link(), orphan(None)]).await.unwrap();
    }

    async fn members_raise_their_groups_version_but_not_its_documents(world: World) {
        let members = |added: &[i64], removed: &[i64]| Write::Members {
            group: ResourceId(9),
            source: world.source,
            added: added.iter().map(|id| ResourceId(*id)).collect(),
            removed: removed.iter().map(|id| ResourceId(*id)).collect(),
        };
        world
            .write(vec![world.user(1, "ada"), world.user(2, "bea"), world.group(9, "t"), members(&[1], &[])])
            .await
            .unwrap();
        let versions = async || {
            let group = world.resource(9).await.unwrap();
            (group.version, group.document_version)
        };
        assert_eq!(versions().await, (1, 1), "made with the group");
        let query = crate::records::JournalQuery { limit: 100, ..Default::default() };
        let lines = async || world.store.journal(world.tenant, &query).await.unwrap().len();
        let before = lines().await;
        world.write(vec![members(&[1], &[2])]).await.unwrap();
        assert_eq!((versions().await, lines().await), ((1, 1), before), "nobody comes or goes");
        world.write(vec![members(&[1, 2], &[])]).await.unwrap();
        assert_eq!(versions().await, (2, 1));
        let last = world.store.journal(world.tenant, &query).await.unwrap().pop().unwrap();
        let event = JournalEvent::Members { added: vec![ResourceId(2)], removed: Vec::new() };
        assert_eq!(last.event, event, "only who came");
        // What was computed from the document still fits.
        world.write(vec![update(9, 1, &[("displayName", json!("T"))])]).await.unwrap();
        assert_eq!(versions().await, (3, 2));
        world.write(vec![members(&[], &[1]), members(&[], &[2])]).await.unwrap();
        assert_eq!(versions().await, (4, 2), "once a batch");
    }

    async fn a_change_can_expect_what_it_was_computed_from(world: World) {
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let links = world.store.links_of(&[ResourceId(1)]).await.unwrap();
        let expect = |version, links: &[Link]| Write::Expect {
            resource: ResourceId(1),
            version,
            said: Some(crate::said(links)),
        };
        world.write(vec![expect(Some(1), &links)]).await.unwrap();
        let stale = StepConflict::Version { resource: ResourceId(1), expected: 2, found: 1 };
        assert_eq!(world.refused(vec![expect(Some(2), &links)]).await, (0, stale));
        let mut other = world.link(2, 1);
        other.source = world.other;
        world.write(vec![Write::Link { link: Box::new(other) }]).await.unwrap();
        let said = StepConflict::Said { resource: ResourceId(1) };
        assert_eq!(world.refused(vec![expect(Some(1), &links)]).await, (0, said));
        let links = world.store.links_of(&[ResourceId(1)]).await.unwrap();
        world.write(vec![expect(None, &links)]).await.unwrap();
    }

    async fn entries_enter_and_leave_quarantine(world: World) {
        let entry = Quarantined {
            source: world.source,
            kind: Kind::User,
            name: "key-1".to_owned(),
            locator: Locator::Line(7),
            reason: "no userName".to_owned(),
            flaws: Vec::new(),
            since: RunId(1),
        };
        let quarantine = |entry: &Quarantined| Write::Quarantine { entry: Box::new(entry.clone()) };
        world.write(vec![quarantine(&entry)]).await.unwrap();
        let worse = Quarantined { reason: "worse".to_owned(), ..entry.clone() };
        world.write(vec![quarantine(&worse)]).await.unwrap();
        assert_eq!(world.store.quarantined(world.source).await.unwrap(), [worse]);
        let release = Write::Release {
            source: world.source,
            kind: Kind::User,
            name: "key-1".to_owned(),
        };
        world.write(vec![release]).await.unwrap();
        assert!(world.store.quarantined(world.source).await.unwrap().is_empty());
    }

    async fn whoever_has_lost_the_lease_writes_nothing(world: World) {
        let store = &world.store;
        let (first, second) = ("first", "second");
        let ttl = Duration::from_mins(1);
        let fence = store.acquire_lease("source:1", first, ttl, NOW).await.unwrap().unwrap();
        let commit = async |fence: &Fence, write: Write| {
            let steps = [step(vec![write])];
            let actor = Actor::Run(RunId(1));
            store.commit(&steps, &actor, None, world.tenant, Some(fence), NOW).await
        };
        commit(&fence, world.user(1, "ada")).await.unwrap();
        store.release_lease(&fence, first).await.unwrap();
        store.acquire_lease("source:1", second, ttl, NOW).await.unwrap().unwrap();
        let refused = commit(&fence, world.user(2, "grace")).await;
        assert_eq!(refused, Err(CommitError::Fenced { lease: "source:1".to_owned() }));
        assert!(world.resource(2).await.is_none());
    }

    async fn many_writers_at_once_all_get_their_turn(world: World) {
        let writers = (1..=40).map(|id| {
            let write = world.user(id, &format!("user-{}", id % 20));
            let world = &world;
            async move { world.write(vec![write]).await.is_ok() }
        });
        let done = futures::future::join_all(writers).await;
        assert_eq!(done.into_iter().filter(|good| *good).count(), 20);
        assert_eq!(world.store.statistics().await.unwrap()[0].users, 20);
    }
}
