//! Who holds a lease, in words that another process can tell an administrator.

use std::fmt;

use uuid::Uuid;

/// What stands between the parts in a lease's row; no host name has one (RFC 1123 §2.1).
const BETWEEN: char = '/';

/// A process that runs sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    host: String,
    process: u32,
    /// Process ids come again; this does not.
    unique: Uuid,
}

impl Owner {
    /// This process.
    #[expect(
        clippy::disallowed_methods,
        reason = "tells processes apart; it is no id of the directory"
    )]
    pub(crate) fn this_process() -> Self {
        let host = hostname::get().unwrap_or_default();
        Self {
            host: host.to_string_lossy().replace(BETWEEN, "-"),
            process: std::process::id(),
            unique: Uuid::new_v4(),
        }
    }

    /// As the row of a lease has it: `HOST/PROCESS/UUID`.
    pub(super) fn text(&self) -> String {
        format!(
            "{}{BETWEEN}{}{BETWEEN}{}",
            self.host, self.process, self.unique
        )
    }

    /// The owner whom a row names.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, BETWEEN);
        Some(Self {
            host: parts.next()?.to_owned(),
            process: parts.next()?.parse().ok()?,
            unique: parts.next()?.parse().ok()?,
        })
    }
}

/// `process 4711 on db1`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.process)?;
        if self.host.is_empty() {
            return Ok(());
        }
        write!(f, " on {}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_holds_is_told_in_words() {
        let owner = Owner {
            host: "db1.example.org".to_owned(),
            process: 4_711,
            unique: Uuid::nil(),
        };
        let read = Owner::parse(&owner.text()).unwrap();
        assert_eq!(read, owner);
        assert_eq!(read.to_string(), "process 4711 on db1.example.org");
        assert_eq!(Owner::parse("something else"), None);
    }
}
