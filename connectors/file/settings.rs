//! The settings of one file source.

use std::path::PathBuf;
use std::time::Duration;

/// One file, or one for users and one for groups, read as a stream.
#[derive(Debug, Clone)]
pub struct Settings {
    /// People; with LDIF the same file may hold groups too.
    pub users: Option<PathBuf>,
    /// Groups.
    pub groups: Option<PathBuf>,
    /// How to read them.
    pub format: Format,
    /// How to read octets without a byte order mark.
    pub encoding: Encoding,
    /// A file older than this is a missed delivery: the read failed. `None`: any age.
    pub age_max: Option<Duration>,
    /// How LDIF entries are told apart: an entry is a user (a group) when one of its
    /// objectClass values is listed, ignoring case.
    pub user_classes: Vec<String>,
    /// See `user_classes`.
    pub group_classes: Vec<String>,
}

impl Settings {
    /// 48 hours: a nightly export that failed once is noticed.
    pub const AGE_MAX_DEFAULT: Duration = Duration::from_hours(48);
}

/// The format of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180 with a header line.
    Csv {
        /// `,` unless set.
        delimiter: u8,
        /// Splits one field into several values; `None`: a field is one value.
        value_separator: Option<String>,
    },
    /// One JSON object a line.
    JsonLines,
    /// RFC 2849, content records.
    Ldif,
}

/// How octets are text when no byte order mark says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// The default.
    Utf8,
    /// ISO 8859-1.
    Latin1,
    /// Windows-1252.
    Windows1252,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
}
