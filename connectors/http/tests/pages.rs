//! Every kind of paging reads everybody, and ends only where its own proof says so.

use super::*;

async fn reads_everybody(pages: Pages, paging: Paging, format: Option<Format>) {
    let service = HrService::start(25);
    service.office().pages = pages;
    let settings = with_users(settings(&service, paging), |users| {
        if let Some(format) = format {
            users.format = format;
        }
    });
    let (entries, verdict) = read(settings).await;
    let expected: Vec<String> = (1..=25).map(|number| number.to_string()).collect();
    assert_eq!(keys(&entries), expected);
    assert!(matches!(verdict, Verdict::Complete { .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_next_url_is_followed_until_it_is_null() {
    reads_everybody(Pages::Next, next(), None).await;
}

#[tokio::test]
async fn a_link_header_is_followed_until_there_is_none() {
    reads_everybody(Pages::Link, Paging::Link, Some(Format::Array)).await;
}

#[tokio::test]
async fn page_numbers_end_with_an_empty_page() {
    reads_everybody(Pages::Page, page(), None).await;
}

#[tokio::test]
async fn page_numbers_end_with_no_content() {
    reads_everybody(Pages::PageThenNoContent, page(), None).await;
}

#[tokio::test]
async fn an_offset_advances_by_what_came_not_by_what_was_asked() {
    let service = HrService::start(25);
    service.office().pages = Pages::Offset;
    service.office().page_size = 7; // although we ask for 10
    let (entries, verdict) = read(settings(&service, offset())).await;
    assert_eq!(entries.len(), 25);
    assert_eq!(verdict, Verdict::complete());
    let office = service.office();
    let asked: Vec<&str> = office
        .requests
        .iter()
        .map(|r| r.query["offset"].as_str())
        .collect();
    assert_eq!(asked, ["0", "7", "14", "21", "25"]);
}

#[tokio::test]
async fn a_cursor_is_sent_back_until_there_is_none() {
    reads_everybody(Pages::Cursor, cursor(), None).await;
}

#[tokio::test]
async fn one_answer_may_hold_everybody() {
    reads_everybody(Pages::Bare, Paging::None, Some(Format::Array)).await;
}

#[tokio::test]
async fn json_lines_are_read_as_they_come() {
    reads_everybody(Pages::Lines, Paging::None, Some(Format::Lines)).await;
}

#[tokio::test]
async fn a_post_carries_page_parameters_in_its_body() {
    let service = HrService::start(25);
    service.office().pages = Pages::Offset;
    let settings = with_users(settings(&service, offset()), |users| {
        users.method = Method::Post {
            body: serde_json::json!({ "select": ["id"] }),
        };
    });
    let (entries, verdict) = read(settings).await;
    assert_eq!(entries.len(), 25);
    assert_eq!(verdict, Verdict::complete());
    let office = service.office();
    assert!(
        office
            .requests
            .iter()
            .all(|r| r.method == "POST" && r.query.is_empty())
    );
    let body: serde_json::Value = serde_json::from_str(&office.requests[1].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "select": ["id"], "offset": 10, "limit": 10 })
    );
}

#[tokio::test]
async fn the_urls_own_query_stays() {
    let service = HrService::start(3);
    service.office().pages = Pages::Page;
    let settings = with_users(settings(&service, page()), |users| {
        users.url.push_str("?state=all&page=99");
    });
    read(settings).await;
    let office = service.office();
    let query = &office.requests[0].query;
    assert_eq!(
        (query["state"].as_str(), query["page"].as_str()),
        ("all", "1")
    );
}

#[tokio::test]
async fn an_empty_page_with_a_next_url_is_no_end() {
    let service = HrService::start(25);
    let empty = r#"{"data": [], "meta": {"next": "/users?page=2"}}"#;
    service.trap("/users", 1, 1, Fault::body("application/json", empty));
    let (entries, verdict) = read(settings(&service, next())).await;
    assert_eq!(entries.len(), 15);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn no_content_ends_nothing_but_offset_and_page() {
    for paging in [next(), cursor(), Paging::None] {
        let service = HrService::start(25);
        service.trap("/users", 1, 1, Fault::status(204));
        let (_, verdict) = read(settings(&service, paging)).await;
        failed_because(&verdict, "(204), which does not prove an end");
    }
}

#[tokio::test]
async fn an_error_on_page_seven_is_no_end() {
    for (status, words) in [
        (403, "page 7 refuses to be read (403)"),
        (404, "page 7 is not there (404)"),
        (500, "page 7 answered with the error 500 each of 5 times"),
    ] {
        for (pages, paging) in [(Pages::Next, next()), (Pages::Page, page())] {
            let service = HrService::start(100);
            service.office().pages = pages;
            service.trap("/users", 7, 5, Fault::status(status));
            let (entries, verdict) = read(settings(&service, paging)).await;
            assert_eq!(entries.len(), 60, "what came before may update");
            failed_because(&verdict, words);
        }
    }
}

#[tokio::test]
async fn a_page_that_repeats_for_ever_is_noticed() {
    for (pages, paging) in [(Pages::Page, page()), (Pages::Offset, offset())] {
        let service = HrService::start(100);
        service.office().pages = pages;
        service.trap("/users", 4, usize::MAX, Fault::FirstPageAgain);
        let (_, verdict) = read(settings(&service, paging)).await;
        failed_because(&verdict, "page 4 repeats an earlier page");
    }
}

#[tokio::test]
async fn a_next_url_that_was_read_already_is_noticed() {
    let service = HrService::start(100);
    let circle = r#"{"data": [{"id": 999}], "meta": {"next": "/users?page=2"}}"#;
    service.trap("/users", 3, 1, Fault::body("application/json", circle));
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "page 3 names a next page that was read already");
}

#[tokio::test]
async fn a_cursor_that_comes_back_is_noticed() {
    let service = HrService::start(100);
    service.office().pages = Pages::Cursor;
    let circle = r#"{"data": [{"id": 999}], "meta": {"cursor": "after-10"}}"#;
    service.trap("/users", 3, 1, Fault::body("application/json", circle));
    let (_, verdict) = read(settings(&service, cursor())).await;
    failed_because(&verdict, "page 3 names a next page that was read already");
}

#[tokio::test]
async fn a_next_member_with_dots_in_its_name_is_found() {
    let service = HrService::start(1);
    let odata = r#"{"data": [{"id": 7}], "@odata.nextLink": "/users?page=1"}"#;
    service.trap("/users", 1, 1, Fault::body("application/json", odata));
    let paging = Paging::Next {
        path: "@odata.nextLink".to_owned(),
    };
    let (entries, verdict) = read(settings(&service, paging)).await;
    assert_eq!(keys(&entries), ["7", "1"]);
    assert_eq!(verdict, Verdict::complete());
}
