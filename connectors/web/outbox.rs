//! Entries leave in batches, as fast as the receiver takes them, and no more of them than a
//! sample asks for.

use rollcall_directory::entry::Entry;
use tokio::sync::mpsc;

use super::problem::Problem;
use crate::Batch;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outbox<'a> {
    out: &'a mpsc::Sender<Batch>,
    batch: Vec<Entry>,
    delivered: usize,
    sample: Option<usize>,
}

impl<'a> Outbox<'a> {
    /// For all entries of one kind, or for the first `sample` of them.
    pub(crate) fn new(out: &'a mpsc::Sender<Batch>, sample: Option<usize>) -> Self {
        Self {
            out,
            batch: Vec::new(),
            delivered: 0,
            sample,
        }
    }

    /// Takes an entry; `announced` is the total that the source states.
    pub(crate) async fn take(
        &mut self,
        entry: Entry,
        announced: Option<u64>,
    ) -> Result<(), Problem> {
        self.batch.push(entry);
        self.delivered += 1;
        if self.batch.len() == Batch::ENTRIES_MAX {
            self.flush(announced).await?;
        }
        Ok(())
    }

    /// Sends what is there.
    pub(crate) async fn flush(&mut self, announced: Option<u64>) -> Result<(), Problem> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let entries = std::mem::take(&mut self.batch);
        self.out
            .send(Batch {
                entries,
                announced,
                pass: 0,
            })
            .await
            .map_err(|_| Problem::Cancelled)
    }

    /// Whether no more is wanted.
    pub(crate) fn is_full(&self) -> bool {
        self.sample.is_some_and(|sample| self.delivered >= sample)
    }

    /// How many were taken.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered
    }
}
