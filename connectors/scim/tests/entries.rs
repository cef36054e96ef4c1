//! What an entry takes from a resource, and what a missing attribute says.

use super::*;

async fn first(service: &ScimService, attributes: &[&str]) -> Entry {
    let (mut entries, verdict) = read_as(settings(service), &people_with(attributes)).await;
    assert_eq!(verdict, Verdict::complete());
    entries.swap_remove(0)
}

const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

#[tokio::test]
async fn objects_lists_and_extensions_are_reached_by_their_names() {
    let service = ScimService::start(1);
    service.directory().users[0] = json!({
        "id": "a", "userName": "ada", "name": { "givenName": "Ada" },
        "emails": [{ "value": "b@x", "type": "home" }, { "value": "a@x", "primary": true }],
        URN: { "department": "Research", "manager": { "value": "m" } },
    });
    let manager = format!("{URN}.manager.value");
    let department = format!("{URN}.department");
    let names = [
        "userName",
        "name.givenName",
        "emails",
        "emails.value",
        &manager,
        &department,
    ];
    let entry = first(&service, &names).await;
    assert_eq!(entry.locator.to_string(), "Users/a");
    assert_eq!(texts(&entry, "username"), Some(vec!["ada".into()]));
    assert_eq!(texts(&entry, "name.givenName"), Some(vec!["Ada".into()]));
    assert_eq!(
        texts(&entry, "emails.value"),
        Some(vec!["a@x".into(), "b@x".into()])
    );
    assert_eq!(texts(&entry, &manager), Some(vec!["m".into()]));
    assert_eq!(texts(&entry, &department), Some(vec!["Research".into()]));
    let emails = entry.attributes.get("emails").unwrap();
    assert!(emails.contains(&Value::Json(r#"{"type":"home","value":"b@x"}"#.to_owned())));
}

#[tokio::test]
async fn a_missing_attribute_is_unassigned_and_a_missing_active_says_nothing() {
    let service = ScimService::start(1);
    service.directory().users[0] = json!({ "id": "a", "emails": [], "nickName": null });
    let names = [
        "userName",
        "name.givenName",
        "emails",
        "emails.value",
        "nickName",
        "active",
        "password",
    ];
    let entry = first(&service, &names).await;
    for empty in [
        "userName",
        "name.givenName",
        "emails",
        "emails.value",
        "nickName",
    ] {
        assert_eq!(texts(&entry, empty), Some(Vec::new()), "{empty}");
    }
    for silent in ["active", "password"] {
        assert_eq!(texts(&entry, silent), None, "{silent}");
    }
}

#[tokio::test]
async fn what_is_returned_on_request_or_never_says_nothing_by_its_absence() {
    let service = ScimService::start(1);
    service.directory().users[0] = json!({ "id": "a" });
    service.directory().schemas = Some(vec![
        json!({ "id": "urn:ietf:params:scim:schemas:core:2.0:User", "attributes": [
            { "name": "title", "returned": "default" },
            { "name": "NickName", "returned": "Request" },
            { "name": "addresses", "returned": "request", "subAttributes": [{ "name": "locality" }] },
            { "name": "name", "subAttributes": [{ "name": "givenName", "returned": "never" }] },
        ]}),
        json!({ "id": URN, "attributes": [{ "name": "costCenter", "returned": "request" }] }),
    ]);
    let cost_center = format!("{URN}.costCenter");
    let department = format!("{URN}.department");
    let names = [
        "title",
        "nickName",
        "addresses.locality",
        "name.givenName",
        "name.familyName",
        &cost_center,
        &department,
    ];
    let entry = first(&service, &names).await;
    for empty in ["title", "name.familyName", &department] {
        assert_eq!(texts(&entry, empty), Some(Vec::new()), "{empty}");
    }
    for silent in [
        "nickName",
        "addresses.locality",
        "name.givenName",
        &cost_center,
    ] {
        assert_eq!(texts(&entry, silent), None, "{silent}");
    }
    let schema = connector(settings(&service))
        .schema()
        .await
        .unwrap()
        .unwrap();
    for name in [
        "id",
        "externalId",
        "meta.lastModified",
        "title",
        "addresses.locality",
        &cost_center,
    ] {
        assert!(
            schema.attributes.iter().any(|known| known == name),
            "{name}"
        );
    }
}

#[tokio::test]
async fn without_schemas_there_is_nothing_to_check_a_mapping_against() {
    let service = ScimService::start(1);
    assert_eq!(connector(settings(&service)).schema().await.unwrap(), None);
}

#[tokio::test]
async fn a_resource_without_an_id_makes_the_read_incomplete() {
    let service = ScimService::start(3);
    service.directory().users[1]["id"] = json!(null);
    let (entries, verdict) = read(&service).await;
    incomplete_because(&verdict, "1 users");
    assert_eq!(entries.len(), 3);
    assert_eq!(entries.iter().filter(|entry| entry.key.is_err()).count(), 1);
}

#[tokio::test]
async fn what_is_no_object_and_what_stands_twice_is_told() {
    let service = ScimService::start(3);
    service.directory().users[1] = json!("user2");
    incomplete_because(&read(&service).await.1, "no usable id");
    let twice = r#"{"totalResults": 1, "Resources": [{"id": "a", "id": "b"}]}"#;
    service.answers(
        "/Users",
        1,
        1,
        Answer::of(200, "application/scim+json", twice),
    );
    failed_because(&read(&service).await.1, "the member `id` stands twice");
}

#[tokio::test]
async fn twice_the_same_gives_equal_entries_whatever_the_order() {
    let service = ScimService::start(37);
    service.directory().config = None;
    let (mut before, _) = read(&service).await;
    service.directory().users.reverse();
    let (mut after, _) = read(&service).await;
    let by_id = |entry: &Entry| entry.key.clone().unwrap();
    before.sort_by_key(by_id);
    after.sort_by_key(by_id);
    assert_eq!(before, after);
}

#[tokio::test]
async fn the_key_is_the_id() {
    let service = ScimService::start(3);
    let mut request = people();
    request.users.as_mut().unwrap().key = "externalId".to_owned();
    let (_, verdict) = read_as(settings(&service), &request).await;
    failed_because(&verdict, "write key = \"id\"");
}

#[tokio::test]
async fn the_filter_goes_along_and_is_refused_in_words() {
    let service = ScimService::start(3);
    service.directory().users[1]["userType"] = json!("Guest & more");
    let mut request = people();
    request.users.as_mut().unwrap().filter = Some(r#"userType eq "Guest & more""#.to_owned());
    let (entries, verdict) = read_as(settings(&service), &request).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(ids(&entries), numbered([2]));

    service.answers("/Users", 1, 1, Answer::error(400, "invalidFilter"));
    let (_, verdict) = read_as(settings(&service), &request).await;
    failed_because(&verdict, "refuses the filter");

    service.directory().config = Some(json!({ "filter": { "supported": false } }));
    let (_, verdict) = read_as(settings(&service), &request).await;
    failed_because(&verdict, "says that it cannot filter");
}

#[tokio::test]
async fn users_come_before_groups() {
    let service = ScimService::start(25);
    service.directory().groups = vec![group("g1", &[1, 2])];
    let request = ReadRequest {
        groups: groups().groups,
        ..people()
    };
    let (entries, verdict) = read_as(settings(&service), &request).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 26);
    assert_eq!(entries[25].kind, Kind::Group);
    assert_eq!(entries[25].locator.to_string(), "Groups/g1");
}

#[tokio::test]
async fn a_base_url_may_end_with_a_slash_and_carry_a_query() {
    let service = ScimService::start(3);
    let mut settings = settings(&service);
    settings.url = format!("{}/?api-version=2", service.base);
    let (entries, verdict) = read_as(settings, &people()).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 3);
    let directory = service.directory();
    let last = directory.requests.last().unwrap();
    assert_eq!(last.path, "/Users");
    assert_eq!(last.query["api-version"], "2");
}

#[tokio::test]
async fn one_is_found_by_id_and_by_its_place() {
    let service = ScimService::start(3);
    let connector = connector(settings(&service));
    for name in ["u0002", "Users/u0002"] {
        let found = connector
            .find(&people(), Kind::User, name)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(texts(&found, "userName"), Some(vec!["user2".into()]));
    }
    for name in ["nobody", "..", "a/b?c"] {
        assert_eq!(
            connector.find(&people(), Kind::User, name).await.unwrap(),
            None
        );
    }
    service.answers("/Users/u0002", 1, 1, Answer::json(200, &person(3)));
    let error = connector
        .find(&people(), Kind::User, "u0002")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another resource"), "{error}");
}

#[tokio::test]
async fn possible_leavers_are_asked_for_one_by_one() {
    let service = ScimService::start(3);
    let connector = connector(settings(&service));
    let keys: Vec<EntryKey> = ["u0002", "u0009", "."]
        .map(|id| EntryKey::new(id).unwrap())
        .to_vec();
    let there = connector
        .look_up(&people(), Kind::User, &keys)
        .await
        .unwrap();
    let expected = ["u0002", "."].map(|id| EntryKey::new(id).unwrap()).to_vec();
    assert_eq!(there, LookUp::StillThere(expected));
    // A refusal proves nothing.
    service.answers("/Users/u0009", 1, 1, Answer::status(403));
    assert!(
        connector
            .look_up(&people(), Kind::User, &keys)
            .await
            .is_err()
    );
}
