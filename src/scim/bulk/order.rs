//! In which order the operations of a bulk request are done. Pure.

use std::collections::{BTreeSet, HashMap};

use super::references::references;
use super::request::{Operation, Verb};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An operation, without what refers to these, which are not there yet.
    Do {
        /// Its place in the request.
        index: usize,
        /// Only in circles; else empty.
        left_out: BTreeSet<String>,
    },
    /// The same operation's rest.
    Complete {
        /// Its place in the request.
        index: usize,
        /// What was left out.
        left_out: BTreeSet<String>,
    },
}

/// The order: as sent, but what makes a resource before what refers to it.
pub(super) fn plan(operations: &[Operation]) -> Vec<Step> {
    let makers = operations.iter().enumerate().filter_map(|(index, one)| {
        let task = one.task.as_ref().ok()?;
        let id = one.bulk_id.as_deref()?;
        (task.verb == Verb::Post).then_some((id, index))
    });
    let mut walk = Walk {
        operations,
        makers: makers.collect(),
        seen: vec![Seen::No; operations.len()],
        steps: Vec::new(),
        rest: Vec::new(),
    };
    for index in 0..operations.len() {
        walk.visit(index);
    }
    walk.steps.append(&mut walk.rest);
    walk.steps
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    /// It waits for what it refers to.
    Begun,
    Yes,
}

struct Walk<'o> {
    operations: &'o [Operation],
    makers: HashMap<&'o str, usize>,
    seen: Vec<Seen>,
    steps: Vec<Step>,
    rest: Vec<Step>,
}

impl Walk<'_> {
    /// At most as deep as there are operations.
    fn visit(&mut self, index: usize) {
        if self.seen(index) != Seen::No {
            return;
        }
        self.mark(index, Seen::Begun);
        let mut left_out = BTreeSet::new();
        let task = self
            .operations
            .get(index)
            .and_then(|o| o.task.as_ref().ok());
        for id in task.map(references).unwrap_or_default() {
            let Some(maker) = self.makers.get(id.as_str()).copied() else {
                continue;
            };
            self.visit(maker);
            if self.seen(maker) == Seen::Begun {
                left_out.insert(id);
            }
        }
        self.mark(index, Seen::Yes);
        if !left_out.is_empty() {
            let left_out = left_out.clone();
            self.rest.push(Step::Complete { index, left_out });
        }
        self.steps.push(Step::Do { index, left_out });
    }

    fn seen(&self, index: usize) -> Seen {
        self.seen.get(index).copied().unwrap_or(Seen::Yes)
    }

    fn mark(&mut self, index: usize, seen: Seen) {
        if let Some(place) = self.seen.get_mut(index) {
            *place = seen;
        }
    }
}
