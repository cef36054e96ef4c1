//! Several requests at the same moment.

use super::*;

on_both! {
    async fn of_twenty_who_want_one_name_exactly_one_gets_it(world: World) {
        let posts = (0..20).map(|n| {
            let by = if n % 2 == 0 { &world.okta } else { &world.entra };
            world.post_user(by, json!({ "userName": "ada", "title": n.to_string() }))
        });
        let answers = futures::future::join_all(posts).await;
        let statuses = answers.iter().map(|a| a.as_ref().map_or_else(PushError::status, |_| 201));
        let mut statuses: Vec<u16> = statuses.collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [[201].as_slice(), &[409; 19]].concat());
        assert_eq!(world.by_user_name("ada").await.len(), 1);
    }

    async fn of_those_who_expect_a_version_exactly_one_wins(world: World) {
        let ada = world.okta_user("ada").await;
        let group = world.okta_group("Team", &[]).await;
        let read = IfMatch::Versions(vec![1]);
        let id = ada.uuid.to_string();
        let requests: Vec<_> = (0..8).map(|n| patch(replace("title", json!(n.to_string())))).collect();
        let writes = requests.iter().map(|r| world.okta.patch(&world.user, &id, r, Some(&read)));
        let answers = futures::future::join_all(writes).await;
        assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
        assert!(answers.iter().flat_map(|a| a.as_ref().err()).all(|e| e.status() == 412));
        assert_eq!(world.stored(&ada).await.unwrap().version, 2);
        // Members alone are a change of the group, too.
        let id = group.uuid.to_string();
        let requests: Vec<_> = (0..8).map(|n| patch(add_member(format!("x{n}")))).collect();
        let requests = requests.iter().chain([]);
        let add = patch(add_member(ada.uuid));
        world.okta.patch(&world.group, &id, &add, Some(&read)).await.unwrap();
        for request in requests {
            let late = world.okta.patch(&world.group, &id, request, Some(&read)).await;
            assert_eq!(late.unwrap_err().status(), 412);
        }
    }

    async fn whoever_expects_nothing_gets_their_turn(world: World) {
        let ada = world.okta_user("ada").await;
        let paths = ["title", "nickName", "locale", "timezone", "userType", "displayName"];
        let writes = paths.map(|path| world.patch_user(&world.okta, &ada, replace(path, json!("x"))));
        for answer in futures::future::join_all(writes).await {
            answer.unwrap();
        }
        let left = world.stored(&ada).await.unwrap();
        assert_eq!(left.version, 7);
        assert!(paths.iter().all(|path| text(&left, path) == Some("x")));
    }

    async fn what_is_overruled_is_not_lost_either(world: World) {
        let body = json!({
            "userName": "ada", "title": "hr", "nickName": "hr", "locale": "hr", "timezone": "hr",
        });
        let ada = world.hr_user(body).await;
        let paths = ["title", "nickName", "locale", "timezone"];
        let writes = paths.map(|path| world.patch_user(&world.okta, &ada, replace(path, json!("x"))));
        for answer in futures::future::join_all(writes).await {
            answer.unwrap();
        }
        let said = json!({ "title": "x", "nickName": "x", "locale": "x", "timezone": "x" });
        assert_eq!(world.okta_says(&ada).await, said);
    }

    async fn members_who_come_at_once_all_come(world: World) {
        let group = world.okta_group("Team", &[]).await;
        let mut people = Vec::new();
        for n in 0..20 {
            people.push(world.okta_user(&format!("u{n}")).await);
        }
        let adds = people.iter().map(|who| world.patch_group(&world.okta, &group, add_member(who.uuid)));
        for answer in futures::future::join_all(adds).await {
            assert!(answer.unwrap().changed);
        }
        assert_eq!(world.members(&group).await.len(), 20);
        assert_eq!(world.stored(&group).await.unwrap().version, 21);
    }

    async fn one_who_is_deleted_while_another_source_links_to_them_stays(world: World) {
        for n in 0..10 {
            let ada = world.okta_user(&format!("ada{n}")).await;
            let delete = world.delete_user(&world.okta, &ada);
            let change = world.patch_user(&world.entra, &ada, replace("title", json!("Dr")));
            let (deleted, linked) = futures::join!(delete, change);
            deleted.unwrap();
            let left = world.stored(&ada).await.unwrap();
            match linked {
                Ok(_) => assert_eq!((left.orphaned, text(&left, "title")), (None, Some("Dr"))),
                Err(error) => assert_eq!((left.orphaned.is_some(), error.status()), (true, 404)),
            }
        }
    }
}
