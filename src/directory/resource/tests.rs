//! Bodies of POST and PUT, as clients send them.

use super::*;
use crate::refusal::ScimType;
use crate::schema::{ENTERPRISE_USER, GROUP, Registry, USER};
use serde_json::json;

fn post_as(name: &str, body: Json, strictness: Strictness) -> Result<Checked, Refusal> {
    let registry = Registry::standard();
    create(registry.resource_type(name).unwrap(), body, strictness)
}

fn post(body: Json) -> Result<Checked, Refusal> {
    post_as("User", body, Strictness::Lenient)
}

fn put_over(current: &Json, body: Json) -> Result<Checked, Refusal> {
    let registry = Registry::standard();
    let current = Document::from(current.as_object().unwrap().clone());
    let user = registry.resource_type("User").unwrap();
    replace(user, body, &current, Strictness::Lenient)
}

fn document(checked: &Checked) -> Json {
    Json::Object(checked.document.as_object().clone())
}

#[test]
fn a_user_of_entra_is_kept_in_the_schemas_spelling() {
    let checked = post(json!({
        "Schemas": [USER, ENTERPRISE_USER],
        "USERNAME": "ada@example.com",
        "active": "True",
        "emails": [{ "primary": true, "type": "work", "value": "ada@example.com" }],
        "roles": [],
        "meta": { "resourceType": "User" },
        "id": "made-up",
        "groups": [{ "value": "g" }],
        "Name": { "givenname": "Ada" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user": { "manager": "m1" },
    }))
    .unwrap();
    assert_eq!(
        document(&checked),
        json!({
            "userName": "ada@example.com",
            "active": true,
            "emails": [{ "primary": true, "type": "work", "value": "ada@example.com" }],
            "name": { "givenName": "Ada" },
            ENTERPRISE_USER: { "manager": { "value": "m1" } },
        })
    );
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    assert_eq!(schemas_of(user, &checked.document), [USER, ENTERPRISE_USER]);
}

#[test]
fn a_password_is_not_in_the_document_and_not_printed() {
    let checked =
        post(json!({ "schemas": [USER], "userName": "a", "password": "t0p-secret" })).unwrap();
    assert!(!format!("{checked:?}").contains("t0p-secret"));
    let PasswordChange::Set(password) = &checked.password else {
        panic!("{checked:?}");
    };
    assert_eq!(password.reveal(), "t0p-secret");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for (body, scim_type, message) in [
        (json!([]), ScimType::InvalidSyntax, "must be a JSON object"),
        (
            json!({ "userName": "a" }),
            ScimType::InvalidSyntax,
            "`schemas` must be",
        ),
        (
            json!({ "schemas": [ENTERPRISE_USER], "userName": "a" }),
            ScimType::InvalidSyntax,
            "`schemas` must hold",
        ),
        (
            json!({ "schemas": [USER] }),
            ScimType::InvalidValue,
            "`userName` is required",
        ),
        (
            json!({ "schemas": [USER], "userName": "" }),
            ScimType::InvalidValue,
            "`userName` is required",
        ),
        (
            json!({ "schemas": [USER], "userName": "a", "name": "x" }),
            ScimType::InvalidValue,
            "`name` must be an object",
        ),
        (
            json!({ "schemas": [USER], "userName": "a", ENTERPRISE_USER: 1 }),
            ScimType::InvalidValue,
            "must be an object",
        ),
    ] {
        let refusal = post(body).unwrap_err();
        assert_eq!(refusal.scim_type, scim_type, "{}", refusal.detail);
        assert!(refusal.detail.contains(message), "{}", refusal.detail);
    }
}

#[test]
fn a_group_of_entra_with_a_schema_of_its_own_is_accepted_and_noted() {
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "Staff",
        "members": [{ "value": "u1" }, { "value": "u1" }, { "$ref": "../Users/u2" }],
    });
    let checked = post_as("Group", body.clone(), Strictness::Lenient).unwrap();
    let Some(MemberChange::Replace(members)) = &checked.members else {
        panic!("{checked:?}");
    };
    let ids: Vec<&str> = members.iter().map(|m| m.value.as_str()).collect();
    assert_eq!(ids, ["u1", "u2"]);
    assert_eq!(checked.warnings[0].kind, WarningKind::UnknownSchema);
    assert_eq!(document(&checked), json!({ "displayName": "Staff" }));
    assert!(post_as("Group", body, Strictness::Strict).is_err());
}

#[test]
fn a_put_clears_what_it_leaves_out_except_password_and_active() {
    let current = json!({
        "userName": "a", "active": false, "title": "Nurse", "nickName": "A",
        "emails": [{ "value": "a@b" }],
    });
    let checked = put_over(
        &current,
        json!({ "schemas": [USER], "userName": "a", "emails": null, "nickName": "A" }),
    )
    .unwrap();
    assert_eq!(
        document(&checked),
        json!({ "userName": "a", "nickName": "A", "active": false })
    );
    assert_eq!(checked.password, PasswordChange::Keep);
    for nothing in [json!(null), json!("")] {
        let body =
            json!({ "schemas": [USER], "userName": "a", "active": null, "password": nothing });
        let checked = put_over(&current, body).unwrap();
        assert_eq!(checked.password, PasswordChange::Keep);
        assert!(!checked.document.active());
    }
}

#[test]
fn a_put_keeps_what_only_we_write_and_cannot_change_what_is_immutable() {
    let mut registry = Registry::standard();
    registry
        .add(&json!({
            "schemas": [{ "id": "urn:example:scim:1.0:Car", "attributes": [
                { "name": "plate", "mutability": "immutable" },
                { "name": "mileage", "type": "integer", "mutability": "readOnly" },
            ]}],
            "resourceTypes": [{ "name": "Car", "endpoint": "/Cars", "schema": "urn:example:scim:1.0:Car" }],
        }))
        .unwrap();
    let car = registry.resource_type("Car").unwrap();
    let current = json!({ "plate": "X1", "mileage": 5 });
    let current = Document::from(current.as_object().unwrap().clone());
    let put = |body: Json| replace(car, body, &current, Strictness::Lenient);
    let schemas = json!(["urn:example:scim:1.0:Car"]);
    let kept = put(json!({ "schemas": schemas, "mileage": 9 })).unwrap();
    assert_eq!(document(&kept), json!({ "plate": "X1", "mileage": 5 }));
    let refusal = put(json!({ "schemas": schemas, "plate": "X2" })).unwrap_err();
    assert_eq!(refusal.scim_type, ScimType::Mutability);
}

#[test]
fn an_attribute_that_no_schema_knows_is_noted_or_refused() {
    let body = json!({ "schemas": [USER], "userName": "a", "shoeSize": 43 });
    let checked = post(body.clone()).unwrap();
    assert_eq!(checked.warnings[0].path, "shoeSize");
    let refusal = post_as("User", body, Strictness::Strict).unwrap_err();
    assert_eq!(refusal.scim_type, ScimType::InvalidSyntax);
}

#[test]
fn what_was_checked_can_be_put_again_without_a_change() {
    let checked = post(json!({
        "schemas": [USER], "userName": "a", "name": { "givenName": "A" },
        "phoneNumbers": { "value": "1", "type": "work" },
    }))
    .unwrap();
    let mut body = checked.document.as_object().clone();
    body.insert("schemas".to_owned(), json!([USER]));
    let again = put_over(&document(&checked), Json::Object(body)).unwrap();
    assert_eq!(again.document, checked.document);
    assert_eq!(again.warnings, []);
}
