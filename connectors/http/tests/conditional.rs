//! Reads that are spared: every page must say that it has not changed, and whatever else
//! the service answers, everything is read.

use super::*;

/// Three pages of ten, the last one half full.
const PEOPLE: usize = 25;

fn tagged(people: usize, pages: Pages) -> HrService {
    let service = HrService::start(people);
    service.office().pages = pages;
    service.office().marks = Marks::Tags;
    // It would change every page with whoever comes or leaves.
    service.office().no_total = true;
    service
}

/// A complete read of everybody; what it leaves.
#[track_caller]
fn leaves((entries, answer): (Vec<Entry>, Answer), people: usize) -> Option<Validators> {
    assert_eq!(entries.len(), people, "{:?}", answer.verdict);
    let complete = matches!(answer.verdict, Verdict::Complete { .. });
    assert!(complete, "{:?}", answer.verdict);
    answer.validators
}

async fn first(settings: Settings, people_there: usize) -> Validators {
    leaves(read_since(settings, &people(), None).await, people_there).unwrap()
}

/// Forgets what was asked so far.
fn fresh(service: &HrService) {
    service.office().requests.clear();
    service.office().bytes_sent = 0;
}

#[track_caller]
fn unchanged((entries, answer): (Vec<Entry>, Answer)) {
    assert_eq!(entries.len(), 0);
    let expected = Verdict::Unchanged { notes: Vec::new() };
    assert_eq!(answer.verdict, expected);
}

#[tokio::test]
async fn with_every_kind_of_paging_nothing_is_transferred_when_every_page_is_as_it_was() {
    let with_lines = |settings| with_users(settings, |users| users.format = Format::Lines);
    for (pages, paging, requests) in [
        (Pages::Whole, Paging::None, 1),
        (Pages::Next, next(), 3),
        (Pages::Page, page(), 4),
        (Pages::Offset, offset(), 4),
        (Pages::Cursor, cursor(), 3),
        (Pages::Lines, Paging::None, 1),
    ] {
        let service = tagged(PEOPLE, pages.clone());
        let mut settings = settings(&service, paging);
        if pages == Pages::Lines {
            settings = with_lines(settings);
        }
        let last = first(settings.clone(), PEOPLE).await;
        fresh(&service);
        unchanged(read_since(settings, &people(), Some(&last)).await);
        let office = service.office();
        assert_eq!(
            office.conditional_requests_to("/users"),
            requests,
            "{pages:?}"
        );
        assert_eq!(office.requests_to("/users"), requests, "{pages:?}");
        assert_eq!(office.bytes_sent, 0, "{pages:?}");
    }
}

#[tokio::test]
async fn one_page_that_has_changed_is_a_read_of_everything() {
    for changed in [0, 12, 24] {
        let service = tagged(PEOPLE, Pages::Next);
        let last = first(settings(&service, next()), PEOPLE).await;
        service.office().users[changed]["email"] = "new@example.com".into();
        let read = read_since(settings(&service, next()), &people(), Some(&last)).await;
        let new = leaves(read, PEOPLE).unwrap();
        assert_ne!(new, last);
        unchanged(read_since(settings(&service, next()), &people(), Some(&new)).await);
    }
}

#[tokio::test]
async fn who_leaves_or_comes_changes_a_page_even_where_only_a_header_says_so() {
    let link = |service: &HrService| {
        with_users(settings(service, Paging::Link), |users| {
            users.format = Format::Array;
        })
    };
    // Two full pages: the newcomer stands on a page of their own.
    let service = tagged(20, Pages::Link);
    let last = first(link(&service), 20).await;
    fresh(&service);
    unchanged(read_since(link(&service), &people(), Some(&last)).await);
    assert_eq!(service.office().conditional_requests_to("/users"), 1);
    service.office().users.push(person(21));
    let read = read_since(link(&service), &people(), Some(&last)).await;
    let last = leaves(read, 21).unwrap();
    service.office().users.pop();
    let read = read_since(link(&service), &people(), Some(&last)).await;
    leaves(read, 20).unwrap();
}

#[tokio::test]
async fn a_page_without_a_mark_leaves_nothing_to_ask_with() {
    let service = tagged(PEOPLE, Pages::Next);
    for marks in [
        Marks::TagsExceptPage(1),
        Marks::TagsExceptPage(3),
        Marks::None,
    ] {
        service.office().marks = marks;
        let read = read_since(settings(&service, next()), &people(), None).await;
        assert_eq!(leaves(read, PEOPLE), None);
    }
}

#[tokio::test]
async fn groups_count_as_much_as_people() {
    let service = tagged(PEOPLE, Pages::Next);
    service.office().groups = vec![serde_json::json!({"id": "g1"})];
    let mut both = settings(&service, next());
    both.groups = Some(endpoint(&service.groups_url(), next()));
    let mut request = people();
    let only_people = first(both.clone(), PEOPLE).await;
    request.groups = request.users.clone();
    // Nobody asked for groups last time.
    let read = read_since(both.clone(), &request, Some(&only_people)).await;
    let last = leaves(read, PEOPLE + 1).unwrap();
    unchanged(read_since(both.clone(), &request, Some(&last)).await);
    // Nobody asks for groups any more.
    leaves(
        read_since(both.clone(), &people(), Some(&last)).await,
        PEOPLE,
    );
    service.office().groups.clear();
    leaves(read_since(both, &request, Some(&last)).await, PEOPLE);
}

#[tokio::test]
async fn other_settings_ask_for_everything_at_once() {
    let service = tagged(PEOPLE, Pages::Next);
    let before = settings(&service, next());
    let last = first(before.clone(), PEOPLE).await;
    let other_url = with_users(before.clone(), |users| {
        users.url.push_str("?state=employed");
    });
    let mut other_client = before.clone();
    other_client.auth = Auth::Bearer(secret("another-token"));
    let mut other_header = before.clone();
    other_header.headers = vec![("X-Company".to_owned(), secret("another"))];
    let mut never = before.clone();
    never.conditional = false;
    for other in [other_url, other_client, other_header, never] {
        fresh(&service);
        leaves(read_since(other, &people(), Some(&last)).await, PEOPLE);
        assert_eq!(service.office().conditional_requests_to("/users"), 0);
    }
    // What is no longer understood is not asked with.
    let strange = Validators::new("{}".to_owned());
    leaves(read_since(before, &people(), Some(&strange)).await, PEOPLE);
}

#[tokio::test]
async fn a_post_and_a_switch_leave_nothing() {
    let service = tagged(PEOPLE, Pages::Next);
    let post = with_users(settings(&service, next()), |users| {
        users.method = Method::Post {
            body: serde_json::json!({}),
        };
    });
    assert_eq!(
        leaves(read_since(post, &people(), None).await, PEOPLE),
        None
    );
    let mut never = settings(&service, next());
    never.conditional = false;
    assert_eq!(
        leaves(read_since(never, &people(), None).await, PEOPLE),
        None
    );
}

#[tokio::test]
async fn a_service_that_stumbles_over_the_condition_is_read() {
    for fault in [
        Fault::status(400),
        Fault::status(412),
        Fault::status(403),
        Fault::status(204),
        Fault::status(404),
    ] {
        let service = tagged(PEOPLE, Pages::Next);
        let last = first(settings(&service, next()), PEOPLE).await;
        fresh(&service);
        service.trap("/users", 2, 1, fault);
        let read = read_since(settings(&service, next()), &people(), Some(&last)).await;
        leaves(read, PEOPLE).unwrap();
    }
}

#[tokio::test]
async fn not_modified_for_one_page_is_no_word_about_another() {
    let service = tagged(PEOPLE, Pages::Next);
    let last = first(settings(&service, next()), PEOPLE).await;
    service.office().users.pop();
    // It says of the first two pages what is true, and of none that nothing has changed.
    let read = read_since(settings(&service, next()), &people(), Some(&last)).await;
    leaves(read, PEOPLE - 1).unwrap();
    // A cache that answers 304 to a plain request as well makes the read fail.
    fresh(&service);
    service.trap("/users", 4, 1, Fault::status(304));
    let (_, answer) = read_since(settings(&service, next()), &people(), Some(&last)).await;
    failed_because(&answer.verdict, "although we asked for everything");
}

#[tokio::test]
async fn a_last_modified_counts_once_it_is_a_minute_old() {
    let service = HrService::start(PEOPLE);
    let dated = |date: &str| service.office().marks = Marks::Date(date.to_owned());
    dated("Sat, 01 Aug 2015 10:00:00 GMT");
    let last = first(settings(&service, next()), PEOPLE).await;
    fresh(&service);
    unchanged(read_since(settings(&service, next()), &people(), Some(&last)).await);
    assert_eq!(service.office().conditional_requests_to("/users"), 3);
    dated("Sat, 01 Aug 2015 10:00:01 GMT");
    let read = read_since(settings(&service, next()), &people(), Some(&last)).await;
    leaves(read, PEOPLE).unwrap();
    for untold in ["Fri, 01 Aug 2170 10:00:00 GMT", "yesterday"] {
        dated(untold);
        let read = read_since(settings(&service, next()), &people(), None).await;
        assert_eq!(leaves(read, PEOPLE), None);
    }
}

#[tokio::test]
async fn a_sample_and_a_read_in_two_passes_leave_nothing() {
    let service = tagged(PEOPLE, Pages::Next);
    let sample = ReadRequest {
        sample: Some(30),
        ..people()
    };
    let read = read_since(settings(&service, next()), &sample, None).await;
    let last = leaves(read, PEOPLE);
    // It happened to be everything; still nobody may be spared a look.
    let (entries, _) = read_since(settings(&service, next()), &sample, last.as_ref()).await;
    assert_eq!(entries.len(), PEOPLE);

    let with_total = with_users(settings(&service, next()), |users| {
        users.total = Some(body_total());
    });
    fresh(&service);
    service.office().no_total = false;
    let short = serde_json::json!({"data": [person(1)], "meta": {"total": PEOPLE, "next": null}});
    let mut short = Fault::body("application/json", short.to_string());
    if let Fault::Answer { headers, .. } = &mut short {
        headers.push(("etag", "\"short\"".to_owned()));
    }
    service.trap("/users", 1, 1, short);
    let read = read_since(with_total, &people(), None).await;
    assert_eq!(leaves(read, PEOPLE), None);
}

#[tokio::test]
async fn no_secret_is_left_behind() {
    let service = tagged(PEOPLE, Pages::Next);
    service.office().echoes_query = true;
    let with_key = |key: &str| {
        with_users(settings(&service, next()), |users| {
            users.url.extend(["?company=7&key=", key]);
        })
    };
    // The service repeats the key in its next URLs: only that it does is kept.
    let last = first(with_key("SECRET-QUERY"), PEOPLE).await;
    assert!(last.as_str().contains("page=2"), "{}", last.as_str());
    assert!(!last.as_str().contains("SECRET"), "{}", last.as_str());
    fresh(&service);
    unchanged(read_since(with_key("SECRET-QUERY"), &people(), Some(&last)).await);
    let keys: Vec<_> = service
        .office()
        .requests
        .iter()
        .map(|r| r.query["key"].clone())
        .collect();
    assert_eq!(keys, ["SECRET-QUERY"; 3]);
    // In another spelling it cannot be told from the service's own words.
    let read = read_since(with_key("SECRET%2DQUERY"), &people(), None).await;
    assert_eq!(leaves(read, PEOPLE), None);
    // Nor does the debug output show next URLs.
    assert!(!format!("{last:?}").contains("page"));
}

#[tokio::test]
async fn a_token_that_ends_in_between_is_renewed() {
    let service = tagged(PEOPLE, Pages::Next);
    service.office().wants_token = true;
    let mut settings = settings(&service, next());
    settings.auth = Auth::ClientCredentials {
        token_url: service.token_url(),
        client_id: hr_service::CLIENT_ID.to_owned(),
        client_secret: secret(hr_service::CLIENT_SECRET),
        scope: None,
        in_body: false,
    };
    let last = first(settings.clone(), PEOPLE).await;
    service.office().token_uses = 2;
    unchanged(read_since(settings, &people(), Some(&last)).await);
}
