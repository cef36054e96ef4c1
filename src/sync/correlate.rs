//! Whose entry is it? For entries without a link: the mapping's correlation rules, tried
//! in order. Asked once, when the link is made; two answers are a conflict, never a guess.

use std::collections::{HashMap, HashSet};

use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::Unit;
use rollcall_mapping::Mapping;
use rollcall_store::ids::{ResourceId, SourceId};
use rollcall_store::records::Link;
use rollcall_store::{By, StoreError};

use super::candidate::Candidate;
use super::employees::employee_number;
use super::import::{ShortHash, short_hash};
use super::setup::Setup;
use super::view::View;

/// What correlation says of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// Nobody here yet.
    New,
    /// This resource.
    Is(ResourceId),
    /// It cannot be told: a sentence for the quarantine.
    Conflict(String),
    /// It is a conflict unless somebody turns out to have left, which is known when all is
    /// read.
    Unsure(String),
}

/// Answers for `candidates`, in their order. All are of one kind.
pub(super) async fn correlate(
    setup: &Setup,
    view: &View,
    kind: Kind,
    candidates: &[&Candidate],
) -> Result<Vec<Match>, StoreError> {
    let mut answers = rejoin(setup, view, kind, candidates).await?;
    let Some(rules) = setup.mapping.kind(kind).map(|k| k.match_on.clone()) else {
        return Ok(answers);
    };
    for unit in &rules {
        let Some(by) = by_of(unit) else { continue };
        let open: Vec<usize> = (0..answers.len())
            .filter(|i| answers.get(*i) == Some(&Match::New))
            .collect();
        let texts: Vec<String> = open
            .iter()
            .filter_map(|i| candidates.get(*i))
            .flat_map(|c| c.texts_of(unit).map(str::to_owned))
            .collect();
        if texts.is_empty() {
            continue;
        }
        let mut carriers: HashMap<String, Vec<ResourceId>> = HashMap::new();
        for (text, id) in view.resources_by(kind, by, &texts).await? {
            carriers.entry(by.fold(&text)).or_default().push(id);
        }
        let found: Vec<ResourceId> = carriers.values().flatten().copied().collect();
        let links = view.links_of(&found).await?;
        for index in open {
            let (Some(candidate), Some(answer)) = (candidates.get(index), answers.get_mut(index))
            else {
                continue;
            };
            let mut ids: Vec<ResourceId> = candidate
                .texts_of(unit)
                .filter_map(|text| carriers.get(&by.fold(text)))
                .flatten()
                .copied()
                .collect();
            ids.sort_unstable();
            ids.dedup();
            *answer = judge(setup, view, unit, &ids, &links);
        }
    }
    refuse_sharing(setup, &mut answers, candidates);
    Ok(answers)
}

/// Who comes back under another key: somebody who left this source and whose entry said
/// the same employee number.
async fn rejoin(
    setup: &Setup,
    view: &View,
    kind: Kind,
    candidates: &[&Candidate],
) -> Result<Vec<Match>, StoreError> {
    let mut answers = vec![Match::New; candidates.len()];
    if kind != Kind::User {
        return Ok(answers);
    }
    let unit = employee_number();
    for (candidate, answer) in candidates.iter().zip(&mut answers) {
        let Some(number) = candidate.texts_of(&unit).next() else {
            continue;
        };
        let mut people: Vec<ResourceId> = view
            .left_with(number)
            .await?
            .iter()
            .map(|link| link.resource)
            .collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() {
            continue;
        }
        let links = view.links_of(&people).await?;
        // Whom the source lists under another key has not left.
        people.retain(|person| {
            let own = links.get(person).into_iter().flatten();
            own.filter(|l| is_of(l, setup.source.id))
                .all(|l| view.has_left(l))
        });
        *answer = match people.as_slice() {
            [] => Match::New,
            [one] => Match::Is(*one),
            several => Match::Conflict(format!(
                "{} people who left this source had its employeeNumber {number}: it cannot be told who comes back; make the number unique",
                several.len()
            )),
        };
    }
    Ok(answers)
}

/// What the new people of a batch are known by. The first who comes with a text is made;
/// whoever comes with it after that may be the same person, or wants the same userName.
#[derive(Debug)]
pub(super) struct Claims {
    kind: Kind,
    units: Vec<(Unit, By)>,
    claimed: HashSet<ShortHash>,
}

impl Claims {
    pub(super) fn new(setup: &Setup, kind: Kind) -> Self {
        Self {
            kind,
            units: known_by(&setup.mapping, kind),
            claimed: HashSet::new(),
        }
    }

    /// Whether somebody new carries what this candidate would be known by; if nobody
    /// does, the candidate does from now on.
    pub(super) fn meet(&mut self, view: &View, candidate: &Candidate) -> bool {
        let hashes: Vec<ShortHash> = self
            .units
            .iter()
            .flat_map(|(unit, by)| {
                let texts = candidate.texts_of(unit);
                texts.map(|text| short_hash(self.kind, *by, &by.fold(text)))
            })
            .collect();
        let met = hashes
            .iter()
            .any(|hash| self.claimed.contains(hash) || view.was_made_with(*hash));
        if !met {
            self.claimed.extend(hashes);
        }
        met
    }

    /// All that the batch's new people are known by.
    pub(super) fn into_hashes(self) -> HashSet<ShortHash> {
        self.claimed
    }
}

/// By what a resource is known: the mapping's rules of correlation, and its userName.
pub(super) fn known_by(mapping: &Mapping, kind: Kind) -> Vec<(Unit, By)> {
    let rules = mapping.kind(kind).map(|k| &k.match_on);
    let mut units: Vec<(Unit, By)> = rules
        .into_iter()
        .flatten()
        .filter_map(|unit| by_of(unit).map(|by| (unit.clone(), by)))
        .collect();
    if kind == Kind::User && !units.iter().any(|(_, by)| *by == By::UserName) {
        units.push((Unit::from_canonical("userName"), By::UserName));
    }
    units
}

/// The texts by which a document can be found, as they stand in it.
pub(super) fn texts(document: &Document, by: By) -> Vec<String> {
    let one = |text: Option<&str>| text.map(str::to_owned).into_iter().collect();
    match by {
        By::Email => document.emails().map(str::to_owned).collect(),
        By::EmployeeNumber => one(document
            .get(&employee_number())
            .and_then(|number| number.as_str())),
        _ => one(document.text(by.as_str())),
    }
}

/// One entry, one rule: who carries the value, and may the entry be theirs?
fn judge(
    setup: &Setup,
    view: &View,
    unit: &Unit,
    ids: &[ResourceId],
    links: &HashMap<ResourceId, Vec<Link>>,
) -> Match {
    let own = |id: &ResourceId| -> Vec<&Link> {
        let all = links.get(id).into_iter().flatten();
        all.filter(|l| is_of(l, setup.source.id)).collect()
    };
    // A name that somebody had before is no proof that it is the same person.
    let had_it_before = |id: &&ResourceId| {
        let own = own(id);
        !own.is_empty() && !is_strong(unit) && own.iter().all(|link| view.has_left(link))
    };
    let ids: Vec<ResourceId> = ids
        .iter()
        .filter(|id| setup.several_entries || !had_it_before(id))
        .copied()
        .collect();
    match ids.as_slice() {
        [] => Match::New,
        [one] => match own(one).iter().find(|link| !view.has_left(link)) {
            Some(link) if !setup.several_entries => Match::Unsure(format!(
                "its {unit} is that of the entry with key {}, which this source still lists: two entries for one person; correct one of them, or set several_entries_per_person if that is meant",
                link.key
            )),
            _ => Match::Is(*one),
        },
        several => Match::Unsure(format!(
            "{} resources have its {unit}: it cannot be told whose entry this is; make the value unique, or correlate by another attribute",
            several.len()
        )),
    }
}

/// Two new entries that correlate with one person are a conflict for both.
fn refuse_sharing(setup: &Setup, answers: &mut [Match], candidates: &[&Candidate]) {
    if setup.several_entries {
        return;
    }
    let mut claims: HashMap<ResourceId, Vec<usize>> = HashMap::new();
    for (index, answer) in answers.iter().enumerate() {
        if let Match::Is(id) = answer {
            claims.entry(*id).or_default().push(index);
        }
    }
    for claimants in claims.into_values().filter(|c| c.len() > 1) {
        let keys: Vec<String> = claimants
            .iter()
            .filter_map(|i| candidates.get(*i))
            .map(|c| c.key.to_string())
            .collect();
        for index in claimants {
            if let Some(answer) = answers.get_mut(index) {
                *answer = Match::Conflict(format!(
                    "the entries with keys {} correlate with one and the same person; correct one of them, or set several_entries_per_person if that is meant",
                    keys.join(" and ")
                ));
            }
        }
    }
}

fn is_of(link: &Link, source: SourceId) -> bool {
    link.source == source
}

/// Values that belong to a person for good, not to a mailbox or login that is given on.
fn is_strong(unit: &Unit) -> bool {
    unit.as_str() == "externalId" || *unit == employee_number()
}

fn by_of(unit: &Unit) -> Option<By> {
    match unit.as_str() {
        "userName" => Some(By::UserName),
        "externalId" => Some(By::ExternalId),
        "displayName" => Some(By::DisplayName),
        "emails" => Some(By::Email),
        _ if *unit == employee_number() => Some(By::EmployeeNumber),
        _ => None,
    }
}
