//! How a read ended: the connector's word, unless what it read forbids to believe it.

use rollcall_connectors::Verdict;
use rollcall_directory::entry::Kind;
use rollcall_store::ids::RunId;

use super::Going;
use crate::sync::SyncError;
use crate::sync::guard::Totals;
use crate::sync::reader::Reading;
use crate::sync::reconcile::Reconciler;

/// How the sentences of reads begin that were spared.
const UNCHANGED: &str = "unchanged: ";

/// The verdict in one sentence, as it is kept with the run. `since`: the run after which
/// nothing has changed.
pub(super) fn sentence(verdict: &Verdict, since: Option<RunId>) -> String {
    match verdict {
        Verdict::Complete { .. } => "complete".to_owned(),
        Verdict::Unchanged { .. } => {
            let since = since.map_or_else(|| "the last one".to_owned(), |run| format!("run {run}"));
            format!("{UNCHANGED}the service says that nothing has changed since {since}")
        }
        Verdict::Incomplete { because } => format!("incomplete because {because}"),
        Verdict::Failed { because } => format!("failed because {because}"),
    }
}

/// Whether a run's sentence says that all that the source holds is known: read, or still
/// the same.
pub(in crate::sync) fn is_whole(sentence: &str) -> bool {
    sentence == "complete" || sentence.starts_with(UNCHANGED)
}

impl Going<'_> {
    /// The verdict on a read whose entries are counted.
    pub(super) async fn verdict(
        &self,
        reconciler: &Reconciler<'_>,
        reading: &Reading,
        totals: &Totals,
    ) -> Result<Verdict, SyncError> {
        let complete = matches!(reading.verdict, Verdict::Complete { .. });
        let may_be_empty = self.setup.retires;
        if complete
            && !may_be_empty
            && let Some((kind, because)) = self.suspiciously_empty(totals)
        {
            let may_be = kind == Kind::Group
                && self.lists_people_and_knew_few_groups(totals)
                && self.can_ask_for_missing_groups(reconciler, reading).await?;
            if !may_be {
                return Ok(Verdict::Failed { because });
            }
        }
        Ok(self.otherwise(reading))
    }

    /// The verdict on a read that is not empty.
    fn otherwise(&self, reading: &Reading) -> Verdict {
        let complete = matches!(reading.verdict, Verdict::Complete { .. });
        let failed = matches!(reading.verdict, Verdict::Failed { .. });
        if let (false, Some(because)) = (failed, self.too_much_quarantine()) {
            return Verdict::Failed { because };
        }
        if reading.without_key > 0 && complete {
            return Verdict::Incomplete {
                because: format!(
                    "{} entries have no key, so nobody can tell whose they are; nothing is removed until they have one",
                    reading.without_key
                ),
            };
        }
        reading.verdict.clone()
    }

    /// A source may lose its last few groups while it lists its people as ever. If it can
    /// be asked for them by key, they are held (see [`super::conclude`]), and are no reason
    /// to disbelieve the rest.
    fn lists_people_and_knew_few_groups(&self, totals: &Totals) -> bool {
        self.report.tally.users_read > 0 && totals.groups <= self.setup.guards.groups.at_least
    }

    /// No entries where some are known: most likely a right that was lost.
    fn suspiciously_empty(&self, totals: &Totals) -> Option<(Kind, String)> {
        let tally = &self.report.tally;
        [
            (Kind::User, "people", tally.users_read, totals.users),
            (Kind::Group, "groups", tally.groups_read, totals.groups),
        ]
        .into_iter()
        .filter(|(kind, ..)| self.setup.mapping.kind(*kind).is_some())
        .find(|(_, _, read, linked)| *read == 0 && *linked > 0)
        .map(|(kind, what, _, linked)| {
            let because = format!(
                "the source answered without an error but listed no {what} at all, and {linked} are known: the account may have lost its right to read them, or base, filter or URL are wrong; nothing was changed"
            );
            (kind, because)
        })
    }

    fn too_much_quarantine(&self) -> Option<String> {
        let tally = &self.report.tally;
        let limit = self.setup.guards.quarantine.of(tally.read());
        (tally.quarantined > limit).then(|| {
            format!(
                "{} of {} entries went into quarantine, more than the {limit} that the guard `quarantine` allows; see `rollcall run show {}` for the reasons",
                tally.quarantined,
                tally.read(),
                self.run
            )
        })
    }
}
