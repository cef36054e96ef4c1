//! People: made, changed, shared with other sources.

use super::*;

on_both! {
    async fn what_is_posted_is_there(world: World) {
        let body = json!({
            "userName": "ada",
            "externalId": "e1",
            "name": { "givenName": "Ada" },
            "emails": [{ "value": "ada@example.org", "type": "work" }],
            "id": "mine",
        });
        let pushed = world.post_user(&world.okta, body).await.unwrap();
        assert!(pushed.created && pushed.changed && pushed.overruled.is_empty());
        let ada = &pushed.resource;
        assert_eq!((ada.version, ada.created, ada.modified), (1, NOW, NOW));
        assert_eq!(world.stored(ada).await.as_ref(), Some(ada));
        assert_eq!(world.seen(&world.entra, ada).await.as_ref(), Some(ada));
        assert_eq!(world.okta_says(ada).await["name.givenName"], "Ada");
    }

    async fn a_name_that_is_visible_is_taken_in_any_case(world: World) {
        world.okta_user("ada").await;
        for by in [&world.okta, &world.entra] {
            let refused = world.post_user(by, json!({ "userName": "ADA" })).await.unwrap_err();
            assert!(matches!(refused, PushError::Uniqueness { .. }), "{refused}");
        }
        let bea = world.okta_user("bea").await;
        let refused = world.patch_user(&world.okta, &bea, replace("userName", json!("Ada"))).await;
        assert!(matches!(refused, Err(PushError::Uniqueness { .. })));
        let put = world.put_user(&world.okta, &bea, json!({ "userName": "ada" })).await;
        assert!(matches!(put, Err(PushError::Uniqueness { .. })));
        assert_eq!(text(&world.stored(&bea).await.unwrap(), "userName"), Some("bea"));
    }

    async fn two_people_swap_their_names_by_way_of_a_third(world: World) {
        let (ada, bea) = (world.okta_user("ada").await, world.okta_user("bea").await);
        for (who, name) in [(&ada, "third"), (&bea, "ada"), (&ada, "bea")] {
            world.patch_user(&world.okta, who, replace("userName", json!(name))).await.unwrap();
        }
        assert_eq!(text(&world.stored(&ada).await.unwrap(), "userName"), Some("bea"));
        assert_eq!(text(&world.stored(&bea).await.unwrap(), "userName"), Some("ada"));
    }

    async fn what_changes_nothing_writes_nothing(world: World) {
        let body = json!({ "userName": "ada", "title": "Dr", "active": true });
        let ada = world.post_user(&world.okta, body.clone()).await.unwrap().resource;
        let lines = world.journal().await.len();
        world.pass(Duration::from_mins(1));
        let same = [
            world.patch_user(&world.okta, &ada, replace("title", json!("Dr"))).await.unwrap(),
            world.patch_user(&world.okta, &ada, replace("active", json!("True"))).await.unwrap(),
            world.put_user(&world.okta, &ada, body).await.unwrap(),
        ];
        for pushed in same {
            assert!(!pushed.changed);
            assert_eq!(pushed.resource, ada);
        }
        assert_eq!(world.journal().await.len(), lines);
    }

    async fn an_identity_provider_links_to_whom_the_personnel_system_brought(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "title": "Countess" })).await;
        let pushed = world
            .patch_user(&world.okta, &ada, replace("nickName", json!("Addie")))
            .await
            .unwrap();
        assert_eq!((pushed.resource.id, pushed.resource.version), (ada.id, 2));
        assert_eq!(text(&pushed.resource, "title"), Some("Countess"));
        assert_eq!(world.okta_says(&ada).await, json!({ "nickName": "Addie" }));
    }

    async fn where_another_source_wins_the_answer_shows_the_winner(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "title": "Countess" })).await;
        let wish = replace("title", json!("Dr"));
        let pushed = world.patch_user(&world.okta, &ada, wish.clone()).await.unwrap();
        assert_eq!(text(&pushed.resource, "title"), Some("Countess"));
        assert_eq!(pushed.resource.version, ada.version, "what is shown has not changed");
        let overruled: Vec<String> = pushed.overruled.iter().map(ToString::to_string).collect();
        assert_eq!(overruled, ["title: source hr decides"]);
        assert_eq!(world.okta_says(&ada).await, json!({ "title": "Dr" }));
        let again = world.patch_user(&world.okta, &ada, wish).await.unwrap();
        assert!(!again.changed);
        assert_eq!(again.overruled.len(), 1);
        let gives_in = world.patch_user(&world.okta, &ada, replace("title", json!("Countess"))).await;
        assert!(gives_in.unwrap().overruled.is_empty());
        assert_eq!(world.okta_says(&ada).await, json!({ "title": "Countess" }));
    }

    async fn two_connections_on_one_person_the_smaller_number_wins(world: World) {
        let ada = world.okta_user("ada").await;
        world.patch_user(&world.entra, &ada, replace("title", json!("from entra"))).await.unwrap();
        let pushed = world.patch_user(&world.okta, &ada, replace("title", json!("from okta"))).await;
        assert_eq!(text(&pushed.unwrap().resource, "title"), Some("from okta"));
        let loses = world.patch_user(&world.entra, &ada, replace("title", json!("again"))).await.unwrap();
        assert_eq!(text(&loses.resource, "title"), Some("from okta"));
        assert_eq!(loses.overruled[0].by, "okta");
    }

    async fn not_active_is_on_record_even_if_somebody_else_says_it_too(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "active": false })).await;
        let pushed = world.patch_user(&world.okta, &ada, replace("active", json!(false))).await.unwrap();
        assert!(pushed.changed);
        assert_eq!(pushed.resource.version, 1, "nothing that is shown has changed");
        assert_eq!(world.okta_says(&ada).await, json!({ "active": false }));
        let untouched = world.hr_user(json!({ "userName": "bea", "active": false })).await;
        world.patch_user(&world.okta, &untouched, replace("title", json!("x"))).await.unwrap();
        assert_eq!(world.okta_says(&untouched).await, json!({ "title": "x" }));
    }

    async fn yes_does_not_beat_the_no_of_another_source(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "active": false })).await;
        let pushed = world.patch_user(&world.okta, &ada, replace("active", json!(true))).await.unwrap();
        assert!(!pushed.resource.document.active());
        assert_eq!(pushed.overruled[0].to_string(), "active: source hr decides");
    }

    async fn put_clears_what_it_leaves_out_but_not_active(world: World) {
        let body = json!({ "userName": "ada", "title": "Dr", "active": false, "nickName": "A" });
        let ada = world.post_user(&world.okta, body).await.unwrap().resource;
        let put = json!({ "userName": "ada", "nickName": null });
        let pushed = world.put_user(&world.okta, &ada, put).await.unwrap();
        let left = Json::Object(pushed.resource.document.as_object().clone());
        assert_eq!(left, json!({ "userName": "ada", "active": false }));
    }

    async fn a_whole_object_that_was_read_and_is_put_back_pins_nothing(world: World) {
        let ada = world.hr_user(json!({ "userName": "ada", "title": "Countess" })).await;
        let put = json!({ "userName": "ada", "title": "Countess", "locale": "en" });
        let pushed = world.put_user(&world.okta, &ada, put).await.unwrap();
        assert_eq!(text(&pushed.resource, "locale"), Some("en"));
        assert_eq!(world.okta_says(&ada).await, json!({ "locale": "en" }));
    }

    async fn a_required_attribute_that_is_missing_is_named(world: World) {
        let refused = world.post_user(&world.okta, json!({ "title": "Dr" })).await.unwrap_err();
        assert_eq!((refused.status(), refused.to_string().contains("userName")), (400, true));
        let ada = world.okta_user("ada").await;
        let removed = json!([{ "op": "remove", "path": "userName" }]);
        let refused = world.patch_user(&world.okta, &ada, removed).await.unwrap_err();
        assert_eq!(refused.status(), 400);
        let long = json!({ "userName": "x".repeat(2_000) });
        assert_eq!(world.post_user(&world.okta, long).await.unwrap_err().status(), 400);
    }

    async fn a_manager_is_kept_as_an_id_whenever_they_come(world: World) {
        let unit = format!("{ENTERPRISE}:manager.value");
        let body = |manager: &str| json!({
            "userName": format!("reports-to-{manager}"),
            ENTERPRISE: { "manager": { "value": manager } },
        });
        let early = world.post_user(&world.okta, body("okta-boss")).await.unwrap().resource;
        assert_eq!(text(&early, &unit), Some("okta-boss"), "as the client called them");
        let boss = world.okta_user("boss").await;
        let boss_id = boss.uuid.to_string();
        assert_eq!(text(&world.stored(&early).await.unwrap(), &unit), Some(boss_id.as_str()));
        assert!(world.store.pending(world.connection.source.id).await.unwrap().is_empty());
        let late = world.post_user(&world.okta, body("okta-boss")).await;
        assert!(late.is_err(), "the name is taken");
        let by_id = world.post_user(&world.okta, body(&boss_id)).await.unwrap().resource;
        assert_eq!(text(&by_id, &unit), Some(boss_id.as_str()));
        let gone = json!([{ "op": "remove", "path": format!("{ENTERPRISE}:manager") }]);
        let pushed = world.patch_user(&world.okta, &by_id, gone).await.unwrap();
        assert_eq!(text(&pushed.resource, &unit), None);
    }

    async fn another_tenant_sees_nobody(world: World) {
        let ada = world.okta_user("ada").await;
        let tenant = world.store.ensure_tenant("second").await.unwrap().id;
        let source = world.store.ensure_source(tenant, "okta", KIND).await.unwrap();
        let other = world.okta_with(|connection| connection.source = source);
        assert_eq!(world.seen(&other, &ada).await, None);
        assert!(other.visible(&[ada.uuid]).await.unwrap().is_empty());
        world.post_user(&other, json!({ "userName": "ada" })).await.unwrap();
        let refused = world.patch_user(&other, &ada, replace("title", json!("x"))).await;
        assert!(matches!(refused, Err(PushError::NotFound { .. })));
    }

    async fn an_id_of_another_type_or_of_nobody_is_not_found(world: World) {
        let ada = world.okta_user("ada").await;
        let as_group = world.okta.read(&world.group, &ada.uuid.to_string()).await;
        assert!(matches!(as_group, Err(PushError::NotFound { .. })));
        for id in ["", "x", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(world.okta.read(&world.user, id).await.unwrap_err().status(), 404);
        }
    }
}
