//! Schemas and resource types that were registered (checklist rows 69, 72), and Rollcall's
//! own extension (rows 2 and 24 of customer identity).

use rollcall_store::Origin;

use super::*;

const ROBOT: &str = "urn:example:scim:1.0:Robot";
const BADGE: &str = "urn:example:scim:1.0:Badge";
const IDENTITY: &str = "urn:rollcall:scim:schemas:extension:identity:1.0:User";

/// Robots, and badges for users.
fn file() -> Json {
    json!({
        "schemas": [
            { "id": ROBOT, "name": "Robot", "attributes": [
                { "name": "name", "required": true, "uniqueness": "server" },
                { "name": "serial", "mutability": "immutable", "caseExact": true },
                { "name": "secret", "mutability": "writeOnly" },
                { "name": "wheels", "type": "integer", "returned": "request" },
                { "name": "made", "mutability": "readOnly" },
                { "name": "tags", "multiValued": true, "indexed": true },
                { "name": "arms", "type": "complex", "multiValued": true, "subAttributes": [
                    { "name": "value", "indexed": true }, { "name": "type" }
                ] },
            ] },
            { "id": BADGE, "attributes": [
                { "name": "badge", "required": true, "uniqueness": "server" },
            ] },
        ],
        "resourceTypes": [
            { "name": "Robot", "endpoint": "/Robots", "schema": ROBOT },
            { "name": "User", "endpoint": "/Users", "schema": USER,
              "schemaExtensions": [{ "schema": BADGE, "required": false }] },
        ],
    })
}

async fn with_robots(world: World) -> World {
    world.get("/Robots").await.refuses(404, "");
    let new = world
        .store
        .register(world.tenant, &file(), Origin::Api)
        .await;
    assert!(new.unwrap());
    world
}

impl World {
    async fn robot(&self, attributes: Json) -> Answer {
        self.post("/Robots", with_schema(ROBOT, attributes)).await
    }

    async fn found(&self, path: &str, filter: &str) -> Vec<String> {
        let list = self
            .get(&format!("{path}?filter={}&sortBy=id", encoded(filter)))
            .await
            .is(200);
        let resources = list.body["Resources"].as_array().unwrap();
        resources
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

on_both! {
    async fn what_is_registered_is_discovered_at_once(world: World) {
        let world = with_robots(world).await;
        let types = world.get("/ResourceTypes").await.is(200).body;
        assert_eq!(types["totalResults"], 3);
        let robot = world.get("/ResourceTypes/Robot").await.is(200).body;
        assert_eq!(robot["endpoint"], "/Robots");
        let user = world.get("/ResourceTypes/User").await.is(200).body;
        let extensions = user["schemaExtensions"].as_array().unwrap();
        assert!(extensions.iter().any(|one| one["schema"] == BADGE), "{user}");
        let schema = world.get(&format!("/Schemas/{ROBOT}")).await.is(200).body;
        assert_eq!(schema["attributes"][0]["uniqueness"], "server");
        assert_eq!(world.get("/Robots").await.is(200).body["totalResults"], 0);
        world.send("PATCH", "/Robots", Some(&json!({}))).await.refuses(405, "");
    }

    async fn resources_of_the_type_have_the_characteristics_of_its_schema(world: World) {
        let world = with_robots(world).await;
        let made = world.robot(json!({
            "name": "Marvin", "serial": "A1", "secret": "hush", "wheels": 4, "made": "x",
            "tags": ["Blue"], "arms": [{ "value": "Left", "type": "main" }],
        })).await.is(201);
        let id = made.id();
        let path = format!("/Robots/{id}");
        assert_eq!(made.body["meta"]["resourceType"], "Robot");
        assert_eq!(made.body["meta"]["location"], format!("https://id.example.org/scim/v2{path}"));
        assert_eq!(made.body["schemas"], json!([ROBOT]));
        for hidden in ["secret", "wheels", "made"] {
            assert_eq!(made.body[hidden], Json::Null, "{hidden}");
        }
        assert_eq!(world.get(&format!("{path}?attributes=wheels")).await.body["wheels"], 4);
        world.robot(json!({ "serial": "A2" })).await.refuses(400, "invalidValue");
        world.robot(json!({ "name": "x", "wheels": "many" })).await.refuses(400, "invalidValue");
        let again = world.robot(json!({ "name": "MARVIN" })).await;
        again.refuses(409, "uniqueness");
        let other = world.robot(json!({ "name": "Robby" })).await.is(201).id();
        let rename = json!([{ "op": "replace", "path": "name", "value": "marvin" }]);
        world.patch(&format!("/Robots/{other}"), rename).await.refuses(409, "uniqueness");
        let serial = json!([{ "op": "replace", "path": "serial", "value": "A9" }]);
        world.patch(&path, serial).await.refuses(400, "mutability");
        let patched = world.patch(&path, json!([
            { "op": "add", "path": "tags", "value": ["green", "BLUE"] },
            { "op": "replace", "path": "arms[type eq \"main\"].value", "value": "Right" },
        ])).await.is(200);
        assert_eq!(patched.body["tags"], json!(["Blue", "green"]));
        for (filter, finds) in [
            ("name eq \"MARVIN\"", true),
            ("tags eq \"blue\"", true),
            ("tags eq \"red\"", false),
            ("arms.value eq \"right\"", true),
            ("arms[type eq \"main\" and value sw \"r\"]", true),
            ("arms.value eq \"left\"", false),
            ("wheels gt 3", true),
            ("schemas eq \"urn:example:scim:1.0:Robot\" and serial eq \"A1\"", true),
            ("serial eq \"a1\"", false),
        ] {
            let found = world.found("/Robots", filter).await;
            assert_eq!(found.contains(&id), finds, "{filter}");
        }
        world.get("/Robots?filter=colour%20pr").await.refuses(400, "invalidFilter");
        let stale = [("if-match", "W/\"1\"")];
        world.send_with("DELETE", &path, &stale, None).await.refuses(412, "");
        world.send("DELETE", &path, None).await.is(204);
        world.get(&path).await.refuses(404, "");
        // The name is free, and an id of another type is nobody's.
        world.robot(json!({ "name": "Marvin" })).await.is(201);
        world.get(&format!("/Users/{other}")).await.refuses(404, "");
    }

    async fn robots_are_in_bulk_in_searches_and_in_the_journal(world: World) {
        let world = with_robots(world).await;
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{ "method": "POST", "path": "/Robots", "bulkId": "r",
                "data": { "schemas": [ROBOT], "name": "Marvin", "externalId": "e1" } }],
        });
        let answer = world.post("/Bulk", bulk).await.is(200);
        assert_eq!(answer.body["Operations"][0]["status"], "201", "{}", answer.body);
        let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "externalId eq \"e1\"" });
        let found = world.post("/.search", search).await.is(200);
        assert_eq!(found.body["Resources"][0]["meta"]["resourceType"], "Robot");
        let query = rollcall_store::records::JournalQuery { limit: 10, ..Default::default() };
        let lines = world.store.journal(world.tenant, &query).await.unwrap();
        assert_eq!(lines.len(), 1);
        // Only users and groups are members.
        let robot = found.body["Resources"][0]["id"].as_str().unwrap().to_owned();
        let group = world.group("Machines", &[&robot]).await;
        assert_eq!(world.members(&group).await, Vec::<String>::new());
    }

    async fn an_extension_of_users_is_written_found_and_unique(world: World) {
        let world = with_robots(world).await;
        let badge = format!("{BADGE}:badge");
        let id = world.user(json!({ "userName": "ada", (BADGE): { "badge": "B7" } })).await;
        let other = world.user(json!({ "userName": "bob" })).await;
        assert_eq!(world.found("/Users", &format!("{badge} eq \"b7\"")).await, [id.as_str()]);
        let take = json!([{ "op": "add", "path": badge, "value": "b7" }]);
        world.patch(&format!("/Users/{other}"), take.clone()).await.refuses(409, "uniqueness");
        let drop = json!([{ "op": "remove", "path": badge }]);
        world.patch(&format!("/Users/{id}"), drop).await.refuses(400, "mutability");
        let drop = json!([{ "op": "remove", "path": BADGE }]);
        world.patch(&format!("/Users/{id}"), drop).await.is(200);
        let taken = world.patch(&format!("/Users/{other}"), take).await.is(200);
        assert_eq!(taken.body["schemas"], json!([USER, BADGE]));
    }

    async fn another_tenant_knows_nothing_of_them(world: World) {
        let world = with_robots(world).await;
        let other = world.store.ensure_tenant("other").await.unwrap().id;
        let token = world.token_of(other, "x", SCIM_READ).await;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let path = |path: &str| format!("/t/other/scim/v2{path}");
        world.raw("GET", &path("/Robots"), &headers, vec![]).await.refuses(404, "");
        let types = world.raw("GET", &path("/ResourceTypes"), &headers, vec![]).await.is(200);
        assert_eq!(types.body["totalResults"], 2);
    }

    async fn what_customer_identity_knows_of_people_is_an_extension(world: World) {
        let shown = world.get(&format!("/Schemas/{IDENTITY}")).await.is(200).body;
        let attributes = shown["attributes"].as_array().unwrap();
        let of = |name: &str| attributes.iter().find(|a| a["name"] == name).cloned();
        for name in ["description", "nationality", "position", "birthdate", "gender", "location"] {
            assert_eq!(of(name).unwrap()["mutability"], "readWrite", "{name}");
        }
        for name in ["tenant", "sources", "status", "lastSignIn", "firstSignIn", "wrongSignIns", "lockedUntil", "mainAccount"] {
            assert_eq!(of(name).unwrap()["mutability"], "readOnly", "{name}");
        }
        let types = world.get("/ResourceTypes/User").await.is(200).body;
        assert!(types["schemaExtensions"].as_array().unwrap().iter().any(|e| e["schema"] == IDENTITY));
        let made = world.post("/Users", json!({
            "schemas": [USER, IDENTITY], "userName": "ada", "nickName": "A", "timezone": "Europe/Zurich",
            (IDENTITY): {
                "birthdate": "1815-12-10", "gender": "female", "nationality": "GB",
                "position": "Analyst", "description": "first", "location": "London",
                "status": "locked", "wrongSignIns": 3, "lockedUntil": "2026-03-01T12:00:00Z",
            },
        })).await.is(201);
        let identity = &made.body[IDENTITY];
        assert_eq!(identity["birthdate"], "1815-12-10");
        assert_eq!(identity["wrongSignIns"], Json::Null);
        assert_eq!(made.body["schemas"], json!([USER, IDENTITY]));
        let filter = format!("{IDENTITY}:nationality eq \"gb\" and {IDENTITY}:birthdate lt \"1900\"");
        assert_eq!(world.found("/Users", &filter).await, [made.id()]);
        let lock = json!([{ "op": "replace", "path": format!("{IDENTITY}:lockedUntil"), "value": "2026-03-01T12:00:00Z" }]);
        world.patch(&format!("/Users/{}", made.id()), lock).await.refuses(400, "mutability");
        let sorted = world.names(&format!("/Users?sortBy={IDENTITY}:birthdate")).await;
        assert_eq!(sorted, ["ada"]);
    }
}
