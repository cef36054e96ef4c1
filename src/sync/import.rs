//! The first run of a source into a directory that nobody feeds: it writes as it reads.
//!
//! There is nothing yet that it could break and no guard that could close, and it is the
//! largest run by far. So it keeps no changes: while some are being written, the next are
//! reconciled. What it has made so far it knows by hashes ([`Made`]), and asks the store
//! nothing.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::NameHash;
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, PreparedStep};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::SyncError;
use super::reader::Progress;
use super::refused::Refused;
use super::view::Named;
use super::writer::{Writer, prepare};

/// What a transaction holds, in people: more than in other runs, since each transaction
/// writes every page of an index that it touched once, and nobody else is waiting yet.
const PEOPLE_MAX: usize = 2_000;
/// So many memberships weigh as much as a person.
const MEMBERSHIPS_A_PERSON: usize = 32;

/// How many batches may wait to be prepared: not many, since the documents that they hold
/// weigh more than the rows that are made of them.
const WAITING_MAX: usize = 2;

/// Writes in the background, in order.
#[derive(Debug)]
pub(super) struct Import {
    writer: Writer,
    progress: Arc<Progress>,
    people_max: usize,
    background: Option<Background>,
    /// Steps that could not be written.
    pub(super) refused: Vec<Refused>,
}

/// The two tasks behind an import, and the way to them: one makes rows of steps and gathers
/// them, the other writes. While one transaction is written, one waits and one is gathered.
#[derive(Debug)]
struct Background {
    queue: mpsc::Sender<Vec<Step>>,
    preparing: JoinHandle<Result<Vec<Refused>, SyncError>>,
    writing: JoinHandle<Result<Vec<Refused>, SyncError>>,
}

impl Import {
    /// `people_max`: how many people a transaction holds, if not as many as always.
    pub(super) fn new(writer: Writer, progress: Arc<Progress>, people_max: Option<usize>) -> Self {
        Self {
            writer,
            progress,
            people_max: people_max.unwrap_or(PEOPLE_MAX),
            background: None,
            refused: Vec::new(),
        }
    }

    /// Takes steps; waits only while enough is under way.
    pub(super) async fn take(&mut self, steps: Vec<Step>) -> Result<(), SyncError> {
        let background = match self.background.take() {
            Some(background) => background,
            None => self.start(),
        };
        if background.queue.send(steps).await.is_err() {
            // It has ended early, and says why.
            return self.end(background).await;
        }
        self.background = Some(background);
        Ok(())
    }

    /// Waits until everything is written.
    pub(super) async fn flush(&mut self) -> Result<(), SyncError> {
        match self.background.take() {
            Some(background) => self.end(background).await,
            None => Ok(()),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "their handles are waited for at the end of the import"
    )]
    fn start(&self) -> Background {
        let (queue, steps) = mpsc::channel(WAITING_MAX);
        let (prepared_in, prepared_out) = mpsc::channel(1);
        Background {
            queue,
            preparing: tokio::spawn(prepare_all(
                steps,
                prepared_in,
                self.people_max,
                Arc::clone(&self.progress),
            )),
            writing: tokio::spawn(write_all(
                prepared_out,
                self.writer.clone(),
                Arc::clone(&self.progress),
            )),
        }
    }

    async fn end(&mut self, background: Background) -> Result<(), SyncError> {
        drop(background.queue);
        let unprepared = background.preparing.await;
        let unwritten = background.writing.await.map_err(|_| SyncError::Stopped)??;
        self.refused
            .extend(unprepared.map_err(|_| SyncError::Stopped)??);
        self.refused.extend(unwritten);
        Ok(())
    }
}

/// Makes rows of steps, and hands them on a transaction at a time.
async fn prepare_all(
    mut waiting: mpsc::Receiver<Vec<Step>>,
    out: mpsc::Sender<Vec<PreparedStep>>,
    people_max: usize,
    progress: Arc<Progress>,
) -> Result<Vec<Refused>, SyncError> {
    let mut refused = Vec::new();
    let mut gathered: Vec<PreparedStep> = Vec::new();
    let mut weight = 0;
    let hand_on = async |gathered: &mut Vec<PreparedStep>| {
        let count = gathered.len() as u64;
        progress.to_write.fetch_add(count, Ordering::Relaxed);
        out.send(std::mem::take(gathered)).await.is_ok()
    };
    while let Some(steps) = waiting.recv().await {
        let (prepared, _, left) = prepare(&steps)?;
        let left = left.into_iter();
        refused.extend(left.map(|(step, cause)| Refused::of(step, cause)));
        for step in prepared {
            weight += 1 + step.memberships() / MEMBERSHIPS_A_PERSON;
            gathered.push(step);
            if weight >= people_max {
                weight = 0;
                if !hand_on(&mut gathered).await {
                    // The other task has failed, and says why.
                    return Ok(refused);
                }
            }
        }
    }
    if !gathered.is_empty() {
        hand_on(&mut gathered).await;
    }
    Ok(refused)
}

/// Writes transactions, one after the other.
async fn write_all(
    mut waiting: mpsc::Receiver<Vec<PreparedStep>>,
    writer: Writer,
    progress: Arc<Progress>,
) -> Result<Vec<Refused>, SyncError> {
    let mut refused = Vec::new();
    while let Some(steps) = waiting.recv().await {
        let steps: Arc<[PreparedStep]> = steps.into();
        let left = writer.write_prepared(&steps).await?;
        let count = steps.len() as u64;
        progress.written.fetch_add(count, Ordering::Relaxed);
        let told = |(index, cause)| Some(Refused::of_prepared(steps.get(index)?, cause));
        refused.extend(left.into_iter().filter_map(told));
    }
    Ok(refused)
}

/// What an import has made so far, as far as later entries may ask for it.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Hashes of texts by which somebody can be found.
    texts: HashSet<ShortHash>,
    names: HashMap<NameHash, Named>,
    /// Names that name more than one.
    shared_names: HashMap<NameHash, Vec<Named>>,
}

impl Made {
    /// Remembers by which texts somebody can be found.
    pub(super) fn claim(&mut self, texts: HashSet<ShortHash>) {
        self.texts.extend(texts);
    }

    /// Remembers the names of what steps make.
    pub(super) fn remember(&mut self, steps: &[Step]) {
        for step in steps {
            let mut made = None;
            for write in &step.writes {
                match write {
                    Write::Create { resource, uuid, .. } => {
                        made = Some(Named {
                            resource: *resource,
                            uuid: *uuid,
                        });
                    }
                    Write::Names { names, .. } => {
                        for (name, named) in names.iter().zip(made.iter().cycle()) {
                            self.name(*name, *named);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn name(&mut self, name: NameHash, named: Named) {
        match self.names.entry(name) {
            Entry::Vacant(place) => {
                place.insert(named);
            }
            Entry::Occupied(first) => {
                let shared = self.shared_names.entry(name).or_default();
                shared.extend([*first.get(), named]);
                shared.sort_by_key(|n| n.resource);
                shared.dedup();
            }
        }
    }

    /// Whether somebody can be found by this text.
    pub(super) fn carries(&self, text: ShortHash) -> bool {
        self.texts.contains(&text)
    }

    /// Whom a name names.
    pub(super) fn named(&self, name: &NameHash) -> &[Named] {
        match (self.shared_names.get(name), self.names.get(name)) {
            (Some(several), _) => several,
            (None, Some(one)) => std::slice::from_ref(one),
            (None, None) => &[],
        }
    }
}

/// Half of a fingerprint: of a kind, an attribute and a folded text. Two texts that share it
/// cost an entry no more than a second look at the end of the run.
pub(super) type ShortHash = u64;

pub(super) fn short_hash(kind: Kind, by: By, folded: &str) -> ShortHash {
    let parts = [
        kind.as_str().as_bytes(),
        by.as_str().as_bytes(),
        folded.as_bytes(),
    ];
    let whole = u128::from_le_bytes(Fingerprint::of_parts(parts).0);
    (whole >> u64::BITS) as u64
}
