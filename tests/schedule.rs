//! `rollcall serve` runs sources by their schedule: when they are due, what was missed
//! once, none that is paused; and a stop lets a run that is going on end well.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::hr_service::{Fault, HrService};
use crate::harness::rollcall::{Database, Rollcall};

/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const HOUR_SECONDS: i64 = 3_600;

fn source(name: &str, more: &str) -> String {
    format!(
        r#"
[sources.{name}]
kind = "file"
format = "csv"
users_file = "{name}.csv"
mapping = "people-csv"
schedule = {{ cron = "* * * * *" }}
{more}
"#
    )
}

fn people(names: &[&str]) -> String {
    let mut text = "id,login,first_name,last_name,email,department,title,active\n".to_owned();
    for name in names {
        text.extend([format!(
            "{name},{name},First,Last,{name}@example.org,,,yes\n"
        )]);
    }
    text
}

/// A server with its log in a file; killed if a test fails before it has stopped it.
struct Serving<'a> {
    child: Child,
    rollcall: &'a Rollcall,
    base: String,
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl<'a> Serving<'a> {
    /// Starts it some seconds before a full minute, so and so many seconds from now.
    fn shortly_before_a_minute(rollcall: &'a Rollcall, later: i64) -> Self {
        let second = time::OffsetDateTime::now_utc().unix_timestamp() % 60;
        Self::ahead(rollcall, (55 - second).rem_euclid(60) + later)
    }

    /// Starts it with a clock that is so many seconds ahead.
    fn ahead(rollcall: &'a Rollcall, offset: i64) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = free.local_addr().unwrap().to_string();
        drop(free);
        let child = rollcall
            .command(&["serve"])
            .env("ROLLCALL_TEST_CLOCK_OFFSET", format!("{offset}s"))
            .env("ROLLCALL_SERVER__LISTEN", &listen)
            .env("ROLLCALL_TEST_LEASE", "2s")
            .stdout(Stdio::null())
            .stderr(File::create(rollcall.folder().join("log")).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            rollcall,
            base: format!("http://{listen}"),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.rollcall.folder().join("log")).unwrap()
    }

    #[track_caller]
    fn wait_for(&mut self, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !condition(self) {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{ended:?} {}",
                self.log()
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// SIGTERM, and the exit code.
    fn stop(mut self) -> Option<i32> {
        let process = self.child.id().to_string();
        let sent = Command::new("kill").arg(process).status().unwrap();
        assert!(sent.success());
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                Instant::now() < deadline,
                "it does not stop: {}",
                self.log()
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Pushes somebody over a connection.
    fn push_ada(&self, token: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        let ada = serde_json::json!({ "schemas": [urn], "userName": "ada", "title": "Dr" });
        runtime.block_on(async {
            let url = format!("{}/t/example/scim/v2/Users", self.base);
            let request = reqwest::Client::new().post(url).bearer_auth(token);
            let answer = request.body(ada.to_string()).send().await.unwrap();
            assert_eq!(answer.status(), 201);
        });
    }

    /// Empty as long as it does not listen.
    fn metrics(&self) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            match reqwest::get(format!("{}/metrics", self.base)).await {
                Ok(answer) => answer.text().await.unwrap(),
                Err(_) => String::new(),
            }
        })
    }
}

fn runs(rollcall: &Rollcall, state: &str) -> usize {
    let all = rollcall.run(&["--json", "run", "list"]).exits(0).json();
    let all = all.as_array().unwrap();
    all.iter().filter(|run| run["state"] == state).count()
}

#[test]
fn a_source_runs_when_it_is_due_and_what_was_missed_is_caught_up_once() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, &source("people", ""));
        rollcall.write("people.csv", &people(&["ada"]));
        let mut serving = Serving::shortly_before_a_minute(&rollcall, 0);
        serving.wait_for(|s| s.log().contains("the run has ended"));
        assert!(rollcall.user("ada").is_some());
        let metrics = serving.metrics();
        assert!(
            metrics.contains("rollcall_sync_runs_total{source=\"people\",state=\"applied\"} 1"),
            "{metrics}"
        );
        assert_eq!(serving.stop(), Some(0));

        // An hour later: sixty runs were missed.
        rollcall.write("people.csv", &people(&["ada", "bea"]));
        let mut serving = Serving::shortly_before_a_minute(&rollcall, HOUR_SECONDS);
        serving.wait_for(|s| s.log().contains("the run has ended"));
        assert_eq!(serving.stop(), Some(0));
        assert!(rollcall.user("bea").is_some());
        assert!((2..=3).contains(&runs(&rollcall, "applied")));
    }
}

#[test]
fn a_paused_source_does_not_run_and_says_so() {
    for database in Database::ALL {
        let sources = source("people", "")
            + &source("by_hand", "")
            + &source("by_configuration", "paused = true");
        let rollcall = Rollcall::new(database, &sources);
        for name in ["people", "by_hand", "by_configuration"] {
            rollcall.write(&format!("{name}.csv"), &people(&[name]));
        }
        rollcall.run(&["source", "pause", "by_hand"]).exits(0);
        let mut serving = Serving::shortly_before_a_minute(&rollcall, 0);
        serving.wait_for(|s| {
            let log = s.log();
            log.contains("the run has ended") && log.contains("paused, not run")
        });
        assert_eq!(serving.stop(), Some(0));
        assert!(rollcall.user("people").is_some());
        assert!(rollcall.user("by_hand").is_none());
        assert!(rollcall.user("by_configuration").is_none());
        assert_eq!(runs(&rollcall, "applied"), 1);
    }
}

#[test]
fn a_connection_that_was_made_meanwhile_counts_in_the_next_run() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, &source("people", "priority = 50"));
        let text = people(&["ada"]).replace(",,,yes", ",,Countess,yes");
        rollcall.write("people.csv", &text);
        let mut serving = Serving::shortly_before_a_minute(&rollcall, 50);
        serving.wait_for(|s| s.metrics().contains("rollcall_users"));
        let create = [
            "connection",
            "create",
            "--profile",
            "okta",
            "--set",
            "priority=10",
        ];
        let given = rollcall.run(&[&["--json"], &create[..]].concat()).exits(0);
        let token = given.json()["token"].as_str().unwrap().to_owned();
        serving.push_ada(&token);
        serving.wait_for(|s| s.log().contains("the run has ended"));
        assert_eq!(serving.stop(), Some(0));
        let ada = rollcall.user("ada").unwrap();
        assert_eq!(ada["attributes"]["title"], "Dr");
        assert_eq!(ada["attributes"]["name"]["familyName"], "Last");
    }
}

#[test]
fn a_stop_lets_the_run_that_is_going_on_end_well() {
    const PEOPLE: usize = 3_000;
    let names: Vec<String> = (0..PEOPLE).map(|n| format!("user{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, &source("people", ""));
        rollcall.write("people.csv", &people(&names));
        let mut serving = Serving::shortly_before_a_minute(&rollcall, 0);
        serving.wait_for(|s| runs(s.rollcall, "running") + runs(s.rollcall, "applied") > 0);
        assert_eq!(serving.stop(), Some(0));
        assert_eq!(runs(&rollcall, "applied"), 1);
        assert_eq!(rollcall.sync("people", 0)["tally"]["unchanged"], PEOPLE);
    }
}

#[test]
fn a_run_that_was_killed_with_the_server_is_made_up_for_at_the_next_start() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    for database in Database::ALL {
        let service = HrService::start(50);
        let mut rollcall = Rollcall::new(database, "");
        // Once a day, at the minute that the first server sees come after ten seconds.
        let now = time::OffsetDateTime::now_utc();
        let ahead = (50 - i64::from(now.second())).rem_euclid(60);
        let due = now + time::Duration::seconds(ahead + 10);
        rollcall.set_sources(&format!(
            r#"
[sources.hr]
kind = "http"
mapping = "hr"
allow_private = true
schedule = {{ cron = "{} {} * * *" }}
users = {{ url = "{}", items = "data", paging = {{ next = "meta.next" }} }}
"#,
            due.minute(),
            due.hour(),
            service.users_url(),
        ));
        rollcall.write(
            "mappings/hr.toml",
            "kind = \"http\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"email\"\n",
        );
        service.trap("/users", 3, usize::MAX, Fault::Silence);
        let mut serving = Serving::ahead(&rollcall, ahead);
        serving.wait_for(|_| service.office().requests_to("/users") >= 3);
        // SIGKILL, in the middle of a run.
        drop(serving);
        assert_eq!(runs(&rollcall, "running"), 1);
        service.forget_traps();
        let mut serving = Serving::ahead(&rollcall, ahead + 60);
        serving.wait_for(|s| s.log().contains("the run has ended"));
        assert_eq!(serving.stop(), Some(0));
        assert_eq!(
            (runs(&rollcall, "failed"), runs(&rollcall, "applied")),
            (1, 1)
        );
        assert!(rollcall.user("person50@example.com").is_some());
        // It is done once.
        let mut serving = Serving::ahead(&rollcall, ahead + 120);
        serving.wait_for(|s| !s.metrics().is_empty());
        assert_eq!(serving.stop(), Some(0));
        assert_eq!(runs(&rollcall, "applied"), 1);
    }
}

#[test]
fn one_failing_source_leaves_the_others_running_and_the_server_up() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, &(source("people", "") + &source("missing", "")));
        rollcall.write("people.csv", &people(&["ada"]));
        let mut serving = Serving::shortly_before_a_minute(&rollcall, 0);
        serving.wait_for(|s| {
            let metrics = s.metrics();
            metrics.contains("source=\"missing\",state=\"failed\"")
                && metrics.contains("source=\"people\",state=\"applied\"")
        });
        assert_eq!(serving.stop(), Some(0));
        assert!(rollcall.user("ada").is_some());
    }
}
