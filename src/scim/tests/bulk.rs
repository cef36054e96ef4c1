//! Many operations in one request (checklist rows 52 to 57).

use super::*;

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

fn request(operations: &Json) -> Json {
    json!({ "schemas": [BULK], "Operations": operations })
}

fn user(bulk_id: &str, name: &str) -> Json {
    let data = json!({ "schemas": [USER], "userName": name });
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data })
}

fn group(bulk_id: &str, members: &[&str]) -> Json {
    let members: Vec<Json> = members.iter().map(|m| json!({ "value": m })).collect();
    let data = json!({ "schemas": [GROUP], "displayName": bulk_id, "members": members });
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn statuses(answer: &Answer) -> Vec<&str> {
    let operations = answer.body["Operations"].as_array().unwrap();
    let statuses = operations.iter().map(|o| o["status"].as_str().unwrap());
    statuses.collect()
}

fn made(answer: &Answer, index: usize) -> String {
    let location = answer.body["Operations"][index]["location"].as_str();
    location.unwrap().rsplit('/').next().unwrap().to_owned()
}

on_both! {
    async fn each_operation_is_answered_in_its_place(world: World) {
        let id = world.user(json!({ "userName": "bob" })).await;
        let gone = world.user(json!({ "userName": "gone" })).await;
        let path = format!("/Users/{id}");
        let answer = world.post("/Bulk", request(&json!([
            user("a", "ada"),
            { "method": "PUT", "path": path, "data": { "schemas": [USER], "userName": "bob", "title": "T" } },
            { "method": "PATCH", "path": path, "data": { "schemas": [PATCH_OP], "Operations": [{ "op": "add", "path": "nickName", "value": "B" }] } },
            user("b", "ADA"),
            { "method": "DELETE", "path": format!("/Users/{gone}") },
            { "method": "PUT", "path": path, "version": "W/\"0\"", "data": { "schemas": [USER], "userName": "bob" } },
        ]))).await.is(200);
        assert_eq!(statuses(&answer), ["201", "200", "200", "409", "204", "412"]);
        assert_eq!(answer.body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
        let operations = &answer.body["Operations"];
        assert_eq!(operations[0]["bulkId"], "a");
        assert_eq!(operations[0]["version"], "W/\"1\"");
        let read = world.get(&path).await;
        assert_eq!(operations[2]["version"], read.tag());
        assert_eq!(operations[2]["location"], read.body["meta"]["location"]);
        assert_eq!(operations[3].get("location"), None);
        assert_eq!(operations[3]["response"]["scimType"], "uniqueness");
        assert_eq!((&read.body["title"], &read.body["nickName"]), (&json!("T"), &json!("B")));
    }

    async fn references_may_point_forwards(world: World) {
        let answer = world.post("/Bulk", request(&json!([
            group("g", &["bulkId:a", "bulkId:b"]),
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": {
                "schemas": [USER, ENTERPRISE], "userName": "ada", ENTERPRISE: { "manager": { "value": "bulkId:b" } } } },
            user("b", "bob"),
            { "method": "PATCH", "path": "/Groups/bulkId:g", "data": { "schemas": [PATCH_OP], "Operations": [
                { "op": "remove", "path": "members[value eq \"bulkId:b\"]" }] } },
        ]))).await.is(200);
        assert_eq!(statuses(&answer), ["201", "201", "201", "200"]);
        let (ada, bob) = (made(&answer, 1), made(&answer, 2));
        assert_eq!(world.members(&made(&answer, 0)).await, [ada.as_str()]);
        let ada = world.get(&format!("/Users/{ada}")).await.body;
        assert_eq!(ada[ENTERPRISE]["manager"]["value"], bob.as_str());
    }

    async fn references_may_go_in_a_circle(world: World) {
        let answer = world.post("/Bulk", request(&json!([
            group("g", &["bulkId:h"]),
            group("h", &["bulkId:g"]),
        ]))).await.is(200);
        assert_eq!(statuses(&answer), ["201", "201"]);
        let (g, h) = (made(&answer, 0), made(&answer, 1));
        assert_eq!(world.members(&g).await, [h.as_str()]);
        assert_eq!(world.members(&h).await, [g.as_str()]);
        let tag = world.get(&format!("/Groups/{h}")).await.tag();
        assert_eq!(answer.body["Operations"][1]["version"], tag);
    }

    async fn it_stops_after_so_many_errors(world: World) {
        for (limit, expected) in [
            (json!(1), vec!["201", "400"]),
            (json!(2), vec!["201", "400", "400"]),
            (Json::Null, vec!["201", "400", "400", "201"]),
        ] {
            let n = expected.len();
            let wrong = json!({ "method": "POST", "path": "/Users", "bulkId": "w", "data": { "schemas": [USER] } });
            let mut second = wrong.clone();
            second["bulkId"] = json!("x");
            let mut body = request(&json!([user("a", &format!("a{n}")), wrong, second, user("b", &format!("b{n}"))]));
            body["failOnErrors"] = limit;
            let answer = world.post("/Bulk", body).await.is(200);
            assert_eq!(statuses(&answer), expected);
        }
    }

    async fn references_to_nothing_are_that_operations_mistake(world: World) {
        let answer = world.post("/Bulk", request(&json!([
            group("g", &["bulkId:nobody"]),
            { "method": "POST", "path": "/Users", "bulkId": "w", "data": { "schemas": [USER] } },
            group("h", &["bulkId:w"]),
            user("a", "ada"),
            user("a", "bob"),
            { "method": "POST", "path": "/Users", "data": { "schemas": [USER], "userName": "c" } },
            { "method": "POST", "path": "/Printers", "bulkId": "p", "data": {} },
        ]))).await.is(200);
        assert_eq!(statuses(&answer), ["400", "400", "409", "201", "400", "400", "404"]);
        assert_eq!(answer.body["Operations"][0]["response"]["scimType"], "invalidValue");
        assert_eq!(world.get("/Groups").await.body["totalResults"], 0);
    }

    async fn too_much_is_refused_whole(world: World) {
        let operations: Vec<Json> = (0..1_001).map(|n| user(&n.to_string(), &n.to_string())).collect();
        let answer = world.post("/Bulk", request(&operations.into())).await.refuses(413, "");
        assert!(answer.body["detail"].as_str().unwrap().contains("1000"));
        let long = user("a", &"x".repeat(1024 * 1024));
        world.post("/Bulk", request(&json!([long]))).await.refuses(413, "");
        assert_eq!(world.get("/Users").await.body["totalResults"], 0);
        world.post("/Bulk", json!({ "Operations": [] })).await.refuses(400, "invalidSyntax");
        world.get("/Bulk").await.refuses(405, "");
    }
}
