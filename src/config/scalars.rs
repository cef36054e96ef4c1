//! Durations, percentages and secrets as the file writes them.

use std::path::Path;
use std::time::Duration;

use rollcall_connectors::Secret;

use super::section::Section;
use super::tree::{Node, Value};

/// In milliseconds.
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `500ms`, `30s`, `15m`, `24h`, `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let units = [
        ("ms", 1),
        ("s", SECOND),
        ("m", MINUTE),
        ("h", HOUR),
        ("d", DAY),
    ];
    units
        .iter()
        .find_map(|(unit, milliseconds)| {
            let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
            Some(Duration::from_millis(number.checked_mul(*milliseconds)?))
        })
        .ok_or_else(|| {
            format!(
                "{text:?} is no duration; write a number and s, m, h or d, like \"30s\" or \"24h\""
            )
        })
}

/// `5%`, `2.5%`.
fn percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .and_then(|number| number.trim().parse().ok())
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| {
            format!("{text:?} is no share; write a number from 0 to 100 and %, like \"5%\"")
        })
}

/// Why a secret is not to be had.
struct Why {
    what: String,
    /// `None`: the usual one.
    remedy: Option<String>,
    /// It is written as it should be, but not there for this process.
    absent: bool,
}

impl Why {
    fn of(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            remedy: None,
            absent: false,
        }
    }

    fn absent(what: &str) -> Self {
        Self {
            absent: true,
            ..Self::of(what)
        }
    }
}

impl Section<'_> {
    /// A share in percent.
    pub(crate) fn share(&self, key: &'static str) -> Option<f64> {
        if let Some(node) = self.node(key)
            && let Value::Integer(number) = node.value
        {
            let example = format!("\"{}%\"", number.clamp(0, 100));
            self.wrong(key, node, "a share in quotes", &example);
            return None;
        }
        self.parsed(key, percent)
    }

    /// A duration above zero, or the default.
    pub(crate) fn duration(&self, key: &'static str, default: Duration) -> Duration {
        if let Some(node) = self.node(key)
            && let Value::Integer(number) = node.value
        {
            let example = format!("\"{}s\"", number.max(1));
            self.wrong(key, node, "a duration in quotes", &example);
            return default;
        }
        self.parsed(key, duration).unwrap_or(default)
    }

    /// A secret from where it is kept.
    pub(crate) fn secret(&self, key: &'static str) -> Option<Secret> {
        let node = self.node(key)?;
        self.secret_of(key, node)
    }

    /// See [`Section::secret`]; for keys whose names are free.
    pub(crate) fn secret_of(&self, key: &str, node: &Node) -> Option<Secret> {
        const REMEDY: &str = "write { env = \"NAME\" }, { file = \"path\" } or { credential = \"name\" }; { insecure = \"…\" } for a trial";
        let mut place = &node.place;
        let secret = match &node.value {
            Value::Table(table) => match table.iter().next() {
                Some((kind, inner)) if table.len() == 1 => {
                    place = &inner.place;
                    match &inner.value {
                        Value::Text(text) => self.fetch(kind, text, node),
                        _ => Err(Why::of("is no text")),
                    }
                }
                _ => Err(Why::of("must say one place where the secret is kept")),
            },
            _ => Err(Why::of("must not stand in the configuration as it is")),
        };
        match secret {
            Ok(text) if text.is_empty() => {
                self.desk
                    .error(place, format!("the secret `{key}` is empty"), None);
                None
            }
            Ok(text) => Some(Secret::new(text)),
            Err(why) => {
                let help = why.remedy.unwrap_or_else(|| REMEDY.to_owned());
                let message = format!("the secret `{key}` of [{}] {}", self.name, why.what);
                if why.absent && self.name.starts_with("sources.") {
                    self.desk.absent(&self.name, place, message, help);
                    return Some(Secret::new(String::new()));
                }
                self.desk.error(place, message, Some(help));
                None
            }
        }
    }

    fn fetch(&self, kind: &str, text: &str, node: &Node) -> Result<String, Why> {
        let environment = self.desk.environment;
        match kind {
            "env" => environment
                .get(text)
                .map(str::to_owned)
                .ok_or_else(|| Why {
                    what: format!("is to come from the variable {text}, which is not set"),
                    remedy: Some(format!(
                        "set {text} in the environment of this command and of the service (export {text}=…), or keep the secret in a file: {{ file = \"path\" }}"
                    )),
                    absent: true,
                }),
            "file" => self.read_secret(&self.desk.beside(text), node),
            "credential" => {
                let folder = environment.credentials().ok_or_else(|| {
                    Why::absent("is to come from a systemd credential, but CREDENTIALS_DIRECTORY is not set")
                })?;
                self.read_secret(&folder.join(text), node)
            }
            "insecure" => Ok(text.to_owned()),
            other => Err(Why::of(&format!("cannot be kept in `{other}`"))),
        }
    }

    fn read_secret(&self, path: &Path, node: &Node) -> Result<String, Why> {
        use std::os::unix::fs::PermissionsExt as _;
        let text = std::fs::read_to_string(path)
            .map_err(|e| Why::absent(&format!("cannot be read from {}: {e}", path.display())))?;
        let open_to_all =
            std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o004 != 0);
        if open_to_all {
            self.desk.warning(
                &node.place,
                format!("everybody on this machine may read {}", path.display()),
                Some(format!("chmod 600 {}", path.display())),
            );
        }
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}
