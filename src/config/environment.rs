//! The environment of the process: the one place that reads it. Secrets, overrides and the
//! credentials folder of systemd come from here, so tests can give their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What overrides start with.
const PREFIX: &str = "ROLLCALL_";
/// What stands between the names of an override.
const SEPARATOR: &str = "__";

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Environment {
    /// That of this process. Variables that are not UTF-8 are left out.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub(crate) fn of_process() -> Self {
        let text = |v: std::ffi::OsString| v.into_string().ok();
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
                .collect(),
        )
    }

    /// A made-up one.
    #[cfg(test)]
    pub(crate) fn of(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }

    /// One variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether colours are wanted (<https://no-color.org>) and understood.
    pub(crate) fn wants_colours(&self) -> bool {
        self.get("NO_COLOR").is_none_or(str::is_empty) && self.get("TERM") != Some("dumb")
    }

    /// Where systemd puts the credentials of a unit.
    pub(crate) fn credentials(&self) -> Option<PathBuf> {
        self.get("CREDENTIALS_DIRECTORY").map(PathBuf::from)
    }

    /// `ROLLCALL_SERVER__LISTEN` as (its name, `[server, listen]`, its value).
    pub(crate) fn overrides(&self) -> impl Iterator<Item = (&str, Vec<String>, &str)> {
        self.0.iter().filter_map(|(name, value)| {
            let rest = name.strip_prefix(PREFIX)?;
            if !rest.contains(SEPARATOR) {
                return None;
            }
            let parts = rest.to_lowercase();
            let parts = parts.split(SEPARATOR).map(str::to_owned).collect();
            Some((name.as_str(), parts, value.as_str()))
        })
    }
}
