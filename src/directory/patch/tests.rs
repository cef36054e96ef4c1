//! PATCH by the checklist: the RFC's rules, and requests as clients send them.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::json;
use crate::member::Member;
use crate::refusal::ScimType;
use crate::schema::{ENTERPRISE_USER, Registry, USER};

const ID: &str = "018f-ada";

fn ada() -> Json {
    json!({
        "userName": "ada@example.com",
        "name": { "givenName": "Ada", "familyName": "Rigter" },
        "active": true,
        "emails": [
            { "value": "ada@work.example", "type": "work", "primary": true },
            { "value": "ada@home.example", "type": "home" },
        ],
        ENTERPRISE_USER: { "department": "IT" },
    })
}

fn patch_of(
    kind: &str,
    current: &Json,
    operations: &Json,
    strictness: Strictness,
) -> Result<Patched, Refusal> {
    let registry = Registry::standard();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let request = PatchRequest::read(json::parse(body.to_string().as_bytes())?)?;
    let current = Document::from(current.as_object().unwrap().clone());
    apply(
        &request,
        registry.resource_type(kind).unwrap(),
        ID,
        &current,
        strictness,
    )
}

fn patch(operations: &Json) -> Result<Patched, Refusal> {
    patch_of("User", &ada(), operations, Strictness::Lenient)
}

/// Ada after the operations, where `path` is a JSON pointer.
#[track_caller]
fn becomes(operations: &Json, path: &str, expected: &Json) {
    let patched = patch(operations).unwrap_or_else(|refusal| panic!("{refusal}"));
    let document = Json::Object(patched.document.as_object().clone());
    assert_eq!(
        document.pointer(path).unwrap_or(&Json::Null),
        expected,
        "{operations}"
    );
}

#[track_caller]
fn stays(operations: &Json) {
    let patched = patch(operations).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(Json::Object(patched.document.as_object().clone()), ada());
    assert!(!patched.changed, "{operations}");
}

#[track_caller]
fn refused(operations: &Json, scim_type: ScimType) -> Refusal {
    let refusal = patch(operations).unwrap_err();
    assert_eq!(refusal.scim_type, scim_type, "{operations}: {refusal}");
    refusal
}

#[test]
fn every_form_of_path_can_be_added_replaced_and_removed() {
    for (path, value, pointer) in [
        ("title", json!("Nurse"), "/title"),
        ("name.givenName", json!("A"), "/name/givenName"),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            json!("N"),
            "/title",
        ),
        (
            "urn:ietf:params:scim:schemas:core:2.0:User:name.middleName",
            json!("M"),
            "/name/middleName",
        ),
        ("nickName", json!("x"), "/nickName"),
    ] {
        for op in ["add", "Replace"] {
            becomes(
                &json!([{ "op": op, "path": path, "value": value }]),
                pointer,
                &value,
            );
        }
        becomes(
            &json!([{ "op": "REMOVE", "path": path }]),
            pointer,
            &Json::Null,
        );
    }
    let department = format!("/{ENTERPRISE_USER}/department");
    let manager = format!("/{ENTERPRISE_USER}/manager");
    for op in ["add", "replace"] {
        let at = |path: String, value: Json| json!([{ "op": op, "path": path, "value": value }]);
        becomes(
            &at(format!("{ENTERPRISE_USER}:department"), json!("HR")),
            &department,
            &json!("HR"),
        );
        becomes(
            &at(ENTERPRISE_USER.to_owned(), json!({ "department": "HR" })),
            &department,
            &json!("HR"),
        );
        becomes(
            &at(format!("{ENTERPRISE_USER}:manager.value"), json!("m")),
            &manager,
            &json!({ "value": "m" }),
        );
        becomes(
            &at("emails[type eq \"home\"].value".to_owned(), json!("x@y")),
            "/emails/1/value",
            &json!("x@y"),
        );
        becomes(
            &at(
                "emails[type eq \"home\"]".to_owned(),
                json!({ "value": "x@y" }),
            ),
            "/emails/1",
            &json!({ "value": "x@y", "type": "home" }),
        );
    }
    becomes(
        &json!([{ "op": "remove", "path": ENTERPRISE_USER }]),
        &format!("/{ENTERPRISE_USER}"),
        &Json::Null,
    );
    becomes(
        &json!([{ "op": "remove", "path": format!("{ENTERPRISE_USER}:department") }]),
        &format!("/{ENTERPRISE_USER}"),
        &Json::Null,
    );
    becomes(
        &json!([{ "op": "remove", "path": "emails[type eq \"home\"].type" }]),
        "/emails/1",
        &json!({ "value": "ada@home.example" }),
    );
    becomes(
        &json!([{ "op": "remove", "path": "emails[type eq \"work\"]" }]),
        "/emails/0/type",
        &json!("home"),
    );
}

#[test]
fn entra_creates_the_value_that_its_brackets_describe() {
    becomes(
        &json!([{ "op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1" }]),
        "/phoneNumbers",
        &json!([{ "type": "mobile", "value": "1" }]),
    );
    becomes(
        &json!([{ "op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "Street 1" }]),
        "/addresses",
        &json!([{ "type": "work", "formatted": "Street 1" }]),
    );
    becomes(
        &json!([{ "op": "add", "path": "roles[primary eq \"True\"].value", "value": "admin" }]),
        "/roles",
        &json!([{ "primary": true, "value": "admin" }]),
    );
}

#[test]
fn brackets_that_select_nothing_are_no_target_unless_they_describe_the_value() {
    for operation in [
        json!({ "op": "replace", "path": "emails[type eq \"other\"]", "value": { "value": "x@y" } }),
        json!({ "op": "add", "path": "emails[type eq \"other\"]", "value": { "value": "x@y" } }),
        json!({ "op": "replace", "path": "emails[type co \"oth\"].value", "value": "x@y" }),
        json!({ "op": "add", "path": "emails[type eq \"a\" or type eq \"b\"].value", "value": "x@y" }),
    ] {
        refused(&json!([operation]), ScimType::NoTarget);
    }
    stays(&json!([{ "op": "remove", "path": "emails[type eq \"other\"]" }]));
    stays(&json!([{ "op": "remove", "path": "emails[type eq \"other\"].value" }]));
}

#[test]
fn keys_of_entra_and_okta_without_a_path_are_paths() {
    let operations = json!([{ "op": "replace", "value": {
        "displayName": "d",
        "name.givenName": "G",
        "emails[type eq \"home\"].value": "new@home.example",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "1",
        ENTERPRISE_USER: { "division": "D" },
    }}]);
    becomes(
        &operations,
        "/name",
        &json!({ "givenName": "G", "familyName": "Rigter" }),
    );
    becomes(&operations, "/emails/1/value", &json!("new@home.example"));
    becomes(
        &operations,
        &format!("/{ENTERPRISE_USER}"),
        &json!({ "department": "IT", "employeeNumber": "1", "division": "D" }),
    );
    assert_eq!(patch(&operations).unwrap().warnings.len(), 3);
    let strict = patch_of("User", &ada(), &operations, Strictness::Strict);
    assert!(strict.is_err());
}

#[test]
fn people_are_disabled_in_every_spelling() {
    for operation in [
        json!({ "op": "Replace", "path": "active", "value": "False" }),
        json!({ "op": "replace", "path": "active", "value": "false" }),
        json!({ "op": "replace", "value": { "active": false } }),
        json!({ "op": "Add", "path": "active", "value": [{ "$ref": null, "value": "False" }] }),
    ] {
        becomes(&json!([operation]), "/active", &json!(false));
    }
}

#[test]
fn a_manager_may_be_a_text_an_object_or_a_uri() {
    let manager = format!("{ENTERPRISE_USER}:manager");
    let pointer = format!("/{ENTERPRISE_USER}/manager");
    for value in [
        json!("m1"),
        json!({ "value": "m1" }),
        json!({ "$ref": "https://x/Users/m1" }),
    ] {
        let operations = json!([{ "op": "Add", "path": manager, "value": value }]);
        becomes(&operations, &pointer, &json!({ "value": "m1" }));
    }
    let uri = json!([{ "op": "add", "path": format!("{manager}.$ref"), "value": "../Users/m1" }]);
    becomes(&uri, &pointer, &json!({ "value": "m1" }));
}

#[test]
fn what_is_there_already_changes_nothing() {
    stays(
        &json!([{ "op": "add", "path": "emails", "value": [{ "value": "ADA@work.example", "type": "work" }] }]),
    );
    stays(&json!([{ "op": "add", "path": "emails", "value": [{ "value": "ada@home.example" }] }]));
    stays(&json!([{ "op": "replace", "value": { "id": ID, "userName": "ada@example.com" } }]));
    stays(&json!([{ "op": "replace", "path": "name", "value": { "givenName": "Ada" } }]));
    stays(&json!([{ "op": "add", "path": "emails", "value": [] }]));
    stays(&json!([{ "op": "replace", "value": { "schemas": [USER], "meta": {}, "groups": [] } }]));
    stays(&json!([{ "op": "remove", "path": "title" }]));
    stays(&json!([
        { "op": "replace", "path": "title", "value": "x" },
        { "op": "remove", "path": "title" },
    ]));
}

#[test]
fn adding_appends_or_merges_and_replacing_replaces() {
    becomes(
        &json!([{ "op": "add", "path": "emails", "value": { "value": "c@d", "type": "other" } }]),
        "/emails/2",
        &json!({ "value": "c@d", "type": "other" }),
    );
    becomes(
        &json!([{ "op": "add", "path": "emails", "value": [{ "value": "ada@home.example", "type": "home", "display": "H" }] }]),
        "/emails/1/display",
        &json!("H"),
    );
    becomes(
        &json!([{ "op": "replace", "path": "emails", "value": [{ "value": "c@d" }] }]),
        "/emails",
        &json!([{ "value": "c@d" }]),
    );
    for clear in [json!(null), json!([])] {
        becomes(
            &json!([{ "op": "replace", "path": "emails", "value": clear }]),
            "/emails",
            &Json::Null,
        );
    }
    becomes(
        &json!([{ "op": "replace", "path": "name", "value": { "familyName": null, "middleName": "M" } }]),
        "/name",
        &json!({ "givenName": "Ada", "middleName": "M" }),
    );
}

#[test]
fn removing_listed_values_removes_those_and_no_others() {
    becomes(
        &json!([{ "op": "Remove", "path": "emails", "value": [{ "value": "ada@work.example" }] }]),
        "/emails",
        &json!([{ "value": "ada@home.example", "type": "home" }]),
    );
    stays(&json!([{ "op": "Remove", "path": "emails", "value": [] }]));
    becomes(
        &json!([{ "op": "Remove", "path": "emails" }]),
        "/emails",
        &Json::Null,
    );
}

#[test]
fn a_new_primary_takes_it_from_the_old_one_and_two_are_refused() {
    for operation in [
        json!({ "op": "add", "path": "emails", "value": [{ "value": "c@d", "primary": true }] }),
        json!({ "op": "replace", "path": "emails[type eq \"home\"].primary", "value": true }),
        json!({ "op": "add", "path": "emails[type eq \"home\"]", "value": { "primary": true } }),
    ] {
        becomes(&json!([operation]), "/emails/0/primary", &json!(false));
    }
    let two = json!([{ "value": "a@b", "primary": true }, { "value": "c@d", "primary": true }]);
    refused(
        &json!([{ "op": "add", "path": "emails", "value": two }]),
        ScimType::InvalidValue,
    );
    refused(
        &json!([{ "op": "replace", "path": "emails.primary", "value": true }]),
        ScimType::InvalidValue,
    );
}

#[test]
fn what_cannot_be_done_is_told_with_its_operation_and_changes_nothing() {
    use ScimType::{InvalidFilter, InvalidPath, InvalidSyntax, InvalidValue, Mutability, NoTarget};
    for (operation, scim_type) in [
        (json!({ "op": "remove" }), NoTarget),
        (json!({ "op": "remove", "path": "userName" }), Mutability),
        (json!({ "op": "remove", "path": "id" }), Mutability),
        (json!({ "op": "remove", "path": "schemas" }), Mutability),
        (
            json!({ "op": "replace", "path": "groups", "value": [] }),
            Mutability,
        ),
        (
            json!({ "op": "replace", "path": "meta.created", "value": "x" }),
            Mutability,
        ),
        (
            json!({ "op": "replace", "value": { "id": "another" } }),
            Mutability,
        ),
        (
            json!({ "op": "replace", "path": "userName", "value": null }),
            InvalidValue,
        ),
        (
            json!({ "op": "replace", "path": "userName", "value": "" }),
            InvalidValue,
        ),
        (json!({ "op": "replace", "path": "title" }), InvalidValue),
        (
            json!({ "op": "replace", "path": "active", "value": "maybe" }),
            InvalidValue,
        ),
        (json!({ "op": "add", "value": "x" }), InvalidValue),
        (
            json!({ "op": "add", "path": "emails[0]", "value": "x" }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "/userName", "value": "x" }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "shoeSize", "value": 1 }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "emails.shoeSize", "value": 1 }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "urn:x:User:a", "value": 1 }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "title[value eq \"a\"]", "value": 1 }),
            InvalidPath,
        ),
        (
            json!({ "op": "add", "path": "emails[type zz 1]", "value": {} }),
            InvalidFilter,
        ),
        (
            json!({ "op": "add", "path": "emails[shoeSize eq 1]", "value": {} }),
            InvalidFilter,
        ),
        (
            json!({ "op": "move", "path": "title", "value": "x" }),
            InvalidSyntax,
        ),
    ] {
        let ok = json!({ "op": "replace", "path": "title", "value": "Boss" });
        let refusal = patch(&json!([ok, operation])).unwrap_err();
        assert_eq!(refusal.scim_type, scim_type, "{operation}: {refusal}");
        // Whether something required is missing is only known at the end.
        if operation["value"] != "" {
            assert_eq!(refusal.operation, Some(1), "{operation}");
        }
    }
    refused(&json!([]), InvalidSyntax);
    refused(&json!({}), InvalidSyntax);
    assert!(PatchRequest::read(json!({ "Operations": [] })).is_err());
}

fn members(operations: &Json) -> Vec<MemberChange> {
    let group = json!({ "displayName": "Staff" });
    let patched = patch_of("Group", &group, operations, Strictness::Lenient).unwrap();
    patched.members
}

fn named(ids: &[&str]) -> Vec<Member> {
    let member = |id: &&str| Member {
        value: (*id).to_owned(),
        kind: None,
    };
    ids.iter().map(member).collect()
}

#[test]
fn members_are_told_as_changes() {
    assert_eq!(
        members(&json!([
            { "op": "remove", "path": "members[value eq \"a\"]" },
            { "op": "add", "path": "members", "value": [{ "value": "b", "display": "x" }] },
        ])),
        [
            MemberChange::Remove(vec!["a".to_owned()]),
            MemberChange::Add(named(&["b"]))
        ]
    );
    assert_eq!(
        members(
            &json!([{ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": "a" }] }])
        ),
        [MemberChange::Add(named(&["a"]))]
    );
    assert_eq!(
        members(
            &json!([{ "op": "replace", "path": "members", "value": [{ "value": "a" }, { "value": "a" }] }])
        ),
        [MemberChange::Replace(named(&["a"]))]
    );
    assert_eq!(
        members(&json!([{ "op": "remove", "path": "members[value eq \"a\" or value eq \"b\"]" }])),
        [MemberChange::Remove(vec!["a".to_owned(), "b".to_owned()])]
    );
    assert!(matches!(
        members(&json!([{ "op": "remove", "path": "members[type eq \"Group\"]" }]))[..],
        [MemberChange::RemoveMatching(_)]
    ));
}

#[test]
fn removing_listed_members_never_clears_the_group() {
    assert_eq!(
        members(&json!([{ "op": "Remove", "path": "members", "value": [{ "value": "a" }] }])),
        [MemberChange::Remove(vec!["a".to_owned()])]
    );
    assert_eq!(
        members(&json!([{ "op": "Remove", "path": "members", "value": [] }])),
        []
    );
    assert_eq!(
        members(&json!([{ "op": "remove", "path": "members" }])),
        [MemberChange::Clear]
    );
    assert_eq!(
        members(&json!([{ "op": "replace", "path": "members", "value": [] }])),
        [MemberChange::Clear]
    );
}

#[test]
fn okta_renames_a_group_with_its_id_in_the_value() {
    let group = json!({ "displayName": "Staff" });
    let operations = json!([{ "op": "replace", "value": { "id": ID, "displayName": "Crew" } }]);
    let patched = patch_of("Group", &group, &operations, Strictness::Lenient).unwrap();
    assert_eq!(patched.document.text("displayName"), Some("Crew"));
    assert_eq!(patched.members, []);
}

#[test]
fn a_password_is_set_and_never_kept_in_the_document() {
    let patched = patch(&json!([{ "op": "replace", "path": "password", "value": "t0p" }])).unwrap();
    assert!(patched.changed);
    assert!(!format!("{patched:?}").contains("t0p"));
}

fn any_operation() -> impl Strategy<Value = Json> {
    let paths = vec![
        json!(null),
        json!("title"),
        json!("name"),
        json!("name.givenName"),
        json!("emails"),
        json!("emails.value"),
        json!("emails[type eq \"work\"]"),
        json!("emails[type eq \"x\"].value"),
        json!("emails[primary eq true].primary"),
        json!(ENTERPRISE_USER),
        json!("active"),
        json!(format!("{ENTERPRISE_USER}:manager")),
        json!("photos[value pr].type"),
        json!("id"),
    ];
    let values = vec![
        json!(null),
        json!([]),
        json!({}),
        json!("a"),
        json!(true),
        json!(1),
        json!({ "value": "a@b" }),
        json!([{ "value": "a@b", "primary": true }]),
        json!({ "title": "t", "name.familyName": "F" }),
        json!({ "department": "D" }),
        json!([[]]),
        json!([null]),
        json!({ "emails": [{ "value": "q@r" }] }),
    ];
    let op = proptest::sample::select(vec!["add", "remove", "replace"]);
    (
        op,
        proptest::sample::select(paths),
        proptest::sample::select(values),
    )
        .prop_map(|(op, path, value)| json!({ "op": op, "path": path, "value": value }))
}

proptest! {
    #[test]
    fn one_request_does_what_its_operations_do_one_by_one(
        operations in proptest::collection::vec(any_operation(), 1..5),
    ) {
        let at_once = patch(&Json::Array(operations.clone()));
        let mut current = ada();
        for operation in &operations {
            let one = patch_of("User", &current, &json!([operation]), Strictness::Lenient);
            let Ok(patched) = one else {
                prop_assert!(at_once.is_err());
                return Ok(());
            };
            current = Json::Object(patched.document.as_object().clone());
        }
        let at_once = at_once.unwrap();
        prop_assert_eq!(Json::Object(at_once.document.as_object().clone()), current.clone());
        prop_assert_eq!(at_once.changed, current != ada());
    }

    #[test]
    fn replacing_twice_changes_nothing_the_second_time(operation in any_operation()) {
        let operations = json!([operation]);
        if let Ok(once) = patch(&operations) {
            let document = Json::Object(once.document.as_object().clone());
            let twice = patch_of("User", &document, &operations, Strictness::Lenient).unwrap();
            prop_assert!(!twice.changed, "{}", operations);
        }
    }
}
