//! URLs, TLS, bind, and what each failure says.

use std::time::Duration;

use super::slapd::{Certificate, Options, Slapd, free_port};
use super::*;

#[tokio::test]
async fn ldaps_starttls_and_loopback_plain_all_read_the_same() {
    let slapd = Slapd::start(&crowd(3));
    let mut ldaps = settings(&slapd.ldaps_url());
    ldaps.ca_file = Some(slapd.ca_file());
    let mut start_tls = settings(&slapd.url());
    start_tls.start_tls = true;
    start_tls.ca_file = Some(slapd.ca_file());
    let (plain, verdict) = read_with(settings(&slapd.url()), &people(&["uid"])).await;
    assert_complete(&verdict);
    assert_eq!(plain.len(), 3);
    for settings in [ldaps, start_tls] {
        let (entries, verdict) = read_with(settings, &people(&["uid"])).await;
        assert_complete(&verdict);
        assert_eq!(entries, plain);
    }
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_ends_the_attempt() {
    for (certificate, word) in [
        (Certificate::Expired, "has expired"),
        (Certificate::OtherHost, "other.example.org"),
    ] {
        let options = Options {
            certificate,
            ..Options::default()
        };
        let slapd = Slapd::start_with(&options, "");
        let mut settings = settings(&slapd.ldaps_url());
        settings.ca_file = Some(slapd.ca_file());
        let (entries, verdict) = read_with(settings, &people(&["uid"])).await;
        assert!(entries.is_empty());
        assert_failed(&verdict, &[word, "localhost"]);
    }
    let slapd = Slapd::start("");
    let other = Slapd::start("");
    let mut settings = settings(&slapd.ldaps_url());
    settings.ca_file = Some(other.ca_file());
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_failed(&verdict, &["ca_file"]);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_tried_elsewhere() {
    let slapd = Slapd::start("");
    let mut settings = settings(&slapd.url());
    settings.urls.push("ldap://localhost:1".to_owned());
    settings.bind_password = Some(Secret::new("wrong".to_owned()));
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &["invalidCredentials (49)", "bind_password", Slapd::SYNC_DN],
    );
    assert!(!because(&verdict).contains("localhost:1 "));
}

#[tokio::test]
async fn a_server_that_wants_encryption_says_how() {
    let options = Options {
        require_tls: true,
        ..Options::default()
    };
    let slapd = Slapd::start_with(&options, "");
    let (_, verdict) = read_with(settings(&slapd.url()), &people(&["uid"])).await;
    assert_failed(
        &verdict,
        &["confidentialityRequired (13)", "LDAPS", "StartTLS"],
    );
}

#[tokio::test]
async fn the_next_url_is_tried_and_all_failures_are_named() {
    let slapd = Slapd::start(&crowd(1));
    let dead = format!("ldap://localhost:{}", free_port());
    let mut both = settings(&dead);
    both.urls.push(slapd.url());
    let (entries, verdict) = read_with(both, &people(&["uid"])).await;
    assert_complete(&verdict);
    assert_eq!(entries.len(), 1);
    let (_, verdict) = read_with(settings(&dead), &people(&["uid"])).await;
    assert_failed(&verdict, &["cannot connect", "firewalls"]);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&format!("ldap://{}", listener.local_addr().unwrap()));
    settings.connect_timeout = Duration::from_millis(200);
    let (_, verdict) = read_with(settings, &people(&["uid"])).await;
    assert_failed(&verdict, &["did not answer", "connect_timeout"]);
}

#[test]
fn settings_that_cannot_be_safe_are_refused() {
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings("ldap://localhost");
        change(&mut settings);
        LdapConnector::new(settings).unwrap_err().to_string()
    };
    assert!(
        refused(&|s| s.urls = vec!["ldap://dc1.example.com".to_owned()]).contains("clear text")
    );
    assert!(refused(&|s| s.bind_password = Some(Secret::new(String::new()))).contains("anonymous"));
    assert!(refused(&|s| s.bind_password = None).contains("anonymous"));
    assert!(refused(&|s| s.urls.clear()).contains("urls"));
    assert!(refused(&|s| s.base = "example.org".to_owned()).contains("base"));
    assert!(refused(&|s| s.ca_file = Some("/nowhere".into())).contains("/nowhere"));
    let shown = format!(
        "{:?}",
        LdapConnector::new(settings("ldap://localhost")).unwrap()
    );
    assert!(!shown.contains(Slapd::SYNC_PASSWORD));
}

#[tokio::test]
async fn check_walks_through_every_step_and_stops_at_the_first_failure() {
    let slapd = Slapd::start("");
    let mut good = settings(&slapd.ldaps_url());
    good.ca_file = Some(slapd.ca_file());
    let steps = LdapConnector::new(good.clone()).unwrap().check().await;
    let shown: Vec<String> = steps
        .iter()
        .map(|s| format!("{}: {:?}", s.step, s.outcome))
        .collect();
    assert_eq!(steps.len(), 6, "{shown:#?}");
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{shown:#?}");
    assert!(
        shown[2].contains("slapd of a test, valid until 2090-01-01"),
        "{shown:#?}"
    );
    assert!(shown[5].contains("paged results"), "{shown:#?}");

    good.base = "dc=nowhere".to_owned();
    let steps = LdapConnector::new(good).unwrap().check().await;
    assert!(
        steps
            .last()
            .unwrap()
            .outcome
            .as_ref()
            .unwrap_err()
            .contains("dc=nowhere")
    );
}
