//! An answer is JSON, whole, UTF-8 and of a bearable size, or the read failed.

use std::io::Write;

use super::*;

async fn answer(fault: Fault) -> (Vec<Entry>, Verdict) {
    let service = HrService::start(1);
    service.office().pages = Pages::Whole;
    service.trap("/users", 1, 1, fault);
    read(settings(&service, Paging::None)).await
}

async fn json(body: impl Into<Vec<u8>>) -> (Vec<Entry>, Verdict) {
    answer(Fault::body("application/json", body)).await
}

fn gzipped(body: &[u8]) -> Fault {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(body).unwrap();
    Fault::Answer {
        status: 200,
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("content-encoding", "gzip".to_owned()),
        ],
        body: gzip.finish().unwrap(),
    }
}

#[tokio::test]
async fn an_html_page_with_200_is_no_answer() {
    let html = "<!doctype html><title>Sign in</title>";
    for kind in ["text/html; charset=utf-8", "application/json"] {
        let (_, verdict) = answer(Fault::body(kind, html)).await;
        failed_because(&verdict, "answered with an HTML page instead of JSON");
    }
}

#[tokio::test]
async fn half_a_json_is_no_answer() {
    for half in [r#"{"data": [{"id": 1}"#, r#"{"data": [{"id": "#, ""] {
        failed_because(&json(half).await.1, "breaks off in the middle of its JSON");
    }
}

#[tokio::test]
async fn something_else_than_json_says_where() {
    let (_, verdict) = json("{\"data\": [\n{\"id\": 1},, ]}").await;
    failed_because(&verdict, "is no JSON at line 2");
}

#[tokio::test]
async fn another_type_is_named() {
    let (_, verdict) = answer(Fault::body("application/xml", "{\"data\": []}")).await;
    failed_because(&verdict, "answered with application/xml instead of JSON");
}

#[tokio::test]
async fn text_that_is_no_utf8_is_refused() {
    let latin = b"{\"data\": [{\"id\": \"J\xfcrg\"}]}".to_vec();
    failed_because(&json(latin.clone()).await.1, "is not valid UTF-8");
    let (_, verdict) = answer(Fault::body("application/json; charset=ISO-8859-1", latin)).await;
    failed_because(&verdict, "says that its text is iso-8859-1");
}

#[tokio::test]
async fn a_foreign_charset_does_not_matter_for_ascii() {
    let body = r#"{"data": [{"id": 7}]}"#;
    let (entries, verdict) =
        answer(Fault::body("application/json; charset=ISO-8859-1", body)).await;
    assert_eq!(keys(&entries), ["7"]);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let (entries, _) = json("\u{feff}{\"data\": [{\"id\": 7}]}").await;
    assert_eq!(keys(&entries), ["7"]);
}

#[tokio::test]
async fn gzip_is_unpacked() {
    let (entries, verdict) = answer(gzipped(br#"{"data": [{"id": 7}]}"#)).await;
    assert_eq!(keys(&entries), ["7"]);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn a_gzip_bomb_is_stopped_while_it_unpacks() {
    let bomb = vec![b' '; 16 * 1024 * 1024];
    failed_because(
        &answer(gzipped(&bomb)).await.1,
        "more than 100 times its size",
    );
}

#[tokio::test]
async fn half_a_gzip_is_half_an_answer() {
    let Fault::Answer {
        status,
        headers,
        mut body,
    } = gzipped(br#"{"data": [{"id": 7}]}"#)
    else {
        unreachable!()
    };
    body.truncate(body.len() - 10);
    let fault = Fault::Answer {
        status,
        headers,
        body,
    };
    failed_because(&answer(fault).await.1, "breaks off in the middle");
}

#[tokio::test]
async fn an_unknown_encoding_is_refused() {
    let fault = Fault::with_header(200, "content-encoding", "br");
    failed_because(&answer(fault).await.1, "cannot be unpacked");
}

#[tokio::test]
async fn a_page_beyond_the_size_limit_is_refused() {
    let service = HrService::start(1000);
    service.office().pages = Pages::Whole;
    let mut settings = settings(&service, Paging::None);
    settings.service.body_bytes_max = 1000;
    failed_because(&read(settings).await.1, "larger than 1000 bytes");
}

#[tokio::test]
async fn the_size_limit_of_json_lines_is_one_on_each_line() {
    let service = HrService::start(1001);
    service.office().pages = Pages::Lines;
    let lines = |bytes_max| {
        let mut settings = with_users(settings(&service, Paging::None), |users| {
            users.format = Format::Lines;
        });
        settings.service.body_bytes_max = bytes_max;
        settings
    };
    let (entries, _) = read(lines(64 * 1024)).await;
    assert_eq!(entries.len(), 1001);
    failed_because(&read(lines(50)).await.1, "larger than 50 bytes");
}

#[tokio::test]
async fn a_cut_last_line_fails_and_what_came_before_counts() {
    let service = HrService::start(1);
    service.office().pages = Pages::Lines;
    let cut = "{\"id\": 1}\n{\"id\": 2}\n{\"id\": ";
    service.trap("/users", 1, 1, Fault::body("application/x-ndjson", cut));
    let settings = with_users(settings(&service, Paging::None), |users| {
        users.format = Format::Lines;
    });
    let (entries, verdict) = read(settings).await;
    assert_eq!(entries.len(), 2);
    failed_because(&verdict, "item 3 breaks off");
}

#[tokio::test]
async fn nesting_beyond_64_levels_is_refused() {
    let deep = format!(
        "{{\"data\": [{{\"a\": {}{}}}]}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    failed_because(&json(deep).await.1, "deeper than 64");
}

#[tokio::test]
async fn a_member_twice_is_refused_in_an_item_and_around_the_items() {
    let (_, verdict) = json(r#"{"data": [{"id": 1, "id": 2}]}"#).await;
    failed_because(&verdict, "the member `id` stands twice");
    let (_, verdict) = json(r#"{"data": [{"id": 1}], "data": []}"#).await;
    failed_because(&verdict, "has the member `data` twice");
}

#[tokio::test]
async fn an_answer_without_the_array_says_where_it_was_looked_for() {
    for body in [
        r#"{"error": "quota"}"#,
        r#"{"data": {}}"#,
        "[]",
        r#"{"data": null}"#,
    ] {
        failed_because(&json(body).await.1, "has no array of items at `data`");
    }
}

#[tokio::test]
async fn a_connection_cut_in_a_body_is_tried_again() {
    let service = HrService::start(5);
    service.trap("/users", 1, 2, Fault::CutInBody);
    let (entries, verdict) = read(settings(&service, next())).await;
    assert_eq!(entries.len(), 5);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn not_modified_is_no_full_read() {
    failed_because(
        &answer(Fault::status(304)).await.1,
        "\"not modified\" (304)",
    );
}
