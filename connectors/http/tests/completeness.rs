//! Whether what came is everything: totals, silent limits, keys twice, samples.

use super::*;
use crate::Absence;

#[tokio::test]
async fn fewer_keys_than_stated_are_read_once_again_then_incomplete() {
    let service = HrService::start(25);
    service.office().stated = Some(26);
    let settings = with_users(settings(&service, next()), |users| {
        users.total = Some(body_total());
    });
    let (entries, verdict) = read(settings).await;
    assert_eq!(entries.len(), 25, "nobody is delivered twice");
    assert_eq!(
        service.office().requests_to("/users"),
        6,
        "three pages, twice"
    );
    incomplete_because(&verdict, "states 26 users but gave 25, twice");
}

#[tokio::test]
async fn a_second_read_that_agrees_with_the_total_is_complete() {
    let service = HrService::start(25);
    let short = r#"{"data": [{"id": 1}], "meta": {"next": null, "total": 25}}"#;
    service.trap("/users", 1, 1, Fault::body("application/json", short));
    let settings = with_users(settings(&service, next()), |users| {
        users.total = Some(body_total());
    });
    let (entries, verdict) = read(settings).await;
    assert_eq!(entries.len(), 25);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn more_keys_than_stated_are_noted() {
    let service = HrService::start(25);
    service.office().stated = Some(20);
    let settings = with_users(settings(&service, next()), |users| {
        users.total = Some(Total::Header("X-Total-Count".to_owned()));
    });
    match read(settings).await.1 {
        Verdict::Complete { notes, .. } => {
            assert!(notes[0].contains("25 users came although the service states 20"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_total_that_is_never_stated_is_incomplete() {
    let service = HrService::start(25);
    service.office().no_total = true;
    let settings = with_users(settings(&service, next()), |users| {
        users.total = Some(body_total());
    });
    incomplete_because(&read(settings).await.1, "did not state its total");
}

#[tokio::test]
async fn exactly_a_round_number_without_paging_holds_removals() {
    for (people, held) in [(49, false), (50, true), (100, true), (101, false)] {
        let service = HrService::start(people);
        service.office().pages = Pages::Whole;
        let (_, verdict) = read(settings(&service, Paging::None)).await;
        let Verdict::Complete { hold_removals, .. } = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(hold_removals.is_some(), held, "{people}");
    }
}

#[tokio::test]
async fn a_round_number_that_the_total_confirms_holds_nothing() {
    let service = HrService::start(50);
    service.office().pages = Pages::Whole;
    let settings = with_users(settings(&service, Paging::None), |users| {
        users.total = Some(body_total());
    });
    assert_eq!(read(settings).await.1, Verdict::complete());
}

#[tokio::test]
async fn a_key_twice_with_equal_content_counts_once() {
    let service = HrService::start(12);
    service.office().users.push(person(3));
    let (entries, verdict) = read(settings(&service, next())).await;
    assert_eq!(entries.len(), 12);
    let Verdict::Complete { notes, .. } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(notes[0].contains("1 users came twice with equal content"));
}

#[tokio::test]
async fn a_key_twice_with_different_content_names_both_places() {
    let service = HrService::start(12);
    let mut other = person(99);
    other["id"] = 3.into();
    service.office().users.push(other);
    let (entries, _) = read(settings(&service, next())).await;
    assert_eq!(entries.len(), 13);
    let flaw = &entries[12].flaws[0];
    assert_eq!(flaw.attribute, "id");
    assert!(
        flaw.reason.contains("page 1 item 3, and page 2 item 3"),
        "{flaw}"
    );
}

#[tokio::test]
async fn an_item_without_a_key_comes_all_the_same_and_makes_the_read_incomplete() {
    let service = HrService::start(2);
    service
        .office()
        .users
        .push(serde_json::json!({ "email": "nobody@example.com" }));
    service.office().users.push(serde_json::json!("no object"));
    let (entries, verdict) = read(settings(&service, next())).await;
    assert_eq!(entries.len(), 4);
    assert!(entries[2].key.is_err() && entries[3].key.is_err());
    incomplete_because(&verdict, "2 users of");
}

#[tokio::test]
async fn a_sample_stops_early_and_is_incomplete() {
    let service = HrService::start(100);
    let request = ReadRequest {
        sample: Some(3),
        ..people()
    };
    let (entries, verdict) = read_as(settings(&service, next()), &request).await;
    assert_eq!(entries.len(), 3);
    assert_eq!(service.office().requests_to("/users"), 1);
    incomplete_because(&verdict, "only a sample of 3");
}

#[tokio::test]
async fn a_sample_of_a_source_that_ended_before_is_complete() {
    let service = HrService::start(2);
    let request = ReadRequest {
        sample: Some(3),
        ..people()
    };
    let (_, verdict) = read_as(settings(&service, next()), &request).await;
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn the_same_state_read_twice_gives_equal_entries() {
    let service = HrService::start(25);
    let first = read(settings(&service, next())).await;
    assert_eq!(first, read(settings(&service, next())).await);
}

#[tokio::test]
async fn all_users_come_before_all_groups() {
    let service = HrService::start(600);
    service.office().groups = vec![serde_json::json!({ "id": "g", "members": [1, 2] })];
    service.office().page_size = 100;
    let mut settings = settings(&service, next());
    settings.groups = Some(endpoint(&service.groups_url(), next()));
    let request = ReadRequest {
        groups: people().users,
        ..people()
    };
    let (entries, verdict) = read_as(settings, &request).await;
    assert_eq!(entries.len(), 601);
    assert_eq!(entries[600].kind, rollcall_directory::entry::Kind::Group);
    assert_eq!(texts(&entries[600], "members").unwrap(), ["1", "2"]);
    assert_eq!(verdict, Verdict::complete());
}

#[tokio::test]
async fn users_that_fail_leave_groups_unread() {
    let service = HrService::start(1);
    service.trap("/users", 1, 1, Fault::status(403));
    let mut settings = settings(&service, next());
    settings.groups = Some(endpoint(&service.groups_url(), next()));
    let request = ReadRequest {
        groups: people().users,
        ..people()
    };
    let (_, verdict) = read_as(settings, &request).await;
    failed_because(&verdict, "(403)");
    assert_eq!(service.office().requests_to("/groups"), 0);
}

#[tokio::test]
async fn when_the_receiver_goes_the_read_ends() {
    let service = HrService::start(10_000);
    let connector = HttpConnector::new(settings(&service, next())).unwrap();
    let (send, mut receive) = mpsc::channel(1);
    let request = people();
    let leave = async move {
        receive.recv().await.unwrap();
    };
    let both = async { tokio::join!(connector.read(&request, send), leave).0 };
    let verdict = tokio::time::timeout(DEADLINE, both).await.unwrap();
    failed_because(&verdict, "the run was cancelled");
    assert!(service.office().requests_to("/users") < 1000);
}

#[tokio::test]
async fn only_offset_and_page_without_an_item_url_need_two_reads_for_an_absence() {
    let service = HrService::start(0);
    for (paging, item_url, absence) in [
        (offset(), None, Absence::ProvenBySecondRead),
        (page(), None, Absence::ProvenBySecondRead),
        (offset(), Some(service.item_url()), Absence::Proven),
        (next(), None, Absence::Proven),
    ] {
        let settings = with_users(settings(&service, paging), |users| {
            users.item_url = item_url;
        });
        assert_eq!(HttpConnector::new(settings).unwrap().absence(), absence);
    }
}

#[tokio::test]
async fn a_filter_is_refused_rather_than_ignored() {
    let service = HrService::start(1);
    let mut request = people();
    request.users.as_mut().unwrap().filter = Some("active eq true".to_owned());
    let (_, verdict) = read_as(settings(&service, next()), &request).await;
    failed_because(&verdict, "an HTTP source cannot filter");
}
