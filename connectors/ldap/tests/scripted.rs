//! What servers do that slapd does not do on demand.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::server::{Scripted, end, entry, notice, reference};
use super::*;

fn somebody(id: i64, n: u8) -> Vec<u8> {
    entry(
        id,
        &format!("cn=p{n},dc=x"),
        &[
            ("entryUUID", vec![vec![b'k', b'0' + n]]),
            ("uid", vec![vec![b'u', b'0' + n]]),
        ],
    )
}

fn scripted_settings(server: &Scripted) -> Settings {
    Settings {
        base: "dc=x".to_owned(),
        ..settings(&server.url())
    }
}

#[tokio::test]
async fn an_empty_page_with_a_cookie_is_no_end() {
    let server = Scripted::start((0, ""), |asked| match asked.cookie.as_deref() {
        Some(b"") => vec![somebody(asked.id, 1), end(asked.id, 0, Some(b"one"))],
        Some(b"one") => vec![end(asked.id, 0, Some(b"two"))],
        _ => vec![somebody(asked.id, 2), end(asked.id, 0, Some(b""))],
    })
    .await;
    let (entries, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
    assert_complete(&verdict);
    assert_eq!(entries.len(), 2);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_cookie_starts_again_from_the_first_page_twice_at_most() {
    for refusal in [2, 12, 53] {
        let refused = AtomicUsize::new(0);
        let server = Scripted::start((0, ""), move |asked| match asked.cookie.as_deref() {
            Some(b"") => vec![somebody(asked.id, 1), end(asked.id, 0, Some(b"one"))],
            _ if refused.fetch_add(1, Ordering::SeqCst) < 1 => vec![end(asked.id, refusal, None)],
            _ => vec![somebody(asked.id, 2), end(asked.id, 0, Some(b""))],
        })
        .await;
        let (entries, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
        assert_complete(&verdict);
        assert_eq!(entries.len(), 3);
        assert!(entries.iter().all(|entry| entry.flaws.is_empty()));
    }
    let server = Scripted::start((0, ""), |asked| match asked.cookie.as_deref() {
        Some(b"") => vec![somebody(asked.id, 1), end(asked.id, 0, Some(b"one"))],
        _ => vec![end(asked.id, 53, None)],
    })
    .await;
    let (_, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &["unwillingToPerform (53)", "3. time", "load balancer"],
    );
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn limits_in_the_middle_are_incomplete_and_name_what_to_raise() {
    for (code, words) in [
        (3, "time limit"),
        (4, "size limit"),
        (11, "look-through limit"),
        (51, "busy (51)"),
        (52, "unavailable (52)"),
        (80, "other (80)"),
    ] {
        let server = Scripted::start((0, ""), move |asked| {
            vec![somebody(asked.id, 1), end(asked.id, code, None)]
        })
        .await;
        let (entries, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
        assert_incomplete(&verdict, &[words, "dc=x", "after 1 entries"]);
        assert_eq!(entries.len(), 1);
    }
}

#[tokio::test]
async fn a_notice_of_disconnection_fails_with_its_code() {
    let server = Scripted::start((0, ""), |asked| vec![somebody(asked.id, 1), notice(52)]).await;
    let (entries, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
    assert_failed(&verdict, &["by itself", "unavailable (52)", "going down"]);
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn references_are_shown_and_only_known_ones_are_passed_over() {
    let server = Scripted::start((0, ""), |asked| {
        vec![
            reference(asked.id, "ldap://DomainDnsZones.x/DC=DomainDnsZones,DC=x"),
            reference(asked.id, "ldap://child.x/DC=child,DC=x"),
            end(asked.id, 0, Some(b"")),
        ]
    })
    .await;
    let mut settings = scripted_settings(&server);
    let (_, verdict) = read_with(settings.clone(), &people(&["uid"])).await;
    assert_incomplete(
        &verdict,
        &["ldap://child.x/DC=child,DC=x", "ignore_referrals"],
    );
    assert!(!because(&verdict).contains("DomainDnsZones"));
    settings.ignore_referrals = vec!["dc=child,dc=x".to_owned()];
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_complete(&verdict);
}

#[tokio::test]
async fn members_in_ranges_are_joined_and_a_change_meanwhile_starts_over() {
    let numbers = |from: usize, to: usize| -> Vec<Vec<u8>> {
        (from..to)
            .map(|n| format!("cn=m{n},dc=x").into_bytes())
            .collect()
    };
    let ranges = AtomicUsize::new(0);
    let server = Scripted::start((0, ""), move |asked| {
        let answer = |name: &str, values, change: &str| {
            vec![
                entry(
                    asked.id,
                    "cn=g,dc=x",
                    &[
                        ("member", vec![]),
                        (name, values),
                        ("uSNChanged", vec![change.into()]),
                        ("entryUUID", vec![b"k".to_vec()]),
                    ],
                ),
                end(asked.id, 0, Some(b"")),
            ]
        };
        match asked.attributes[0].as_str() {
            "member;range=3-*" if ranges.fetch_add(1, Ordering::SeqCst) == 0 => {
                answer("member;range=3-*", numbers(5, 7), "8")
            }
            "member;range=3-*" => answer("member;range=3-*", numbers(3, 5), "7"),
            _ => answer("member;range=0-2", numbers(0, 3), "7"),
        }
    })
    .await;
    let request = ReadRequest {
        groups: Some(KindRequest {
            filter: None,
            key: "entryUUID".to_owned(),
            attributes: Some(vec!["member".to_owned()]),
        }),
        ..ReadRequest::default()
    };
    let (entries, verdict) = read_with(scripted_settings(&server), &request).await;
    assert_complete(&verdict);
    assert_eq!(
        texts(&entries[0], "member"),
        [
            "cn=m0,dc=x",
            "cn=m1,dc=x",
            "cn=m2,dc=x",
            "cn=m3,dc=x",
            "cn=m4,dc=x"
        ]
    );
}

#[tokio::test]
async fn object_guid_is_the_key_in_microsofts_form_and_found_by_its_octets() {
    let guid = b"\xbb\x31\x8e\x26\x88\xcb\xf8\x47\xb9\xce\x50\x93\xca\xe4\xec\xbd";
    let server = Scripted::start((0, ""), move |asked| {
        vec![
            entry(
                asked.id,
                "cn=p,dc=x",
                &[("objectGUID", vec![guid.to_vec()])],
            ),
            end(asked.id, 0, Some(b"")),
        ]
    })
    .await;
    let mut request = people(&["objectGUID"]);
    request.users.as_mut().unwrap().key = "objectguid".to_owned();
    let (entries, _) = read_with(scripted_settings(&server), &request).await;
    assert_eq!(
        entries[0].key.as_ref().unwrap().as_str(),
        "268e31bb-cb88-47f8-b9ce-5093cae4ecbd"
    );
}

#[tokio::test]
async fn nul_and_invalid_utf_8_refuse_that_value_and_never_guess() {
    let server = Scripted::start((0, ""), |asked| {
        vec![
            entry(
                asked.id,
                "cn=p,dc=x",
                &[
                    ("entryUUID", vec![b"k".to_vec()]),
                    ("uid", vec![b"a\0b".to_vec()]),
                    ("sn", vec![b"\xff\xfe".to_vec()]),
                    ("title", vec![b"   ".to_vec()]),
                    ("cn", vec![b"fine".to_vec()]),
                ],
            ),
            end(asked.id, 0, Some(b"")),
        ]
    })
    .await;
    let (entries, verdict) = read_with(
        scripted_settings(&server),
        &people(&["uid", "sn", "cn", "title"]),
    )
    .await;
    assert_complete(&verdict);
    let flaws: Vec<String> = entries[0].flaws.iter().map(ToString::to_string).collect();
    assert_eq!(
        flaws,
        ["uid: a value contains NUL", "sn: a value is no UTF-8"]
    );
    assert_eq!(texts(&entries[0], "cn"), ["fine"]);
    assert!(entries[0].attributes.get("title").is_none());
    assert!(entries[0].attributes.get("uid").is_none());
}

#[tokio::test]
async fn active_directorys_reasons_are_in_words() {
    for (data, words) in [
        ("525", "no such account"),
        ("52e", "the password is wrong"),
        ("530", "logon hours"),
        ("531", "from this machine"),
        ("532", "password has expired"),
        ("533", "disabled"),
        ("701", "account has expired"),
        ("773", "must change its password"),
        ("775", "locked"),
    ] {
        let text: &'static str = format!("80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {data}, v4563\0").leak();
        let server = Scripted::start((49, text), |_| vec![]).await;
        let (_, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
        assert_failed(&verdict, &[words, "invalidCredentials (49)"]);
    }
    let server = Scripted::start((8, "signing needed"), |_| vec![]).await;
    let (_, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
    assert_failed(&verdict, &["LDAPS", "StartTLS"]);
}

#[tokio::test]
async fn a_refused_starttls_never_goes_on_in_plain() {
    let server = Scripted::start((0, ""), |asked| vec![end(asked.id, 0, Some(b""))]).await;
    let mut settings = scripted_settings(&server);
    settings.start_tls = true;
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &["refused StartTLS", "nothing was sent in clear text"],
    );
}

#[tokio::test]
async fn a_page_and_a_run_have_their_time_limits() {
    let server = Scripted::start((0, ""), |asked| vec![somebody(asked.id, 1)]).await;
    let mut slow_page = scripted_settings(&server);
    slow_page.page_timeout = Duration::from_millis(200);
    let (entries, verdict) = read_with(slow_page, &people(&["uid"])).await;
    assert_failed(&verdict, &["no answer", "page_timeout"]);
    assert_eq!(entries.len(), 1);
    let mut slow_run = scripted_settings(&server);
    slow_run.run_timeout = Duration::from_millis(200);
    let (_, verdict) = read_with(slow_run, &people(&["uid"])).await;
    assert_failed(&verdict, &["run_timeout"]);
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_no_ldap_server() {
    let server = Scripted::start((0, ""), |_| {
        vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()]
    })
    .await;
    let (_, verdict) = read_with(scripted_settings(&server), &people(&["uid"])).await;
    assert_failed(&verdict, &["no LDAP"]);
}
