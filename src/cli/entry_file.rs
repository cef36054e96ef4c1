//! Entries that somebody has in a file, read as the source would deliver them: the answer
//! of `ldapsearch`, a record of an HR service, a line of an export with its header.

use std::io::Read;
use std::path::Path;

use rollcall_connectors::file::FileConnector;
use rollcall_connectors::file::settings::{Encoding, Format, Settings};
use rollcall_connectors::http::settings::Format as Envelope;
use rollcall_connectors::{Batch, Connector, Verdict};
use rollcall_directory::entry::Entry;
use rollcall_mapping::Mapping;
use serde_json::Value as Json;

use super::CliError;
use crate::config::{ConnectorSettings, Source};

/// The largest such file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// All entries of a file, by the mapping of a source.
pub(super) async fn read(
    source: &Source,
    mapping: &Mapping,
    path: &Path,
    are_groups: bool,
) -> Result<Vec<Entry>, CliError> {
    let octets = octets(path)?;
    let (settings, octets) = understood(source, octets, are_groups);
    // The connector reads files that do not change under it: a copy is one.
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    std::fs::write(&copy, octets)?;
    let (users, groups) = match (are_groups, &settings.format) {
        (true, Format::Csv { .. } | Format::JsonLines) => (None, Some(copy)),
        _ => (Some(copy), None),
    };
    let connector = FileConnector::new(Settings {
        users,
        groups,
        ..settings
    })?;
    let entries = all(&connector, mapping).await?;
    if entries.is_empty() {
        return Err(CliError::Failed(format!(
            "{} holds no entry that the mapping {} takes: LDIF needs objectClass to tell people and groups, and records of groups need --group",
            path.display(),
            mapping.name()
        )));
    }
    Ok(entries)
}

fn octets(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| {
        CliError::Failed(format!("{} cannot be read: {error}", path.display()))
    };
    let mut octets = Vec::new();
    if path == Path::new(STANDARD_INPUT) {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut octets)
            .map_err(failed)?;
    } else {
        std::fs::File::open(path)
            .map_err(failed)?
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut octets)
            .map_err(failed)?;
    }
    // What was copied by hand often lacks the end of its last line.
    if octets.last().is_some_and(|last| *last != b'\n') {
        octets.push(b'\n');
    }
    Ok(octets)
}

/// How to read it: as JSON if it looks like that, else as the source's own format, else as
/// LDIF.
fn understood(source: &Source, octets: Vec<u8>, are_groups: bool) -> (Settings, Vec<u8>) {
    let own = match &source.connector {
        ConnectorSettings::File(settings) => Some(settings.clone()),
        ConnectorSettings::Ldap(_) | ConnectorSettings::Scim(_) | ConnectorSettings::Http(_) => {
            None
        }
    };
    let settings = Settings {
        age_max: None,
        ..own.unwrap_or(Settings {
            users: None,
            groups: None,
            format: Format::Ldif,
            encoding: Encoding::Utf8,
            age_max: None,
            user_classes: Vec::new(),
            group_classes: Vec::new(),
        })
    };
    let first = octets.iter().find(|octet| !octet.is_ascii_whitespace());
    if !matches!(first, Some(b'{' | b'[')) {
        return (settings, octets);
    }
    let lines = lines(&octets, envelope(source, are_groups)).unwrap_or(octets);
    let settings = Settings {
        format: Format::JsonLines,
        ..settings
    };
    (settings, lines)
}

/// The path of the array in the answers of an HTTP or SCIM service.
fn envelope(source: &Source, are_groups: bool) -> Option<&str> {
    let settings = match &source.connector {
        ConnectorSettings::Http(settings) => settings,
        ConnectorSettings::Scim(_) => return Some("Resources"),
        ConnectorSettings::Ldap(_) | ConnectorSettings::File(_) => return None,
    };
    let endpoint = if are_groups {
        settings.groups.as_ref()
    } else {
        settings.users.as_ref()
    };
    match &endpoint?.format {
        Envelope::Object { items } => Some(items),
        Envelope::Array | Envelope::Lines => None,
    }
}

/// One document (a record, an array of records, a whole answer) as JSON lines; `None` if it
/// is not one document.
fn lines(octets: &[u8], items: Option<&str>) -> Option<Vec<u8>> {
    let document: Json = serde_json::from_slice(octets).ok()?;
    let inside = items.and_then(|path| {
        let mut parts = path.split('.');
        parts.try_fold(&document, |value, part| value.get(part))
    });
    let records = match inside.unwrap_or(&document) {
        Json::Array(records) => records.iter().collect(),
        record => vec![record],
    };
    let lines: Vec<String> = records.into_iter().map(|r| format!("{r}\n")).collect();
    Some(lines.concat().into_bytes())
}

async fn all(connector: &FileConnector, mapping: &Mapping) -> Result<Vec<Entry>, CliError> {
    let mut request = crate::sync::request(mapping, None, None);
    for kind in [&mut request.users, &mut request.groups]
        .into_iter()
        .flatten()
    {
        kind.filter = None;
    }
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Batch>(Batch::IN_FLIGHT_MAX);
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = receiver.recv().await {
            entries.extend(batch.entries);
        }
        entries
    };
    let (verdict, entries) = tokio::join!(connector.read(&request, sender), collect);
    match verdict {
        Verdict::Failed { because } => Err(CliError::Failed(because)),
        _ => Ok(entries),
    }
}
