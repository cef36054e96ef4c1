//! What is left of whom and of what has gone: in groups, at managers, in lists, in logs.

use rollcall_store::records::JournalQuery;

use super::*;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

on_both! {
    /// A group's version counts what a client can see of it, its members included.
    async fn a_group_whose_member_is_deleted_is_another_version(world: World) {
        let ada = world.user(json!({ "userName": "ada" })).await;
        let bob = world.user(json!({ "userName": "bob" })).await;
        let group = world.group("Staff", &[&ada, &bob]).await;
        let path = format!("/Groups/{group}");
        let before = world.get(&path).await.is(200).tag();
        world.send("DELETE", &format!("/Users/{ada}"), None).await.is(204);
        let after = world.get(&path).await.is(200);
        assert_ne!(after.tag(), before);
        assert_eq!(world.members(&group).await, [bob]);
        let stale = [("if-none-match", before.as_str())];
        world.send_with("GET", &path, &stale, None).await.is(200);
    }

    /// Who somebody's manager was is what the client said; it stays until the client says
    /// otherwise, and is right again when the manager comes back.
    async fn a_manager_who_is_deleted_stays_said(world: World) {
        let boss = world.user(json!({ "userName": "boss", "displayName": "The Boss", "externalId": "b" })).await;
        let ada = world.user(json!({ "userName": "ada", (ENTERPRISE): { "manager": { "value": boss } } })).await;
        world.send("DELETE", &format!("/Users/{boss}"), None).await.is(204);
        let manager = format!("{ENTERPRISE}:manager");
        let shown = world.get(&format!("/Users/{ada}?attributes={manager}.value,{manager}.displayName")).await.is(200).body;
        assert_eq!(shown[ENTERPRISE]["manager"]["value"], boss);
        // Nothing is told of somebody who is not there.
        assert_eq!(shown[ENTERPRISE]["manager"]["displayName"], Json::Null);
        let back = world.user(json!({ "userName": "boss", "displayName": "The Boss", "externalId": "b" })).await;
        assert_eq!(back, boss);
        let shown = world.get(&format!("/Users/{ada}?attributes={manager}.value,{manager}.displayName")).await.is(200).body;
        assert_eq!(shown[ENTERPRISE]["manager"]["displayName"], "The Boss");
    }

    /// Taken, never shown, and kept nowhere.
    async fn a_password_is_dropped(world: World) {
        const CANARY: &str = "c4nary-Pa55";
        let made = world.post("/Users", json!({ "schemas": [USER], "userName": "ada", "password": CANARY })).await.is(201);
        let path = format!("/Users/{}", made.id());
        let set = json!([{ "op": "replace", "path": "password", "value": CANARY }]);
        let patched = world.patch(&path, set).await.is(200);
        let put = json!({ "schemas": [USER], "userName": "ada", "password": CANARY });
        let put = world.send("PUT", &path, Some(&put)).await.is(200);
        let asked = world.get(&format!("{path}?attributes=password")).await.is(200);
        let query = JournalQuery { limit: 100, ..JournalQuery::default() };
        let journal = world.store.journal(world.tenant, &query).await.unwrap();
        let dump = world.store.dump(world.tenant).await.unwrap();
        let said = format!("{:?} {journal:?} {dump:?} {:?}", [&made, &patched, &put, &asked], patched.report);
        assert!(!said.contains(CANARY), "{said}");
        world.get("/Users?filter=password%20pr").await.refuses(400, "invalidFilter");
    }

    /// Two groups in a circle, of which one cannot be made: neither is there.
    async fn a_circle_that_cannot_be_closed_leaves_nothing(world: World) {
        let group = |id: &str, name: &str, member: &str| json!({
            "method": "POST", "path": "/Groups", "bulkId": id,
            "data": { "schemas": [GROUP], "displayName": name, "members": [{ "value": member }] },
        });
        let body = json!({ "schemas": [BULK], "Operations": [
            group("a", "A", "bulkId:b"),
            group("b", "", "bulkId:a"),
        ] });
        let answer = world.post("/Bulk", body).await.is(200);
        let operations = answer.body["Operations"].as_array().unwrap();
        assert!(operations.iter().all(|one| one["status"] != "201"), "{}", answer.body);
        assert_eq!(world.get("/Groups").await.body["totalResults"], 0);
    }

    /// Nobody who was there all along is missed or met twice. `ROLLCALL_TEST_CURSOR_ROWS`
    /// makes the list longer.
    async fn a_cursor_walks_a_long_list_while_others_come_and_go(world: World) {
        let many = std::env::var("ROLLCALL_TEST_CURSOR_ROWS").ok();
        let stay: usize = many.and_then(|many| many.parse().ok()).unwrap_or(1_503);
        let user = |name: String| json!({
            "method": "POST", "path": "/Users", "bulkId": name.clone(),
            "data": { "schemas": [USER], "userName": name },
        });
        let mut ids = Vec::new();
        for first in (0..stay).step_by(1_000) {
            let operations: Vec<Json> = (first..stay.min(first + 1_000)).map(|n| user(format!("stays{n:05}"))).collect();
            let body = json!({ "schemas": [BULK], "Operations": operations });
            let answer = world.post("/Bulk", body).await.is(200);
            for one in answer.body["Operations"].as_array().unwrap() {
                assert_eq!(one["status"], "201");
                ids.push(one["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned());
            }
        }
        for sort in ["", "&sortBy=userName"] {
            let mut met = std::collections::HashMap::new();
            let mut cursor = String::new();
            let mut guest: Option<String> = None;
            for page in 0.. {
                let path = format!("/Users?count=100&attributes=userName{sort}&cursor={cursor}");
                let list = world.get(&path).await.is(200).body;
                for one in list["Resources"].as_array().unwrap() {
                    *met.entry(one["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
                }
                if let Some(guest) = guest.take() {
                    world.send("DELETE", &format!("/Users/{guest}"), None).await.is(204);
                }
                let name = format!("{}guest{page}{}", if page % 2 == 0 { "a" } else { "z" }, sort.len());
                guest = Some(world.user(json!({ "userName": name })).await);
                match list["nextCursor"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            let wrong = ids.iter().filter(|id| met.get(*id) != Some(&1)).count();
            assert_eq!(wrong, 0, "{sort}");
        }
    }
}
