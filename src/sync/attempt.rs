//! One attempt to reconcile a batch: what it would write, and which entries cannot be taken.

use std::collections::{HashMap, HashSet};

use rollcall_store::writes::Write;

use super::candidate::Candidate;
use super::effect::Proposal;
use super::import::ShortHash;

#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) indices: Vec<usize>,
    pub(super) changes: Vec<Proposal>,
    pub(super) rejected: HashMap<usize, Rejection>,
    pub(super) claimed: HashSet<ShortHash>,
}

impl Attempt {
    pub(super) fn push(&mut self, index: usize, change: Proposal) {
        self.indices.push(index);
        self.changes.push(change);
    }

    pub(super) fn reject(&mut self, index: usize, rejection: Rejection) {
        self.rejected.insert(index, rejection);
    }

    /// Gives candidates their contributions back, as they were before references were said
    /// in them, for another attempt.
    pub(super) fn give_back(&mut self, candidates: &mut [Candidate]) {
        for (index, change) in self.indices.drain(..).zip(self.changes.drain(..)) {
            let made = change
                .step
                .writes
                .into_iter()
                .find_map(|write| match write {
                    Write::Create { link, .. } | Write::Link { link } => Some(link.contribution),
                    _ => None,
                });
            if let (Some(mut first), Some(candidate)) = (made, candidates.get_mut(index))
                && candidate.link.is_none()
            {
                for unit in &candidate.mapped.reference_units {
                    first.fall_silent(unit);
                }
                candidate.first = Some(first);
            }
        }
    }
}

#[derive(Debug)]
pub(super) enum Rejection {
    /// Somebody new in this run carries what it would be known by, or somebody who may
    /// have left. Once everything is read, correlation tells whether they are the same.
    Shared,
    /// The userName is somebody else's, so far.
    NameTaken(String),
    /// It cannot be taken.
    Trouble(String),
}
