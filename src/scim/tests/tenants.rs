//! One tenant's token opens nothing of another's (checklist row 61).

use super::*;

on_both! {
    async fn nothing_of_another_tenant_is_seen_or_changed(world: World) {
        let theirs = world.user(json!({ "userName": "theirs" })).await;
        let their_group = world.group("Theirs", &[&theirs]).await;
        let other = world.store.ensure_tenant("other").await.unwrap().id;
        let token = world.connection_of(other, "theirs", "generic").await;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let send = async |method: &str, path: &str, body: Json| {
            let path = format!("/t/other/scim/v2{path}");
            let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
            world.raw(method, &path, &headers, body).await
        };
        world.raw("GET", "/t/example/scim/v2/Users", &headers, vec![]).await.refuses(404, "");
        let user = format!("/Users/{theirs}");
        let body = with_schema(USER, json!({ "userName": "x" }));
        let patch = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "title", "value": "x" }] });
        send("GET", &user, Json::Null).await.refuses(404, "");
        send("PUT", &user, body).await.refuses(404, "");
        send("PATCH", &user, patch).await.refuses(404, "");
        send("DELETE", &user, Json::Null).await.refuses(404, "");
        assert_eq!(send("GET", "/Users", Json::Null).await.is(200).body["totalResults"], 0);
        let filter = encoded(&format!("id eq \"{theirs}\" or groups.value eq \"{their_group}\""));
        assert_eq!(send("GET", &format!("/Users?filter={filter}"), Json::Null).await.body["totalResults"], 0);
        // Their user name is free here, and their id names nobody.
        let mine = with_schema(USER, json!({ "userName": "theirs" }));
        send("POST", "/Users", mine).await.is(201);
        let group = with_schema(GROUP, json!({ "displayName": "G", "members": [{ "value": theirs }] }));
        let group = send("POST", "/Groups", group).await.is(201);
        assert_eq!(group.body["members"], json!([]));
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "DELETE", "path": user }],
        });
        let bulk = send("POST", "/Bulk", bulk).await.is(200);
        assert_eq!(bulk.body["Operations"][0]["status"], "404");
    }

    async fn two_tenants_share_no_route(world: World) {
        let ada = world.user(json!({ "userName": "canary-ada", "externalId": "canary-7" })).await;
        world.user(json!({ "userName": "canary-bob" })).await;
        let group = world.group("canary-group", &[&ada]).await;
        let cursor = world.get("/Users?cursor&count=1").await.is(200).body;
        let cursor = cursor["nextCursor"].as_str().unwrap().to_owned();
        let other = world.store.ensure_tenant("other").await.unwrap().id;
        let token = world.connection_of(other, "theirs", "generic").await;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let end = (world.store.dump(world.tenant).await.unwrap(), world.journal_end().await);

        let any = encoded("displayName pr or userName pr");
        let members = encoded(&format!("members.value eq \"{ada}\""));
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "displayName pr or userName pr",
        });
        let user = with_schema(USER, json!({ "userName": "x", "active": false }));
        let team = with_schema(GROUP, json!({ "displayName": "x", "members": [] }));
        let patch = |path: &str| json!({
            "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": path }],
        });
        let operations: Vec<Json> = ["PUT", "PATCH", "DELETE"]
            .into_iter()
            .flat_map(|method| [(method, format!("/Users/{ada}")), (method, format!("/Groups/{group}"))])
            .map(|(method, path)| {
                let data = match method { "PUT" => user.clone(), _ => patch("title") };
                json!({ "method": method, "path": path, "data": data })
            })
            .collect();
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations,
        });
        let requests = [
            ("GET", format!("/?filter={any}"), Json::Null),
            ("GET", "/Users".to_owned(), Json::Null),
            ("GET", format!("/Users?filter={any}&sortBy=userName"), Json::Null),
            ("GET", format!("/Users?cursor={cursor}&count=1"), Json::Null),
            ("GET", format!("/Users?filter={}", encoded("externalId eq \"canary-7\"")), Json::Null),
            ("GET", format!("/Users/{ada}"), Json::Null),
            ("PUT", format!("/Users/{ada}"), user.clone()),
            ("PATCH", format!("/Users/{ada}"), patch("title")),
            ("DELETE", format!("/Users/{ada}"), Json::Null),
            ("GET", format!("/Users/{ada}/nothing"), Json::Null),
            ("GET", "/Groups".to_owned(), Json::Null),
            ("GET", format!("/Groups?filter={members}"), Json::Null),
            ("GET", format!("/Groups/{group}"), Json::Null),
            ("PUT", format!("/Groups/{group}"), team),
            ("PATCH", format!("/Groups/{group}"), patch("members")),
            ("DELETE", format!("/Groups/{group}"), Json::Null),
            ("POST", "/.search".to_owned(), search.clone()),
            ("POST", "/Users/.search".to_owned(), search.clone()),
            ("POST", "/Groups/.search".to_owned(), search),
            ("POST", "/Bulk".to_owned(), bulk),
            ("GET", "/Me".to_owned(), Json::Null),
            ("GET", "/Schemas".to_owned(), Json::Null),
            ("GET", "/ResourceTypes".to_owned(), Json::Null),
            ("GET", "/ServiceProviderConfig".to_owned(), Json::Null),
        ];
        for (method, path, body) in &requests {
            let body = if body.is_null() { vec![] } else { body.to_string().into_bytes() };
            // With their own path nothing of the other tenant is there.
            let own = format!("/t/other/scim/v2{path}");
            let answer = world.raw(method, &own, &headers, body.clone()).await;
            let told = answer.body.to_string();
            assert!(!told.contains("canary"), "{method} {path}: {told}");
            let listed = answer.body["totalResults"].as_u64();
            let is_discovery = path == "/Schemas" || path == "/ResourceTypes";
            assert!(is_discovery || listed.unwrap_or(0) == 0, "{method} {path}: {told}");
            if path == "/Bulk" {
                let done = answer.body["Operations"].as_array().unwrap();
                assert!(done.iter().all(|o| o["status"] == "404") && done.len() == 6, "{told}");
            } else if path.contains(ada.as_str()) && !path.contains('?') || path.contains(&group) {
                assert_eq!(answer.status, 404, "{method} {path}");
            } else if path.contains("cursor") {
                answer.refuses(400, "invalidCursor");
            }
            // The other tenant's path is none at all.
            if path != "/ServiceProviderConfig" {
                let others = format!("/t/example/scim/v2{path}");
                world.raw(method, &others, &headers, body).await.refuses(404, "");
            }
        }
        let now = (world.store.dump(world.tenant).await.unwrap(), world.journal_end().await);
        assert_eq!(now, end, "nothing was changed");
    }
}
