//! Reads a source and sorts out what has not changed.
//!
//! Two tasks beside the run: the connector reads, and the examiner fingerprints each
//! entry, marks the link as seen, and maps only what is new or changed. An unchanged
//! entry ends here; that is its whole cost.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_connectors::{Answer, Batch, Validators, Verdict};
use rollcall_directory::entry::{Entry, EntryKey, Flaw, Kind};
use rollcall_directory::fingerprint::{Fingerprint, Fingerprinter};
use rollcall_mapping::Context;
use rollcall_store::ids::LinkId;
use rollcall_store::records::{LinkMark, Presence};
use tokio::sync::mpsc;

use super::candidate::{Candidate, Examined, Troubled};
use super::intake::{Intake, size_of};
use super::setup::Setup;
use super::unchanged;

/// How far a run is, for a progress bar.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Entries read so far.
    pub(crate) read: AtomicU64,
    /// The total that the source announced; 0: none.
    pub(crate) announced: AtomicU64,
    /// Changes written so far.
    pub(crate) written: AtomicU64,
    /// Changes to write; 0 while it reads.
    pub(crate) to_write: AtomicU64,
}

/// The links of a source as a run knows them, and what it has met beside: some 60 bytes a
/// link, 40 for what is new, for all of them.
#[derive(Debug)]
pub(super) struct LinkIndex {
    marks: HashMap<(Kind, Fingerprint), Mark>,
    /// Fingerprints of entries that have no link yet, and the pass that listed them.
    new: HashMap<(Kind, Fingerprint), (Fingerprint, u8)>,
}

/// What the index knows of one link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// The link.
    pub(super) link: LinkId,
    fingerprint: Fingerprint,
    /// Whether it was there.
    pub(super) presence: Presence,
    /// See [`rollcall_store::records::Link::missed_reads`].
    pub(super) missed_reads: i64,
    /// Whether this read listed it.
    pub(super) seen: bool,
    /// In which pass ([`Batch::pass`]).
    pass: u8,
}

impl LinkIndex {
    pub(super) fn new(marks: Vec<LinkMark>) -> Self {
        let marks = marks
            .into_iter()
            .map(|m| {
                let mark = Mark {
                    link: m.id,
                    fingerprint: m.fingerprint,
                    presence: m.presence,
                    missed_reads: m.missed_reads,
                    seen: false,
                    pass: 0,
                };
                ((m.kind, m.key), mark)
            })
            .collect();
        Self {
            marks,
            new: HashMap::new(),
        }
    }

    /// Notes that a pass listed an entry. Returns its link, if it has one, and whether it is
    /// as it was.
    fn see(&mut self, place: (Kind, Fingerprint), fingerprint: Fingerprint, pass: u8) -> Seen {
        if let Some(mark) = self.marks.get_mut(&place) {
            let again = mark.seen && mark.pass == pass;
            mark.seen = true;
            mark.pass = pass;
            let unchanged = mark.fingerprint == fingerprint
                && mark.presence == Presence::Present
                && mark.missed_reads == 0;
            return Seen {
                link: Some(mark.link),
                unchanged,
                twice: again && !unchanged,
            };
        }
        let before = self.new.get(&place);
        let unchanged = before.is_some_and(|(known, _)| *known == fingerprint);
        Seen {
            link: None,
            unchanged,
            twice: !unchanged && before.is_some_and(|(_, listed_in)| *listed_in == pass),
        }
    }

    /// The source says that it lists whom it listed. Returns how many those are.
    fn see_all(&mut self) -> u64 {
        let present = |mark: &&mut Mark| mark.presence == Presence::Present;
        self.marks
            .values_mut()
            .filter(present)
            .map(|mark| mark.seen = true)
            .count() as u64
    }

    /// Notes that an entry was taken: one that comes twice in one read, as after a broken
    /// connection, is compared with what was read first.
    fn take(&mut self, place: (Kind, Fingerprint), fingerprint: Fingerprint, pass: u8) {
        match self.marks.get_mut(&place) {
            Some(mark) => {
                mark.fingerprint = fingerprint;
                mark.presence = Presence::Present;
                mark.missed_reads = 0;
            }
            None => {
                self.new.insert(place, (fingerprint, pass));
            }
        }
    }

    /// Links of `kind` whose entries were there when the run began.
    pub(super) fn present(&self, kind: Kind) -> u64 {
        self.linked(kind)
            .filter(|mark| mark.presence == Presence::Present)
            .count() as u64
    }

    /// Whether some entry was missed by a read that proves nothing by itself.
    pub(super) fn misses_some(&self) -> bool {
        self.marks
            .values()
            .any(|mark| mark.presence == Presence::Present && mark.missed_reads > 0)
    }

    /// Links whose entries were there before and that this read did not list.
    pub(super) fn absent(&self) -> Vec<(Kind, Mark)> {
        [Kind::User, Kind::Group]
            .into_iter()
            .flat_map(|kind| self.linked(kind).map(move |mark| (kind, *mark)))
            .filter(|(_, mark)| !mark.seen && mark.presence == Presence::Present)
            .collect()
    }

    /// Links whose entries this read listed, taken or not.
    pub(super) fn seen(&self) -> HashSet<LinkId> {
        self.marks
            .values()
            .filter(|mark| mark.seen)
            .map(|mark| mark.link)
            .collect()
    }

    /// The links to people.
    pub(super) fn people(&self) -> Vec<LinkId> {
        self.linked(Kind::User).map(|mark| mark.link).collect()
    }

    fn linked(&self, kind: Kind) -> impl Iterator<Item = &Mark> {
        self.marks
            .iter()
            .filter(move |((k, _), _)| *k == kind)
            .map(|(_, mark)| mark)
    }
}

/// What the index says of an entry.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The link that it had when the run began.
    link: Option<LinkId>,
    unchanged: bool,
    /// The same pass listed its key before, with other words.
    twice: bool,
}

/// What a read came to.
#[derive(Debug)]
pub(super) struct Reading {
    /// How it ended.
    pub(super) verdict: Verdict,
    /// What it leaves for the next.
    pub(super) validators: Option<Validators>,
    /// Whether every entry will be mapped alike until these validators are too old.
    pub(super) steady: bool,
    /// The index, with what was seen.
    pub(super) index: LinkIndex,
    /// People read.
    pub(super) users: u64,
    /// Groups read.
    pub(super) groups: u64,
    /// Entries that were as they had been.
    pub(super) unchanged: u64,
    /// Entries without a key: nobody can tell whose they are.
    pub(super) without_key: u64,
    /// Keys that stand at several entries.
    pub(super) twice: HashSet<(Kind, EntryKey)>,
}

/// Starts the two tasks; what must be reconciled comes through the channel.
/// `holds_changes`: it waits in memory until everything is read.
#[expect(
    clippy::disallowed_methods,
    reason = "both handles are waited for: one by the other, that one by the run"
)]
pub(super) fn start(
    setup: &Setup,
    index: LinkIndex,
    context: Context,
    last: Option<Validators>,
    holds_changes: bool,
    progress: Arc<Progress>,
) -> (mpsc::Receiver<Examined>, tokio::task::JoinHandle<Reading>) {
    let (examined_in, examined_out) = mpsc::channel(Batch::IN_FLIGHT_MAX);
    let (batches_in, batches_out) = mpsc::channel(Batch::IN_FLIGHT_MAX);
    let connector = setup.connector.clone();
    let request = setup.request();
    let steady = connector.asks_conditionally();
    let reading = tokio::spawn(async move {
        connector
            .read_if_changed(&request, last.as_ref(), batches_in)
            .await
    });
    let examiner = Examiner {
        setup: setup.clone(),
        fingerprinter: Fingerprinter::new(Fingerprint::of_parts([
            setup.mapping.fingerprint().0.as_slice(),
            b"entry",
        ])),
        index,
        later: unchanged::horizon(context),
        context,
        progress,
        waiting: Examined::default(),
        intake: Intake::new(&setup.source.name, setup.limits, holds_changes),
        counts: Counts {
            steady,
            ..Counts::default()
        },
    };
    let handle = tokio::spawn(async move {
        let (mut index, mut counts, too_much) = examiner.run(batches_out, examined_in).await;
        let mut answer = reading.await.unwrap_or_else(|_| Answer {
            verdict: Verdict::Failed {
                because: "the connector stopped working in mid-read; its last words are in the log, please report them".to_owned(),
            },
            validators: None,
        });
        if let Some(because) = too_much {
            answer.verdict = Verdict::Failed { because };
        }
        if matches!(answer.verdict, Verdict::Unchanged { .. }) {
            counts.unchanged = index.see_all();
        }
        Reading {
            verdict: answer.verdict,
            validators: answer.validators,
            steady: counts.steady,
            index,
            users: counts.users,
            groups: counts.groups,
            unchanged: counts.unchanged,
            without_key: counts.without_key,
            twice: counts.twice,
        }
    });
    (examined_out, handle)
}

#[derive(Debug, Default)]
struct Counts {
    users: u64,
    groups: u64,
    unchanged: u64,
    without_key: u64,
    /// See [`Reading::twice`].
    twice: HashSet<(Kind, EntryKey)>,
    /// See [`Reading::steady`].
    steady: bool,
}

struct Examiner {
    setup: Setup,
    fingerprinter: Fingerprinter,
    index: LinkIndex,
    context: Context,
    /// Until when the validators of this read may be used.
    later: Context,
    progress: Arc<Progress>,
    waiting: Examined,
    intake: Intake,
    counts: Counts,
}

impl Examiner {
    /// Takes entries to the end of the source, or until they are too much: then it says
    /// so, and the connector, whom nobody listens to any more, stops.
    async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        out: mpsc::Sender<Examined>,
    ) -> (LinkIndex, Counts, Option<String>) {
        while let Some(batch) = batches.recv().await {
            if let Some(total) = batch.announced {
                self.progress.announced.store(total, Ordering::Relaxed);
            }
            self.progress
                .read
                .fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
            for entry in batch.entries {
                self.entry(entry, batch.pass);
                if let Some(too_much) = self.intake.too_much() {
                    let _ = out.send(std::mem::take(&mut self.waiting)).await;
                    return (self.index, self.counts, Some(too_much));
                }
                if self.waiting.candidates.len() + self.waiting.troubled.len() >= Batch::ENTRIES_MAX
                    && out.send(std::mem::take(&mut self.waiting)).await.is_err()
                {
                    return (self.index, self.counts, None);
                }
            }
        }
        // Nobody listens any more only when the run has failed already.
        let _ = out.send(std::mem::take(&mut self.waiting)).await;
        (self.index, self.counts, None)
    }

    fn entry(&mut self, entry: Entry, pass: u8) {
        self.intake.read += 1;
        match entry.kind {
            Kind::User => self.counts.users += 1,
            Kind::Group => self.counts.groups += 1,
            Kind::Custom(_) => {}
        }
        let key = match &entry.key {
            Ok(key) => key.clone(),
            Err(error) => {
                self.counts.without_key += 1;
                // What was refused about the key says more than that there is none.
                let error = match entry.flaws.as_slice() {
                    [] => error.to_string(),
                    flaws => told(flaws),
                };
                let reason = format!(
                    "{error}: without a key nobody can tell whose entry it is; give it a {} or choose another key in mapping {}",
                    self.setup
                        .mapping
                        .kind(entry.kind)
                        .map_or("key", |k| k.key.as_str()),
                    self.setup.mapping.name()
                );
                self.trouble(&entry, entry.locator.to_string(), reason);
                return;
            }
        };
        let mut fingerprint = self.fingerprinter.of_entry(&entry);
        if let Some(moment) = self.setup.mapping.of_the_moment(&entry, &self.context) {
            fingerprint = Fingerprint::of_parts([&fingerprint.0, moment.as_bytes()]);
            self.counts.steady = self.counts.steady
                && self.setup.mapping.of_the_moment(&entry, &self.later) == Some(moment);
        }
        let place = (entry.kind, Fingerprint::of(key.as_str().as_bytes()));
        let seen = self.index.see(place, fingerprint, pass);
        if seen.twice {
            self.counts.twice.insert((entry.kind, key.clone()));
        }
        if !entry.flaws.is_empty() {
            let reason = told(&entry.flaws);
            self.trouble(&entry, key.to_string(), reason);
            return;
        }
        if seen.twice {
            let reason = format!(
                "its key {key} is that of another entry, too, which says something else: give each its own, or choose another key in mapping {}",
                self.setup.mapping.name()
            );
            self.trouble(&entry, key.to_string(), reason);
            return;
        }
        if seen.unchanged {
            self.counts.unchanged += 1;
            return;
        }
        match self.setup.mapping.evaluate(&entry, &self.context) {
            Ok(mapped) => {
                self.intake.hold(size_of(&entry));
                self.index.take(place, fingerprint, pass);
                let by_key = self.setup.mapping.references().key;
                self.waiting.candidates.push(Candidate::new(
                    entry,
                    key,
                    fingerprint,
                    seen.link,
                    mapped,
                    by_key,
                ));
            }
            Err(error) => self.trouble(&entry, key.to_string(), error.to_string()),
        }
    }

    fn trouble(&mut self, entry: &Entry, name: String, reason: String) {
        self.intake.hold((name.len() + reason.len()) as u64);
        self.waiting.troubled.push(Troubled {
            kind: entry.kind,
            name,
            locator: entry.locator.clone(),
            reason,
            flaws: entry.flaws.clone(),
        });
    }
}

fn told(flaws: &[Flaw]) -> String {
    let mut told: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    // Several lines of a record may be wrong in the same way.
    told.dedup();
    told.join("; ")
}
