//! DELETE and coming back.

use super::*;

on_both! {
    async fn whom_nobody_else_holds_is_gone_and_the_name_is_free(world: World) {
        let ada = world.okta_user("ada").await;
        let group = world.okta_group("Team", &[&ada]).await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        for by in [&world.okta, &world.entra] {
            assert_eq!(world.seen(by, &ada).await, None);
            let patched = world.patch_user(by, &ada, replace("title", json!("x"))).await;
            assert_eq!(patched.unwrap_err().status(), 404);
            let put = world.put_user(by, &ada, json!({ "userName": "ada" })).await;
            assert_eq!(put.unwrap_err().status(), 404);
            assert_eq!(world.delete_user(by, &ada).await.unwrap_err().status(), 404);
        }
        assert!(world.members(&group).await.is_empty());
        assert_eq!(world.stored(&group).await.unwrap().version, 2);
        let left = world.stored(&ada).await.unwrap();
        assert_eq!((left.orphaned, left.document.active()), (Some(NOW), false));
        assert!(world.by_user_name("ada").await.is_empty());
        let new = world.post_user(&world.entra, json!({ "userName": "ada" })).await.unwrap();
        assert_ne!(new.resource.uuid, ada.uuid);
        assert!(world.members(&group).await.is_empty(), "not with the old one's groups");
    }

    async fn others_keep_the_person(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "active": true })).await;
        world.patch_user(&world.okta, &ada, replace("title", json!("Dr"))).await.unwrap();
        world.delete_user(&world.okta, &ada).await.unwrap();
        assert_eq!(world.seen(&world.okta, &ada).await, None);
        assert!(world.okta.visible_among(&[ada.id]).await.unwrap().is_empty());
        let seen = world.seen(&world.entra, &ada).await.unwrap();
        assert!(seen.document.active());
        assert_eq!(text(&seen, "title"), None, "what Okta said went with it");
    }

    async fn whom_it_never_wrote_a_connection_can_hide_too(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada" })).await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        assert_eq!(world.seen(&world.okta, &ada).await, None);
        assert_eq!(world.seen(&world.entra, &ada).await.as_ref(), Some(&ada));
    }

    async fn by_the_name_of_whom_others_hold_it_is_linked_again(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada" })).await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        let body = json!({ "userName": "ADA", "nickName": "A" });
        let pushed = world.post_user(&world.okta, body).await.unwrap();
        assert!(pushed.created);
        assert_eq!((pushed.resource.id, text(&pushed.resource, "nickName")), (ada.id, Some("A")));
        assert_eq!(text(&pushed.resource, "userName"), Some("ada"), "the personnel system decides");
        assert_eq!(world.seen(&world.okta, &ada).await.unwrap().uuid, ada.uuid);
    }

    async fn with_the_same_external_id_it_is_the_same_person_without_the_old_groups(world: World) {
        let ada = world.okta_user("ada").await;
        world.patch_user(&world.okta, &ada, replace("title", json!("Dr"))).await.unwrap();
        let group = world.okta_group("Team", &[&ada]).await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        world.pass(GRACE / 2);
        let body = json!({ "userName": "ada.l", "externalId": "okta-ada" });
        let pushed = world.post_user(&world.okta, body).await.unwrap();
        assert_eq!((pushed.resource.uuid, pushed.resource.created), (ada.uuid, ada.created));
        let left = Json::Object(pushed.resource.document.as_object().clone());
        assert_eq!(left, json!({ "userName": "ada.l", "externalId": "okta-ada" }));
        assert_eq!(pushed.resource.orphaned, None);
        assert!(world.members(&group).await.is_empty());
        assert_eq!(world.by_user_name("ada.l").await, [ada.id]);
    }

    async fn after_the_grace_period_it_is_somebody_new(world: World) {
        let ada = world.okta_user("ada").await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        world.pass(GRACE + Duration::from_secs(1));
        assert_ne!(world.okta_user("ada").await.uuid, ada.uuid);
    }

    async fn if_the_name_is_taken_meanwhile_the_old_person_does_not_come_back(world: World) {
        let ada = world.okta_user("ada").await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        let taker = world.post_user(&world.entra, json!({ "userName": "ada" })).await.unwrap();
        let body = json!({ "userName": "ada", "externalId": "okta-ada" });
        let refused = world.post_user(&world.okta, body).await.unwrap_err();
        assert_eq!(refused.status(), 409);
        assert_eq!(world.by_user_name("ada").await, [taker.resource.id]);
    }

    async fn a_deleted_group_loses_its_members_and_comes_back_empty(world: World) {
        let ada = world.okta_user("ada").await;
        let body = json!({ "displayName": "Team", "externalId": "g1", "members": [
            { "value": ada.uuid }, { "value": "waited-for" },
        ] });
        let group = world.post_group(&world.okta, body).await.unwrap().resource;
        world.okta.delete(&world.group, &group.uuid.to_string(), None).await.unwrap();
        assert!(world.members(&group).await.is_empty());
        assert!(world.store.pending(world.connection.source.id).await.unwrap().is_empty());
        let body = json!({ "displayName": "Team", "externalId": "g1" });
        let back = world.post_group(&world.okta, body).await.unwrap().resource;
        assert_eq!(back.uuid, group.uuid);
        assert!(world.members(&group).await.is_empty());
    }

    async fn who_comes_back_is_found_by_those_who_waited_for_the_id(world: World) {
        let ada = world.okta_user("ada").await;
        world.delete_user(&world.okta, &ada).await.unwrap();
        let group = world.okta_group("Team", &[&ada]).await;
        assert!(world.members(&group).await.is_empty(), "whom it deleted it does not know");
        world.okta_user("ada").await;
        assert_eq!(world.members(&group).await, [ada.id]);
    }
}
