//! From page to page to a proven end; what drifts is walked again.

use super::*;

fn cursors() -> serde_json::Value {
    json!({ "pagination": { "cursor": true, "index": true }, "sort": { "supported": true } })
}

#[tokio::test]
async fn pages_by_index_move_on_by_what_was_received() {
    let service = ScimService::start(37);
    // The service gives fewer than are asked for.
    service.directory().page_max = 7;
    let (entries, verdict) = read(&service).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(ids(&entries), numbered(1..=37));
    let directory = service.directory();
    let starts: Vec<&str> = directory
        .requests
        .iter()
        .filter(|seen| seen.path == "/Users")
        .map(|seen| seen.query["startIndex"].as_str())
        .collect();
    assert_eq!(starts, ["1", "8", "15", "22", "29", "36"]);
    let last = directory.requests.last().unwrap();
    assert_eq!(last.query["count"], "10");
    assert_eq!(last.query["sortBy"], "id");
    assert_eq!(last.headers["accept"], super::super::ACCEPTED);
}

#[tokio::test]
async fn what_the_service_cannot_is_not_asked_for() {
    for config in [
        None,
        Some(json!({})),
        Some(json!({ "sort": { "supported": false } })),
    ] {
        let service = ScimService::start(25);
        service.directory().config = config;
        let (entries, verdict) = read(&service).await;
        assert_eq!(verdict, Verdict::complete());
        assert_eq!(entries.len(), 25);
        let directory = service.directory();
        let last = directory.requests.last().unwrap();
        assert!(!last.query.contains_key("sortBy"));
        assert!(!last.query.contains_key("cursor"));
    }
}

#[tokio::test]
async fn a_service_that_keeps_its_configuration_to_itself_is_read_all_the_same() {
    for status in [403, 501, 405] {
        let service = ScimService::start(3);
        service.answers("/ServiceProviderConfig", 1, 1, Answer::status(status));
        service.answers("/Schemas", 1, 1, Answer::status(status));
        assert_eq!(read(&service).await.1, Verdict::complete());
    }
}

#[tokio::test]
async fn cursors_are_used_where_they_are_announced() {
    let service = ScimService::start(37);
    service.directory().config = Some(cursors());
    service.directory().no_total = true;
    let (entries, verdict) = read(&service).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(ids(&entries), numbered(1..=37));
    let directory = service.directory();
    let asked: Vec<&str> = directory
        .requests
        .iter()
        .filter(|seen| seen.path == "/Users")
        .map(|seen| seen.query["cursor"].as_str())
        .collect();
    assert_eq!(asked, ["", "after-10", "after-20", "after-30"]);
    let last = directory.requests.last().unwrap();
    assert!(!last.query.contains_key("startIndex"));
    assert!(!last.query.contains_key("sortBy"));
}

#[tokio::test]
async fn a_cursor_that_is_lost_once_starts_over_and_twice_fails() {
    let service = ScimService::start(25);
    service.directory().config = Some(cursors());
    service.answers("/Users", 2, 1, Answer::error(400, "expiredCursor"));
    let (entries, verdict) = read(&service).await;
    complete_with(&verdict, "read twice");
    assert_eq!(ids(&entries), numbered(1..=25));
    service.answers("/Users", 2, 1, Answer::error(400, "expiredCursor"));
    service.answers("/Users", 4, 1, Answer::error(400, "invalidCursor"));
    failed_because(&read(&service).await.1, "no longer takes the cursor");
}

#[tokio::test]
async fn a_cursor_that_comes_again_fails() {
    let service = ScimService::start(25);
    service.directory().config = Some(cursors());
    let same = json!({ "Resources": [person(99)], "nextCursor": "after-10" });
    service.answers("/Users", 2, 1, Answer::json(200, &same));
    failed_because(&read(&service).await.1, "used already");
}

#[tokio::test]
async fn somebody_who_leaves_during_the_read_hides_nobody() {
    let service = ScimService::start(37);
    // Whoever stands behind the first page moves up one place: u0011 falls through.
    service.at("/Users", 2, |directory| directory.remove("u0003"));
    let (entries, verdict) = read(&service).await;
    complete_with(&verdict, "read twice");
    // u0003 was there when the read began.
    assert_eq!(ids(&entries), numbered(1..=37));
    assert_eq!(service.directory().requests_to("/Users"), 8);
}

#[tokio::test]
async fn somebody_who_comes_and_somebody_who_leaves_keep_the_total_and_are_noticed() {
    let service = ScimService::start(37);
    service.directory().config = None;
    service.at("/Users", 2, |directory| {
        directory.remove("u0037");
        directory.users.insert(0, person(99));
    });
    let (entries, verdict) = read(&service).await;
    complete_with(&verdict, "read twice");
    assert_eq!(ids(&entries), numbered((1..=36).chain([99])));
}

#[tokio::test]
async fn fewer_than_are_stated_are_read_twice_and_then_incomplete() {
    let service = ScimService::start(37);
    service.directory().stated = Some(json!("40"));
    let (entries, verdict) = read(&service).await;
    incomplete_because(&verdict, "states 40 users but gave 37, twice");
    assert_eq!(ids(&entries), numbered(1..=37));
}

#[tokio::test]
async fn an_id_twice_is_counted_once_if_it_says_the_same() {
    let service = ScimService::start(5);
    service.directory().users.push(person(3));
    service.directory().stated = Some(json!(5));
    let (entries, verdict) = read(&service).await;
    complete_with(&verdict, "1 users came twice");
    assert_eq!(ids(&entries), numbered(1..=5));
}

#[tokio::test]
async fn an_id_twice_with_other_content_is_quarantined_after_the_second_walk() {
    let service = ScimService::start(5);
    let mut other = person(3);
    other["userName"] = json!("other");
    service.directory().users.push(other);
    service.directory().stated = Some(json!(5));
    let (entries, verdict) = read(&service).await;
    complete_with(&verdict, "came twice");
    let flawed: Vec<&Entry> = entries.iter().filter(|e| !e.flaws.is_empty()).collect();
    assert_eq!(flawed.len(), 1);
    assert!(flawed[0].flaws[0].reason.contains("different content"));
}

#[tokio::test]
async fn a_total_that_is_only_the_pages_is_seen_through() {
    let service = ScimService::start(25);
    // It states what stands on the page.
    service.directory().stated = Some(json!(10));
    let (entries, verdict) = read(&service).await;
    assert_eq!(entries.len(), 25);
    complete_with(&verdict, "25 users came although the service states 10");
}

#[tokio::test]
async fn exactly_a_page_is_looked_behind_once() {
    let service = ScimService::start(10);
    assert_eq!(read(&service).await.1, Verdict::complete());
    assert_eq!(service.directory().requests_to("/Users"), 2);
}

#[tokio::test]
async fn a_service_that_turns_no_pages_removes_nobody() {
    let service = ScimService::start(25);
    service.directory().ignores_pages = true;
    failed_because(&read(&service).await.1, "repeats an earlier page");

    // All in one answer, whatever is asked for.
    let all: Vec<_> = (1..=25).map(person).collect();
    let all = json!({ "totalResults": 25, "Resources": all });
    service.answers("/Users", 1, 1, Answer::json(200, &all));
    assert_eq!(read(&service).await.1, Verdict::complete());

    // Exactly as many as were asked for may be a limit that it does not mention.
    let service = ScimService::start(10);
    service.directory().ignores_pages = true;
    let (entries, verdict) = read(&service).await;
    assert_eq!(entries.len(), 10);
    let Verdict::Complete { hold_removals, .. } = verdict else {
        panic!("{verdict:?}");
    };
    assert!(hold_removals.unwrap().contains("turn no pages"));
}

#[tokio::test]
async fn no_total_ends_with_an_empty_page() {
    let service = ScimService::start(20);
    service.directory().no_total = true;
    let (entries, verdict) = read(&service).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(entries.len(), 20);
    assert_eq!(service.directory().requests_to("/Users"), 3);
}

#[tokio::test]
async fn an_empty_list_may_lack_its_resources() {
    let service = ScimService::start(0);
    service.answers(
        "/Users",
        1,
        1,
        Answer::json(200, &json!({ "totalResults": 0 })),
    );
    let (entries, verdict) = read(&service).await;
    assert_eq!((entries.len(), verdict), (0, Verdict::complete()));
}

#[tokio::test]
async fn what_is_no_page_is_never_an_end() {
    let html = Answer::of(200, "text/html", "<html>Sign in</html>");
    let half = Answer::of(
        200,
        "application/scim+json",
        r#"{"totalResults": 37, "Resources": [{"id": "#,
    );
    let other = Answer::json(200, &json!({ "error": "quota" }));
    let twice = Answer::of(
        200,
        "application/json",
        r#"{"Resources": [], "Resources": []}"#,
    );
    for (answer, words) in [
        (html, "an HTML page"),
        (half, "breaks off in the middle"),
        (other, "is no list of SCIM"),
        (twice, "has the member `Resources` twice"),
        (Answer::status(204), "no answer of SCIM"),
        (Answer::status(403), "refuses to be read (403)"),
        (Answer::status(404), "although pages before it were"),
        (Answer::status(500), "error 500 each of 5 times"),
        (Answer::status(304), "not modified"),
        (Answer::error(400, "tooMany"), "lower page_size"),
        (
            Answer::error(400, "invalidSyntax"),
            "status 400 (invalidSyntax)",
        ),
    ] {
        let service = ScimService::start(37);
        service.answers("/Users", 3, usize::MAX, answer);
        let (entries, verdict) = read(&service).await;
        failed_because(&verdict, words);
        assert_eq!(ids(&entries), numbered(1..=20));
        let Verdict::Failed { because } = verdict else {
            panic!("not failed");
        };
        assert!(!because.contains("SECRET"), "{because}");
    }
}

#[tokio::test]
async fn a_page_that_repeats_an_earlier_one_fails() {
    let service = ScimService::start(37);
    let first: Vec<_> = (1..=10).map(person).collect();
    let first = json!({ "totalResults": 37, "Resources": first });
    service.answers("/Users", 3, 1, Answer::json(200, &first));
    failed_because(&read(&service).await.1, "page 3 repeats an earlier page");
}

#[tokio::test]
async fn a_moment_of_trouble_is_waited_for() {
    let service = ScimService::start(37);
    service.answers("/Users", 2, 3, Answer::status(502));
    assert_eq!(read(&service).await.1, Verdict::complete());
}

#[tokio::test]
async fn a_closed_channel_ends_the_read() {
    let service = ScimService::start(37);
    let (send, receive) = mpsc::channel(1);
    drop(receive);
    let read = connector(settings(&service));
    let verdict = tokio::time::timeout(DEADLINE, read.read(&people(), send))
        .await
        .unwrap();
    failed_because(&verdict, "cancelled");
}

#[tokio::test]
async fn a_sample_stops_early_and_is_incomplete() {
    let service = ScimService::start(37);
    let request = ReadRequest {
        sample: Some(3),
        ..people()
    };
    let (entries, verdict) = read_as(settings(&service), &request).await;
    assert_eq!(entries.len(), 3);
    incomplete_because(&verdict, "only a sample of 3 users");
    assert_eq!(service.directory().requests_to("/Users"), 1);
}
