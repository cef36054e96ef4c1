//! A source of kind `push`: a connection over which an identity provider pushes. It is
//! written in the file (`[sources.NAME]`), or made at run time and kept in the store, where
//! its settings are the same keys in the same spelling.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollcall_directory::entry::Kind;
use rollcall_directory::merge::Priorities;
use rollcall_directory::profile::Profile;

use super::Tenant;
use super::environment::Environment;
use super::policy::{Leavers, Limit, UnknownMembers};
use super::problem::Problems;
use super::rate::Rate;
use super::section::{Desk, Section};
use super::source::{or_word, read_priorities, read_tenant};
use super::tree::{self, Place, Value};

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PushSource {
    /// Its name.
    pub(crate) name: String,
    /// Its tenant's name.
    pub(crate) tenant: String,
    /// How much it counts.
    pub(crate) priorities: Priorities,
    /// Whether its "not active" beats everybody's "active".
    pub(crate) active_is_binding: bool,
    /// Whether it takes no writes, by configuration.
    pub(crate) paused: bool,
    /// How its requests are served.
    pub(crate) settings: Arc<PushSettings>,
}

/// How the requests of a connection are served.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PushSettings {
    /// Whose spelling is put right.
    pub(crate) profile: Profile,
    /// What becomes of members whom nobody here is.
    pub(crate) unknown_members: UnknownMembers,
    /// How a PATCH is answered; `None`: as the profile likes it.
    pub(crate) patch_answer: Option<PatchAnswer>,
    /// How long whom it deletes can come back, and when nobody's resources go for good.
    pub(crate) grace: Grace,
    /// How many it may deactivate and delete.
    pub(crate) guard: PushGuards,
    /// How much it may ask for.
    pub(crate) limits: RequestLimits,
    /// How many requests the inspector keeps.
    pub(crate) log_size: LogSize,
}

impl PushSettings {
    /// Whether a PATCH of such a resource is answered without a body, unless the client
    /// asks for attributes.
    pub(crate) fn patch_without_body(&self, kind: Kind) -> bool {
        match self.patch_answer {
            Some(PatchAnswer::NoContent) => true,
            Some(PatchAnswer::Resource) => false,
            None => kind == Kind::Group && self.profile.prefers_no_content_for_groups(),
        }
    }
}

/// How a PATCH is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchAnswer {
    /// 200 with the resource.
    Resource,
    /// 204 without a body.
    NoContent,
}

/// How long what is deleted can come back; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grace(pub(crate) Option<Duration>);

impl Default for Grace {
    fn default() -> Self {
        Self(Leavers::default().delete_after)
    }
}

/// How many requests the inspector keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogSize(pub(crate) u32);

impl Default for LogSize {
    fn default() -> Self {
        Self(200)
    }
}

/// How many of its active people a connection may deactivate or delete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PushGuards {
    /// Of the people whom it holds and who are active.
    pub(crate) removals: Limit,
    /// How long they add up.
    pub(crate) window: Duration,
}

impl Default for PushGuards {
    fn default() -> Self {
        Self {
            removals: Limit::new(20.0, 50),
            window: Duration::from_hours(1),
        }
    }
}

/// How much a connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestLimits {
    /// How often it may ask.
    pub(crate) rate: Rate,
    /// Bytes of a request's body.
    pub(crate) body_bytes_max: u64,
    /// Operations of one bulk request.
    pub(crate) bulk_operations_max: u32,
    /// Nesting of a filter.
    pub(crate) filter_depth_max: u32,
}

impl RequestLimits {
    /// The largest body that a setting may allow.
    const BODY_BYTES_CEILING: u64 = 64 * 1024 * 1024;
    /// No filter may be nested deeper, whatever a setting says.
    const FILTER_DEPTH_CEILING: u64 = 64;
    const BULK_OPERATIONS_CEILING: u64 = 100_000;
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            rate: Rate::OF_A_CONNECTION,
            body_bytes_max: 1024 * 1024,
            bulk_operations_max: 1_000,
            filter_depth_max: 64,
        }
    }
}

impl PushSource {
    /// The most requests that an inspector may be told to keep.
    const LOG_SIZE_CEILING: u64 = 10_000;
    /// The word of [`PushSource::is_one`].
    pub(crate) const KIND: &str = "push";

    /// Whether a section is one of these.
    pub(super) fn is_one(section: &Section<'_>) -> bool {
        let kind = section.node("kind").map(|node| &node.value);
        matches!(kind, Some(Value::Text(kind)) if kind == Self::KIND)
    }

    /// A section of the file that [`PushSource::is_one`].
    pub(super) fn read(
        name: &str,
        section: Section<'_>,
        tenants: &BTreeMap<String, Tenant>,
    ) -> Self {
        let tenant = read_tenant(&section, tenants);
        Self::of(name, tenant, section)
    }

    /// A connection that was made at run time, from the text that the store keeps: the
    /// keys of a section, without `kind` and `tenant`.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub(crate) fn parse(name: &str, tenant: &str, text: &str) -> Result<Self, Problems> {
        let path = Path::new(name);
        let environment = Environment::default();
        let (parsed, errors) = toml::de::DeTable::parse_recoverable(text);
        let table = tree::of_table(parsed.get_ref());
        let desk = Desk::new(path, text, &environment);
        for error in &errors {
            let place = Place::File(error.span().unwrap_or(0..0));
            desk.error(&place, error.message(), None);
        }
        let section = Section::new(&desk, "", Place::File(0..0), &table);
        let source = Self::of(name, tenant.to_owned(), section);
        let (problems, _) = desk.into_problems();
        if problems.has_error() {
            return Err(problems);
        }
        Ok(source)
    }

    fn of(name: &str, tenant: String, section: Section<'_>) -> Self {
        let source = Self {
            name: name.to_owned(),
            tenant,
            priorities: read_priorities(&section),
            active_is_binding: section
                .word("active", &[("binding", true), ("precedence", false)])
                .unwrap_or(true),
            paused: section.flag("paused", false),
            settings: Arc::new(settings(&section)),
        };
        section.finish();
        source
    }
}

fn settings(section: &Section<'_>) -> PushSettings {
    let profiles = Profile::ALL.map(|profile| (profile.as_str(), profile));
    let members = [
        ("accept", UnknownMembers::Accepted),
        ("refuse", UnknownMembers::Refused),
    ];
    let answers = [
        ("resource", PatchAnswer::Resource),
        ("no-content", PatchAnswer::NoContent),
    ];
    let log_size = section
        .number("log_size", 0, PushSource::LOG_SIZE_CEILING)
        .and_then(|n| u32::try_from(n).ok());
    PushSettings {
        profile: section.word("profile", &profiles).unwrap_or_default(),
        unknown_members: section.word("members", &members).unwrap_or_default(),
        patch_answer: section.word("patch_answer", &answers),
        grace: grace(section.section("leavers")),
        guard: guard(section.section("guard")),
        limits: limits(section.section("limits")),
        log_size: log_size.map(LogSize).unwrap_or_default(),
    }
}

fn grace(section: Section<'_>) -> Grace {
    let grace = section
        .parsed("delete_after", or_word("never"))
        .map(Grace)
        .unwrap_or_default();
    section.finish();
    grace
}

fn guard(section: Section<'_>) -> PushGuards {
    let default = PushGuards::default();
    let mut removals = Limit::new(
        section
            .share("removals")
            .unwrap_or(default.removals.percent),
        section
            .number("at_least", 0, u64::MAX)
            .unwrap_or(default.removals.at_least),
    );
    if let Some(at_most) = section.number("at_most", 0, u64::MAX) {
        removals.at_most = at_most;
    }
    let guard = PushGuards {
        removals,
        window: section.duration("window", default.window),
    };
    section.finish();
    guard
}

fn limits(section: Section<'_>) -> RequestLimits {
    let default = RequestLimits::default();
    let number = |key, to, default: u32| {
        section
            .number(key, 1, to)
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(default)
    };
    let limits = RequestLimits {
        rate: Rate::read(&section, default.rate),
        body_bytes_max: section
            .number("body_bytes_max", 1, RequestLimits::BODY_BYTES_CEILING)
            .unwrap_or(default.body_bytes_max),
        bulk_operations_max: number(
            "bulk_operations_max",
            RequestLimits::BULK_OPERATIONS_CEILING,
            default.bulk_operations_max,
        ),
        filter_depth_max: number(
            "filter_depth_max",
            RequestLimits::FILTER_DEPTH_CEILING,
            default.filter_depth_max,
        ),
    };
    section.finish();
    limits
}
