//! Why a file cannot be taken. Each variant is a sentence for its administrator.

use std::io;

/// What ends the read of a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The operating system refuses it.
    #[error("{file} cannot be {action}: {source}")]
    System {
        file: String,
        action: &'static str,
        source: io::Error,
    },
    #[error(
        "{0} cannot be opened: No such file; look whether the export has run, and at users_file \
         and groups_file, which are relative to the configuration's folder"
    )]
    Missing(String),
    #[error("{0} is not a regular file: name the file that the export writes")]
    NotRegular(String),
    #[error(
        "{file} was last written {age} hours ago, more than the {allowed} that age_max allows: \
         see why the export did not run"
    )]
    TooOld {
        file: String,
        age: u64,
        allowed: u64,
    },
    #[error(
        "{0} changed while it was read: let the export write another file beside it and rename \
         that when it is finished"
    )]
    Changed(String),
    #[error(
        "{file} is cut off at line {line} ({detail}): it is still being written, or its export \
         broke off; nothing of it is taken"
    )]
    Cut {
        file: String,
        line: u64,
        detail: &'static str,
    },
    #[error("{file}, line {line}: {detail}")]
    Refused {
        file: String,
        line: u64,
        detail: String,
    },
    #[error(
        "{file}: {count} of {of} records are malformed, the first on line {line} ({detail}); more \
         than 1 % means that the file is not what it should be: look at its delimiter and export"
    )]
    Malformed {
        file: String,
        count: u64,
        of: u64,
        line: u64,
        detail: String,
    },
    #[error("{0}")]
    Settings(String),
    #[error("the run was cancelled while {0} was read")]
    Cancelled(String),
}
