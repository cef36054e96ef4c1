//! The SCIM connector against a service on loopback that pages, leaves things out and
//! misbehaves as SCIM services do.

#[path = "../../../tests/harness/scim_service.rs"]
mod scim_service;

mod access;
mod entries;
mod members;
mod pages;
mod steps;

use std::time::Duration;

use rollcall_directory::entry::{Entry, EntryKey, Kind, Value};
use serde_json::json;
use tokio::sync::mpsc;

use super::ScimConnector;
use super::settings::{Auth, Service, Settings};
use crate::{Batch, Connector, KindRequest, LookUp, ReadRequest, Secret, Verdict};
use scim_service::{Answer, Directory, ScimService, ShowsMembers, group, person};

/// The test's own deadline: only a read that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);

fn settings(service: &ScimService) -> Settings {
    Settings {
        url: service.base.clone(),
        page_size: 10,
        omits_empty_members: false,
        service: Service {
            allow_private: true,
            retry_pause: (Duration::from_millis(1), Duration::from_millis(2)),
            ..Service::new(Auth::None)
        },
    }
}

fn kind_request(attributes: &[&str]) -> KindRequest {
    KindRequest {
        filter: None,
        key: "id".to_owned(),
        attributes: Some(attributes.iter().map(|&name| name.to_owned()).collect()),
    }
}

fn people_with(attributes: &[&str]) -> ReadRequest {
    ReadRequest {
        users: Some(kind_request(attributes)),
        groups: None,
        sample: None,
    }
}

fn people() -> ReadRequest {
    people_with(&["id", "userName", "active"])
}

fn groups() -> ReadRequest {
    ReadRequest {
        users: None,
        groups: Some(kind_request(&["id", "displayName", "members.value"])),
        sample: None,
    }
}

fn connector(settings: Settings) -> ScimConnector {
    ScimConnector::new(settings).unwrap()
}

async fn read(service: &ScimService) -> (Vec<Entry>, Verdict) {
    read_as(settings(service), &people()).await
}

async fn read_as(settings: Settings, request: &ReadRequest) -> (Vec<Entry>, Verdict) {
    let connector = connector(settings);
    let (send, mut receive) = mpsc::channel::<Batch>(Batch::IN_FLIGHT_MAX);
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = receive.recv().await {
            assert!(batch.entries.len() <= Batch::ENTRIES_MAX);
            entries.extend(batch.entries);
        }
        entries
    };
    let both = async { tokio::join!(connector.read(request, send), collect) };
    let (verdict, entries) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    (entries, verdict)
}

#[track_caller]
fn failed_because(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Failed { because } => assert!(because.contains(words), "{because}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn incomplete_because(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Incomplete { because } => assert!(because.contains(words), "{because}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn complete_with(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Complete {
            notes,
            hold_removals: None,
        } => assert!(notes.join("\n").contains(words), "{notes:?}"),
        other => panic!("{other:?}"),
    }
}

fn ids(entries: &[Entry]) -> Vec<String> {
    let mut ids: Vec<String> = entries
        .iter()
        .map(|entry| entry.key.as_ref().unwrap().to_string())
        .collect();
    ids.sort();
    ids
}

fn numbered(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("u{n:04}")).collect()
}

fn texts(entry: &Entry, name: &str) -> Option<Vec<String>> {
    let values = entry.attributes.get(name)?;
    Some(
        values
            .iter()
            .map(|v| v.as_text().unwrap().to_owned())
            .collect(),
    )
}
