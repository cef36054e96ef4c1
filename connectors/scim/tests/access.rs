//! Who we say that we are, whom we talk to, and that no secret is ever shown.

use super::*;

fn with_token(service: &ScimService, token: &str) -> Settings {
    let mut settings = settings(service);
    settings.service.auth = Auth::Bearer(Secret::new(token.to_owned()));
    settings
}

#[tokio::test]
async fn a_bearer_token_opens_every_url() {
    let service = ScimService::start(25);
    service.directory().token = Some("SECRET-TOKEN".to_owned());
    service.directory().groups = vec![group("g1", &[1])];
    service.directory().shows_members = ShowsMembers::Alone;
    let request = ReadRequest {
        groups: groups().groups,
        ..people()
    };
    let (entries, verdict) = read_as(with_token(&service, "SECRET-TOKEN"), &request).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 26);
}

#[tokio::test]
async fn a_wrong_token_is_told_without_it() {
    let service = ScimService::start(3);
    service.directory().token = Some("right".to_owned());
    let settings = with_token(&service, "SECRET-TOKEN");
    let (_, verdict) = read_as(settings.clone(), &people()).await;
    failed_because(&verdict, "refused our credentials (401)");
    let connector = connector(settings.clone());
    let steps = connector.check().await;
    assert!(steps.last().unwrap().outcome.is_err());
    let shown = format!("{verdict:?} {connector:?} {settings:?} {steps:?}");
    assert!(!shown.contains("SECRET"), "{shown}");
}

#[tokio::test]
async fn an_address_inside_is_refused_unless_it_is_meant() {
    let service = ScimService::start(3);
    let mut settings = settings(&service);
    settings.service.allow_private = false;
    failed_because(&read_as(settings, &people()).await.1, "allow_private");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let service = ScimService::start(0);
    let refused = |change: &dyn Fn(&mut Settings), words: &str| {
        let mut settings = settings(&service);
        change(&mut settings);
        let error = ScimConnector::new(settings).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&|s| s.url = "example.org".to_owned(), "no URL");
    refused(
        &|s| s.url = "http://example.org/v2".to_owned(),
        "clear text",
    );
    refused(
        &|s| s.url = "https://u:p@example.org".to_owned(),
        "password in it",
    );
    refused(&|s| s.page_size = 0, "page_size");
    refused(&|s| s.service.requests_per_second = Some(0), "at least 1");
}

#[tokio::test]
async fn what_a_query_of_the_base_url_holds_is_never_shown() {
    let service = ScimService::start(3);
    service.answers("/Users", 1, 1, Answer::status(403));
    let mut settings = settings(&service);
    settings.url = format!("{}?key=SECRET", service.base);
    let (_, verdict) = read_as(settings.clone(), &people()).await;
    let shown = format!("{verdict:?} {:?}", connector(settings));
    assert!(!shown.contains("SECRET"), "{shown}");
}
