//! A real PostgreSQL for a test process: one server, started when the first test asks for
//! it, with a database of its own for each test. Depends on no crate of ours, so that
//! every test binary can include it.
//!
//! The server dies with the process, even when that is killed: a shell holds the reading
//! end of a pipe whose writing end only we hold, and stops the server when the pipe ends.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const HOW_TO_INSTALL: &str = "PostgreSQL is needed: apt-get install postgresql";
const VERSIONS: &str = "/usr/lib/postgresql";
const START_DEADLINE: Duration = Duration::from_mins(1);
/// Who runs the server when the tests are run by root, whom PostgreSQL refuses.
const ACCOUNT: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    as_root: bool,
    databases: AtomicU32,
    /// Ends when this process does.
    _watchdog: Child,
}

impl Postgres {
    /// The server of this process.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        self.create("template0")
    }

    /// The URL of a new database with all that the one at `url` holds. Nobody may be
    /// connected to that one.
    pub fn copy_of(&self, url: &str) -> String {
        let name = url.rsplit('/').next().expect("a database in the URL");
        self.create(name)
    }

    fn create(&self, template: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.psql(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
        self.url(&name)
    }

    /// Runs SQL in a database, given by its URL; returns what it answers, a row a line.
    pub fn sql(&self, url: &str, sql: &str) -> String {
        let name = url.rsplit('/').next().expect("a database in the URL");
        self.psql(name, sql)
    }

    /// Everything in a database, given by its URL, as text.
    pub fn dump(&self, url: &str) -> String {
        let name = url.rsplit('/').next().expect("a database in the URL");
        let mut command = Command::new(self.bin.join("pg_dump"));
        command
            .args(["--inserts", "-U", ACCOUNT, "-h"])
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), name]);
        output_of(&mut command)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{ACCOUNT}@127.0.0.1:{}/{database}", self.port)
    }

    fn psql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(self.bin.join("psql"));
        command
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                ACCOUNT,
            ])
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        output_of(&mut command)
    }

    fn start() -> Self {
        let bin = newest_version();
        let folder = tempfile::Builder::new()
            .prefix("rollcall-postgres-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let as_root = effective_user() == 0;
        if as_root {
            // The account must reach the folder, and own it.
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(&folder, open).expect("permissions");
            output_of(Command::new("chown").arg(ACCOUNT).arg(&folder));
        }
        let mut server = Self {
            port: free_port(),
            databases: AtomicU32::new(0),
            as_root,
            _watchdog: watchdog(&folder),
            bin,
            folder,
        };
        server.initialise();
        // Another process may take the port between our look and the server's start.
        let deadline = Instant::now() + START_DEADLINE;
        while !server.launch() {
            assert!(Instant::now() < deadline, "no start: {}", server.log());
            server.port = free_port();
        }
        server
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A program of PostgreSQL, run by somebody who is not root.
    fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if self.as_root {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }

    fn initialise(&self) {
        let data = self.data();
        output_of(self.program("initdb").arg("-D").arg(data).args([
            "-U",
            ACCOUNT,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]));
    }

    /// Starts the server; `false`: it did not come up.
    fn launch(&self) -> bool {
        let options = format!(
            "-p {} -k {} -h 127.0.0.1 -c fsync=off -c full_page_writes=off \
             -c synchronous_commit=off -c max_connections=200 -c shared_buffers=64MB",
            self.port,
            self.folder.display()
        );
        self.program("pg_ctl")
            .args(["start", "-w", "-s", "-D"])
            .arg(self.data())
            .arg("-l")
            .arg(self.folder.join("log"))
            .arg("-o")
            .arg(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect(HOW_TO_INSTALL)
            .success()
    }
}

/// The newest PostgreSQL that is installed.
fn newest_version() -> PathBuf {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(VERSIONS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").exists().then_some((version, bin))
        })
        .collect();
    versions.sort();
    versions.pop().expect(HOW_TO_INSTALL).1
}

/// Waits for our end; then stops the server and removes its folder.
fn watchdog(folder: &Path) -> Child {
    // A signal to the test run's group must not end the watchdog before its work is done.
    let script = "trap '' INT TERM HUP; read -r _; \
         pid=$(head -n 1 \"$0/data/postmaster.pid\" 2>/dev/null) && kill -QUIT \"$pid\"; \
         for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 \"$pid\" 2>/dev/null || break; sleep 0.1; done; \
         rm -rf \"$0\"";
    Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

fn effective_user() -> u32 {
    output_of(Command::new("id").arg("-u"))
        .trim()
        .parse()
        .expect("a user number")
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn output_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect(HOW_TO_INSTALL);
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
