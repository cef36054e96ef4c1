//! Single records: what an item says, who is still there, finding one person.

use rollcall_directory::entry::{EntryKey, Kind};

use super::*;
use crate::{ConnectorError, LookUp};

fn asking_for(key: &str, names: &[&str]) -> ReadRequest {
    let mut request = people();
    let users = request.users.as_mut().unwrap();
    users.key = key.to_owned();
    users.attributes = Some(names.iter().map(|name| (*name).to_owned()).collect());
    request
}

async fn one(item: serde_json::Value, request: &ReadRequest, unwrap_values: bool) -> Entry {
    let service = HrService::start(0);
    service.office().users.push(item);
    let settings = with_users(settings(&service, next()), |users| {
        users.unwrap_values = unwrap_values;
    });
    let (mut entries, _) = read_as(settings, request).await;
    entries.remove(0)
}

#[tokio::test]
async fn an_item_names_its_page_and_place_without_the_query() {
    let service = HrService::start(12);
    let settings = with_users(settings(&service, next()), |users| {
        users.url.push_str("?apikey=hidden");
    });
    let (entries, _) = read(settings).await;
    let expected = format!("{}, page 2, item 2", service.users_url());
    assert_eq!(entries[11].locator.to_string(), expected);
}

#[tokio::test]
async fn only_what_the_mapping_asks_for_is_delivered_and_what_is_nested_below_it() {
    let entry = one(person(1), &asking_for("id", &["name", "email"]), false).await;
    let names: Vec<&str> = entry.attributes.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["email", "name.family", "name.given"]);
    assert_eq!(keys(&[entry]), ["1"]);
}

#[tokio::test]
async fn null_says_empty_for_all_that_could_be_nested_in_it() {
    let item = serde_json::json!({ "id": 1, "name": null });
    let entry = one(item, &asking_for("id", &["name.given", "title"]), false).await;
    assert_eq!(
        texts(&entry, "name.given"),
        Some(Vec::new()),
        "the source says empty"
    );
    assert_eq!(texts(&entry, "title"), None, "the source is silent");
}

#[tokio::test]
async fn labelled_values_are_unwrapped_on_wish() {
    let item = serde_json::json!({
        "type": "Employee",
        "attributes": { "id": { "label": "ID", "value": 17 } },
    });
    let entry = one(item, &asking_for("attributes.id", &["attributes.id"]), true).await;
    assert_eq!(keys(&[entry]), ["17"]);
}

fn with_item_url(service: &HrService) -> Settings {
    with_users(settings(service, next()), |users| {
        users.item_url = Some(service.item_url());
    })
}

fn entry_keys(keys: &[&str]) -> Vec<EntryKey> {
    keys.iter().map(|key| EntryKey::new(key).unwrap()).collect()
}

#[tokio::test]
async fn a_look_up_tells_who_is_still_there() {
    let service = HrService::start(3);
    service.trap("/users/9", 1, 1, Fault::status(410));
    let connector = HttpConnector::new(with_item_url(&service)).unwrap();
    let asked = entry_keys(&["2", "3", "8", "9"]);
    let found = connector
        .look_up(&people(), Kind::User, &asked)
        .await
        .unwrap();
    assert_eq!(found, LookUp::StillThere(entry_keys(&["2", "3"])));
}

#[tokio::test]
async fn a_look_up_that_is_refused_proves_nothing() {
    let service = HrService::start(3);
    service.trap("/users/2", 1, 1, Fault::status(403));
    let connector = HttpConnector::new(with_item_url(&service)).unwrap();
    let asked = entry_keys(&["2"]);
    let error = connector
        .look_up(&people(), Kind::User, &asked)
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectorError::Source(_)), "{error:?}");
}

#[tokio::test]
async fn a_key_cannot_leave_its_place_in_the_item_url() {
    let service = HrService::start(3);
    let connector = HttpConnector::new(with_item_url(&service)).unwrap();
    let asked = entry_keys(&["../token?a=b#c", ".."]);
    let found = connector
        .look_up(&people(), Kind::User, &asked)
        .await
        .unwrap();
    assert_eq!(
        found,
        LookUp::StillThere(entry_keys(&[".."])),
        "not asked, so not gone"
    );
    assert_eq!(
        service.office().requests[0].path,
        "/users/..%2Ftoken%3Fa%3Db%23c"
    );
}

#[tokio::test]
async fn without_an_item_url_nobody_can_be_looked_up() {
    let service = HrService::start(3);
    let connector = HttpConnector::new(settings(&service, next())).unwrap();
    let found = connector
        .look_up(&people(), Kind::User, &entry_keys(&["1"]))
        .await
        .unwrap();
    assert_eq!(found, LookUp::NotPossible);
}

#[tokio::test]
async fn one_person_is_found_by_key_or_place_with_and_without_an_item_url() {
    let service = HrService::start(25);
    for settings in [with_item_url(&service), settings(&service, next())] {
        let connector = HttpConnector::new(settings).unwrap();
        let request = people();
        let find = |name: String| {
            let (connector, request) = (&connector, &request);
            async move { connector.find(request, Kind::User, &name).await.unwrap() }
        };
        assert_eq!(keys(&[find("17".to_owned()).await.unwrap()]), ["17"]);
        let place = format!("{}, page 2, item 1", service.users_url());
        assert_eq!(keys(&[find(place).await.unwrap()]), ["11"]);
        assert!(find("nobody".to_owned()).await.is_none());
    }
}

#[tokio::test]
async fn check_goes_step_by_step_and_stops_at_the_first_that_fails() {
    let service = HrService::start(5);
    let connector = HttpConnector::new(settings(&service, next())).unwrap();
    let steps = connector.check().await;
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");
    assert!(
        steps
            .last()
            .unwrap()
            .outcome
            .as_ref()
            .unwrap()
            .ends_with("5 items")
    );
    service.trap("/users", 1, 1, Fault::body("text/html", "<html>"));
    let steps = connector.check().await;
    let last = steps.last().unwrap();
    assert_eq!(last.step, "ask for the first page of users");
    assert!(last.outcome.as_ref().unwrap_err().contains("an HTML page"));
}
