//! Other priorities, another union, a "no" that binds from now on: they count at once, though
//! no entry has changed. The first run of a source under new rules merges anew whom it
//! shares with other sources; under the guards, like everything else that it changes.

use rollcall_directory::diff::diff;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_store::StoreError;
use rollcall_store::ids::ResourceId;
use rollcall_store::records::{Link, Presence, Resource};
use rollcall_store::writes::{Step, Write};

use super::effect::{Effect, Proposal};
use super::reconcile::{Reconciler, replaced};
use super::setup::Voices;

impl Voices {
    /// Of everything that decides who wins.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut parts: Vec<String> = self
            .of
            .iter()
            .map(|(source, settings)| {
                let (numbers, binding) = (&settings.priorities, settings.active_is_binding);
                // Equal numbers are settled by name.
                format!("{source} {} {numbers:?} {binding}", settings.name)
            })
            .collect();
        parts.sort_unstable();
        parts.push(format!("{:?}", self.rules));
        Fingerprint::of_parts(parts.iter().map(String::as_bytes))
    }
}

impl Reconciler<'_> {
    /// What new rules change in people and groups whom this source shares with others.
    pub(super) async fn merge_anew(&self) -> Result<Vec<Proposal>, StoreError> {
        let source = &self.setup.source;
        if source.voices == Some(self.setup.voices.fingerprint()) {
            return Ok(Vec::new());
        }
        let shared = self.store.shared_resources(source.id).await?;
        let mut proposals = Vec::new();
        for chunk in shared.chunks(rollcall_connectors::Batch::ENTRIES_MAX) {
            let resources = self.view.resources(chunk).await?;
            let links_of = self.view.links_of(chunk).await?;
            let merged = |id: &ResourceId| {
                let links: Vec<&Link> = links_of.get(id)?.iter().collect();
                self.merge_one(resources.get(id)?, &links)
            };
            proposals.extend(chunk.iter().filter_map(merged));
        }
        Ok(proposals)
    }

    fn merge_one(&self, resource: &Resource, links: &[&Link]) -> Option<Proposal> {
        let held =
            |link: &&&Link| link.presence != Presence::Withdrawn && !self.view.leaves(link.id);
        links.iter().find(held)?;
        let (voices, schemas) = (&self.setup.voices, &self.setup.schemas);
        let document = voices.merge(resource.kind, links, schemas);
        let changes = diff(&resource.document, &document);
        if changes.is_empty() {
            return None;
        }
        let is_user = resource.kind == Kind::User && resource.orphaned.is_none();
        let (was, is) = (resource.document.active(), document.active());
        Some(Proposal {
            effect: Effect {
                updates: true,
                deactivates: is_user && was && !is,
                reactivates: is_user && !was && is,
                replaces: replaced(&changes),
                ..Effect::default()
            },
            step: Step {
                subject: super::name_of(resource),
                writes: vec![Write::Update {
                    resource: resource.id,
                    base_version: resource.document_version,
                    document,
                    changes,
                }],
            },
        })
    }
}
