//! A file held open: what is read is one state of it, or the read fails.
//!
//! The path is opened once and every pass reads through that descriptor. Size, time of
//! change and inode are noted before and looked at again afterwards, by descriptor (did
//! somebody write into it?) and by path (was another file put in its place?).

use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::problem::Problem;
use super::settings::Encoding;
use super::text::Decoder;

/// The state of a file at one moment.
#[derive(Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// An open file with the state in which it was found.
#[derive(Debug)]
pub(super) struct Descriptor {
    path: PathBuf,
    file: File,
    state: State,
}

impl Descriptor {
    /// Opens `path`; refuses what is no regular file or older than `age_max`.
    pub(super) fn open(path: &Path, age_max: Option<Duration>) -> Result<Self, Problem> {
        let named = |action| move |source| system(path, action, source);
        // Asked first: opening a pipe would wait for somebody to write into it.
        let found = std::fs::metadata(path).map_err(named("opened"))?;
        if !found.is_file() {
            return Err(Problem::NotRegular(path.display().to_string()));
        }
        let file = File::open(path).map_err(named("opened"))?;
        let metadata = file.metadata().map_err(named("examined"))?;
        let modified = metadata.modified().map_err(named("examined"))?;
        // A time in the future is a clock that differs, not an old file.
        let age = modified.elapsed().unwrap_or_default();
        if let Some(allowed) = age_max
            && age > allowed
        {
            return Err(Problem::TooOld {
                file: path.display().to_string(),
                age: age.as_secs() / 3600,
                allowed: allowed.as_secs() / 3600,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            state: State::of(&metadata),
            file,
        })
    }

    /// The path, for messages.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// In octets.
    pub(super) fn size(&self) -> u64 {
        self.state.size
    }

    /// The text from its beginning. One reader at a time: they share one position.
    pub(super) fn text(&self, encoding: Encoding) -> Result<Decoder<&File>, Problem> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0))
            .map_err(|source| system(&self.path, "read", source))?;
        Ok(Decoder::new(file, encoding))
    }

    /// Fails unless the file is still what it was when it was opened.
    pub(super) fn unchanged(&self) -> Result<(), Problem> {
        let held = self
            .file
            .metadata()
            .map_err(|source| system(&self.path, "examined", source))?;
        let placed = std::fs::metadata(&self.path);
        let same = State::of(&held) == self.state
            && placed.is_ok_and(|placed| State::of(&placed) == self.state);
        if same {
            Ok(())
        } else {
            Err(Problem::Changed(self.name()))
        }
    }

    /// A failure of the system while reading this file.
    pub(super) fn unreadable(&self, source: io::Error) -> Problem {
        system(&self.path, "read", source)
    }
}

fn system(path: &Path, action: &'static str, source: io::Error) -> Problem {
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = file.display().to_string();
    if action == "opened" && source.kind() == io::ErrorKind::NotFound {
        return Problem::Missing(file);
    }
    Problem::System {
        file,
        action,
        source,
    }
}
