//! One resource: read, made, replaced, deleted (checklist rows 6 to 22, 66, 70).

use super::*;

on_both! {
    async fn a_new_user_is_answered_whole_with_its_place_and_tag(world: World) {
        let body = json!({
            "schemas": [USER], "USERNAME": "Ada", "externalId": "e-1", "password": "canary",
            "id": "mine", "meta": { "resourceType": "Robot" }, "groups": [{ "value": "x" }],
            "name": { "GivenName": "Ada" }, "emails": [{ "value": "a@b.example", "type": "work" }],
        });
        let made = world.post("/Users", body).await.is(201);
        let id = made.id();
        let location = format!("https://id.example.org/scim/v2/Users/{id}");
        assert_eq!(made.headers["location"], location.as_str());
        let expected = json!({
            "schemas": [USER], "id": id, "externalId": "e-1", "userName": "Ada",
            "name": { "givenName": "Ada" }, "active": true, "groups": [],
            "emails": [{ "value": "a@b.example", "type": "work" }],
            "meta": {
                "resourceType": "User", "created": "2026-03-01T12:10:00Z",
                "lastModified": "2026-03-01T12:10:00Z", "location": location, "version": made.tag(),
            },
        });
        assert_eq!(made.body, expected);
        let read = world.get(&format!("/Users/{id}")).await.is(200);
        assert_eq!(read.body, expected);
        assert_eq!(read.tag(), made.tag());
        assert_eq!(read.headers["content-location"], location.as_str());
    }

    async fn what_is_missing_or_wrong_is_named(world: World) {
        for (body, scim_type, named) in [
            (json!({ "schemas": [USER] }), "invalidValue", "userName"),
            (json!({ "userName": "a" }), "invalidSyntax", "schemas"),
            (json!({ "schemas": [USER], "userName": [{}] }), "invalidValue", "userName"),
            (json!({ "schemas": [USER], "userName": "a", "name": "A" }), "invalidValue", "name"),
            (json!(["a"]), "invalidSyntax", "object"),
        ] {
            let answer = world.post("/Users", body).await.refuses(400, scim_type);
            assert!(answer.body["detail"].as_str().unwrap().contains(named), "{}", answer.body);
        }
        let twice = br#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"a","UserName":"b"}"#;
        let bearer = format!("Bearer {}", world.token);
        let headers = [("authorization", bearer.as_str())];
        world.raw("POST", "/scim/v2/Users", &headers, twice.to_vec()).await.refuses(400, "invalidSyntax");
    }

    async fn a_user_name_is_unique_in_any_case_whatever_writes_it(world: World) {
        world.user(json!({ "userName": "ada" })).await;
        let bob = world.user(json!({ "userName": "bob" })).await;
        let taken = with_schema(USER, json!({ "userName": "ADA" }));
        world.post("/Users", taken.clone()).await.refuses(409, "uniqueness");
        let path = format!("/Users/{bob}");
        world.send("PUT", &path, Some(&taken)).await.refuses(409, "uniqueness");
        let replace = json!([{ "op": "replace", "path": "userName", "value": "Ada" }]);
        world.patch(&path, replace).await.refuses(409, "uniqueness");
    }

    async fn of_twenty_at_once_one_is_made(world: World) {
        let body = with_schema(USER, json!({ "userName": "ada" }));
        let posts = (0..20).map(|_| world.post("/Users", body.clone()));
        let answers = futures::future::join_all(posts).await;
        let mut statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
        statuses.sort_unstable();
        let mut expected = vec![201];
        expected.extend([409; 19]);
        assert_eq!(statuses, expected);
    }

    async fn selection_works_wherever_a_resource_is_answered(world: World) {
        let body = with_schema(USER, json!({ "userName": "ada", "name": { "givenName": "A", "familyName": "R" }, "title": "T" }));
        let made = world.post("/Users?attributes=userName", body.clone()).await.is(201);
        let id = made.id();
        assert_eq!(made.body, json!({ "schemas": [USER], "id": id, "userName": "ada" }));
        let path = format!("/Users/{id}");
        let given = world.get(&format!("{path}?attributes=%20NAME.givenname%20")).await;
        assert_eq!(given.body, json!({ "schemas": [USER], "id": id, "name": { "givenName": "A" } }));
        let without = world.get(&format!("{path}?excludedAttributes=id,meta,title,groups,active,{USER}:userName")).await;
        assert_eq!(without.body, json!({ "schemas": [USER], "id": id, "name": { "givenName": "A", "familyName": "R" } }));
        let put = world.send("PUT", &format!("{path}?attributes=title"), Some(&body)).await;
        assert_eq!(put.is(200).body, json!({ "schemas": [USER], "id": id, "title": "T" }));
        let patched = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "add", "path": "title", "value": "U" }] });
        let patched = world.send("PATCH", &format!("{path}?attributes=title"), Some(&patched)).await;
        assert_eq!(patched.is(200).body["title"], "U");
        world.get(&format!("{path}?attributes=title&excludedAttributes=name")).await.refuses(400, "invalidValue");
        let secret = world.get(&format!("{path}?attributes=password")).await.body;
        assert_eq!(secret.get("password"), None);
    }

    async fn a_copy_that_is_still_good_is_not_sent_again(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let path = format!("/Users/{id}");
        let tag = world.get(&path).await.tag();
        for known in [tag.as_str(), "*", &format!("\"x\", {tag}")] {
            let answer = world.send_with("GET", &path, &[("if-none-match", known)], None).await;
            assert_eq!((answer.status.as_u16(), &answer.body), (304, &Json::Null));
            assert_eq!(answer.tag(), tag);
        }
        world.send_with("GET", &path, &[("if-none-match", "W/\"0\"")], None).await.is(200);
        world.send_with("DELETE", &path, &[("if-none-match", "*")], None).await.refuses(412, "");
    }

    async fn a_stale_tag_changes_nothing(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let path = format!("/Users/{id}");
        let first = world.get(&path).await.tag();
        let body = with_schema(USER, json!({ "userName": "ada", "title": "T" }));
        let fresh = world.send_with("PUT", &path, &[("if-match", &first)], Some(&body)).await.is(200);
        assert_ne!(fresh.tag(), first);
        let removal = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "title" }] });
        for method in ["PUT", "PATCH", "DELETE"] {
            let body = if method == "PUT" { &body } else { &removal };
            world.send_with(method, &path, &[("if-match", &first)], Some(body)).await.refuses(412, "");
        }
        assert_eq!(world.get(&path).await.tag(), fresh.tag());
        let strong = fresh.tag().replace("W/", "");
        world.send_with("DELETE", &path, &[("if-match", &strong)], None).await.is(204);
    }

    async fn of_two_who_read_the_same_one_writes(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let path = format!("/Users/{id}");
        let tag = world.get(&path).await.tag();
        let bodies = ["a", "b", "c"].map(|t| with_schema(USER, json!({ "userName": "ada", "title": t })));
        let headers = [("if-match", tag.as_str())];
        let writes = bodies.iter().map(|b| world.send_with("PUT", &path, &headers, Some(b)));
        let mut statuses: Vec<u16> = futures::future::join_all(writes).await.iter().map(|a| a.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412, 412]);
    }

    async fn a_put_clears_what_it_leaves_out_except_active_and_what_is_not_the_clients(world: World) {
        let id = world.user(json!({ "userName": "ada", "title": "T", "nickName": "N", "displayName": "D",
            "emails": [{ "value": "a@b.example" }], "active": false })).await;
        let body = json!({ "schemas": [USER], "id": "other", "meta": {}, "groups": [{ "value": "g" }],
            "userName": "ada", "nickName": null, "emails": [], "displayName": "E" });
        let put = world.send("PUT", &format!("/Users/{id}"), Some(&body)).await.is(200);
        assert_eq!(put.id(), id);
        for gone in ["title", "nickName", "emails"] {
            assert_eq!(put.body.get(gone), None, "{gone}");
        }
        assert_eq!(put.body["displayName"], "E");
        assert_eq!(put.body["active"], false);
        assert_eq!(put.body["groups"], json!([]));
    }

    async fn the_same_again_writes_nothing(world: World) {
        let body = with_schema(USER, json!({ "userName": "ada", "title": "T" }));
        let id = world.user(body.clone()).await;
        let path = format!("/Users/{id}");
        let before = world.get(&path).await;
        world.pass(time::Duration::MINUTE);
        let put = world.send("PUT", &path, Some(&body)).await.is(200);
        assert_eq!(put.body, before.body);
        assert!(!put.report.unwrap().notes().changed);
        let patched = world.patch(&path, json!([{ "op": "replace", "path": "title", "value": "T" }])).await;
        assert_eq!(patched.is(200).body, before.body);
    }

    async fn what_is_deleted_is_gone_everywhere(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let group = world.group("G", &[&id]).await;
        let path = format!("/Users/{id}");
        let deleted = world.send("DELETE", &path, None).await.is(204);
        assert_eq!(deleted.body, Json::Null);
        let body = with_schema(USER, json!({ "userName": "ada" }));
        world.get(&path).await.refuses(404, "");
        world.send("PUT", &path, Some(&body)).await.refuses(404, "");
        world.patch(&path, json!([{ "op": "remove", "path": "title" }])).await.refuses(404, "");
        world.send("DELETE", &path, None).await.refuses(404, "");
        assert_eq!(world.get("/Users").await.body["totalResults"], 0);
        assert!(world.members(&group).await.is_empty());
        // The name is free again, for somebody new.
        assert_ne!(world.user(json!({ "userName": "ada" })).await, id);
    }

    async fn who_comes_back_with_the_same_external_id_is_the_same_person(world: World) {
        let body = json!({ "userName": "ada", "externalId": "e-1" });
        let id = world.user(body.clone()).await;
        world.send("DELETE", &format!("/Users/{id}"), None).await.is(204);
        assert_eq!(world.user(body).await, id);
    }

    async fn a_put_makes_nobody(world: World) {
        let body = with_schema(USER, json!({ "userName": "ada" }));
        for id in ["01900000-0000-7000-8000-000000000000", "nobody"] {
            world.send("PUT", &format!("/Users/{id}"), Some(&body)).await.refuses(404, "");
        }
        assert_eq!(world.get("/Users").await.body["totalResults"], 0);
    }

    async fn a_member_who_is_not_there_yet_becomes_one(world: World) {
        let group = world.group("G", &["e-7"]).await;
        assert!(world.members(&group).await.is_empty());
        let id = world.user(json!({ "userName": "ada", "externalId": "e-7" })).await;
        assert_eq!(world.members(&group).await, [id.as_str()]);
        let user = world.get(&format!("/Users/{id}")).await.body;
        assert_eq!(user["groups"][0]["value"], group);
        assert_eq!(user["groups"][0]["type"], "direct");
    }

    async fn groups_of_groups_are_shown_even_in_a_circle(world: World) {
        let ada = world.user(json!({ "userName": "ada" })).await;
        let inner = world.group("Inner", &[&ada]).await;
        let outer = world.group("Outer", &[&inner]).await;
        let add = json!([{ "op": "add", "path": "members", "value": [{ "value": outer }] }]);
        world.patch(&format!("/Groups/{inner}"), add).await.is(200);
        let user = world.get(&format!("/Users/{ada}")).await.body;
        let how = |name: &str| {
            let groups = user["groups"].as_array().unwrap();
            groups.iter().find(|g| g["display"] == name).unwrap()["type"].clone()
        };
        assert_eq!((how("Inner"), how("Outer")), (json!("direct"), json!("indirect")));
    }
}
