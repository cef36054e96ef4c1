//! What kept steps build on. Plans, held runs and undos that wait are written as they stand
//! or not at all: so each notes what its steps were computed from, and before they are
//! written it is looked at whether that still holds, whoever has written meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};

use rollcall_directory::entry::Kind;
use rollcall_mapping::Mapping;
use rollcall_store::ids::{ResourceId, TenantId};
use rollcall_store::records::{Link, Resource};
use rollcall_store::writes::{Step, Write};
use rollcall_store::{By, Store, StoreError, said};

use super::correlate::{known_by, texts};

/// Steps and resources looked at together.
const TOGETHER: usize = 500;

/// Notes in each step what it builds on: what the sources said of those whom it changes, and
/// by what those whom it makes would have been known. `mapping`: that of the run, if it may
/// make somebody.
pub(super) async fn note(
    store: &Store,
    tenant: TenantId,
    mapping: Option<&Mapping>,
    steps: &mut [Step],
) -> Result<(), StoreError> {
    let mut met: HashSet<ResourceId> = HashSet::new();
    for chunk in steps.chunks_mut(TOGETHER) {
        let mut first_touched: Vec<Vec<ResourceId>> = Vec::with_capacity(chunk.len());
        for step in chunk.iter() {
            let new = |id: &ResourceId| met.insert(*id);
            first_touched.push(touched_by(step).into_iter().filter(new).collect());
        }
        let asked: Vec<ResourceId> = first_touched.iter().flatten().copied().collect();
        let there = by_number(store.resources(&asked).await?);
        let links = by_resource(store.links_of(&asked).await?);
        for (step, touched) in chunk.iter_mut().zip(first_touched) {
            let expected = touched
                .into_iter()
                .filter(|id| there.contains_key(id))
                .map(|id| Write::Expect {
                    resource: id,
                    version: None,
                    said: Some(said(links.get(&id).map_or(&[][..], Vec::as_slice))),
                });
            let noted: Vec<Write> = expected.collect();
            step.writes.splice(0..0, noted);
        }
        if let Some(mapping) = mapping {
            note_unclaimed(store, tenant, mapping, chunk).await?;
        }
    }
    Ok(())
}

/// Notes by what those whom the steps make are not known yet. A name that somebody gives up
/// in the same plan is known still.
async fn note_unclaimed(
    store: &Store,
    tenant: TenantId,
    mapping: &Mapping,
    steps: &mut [Step],
) -> Result<(), StoreError> {
    let texts: Vec<(usize, Kind, By, String)> = steps
        .iter()
        .enumerate()
        .flat_map(|(index, step)| {
            let texts = texts_of_made(step, mapping).into_iter();
            texts.map(move |(kind, by, text)| (index, kind, by, text))
        })
        .collect();
    let mut asked: BTreeMap<(Kind, &'static str), (By, Vec<String>)> = BTreeMap::new();
    for (_, kind, by, text) in &texts {
        let (_, all) = asked
            .entry((*kind, by.as_str()))
            .or_insert((*by, Vec::new()));
        all.push(text.clone());
    }
    let mut claimed: HashSet<(Kind, By, String)> = HashSet::new();
    for ((kind, _), (by, all)) in asked {
        let found = claimed_among(store, tenant, kind, by, &all).await?;
        claimed.extend(found.into_iter().map(|text| (kind, by, text)));
    }
    for (index, kind, by, text) in texts {
        let place = (kind, by, text);
        if let (false, Some(step)) = (claimed.contains(&place), steps.get_mut(index)) {
            let (kind, by, text) = place;
            step.writes.insert(0, Write::Unclaimed { kind, by, text });
        }
    }
    Ok(())
}

/// Why the steps do not hold any more, in the words of an administrator; `None`: they do.
pub(super) async fn what_changed(
    store: &Store,
    tenant: TenantId,
    steps: &[Step],
) -> Result<Option<String>, StoreError> {
    let mut expected = Vec::new();
    let mut unclaimed: BTreeMap<(Kind, &'static str), (By, Vec<String>)> = BTreeMap::new();
    for write in steps.iter().flat_map(|step| &step.writes) {
        match write {
            Write::Expect {
                resource,
                said: Some(said),
                ..
            } => expected.push((*resource, *said)),
            Write::Unclaimed { kind, by, text } => {
                let place = (*kind, by.as_str());
                let (_, all) = unclaimed.entry(place).or_insert((*by, Vec::new()));
                all.push(text.clone());
            }
            _ => {}
        }
    }
    for chunk in expected.chunks(TOGETHER) {
        let ids: Vec<ResourceId> = chunk.iter().map(|(id, _)| *id).collect();
        let there = by_number(store.resources(&ids).await?);
        let links = by_resource(store.links_of(&ids).await?);
        for (id, before) in chunk {
            let Some(resource) = there.get(id) else {
                return Ok(Some("somebody whom it changes is gone".to_owned()));
            };
            if said(links.get(id).map_or(&[][..], Vec::as_slice)) != *before {
                return Ok(Some(format!(
                    "what the sources say of {} has changed since",
                    super::name_of(resource)
                )));
            }
        }
    }
    for ((kind, attribute), (by, texts)) in unclaimed {
        let claimed = claimed_among(store, tenant, kind, by, &texts).await?;
        if let Some(text) = claimed.first() {
            return Ok(Some(format!(
                "somebody with {attribute} {text} is known by now, whom it would make a second time"
            )));
        }
    }
    Ok(None)
}

/// Those of `texts` by which somebody can be found.
async fn claimed_among(
    store: &Store,
    tenant: TenantId,
    kind: Kind,
    by: By,
    texts: &[String],
) -> Result<Vec<String>, StoreError> {
    if by == By::EmployeeNumber {
        let known = store.employee_numbers(tenant).await?;
        let known: HashSet<String> = known.iter().map(|(number, _)| by.fold(number)).collect();
        let is_known = |text: &&String| known.contains(&by.fold(text));
        return Ok(texts.iter().filter(is_known).cloned().collect());
    }
    let mut claimed = Vec::new();
    for chunk in texts.chunks(TOGETHER) {
        let found = store.resources_by(tenant, kind, by, chunk).await?;
        claimed.extend(found.into_iter().map(|(text, _)| text));
    }
    Ok(claimed)
}

/// By what whoever the step makes would be known.
fn texts_of_made(step: &Step, mapping: &Mapping) -> Vec<(Kind, By, String)> {
    let made = step.writes.iter().find_map(|write| match write {
        Write::Create { kind, document, .. } => Some((*kind, document)),
        _ => None,
    });
    let Some((kind, document)) = made else {
        return Vec::new();
    };
    let known_by = known_by(mapping, kind).into_iter();
    known_by
        .flat_map(|(_, by)| {
            texts(document, by)
                .into_iter()
                .map(move |text| (kind, by, text))
        })
        .collect()
}

/// The resources whose state a step builds on.
pub(super) fn touched_by(step: &Step) -> Vec<ResourceId> {
    step.writes
        .iter()
        .filter_map(|write| match write {
            Write::Create { resource, .. }
            | Write::Update { resource, .. }
            | Write::Delete { resource, .. }
            | Write::Restore { resource, .. }
            | Write::Orphan { resource, .. } => Some(*resource),
            Write::Link { link } | Write::Relink { link, .. } => Some(link.resource),
            Write::Members { group, .. } => Some(*group),
            Write::Expect { .. }
            | Write::Unclaimed { .. }
            | Write::Unlink { .. }
            | Write::Names { .. }
            | Write::Pending { .. }
            | Write::Quarantine { .. }
            | Write::Release { .. } => None,
        })
        .collect()
}

fn by_number(resources: Vec<Resource>) -> HashMap<ResourceId, Resource> {
    resources.into_iter().map(|r| (r.id, r)).collect()
}

fn by_resource(links: Vec<Link>) -> HashMap<ResourceId, Vec<Link>> {
    let mut found: HashMap<ResourceId, Vec<Link>> = HashMap::new();
    for link in links {
        found.entry(link.resource).or_default().push(link);
    }
    found
}
