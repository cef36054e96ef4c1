//! One source, ready to run: its settings, its mapping, its connector, and what counts
//! for the people whom it shares with other sources.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rollcall_connectors::{Connector, KindRequest, ReadRequest};
use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::merge::{MergeRules, Priorities, Voice, merge};
use rollcall_directory::schema::{Schemas, Unit};
use rollcall_mapping::{Mapping, SourceKind};
use rollcall_store::connections::KeptConnection;
use rollcall_store::ids::SourceId;
use rollcall_store::records::{Link, Presence, Source, Tenant};
use rollcall_store::{Store, StoreError};

use crate::config::policy::{Guards, Leavers, Limits};
use crate::config::{self, Config, PushSource};

/// What there is of every source, whether it is read or pushes: enough to put back what it
/// did.
#[derive(Debug, Clone)]
pub(crate) struct Footing {
    /// What the store remembers of it.
    pub(crate) source: Source,
    /// Its tenant's name.
    pub(crate) tenant_name: String,
    /// Of all settings that decide who is read.
    pub(crate) settings: Fingerprint,
    /// The guards.
    pub(crate) guards: Guards,
    /// All sources of the tenant.
    pub(crate) voices: Arc<Voices>,
    /// The tenant's schemas.
    pub(crate) schemas: Arc<Schemas>,
}

/// See the module. What it stands on can be used as its own.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What is not about reading.
    pub(crate) footing: Footing,
    /// How to read it.
    pub(crate) connector: Arc<dyn Connector>,
    /// How entries become contributions.
    pub(crate) mapping: Arc<Mapping>,
    /// The mapping file's text, kept so that values can be explained later.
    pub(crate) mapping_text: Arc<str>,
    /// Joined with the mapping's filters.
    pub(crate) user_filter: Option<String>,
    /// See `user_filter`.
    pub(crate) group_filter: Option<String>,
    /// What absence means.
    pub(crate) leavers: Leavers,
    /// Whether it is no longer configured, and all that it said is taken back.
    pub(crate) retires: bool,
    /// How much a run takes in.
    pub(crate) limits: Limits,
    /// The source's own time zone: a contract ends with the day there.
    pub(crate) time_zone: jiff::tz::TimeZone,
    /// Whether one person may have several entries here.
    pub(crate) several_entries: bool,
}

impl std::ops::Deref for Setup {
    type Target = Footing;

    fn deref(&self) -> &Footing {
        &self.footing
    }
}

impl Setup {
    /// What the connector is asked for.
    pub(crate) fn request(&self) -> ReadRequest {
        request(
            &self.mapping,
            self.user_filter.as_deref(),
            self.group_filter.as_deref(),
        )
    }
}

/// What a connector is asked for: all that the mapping uses, under both filters.
pub(crate) fn request(
    mapping: &Mapping,
    user_filter: Option<&str>,
    group_filter: Option<&str>,
) -> ReadRequest {
    let of = |kind: Kind, own: Option<&str>| {
        mapping.kind(kind).map(|mapped| KindRequest {
            filter: join_filters(mapping.source_kind(), mapped.filter.as_deref(), own),
            key: mapped.key.clone(),
            attributes: Some(mapped.attributes.clone()),
        })
    };
    ReadRequest {
        users: of(Kind::User, user_filter),
        groups: of(Kind::Group, group_filter),
        sample: None,
    }
}

/// Both must hold (LDAP: RFC 4515, SCIM: RFC 7644 §3.4.2.2).
fn join_filters(kind: SourceKind, mapping: Option<&str>, source: Option<&str>) -> Option<String> {
    match (mapping, source) {
        (Some(a), Some(b)) if kind == SourceKind::Scim => Some(format!("({a}) and ({b})")),
        (one, other) if kind == SourceKind::Scim => one.or(other).map(str::to_owned),
        (Some(a), Some(b)) => Some(format!("(&{}{})", in_parentheses(a), in_parentheses(b))),
        (Some(one), None) | (None, Some(one)) => Some(in_parentheses(one)),
        (None, None) => None,
    }
}

fn in_parentheses(filter: &str) -> String {
    let filter = filter.trim();
    if filter.starts_with('(') {
        filter.to_owned()
    } else {
        format!("({filter})")
    }
}

/// How much the sources of a tenant count, and how their words are joined.
#[derive(Debug, Clone, Default)]
pub(crate) struct Voices {
    /// By source.
    pub(crate) of: HashMap<SourceId, VoiceSettings>,
    /// The tenant's rules.
    pub(crate) rules: MergeRules,
}

/// How much one source counts.
#[derive(Debug, Clone)]
pub(crate) struct VoiceSettings {
    /// Its name.
    pub(crate) name: String,
    /// Its numbers.
    pub(crate) priorities: Priorities,
    /// Whether its "not active" beats everybody's "active".
    pub(crate) active_is_binding: bool,
}

impl Voices {
    /// What the sources of `links` together say.
    pub(crate) fn merge(&self, kind: Kind, links: &[&Link], schemas: &Schemas) -> Document {
        // While a source lists the person by one entry, another entry of its own that has
        // gone says nothing about them.
        let listed: HashSet<SourceId> = links
            .iter()
            .filter(|link| link.presence == Presence::Present)
            .map(|link| link.source)
            .collect();
        let spoken: Vec<(SourceId, std::borrow::Cow<'_, Contribution>)> = links
            .iter()
            .filter(|link| link.presence != Presence::Disabled || !listed.contains(&link.source))
            .filter_map(|link| Some((link.source, effective(link)?)))
            .collect();
        let unknown = VoiceSettings::unknown();
        let voices: Vec<Voice<'_>> = spoken
            .iter()
            .map(|(source, contribution)| {
                let settings = self.of.get(source).unwrap_or(&unknown);
                Voice {
                    source: &settings.name,
                    priorities: &settings.priorities,
                    active_is_binding: settings.active_is_binding,
                    contribution,
                }
            })
            .collect();
        merge(kind, &voices, &self.rules, schemas)
    }
}

impl Voices {
    /// What a source is called.
    pub(crate) fn name_of(&self, source: SourceId) -> String {
        self.of.get(&source).map_or_else(
            || format!("source {source} (no longer configured)"),
            |settings| settings.name.clone(),
        )
    }

    /// A source's number for an attribute: the smaller wins.
    pub(crate) fn priority(&self, source: SourceId, unit: &Unit) -> u32 {
        self.of
            .get(&source)
            .map_or(u32::MAX, |settings| settings.priorities.of(unit))
    }
}

impl Voices {
    /// Those of a tenant: the sources of the configuration, and the connections that were
    /// made at run time, unless the configuration has a source of their name.
    pub(crate) async fn of_tenant(
        config: &Config,
        store: &Store,
        tenant: &Tenant,
    ) -> Result<Self, StoreError> {
        let mut all: Vec<(&str, &str, VoiceSettings)> = Vec::new();
        for source in config.sources.values().filter(|s| s.tenant == tenant.name) {
            let voice = VoiceSettings {
                name: source.name.clone(),
                priorities: source.priorities.clone(),
                active_is_binding: source.active_is_binding,
            };
            all.push((&source.name, source.kind.as_str(), voice));
        }
        let connections = config.connections.values();
        for source in connections.filter(|s| s.tenant == tenant.name) {
            all.push((
                &source.name,
                PushSource::KIND,
                VoiceSettings::from(&**source),
            ));
        }
        let mut of = HashMap::new();
        for (name, kind, voice) in all {
            let record = store.ensure_source(tenant.id, name, kind).await?;
            of.insert(record.id, voice);
        }
        for kept in store.kept_connections().await? {
            if kept.tenant.id == tenant.id && !config.has_source(&kept.source.name) {
                of.insert(kept.source.id, VoiceSettings::from(&kept_source(&kept)?));
            }
        }
        let rules = config
            .tenants
            .get(&tenant.name)
            .map(config::Tenant::merge_rules)
            .unwrap_or_default();
        Ok(Self { of, rules })
    }
}

/// The settings of a connection that was made at run time.
pub(crate) fn kept_source(kept: &KeptConnection) -> Result<PushSource, StoreError> {
    let name = &kept.source.name;
    PushSource::parse(name, &kept.tenant.name, &kept.settings).map_err(|problems| {
        StoreError::Corrupt {
            what: format!("the settings of connection {name}: {problems}"),
        }
    })
}

impl From<&PushSource> for VoiceSettings {
    fn from(source: &PushSource) -> Self {
        Self {
            name: source.name.clone(),
            priorities: source.priorities.clone(),
            active_is_binding: source.active_is_binding,
        }
    }
}

impl VoiceSettings {
    /// A source that is no longer in the configuration speaks last.
    pub(crate) fn unknown() -> Self {
        Self {
            name: String::new(),
            priorities: Priorities::all(u32::MAX),
            active_is_binding: true,
        }
    }
}

/// What counts of a link: nothing when it is withdrawn; "not active" when its entry is
/// gone and the policy disables.
pub(crate) fn effective(link: &Link) -> Option<std::borrow::Cow<'_, Contribution>> {
    use std::borrow::Cow;
    match link.presence {
        Presence::Present => Some(Cow::Borrowed(&link.contribution)),
        Presence::Withdrawn => None,
        Presence::Disabled => {
            let mut contribution = link.contribution.clone();
            contribution.say(
                Unit::from_canonical("active"),
                serde_json::Value::Bool(false),
            );
            Some(Cow::Owned(contribution))
        }
    }
}
