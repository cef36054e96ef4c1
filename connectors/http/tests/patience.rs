//! A service that cannot answer just now gets time, but not for ever.

use super::*;

#[tokio::test]
async fn a_passing_error_is_tried_again() {
    for status in [500, 502, 503, 429] {
        let service = HrService::start(5);
        service.trap("/users", 1, 4, Fault::status(status));
        assert_eq!(
            read(settings(&service, next())).await.1,
            Verdict::complete()
        );
        assert_eq!(service.office().requests_to("/users"), 5);
    }
}

#[tokio::test]
async fn five_tries_are_the_limit() {
    let service = HrService::start(5);
    service.trap("/users", 1, usize::MAX, Fault::status(502));
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(&verdict, "with the error 502 each of 5 times");
    assert_eq!(service.office().requests_to("/users"), 5);
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    for status in [429, 503] {
        let service = HrService::start(5);
        service.trap(
            "/users",
            1,
            1,
            Fault::with_header(status, "retry-after", "1"),
        );
        assert_eq!(
            read(settings(&service, next())).await.1,
            Verdict::complete()
        );
    }
}

#[tokio::test]
async fn a_retry_after_beyond_the_limit_fails_at_once() {
    let service = HrService::start(5);
    service.trap(
        "/users",
        1,
        1,
        Fault::with_header(429, "retry-after", "901"),
    );
    let (_, verdict) = read(settings(&service, next())).await;
    failed_because(
        &verdict,
        "asks us to wait 901 s, longer than retry_after_max (900 s)",
    );
}

#[tokio::test]
async fn a_retry_after_may_be_a_date_by_the_services_clock() {
    let service = HrService::start(5);
    let fault = Fault::Answer {
        status: 503,
        headers: vec![
            ("date", "Tue, 03 Mar 2026 10:00:00 GMT".to_owned()),
            ("retry-after", "Tue, 03 Mar 2026 11:00:00 GMT".to_owned()),
        ],
        body: Vec::new(),
    };
    service.trap("/users", 1, 1, fault);
    failed_because(
        &read(settings(&service, next())).await.1,
        "asks us to wait 3600 s",
    );
}

#[tokio::test]
async fn the_waits_of_a_run_add_up() {
    let service = HrService::start(5);
    service.trap(
        "/users",
        1,
        usize::MAX,
        Fault::with_header(429, "retry-after", "1"),
    );
    let mut settings = settings(&service, next());
    settings.service.waits_max = Duration::from_millis(1500);
    failed_because(&read(settings).await.1, "has used up the waits of this run");
    assert_eq!(service.office().requests_to("/users"), 2);
}

#[tokio::test]
async fn a_retry_after_of_nothing_counts_as_a_try() {
    let service = HrService::start(5);
    service.trap(
        "/users",
        1,
        usize::MAX,
        Fault::with_header(429, "retry-after", "0"),
    );
    failed_because(
        &read(settings(&service, next())).await.1,
        "429 each of 5 times",
    );
}

#[tokio::test]
async fn a_service_that_never_answers_times_out() {
    let service = HrService::start(5);
    service.trap("/users", 1, usize::MAX, Fault::Silence);
    let mut settings = settings(&service, next());
    settings.service.page_timeout = Duration::from_millis(50);
    failed_because(&read(settings).await.1, "did not answer within");
}

#[tokio::test]
async fn the_whole_read_has_a_limit_too() {
    let service = HrService::start(5);
    service.trap("/users", 1, usize::MAX, Fault::Silence);
    let mut settings = settings(&service, next());
    settings.service.run_timeout = Duration::from_millis(200);
    failed_because(&read(settings).await.1, "raise run_timeout");
}

#[tokio::test]
async fn a_service_that_is_down_says_so() {
    let service = HrService::start(5);
    let mut settings = settings(&service, next());
    // Bound, and closed at once: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    settings.users.as_mut().unwrap().url = format!("http://{free}/users");
    failed_because(
        &read(settings).await.1,
        "no connection to http://127.0.0.1:",
    );
}

#[tokio::test]
async fn a_rate_of_its_own_does_not_change_what_is_read() {
    let service = HrService::start(50);
    let mut settings = settings(&service, next());
    settings.service.requests_per_second = Some(50);
    assert_eq!(read(settings).await.0.len(), 50);
}
