//! What a read of a real server delivers, and how it ends when something happens.

use base64::Engine;
use rollcall_directory::entry::{Locator, Value};

use super::server::CuttingProxy;
use super::slapd::{Options, Slapd};
use super::*;

#[tokio::test]
async fn all_pages_come_and_twice_the_same() {
    let slapd = Slapd::start(&crowd(25));
    let mut settings = settings(&slapd.url());
    settings.page_size = 7;
    let (first, verdict) = read_with(settings.clone(), &people(&["uid"])).await;
    assert_eq!(verdict, Verdict::complete());
    assert_eq!(first.len(), 25);
    assert!(
        first
            .iter()
            .all(|entry| entry.key.is_ok() && entry.flaws.is_empty())
    );
    assert_eq!(
        first[0].locator,
        Locator::Dn("uid=u00000,ou=people,dc=example,dc=org".to_owned())
    );
    let (second, _) = read_with(settings, &people(&["uid"])).await;
    assert_eq!(first, second);
}

#[tokio::test]
async fn nobody_is_a_complete_answer_here() {
    let slapd = Slapd::start("");
    let (entries, verdict) = read_with(settings(&slapd.url()), &people(&["uid"])).await;
    assert_eq!((entries.len(), verdict), (0, Verdict::complete()));
}

#[tokio::test]
async fn a_base_that_does_not_exist_fails_with_what_does() {
    let slapd = Slapd::start("");
    let mut settings = settings(&slapd.url());
    settings.base = "ou=gone,ou=people,dc=example,dc=org".to_owned();
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &[
            "ou=gone",
            "noSuchObject (32)",
            "longest part that exists is ou=people,dc=example,dc=org",
        ],
    );
}

#[tokio::test]
async fn a_size_limit_half_way_is_incomplete_and_names_the_limit() {
    let options = Options {
        size_limit: Some(15),
        ..Options::default()
    };
    let slapd = Slapd::start_with(&options, &crowd(25));
    let mut settings = settings(&slapd.url());
    settings.page_size = 10;
    let (entries, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_incomplete(
        &verdict,
        &["sizeLimitExceeded (4)", "size.prtotal", &slapd.url()],
    );
    assert_eq!(entries.len(), 15);
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_page_is_read_again() {
    let slapd = Slapd::start(&crowd(300));
    let proxy = CuttingProxy::start(slapd.port, 1).await;
    let mut settings = settings(&proxy.url());
    settings.page_size = 100;
    let (entries, verdict) = read_with(settings, &people(&["uid"])).await;
    let Verdict::Complete { notes, .. } = &verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        notes[0].contains("read again from the first page"),
        "{notes:?}"
    );
    let keys: std::collections::HashSet<_> =
        entries.iter().map(|e| e.key.clone().unwrap()).collect();
    assert_eq!(keys.len(), 300);
    assert!(entries.iter().all(|entry| entry.flaws.is_empty()));
}

#[tokio::test]
async fn a_line_that_is_always_cut_fails_after_three_tries() {
    let slapd = Slapd::start(&crowd(300));
    let proxy = CuttingProxy::start(slapd.port, usize::MAX).await;
    let (_, verdict) = read_with(settings(&proxy.url()), &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &["the connection was lost", "3. time", "firewalls"],
    );
}

#[tokio::test]
async fn a_server_that_is_killed_fails_the_read() {
    let mut slapd = Slapd::start(&crowd(3000));
    let mut settings = settings(&slapd.url());
    settings.page_size = 100;
    let connector = LdapConnector::new(settings).unwrap();
    let (out, mut batches) = mpsc::channel(1);
    let request = people(&["uid"]);
    let kill = async {
        assert!(batches.recv().await.is_some());
        slapd.kill();
        while batches.recv().await.is_some() {}
    };
    let (verdict, ()) = tokio::join!(connector.read(&request, out), kill);
    assert_failed(
        &verdict,
        &[
            "the connection was lost",
            "user entries under dc=example,dc=org",
            "cannot connect",
        ],
    );
}

#[tokio::test]
async fn a_cancelled_run_ends_the_read() {
    let slapd = Slapd::start(&crowd(600));
    let connector = LdapConnector::new(settings(&slapd.url())).unwrap();
    let (out, batches) = mpsc::channel(1);
    drop(batches);
    let verdict = connector.read(&people(&["uid"]), out).await;
    assert_failed(&verdict, &["cancelled"]);
}

#[tokio::test]
async fn a_sample_stops_early_and_says_so() {
    let slapd = Slapd::start(&crowd(10));
    let mut request = people(&["uid"]);
    request.sample = Some(3);
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_eq!(entries.len(), 3);
    assert_incomplete(&verdict, &["stopped after 3"]);
    request.sample = Some(10);
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_eq!(entries.len(), 10);
    assert_complete(&verdict);
}

#[tokio::test]
async fn names_come_in_the_requests_spelling_with_options_apart() {
    let slapd = Slapd::start(&person(
        "ada",
        "givenName: Ada\ngivenName;lang-ja: エイダ\nmail:: ICBhZGFAeC5vcmcgIA==\n",
    ));
    let request = people(&["GN", "2.5.4.4", "givenName;lang-ja", "MAIL", "title"]);
    let (entries, _) = read_with(settings(&slapd.url()), &request).await;
    let names: Vec<&str> = entries[0].attributes.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["2.5.4.4", "givenName;lang-ja", "GN", "MAIL"]);
    assert_eq!(texts(&entries[0], "gn"), ["Ada"]);
    assert_eq!(texts(&entries[0], "givenName;lang-ja"), ["エイダ"]);
    assert_eq!(texts(&entries[0], "mail"), ["ada@x.org"]);
}

#[tokio::test]
async fn without_a_list_everything_comes_but_nothing_operational() {
    let slapd = Slapd::start(&person("ada", ""));
    let mut request = people(&[]);
    request.users.as_mut().unwrap().attributes = None;
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_complete(&verdict);
    let names: Vec<&str> = entries[0].attributes.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["cn", "entryUUID", "objectClass", "sn", "uid"]);
}

#[tokio::test]
async fn octets_stay_octets_and_bad_text_is_a_flaw() {
    let b64 = |octets: &[u8]| base64::engine::general_purpose::STANDARD.encode(octets);
    let photo = vec![0xff_u8; 5_000_000];
    let big = vec![0xd8_u8; 6_000_000];
    let ldif = format!(
        "{}\n{}\n{}\n",
        person("ada", &format!("jpegPhoto:: {}\n", b64(&photo))),
        person("bob", &format!("jpegPhoto:: {}\n", b64(&big))),
        person("eve", &format!("userPassword:: {}\n", b64(b"a\0b"))),
    );
    let slapd = Slapd::start(&ldif);
    let (entries, verdict) =
        read_with(settings(&slapd.url()), &people(&["uid", "jpegPhoto"])).await;
    assert_complete(&verdict);
    assert_eq!(
        entries[0].attributes.get("jpegPhoto").unwrap(),
        [Value::Bytes(photo)]
    );
    assert_eq!(
        entries[1].flaws[0].to_string(),
        "jpegPhoto: a value is longer than 5242880 bytes"
    );
    assert_eq!(texts(&entries[1], "uid"), ["bob"]);
}

#[tokio::test]
async fn ten_thousand_values_are_taken_and_one_more_is_a_flaw() {
    let values = |count: usize| {
        let lines: Vec<String> = (0..count)
            .map(|n| {
                format!(
                    "description: v{n}
"
                )
            })
            .collect();
        lines.concat()
    };
    let ldif = person("ada", &values(10_000)) + "\n" + &person("bob", &values(10_001));
    let slapd = Slapd::start(&ldif);
    let (entries, _) = read_with(settings(&slapd.url()), &people(&["description"])).await;
    assert_eq!(
        entries[0].attributes.get("description").unwrap().len(),
        10_000
    );
    assert!(entries[0].flaws.is_empty());
    assert_eq!(
        entries[1].flaws[0].to_string(),
        "description: 10001 values, more than 10000"
    );
}

#[tokio::test]
async fn a_move_and_a_rename_keep_the_key() {
    let slapd = Slapd::start(&person("ada", ""));
    let (before, _) = read_with(settings(&slapd.url()), &people(&["uid"])).await;
    slapd.modify(
        "dn: uid=ada,ou=people,dc=example,dc=org\nchangetype: modrdn\nnewrdn: uid=lovelace\ndeleteoldrdn: 1\nnewsuperior: ou=groups,dc=example,dc=org\n",
    );
    let (after, _) = read_with(settings(&slapd.url()), &people(&["uid"])).await;
    assert_eq!(before[0].key, after[0].key);
    assert_eq!(
        after[0].locator.to_string(),
        "uid=lovelace,ou=groups,dc=example,dc=org"
    );
}

#[tokio::test]
async fn a_key_that_is_missing_or_not_single_makes_the_read_incomplete() {
    let slapd = Slapd::start(
        &(person("ada", "employeeNumber: 1\n")
            + "\n"
            + &person("bob", "")
            + "\n"
            + &person("eve", "cn: second\n")),
    );
    let mut request = people(&["uid"]);
    request.users.as_mut().unwrap().key = "employeeNumber".to_owned();
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_incomplete(
        &verdict,
        &["2 user entries have no usable employeeNumber", "uid=bob"],
    );
    assert_eq!(entries.iter().filter(|entry| entry.key.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_key_on_two_entries_names_both() {
    let slapd = Slapd::start(
        &(person("ada", "employeeNumber: 1\n") + "\n" + &person("bob", "employeeNumber: 1\n")),
    );
    let mut request = people(&["uid"]);
    request.users.as_mut().unwrap().key = "employeeNumber".to_owned();
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    let Verdict::Complete { notes, .. } = &verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        notes[0].contains("uid=ada") && notes[0].contains("uid=bob"),
        "{notes:?}"
    );
    assert!(entries[0].flaws.is_empty());
    assert!(
        entries[1].flaws[0]
            .reason
            .contains("employeeNumber 1 stands on 2 entries")
    );
}

#[tokio::test]
async fn groups_come_after_people_without_themselves_and_placeholders() {
    let group = "dn: cn=Ring\\2C A,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: Ring, A\n\
        member: cn=ring\\, a,ou=groups,dc=example,dc=org\nmember: cn=nobody\nmember: uid=ada,ou=people,dc=example,dc=org\n";
    let slapd = Slapd::start(&(person("ada", "") + "\n" + group));
    let mut settings = settings(&slapd.url());
    settings.placeholder_members = vec!["CN=Nobody".to_owned()];
    settings.group_base = Some("ou=groups,dc=example,dc=org".to_owned());
    let mut request = people(&["uid"]);
    request.groups = Some(KindRequest {
        filter: Some("(objectClass=groupOfNames)".to_owned()),
        key: "entryUUID".to_owned(),
        attributes: Some(vec!["member".to_owned()]),
    });
    let (entries, verdict) = read_with(settings, &request).await;
    assert_complete(&verdict);
    assert_eq!(entries[0].kind, Kind::User);
    assert_eq!(entries[1].kind, GROUPS);
    assert_eq!(
        texts(&entries[1], "member"),
        ["uid=ada,ou=people,dc=example,dc=org"]
    );
}

#[tokio::test]
async fn a_filter_that_is_none_fails_with_its_place() {
    let slapd = Slapd::start("");
    let mut request = people(&["uid"]);
    request.users.as_mut().unwrap().filter = Some("(uid=a".to_owned());
    let (_, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_failed(&verdict, &["\")\" is missing at character 7"]);
}

#[tokio::test]
async fn members_have_no_limit_but_an_entry_has() {
    let members: Vec<String> = (0..12_000)
        .map(|n| format!("member: uid=u{n},ou=people,dc=example,dc=org\n"))
        .collect();
    let group = format!(
        "dn: cn=all,ou=groups,dc=example,dc=org\nobjectClass: groupOfNames\ncn: all\n{}",
        members.concat()
    );
    let photo = |fill: u8| {
        let octets = vec![fill; 4_900_000];
        let text = base64::engine::general_purpose::STANDARD.encode(octets);
        format!("jpegPhoto:: {text}\n")
    };
    let photos: Vec<String> = (1..=4).map(photo).collect();
    let slapd = Slapd::start(&(person("ada", &photos.concat()) + "\n" + &group));
    let mut request = people(&["uid", "jpegPhoto"]);
    request.groups = Some(KindRequest {
        filter: Some("(objectClass=groupOfNames)".to_owned()),
        key: "entryUUID".to_owned(),
        attributes: Some(vec!["member".to_owned()]),
    });
    let (entries, verdict) = read_with(settings(&slapd.url()), &request).await;
    assert_complete(&verdict);
    assert!(entries[0].key.is_ok());
    assert!(
        entries[0].flaws[0].reason.contains("more than 16777216"),
        "{:?}",
        entries[0].flaws
    );
    assert_eq!(entries[1].attributes.get("member").unwrap().len(), 12_000);
    assert!(entries[1].flaws.is_empty());
}
