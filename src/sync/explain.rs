//! Why is this value there? For one person or group: each value with the source, the
//! entry, the mapping line and the run that gave it, and what lost against it.

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_directory::contribution::Contribution;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::{Schemas, Unit};
use rollcall_mapping::Mapping;
use rollcall_store::ids::{LinkId, ResourceId, RunId, TenantId};
use rollcall_store::records::{JournalEvent, JournalQuery, Link, Presence, Resource};
use rollcall_store::{By, Store, StoreError};
use serde::Serialize;
use serde_json::Value as Json;

use super::push;
use super::setup::{VoiceSettings, Voices, effective};

/// How far back in a resource's journal it is looked for when something was pushed.
const LINES_LOOKED_AT_MAX: u32 = 2_000;

/// See the module.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Explanation {
    /// Its SCIM id.
    pub(crate) id: String,
    /// User or group.
    pub(crate) kind: Kind,
    /// What people call it.
    pub(crate) name: String,
    /// Whether it may sign in.
    pub(crate) active: bool,
    /// Why it is not active, or that no source holds it any more.
    pub(crate) because: Option<String>,
    /// The entries that it is made of.
    pub(crate) entries: Vec<EntryExplained>,
    /// Its values.
    pub(crate) values: Vec<ValueExplained>,
    /// The groups that it is a member of, directly.
    pub(crate) groups: Vec<MembershipExplained>,
    /// References of its entries that name nobody.
    pub(crate) dangling: Vec<String>,
}

/// One entry behind a resource.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EntryExplained {
    /// Its source.
    pub(crate) source: String,
    /// The source's priority number.
    pub(crate) priority: u32,
    /// Its key.
    pub(crate) key: String,
    /// Where it is.
    pub(crate) locator: String,
    /// Present, disabled or withdrawn.
    pub(crate) presence: Presence,
    /// Since when it is gone.
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) gone_since: Option<time::OffsetDateTime>,
    /// The run that last wrote it.
    pub(crate) run: i64,
}

/// One value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ValueExplained {
    /// The attribute.
    pub(crate) unit: Unit,
    /// The value that counts; `None`: the winner says that there is none.
    pub(crate) value: Option<Json>,
    /// Who says so.
    pub(crate) said_by: Vec<Saying>,
    /// Who says something else.
    pub(crate) overruled: Vec<Saying>,
}

/// What one source says about one attribute.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Saying {
    /// The source.
    pub(crate) source: String,
    /// The value; `Null`: "there is none".
    pub(crate) value: Json,
    /// The mapping file and its lines: `hr-http.toml:14  userName = login`.
    pub(crate) lines: Vec<String>,
}

/// One membership.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MembershipExplained {
    /// The group.
    pub(crate) group: String,
    /// The sources that say so.
    pub(crate) sources: Vec<String>,
}

/// Finds a person or group by userName, e-mail, SCIM id, externalId or display name.
pub(crate) async fn find(
    store: &Store,
    tenant: TenantId,
    kind: Kind,
    text: &str,
) -> Result<Vec<Resource>, StoreError> {
    let orders = match kind {
        Kind::User => [
            By::UserName,
            By::Uuid,
            By::Email,
            By::ExternalId,
            By::FreedName,
            By::DisplayName,
        ]
        .as_slice(),
        Kind::Group | Kind::Custom(_) => [By::DisplayName, By::Uuid, By::ExternalId].as_slice(),
    };
    for by in orders {
        let found = store
            .resources_by(tenant, kind, *by, &[text.to_owned()])
            .await?;
        if !found.is_empty() {
            let ids: Vec<ResourceId> = found.into_iter().map(|(_, id)| id).collect();
            return store.resources(&ids).await;
        }
    }
    Ok(Vec::new())
}

/// Explains one resource.
pub(crate) async fn explain(
    store: &Store,
    resource: &Resource,
    voices: &Voices,
    schemas: &Schemas,
) -> Result<Explanation, StoreError> {
    let mut links = store.links_of(&[resource.id]).await?;
    links.sort_by_key(|link| {
        let settings = voices.of.get(&link.source);
        (settings.map_or(u32::MAX, |s| s.priorities.default), link.id)
    });
    let origins = Origins {
        mappings: mappings(store, &links, schemas).await?,
        pushes: pushes(store, resource, &links).await?,
    };
    let ids: Vec<_> = links.iter().map(|l| l.id).collect();
    let dangling = store
        .pending_of(&ids)
        .await?
        .into_iter()
        .map(|p| format!("{}: {}", p.reference.unit, p.reference.name.text))
        .collect();
    let active = resource.orphaned.is_none() && resource.document.active();
    Ok(Explanation {
        id: resource.uuid.to_string(),
        kind: resource.kind,
        name: super::name_of(resource),
        active,
        because: inactive_because(resource, &links, voices, active),
        entries: links.iter().map(|link| entry(link, voices)).collect(),
        values: values(resource, &links, voices, &origins),
        groups: memberships(store, resource.id, voices).await?,
        dangling,
    })
}

async fn mappings(
    store: &Store,
    links: &[Link],
    schemas: &Schemas,
) -> Result<HashMap<rollcall_directory::fingerprint::Fingerprint, Arc<Mapping>>, StoreError> {
    let mut compiled = HashMap::new();
    for link in links {
        if compiled.contains_key(&link.mapping) {
            continue;
        }
        if let Some(text) = store.mapping_text(link.mapping).await?
            && let Ok(mapping) = Mapping::compile(&text.name, &text.text, schemas)
        {
            compiled.insert(link.mapping, Arc::new(mapping));
        }
    }
    Ok(compiled)
}

fn entry(link: &Link, voices: &Voices) -> EntryExplained {
    let unknown = VoiceSettings::unknown();
    let settings = voices.of.get(&link.source).unwrap_or(&unknown);
    EntryExplained {
        source: settings.name.clone(),
        priority: settings.priorities.default,
        key: link.key.to_string(),
        locator: link.locator.to_string(),
        presence: link.presence,
        gone_since: link.gone_since,
        run: link.run.0,
    }
}

fn values(
    resource: &Resource,
    links: &[Link],
    voices: &Voices,
    origins: &Origins,
) -> Vec<ValueExplained> {
    let mut units: Vec<Unit> = links
        .iter()
        .filter(|link| link.presence != Presence::Withdrawn)
        .flat_map(|link| link.contribution.iter().map(|(unit, _)| unit.clone()))
        .collect();
    units.extend(resource.document.units().into_iter().map(|(unit, _)| unit));
    units.sort();
    units.dedup();
    units
        .into_iter()
        .filter_map(|unit| {
            let value = resource.document.get(&unit).cloned();
            let mut said_by = Vec::new();
            let mut overruled = Vec::new();
            for link in links {
                let Some(contribution) = effective(link) else {
                    continue;
                };
                let Some(said) = contribution.says(&unit) else {
                    continue;
                };
                let saying = Saying {
                    source: source_name(link, voices),
                    value: said.clone(),
                    lines: origins.lines(link, &unit),
                };
                if Some(said) == value.as_ref() || (said.is_null() && value.is_none()) {
                    said_by.push(saying);
                } else {
                    overruled.push(saying);
                }
            }
            // "There is none" from all sides is no news.
            let news = value.is_some() || !overruled.is_empty();
            news.then_some(ValueExplained {
                unit,
                value,
                said_by,
                overruled,
            })
        })
        .collect()
}

fn source_name(link: &Link, voices: &Voices) -> String {
    voices.of.get(&link.source).map_or_else(
        || format!("source {} (no longer configured)", link.source),
        |s| s.name.clone(),
    )
}

/// Where what sources say comes from.
struct Origins {
    mappings: HashMap<rollcall_directory::fingerprint::Fingerprint, Arc<Mapping>>,
    /// By link that pushes: when each attribute was said, and in which run.
    pushes: HashMap<LinkId, HashMap<Unit, (time::OffsetDateTime, RunId)>>,
}

impl Origins {
    /// The lines of a mapping, or the push, by which a link says something.
    fn lines(&self, link: &Link, unit: &Unit) -> Vec<String> {
        if unit.as_str() == "active" && link.presence == Presence::Disabled {
            return vec!["leaver policy: the source does not list this entry any more".to_owned()];
        }
        if let Some(pushes) = self.pushes.get(&link.id) {
            return vec![match pushes.get(unit) {
                Some((at, run)) => format!("pushed over SCIM at {}, run {run}", day(*at)),
                None => format!("pushed over SCIM, in run {} or before", link.run),
            }];
        }
        let Some(mapping) = self.mappings.get(&link.mapping) else {
            return Vec::new();
        };
        mapping
            .line_of(link.kind, unit)
            .into_iter()
            .map(|l| {
                format!(
                    "{}.toml:{}  {} = {}",
                    mapping.name(),
                    l.line,
                    l.target,
                    l.expression
                )
            })
            .collect()
    }
}

/// When each attribute that is pushed was said: the journal keeps what a link said before
/// each change.
async fn pushes(
    store: &Store,
    resource: &Resource,
    links: &[Link],
) -> Result<HashMap<LinkId, HashMap<Unit, (time::OffsetDateTime, RunId)>>, StoreError> {
    let sources = store.sources(resource.tenant).await?;
    let pushes = |link: &&Link| {
        let mut sources = sources.iter();
        sources.any(|s| s.id == link.source && s.kind == push::KIND)
    };
    let mut said: HashMap<LinkId, HashMap<Unit, (time::OffsetDateTime, RunId)>> = HashMap::new();
    let mut states: HashMap<LinkId, Contribution> = HashMap::new();
    for link in links.iter().filter(pushes) {
        said.insert(link.id, HashMap::new());
        states.insert(link.id, link.contribution.clone());
    }
    if said.is_empty() {
        return Ok(said);
    }
    let query = JournalQuery {
        resource: Some(resource.id),
        limit: LINES_LOOKED_AT_MAX,
        newest_first: true,
        ..JournalQuery::default()
    };
    for line in store.journal(resource.tenant, &query).await? {
        let (Some(link), Some(run)) = (line.link, line.actor.run()) else {
            continue;
        };
        let (Some(state), Some(units)) = (states.get_mut(&link), said.get_mut(&link)) else {
            continue;
        };
        let before = match line.event {
            JournalEvent::LinkChanged { before } => before.contribution,
            JournalEvent::Created | JournalEvent::Linked => Contribution::default(),
            _ => continue,
        };
        for (unit, value) in state.iter() {
            if before.says(unit) != Some(value) {
                units.entry(unit.clone()).or_insert((line.at, run));
            }
        }
        *state = before;
    }
    Ok(said)
}

fn inactive_because(
    resource: &Resource,
    links: &[Link],
    voices: &Voices,
    active: bool,
) -> Option<String> {
    if active {
        return None;
    }
    if let Some(since) = resource.orphaned {
        return Some(format!("no source holds it any more, since {}", day(since)));
    }
    let unit = Unit::from_canonical("active");
    links.iter().find_map(|link| {
        let said = effective(link)?.says(&unit).cloned()?;
        (said == Json::Bool(false)).then(|| match link.gone_since {
            Some(since) => format!(
                "{} does not list it any more, since {}",
                source_name(link, voices),
                day(since)
            ),
            None => format!("{} says so", source_name(link, voices)),
        })
    })
}

fn day(at: time::OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_else(|_| at.date().to_string())
}

async fn memberships(
    store: &Store,
    member: ResourceId,
    voices: &Voices,
) -> Result<Vec<MembershipExplained>, StoreError> {
    let mut sources: HashMap<ResourceId, Vec<String>> = HashMap::new();
    for (group, source) in store.groups_of(member).await? {
        let name = voices
            .of
            .get(&source)
            .map_or_else(|| source.to_string(), |s| s.name.clone());
        sources.entry(group).or_default().push(name);
    }
    let ids: Vec<ResourceId> = sources.keys().copied().collect();
    let mut explained: Vec<MembershipExplained> = store
        .resources(&ids)
        .await?
        .iter()
        .map(|group| MembershipExplained {
            group: super::name_of(group),
            sources: sources.remove(&group.id).unwrap_or_default(),
        })
        .collect();
    explained.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(explained)
}
