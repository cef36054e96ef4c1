//! `rollcall serve` as a process: what was synchronised can be looked at over HTTP, and
//! SIGTERM ends it well.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::Value as Json;
use tempfile::TempDir;

/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

const MAPPING: &str = include_str!("../mappings/people-csv.toml");

const PEOPLE: &str = "\
id,login,first_name,last_name,email,department,title,active
1001,zoe.rueegg,Zoé,Rüegg,zoe@example.org,Research,Analyst,yes
1002,haruto.saito,陽翔,斎藤,haruto@example.org,Finance,,no
";

/// A folder with a configuration and one file source, and the port that it says.
struct Installation {
    folder: TempDir,
    base: String,
}

/// The running server; killed if a test fails before it has stopped it.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = free.local_addr().unwrap();
        let config = format!(
            r#"
[server]
listen = "{listen}"
public_url = "http://{listen}"

[store]
url = "sqlite:{store}"

[tenants.example]
name = "Example"

[sources.people]
kind = "file"
mapping = "people-csv"
priority = 10
format = "csv"
users_file = "{people}"
"#,
            store = path("rollcall.db"),
            people = path("people.csv"),
        );
        std::fs::create_dir(path("mappings")).unwrap();
        std::fs::write(path("mappings/people-csv.toml"), MAPPING).unwrap();
        std::fs::write(path("people.csv"), PEOPLE).unwrap();
        std::fs::write(path("rollcall.toml"), config).unwrap();
        Self {
            base: format!("http://{listen}"),
            folder,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let config: PathBuf = self.folder.path().join("rollcall.toml");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.arg("--config").arg(config).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(status.success(), "{arguments:?}: {status} {stderr}");
        String::from_utf8(stdout).unwrap()
    }

    /// A token, as `token create` shows it.
    fn token(&self) -> String {
        let said = self.run(&["token", "create", "test"]);
        let mut words = said.split_ascii_whitespace();
        let token = words.find(|word| word.starts_with("rc_"));
        token
            .unwrap_or_else(|| panic!("no token in {said}"))
            .to_owned()
    }

    /// Starts the server and waits until it is ready.
    async fn serve(&self) -> Serving {
        let mut command = self.command(&["serve"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut serving = Serving(command.spawn().unwrap());
        let deadline = Instant::now() + DEADLINE;
        loop {
            let ended = serving.0.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}");
            let ready = reqwest::get(format!("{}/health/ready", self.base)).await;
            if ready.is_ok_and(|response| response.status().is_success()) {
                return serving;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Serving {
    /// Sends a signal by its name and waits for the end: the exit code.
    async fn stopped_by(&mut self, signal: &str) -> Option<i32> {
        let process = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(sent.unwrap().success());
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not stop");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

#[tokio::test]
async fn what_was_synchronised_can_be_looked_at_over_scim() {
    let installation = Installation::new();
    installation.run(&["sync", "people"]);
    let token = installation.token();
    let mut serving = installation.serve().await;

    let get = async |path: &str| {
        let request = Client::new().get(format!("{}{path}", installation.base));
        let response = request.bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let text = response.text().await.unwrap();
        serde_json::from_str::<Json>(&text).unwrap()
    };
    let everybody = get("/scim/v2/Users").await;
    assert_eq!(everybody["totalResults"], 2);
    let found = get("/scim/v2/Users?filter=userName%20eq%20%22HARUTO.saito%22").await;
    let person = &found["Resources"][0];
    assert_eq!(person["name"]["familyName"], "斎藤");
    assert_eq!(person["active"], false);
    let location = person["meta"]["location"].as_str().unwrap();
    let path = location.strip_prefix(&installation.base).unwrap();
    assert_eq!(get(path).await["id"], person["id"]);
    let id = person["id"].as_str().unwrap();
    get(&format!("/t/example/scim/v2/Users/{id}")).await;

    let bare = reqwest::get(format!("{}/scim/v2/Users", installation.base)).await;
    assert_eq!(bare.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(serving.stopped_by("TERM").await, Some(0));
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_then_on() {
    let installation = Installation::new();
    let token = installation.token();
    let _serving = installation.serve().await;
    let status = async || {
        let request = Client::new().get(format!("{}/scim/v2/Users", installation.base));
        let response = request.bearer_auth(&token).send().await;
        response.unwrap().status()
    };
    assert_eq!(status().await, StatusCode::OK);
    installation.run(&["token", "revoke", "test"]);
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_metrics_say_how_many_people_there_are() {
    let installation = Installation::new();
    installation.run(&["sync", "people"]);
    let mut serving = installation.serve().await;
    let metrics = reqwest::get(format!("{}/metrics", installation.base)).await;
    let metrics = metrics.unwrap().text().await.unwrap();
    for line in [
        "rollcall_users{tenant=\"example\"} 2",
        "rollcall_users_active{tenant=\"example\"} 1",
        "rollcall_source_overdue{tenant=\"example\",source=\"people\"} 0",
        "rollcall_source_last_read{tenant=\"example\",source=\"people\",verdict=\"complete\"} 1",
        "rollcall_source_last_read{tenant=\"example\",source=\"people\",verdict=\"failed\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
    }
    let last = "rollcall_source_last_complete_timestamp_seconds{";
    assert!(
        metrics.lines().any(|found| found.starts_with(last)),
        "{metrics}"
    );
    assert_eq!(serving.stopped_by("INT").await, Some(0));
}
