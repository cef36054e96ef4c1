//! `check`: step by step, up to the first that fails.

use super::*;

async fn steps(service: &ScimService) -> Vec<(String, Result<String, String>)> {
    let steps = connector(settings(service)).check().await;
    steps
        .into_iter()
        .map(|step| (step.step, step.outcome))
        .collect()
}

#[tokio::test]
async fn every_step_says_what_it_showed() {
    let service = ScimService::start(37);
    let steps = steps(&service).await;
    let names: Vec<&str> = steps
        .iter()
        .skip(1)
        .map(|(step, _)| step.as_str())
        .collect();
    let expected = [
        "prepare requests",
        "ask what the service can",
        "ask for its schemas",
        "ask for one user",
        "ask for one group",
    ];
    assert_eq!(names, expected);
    let words = |step: usize| steps[step].1.clone().unwrap();
    assert_eq!(words(2), "pages by startIndex, sorted by id; filters");
    assert!(words(4).ends_with("/Users states 37 users"), "{}", words(4));
    // Nobody was read.
    assert_eq!(
        service.directory().requests.last().unwrap().query["count"],
        "1"
    );
}

#[tokio::test]
async fn a_url_that_is_no_scim_service_is_told() {
    let service = ScimService::start(3);
    service.answers(
        "/ServiceProviderConfig",
        1,
        1,
        Answer::of(200, "text/html", "<html>"),
    );
    let steps = steps(&service).await;
    let (step, outcome) = steps.last().unwrap();
    assert_eq!(step, "ask what the service can");
    assert!(outcome.clone().unwrap_err().contains("an HTML page"));
}

#[tokio::test]
async fn a_service_without_users_fails_and_one_without_groups_does_not() {
    let service = ScimService::start(3);
    service.answers("/Groups", 1, 1, Answer::status(404));
    let told = steps(&service).await;
    assert!(
        told.last()
            .unwrap()
            .1
            .clone()
            .unwrap()
            .contains("no groups")
    );
    service.answers("/Users", 1, 1, Answer::status(404));
    let told = steps(&service).await;
    let (step, outcome) = told.last().unwrap();
    assert_eq!(step, "ask for one user");
    assert!(
        outcome
            .clone()
            .unwrap_err()
            .contains("has no users at this URL")
    );
}
