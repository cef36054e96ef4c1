//! Who we say that we are: tokens, passwords, headers, certificates.

use super::*;
use crate::http::settings::ClientCertificate;

fn client(service: &HrService, client_secret: &str, in_body: bool) -> Auth {
    Auth::ClientCredentials {
        token_url: service.token_url(),
        client_id: hr_service::CLIENT_ID.to_owned(),
        client_secret: secret(client_secret),
        scope: Some("people:read".to_owned()),
        in_body,
    }
}

#[tokio::test]
async fn client_credentials_get_one_token_for_the_whole_read() {
    for in_body in [false, true] {
        let service = HrService::start(25);
        service.office().wants_token = true;
        let mut settings = settings(&service, next());
        settings.service.auth = client(&service, hr_service::CLIENT_SECRET, in_body);
        let (entries, verdict) = read(settings).await;
        assert_eq!(verdict, Verdict::complete());
        assert_eq!(entries.len(), 25);
        let office = service.office();
        assert_eq!(office.requests_to("/token"), 1);
        assert!(office.requests[0].body.contains("scope=people%3Aread"));
        assert_eq!(office.requests[0].body.contains("client_secret"), in_body);
    }
}

#[tokio::test]
async fn a_401_gets_one_new_token_and_the_same_page_again() {
    let service = HrService::start(100);
    service.office().wants_token = true;
    service.office().token_uses = 4;
    let mut settings = settings(&service, next());
    settings.service.auth = client(&service, hr_service::CLIENT_SECRET, false);
    let (entries, verdict) = read(settings).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 100);
    assert_eq!(service.office().requests_to("/token"), 3);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_fails() {
    let service = HrService::start(1);
    service.office().wants_token = true;
    service.office().token_uses = 0;
    let mut settings = settings(&service, next());
    settings.service.auth = client(&service, hr_service::CLIENT_SECRET, false);
    failed_because(
        &read(settings).await.1,
        "refused a new access token too (401)",
    );
    assert_eq!(service.office().requests_to("/token"), 2);
}

#[tokio::test]
async fn a_wrong_client_secret_is_named_by_the_standards_code() {
    let service = HrService::start(1);
    let mut settings = settings(&service, next());
    settings.service.auth = client(&service, "wrong", false);
    failed_because(
        &read(settings).await.1,
        "refused our client id and secret (invalid_client)",
    );
}

#[tokio::test]
async fn a_token_url_that_gives_none_fails() {
    let service = HrService::start(1);
    service.trap("/token", 1, 1, Fault::body("text/html", "<html>"));
    let mut settings = settings(&service, next());
    settings.service.auth = client(&service, hr_service::CLIENT_SECRET, false);
    failed_because(&read(settings).await.1, "gave no access token");
}

#[tokio::test]
async fn a_token_url_in_trouble_is_tried_again() {
    let service = HrService::start(1);
    service.trap("/token", 1, 3, Fault::status(502));
    let mut settings = settings(&service, next());
    settings.service.auth = client(&service, hr_service::CLIENT_SECRET, false);
    assert_eq!(read(settings).await.1, Verdict::complete());
}

#[tokio::test]
async fn bearer_token_password_and_headers_are_sent() {
    let service = HrService::start(1);
    let basic = Auth::Basic {
        user: "ada".to_owned(),
        password: secret("pass"),
    };
    for (auth, header) in [
        (Auth::Bearer(secret("abc")), "Bearer abc"),
        (basic, "Basic YWRhOnBhc3M="),
    ] {
        let mut settings = settings(&service, next());
        settings.service.auth = auth;
        settings.service.headers = vec![("X-Company".to_owned(), secret("42"))];
        read(settings).await;
        let office = service.office();
        let headers = &office.requests.last().unwrap().headers;
        assert_eq!(headers["authorization"], header);
        assert_eq!(headers["x-company"], "42");
    }
}

#[tokio::test]
async fn a_401_without_a_token_url_says_what_to_check() {
    let service = HrService::start(1);
    service.trap("/users", 1, 1, Fault::status(401));
    failed_because(
        &read(settings(&service, next())).await.1,
        "refused our credentials (401)",
    );
}

fn trusting(service: &HrService) -> Settings {
    let mut settings = settings(service, next());
    settings.service.ca_file = Some(service.certificate_file("ca.pem"));
    settings
}

#[tokio::test]
async fn tls_with_an_own_authority_is_trusted() {
    let service = HrService::start_tls(3, &["localhost"], false);
    let (entries, verdict) = read(trusting(&service)).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 3);
}

#[tokio::test]
async fn an_authority_that_is_not_ours_is_refused() {
    let service = HrService::start_tls(3, &["localhost"], false);
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "no secure connection to https://localhost");
    assert_eq!(service.office().requests.len(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let service = HrService::start_tls(3, &["other.example.com"], false);
    failed_because(&read(trusting(&service)).await.1, "for another host name");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let service = HrService::start_tls_expired(3);
    failed_because(
        &read(trusting(&service)).await.1,
        "its certificate has expired",
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let service = HrService::start_tls(3, &["localhost"], true);
    let mut settings = trusting(&service);
    settings.service.client_certificate = Some(ClientCertificate {
        certificate_file: service.certificate_file("client.pem"),
        key_file: service.certificate_file("client.key"),
    });
    assert_eq!(read(settings).await.1, Verdict::complete());
}

#[tokio::test]
async fn a_missing_ca_file_is_named() {
    let service = HrService::start(1);
    let mut settings = settings(&service, next());
    settings.service.ca_file = Some("/nowhere/ca.pem".into());
    failed_because(&read(settings).await.1, "/nowhere/ca.pem could not be read");
}
