//! What SCIM clients read.

use super::*;

#[tokio::test]
async fn a_user_is_shown_with_everything_that_the_standard_asks_for() {
    let served = Served::empty().await;
    let (_, boss) = served.make(Kind::User, json!({ "userName": "boss" })).await;
    let document = json!({
        "userName": "zoé",
        "displayName": "Zoé Rüegg",
        "active": true,
        ENTERPRISE: { "department": "IT", "manager": { "value": boss } },
    });
    let (person, id) = served.make(Kind::User, document).await;
    let group = json!({ "displayName": "Engineering" });
    let (group, group_id) = served.make(Kind::Group, group).await;
    served.members(group, vec![person]).await;

    let base = "https://id.example.org/scim/v2";
    let shown = served.json(&format!("/scim/v2/Users/{id}")).await;
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": id,
        "userName": "zoé",
        "displayName": "Zoé Rüegg",
        "active": true,
        ENTERPRISE: {
            "department": "IT",
            "manager": { "value": boss, "$ref": format!("{base}/Users/{boss}") },
        },
        "groups": [{
            "value": group_id,
            "$ref": format!("{base}/Groups/{group_id}"),
            "type": "direct",
            "display": "Engineering",
        }],
        "meta": {
            "resourceType": "User",
            "created": "2026-07-01T12:00:00Z",
            "lastModified": "2026-07-01T12:00:00Z",
            "location": format!("{base}/Users/{id}"),
            "version": "W/\"1\"",
        },
    });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_group_shows_its_members_users_and_groups_unless_they_are_excluded() {
    let served = Served::empty().await;
    let (person, person_id) = served.make(Kind::User, json!({ "userName": "ada" })).await;
    let inner = json!({ "displayName": "Inner" });
    let (inner, inner_id) = served.make(Kind::Group, inner).await;
    let outer = json!({ "displayName": "Outer" });
    let (outer, outer_id) = served.make(Kind::Group, outer).await;
    served.members(outer, vec![person, inner]).await;

    let base = "https://id.example.org/t/example/scim/v2";
    let path = format!("/t/example/scim/v2/Groups/{outer_id}");
    let expected = json!([
        {
            "value": person_id,
            "$ref": format!("{base}/Users/{person_id}"),
            "type": "User",
        },
        {
            "value": inner_id,
            "$ref": format!("{base}/Groups/{inner_id}"),
            "type": "Group",
        },
    ]);
    assert_eq!(served.json(&path).await["members"], expected);
    let without = served
        .json(&format!("{path}?excludedAttributes=members"))
        .await;
    assert_eq!(without.get("members"), None);
    let list = served
        .json("/scim/v2/Groups?excludedAttributes=members")
        .await;
    assert_eq!(list["totalResults"], 2);
    assert_eq!(list["Resources"][1].get("members"), None);
    let empty = served.json(&format!("/scim/v2/Groups/{inner_id}")).await;
    assert_eq!(empty["members"], json!([]));
}

#[tokio::test]
async fn a_list_comes_in_parts() {
    let served = Served::empty().await;
    for number in 1..=5 {
        let name = format!("person{number}");
        served.make(Kind::User, json!({ "userName": name })).await;
    }
    let part = served.json("/scim/v2/Users?startIndex=4&count=3").await;
    let urn = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    assert_eq!(part["schemas"], json!([urn]));
    assert_eq!(part["totalResults"], 5);
    assert_eq!(part["startIndex"], 4);
    assert_eq!(part["itemsPerPage"], 2);
    assert_eq!(part["Resources"][0]["userName"], "person4");
    let none = served.json("/scim/v2/Users?count=0").await;
    assert_eq!(none["totalResults"], 5);
    assert_eq!(none["Resources"], json!([]));
    let beyond = served.json("/scim/v2/Users?startIndex=99").await;
    assert_eq!(beyond["itemsPerPage"], 0);
}

#[tokio::test]
async fn a_user_is_found_by_user_name_in_any_case() {
    let served = Served::empty().await;
    for name in ["Zoé.Rüegg", "somebody.else"] {
        served.make(Kind::User, json!({ "userName": name })).await;
    }
    let find = async |filter: &str| served.find("/scim/v2/Users", filter).send().await.unwrap();
    let found = body(find("userName eq \"ZOÉ.rüegg\"").await).await;
    assert_eq!(found["totalResults"], 1);
    assert_eq!(found["Resources"][0]["userName"], "Zoé.Rüegg");
    let nobody = body(find("userName eq \"nobody\"").await).await;
    assert_eq!(nobody["totalResults"], 0);

    for filter in [
        "userName co \"a\"",
        "userName eq \"a\" or active eq true",
        "((",
    ] {
        let (status, kind, _) = scim_error(find(filter).await).await;
        assert_eq!((status, kind.as_deref()), (400, Some("invalidFilter")));
    }
    let groups = served.find("/scim/v2/Groups", "displayName eq \"a\"");
    let (status, kind, detail) = scim_error(groups.send().await.unwrap()).await;
    assert_eq!((status, kind.as_deref()), (400, Some("invalidFilter")));
    assert_eq!(detail, "only userName eq \"…\" in this version");
}

#[tokio::test]
async fn a_copy_that_is_still_good_is_not_sent_again() {
    let served = Served::empty().await;
    let (_, id) = served.make(Kind::User, json!({ "userName": "ada" })).await;
    let path = format!("/scim/v2/Users/{id}");
    let first = served.get(&path).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    assert_eq!(tag, "W/\"1\"");
    let again = served.get(&path).header("if-none-match", tag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let other = served.get(&path).header("if-none-match", "W/\"0\"");
    assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let served = Served::empty().await;
    let url = format!("{}/scim/v2/Users", served.base);
    let head = served.client.head(url).bearer_auth(served.token.reveal());
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-type"], "application/scim+json");
    assert_eq!(head.text().await.unwrap(), "");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let served = Served::empty().await;
    let (_, group) = served
        .make(Kind::Group, json!({ "displayName": "G" }))
        .await;
    for path in [
        "/scim/v2/Users/nobody".to_owned(),
        format!("/scim/v2/Users/{}", Uuid::nil()),
        format!("/scim/v2/Users/{group}"),
        "/scim/v2/Printers".to_owned(),
        "/scim/v2".to_owned(),
        "/t/example/scim/v2/".to_owned(),
    ] {
        let response = served.get(&path).send().await.unwrap();
        assert!(response.headers().contains_key("content-type"), "{path}");
        assert_eq!(scim_error(response).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn nothing_can_be_written() {
    let served = Served::empty().await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/scim/v2/Users", served.base);
        let request = served.client.request(method, url);
        let response = request.bearer_auth(served.token.reveal()).send().await;
        let response = response.unwrap();
        assert_eq!(response.headers()["allow"], "GET,HEAD");
        assert_eq!(scim_error(response).await.0, 405);
    }
}
