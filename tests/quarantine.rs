//! Entries that cannot be taken: they wait with a reason, harm nobody, and too many of
//! them are a failed run. On both databases.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.staff]
kind = "file"
format = "json-lines"
users_file = "people.jsonl"
mapping = "staff"
"#;

const MAPPING: &str = r#"
kind = "file"
[user]
key = "id"
[user.attributes]
userName = "login"
title = "title"
active = "active"
"#;

fn person(number: u32) -> Json {
    json!({"id": number.to_string(), "login": format!("user{number}"), "title": "Analyst", "active": true})
}

/// People 1 to `last`; `change` changes some.
fn write(rollcall: &Rollcall, last: u32, change: impl Fn(u32, &mut Json)) {
    let mut text = String::new();
    for n in 1..=last {
        let mut row = person(n);
        change(n, &mut row);
        if !row.is_null() {
            writeln!(text, "{row}").unwrap();
        }
    }
    rollcall.write("people.jsonl", &text);
}

fn each_database(test: impl Fn(&Rollcall)) {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("mappings/staff.toml", MAPPING);
        test(&rollcall);
    }
}

/// Everything but the quarantine.
fn directory(rollcall: &Rollcall) -> Vec<String> {
    let dump = rollcall.dump();
    let lines = dump
        .lines()
        .filter(|line| !line.starts_with("{\"quarantine"));
    lines.map(str::to_owned).collect()
}

/// What is in quarantine, as `run show` tells it: names and reasons.
fn quarantine(rollcall: &Rollcall, run: &Json) -> Vec<(String, String)> {
    let shown = rollcall.run(&["--json", "run", "show", &run["run"].to_string()]);
    let shown = shown.exits(0).json();
    let text = |entry: &Json, key: &str| entry[key].as_str().unwrap().to_owned();
    let entries = shown["quarantine"].as_array().unwrap();
    entries
        .iter()
        .map(|e| (text(e, "name"), text(e, "reason")))
        .collect()
}

#[test]
fn more_than_a_hundred_and_a_tenth_in_quarantine_is_a_failed_run_that_says_why() {
    each_database(|rollcall| {
        write(rollcall, 300, |_, _| {});
        rollcall.sync("staff", 0);
        let before = directory(rollcall);
        // One of the others is changed, one is missing: nothing of it is done.
        write(rollcall, 300, |n, row| match n {
            1..=101 => row["active"] = json!("perhaps"),
            200 => row["title"] = json!("Chief"),
            201 => *row = Json::Null,
            _ => {}
        });
        let run = rollcall.sync("staff", 1);
        assert_eq!(run["state"], "failed");
        let because = run["failure"].as_str().unwrap();
        assert!(
            because.contains("101 of 299 entries went into quarantine, more than the 100"),
            "{because}"
        );
        assert!(directory(rollcall) == before);
        // The reasons can be read, as the sentence promises.
        let reasons = quarantine(rollcall, &run);
        assert_eq!(reasons.len(), 101);
        assert!(reasons[0].1.contains("perhaps"), "{}", reasons[0].1);

        // One fewer is a run like any other; who is in quarantine counts as seen, and what
        // was known of them stays.
        write(rollcall, 300, |n, row| match n {
            1..=100 => row["active"] = json!("perhaps"),
            200 => row["title"] = json!("Chief"),
            201 => *row = Json::Null,
            _ => {}
        });
        let run = rollcall.sync("staff", 4);
        assert_eq!(run["tally"]["quarantined"], 100, "{run}");
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(quarantine(rollcall, &run).len(), 100);
        let kept = rollcall.user("user7").unwrap();
        assert_eq!(
            (&kept["active"], &kept["attributes"]["title"]),
            (&json!(true), &json!("Analyst"))
        );
        // Each is tried again by each run.
        write(rollcall, 300, |n, row| {
            if n == 7 {
                row["active"] = json!("perhaps");
            }
        });
        let run = rollcall.sync("staff", 4);
        assert_eq!(quarantine(rollcall, &run).len(), 1);
        write(rollcall, 300, |_, _| {});
        let run = rollcall.sync("staff", 0);
        assert_eq!(quarantine(rollcall, &run), []);
    });
}

#[test]
fn a_first_run_and_a_plan_with_too_much_quarantine_have_failed_too() {
    each_database(|rollcall| {
        write(rollcall, 300, |n, row| {
            if n <= 101 {
                row["active"] = json!("perhaps");
            }
        });
        let plan = rollcall.run(&["--json", "plan", "staff"]).exits(1).json();
        assert_eq!(plan["state"], "failed");
        let shown = rollcall.run(&["run", "show", &plan["run"].to_string(), "--all"]);
        let shown = shown.exits(0).stdout;
        assert_eq!(shown.matches("\n  ! ").count(), 101, "{shown}");
        rollcall.run(&["apply", &plan["run"].to_string()]).exits(2);
        let run = rollcall.sync("staff", 1);
        assert_eq!(run["state"], "failed");
        assert_eq!(quarantine(rollcall, &run).len(), 101);
        // What it wrote before it noticed is no reason to believe the next one less.
        write(rollcall, 300, |_, _| {});
        rollcall.sync("staff", 0);
        assert!(rollcall.user("user7").is_some());
    });
}

#[test]
fn an_entry_without_a_key_makes_the_read_incomplete_and_nobody_is_removed() {
    each_database(|rollcall| {
        write(rollcall, 30, |_, _| {});
        rollcall.sync("staff", 0);
        write(rollcall, 30, |n, row| match n {
            7 => row["id"] = json!(""),
            8 => *row = Json::Null,
            9 => row["title"] = json!("Chief"),
            _ => {}
        });
        let run = rollcall.sync("staff", 1);
        let verdict = run["verdict"].as_str().unwrap();
        assert!(
            verdict.starts_with("incomplete because") && verdict.contains("have no usable key"),
            "{run}"
        );
        assert_eq!(run["tally"]["users_gone"], 0, "{run}");
        for name in ["user7", "user8"] {
            assert_eq!(rollcall.user(name).unwrap()["active"], true);
        }
        // What could be read is applied.
        assert_eq!(
            rollcall.user("user9").unwrap()["attributes"]["title"],
            "Chief"
        );
        let reasons = quarantine(rollcall, &run);
        assert!(reasons[0].1.contains("without a key"), "{reasons:?}");
        let listed = rollcall.run(&["run", "list"]).exits(0).stdout;
        let newest = listed.lines().nth(1).unwrap();
        assert!(newest.contains("incomplete"), "{listed}");
        assert!(
            listed.lines().nth(2).unwrap().contains("complete"),
            "{listed}"
        );
        // With its key again, who is missing is gone.
        write(rollcall, 30, |n, row| {
            if n == 8 {
                *row = Json::Null;
            }
        });
        let run = rollcall.sync("staff", 0);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(quarantine(rollcall, &run), []);
    });
}

#[test]
fn what_the_store_cannot_hold_is_quarantined_alone_and_tried_again() {
    let long = "x".repeat(2_000);
    let bad = |n: u32, row: &mut Json| match n {
        3 => row["login"] = json!(long),
        5 => row["login"] = json!("nul\0inside"),
        _ => {}
    };
    each_database(|rollcall| {
        // In an import, in a plan and in a run that changes.
        write(rollcall, 30, bad);
        let plan = rollcall.run(&["--json", "plan", "staff"]).exits(4).json();
        assert_eq!(plan["tally"]["users_created"], 28, "{plan}");
        let run = rollcall.sync("staff", 4);
        assert_eq!(run["tally"]["users_created"], 28, "{run}");
        let reasons = quarantine(rollcall, &run);
        let names: Vec<&str> = reasons.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["3", "5"]);
        assert!(
            reasons[0].1.contains("userName is longer than"),
            "{reasons:?}"
        );
        assert!(reasons[1].1.contains("NUL"), "{reasons:?}");
        write(rollcall, 30, |_, _| {});
        assert_eq!(rollcall.sync("staff", 0)["tally"]["users_created"], 2);
        let before = rollcall.user("user3").unwrap();
        write(rollcall, 30, |n, row| {
            bad(n, row);
            if n == 9 {
                row["title"] = json!("Chief");
            }
        });
        let run = rollcall.sync("staff", 4);
        assert_eq!(quarantine(rollcall, &run).len(), 2);
        assert_eq!(rollcall.user("user3").unwrap(), before);
        assert_eq!(
            rollcall.user("user9").unwrap()["attributes"]["title"],
            "Chief"
        );
        write(rollcall, 30, |_, _| {});
        let run = rollcall.sync("staff", 0);
        assert_eq!(quarantine(rollcall, &run), []);
    });
}
