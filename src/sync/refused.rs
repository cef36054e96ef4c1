//! Steps that the store refused: the entries behind them go into quarantine, so that
//! `run show` lists them until a run can write them.

use rollcall_store::ids::RunId;
use rollcall_store::records::{Link, Presence, Quarantined};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{PreparedStep, StepConflict};

/// A step that could not be written.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    subject: String,
    /// The link that it was to make or to change.
    link: Option<Link>,
    cause: StepConflict,
}

impl Refused {
    pub(super) fn of(step: &Step, cause: StepConflict) -> Self {
        let link = step.writes.iter().find_map(|write| match write {
            Write::Create { link, .. } | Write::Link { link } | Write::Relink { link, .. } => {
                Some((**link).clone())
            }
            _ => None,
        });
        Self {
            subject: step.subject.clone(),
            link,
            cause,
        }
    }

    pub(super) fn of_prepared(step: &PreparedStep, cause: StepConflict) -> Self {
        Self {
            subject: step.subject().to_owned(),
            link: step.link(),
            cause,
        }
    }

    /// A line for the report.
    pub(super) fn note(&self) -> String {
        format!("{}: {}", self.subject, self.reason())
    }

    /// The same where nothing tries it again.
    pub(super) fn last_note(&self) -> String {
        format!(
            "{}: {}; this stays as it is: mend the cause, and change it in the source",
            self.subject, self.cause
        )
    }

    /// The write that puts the entry into quarantine. None for an entry that has gone:
    /// there is nothing of it to look at, and the next complete read misses it again.
    pub(super) fn quarantine(&self, run: RunId) -> Option<Step> {
        let link = self.link.as_ref()?;
        (link.presence == Presence::Present).then(|| Step {
            subject: self.subject.clone(),
            writes: vec![Write::Quarantine {
                entry: Box::new(Quarantined {
                    source: link.source,
                    kind: link.kind,
                    name: link.key.to_string(),
                    locator: link.locator.clone(),
                    reason: self.reason(),
                    flaws: Vec::new(),
                    since: run,
                }),
            }],
        })
    }

    fn reason(&self) -> String {
        format!("{}; the next run tries it again", self.cause)
    }
}
