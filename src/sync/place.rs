//! Whose entry is it? By its link, by correlation, or somebody new: where each entry of a
//! batch belongs.

use rollcall_directory::entry::Kind;
use rollcall_store::ids::{LinkId, ResourceId};
use rollcall_store::records::Link;
use rollcall_store::{IdKind, StoreError};
use uuid::Uuid;

use super::attempt::{Attempt, Rejection};
use super::candidate::Candidate;
use super::correlate::{Claims, Match, correlate};
use super::reconcile::Reconciler;

/// Where an entry belongs.
#[derive(Debug)]
pub(super) enum Place {
    /// It has a link.
    Linked(Link),
    /// Correlation found its resource.
    Found { resource: ResourceId, link: LinkId },
    /// Nobody has it yet.
    New {
        resource: ResourceId,
        uuid: Uuid,
        link: LinkId,
    },
}

impl Place {
    pub(super) fn resource(&self) -> ResourceId {
        match self {
            Self::Linked(link) => link.resource,
            Self::Found { resource, .. } | Self::New { resource, .. } => *resource,
        }
    }

    pub(super) fn link_id(&self) -> LinkId {
        match self {
            Self::Linked(link) => link.id,
            Self::Found { link, .. } | Self::New { link, .. } => *link,
        }
    }

    pub(super) fn link(&self) -> Option<&Link> {
        match self {
            Self::Linked(link) => Some(link),
            Self::Found { .. } | Self::New { .. } => None,
        }
    }
}

impl Reconciler<'_> {
    /// Finds each entry's resource: by its link, by correlation, or a new one.
    pub(super) async fn place(
        &mut self,
        candidates: &[Candidate],
        last_chance: bool,
        attempt: &mut Attempt,
    ) -> Result<Vec<Option<Place>>, StoreError> {
        let ids: Vec<LinkId> = candidates.iter().filter_map(|c| c.link).collect();
        let mut links = self.view.links(&ids).await?;
        let mut places: Vec<Option<Place>> = candidates
            .iter()
            .map(|c| c.link.and_then(|id| links.remove(&id)).map(Place::Linked))
            .collect();
        self.refuse_second_entries(&places, last_chance, attempt)
            .await?;
        for kind in [Kind::User, Kind::Group] {
            let open: Vec<usize> = (0..candidates.len())
                .filter(|i| matches!(places.get(*i), Some(None)))
                .filter(|i| candidates.get(*i).is_some_and(|c| c.kind == kind))
                .collect();
            if open.is_empty() {
                continue;
            }
            let unlinked: Vec<&Candidate> =
                open.iter().filter_map(|i| candidates.get(*i)).collect();
            let answers = correlate(self.setup, &self.view, kind, &unlinked).await?;
            let mut claims = Claims::new(self.setup, kind);
            for (index, answer) in open.into_iter().zip(answers) {
                let new = answer == Match::New;
                if new
                    && !last_chance
                    && candidates
                        .get(index)
                        .is_some_and(|c| claims.meet(&self.view, c))
                {
                    attempt.reject(index, Rejection::Shared);
                    continue;
                }
                let place = match answer {
                    Match::Is(resource) => Some(Place::Found {
                        resource,
                        link: LinkId(self.ids.next(IdKind::Link).await?),
                    }),
                    Match::New => Some(Place::New {
                        resource: ResourceId(self.ids.next(IdKind::Resource).await?),
                        uuid: self.uuids.next(self.now),
                        link: LinkId(self.ids.next(IdKind::Link).await?),
                    }),
                    Match::Unsure(_) if !last_chance => {
                        attempt.reject(index, Rejection::Shared);
                        None
                    }
                    Match::Conflict(reason) | Match::Unsure(reason) => {
                        attempt.reject(index, Rejection::Trouble(reason));
                        None
                    }
                };
                if let Some(slot) = places.get_mut(index) {
                    *slot = place;
                }
            }
            attempt.claimed.extend(claims.into_hashes());
        }
        Ok(places)
    }

    /// An entry that comes back after its person has come back under another key is a second
    /// entry for one person, like one that correlates with somebody who is listed.
    async fn refuse_second_entries(
        &self,
        places: &[Option<Place>],
        last_chance: bool,
        attempt: &mut Attempt,
    ) -> Result<(), StoreError> {
        let returning: Vec<(usize, &Link)> = places
            .iter()
            .enumerate()
            .filter_map(|(index, place)| Some((index, place.as_ref()?.link()?)))
            .filter(|(_, link)| self.view.has_left(link) && link.kind == Kind::User)
            .collect();
        if returning.is_empty() || self.setup.several_entries {
            return Ok(());
        }
        let owners: Vec<ResourceId> = returning.iter().map(|(_, link)| link.resource).collect();
        let links_of = self.view.links_of(&owners).await?;
        for (index, link) in returning {
            let mut others = links_of.get(&link.resource).into_iter().flatten();
            let listed = others.find(|other| {
                other.id != link.id && other.source == link.source && !self.view.has_left(other)
            });
            let Some(listed) = listed else { continue };
            let rejection = if last_chance {
                Rejection::Trouble(format!(
                    "the person whom it stood for is listed under key {} by now: two entries for one person, or a key that was used again; correct one of them, or set several_entries_per_person if that is meant",
                    listed.key
                ))
            } else {
                Rejection::Shared
            };
            attempt.reject(index, rejection);
        }
        Ok(())
    }
}
