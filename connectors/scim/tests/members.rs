//! A group without `members` in a list is asked for by itself; what is not told then is
//! not known.

use super::*;

async fn read_groups(service: &ScimService) -> (Vec<Entry>, Verdict) {
    read_as(settings(service), &groups()).await
}

fn with_groups() -> ScimService {
    let service = ScimService::start(0);
    service.directory().groups = vec![group("g1", &[1, 2]), group("g2", &[])];
    service
}

#[tokio::test]
async fn members_are_their_ids_and_an_empty_list_is_a_word() {
    let service = with_groups();
    let (entries, verdict) = read_groups(&service).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(texts(&entries[0], "members.value"), Some(numbered(1..=2)));
    assert_eq!(texts(&entries[1], "members.value"), Some(Vec::new()));
    assert_eq!(service.directory().requests_to("/Groups/g1"), 0);
}

#[tokio::test]
async fn members_that_a_list_leaves_out_are_asked_for() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Alone;
    let (entries, verdict) = read_groups(&service).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(texts(&entries[0], "members.value"), Some(numbered(1..=2)));
    assert_eq!(texts(&entries[1], "members.value"), Some(Vec::new()));
    assert_eq!(service.directory().requests_to("/Groups/g1"), 1);
}

#[tokio::test]
async fn members_that_nobody_tells_are_unknown() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Never;
    let (entries, verdict) = read_groups(&service).await;
    complete_with(&verdict, "2 groups came without `members`");
    assert_eq!(texts(&entries[0], "members.value"), None);
    assert_eq!(
        texts(&entries[0], "displayName"),
        Some(vec!["Group g1".into()])
    );
}

#[tokio::test]
async fn a_service_that_leaves_empty_members_out_may_be_said_to() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Never;
    let mut settings = settings(&service);
    settings.omits_empty_members = true;
    let (entries, verdict) = read_as(settings, &groups()).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(texts(&entries[1], "members.value"), Some(Vec::new()));
    // It was asked all the same: a list proves nothing.
    assert_eq!(service.directory().requests_to("/Groups/g2"), 1);
}

#[tokio::test]
async fn nobody_asks_for_members_that_no_mapping_wants() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Alone;
    let request = ReadRequest {
        groups: Some(kind_request(&["displayName"])),
        ..groups()
    };
    let (_, verdict) = read_as(settings(&service), &request).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(service.directory().requests_to("/Groups/g1"), 0);
}

#[tokio::test]
async fn a_group_that_goes_between_the_list_and_the_question_is_as_it_was_listed() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Alone;
    service.at("/Groups/g1", 1, |directory: &mut Directory| {
        directory.groups.remove(0);
    });
    let (entries, verdict) = read_groups(&service).await;
    complete_with(&verdict, "1 groups came without `members`");
    assert_eq!(texts(&entries[0], "members.value"), None);
}

#[tokio::test]
async fn a_refusal_of_the_question_fails_the_read() {
    let service = with_groups();
    service.directory().shows_members = ShowsMembers::Alone;
    service.answers("/Groups/g2", 1, 1, Answer::status(403));
    failed_because(&read_groups(&service).await.1, "refuses to be read (403)");
}

#[tokio::test]
async fn a_service_without_groups_is_told_so() {
    let service = with_groups();
    service.answers("/Groups", 1, 1, Answer::status(404));
    failed_because(&read_groups(&service).await.1, "has no groups at this URL");
}
