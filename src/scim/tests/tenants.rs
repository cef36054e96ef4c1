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
}
