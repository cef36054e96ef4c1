//! SCIM services as sources: `scim2-server` from `PyPI`, and another Rollcall, into both
//! databases.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::harness::rollcall::{Database, Rollcall};
use crate::harness::scim2_server::{Scim2Server, TOKEN};

/// People at the service: more than three pages.
const PEOPLE: usize = 33;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn source(base: &str, more: &str) -> String {
    format!(
        "[sources.idp]\nkind = \"scim\"\nmapping = \"scim\"\nurl = \"{base}\"\n\
         bearer_token = {{ file = \"token\" }}\nallow_private = true\npage_size = 10\n{more}\n"
    )
}

/// A Rollcall that reads from `base`.
fn reader(database: Database, base: &str, token: &str, more: &str) -> Rollcall {
    let rollcall = Rollcall::new(database, "");
    rollcall.write("token", token);
    rollcall.with_sources(&source(base, more))
}

fn person(number: usize) -> Json {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": format!("user{number}"),
        "name": { "givenName": format!("First{number}"), "familyName": "Ōta" },
        "displayName": format!("First{number} Ōta"),
        "title": "Analyst",
        "active": true,
        "emails": [{ "value": format!("user{number}@example.org"), "type": "work", "primary": true }],
        ENTERPRISE: { "department": "Research" },
    })
}

/// Everybody's state and words, and the journal's end.
fn everything(rollcall: &Rollcall) -> (String, i64) {
    (rollcall.dump(), rollcall.journal_end())
}

#[track_caller]
fn a_second_run_writes_nothing(rollcall: &Rollcall) {
    let before = everything(rollcall);
    rollcall.sync("idp", 0);
    assert_eq!(everything(rollcall), before);
}

fn with_everybody(cursors: bool, test: impl Fn(&Scim2Server, &Rollcall, &[String])) {
    for database in Database::ALL {
        let server = Scim2Server::start(cursors);
        let people: Vec<String> = (1..=PEOPLE)
            .map(|n| server.create_user(&person(n)))
            .collect();
        let rollcall = reader(database, &server.base, TOKEN, "");
        test(&server, &rollcall, &people);
    }
}

#[test]
fn people_and_groups_come_over_and_again_without_a_write() {
    for cursors in [false, true] {
        with_everybody(cursors, |server, rollcall, people| {
            let manager = json!({
                "op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": people[1],
            });
            server.patch(&format!("Users/{}", people[0]), &manager);
            let inner = server.create_group("inner", &[("User", &people[0])]);
            server.create_group("outer", &[("Group", &inner), ("User", &people[2])]);
            let first = rollcall.sync("idp", 0);
            assert_eq!(first["tally"]["users_created"], PEOPLE, "{first}");
            let user = &rollcall.user("user1").unwrap()["attributes"];
            assert_eq!(user["name"]["familyName"], "Ōta");
            assert_eq!(user["emails"][0]["value"], "user1@example.org");
            assert_eq!(user[ENTERPRISE]["department"], "Research");
            assert_eq!(
                rollcall.group("inner").unwrap()["members"],
                json!(["user1"])
            );
            let outer = rollcall.group("outer").unwrap();
            assert_eq!(outer["members"], json!(["inner", "user3"]), "{outer}");
            a_second_run_writes_nothing(rollcall);
        });
    }
}

#[test]
fn changes_leavers_and_emptied_attributes_come_over() {
    with_everybody(false, |server, rollcall, people| {
        let group = server.create_group("g", &[("User", &people[0]), ("User", &people[1])]);
        rollcall.sync("idp", 0);
        server.patch(
            &format!("Users/{}", people[0]),
            &json!({ "op": "remove", "path": "title" }),
        );
        let inactive = json!({ "op": "replace", "path": "active", "value": false });
        server.patch(&format!("Users/{}", people[1]), &inactive);
        server.delete(&format!("Users/{}", people[PEOPLE - 1]));
        let remove =
            json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", people[1]) });
        server.patch(&format!("Groups/{group}"), &remove);
        let run = rollcall.sync("idp", 0);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        let first = rollcall.user("user1").unwrap();
        assert_eq!(first["attributes"]["title"], Json::Null, "{first}");
        assert_eq!(rollcall.user("user2").unwrap()["active"], false);
        let gone = format!("user{PEOPLE}");
        assert_eq!(rollcall.user(&gone).unwrap()["active"], false);
        assert_eq!(rollcall.group("g").unwrap()["members"], json!(["user1"]));
        a_second_run_writes_nothing(rollcall);
    });
}

#[test]
fn an_emptied_group_keeps_its_members_unless_the_service_is_known_to_leave_them_out() {
    with_everybody(false, |server, rollcall, people| {
        let group = server.create_group("g", &[("User", &people[0])]);
        rollcall.sync("idp", 0);
        server.patch(
            &format!("Groups/{group}"),
            &json!({ "op": "remove", "path": "members" }),
        );
        rollcall.sync("idp", 0);
        assert_eq!(rollcall.group("g").unwrap()["members"], json!(["user1"]));

        let trusting = reader(
            Database::Sqlite,
            &server.base,
            TOKEN,
            "omits_empty_members = true",
        );
        trusting.sync("idp", 0);
        server.patch(
            &format!("Groups/{group}"),
            &json!({ "op": "add", "path": "members", "value": [{ "value": people[3] }] }),
        );
        trusting.sync("idp", 0);
        assert_eq!(trusting.group("g").unwrap()["members"], json!(["user4"]));
        server.patch(
            &format!("Groups/{group}"),
            &json!({ "op": "remove", "path": "members" }),
        );
        trusting.sync("idp", 0);
        assert_eq!(trusting.group("g").unwrap()["members"], json!([]));
    });
}

#[test]
fn a_filter_narrows_who_is_read() {
    with_everybody(false, |server, _, _| {
        let more = "user_filter = 'userName eq \"user7\" or userName eq \"user8\"'";
        let rollcall = reader(Database::Sqlite, &server.base, TOKEN, more);
        let run = rollcall.sync("idp", 0);
        assert_eq!(run["tally"]["users_created"], 2, "{run}");
    });
}

#[test]
fn a_wrong_token_fails_changes_nothing_and_is_not_shown() {
    with_everybody(false, |_, rollcall, _| {
        rollcall.sync("idp", 0);
        let before = everything(rollcall);
        rollcall.write("token", "SECRET-wrong");
        let run = rollcall.run(&["--json", "sync", "idp"]).exits(1);
        assert!(
            run.stdout.contains("refused our credentials (401)"),
            "{}",
            run.stdout
        );
        assert!(!format!("{run:?}").contains("SECRET"));
        assert_eq!(everything(rollcall), before);
    });
}

#[test]
fn check_and_map_show_what_the_service_gives() {
    with_everybody(false, |_, rollcall, people| {
        let check = rollcall.run(&["check", "--connect"]).exits(0);
        assert!(
            check.stdout.contains("pages by startIndex, sorted by id"),
            "{}",
            check.stdout
        );
        assert!(
            check.stdout.contains(&format!("states {PEOPLE} users")),
            "{}",
            check.stdout
        );
        // Nothing that the mapping names is unknown to the service's schemas.
        assert!(!format!("{check:?}").contains("does not know"), "{check:?}");
        let map = rollcall
            .run(&["map", "--source", "idp", "--entry", &people[4]])
            .exits(0);
        assert!(
            map.stdout.contains("userName = userName  →  \"user5\""),
            "{}",
            map.stdout
        );
    });
}

/// A Rollcall that serves what a file says, and the token to read it.
struct Upstream {
    rollcall: Rollcall,
    base: String,
    token: String,
    serving: Child,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.serving.kill());
        drop(self.serving.wait());
    }
}

impl Upstream {
    fn start(database: Database) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = free.local_addr().unwrap().to_string();
        drop(free);
        let rollcall = Rollcall::new(
            database,
            "[sources.people]\nkind = \"file\"\nmapping = \"hr-json\"\nformat = \"json-lines\"\n\
             users_file = \"users.jsonl\"\ngroups_file = \"groups.jsonl\"\n",
        );
        let mapping = include_str!("../mappings/hr-http.toml");
        let mapping = mapping.replace("kind = \"http\"", "kind = \"file\"");
        rollcall.write("mappings/hr-json.toml", &mapping);
        let upstream = |people: usize| -> String {
            let line = |n: usize| -> String {
                let user = json!({
                    "id": n, "login": format!("user{n}"), "email": format!("user{n}@example.org"),
                    "name": { "given": "Zoé", "family": format!("Rüegg{n}") }, "title": null,
                    "department": "Research", "manager_id": 1, "status": "active",
                });
                format!("{user}\n")
            };
            (1..=people).map(line).collect()
        };
        rollcall.write("users.jsonl", &upstream(PEOPLE));
        let group = json!({ "id": "g1", "name": "all", "members": ["1", "2", "3"] });
        rollcall.write("groups.jsonl", &format!("{group}\n"));
        rollcall.sync("people", 0);
        let made = rollcall.run(&["token", "create", "downstream"]).exits(0);
        let token = made
            .stdout
            .split_whitespace()
            .find(|word| word.starts_with("rc_"));
        let token = token.unwrap().to_owned();
        let mut command = rollcall.command(&["serve", "--no-schedule"]);
        let serving = command
            .env("ROLLCALL_SERVER__LISTEN", &listen)
            .env("ROLLCALL_SERVER__PUBLIC_URL", format!("http://{listen}"))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + DEADLINE;
        while std::net::TcpStream::connect(&listen).is_err() {
            assert!(Instant::now() < deadline, "the upstream does not start");
            std::thread::sleep(LOOK_EVERY);
        }
        Self {
            rollcall,
            base: format!("http://{listen}/scim/v2"),
            token,
            serving,
        }
    }
}

/// What a resource says, without what each directory makes itself.
fn said(rollcall: &Rollcall, name: &str) -> Json {
    let mut said = rollcall.user(name).unwrap()["attributes"].clone();
    let object = said.as_object_mut().unwrap();
    for own in ["externalId", "id", "meta", "schemas"] {
        object.remove(own);
    }
    // Whom it names has another id there.
    if let Some(extension) = object.get_mut(ENTERPRISE).and_then(Json::as_object_mut) {
        extension.remove("manager");
    }
    said
}

#[test]
fn two_rollcalls_in_a_chain_converge_and_a_second_run_writes_nothing() {
    for database in Database::ALL {
        let upstream = Upstream::start(database);
        let downstream = reader(database, &upstream.base, &upstream.token, "");
        let first = downstream.sync("idp", 0);
        assert_eq!(first["tally"]["users_created"], PEOPLE, "{first}");
        for name in ["user1", "user33"] {
            assert_eq!(said(&downstream, name), said(&upstream.rollcall, name));
        }
        let members = json!(["user1", "user2", "user3"]);
        assert_eq!(downstream.group("all").unwrap()["members"], members);
        a_second_run_writes_nothing(&downstream);

        // Somebody ends, somebody is no longer a member, somebody has another name.
        let users =
            std::fs::read_to_string(upstream.rollcall.folder().join("users.jsonl")).unwrap();
        let users = users.replace("Rüegg2\"", "Saito\"");
        let users: Vec<&str> = users
            .lines()
            .filter(|line| !line.contains("\"user33\""))
            .collect();
        upstream
            .rollcall
            .write("users.jsonl", &format!("{}\n", users.join("\n")));
        let group = json!({ "id": "g1", "name": "all", "members": ["1", "2"] });
        upstream
            .rollcall
            .write("groups.jsonl", &format!("{group}\n"));
        upstream.rollcall.sync("people", 0);
        downstream.sync("idp", 0);
        assert_eq!(downstream.user("user33").unwrap()["active"], false);
        assert_eq!(
            said(&downstream, "user2"),
            said(&upstream.rollcall, "user2")
        );
        let members = json!(["user1", "user2"]);
        assert_eq!(downstream.group("all").unwrap()["members"], members);
        a_second_run_writes_nothing(&downstream);
    }
}
