//! The HTTP connector against a real service on loopback, which pages, authorises and
//! misbehaves as HR services do.

#[path = "../../../tests/harness/hr_service.rs"]
mod hr_service;

mod access;
mod bodies;
mod completeness;
mod conditional;
mod hosts;
mod pages;
mod patience;
mod records;
mod secrecy;

use std::time::Duration;

use rollcall_directory::entry::Entry;
use tokio::sync::mpsc;

use super::HttpConnector;
use super::settings::{Auth, Endpoint, Format, Method, Paging, Settings, Total};
use crate::{Answer, Batch, Connector, KindRequest, ReadRequest, Secret, Validators, Verdict};
pub(super) use hr_service::{Fault, HrService, Marks, Pages, person};

/// The test's own deadline: only a read that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);

/// Settings for a service on loopback that retries at once.
fn settings(service: &HrService, paging: Paging) -> Settings {
    Settings {
        users: Some(endpoint(&service.users_url(), paging)),
        groups: None,
        auth: Auth::None,
        ca_file: None,
        client_certificate: None,
        headers: Vec::new(),
        conditional: true,
        requests_per_second: None,
        allow_private: true,
        allow_plain: false,
        body_bytes_max: Settings::BODY_BYTES_MAX_DEFAULT,
        connect_timeout: Settings::CONNECT_TIMEOUT_DEFAULT,
        page_timeout: Settings::PAGE_TIMEOUT_DEFAULT,
        run_timeout: Settings::RUN_TIMEOUT_DEFAULT,
        retry_after_max: Settings::RETRY_AFTER_MAX_DEFAULT,
        waits_max: Settings::WAITS_MAX_DEFAULT,
        retry_pause: (Duration::from_millis(1), Duration::from_millis(2)),
    }
}

fn endpoint(url: &str, paging: Paging) -> Endpoint {
    Endpoint {
        url: url.to_owned(),
        method: Method::Get,
        format: Format::Object {
            items: "data".to_owned(),
        },
        paging,
        total: None,
        item_url: None,
        unwrap_values: false,
    }
}

fn with_users(mut settings: Settings, change: impl FnOnce(&mut Endpoint)) -> Settings {
    change(settings.users.as_mut().unwrap());
    settings
}

fn body_total() -> Total {
    Total::Body("meta.total".to_owned())
}

fn next() -> Paging {
    Paging::Next {
        path: "meta.next".to_owned(),
    }
}

fn page() -> Paging {
    Paging::Page {
        parameter: "page".to_owned(),
        first: 1,
        size: Some(("per_page".to_owned(), 10)),
    }
}

fn offset() -> Paging {
    Paging::Offset {
        parameter: "offset".to_owned(),
        limit: Some(("limit".to_owned(), 10)),
    }
}

fn cursor() -> Paging {
    Paging::Cursor {
        parameter: "cursor".to_owned(),
        path: "meta.cursor".to_owned(),
        limit: None,
    }
}

/// People, by their `id`.
fn people() -> ReadRequest {
    ReadRequest {
        users: Some(KindRequest {
            filter: None,
            key: "id".to_owned(),
            attributes: None,
        }),
        groups: None,
        sample: None,
    }
}

/// Reads with these settings.
async fn read(settings: Settings) -> (Vec<Entry>, Verdict) {
    read_as(settings, &people()).await
}

async fn read_as(settings: Settings, request: &ReadRequest) -> (Vec<Entry>, Verdict) {
    let (entries, answer) = read_since(settings, request, None).await;
    (entries, answer.verdict)
}

/// Reads unless nothing has changed.
async fn read_since(
    settings: Settings,
    request: &ReadRequest,
    last: Option<&Validators>,
) -> (Vec<Entry>, Answer) {
    let connector = HttpConnector::new(settings).unwrap();
    let (send, mut receive) = mpsc::channel::<Batch>(Batch::IN_FLIGHT_MAX);
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = receive.recv().await {
            assert!(batch.entries.len() <= Batch::ENTRIES_MAX);
            entries.extend(batch.entries);
        }
        entries
    };
    let both = async { tokio::join!(connector.read_if_changed(request, last, send), collect) };
    let (answer, entries) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    (entries, answer)
}

fn keys(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| entry.key.as_ref().unwrap().to_string())
        .collect()
}

fn texts(entry: &Entry, name: &str) -> Option<Vec<String>> {
    let values = entry.attributes.get(name)?;
    let as_text = |value: &rollcall_directory::entry::Value| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    Some(values.iter().map(as_text).collect())
}

#[track_caller]
fn failed_because(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Failed { because } => assert!(because.contains(words), "{because}"),
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
fn incomplete_because(verdict: &Verdict, words: &str) {
    match verdict {
        Verdict::Incomplete { because } => assert!(because.contains(words), "{because}"),
        other => panic!("not incomplete: {other:?}"),
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}
