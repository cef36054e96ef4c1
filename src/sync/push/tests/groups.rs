//! Groups: members are rows, and each source removes only its own.

use super::*;

/// So many that loading them would be noticed.
const MANY: i64 = 10_000;

on_both! {
    async fn members_come_and_go_one_by_one(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        let group = world.okta_group("Team", &[&ada]).await;
        assert_eq!((group.version, world.members(&group).await), (1, vec![ada.id]));
        world.pass(Duration::from_mins(1));
        let pushed = world.patch_group(&world.okta, &group, add_member(bea.uuid)).await.unwrap();
        assert_eq!(pushed.resource.version, 2, "the entity tag tells that members came");
        assert!(pushed.resource.modified > group.modified);
        assert_eq!(world.members(&group).await, [ada.id, bea.id]);
        let pushed = world.patch_group(&world.okta, &group, remove_member(ada.uuid)).await.unwrap();
        assert_eq!(pushed.resource.version, 3);
        assert_eq!(world.members(&group).await, [bea.id]);
    }

    async fn who_comes_again_or_goes_again_changes_nothing(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        let group = world.okta_group("Team", &[&ada]).await;
        let lines = world.journal().await.len();
        world.pass(Duration::from_mins(1));
        for operations in [
            add_member(ada.uuid),
            remove_member(bea.uuid),
            remove_member("nobody"),
            replace("members", json!([{ "value": ada.uuid }])),
            replace("displayName", json!("Team")),
            json!([{ "op": "replace", "value": { "id": group.uuid, "displayName": "Team" } }]),
        ] {
            let pushed = world.patch_group(&world.okta, &group, operations.clone()).await.unwrap();
            assert!(!pushed.changed, "{operations}");
            assert_eq!(pushed.resource, group);
        }
        assert_eq!(world.journal().await.len(), lines);
    }

    async fn several_operations_are_one_change(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        let group = world.okta_group("Team", &[&ada]).await;
        let operations = json!([
            { "op": "remove", "path": format!("members[value eq \"{}\"]", ada.uuid) },
            { "op": "add", "path": "members", "value": [{ "value": bea.uuid, "display": "B" }] },
            { "op": "replace", "path": "displayName", "value": "The Team" },
        ]);
        let pushed = world.patch_group(&world.okta, &group, operations).await.unwrap();
        assert_eq!(pushed.resource.version, 2);
        assert_eq!(text(&pushed.resource, "displayName"), Some("The Team"));
        assert_eq!(world.members(&group).await, [bea.id]);
    }

    async fn the_whole_list_is_compared_and_cleared(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        let cyd = world.okta_user("cyd").await;
        let group = world.okta_group("Team", &[&ada, &bea]).await;
        let list = json!([{ "value": bea.uuid }, { "value": cyd.uuid }]);
        world.patch_group(&world.okta, &group, replace("members", list)).await.unwrap();
        assert_eq!(world.members(&group).await, [bea.id, cyd.id]);
        let body = with_schema(GROUP, json!({ "displayName": "Team", "members": [] }));
        let id = group.uuid.to_string();
        let pushed = world.okta.replace(&world.group, &id, body, None).await.unwrap();
        assert_eq!(pushed.resource.version, 3);
        assert!(world.members(&group).await.is_empty());
    }

    async fn a_condition_selects_members_by_what_they_are(world: World) {
        let ada = world.okta_user("ada").await;
        let inner = world.okta_group("Inner", &[]).await;
        let group = world.okta_group("Outer", &[&ada, &inner]).await;
        let operations = json!([{ "op": "remove", "path": "members[type eq \"Group\"]" }]);
        world.patch_group(&world.okta, &group, operations).await.unwrap();
        assert_eq!(world.members(&group).await, [ada.id]);
    }

    async fn a_client_removes_only_its_own(world: World) {
        let ada = world.okta_user("ada").await;
        let group = world.hr_brings(Kind::Group, json!({ "displayName": "Team" })).await;
        world.hr_writes(vec![Write::Members {
            group: group.id,
            source: world.hr,
            added: vec![ada.id],
            removed: Vec::new(),
        }]).await;
        let pushed = world.patch_group(&world.okta, &group, remove_member(ada.uuid)).await.unwrap();
        assert!(!pushed.changed);
        assert_eq!(pushed.overruled[0].to_string(), "members: source hr decides");
        let list = json!([{ "value": ada.uuid }]);
        let mirrored = world.patch_group(&world.okta, &group, replace("members", list)).await.unwrap();
        assert!(!mirrored.changed, "what is so already is not said again");
        let said = world.patch_group(&world.okta, &group, add_member(ada.uuid)).await.unwrap();
        assert!(said.changed, "but who is added by name is this client's, too");
        let rows = world.store.all_members(group.id).await.unwrap();
        assert_eq!(rows, [(ada.id, world.hr), (ada.id, world.connection.source.id)]);
        let clear = json!([{ "op": "remove", "path": "members" }]);
        let cleared = world.patch_group(&world.okta, &group, clear).await.unwrap();
        assert_eq!(cleared.overruled.len(), 1);
        assert_eq!(world.members(&group).await, [ada.id]);
    }

    async fn one_member_of_ten_thousand_costs_one_row(world: World) {
        let group = world.okta_group("Everybody", &[]).await;
        let ids = world.store.reserve_ids(IdKind::Resource, u32::try_from(MANY).unwrap()).await.unwrap();
        let links = world.store.reserve_ids(IdKind::Link, u32::try_from(MANY).unwrap()).await.unwrap();
        let mut writes = Vec::new();
        let blank = world.hr_link(Kind::User, ResourceId(0), json!({})).await;
        for (id, link) in ids.clone().zip(links) {
            let mut document = Document::default();
            document.set(&Unit::from_canonical("userName"), Some(json!(format!("u{id}"))));
            writes.push(Write::Create {
                resource: ResourceId(id),
                uuid: Uuid::from_u128(u128::from(id.unsigned_abs()) + (7 << 76)),
                kind: Kind::User,
                document,
                link: Box::new(Link {
                    id: LinkId(link),
                    resource: ResourceId(id),
                    key: EntryKey::new(&format!("many-{id}")).unwrap(),
                    ..blank.clone()
                }),
            });
        }
        writes.push(Write::Members {
            group: group.id,
            source: world.connection.source.id,
            added: ids.map(ResourceId).collect(),
            removed: Vec::new(),
        });
        world.hr_writes(writes).await;
        let ada = world.okta_user("ada").await;
        let last = JournalQuery { limit: 1, newest_first: true, ..JournalQuery::default() };
        let before = world.store.journal(world.tenant, &last).await.unwrap()[0].seq;
        for operations in [add_member(ada.uuid), remove_member(ada.uuid)] {
            assert!(world.patch_group(&world.okta, &group, operations).await.unwrap().changed);
        }
        let query = JournalQuery { after_seq: Some(before), limit: 10, ..JournalQuery::default() };
        let lines = world.store.journal(world.tenant, &query).await.unwrap();
        let lines: Vec<Json> = lines.iter().map(|l| serde_json::to_value(&l.event).unwrap()).collect();
        assert_eq!(lines, [
            json!({ "action": "members", "added": [ada.id], "removed": [] }),
            json!({ "action": "members", "added": [], "removed": [ada.id] }),
        ]);
        assert_eq!(world.members(&group).await.len(), usize::try_from(MANY).unwrap());
    }

    async fn who_is_not_here_yet_is_waited_for_by_id_or_external_id(world: World) {
        let group = world.okta_group("Team", &[]).await;
        let pushed = world.patch_group(&world.okta, &group, add_member("okta-ada")).await.unwrap();
        assert!(pushed.changed);
        assert!(world.members(&group).await.is_empty());
        let again = world.patch_group(&world.okta, &group, add_member("okta-ada")).await.unwrap();
        assert!(!again.changed);
        let ada = world.okta_user("ada").await;
        assert_eq!(world.members(&group).await, [ada.id], "in the same commit");
        assert!(world.store.pending(world.connection.source.id).await.unwrap().is_empty());
        assert_eq!(world.stored(&group).await.unwrap().version, pushed.resource.version + 1);
        let other = world.okta_group("Other", &[]).await;
        world.patch_group(&world.okta, &other, add_member("okta-ada")).await.unwrap();
        assert_eq!(world.members(&other).await, [ada.id], "who is here is found at once");
    }

    async fn who_gets_an_external_id_later_is_found_too(world: World) {
        let body = json!({ "displayName": "Team", "members": [{ "value": "e7" }] });
        let group = world.post_group(&world.okta, body).await.unwrap().resource;
        let ada = world.hr_user(json!({ "userName": "ada" })).await;
        world.patch_user(&world.okta, &ada, replace("externalId", json!("e7"))).await.unwrap();
        assert_eq!(world.members(&group).await, [ada.id]);
    }

    async fn whom_nobody_waits_for_any_more_does_not_become_a_member(world: World) {
        let group = world.okta_group("Team", &[]).await;
        for (operations, name) in [
            (remove_member("okta-ada"), "ada"),
            (json!([{ "op": "remove", "path": "members" }]), "bea"),
            (replace("members", json!([{ "value": "okta-zoe" }])), "cyd"),
        ] {
            let waits = add_member(format!("okta-{name}"));
            world.patch_group(&world.okta, &group, waits).await.unwrap();
            assert!(world.patch_group(&world.okta, &group, operations).await.unwrap().changed);
            world.okta_user(name).await;
            assert!(world.members(&group).await.is_empty(), "{name}");
        }
    }

    async fn a_connection_may_refuse_whom_nobody_knows(world: World) {
        let strict = world.okta_with(|c| c.unknown_members = UnknownMembers::Refused);
        let group = world.okta_group("Team", &[]).await;
        let refused = world.patch_group(&strict, &group, add_member("nobody")).await.unwrap_err();
        assert_eq!((refused.status(), refused.to_string().contains("`nobody`")), (400, true));
        let body = json!({ "displayName": "x", "members": [{ "value": "nobody" }] });
        assert!(world.post_group(&strict, body).await.is_err());
    }

    async fn groups_may_contain_each_other_but_not_themselves(world: World) {
        let a = world.okta_group("a", &[]).await;
        let b = world.okta_group("b", &[&a]).await;
        world.patch_group(&world.okta, &a, add_member(b.uuid)).await.unwrap();
        assert_eq!((world.members(&a).await, world.members(&b).await), (vec![b.id], vec![a.id]));
        let refused = world.patch_group(&world.okta, &a, add_member(a.uuid)).await.unwrap_err();
        assert_eq!(refused.status(), 400);
    }

    async fn members_of_another_tenant_are_nobody(world: World) {
        let tenant = world.store.ensure_tenant("second").await.unwrap().id;
        let source = world.store.ensure_source(tenant, "okta", KIND).await.unwrap();
        let other = world.okta_with(|connection| connection.source = source);
        let stranger = world.post_user(&other, json!({ "userName": "eve" })).await.unwrap().resource;
        let group = world.okta_group("Team", &[]).await;
        world.patch_group(&world.okta, &group, add_member(stranger.uuid)).await.unwrap();
        assert!(world.members(&group).await.is_empty());
    }
}
