//! Who is gone: the entries that a complete read did not list, looked up by key first, and
//! what the leaver policy makes of those that are gone indeed.

use rollcall_connectors::{Absence, LOOK_UP_KEYS_MAX, LookUp, Verdict};
use rollcall_directory::entry::{EntryKey, Kind};
use rollcall_store::ids::{LinkId, ResourceId};
use rollcall_store::writes::{Step, Write};

use super::Going;
use crate::config::policy::LeaverAction;
use crate::sync::SyncError;
use crate::sync::effect::Proposal;
use crate::sync::reader::{Mark, Reading};
use crate::sync::reconcile::Reconciler;

impl Going<'_> {
    /// Who is gone, looked up first, and what the leaver policy makes of it.
    pub(super) async fn removals(
        &mut self,
        reconciler: &mut Reconciler<'_>,
        reading: &Reading,
    ) -> Result<Vec<Proposal>, SyncError> {
        if self.setup.leavers.action == LeaverAction::Keep {
            return Ok(self.forget_quarantine(reconciler));
        }
        let gone = self.gone(reconciler, reading).await?;
        let missed_once: Vec<LinkId> = reading
            .index
            .absent()
            .into_iter()
            .filter(|(_, mark)| !self.is_proven(mark))
            .map(|(_, mark)| mark.link)
            .collect();
        let mut proposals = self.miss(reconciler, &missed_once).await?;
        let of = |kind: Kind| gone.iter().filter(|(k, _)| *k == kind).count() as u64;
        self.report.tally.users_gone = of(Kind::User);
        self.report.tally.groups_gone = of(Kind::Group);
        let links: Vec<LinkId> = gone.into_iter().map(|(_, link)| link).collect();
        let left = reconciler.leave(&links).await?;
        self.report.tally.members_removed +=
            left.iter().map(|p| p.effect.members_removed).sum::<u64>();
        proposals.extend(left);
        let steps: Vec<Step> = proposals.iter().map(|p| p.step.clone()).collect();
        reconciler.view.lay(&steps, self.now).await?;
        let seen = reading.index.seen();
        let expired = reconciler.expire(&seen).await?;
        self.report.tally.users_expired =
            expired.iter().filter(|p| p.deletes_a_person()).count() as u64;
        let deleted: Vec<ResourceId> = expired
            .iter()
            .flat_map(|p| &p.step.writes)
            .filter_map(|write| match write {
                Write::Delete { resource, .. } => Some(*resource),
                _ => None,
            })
            .collect();
        self.report.tally.deleted = deleted.len() as u64;
        let look_again = reconciler
            .look_again_without(&deleted, &reading.index)
            .await?;
        proposals.extend(expired);
        proposals.extend(look_again);
        proposals.extend(self.forget_quarantine(reconciler));
        Ok(proposals)
    }

    /// Who is gone, for entries that wait to know it; nobody if the read does not prove it.
    pub(super) async fn who_is_gone(
        &mut self,
        reconciler: &Reconciler<'_>,
        reading: &Reading,
    ) -> Result<Vec<LinkId>, SyncError> {
        let complete = matches!(reading.verdict, Verdict::Complete { .. });
        if !complete || reading.without_key > 0 {
            return Ok(Vec::new());
        }
        let gone = self.gone(reconciler, reading).await?;
        Ok(gone.into_iter().map(|(_, link)| link).collect())
    }

    /// The entries that are proven to be gone. The source is asked once.
    async fn gone(
        &mut self,
        reconciler: &Reconciler<'_>,
        reading: &Reading,
    ) -> Result<Vec<(Kind, LinkId)>, SyncError> {
        if let Some(known) = &self.gone {
            return Ok(known.clone());
        }
        let mut missing: Vec<(Kind, LinkId)> = reading
            .index
            .absent()
            .into_iter()
            .filter(|(_, mark)| self.is_proven(mark))
            .map(|(kind, mark)| (kind, mark.link))
            .collect();
        missing.sort_by_key(|(_, link)| *link);
        let gone = self.still_gone(reconciler, missing).await?;
        self.gone = Some(gone.clone());
        Ok(gone)
    }

    /// Whether missing it once more proves that an entry is gone.
    fn is_proven(&self, mark: &Mark) -> bool {
        self.setup.connector.absence() == Absence::Proven || mark.missed_reads > 0
    }

    /// Whether the source can be asked by key about the groups that it did not list.
    pub(super) async fn can_ask_for_missing_groups(
        &self,
        reconciler: &Reconciler<'_>,
        reading: &Reading,
    ) -> Result<bool, SyncError> {
        let missing: Vec<LinkId> = reading
            .index
            .absent()
            .into_iter()
            .filter(|(kind, _)| *kind == Kind::Group)
            .map(|(_, mark)| mark.link)
            .collect();
        let links = reconciler.view.links(&missing).await?;
        let keys: Vec<EntryKey> = links.into_values().map(|l| l.key).collect();
        if keys.is_empty() || keys.len() > LOOK_UP_KEYS_MAX {
            return Ok(false);
        }
        let request = self.setup.request();
        let asked = self
            .setup
            .connector
            .look_up(&request, Kind::Group, &keys)
            .await;
        Ok(matches!(asked, Ok(LookUp::StillThere(_))))
    }

    /// Asks the source about each missing entry: one that it still has is not gone.
    async fn still_gone(
        &mut self,
        reconciler: &Reconciler<'_>,
        gone: Vec<(Kind, LinkId)>,
    ) -> Result<Vec<(Kind, LinkId)>, SyncError> {
        if gone.is_empty() || gone.len() > LOOK_UP_KEYS_MAX {
            return Ok(gone);
        }
        let ids: Vec<LinkId> = gone.iter().map(|(_, link)| *link).collect();
        let links = reconciler.view.links(&ids).await?;
        let mut there = Vec::new();
        for kind in [Kind::User, Kind::Group] {
            let keys: Vec<EntryKey> = links
                .values()
                .filter(|l| l.kind == kind)
                .map(|l| l.key.clone())
                .collect();
            if keys.is_empty() {
                continue;
            }
            let request = self.setup.request();
            match self.setup.connector.look_up(&request, kind, &keys).await {
                Ok(LookUp::StillThere(found)) => {
                    there.extend(found.into_iter().map(|key| (kind, key)));
                }
                Ok(LookUp::NotPossible) => {}
                Err(error) => {
                    return Err(SyncError::LookUp(error.to_string()));
                }
            }
        }
        if !there.is_empty() {
            self.report.notes.push(format!(
                "{} entries were not listed but are still there when looked up by key, so nobody ended them: they may have left the filter or the base",
                there.len()
            ));
        }
        Ok(gone
            .into_iter()
            .filter(|(_, id)| {
                links
                    .get(id)
                    .is_none_or(|l| !there.contains(&(l.kind, l.key.clone())))
            })
            .collect())
    }

    /// Where one read is no proof, being missed is only noted.
    async fn miss(
        &self,
        reconciler: &Reconciler<'_>,
        missed: &[LinkId],
    ) -> Result<Vec<Proposal>, SyncError> {
        let mut links: Vec<_> = reconciler.view.links(missed).await?.into_values().collect();
        links.sort_by_key(|l| l.id);
        Ok(links
            .into_iter()
            .map(|mut link| {
                link.missed_reads += 1;
                let subject = link.key.to_string();
                Proposal::of(Step {
                    subject,
                    writes: vec![Write::Relink {
                        link: Box::new(link),
                        journal: false,
                    }],
                })
            })
            .collect())
    }

    /// Entries that a complete read does not list any more leave quarantine.
    fn forget_quarantine(&self, reconciler: &Reconciler<'_>) -> Vec<Proposal> {
        let book = &reconciler.quarantine;
        book.known
            .keys()
            .filter(|place| !book.met.contains(*place))
            .map(|(kind, name)| {
                Proposal::of(Step {
                    subject: name.clone(),
                    writes: vec![Write::Release {
                        source: self.setup.source.id,
                        kind: *kind,
                        name: name.clone(),
                    }],
                })
            })
            .collect()
    }
}
