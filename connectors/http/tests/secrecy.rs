//! No secret in a sentence, an entry or the debug output.

use super::*;

const SECRETS: [&str; 4] = [
    "SECRET-QUERY",
    "SECRET-CLIENT",
    "SECRET-HEADER",
    "SECRET-BODY",
];

fn secretive(service: &HrService) -> Settings {
    let mut settings = with_users(settings(service, next()), |users| {
        users.url.push_str("?key=SECRET-QUERY");
        users.method = Method::Post {
            body: serde_json::json!({ "password": "SECRET-BODY" }),
        };
    });
    settings.service.auth = Auth::ClientCredentials {
        token_url: format!("{}?key=SECRET-QUERY", service.token_url()),
        client_id: "rollcall".to_owned(),
        client_secret: secret("SECRET-CLIENT"),
        scope: None,
        in_body: false,
    };
    settings.service.headers = vec![("X-Key".to_owned(), secret("SECRET-HEADER"))];
    settings
}

#[track_caller]
fn shows_none(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn no_failure_shows_a_secret() {
    let token = || Fault::body("application/json", r#"{"access_token": "SECRET-CLIENT"}"#);
    let echo = "{\"error\": \"SECRET-CLIENT is wrong\"}";
    for fault in [
        Fault::status(500),
        Fault::status(403),
        Fault::status(401),
        Fault::status(404),
        Fault::status(304),
        Fault::CutInBody,
        Fault::body("application/json", "{SECRET-BODY"),
        Fault::body("text/html", "<html>SECRET-BODY"),
        Fault::body("application/json", r#"{"x": "SECRET-BODY"}"#),
        Fault::with_header(302, "location", "https://x.example/?key=SECRET-QUERY"),
        Fault::with_header(302, "location", "https://SECRET-CLIENT@[/"),
    ] {
        let service = HrService::start(1);
        service.trap("/token", 1, usize::MAX, token());
        service.trap("/users", 1, usize::MAX, fault);
        let (_, verdict) = read(secretive(&service)).await;
        failed_because(&verdict, "");
        shows_none(&format!("{verdict:?}"));
    }
    let service = HrService::start(1);
    let (_, verdict) = read(secretive(&service)).await;
    shows_none(&format!("{verdict:?}"));
    service.trap("/token", 1, 1, Fault::body("application/json", echo));
    shows_none(&format!("{:?}", read(secretive(&service)).await.1));
    drop(service);
}

#[tokio::test]
async fn a_connection_that_fails_shows_no_query() {
    let service = HrService::start(1);
    let mut settings = secretive(&service);
    settings.service.auth = Auth::None;
    drop(service);
    let (_, verdict) = read(settings).await;
    failed_because(&verdict, "http://127.0.0.1:");
    shows_none(&format!("{verdict:?}"));
}

#[tokio::test]
async fn entries_and_debug_output_show_no_secret() {
    let service = HrService::start(2);
    let (entries, verdict) = {
        let mut settings = secretive(&service);
        settings.service.auth = Auth::None;
        read(settings).await
    };
    assert_eq!(verdict, Verdict::complete());
    shows_none(&format!("{entries:?}"));
    let connector = HttpConnector::new(secretive(&service)).unwrap();
    shows_none(&format!("{connector:?}"));
    shows_none(&format!("{:?}", connector.check().await));
}
