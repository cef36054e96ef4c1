//! Where requests may go: public addresses unless set, the same scheme, host and port.

use super::*;
use crate::web::address::{is_public, same_origin};

#[test]
fn loopback_link_local_and_private_addresses_are_not_public() {
    for address in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1",
        "::ffff:8.8.8.8",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let same = |a: &str, b: &str| same_origin(&a.parse().unwrap(), &b.parse().unwrap());
    assert!(same(
        "https://hr.example.com/a",
        "https://HR.example.com:443/b?c"
    ));
    assert!(!same("https://hr.example.com/", "http://hr.example.com/"));
    assert!(!same(
        "https://hr.example.com/",
        "https://hr.example.com:8443/"
    ));
    assert!(!same(
        "https://hr.example.com/",
        "https://hr.example.com.evil.net/"
    ));
}

#[tokio::test]
async fn a_private_address_is_refused_unless_set() {
    let service = HrService::start(1);
    let mut settings = settings(&service, next());
    settings.service.allow_private = false;
    failed_because(
        &read(settings).await.1,
        "127.0.0.1, which is loopback, link-local or private",
    );
    assert_eq!(service.office().requests.len(), 0);
}

#[tokio::test]
async fn a_name_of_a_private_address_is_refused_too() {
    let service = HrService::start(1);
    let mut settings = with_users(settings(&service, next()), |users| {
        users.url = users.url.replace("127.0.0.1", "localhost");
    });
    settings.service.allow_private = false;
    failed_because(&read(settings).await.1, "localhost has the address");
}

#[tokio::test]
async fn redirects_within_the_service_are_followed_three_times() {
    let service = HrService::start(5);
    service.trap(
        "/users",
        1,
        3,
        Fault::with_header(302, "location", "/users"),
    );
    assert_eq!(
        read(settings(&service, next())).await.1,
        Verdict::complete()
    );
    let service = HrService::start(5);
    service.trap(
        "/users",
        1,
        4,
        Fault::with_header(302, "location", "/users"),
    );
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "redirects more than 3 times");
}

#[tokio::test]
async fn a_redirect_elsewhere_is_not_followed_and_its_query_not_shown() {
    let service = HrService::start(5);
    let target = "http://127.0.0.1:9/users?token=abc";
    service.trap("/users", 1, 1, Fault::with_header(302, "location", target));
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "host or port (http://127.0.0.1:9)");
}

#[tokio::test]
async fn a_next_url_elsewhere_is_not_followed() {
    let service = HrService::start(5);
    let away = r#"{"data": [{"id": 1}], "meta": {"next": "https://evil.example.com/users"}}"#;
    service.trap("/users", 1, 1, Fault::body("application/json", away));
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "a next page on another scheme, host or port");
}

#[tokio::test]
async fn a_posts_redirect_is_followed_only_if_it_repeats_the_post() {
    for (status, fine) in [(307, true), (308, true), (302, false)] {
        let service = HrService::start(5);
        service.trap(
            "/users",
            1,
            1,
            Fault::with_header(status, "location", "/users"),
        );
        let settings = with_users(settings(&service, next()), |users| {
            users.method = Method::Post {
                body: serde_json::json!({}),
            };
        });
        let (_, verdict) = read(settings).await;
        assert_eq!(
            verdict == Verdict::complete(),
            fine,
            "{status}: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_asked() {
    let service = HrService::start(0);
    let refused = |change: &dyn Fn(&mut Settings), words: &str| {
        let mut settings = settings(&service, next());
        change(&mut settings);
        let error = HttpConnector::new(settings).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&|s| s.users = None, "neither a users nor a groups URL");
    refused(
        &|s| s.users.as_mut().unwrap().url = "http://hr.example.com/users".to_owned(),
        "set allow_plain = true",
    );
    refused(
        &|s| s.users.as_mut().unwrap().url = "https://me:pw@hr.example.com/".to_owned(),
        "has a password in it",
    );
    refused(
        &|s| s.users.as_mut().unwrap().url = "ftp://hr.example.com/".to_owned(),
        "must begin with https://",
    );
    refused(
        &|s| s.users.as_mut().unwrap().item_url = Some("https://hr.example.com/x".to_owned()),
        "has no `{key}`",
    );
    refused(
        &|s| s.users.as_mut().unwrap().format = Format::Array,
        "the answer is a list",
    );
    refused(&|s| s.service.requests_per_second = Some(0), "at least 1");
    refused(
        &|s| s.service.headers = vec![("a b".to_owned(), secret("x"))],
        "no HTTP header",
    );
}
