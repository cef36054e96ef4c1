//! Files: CSV, JSON lines and LDIF, read as streams.
//!
//! The chief danger of a file is that it is not finished. So a file is opened once, looked
//! through as a whole, and only delivered when it was whole and did not change meanwhile
//! ([`descriptor`], [`pass`]). [`text`] makes UTF-8 of it, and each format is a stream of
//! records ([`record`]).

mod csv;
mod descriptor;
mod json_lines;
mod ldif;
mod pass;
mod problem;
mod record;
pub mod settings;
mod text;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use async_trait::async_trait;
use rollcall_directory::entry::{Entry, EntryKey, Kind, Locator};
use tokio::sync::mpsc;

use self::csv::{CsvRecords, Dialect};
use self::descriptor::Descriptor;
use self::pass::{Findings, Reading};
use self::problem::Problem;
use self::settings::{Format, Settings};
use crate::{
    Absence, Batch, CheckStep, Connector, ConnectorError, KindRequest, LookUp, ReadRequest,
    SourceSchema, Verdict,
};

/// The classes of people when the settings name none.
const USER_CLASSES_DEFAULT: [&str; 4] = ["person", "inetOrgPerson", "account", "posixAccount"];

/// The classes of groups when the settings name none.
const GROUP_CLASSES_DEFAULT: [&str; 5] = [
    "groupOfNames",
    "groupOfUniqueNames",
    "groupOfMembers",
    "posixGroup",
    "group",
];

/// Reads one file source.
#[derive(Debug, Clone)]
pub struct FileConnector {
    settings: Settings,
}

impl FileConnector {
    /// Checks what can be checked without touching a file.
    pub fn new(mut settings: Settings) -> Result<Self, ConnectorError> {
        let refused = |because: &str| Err(ConnectorError::Settings(because.to_owned()));
        if settings.users.is_none() && settings.groups.is_none() {
            return refused("a file source needs users_file, groups_file or both");
        }
        if settings.format != Format::Ldif && settings.users == settings.groups {
            return refused(
                "users_file and groups_file are the same file, which only LDIF can share: its \
                 entries say what they are",
            );
        }
        if let Format::Csv {
            delimiter: b'"' | b'\r' | b'\n' | 0 | 0x80..,
            ..
        } = settings.format
        {
            return refused("delimiter must be one ASCII character and no quote or line end");
        }
        if settings.user_classes.is_empty() {
            settings.user_classes = USER_CLASSES_DEFAULT.map(str::to_owned).to_vec();
        }
        if settings.group_classes.is_empty() {
            settings.group_classes = GROUP_CLASSES_DEFAULT.map(str::to_owned).to_vec();
        }
        Ok(Self { settings })
    }

    /// Where entries of `kind` stand, if anywhere.
    fn path(&self, kind: Kind) -> Option<&Path> {
        let own = match kind {
            Kind::User => self.settings.users.as_deref(),
            Kind::Group => self.settings.groups.as_deref(),
            Kind::Custom(_) => return None,
        };
        match (own, &self.settings.format) {
            (None, Format::Ldif) => self.settings.users.as_deref(),
            (own, _) => own,
        }
    }

    fn open(&self, path: &Path) -> Result<Descriptor, Problem> {
        Descriptor::open(path, self.settings.age_max)
    }

    /// The whole read, on a thread that may wait.
    fn deliver(
        &self,
        request: &ReadRequest,
        out: &mpsc::Sender<Batch>,
    ) -> Result<Verdict, Problem> {
        let mut notes = Vec::new();
        let mut opened = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            let Some(wanted) = request.of(kind) else {
                continue;
            };
            without_filter(wanted)?;
            match self.path(kind) {
                Some(path) => opened.push((kind, wanted, self.open(path)?)),
                None => notes.push(format!("no {kind}s were read: no {kind}s_file is set")),
            }
        }
        let mut looked_through = Vec::new();
        for (kind, wanted, descriptor) in &opened {
            let reading = self.reading(descriptor, *kind, wanted);
            let findings = match request.sample {
                Some(_) => Findings::default(),
                None => Findings::of(&reading, || out.is_closed())?,
            };
            looked_through.push((reading, findings));
        }
        let mut incomplete = Vec::new();
        for (reading, mut findings) in looked_through {
            let whole = deliver_kind(&reading, &mut findings, request.sample, out)?;
            reading.descriptor.unchanged()?;
            if !whole {
                incomplete.push(format!(
                    "only the first {}s of {} were asked for",
                    reading.kind,
                    reading.descriptor.name()
                ));
            }
            incomplete.extend(findings.incomplete(&reading.descriptor.name()));
        }
        if incomplete.is_empty() {
            return Ok(Verdict::Complete {
                notes,
                hold_removals: None,
            });
        }
        Ok(Verdict::Incomplete {
            because: incomplete.join("; "),
        })
    }

    fn reading<'a>(
        &'a self,
        descriptor: &'a Descriptor,
        kind: Kind,
        request: &'a KindRequest,
    ) -> Reading<'a> {
        Reading {
            descriptor,
            settings: &self.settings,
            kind,
            request,
            any_class: false,
        }
    }

    /// Shows `each` the line and the entry of every record of `kind`, until it answers false.
    fn search(
        &self,
        kind: Kind,
        request: &KindRequest,
        any_class: bool,
        mut each: impl FnMut(u64, Entry) -> bool,
    ) -> Result<(), Problem> {
        let Some(path) = self.path(kind) else {
            return Ok(());
        };
        let descriptor = self.open(path)?;
        let mut reading = self.reading(&descriptor, kind, request);
        reading.any_class = any_class;
        reading.pass(|record, entry| Ok(each(record.line, entry)))?;
        descriptor.unchanged()
    }

    /// The columns of the CSV files; other formats publish none.
    fn columns(&self) -> Result<Option<SourceSchema>, Problem> {
        let Format::Csv {
            delimiter,
            value_separator,
        } = &self.settings.format
        else {
            return Ok(None);
        };
        let dialect = Dialect {
            delimiter: *delimiter,
            value_separator: value_separator.clone(),
        };
        let mut attributes = Vec::new();
        for path in self.paths() {
            let descriptor = self.open(path)?;
            let records = CsvRecords::new(&descriptor, self.settings.encoding, &dialect)?;
            let named = records.columns().iter().filter(|name| !name.is_empty());
            attributes.extend(named.map(ToString::to_string));
        }
        attributes.sort_unstable();
        attributes.dedup();
        Ok(Some(SourceSchema { attributes }))
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let groups = self.settings.groups.as_ref();
        let groups = groups.filter(|path| Some(*path) != self.settings.users.as_ref());
        self.settings.users.iter().chain(groups)
    }

    fn check_files(&self) -> Vec<CheckStep> {
        let mut steps = Vec::new();
        for path in self.paths() {
            let started = Instant::now();
            let outcome = self
                .open(path)
                .map(|descriptor| format!("{} octets", descriptor.size()))
                .map_err(|problem| problem.to_string());
            let failed = outcome.is_err();
            steps.push(CheckStep {
                step: format!("open {}", path.display()),
                outcome,
                took: started.elapsed(),
            });
            if failed {
                return steps;
            }
        }
        if matches!(self.settings.format, Format::Csv { .. }) {
            let started = Instant::now();
            let outcome = match self.columns() {
                Ok(schema) => Ok(schema.map(|s| s.attributes.join(", ")).unwrap_or_default()),
                Err(problem) => Err(problem.to_string()),
            };
            steps.push(CheckStep {
                step: "read the header".to_owned(),
                outcome,
                took: started.elapsed(),
            });
        }
        steps
    }
}

fn without_filter(request: &KindRequest) -> Result<(), Problem> {
    match &request.filter {
        Some(_) => Err(Problem::Settings(
            "a file source takes no filter: take it out of the source and its mapping, and let \
             the export or an expression of the mapping choose"
                .to_owned(),
        )),
        None => Ok(()),
    }
}

/// Sends every entry of one kind; false when a sample ended before the file did.
fn deliver_kind(
    reading: &Reading<'_>,
    findings: &mut Findings,
    sample: Option<usize>,
    out: &mpsc::Sender<Batch>,
) -> Result<bool, Problem> {
    let mut entries = Vec::new();
    let mut count = 0;
    let mut whole = true;
    reading.pass(|record, mut entry| {
        if sample == Some(count) {
            whole = false;
            return Ok(false);
        }
        count += 1;
        findings.mark(record.line, &mut entry);
        entries.push(entry);
        if entries.len() == Batch::ENTRIES_MAX {
            send(reading, std::mem::take(&mut entries), out)?;
        }
        Ok(true)
    })?;
    if !entries.is_empty() {
        send(reading, entries, out)?;
    }
    Ok(whole)
}

fn send(
    reading: &Reading<'_>,
    entries: Vec<Entry>,
    out: &mpsc::Sender<Batch>,
) -> Result<(), Problem> {
    let batch = Batch {
        entries,
        announced: None,
        pass: 0,
    };
    out.blocking_send(batch)
        .map_err(|_| Problem::Cancelled(reading.descriptor.name()))
}

/// Runs what waits for a disk on a thread that may.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, ConnectorError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Problem::Settings(because))) => Err(ConnectorError::Settings(because)),
        Ok(Err(problem)) => Err(ConnectorError::Source(problem.to_string())),
        Err(_) => Err(ConnectorError::Cancelled),
    }
}

#[async_trait]
impl Connector for FileConnector {
    async fn read(&self, request: &ReadRequest, out: mpsc::Sender<Batch>) -> Verdict {
        let (connector, request) = (self.clone(), request.clone());
        let read = aside(move || connector.deliver(&request, &out)).await;
        read.unwrap_or_else(|error| Verdict::Failed {
            because: error.to_string(),
        })
    }

    async fn look_up(
        &self,
        request: &ReadRequest,
        kind: Kind,
        keys: &[EntryKey],
    ) -> Result<LookUp, ConnectorError> {
        let Some(wanted) = request.of(kind).cloned() else {
            return Ok(LookUp::NotPossible);
        };
        let connector = self.clone();
        let mut missing: HashSet<EntryKey> = keys.iter().cloned().collect();
        aside(move || {
            let mut found = Vec::new();
            connector.search(kind, &wanted, true, |_, entry| {
                found.extend(entry.key.ok().and_then(|key| missing.take(&key)));
                !missing.is_empty()
            })?;
            Ok(LookUp::StillThere(found))
        })
        .await
    }

    async fn find(
        &self,
        request: &ReadRequest,
        kind: Kind,
        name: &str,
    ) -> Result<Option<Entry>, ConnectorError> {
        let Some(wanted) = request.of(kind).cloned() else {
            return Ok(None);
        };
        let (connector, name) = (self.clone(), name.trim().to_owned());
        aside(move || {
            let mut found = None;
            connector.search(kind, &wanted, false, |line, entry| {
                if is_named(&entry, line, &name) {
                    found = Some(entry);
                }
                found.is_none()
            })?;
            Ok(found)
        })
        .await
    }

    fn absence(&self) -> Absence {
        Absence::Proven
    }

    async fn check(&self) -> Vec<CheckStep> {
        let connector = self.clone();
        aside(move || Ok(connector.check_files()))
            .await
            .unwrap_or_default()
    }

    async fn schema(&self) -> Result<Option<SourceSchema>, ConnectorError> {
        let connector = self.clone();
        aside(move || connector.columns()).await
    }
}

/// Whether somebody who asks for `name` means this entry: its key, its line or its DN.
fn is_named(entry: &Entry, line: u64, name: &str) -> bool {
    if entry.key.as_ref().is_ok_and(|key| key.as_str() == name) {
        return true;
    }
    match &entry.locator {
        Locator::Dn(dn) if without_edge_spaces(dn) == without_edge_spaces(name) => true,
        _ => name == format!("line {line}"),
    }
}

/// A DN as people type it: any case, spaces round its commas.
fn without_edge_spaces(dn: &str) -> String {
    let parts: Vec<&str> = dn.split(',').map(str::trim).collect();
    parts.join(",").to_lowercase()
}
