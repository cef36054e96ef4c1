//! Who may read, and what everybody else is told.

use super::*;

async fn refused(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let (status, ..) = scim_error(response).await;
    (status, challenge)
}

#[tokio::test]
async fn no_scim_path_answers_without_a_token() {
    let served = Served::empty().await;
    for path in [
        "/scim/v2",
        "/scim/v2/",
        "/scim/v2/Users",
        "/scim/v2/Users/1",
        "/scim/v2/Groups",
        "/scim/v2/Groups/1",
        "/scim/v2/nothing",
        "/scim/v2/Users/.search",
        "/scim/v2/Users/1/nothing",
        "/scim/v2/.search",
        "/scim/v2/Bulk",
        "/scim/v2/Me",
        "/scim/v2/Schemas",
        "/scim/v2/Schemas/1",
        "/scim/v2/ResourceTypes",
        "/scim/v2/ResourceTypes/1",
        "/scim/v3",
        "/scim/v3/nothing",
        "/t/example/scim/v2/Users",
        "/t/example/scim/v2/nothing",
        "/t/nobody/scim/v2/Users",
    ] {
        let challenge = "Bearer realm=\"rollcall\"".to_owned();
        assert_eq!(refused(served.bare(path)).await, (401, challenge), "{path}");
    }
    let write = served.client.post(format!("{}/scim/v2/Users", served.base));
    assert_eq!(refused(write).await.0, 401);
}

#[tokio::test]
async fn only_a_known_token_that_has_not_ended_is_let_in() {
    let served = Served::empty().await;
    let past = Some(NOW - time::Duration::seconds(1));
    let ended = served
        .new_token(served.tenant, "ended", SCIM_READ, past)
        .await;
    let revoked = served
        .new_token(served.tenant, "revoked", SCIM_READ, None)
        .await;
    assert!(
        served
            .store
            .revoke_token(served.tenant, "revoked")
            .await
            .unwrap()
    );
    let unknown = BearerToken::generate(&mut rand::rng());
    for token in [
        ended.reveal(),
        revoked.reveal(),
        unknown.reveal(),
        "guess",
        "",
    ] {
        let (status, challenge) = refused(served.bare("/scim/v2/Users").bearer_auth(token)).await;
        assert_eq!(status, 401);
        assert!(
            challenge.starts_with("Bearer realm=\"rollcall\""),
            "{challenge}"
        );
    }
    let basic = served
        .bare("/scim/v2/Users")
        .basic_auth("user", Some("password"));
    assert_eq!(refused(basic).await.0, 401);
}

#[tokio::test]
async fn a_token_without_the_scope_may_not_read() {
    let served = Served::empty().await;
    let other = served
        .new_token(served.tenant, "other", "metrics", None)
        .await;
    let (status, challenge) =
        refused(served.bare("/scim/v2/Users").bearer_auth(other.reveal())).await;
    assert_eq!(status, 403);
    assert!(challenge.contains("insufficient_scope"));
}

#[tokio::test]
async fn a_token_opens_its_own_tenant_only() {
    let served = Served::empty().await;
    let other = served.store.ensure_tenant("other").await.unwrap().id;
    let theirs = served.new_token(other, "theirs", SCIM_READ, None).await;
    let (_, uuid) = served.make(Kind::User, json!({ "userName": "ada" })).await;
    let theirs = |path: String| served.bare(&path).bearer_auth(theirs.reveal());

    let own = theirs("/t/other/scim/v2/Users".to_owned())
        .send()
        .await
        .unwrap();
    assert_eq!(body(own).await["totalResults"], 0);
    for path in ["/t/example/scim/v2/Users", "/t/nobody/scim/v2/Users"] {
        assert_eq!(refused(theirs(path.to_owned())).await.0, 404, "{path}");
    }
    let by_id = theirs(format!("/t/other/scim/v2/Users/{uuid}"));
    assert_eq!(refused(by_id).await.0, 404);
}

#[tokio::test]
async fn the_short_path_is_for_a_single_tenant() {
    let served = Served::empty().await;
    assert_eq!(served.json("/scim/v2/Users").await["totalResults"], 0);
    served.store.ensure_tenant("other").await.unwrap();
    let short = served.get("/scim/v2/Users").send().await.unwrap();
    let (status, _, detail) = scim_error(short).await;
    assert_eq!(status, 404);
    assert!(detail.contains("/t/TENANT/scim/v2"));
    assert_eq!(
        served.json("/t/example/scim/v2/Users").await["totalResults"],
        0
    );
}

#[tokio::test]
async fn the_use_of_a_token_is_remembered() {
    let served = Served::empty().await;
    served.json("/scim/v2/Users").await;
    let tokens = served.store.tokens(served.tenant).await.unwrap();
    assert_eq!(tokens[0].last_used, Some(NOW));
}

#[tokio::test]
async fn administrators_routes_need_their_token() {
    let served = Served::empty().await;
    let path = "/t/{tenant}/connections/{name}/log";
    let response = served.bare(path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    assert!(response.headers().contains_key("www-authenticate"));
    let with_another = served.get(path).send().await.unwrap();
    assert_eq!(with_another.status(), StatusCode::FORBIDDEN);
}
