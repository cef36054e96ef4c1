//! A service whose pages never end, each different from the others: the run fails at a
//! limit that it names, before it has used up memory or disk.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::Query;
use axum::routing::get;
use serde_json::{Value, json};

use crate::harness::rollcall::{Database, Ended, Rollcall};

const PAGE: usize = 1_000;
/// Of the process, in KiB.
const MEMORY_KIB_MAX: u64 = 300_000;
const DEADLINE: Duration = Duration::from_mins(3);

/// `?page=N`: people whom nobody has seen before, and always a next page.
async fn page(Query(query): Query<Vec<(String, usize)>>) -> Json<Value> {
    let number = query.first().map_or(0, |(_, number)| *number);
    let people: Vec<Value> = (number * PAGE..(number + 1) * PAGE)
        .map(|n| {
            json!({
                "id": n,
                "login": format!("user{n}"),
                "email": format!("user{n}@example.org"),
                "name": { "given": format!("Given{n}"), "family": format!("Family{n}") },
                "title": "Analyst", "department": "Research", "status": "active",
                "contract_end": "2099-12-31",
                "phones": [{ "type": "work", "number": format!("+41 44 000 {n}") }],
            })
        })
        .collect();
    Json(json!({ "data": people, "meta": { "next": format!("/users?page={}", number + 1) } }))
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        axum::serve(listener, axum::Router::new().route("/users", get(page))).await
    });
    address
}

const MAPPING: &str = r#"
kind = "http"
[user]
key = "id"
[user.attributes]
userName = "login"
title = "title"
"name.givenName" = "name.given"
"name.familyName" = "name.family"
'emails[type eq "work"].value' = "email"
"#;

fn installation(address: SocketAddr, own: &str) -> Rollcall {
    let sources = format!(
        "[sources.known]\nkind = \"file\"\nmapping = \"staff\"\nformat = \"json-lines\"\nusers_file = \"known.jsonl\"\n\n\
         [sources.hr]\nkind = \"http\"\nmapping = \"people\"\nallow_private = true\n{own}\n\
         users = {{ url = \"http://{address}/users\", items = \"data\", paging = {{ next = \"meta.next\" }} }}\n"
    );
    let rollcall = Rollcall::new(Database::Sqlite, &sources);
    rollcall.write("mappings/people.toml", MAPPING);
    rollcall.write(
        "mappings/staff.toml",
        "kind = \"file\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"login\"\n",
    );
    rollcall.write("known.jsonl", "{\"id\": \"ada\", \"login\": \"ada\"}\n");
    rollcall
}

/// Runs it to its end, and says how much memory it used at most.
fn sync(rollcall: &Rollcall) -> (Ended, u64) {
    let child = rollcall.command(&["--json", "sync", "hr"]).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let began = Instant::now();
        let mut peak = 0;
        while began.elapsed() < DEADLINE
            && let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM:"))
        {
            let number = line.split_whitespace().nth(1).unwrap();
            peak = number.parse().unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let output = child.wait_with_output().unwrap();
    let ended = Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    (ended, watch.join().unwrap())
}

fn inside_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    test();
}

#[test]
fn a_service_that_never_ends_fails_before_it_has_used_up_the_memory() {
    inside_runtime(|| {
        let rollcall = installation(serve(), "changes_bytes_max = 134217728");
        // Somebody is known already, so a run holds what it would change until it has read
        // everything.
        rollcall.sync("known", 0);
        let (ended, peak) = sync(&rollcall);
        let run = ended.exits(1).json();
        let told = run["verdict"].as_str().unwrap_or_else(|| panic!("{run}"));
        assert!(told.contains("take more than 128 MiB of memory"), "{told}");
        assert!(told.contains("raise changes_bytes_max"), "{told}");
        assert!(peak < MEMORY_KIB_MAX, "{peak} KiB");
        assert!(rollcall.user("ada").is_some() && rollcall.user("user1").is_none());
    });
}

#[test]
fn a_first_run_writes_as_it_reads_and_ends_at_the_number_of_entries() {
    inside_runtime(|| {
        let rollcall = installation(serve(), "entries_max = 5000");
        let (ended, _) = sync(&rollcall);
        let run = ended.exits(1).json();
        let told = run["verdict"].as_str().unwrap_or_else(|| panic!("{run}"));
        assert!(
            told.starts_with("failed because hr gave more than 5000 entries"),
            "{told}"
        );
        assert!(told.contains("raise entries_max"), "{told}");
    });
}
