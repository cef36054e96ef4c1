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
    let named = format!("{path}?attributes=members.display");
    let expected = json!([{ "display": "ada" }, { "display": "Inner" }]);
    assert_eq!(served.json(&named).await["members"], expected);
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

    let contains = body(find("userName co \"RÜEGG\"").await).await;
    assert_eq!(contains["totalResults"], 1);

    for filter in ["userName zz \"a\"", "shoeSize eq 42", "(("] {
        let (status, kind, _) = scim_error(find(filter).await).await;
        assert_eq!((status, kind.as_deref()), (400, Some("invalidFilter")));
    }
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
async fn a_token_that_reads_writes_nothing() {
    let served = Served::empty().await;
    let (_, id) = served.make(Kind::User, json!({ "userName": "ada" })).await;
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    for (method, path) in [
        ("POST", "/scim/v2/Users".to_owned()),
        ("PUT", format!("/scim/v2/Users/{id}")),
        ("DELETE", format!("/scim/v2/Users/{id}")),
        ("POST", "/scim/v2/Bulk".to_owned()),
    ] {
        let named = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = served
            .client
            .request(named, format!("{}{path}", served.base));
        let request = request.bearer_auth(served.token.reveal());
        let body = json!({ "schemas": [user], "userName": "eve" });
        let request = request.header("content-type", "application/scim+json");
        let response = request.body(body.to_string()).send().await.unwrap();
        let challenge = response.headers()["www-authenticate"].clone();
        assert!(challenge.to_str().unwrap().contains("insufficient_scope"));
        assert_eq!(scim_error(response).await.0, 403, "{method} {path}");
    }
    assert_eq!(served.json("/scim/v2/Users").await["totalResults"], 1);
}
