//! The program under test: a folder with a configuration, a store, and commands that are
//! run in it.

#![allow(dead_code, clippy::allow_attributes, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

/// The databases that every test of the engine runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// An installation of Rollcall in a folder of its own.
#[derive(Debug)]
pub(crate) struct Rollcall {
    folder: TempDir,
    store_url: String,
    sources: String,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The answer of a command with `--json`.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }

    /// Fails the test unless it ended with that code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

impl Rollcall {
    /// `sources` is the text of the `[sources.…]` sections; `{folder}` in it is the folder.
    pub(crate) fn new(database: Database, sources: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store_url = match database {
            Database::Sqlite => format!("sqlite:{}", folder.path().join("rollcall.db").display()),
            Database::Postgres => super::postgres::Postgres::shared().database(),
        };
        let rollcall = Self {
            folder,
            store_url,
            sources: String::new(),
        };
        rollcall.with_sources(sources)
    }

    /// Another set of sources from now on.
    pub(crate) fn with_sources(mut self, sources: &str) -> Self {
        self.set_sources(sources);
        self
    }

    /// See [`Self::with_sources`].
    pub(crate) fn set_sources(&mut self, sources: &str) {
        self.sources = sources.replace("{folder}", &self.folder.path().display().to_string());
        self.write(
            "rollcall.toml",
            &format!("[tenants.example]\nname = \"Example\"\n\n{}", self.sources),
        );
    }

    /// The folder of configuration, mappings and files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The store's file, on SQLite.
    pub(crate) fn store_file(&self) -> PathBuf {
        self.folder.path().join("rollcall.db")
    }

    /// The store's URL.
    pub(crate) fn store_url(&self) -> &str {
        &self.store_url
    }

    /// Writes a file beside the configuration, as a careful export does: aside, then
    /// renamed.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let aside = path.with_extension("new");
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, path).unwrap();
    }

    /// Another store from now on.
    pub(crate) fn set_store(&mut self, url: String) {
        self.store_url = url;
    }

    /// A command that is about to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("ROLLCALL_STORE__URL", &self.store_url)
            .arg("--config")
            .arg(self.folder.path().join("rollcall.toml"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments))
    }

    /// Runs a command whose clock is so many days ahead.
    pub(crate) fn run_later(&self, days: u32, arguments: &[&str]) -> Ended {
        ended(
            self.command(arguments)
                .env("ROLLCALL_TEST_CLOCK_OFFSET", format!("{days}d")),
        )
    }

    /// Runs a command whose clock is so many hours ahead.
    pub(crate) fn run_hours_later(&self, hours: u32, arguments: &[&str]) -> Ended {
        ended(
            self.command(arguments)
                .env("ROLLCALL_TEST_CLOCK_OFFSET", format!("{hours}h")),
        )
    }

    /// Starts a command and lets it go on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// One run of a source, as JSON; fails the test unless it ended with that code.
    #[track_caller]
    pub(crate) fn sync(&self, source: &str, code: i32) -> Json {
        self.run(&["--json", "sync", source]).exits(code).json()
    }

    /// A person's attributes and state; `None` if there is no such person.
    pub(crate) fn user(&self, name: &str) -> Option<Json> {
        self.show("user", name)
    }

    /// A group with its members' names.
    pub(crate) fn group(&self, name: &str) -> Option<Json> {
        self.show("group", name)
    }

    fn show(&self, kind: &str, name: &str) -> Option<Json> {
        let ended = self.run(&["--json", kind, "show", name]);
        (ended.code == 0).then(|| ended.json()[0].clone())
    }

    /// The whole directory without ids and times, to compare two.
    pub(crate) fn dump(&self) -> String {
        self.run(&["dump"]).exits(0).stdout
    }

    /// The journal's last number: grows with every change.
    pub(crate) fn journal_end(&self) -> i64 {
        self.run(&["--json", "journal", "--limit", "1"])
            .exits(0)
            .json()[0]["seq"]
            .as_i64()
            .unwrap_or_default()
    }
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
