//! `[sources.NAME]`: what all kinds of sources have in common.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_connectors::{Connector, ConnectorError, file, http, ldap, scim};
use rollcall_directory::entry::Kind;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::merge::Priorities;
use rollcall_directory::schema::Schemas;
use rollcall_mapping::{Mapping, SourceKind as MappingKind};

use super::policy::{Guards, LeaverAction, Leavers, Limits, Schedule};
use super::problem::{Level, Problem, Problems, Spot};
use super::push_source::PushSource;
use super::section::{Section, did_you_mean};
use super::tree::Value;
use super::{
    Tenant, file_source, guards, http_source, ldap_source, mappings, scalars, scim_source,
};

const PRIORITY_DEFAULT: u32 = 100;

/// See the module.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) kind: SourceKind,
    pub(crate) connector: ConnectorSettings,
    /// Its secrets that are not there for this process: it cannot be opened.
    pub(crate) absent_secrets: Problems,
    /// The mapping's name.
    pub(crate) mapping: String,
    /// Its file. It need not exist if the mapping ships with Rollcall.
    pub(crate) mapping_path: PathBuf,
    /// Joined with the mapping's filter.
    pub(crate) user_filter: Option<String>,
    /// See `user_filter`.
    pub(crate) group_filter: Option<String>,
    pub(crate) priorities: Priorities,
    /// Whether its "not active" beats everybody's "active".
    pub(crate) active_is_binding: bool,
    /// `None`: runs only when told.
    pub(crate) schedule: Option<Schedule>,
    pub(crate) leavers: Leavers,
    pub(crate) guards: Guards,
    pub(crate) limits: Limits,
    /// IANA name: a contract ends with the day there.
    pub(crate) time_zone: String,
    pub(crate) several_entries_per_person: bool,
    /// Not run, neither by schedule nor by hand.
    pub(crate) paused: bool,
    /// Where its section begins.
    place: Spot,
    /// Where its mapping is named.
    mapping_place: Spot,
    /// Where the file of its authorities is named.
    ca_place: Spot,
    /// Where its guard names the administrators' groups.
    administrators_place: Spot,
}

/// The kinds of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Ldap,
    Scim,
    Http,
    File,
}

impl SourceKind {
    /// The word in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ldap => "ldap",
            Self::Scim => "scim",
            Self::Http => "http",
            Self::File => "file",
        }
    }

    /// Whether such a source applies a filter itself.
    fn filters(self) -> bool {
        matches!(self, Self::Ldap | Self::Scim)
    }
}

/// How a source is read.
#[derive(Debug, Clone)]
pub(crate) enum ConnectorSettings {
    Ldap(ldap::settings::Settings),
    Scim(Box<scim::settings::Settings>),
    Http(Box<http::settings::Settings>),
    File(file::settings::Settings),
}

impl Source {
    /// The connector, ready to read. Connects to nothing.
    ///
    /// # Errors
    /// Settings that cannot work, told at the source's section.
    pub(crate) fn open(&self) -> Result<Box<dyn Connector>, Problems> {
        if self.absent_secrets.has_error() {
            return Err(self.absent_secrets.clone());
        }
        if let ConnectorSettings::Ldap(settings) = &self.connector
            && let Some(why) = ldap_source::untrusted(settings)
        {
            let help = "name a PEM file with the authority's certificate, readable for the user that runs Rollcall, or leave `ca_file` out to trust the system's authorities";
            return Err(self.ca_place.problem(why, Some(help.to_owned())));
        }
        self.connector()
            .map_err(|error| self.place.problem(error.to_string(), None))
    }

    fn connector(&self) -> Result<Box<dyn Connector>, ConnectorError> {
        Ok(match &self.connector {
            ConnectorSettings::Ldap(s) => Box::new(ldap::LdapConnector::new(s.clone())?),
            ConnectorSettings::Scim(s) => Box::new(scim::ScimConnector::new((**s).clone())?),
            ConnectorSettings::Http(s) => Box::new(http::HttpConnector::new((**s).clone())?),
            ConnectorSettings::File(s) => Box::new(file::FileConnector::new(s.clone())?),
        })
    }

    /// Of all settings that decide who is read: a change makes every absence doubtful.
    /// No secrets, no time-outs.
    pub(crate) fn settings_fingerprint(&self, mapping: Fingerprint) -> Fingerprint {
        let connector = match &self.connector {
            ConnectorSettings::Ldap(s) => ldap_source::who_is_read(s),
            ConnectorSettings::Scim(s) => scim_source::who_is_read(s),
            ConnectorSettings::Http(s) => http_source::who_is_read(s),
            ConnectorSettings::File(s) => file_source::who_is_read(s),
        };
        let own = format!("{:?} {:?}", self.user_filter, self.group_filter);
        let kind = self.kind.as_str();
        let parts = [
            &mapping.0[..],
            kind.as_bytes(),
            own.as_bytes(),
            connector.as_bytes(),
        ];
        Fingerprint::of_parts(parts)
    }

    /// Its mapping, compiled, and the mapping's text.
    ///
    /// # Errors
    /// What is wrong with the file, and what in it does not suit this source.
    pub(crate) fn load_mapping(&self, schemas: &Schemas) -> Result<(Mapping, String), Problems> {
        let (mapping, text) = mappings::load(&self.mapping, &self.mapping_path, schemas)?;
        self.must_suit(&mapping, &text)?;
        Ok((mapping, text))
    }

    /// An LDIF file is what a directory server says, so it takes a mapping for either.
    fn must_suit(&self, mapping: &Mapping, text: &str) -> Result<(), Problems> {
        let written_for = mapping.source_kind();
        let suits = match (&self.connector, written_for) {
            (ConnectorSettings::Ldap(_), MappingKind::Ldap)
            | (ConnectorSettings::Scim(_), MappingKind::Scim)
            | (ConnectorSettings::Http(_), MappingKind::Http)
            | (ConnectorSettings::File(_), MappingKind::File) => true,
            (ConnectorSettings::File(s), MappingKind::Ldap) => {
                s.format == file::settings::Format::Ldif
            }
            _ => false,
        };
        if !suits {
            let message = format!(
                "the mapping {} is for sources of kind \"{}\", but {} is of kind \"{}\"",
                self.mapping,
                written_for.as_str(),
                self.name,
                self.kind.as_str()
            );
            let help = format!(
                "name another mapping, or copy it and write kind = \"{}\" in the copy",
                self.kind.as_str()
            );
            return Err(self.mapping_place.problem(message, Some(help)));
        }
        if self.kind == SourceKind::Ldap {
            return self.filters_must_be_right(mapping, text);
        }
        if self.kind.filters() {
            return Ok(());
        }
        let filters: Vec<Problem> = [Kind::User, Kind::Group]
            .into_iter()
            .filter_map(|kind| {
                let message = format!("{} is a file, and files take no filter", self.name);
                let mut problem = mapping.problem_at_filter(kind, message)?;
                problem.help = Some(
                    "copy the mapping without its filter, or set user_classes and group_classes"
                        .to_owned(),
                );
                Some(problem)
            })
            .collect();
        if filters.is_empty() {
            return Ok(());
        }
        let path = &self.mapping_path;
        Err(Problems::of_mapping(Level::Error, path, text, filters))
    }

    /// The mapping's filters, without asking a server.
    fn filters_must_be_right(&self, mapping: &Mapping, text: &str) -> Result<(), Problems> {
        let wrong: Vec<Problem> = [Kind::User, Kind::Group]
            .into_iter()
            .filter_map(|kind| {
                let filter = mapping.kind(kind)?.filter.clone()?;
                let why = ldap_source::filter_problem(&filter)?;
                mapping.problem_at_filter(kind, why)
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let path = &self.mapping_path;
        Err(Problems::of_mapping(Level::Error, path, text, wrong))
    }

    /// What to say of a group of the administrators' guard that no entry of the source
    /// becomes.
    pub(crate) fn unknown_administrators(&self, name: &str, groups: &[String]) -> Problems {
        let message = format!(
            "`administrators` names {name}, and no group of {} becomes that: unless another source brings it, nobody is protected, and every run that would end somebody waits for approval",
            self.name
        );
        let help = did_you_mean(name, groups.iter().map(String::as_str));
        let spot = &self.administrators_place;
        Problems(vec![spot.finding(Level::Warning, message, help)])
    }

    pub(super) fn read(
        name: &str,
        section: Section<'_>,
        tenants: &BTreeMap<String, Tenant>,
        mappings_folder: Option<&Path>,
    ) -> Self {
        let kind = read_kind(&section);
        let mapping = section.required("mapping");
        let mapping_path = mappings::place(&section, &mapping, mappings_folder);
        let mut source = Self {
            name: name.to_owned(),
            absent_secrets: Problems::default(),
            tenant: read_tenant(&section, tenants),
            kind: kind.unwrap_or(SourceKind::File),
            connector: match kind {
                Some(SourceKind::Ldap) => ConnectorSettings::Ldap(ldap_source::read(&section)),
                Some(SourceKind::Scim) => {
                    ConnectorSettings::Scim(Box::new(scim_source::read(&section)))
                }
                Some(SourceKind::Http) => {
                    ConnectorSettings::Http(Box::new(http_source::read(&section)))
                }
                Some(SourceKind::File) => ConnectorSettings::File(file_source::read(&section)),
                None => ConnectorSettings::File(file_source::nothing()),
            },
            mapping,
            mapping_path,
            user_filter: section.text("user_filter"),
            group_filter: section.text("group_filter"),
            priorities: read_priorities(&section),
            active_is_binding: section
                .word("active", &[("binding", true), ("precedence", false)])
                .unwrap_or(true),
            schedule: section.section_if("schedule").map(read_schedule),
            leavers: read_leavers(section.section("leavers")),
            guards: guards::read(section.section("guard")),
            limits: read_limits(&section),
            time_zone: time_zone(&section),
            several_entries_per_person: section.flag("several_entries_per_person", false),
            paused: section.flag("paused", false),
            place: section.own_spot(),
            mapping_place: section.spot("mapping"),
            ca_place: place_of_authorities(kind, &section),
            administrators_place: section.section("guard").spot("administrators"),
        };
        if kind.is_some_and(|kind| !kind.filters()) {
            takes_no_filter(&section);
        }
        source.absent_secrets = section.desk.absent_in(&section.name);
        if kind.is_some() {
            section.finish();
        }
        source
    }
}

/// Asked for only where there is such a key: elsewhere it stays unknown.
fn place_of_authorities(kind: Option<SourceKind>, section: &Section<'_>) -> Spot {
    match kind {
        Some(SourceKind::Ldap) => section.spot("ca_file"),
        _ => section.own_spot(),
    }
}

fn takes_no_filter(section: &Section<'_>) {
    for key in ["user_filter", "group_filter"] {
        if section.has(key) {
            section.error_at(
                key,
                format!("`{key}` has no meaning here: only LDAP and SCIM sources filter"),
                Some(
                    "take it out; narrow the URL or the export instead, or let `active` decide in the mapping".to_owned(),
                ),
            );
        }
    }
}

fn read_kind(section: &Section<'_>) -> Option<SourceKind> {
    let kinds = [
        ("ldap", Some(SourceKind::Ldap)),
        ("scim", Some(SourceKind::Scim)),
        ("http", Some(SourceKind::Http)),
        ("file", Some(SourceKind::File)),
        // Read elsewhere; here so that it is among the words that are offered.
        (PushSource::KIND, None),
    ];
    if !section.has("kind") {
        section.missing("kind");
    }
    section.word("kind", &kinds).flatten()
}

pub(super) fn read_tenant(section: &Section<'_>, tenants: &BTreeMap<String, Tenant>) -> String {
    let mut names = tenants.keys();
    match (section.text("tenant"), names.next(), names.next()) {
        (Some(name), ..) => {
            if !tenants.contains_key(&name) {
                section.error_at(
                    "tenant",
                    format!("there is no [tenants.{name}]"),
                    did_you_mean(&name, tenants.keys().map(String::as_str)),
                );
            }
            name
        }
        (None, Some(only), None) => only.clone(),
        (None, ..) => {
            section.missing("tenant");
            String::new()
        }
    }
}

pub(super) fn read_priorities(section: &Section<'_>) -> Priorities {
    let number = |n: u64| u32::try_from(n).ok();
    let default = section
        .number_like(
            "priority",
            0,
            u64::from(u32::MAX),
            u64::from(PRIORITY_DEFAULT),
        )
        .and_then(number)
        .unwrap_or(PRIORITY_DEFAULT);
    let mut of = BTreeMap::new();
    for (attribute, node) in section.free("priorities") {
        match &node.value {
            Value::Integer(n) if u32::try_from(*n).is_ok() => {
                of.insert(attribute.to_owned(), u32::try_from(*n).unwrap_or(default));
            }
            _ => section.wrong(attribute, node, "a whole number", "10"),
        }
    }
    Priorities { default, of }
}

fn read_leavers(section: Section<'_>) -> Leavers {
    let default = Leavers::default();
    let actions = [
        LeaverAction::Keep,
        LeaverAction::Disable,
        LeaverAction::Withdraw,
    ];
    let leavers = Leavers {
        action: section
            .word("action", &actions.map(|action| (action.as_str(), action)))
            .unwrap_or(default.action),
        delete_after: section
            .parsed("delete_after", or_word("never"))
            .unwrap_or(default.delete_after),
    };
    section.finish();
    leavers
}

fn read_limits(section: &Section<'_>) -> Limits {
    let default = Limits::default();
    let number = |key, default| section.number(key, 1, u64::MAX).unwrap_or(default);
    Limits {
        entries_max: number("entries_max", default.entries_max),
        changes_bytes_max: number("changes_bytes_max", default.changes_bytes_max),
    }
}

/// A duration, or a word for "none".
pub(super) fn or_word(word: &str) -> impl Fn(&str) -> Result<Option<Duration>, String> {
    move |text| {
        if text == word {
            return Ok(None);
        }
        scalars::duration(text)
            .map(Some)
            .map_err(|why| format!("{why}, or {word:?}"))
    }
}

fn read_schedule(section: Section<'_>) -> Schedule {
    section.required("cron");
    let schedule = Schedule {
        cron: section.parsed("cron", cron).unwrap_or_default(),
        time_zone: time_zone(&section),
        jitter: section.duration("jitter", Duration::ZERO),
    };
    section.finish();
    schedule
}

/// Five fields; the crate wants seconds before them.
fn cron(text: &str) -> Result<String, String> {
    use std::str::FromStr as _;
    let count = text.split_whitespace().count();
    if count != 5 {
        return Err(format!(
            "{text:?} has {count} fields; write five: minute, hour, day of month, month, day of week"
        ));
    }
    cron::Schedule::from_str(&format!("0 {text}"))
        .map(|_| text.to_owned())
        .map_err(|e| e.to_string())
}

fn time_zone(section: &Section<'_>) -> String {
    section
        .parsed("time_zone", |name| {
            jiff::tz::TimeZone::get(name)
                .map(|_| name.to_owned())
                .map_err(|_| format!("{name:?} is no time zone; write one like \"Europe/Zurich\""))
        })
        .unwrap_or_else(|| "UTC".to_owned())
}
