//! The connector against a real slapd, and, where no real server misbehaves on demand,
//! against one that answers by script.

#[path = "../../../tests/harness/slapd.rs"]
#[expect(unreachable_pub, reason = "other test binaries include it too")]
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its part"
)]
mod slapd;

mod connecting;
mod reading;
mod scripted;
mod server;
mod single;

use std::time::Duration;

use rollcall_directory::entry::{Entry, Kind};
use tokio::sync::mpsc;

use self::slapd::Slapd;
use super::LdapConnector;
use super::settings::Settings;
use crate::{Connector, KindRequest, ReadRequest, Secret, Verdict};

fn settings(url: &str) -> Settings {
    Settings {
        urls: vec![url.to_owned()],
        start_tls: false,
        allow_plain: false,
        ca_file: None,
        bind_dn: Some(Slapd::SYNC_DN.to_owned()),
        bind_password: Some(Secret::new(Slapd::SYNC_PASSWORD.to_owned())),
        base: Slapd::SUFFIX.to_owned(),
        group_base: None,
        ignore_referrals: Vec::new(),
        placeholder_members: Vec::new(),
        dynamic_groups: false,
        page_size: 1_000,
        connect_timeout: Duration::from_secs(10),
        page_timeout: Duration::from_secs(20),
        run_timeout: Duration::from_mins(1),
    }
}

fn people(attributes: &[&str]) -> ReadRequest {
    ReadRequest {
        users: Some(KindRequest {
            filter: Some("(objectClass=inetOrgPerson)".to_owned()),
            key: "entryUUID".to_owned(),
            attributes: Some(attributes.iter().map(|name| (*name).to_owned()).collect()),
        }),
        groups: None,
        sample: None,
    }
}

fn person(uid: &str, more: &str) -> String {
    format!(
        "dn: uid={uid},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: {uid}\n{more}\n"
    )
}

fn crowd(count: usize) -> String {
    let people: Vec<String> = (0..count)
        .map(|n| person(&format!("u{n:05}"), ""))
        .collect();
    people.join("\n")
}

/// Reads to the end.
async fn read(connector: &LdapConnector, request: &ReadRequest) -> (Vec<Entry>, Verdict) {
    let (out, mut batches) = mpsc::channel::<crate::Batch>(crate::Batch::IN_FLIGHT_MAX);
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = batches.recv().await {
            assert!(batch.entries.len() <= crate::Batch::ENTRIES_MAX);
            entries.extend(batch.entries);
        }
        entries
    };
    let (verdict, entries) = tokio::join!(connector.read(request, out), collect);
    (entries, verdict)
}

async fn read_with(settings: Settings, request: &ReadRequest) -> (Vec<Entry>, Verdict) {
    read(&LdapConnector::new(settings).unwrap(), request).await
}

fn because(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Incomplete { because } | Verdict::Failed { because } => because,
        Verdict::Complete { .. } | Verdict::Unchanged { .. } => {
            panic!("it is complete: {verdict:?}")
        }
    }
}

#[track_caller]
fn assert_complete(verdict: &Verdict) {
    assert!(matches!(verdict, Verdict::Complete { .. }), "{verdict:?}");
}

#[track_caller]
fn assert_incomplete(verdict: &Verdict, words: &[&str]) {
    assert!(matches!(verdict, Verdict::Incomplete { .. }), "{verdict:?}");
    assert_says(verdict, words);
}

#[track_caller]
fn assert_failed(verdict: &Verdict, words: &[&str]) {
    assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    assert_says(verdict, words);
}

#[track_caller]
fn assert_says(verdict: &Verdict, words: &[&str]) {
    for word in words {
        assert!(
            because(verdict).contains(word),
            "{word:?} is not in {:?}",
            because(verdict)
        );
    }
    assert!(!because(verdict).contains(Slapd::SYNC_PASSWORD));
}

fn texts(entry: &Entry, name: &str) -> Vec<String> {
    entry
        .attributes
        .get(name)
        .unwrap_or_default()
        .iter()
        .map(|value| value.as_text().unwrap_or("(octets)").to_owned())
        .collect()
}

const GROUPS: Kind = Kind::Group;
