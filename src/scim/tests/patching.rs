//! PATCH over HTTP (checklist rows 23 to 33); the semantics themselves are tested where they
//! live, in `directory::patch`.

use super::*;

on_both! {
    async fn all_operations_or_none(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let path = format!("/Users/{id}");
        let before = world.get(&path).await.body;
        let operations = json!([
            { "op": "Add", "path": "title", "value": "T" },
            { "op": "REPLACE", "path": "nickName", "value": "N" },
            { "op": "remove", "path": "userName" },
        ]);
        world.patch(&path, operations).await.refuses(400, "mutability");
        assert_eq!(world.get(&path).await.body, before);
    }

    async fn each_form_of_a_path(world: World) {
        let id = world.user(json!({ "userName": "ada", "name": { "givenName": "A", "familyName": "R" } })).await;
        let path = format!("/Users/{id}");
        let operations = json!([
            { "op": "add", "path": "title", "value": "T" },
            { "op": "replace", "path": "name.givenName", "value": "B" },
            { "op": "add", "path": format!("{USER}:nickName"), "value": "N" },
            { "op": "add", "path": format!("{ENTERPRISE}:department"), "value": "IT" },
            { "op": "add", "path": ENTERPRISE, "value": { "division": "D" } },
            { "op": "add", "path": "emails[type eq \"work\"].value", "value": "a@b.example" },
            { "op": "add", "value": { "locale": "de", "name.middleName": "M" } },
        ]);
        let patched = world.patch(&path, operations).await.is(200).body;
        assert_eq!(patched["title"], "T");
        assert_eq!(patched["name"], json!({ "givenName": "B", "familyName": "R", "middleName": "M" }));
        assert_eq!(patched["nickName"], "N");
        assert_eq!(patched[ENTERPRISE], json!({ "department": "IT", "division": "D" }));
        assert_eq!(patched["emails"], json!([{ "type": "work", "value": "a@b.example" }]));
        assert_eq!(patched["schemas"], json!([USER, ENTERPRISE]));
        let removed = world.patch(&path, json!([{ "op": "remove", "path": ENTERPRISE }])).await.is(200).body;
        assert_eq!(removed["schemas"], json!([USER]));
    }

    async fn each_mistake_has_its_word(world: World) {
        let id = world.user(json!({ "userName": "ada" })).await;
        let path = format!("/Users/{id}");
        for (operation, scim_type) in [
            (json!({ "op": "remove" }), "noTarget"),
            (json!({ "op": "remove", "path": "id" }), "mutability"),
            (json!({ "op": "add", "path": "emails[0]", "value": "x" }), "invalidPath"),
            (json!({ "op": "add", "path": "shoeSize", "value": 42 }), "invalidPath"),
            (json!({ "op": "replace", "path": "emails[type eq \"work\"]", "value": { "value": "x" } }), "noTarget"),
            (json!({ "op": "replace", "path": "active", "value": "perhaps" }), "invalidValue"),
            (json!({ "op": "move", "path": "title" }), "invalidSyntax"),
        ] {
            world.patch(&path, json!([operation])).await.refuses(400, scim_type);
        }
        world.patch(&path, json!([])).await.refuses(400, "invalidSyntax");
        world.send("PATCH", &path, Some(&json!({ "title": "x" }))).await.refuses(400, "invalidSyntax");
    }

    async fn members_come_and_go_and_no_other_is_touched(world: World) {
        let ada = world.user(json!({ "userName": "ada" })).await;
        let bob = world.user(json!({ "userName": "bob" })).await;
        let group = world.group("G", &[&ada, &bob]).await;
        let path = format!("/Groups/{group}");
        let tag = world.get(&path).await.tag();
        let by_value = json!([{ "op": "Remove", "path": "members", "value": [{ "value": ada }] }]);
        let patched = world.patch(&path, by_value.clone()).await.is(200);
        assert_ne!(patched.tag(), tag);
        assert_eq!(world.members(&group).await, [bob.as_str()]);
        let again = world.patch(&path, by_value).await.is(200);
        assert_eq!(again.tag(), patched.tag());
        let filter = format!("members[value eq \"{bob}\"]");
        let swap = json!([
            { "op": "remove", "path": filter },
            { "op": "add", "path": "members", "value": [{ "value": ada, "display": "Ada" }] },
        ]);
        world.patch(&path, swap).await.is(200);
        assert_eq!(world.members(&group).await, [ada.as_str()]);
        world.patch(&path, json!([{ "op": "remove", "path": "members" }])).await.is(200);
        assert!(world.members(&group).await.is_empty());
    }

    async fn a_profile_that_likes_it_gets_no_body_unless_it_asks(world: World) {
        let mut world = world;
        let group = world.group("G", &[]).await;
        world.token = world.connection("entra", "entra").await;
        let path = format!("/Groups/{group}");
        let rename = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "Replace", "value": { "displayName": "H" } }] });
        let silent = world.send("PATCH", &path, Some(&rename)).await.is(204);
        assert_eq!(silent.body, Json::Null);
        assert!(silent.headers.contains_key("etag"));
        let asked = world.send("PATCH", &format!("{path}?attributes=displayName"), Some(&rename)).await.is(200);
        assert_eq!(asked.body["id"], group.as_str());
        let user = world.user(json!({ "userName": "ada" })).await;
        let active = json!([{ "op": "Replace", "path": "active", "value": "False" }]);
        let user = world.patch(&format!("/Users/{user}"), active).await.is(200);
        assert_eq!(user.body["active"], false);
        assert_eq!(user.report.unwrap().notes().warnings.len(), 1);
    }

    async fn a_strict_connection_refuses_what_is_odd(world: World) {
        let mut world = world;
        world.token = world.connection("strict", "strict").await;
        let odd = with_schema(USER, json!({ "userName": "ada", "active": "True" }));
        world.post("/Users", odd.clone()).await.refuses(400, "invalidValue");
        world.token = world.connection("other", "generic").await;
        world.post("/Users", odd).await.is(201);
    }
}
