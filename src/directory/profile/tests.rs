//! What clients send, with the quirks that are met.

use serde_json::json;

use super::*;
use crate::document::Document;
use crate::member::MemberChange;
use crate::patch::{PatchRequest, apply};
use crate::resource::create;
use crate::schema::{ENTERPRISE_USER, GROUP, Registry, USER};

fn user_of(profile: Profile, body: Json) -> (Json, Vec<Quirk>) {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let normalised = profile.resource(user, body);
    let checked = create(user, normalised.body, profile.strictness()).unwrap();
    let document = Json::Object(checked.document.as_object().clone());
    (document, normalised.quirks)
}

#[test]
fn a_user_of_onelogins_template_is_understood() {
    let body = json!({
        "schemas": ["urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:enterprise:1.0"],
        "id": null, "userName": "ada", "active": "true", "title": "",
        "emails": { "value": "ada@example.com", "primary": true },
        "urn:scim:schemas:extension:enterprise:1.0": { "managerId": "m1", "department": "IT" },
    });
    for profile in [Profile::OneLogin, Profile::Generic] {
        let (user, quirks) = user_of(profile, body.clone());
        assert_eq!(
            user,
            json!({
                "userName": "ada", "active": true,
                "emails": [{ "value": "ada@example.com", "primary": true }],
                ENTERPRISE_USER: { "department": "IT", "manager": { "value": "m1" } },
            })
        );
        assert_eq!(quirks, [LEGACY_URN, MANAGER_ID, EMPTY_TEXT]);
    }
}

#[test]
fn oktas_empty_texts_and_jumpclouds_nulls_are_no_values() {
    let body = json!({
        "schemas": [USER], "userName": "ada", "emails": null, "addresses": [],
        "name": { "givenName": "Ada", "middleName": "" },
    });
    for profile in [Profile::Okta, Profile::JumpCloud, Profile::Generic] {
        let (user, quirks) = user_of(profile, body.clone());
        assert_eq!(
            user,
            json!({ "userName": "ada", "name": { "givenName": "Ada" } })
        );
        assert_eq!(quirks, [EMPTY_TEXT]);
    }
}

#[test]
fn entras_own_schema_of_groups_is_left_out() {
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "displayName": "Staff",
    });
    let normalised = Profile::Entra.resource(group, body);
    assert_eq!(normalised.body["schemas"], json!([GROUP]));
    assert_eq!(normalised.quirks, [FOREIGN_SCHEMA]);
}

#[test]
fn a_patch_without_schemas_and_list_is_understood() {
    let registry = Registry::standard();
    let group = registry.resource_type("Group").unwrap();
    let body =
        json!({ "operations": { "op": "Add", "path": "members", "value": [{ "value": "a" }] } });
    let normalised = Profile::Generic.patch(group, body.clone());
    assert_eq!(normalised.quirks, [PATCH_WITHOUT_SCHEMAS, LONE_OPERATION]);
    let request = PatchRequest::read(normalised.body).unwrap();
    let current = Document::from(json!({ "displayName": "S" }).as_object().unwrap().clone());
    let patched = apply(
        &request,
        group,
        "g",
        &current,
        Profile::Generic.strictness(),
    )
    .unwrap();
    assert!(matches!(patched.members[..], [MemberChange::Add(_)]));
    assert!(PatchRequest::read(Profile::Strict.patch(group, body).body).is_err());
}

#[test]
fn a_body_without_quirks_stays_as_it_is_in_every_profile() {
    let registry = Registry::standard();
    let user = registry.resource_type("User").unwrap();
    let body = json!({ "schemas": [USER], "userName": "ada" });
    for profile in Profile::ALL {
        let normalised = profile.resource(user, body.clone());
        assert_eq!((normalised.body, normalised.quirks), (body.clone(), vec![]));
        assert_eq!(Profile::named(profile.as_str()), Some(profile));
    }
}
