//! What a file source promises, format by format.

mod contract;
mod csv;
mod json_lines;
mod ldif;
mod text;
mod whole;

use std::path::{Path, PathBuf};

use rollcall_directory::entry::{Entry, Kind};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::FileConnector;
use super::settings::{Encoding, Format, Settings};
use crate::{Connector, KindRequest, ReadRequest, Verdict};

/// A folder with at most two exports, and how to read them.
struct Source {
    folder: TempDir,
    settings: Settings,
    request: ReadRequest,
}

fn csv_format() -> Format {
    Format::Csv {
        delimiter: b',',
        value_separator: None,
    }
}

/// A CSV file of so many people who are only a number.
fn numbered(people: usize) -> String {
    let mut rows = "id\n".to_owned();
    for id in 0..people {
        rows.push_str(&id.to_string());
        rows.push('\n');
    }
    rows
}

fn keyed(key: &str) -> KindRequest {
    KindRequest {
        key: key.to_owned(),
        ..KindRequest::default()
    }
}

impl Source {
    fn users(format: Format, octets: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("users");
        std::fs::write(&path, octets).unwrap();
        Self {
            folder,
            settings: Settings {
                users: Some(path),
                groups: None,
                format,
                encoding: Encoding::Utf8,
                age_max: Some(Settings::AGE_MAX_DEFAULT),
                user_classes: Vec::new(),
                group_classes: Vec::new(),
            },
            request: ReadRequest {
                users: Some(keyed("id")),
                groups: None,
                sample: None,
            },
        }
    }

    fn csv(octets: impl AsRef<[u8]>) -> Self {
        Self::users(csv_format(), octets)
    }

    fn json_lines(octets: impl AsRef<[u8]>) -> Self {
        Self::users(Format::JsonLines, octets)
    }

    fn ldif(octets: impl AsRef<[u8]>) -> Self {
        let mut source = Self::users(Format::Ldif, octets);
        source.request.users = Some(keyed("uid"));
        source
    }

    fn with_groups(mut self, octets: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join("groups");
        std::fs::write(&path, octets).unwrap();
        self.settings.groups = Some(path);
        self.request.groups = Some(keyed("id"));
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("users")
    }

    fn connector(&self) -> FileConnector {
        FileConnector::new(self.settings.clone()).unwrap()
    }

    /// Everything delivered, and the verdict.
    fn read(&self) -> (Vec<Entry>, Verdict) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (sender, mut receiver) = mpsc::channel::<crate::Batch>(crate::Batch::IN_FLIGHT_MAX);
            let connector = self.connector();
            let collect = async {
                let mut entries = Vec::new();
                while let Some(batch) = receiver.recv().await {
                    assert!(batch.entries.len() <= crate::Batch::ENTRIES_MAX);
                    entries.extend(batch.entries);
                }
                entries
            };
            let (verdict, entries) = tokio::join!(connector.read(&self.request, sender), collect);
            (entries, verdict)
        })
    }

    /// The entries of a read that is complete.
    fn complete(&self) -> Vec<Entry> {
        let (entries, verdict) = self.read();
        assert!(matches!(verdict, Verdict::Complete { .. }), "{verdict:?}");
        entries
    }

    /// The sentence of a read that failed before anything was delivered.
    fn failure(&self) -> String {
        match self.read() {
            (entries, Verdict::Failed { because }) => {
                assert!(entries.is_empty(), "delivered before it failed");
                self.anonymous(&because)
            }
            (_, other) => panic!("{other:?}"),
        }
    }

    /// The entries and the sentence of a read that is incomplete.
    fn incomplete(&self) -> (Vec<Entry>, String) {
        match self.read() {
            (entries, Verdict::Incomplete { because }) => (entries, self.anonymous(&because)),
            (_, other) => panic!("{other:?}"),
        }
    }

    fn anonymous(&self, sentence: &str) -> String {
        let folder = format!("{}/", Path::new(self.folder.path()).display());
        sentence.replace(&folder, "")
    }
}

fn texts<'a>(entry: &'a Entry, name: &str) -> Vec<&'a str> {
    let values = entry.attributes.get(name).expect(name);
    values
        .iter()
        .map(|value| value.as_text().unwrap())
        .collect()
}

fn keys(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|e| e.key.as_ref().unwrap().as_str())
        .collect()
}

fn kinds(entries: &[Entry]) -> Vec<Kind> {
    entries.iter().map(|entry| entry.kind).collect()
}
