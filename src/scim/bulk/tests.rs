//! The pure parts: references and order.

use serde_json::{Value as Json, json};

use super::order::{Step, plan};
use super::references::{completion, references, resolved, without};
use super::request::BulkRequest;

fn request(operations: &Json) -> BulkRequest {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    BulkRequest::read(
        json!({ "schemas": schemas, "Operations": operations }),
        1_000,
    )
    .unwrap()
}

fn post(bulk_id: &str, members: &[&str]) -> Json {
    let members: Vec<Json> = members
        .iter()
        .map(|id| json!({ "value": format!("bulkId:{id}") }))
        .collect();
    json!({
        "method": "POST", "path": "/Groups", "bulkId": bulk_id,
        "data": { "displayName": bulk_id, "members": members },
    })
}

/// The steps as a line: `0 2 1 0+` does the first, third and second, then the first's rest.
fn order(operations: &Json) -> String {
    let steps = plan(&request(operations).operations);
    let words = steps.iter().map(|step| match step {
        Step::Do { index, .. } => index.to_string(),
        Step::Complete { index, .. } => format!("{index}+"),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_referred_to_is_made_first() {
    assert_eq!(order(&json!([post("a", &[]), post("b", &["a"])])), "0 1");
    assert_eq!(
        order(&json!([
            post("a", &["b"]),
            post("b", &["c"]),
            post("c", &[])
        ])),
        "2 1 0"
    );
    let patch = json!({ "method": "PATCH", "path": "/Groups/bulkId:b", "data": {} });
    assert_eq!(
        order(&json!([patch, post("a", &[]), post("b", &[])])),
        "2 0 1"
    );
}

#[test]
fn a_circle_is_opened_and_closed_at_the_end() {
    assert_eq!(
        order(&json!([post("a", &["b"]), post("b", &["a"])])),
        "1 0 1+"
    );
    assert_eq!(order(&json!([post("a", &["a"])])), "0 0+");
}

#[test]
fn a_thousand_in_a_row_backwards_are_ordered() {
    let operations: Vec<Json> = (0..1_000)
        .map(|n| {
            let next = format!("g{}", n + 1);
            let members = if n < 999 { vec![next.as_str()] } else { vec![] };
            post(&format!("g{n}"), &members)
        })
        .collect();
    let order = order(&operations.into());
    assert!(order.starts_with("999 998") && order.ends_with("1 0"));
}

#[test]
fn references_are_found_and_replaced_in_data_and_paths() {
    let operation = json!({
        "method": "PATCH", "path": "/Groups/bulkId:g", "data": { "Operations": [
            { "op": "remove", "path": "members[value eq \"bulkId:u\"]" },
            { "op": "add", "path": "members", "value": [{ "value": "bulkId:v" }] },
        ]},
    });
    let request = request(&json!([operation]));
    let task = request.operations[0].task.as_ref().unwrap();
    let found: Vec<String> = references(task).into_iter().collect();
    assert_eq!(found, ["g", "u", "v"]);
    let data = resolved::<()>(&task.data, &|id| Ok(id.to_uppercase())).unwrap();
    let expected = json!({ "Operations": [
        { "op": "remove", "path": "members[value eq \"U\"]" },
        { "op": "add", "path": "members", "value": [{ "value": "V" }] },
    ]});
    assert_eq!(data, expected);
}

#[test]
fn what_is_left_out_comes_with_the_completion() {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let data = json!({
        "userName": "a",
        "members": [{ "value": "1" }, { "value": "bulkId:x" }],
        urn: { "department": "IT", "manager": { "value": "bulkId:x" } },
    });
    let left_out = ["x".to_owned()].into();
    let expected = json!({
        "userName": "a", "members": [{ "value": "1" }], urn: { "department": "IT" },
    });
    assert_eq!(without(&data, &left_out), expected);
    let completion = completion(&data, &left_out);
    let paths: Vec<&Json> = completion["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|operation| &operation["path"])
        .collect();
    assert_eq!(paths, ["members", urn]);
}

#[test]
fn mistakes_of_one_operation_are_its_own() {
    let request = request(&json!([
        { "method": "GET", "path": "/Users" },
        { "method": "POST", "path": "/Users", "data": {} },
        { "method": "POST", "path": "/Users/1", "bulkId": "a", "data": {} },
        { "method": "PUT", "path": "/Users", "data": {} },
        { "method": "PUT", "path": "/Users/1" },
        { "method": "DELETE" },
        { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} },
        { "method": "delete", "path": "Users/1" },
    ]));
    let failed: Vec<bool> = request.operations.iter().map(|o| o.task.is_err()).collect();
    assert_eq!(failed, [true, true, true, true, true, true, true, false]);
    for wrong in [
        json!([]),
        json!({ "Operations": [] }),
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"] }),
    ] {
        assert!(BulkRequest::read(wrong, 1_000).is_err());
    }
}
