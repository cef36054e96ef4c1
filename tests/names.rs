//! Names pass from one person to another: uniqueness counts at the end of a run, whatever
//! the order of the entries and however many transactions it takes. On both databases.

use std::fmt::Write as _;

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.hr]
kind = "file"
format = "csv"
users_file = "hr.csv"
mapping = "hr"
guard = { attribute = "100%" }
"#;
const HEADER: &str = "id,login,badge,mail,title\n";
/// Steps a transaction, and entries a batch.
const BATCH: u32 = 500;

fn each_database(match_on: &str, test: impl Fn(&Rollcall)) {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write(
            "mappings/hr.toml",
            &format!(
                r#"
kind = "file"
[user]
key = "id"
match = [{match_on}]
[user.attributes]
userName = "login"
externalId = "badge"
emails = "all.mail.map(m, {{'type': 'work', 'value': m}})"
title = "title"
"#
            ),
        );
        test(&rollcall);
    }
}

/// People 1 to `last`; `change` says what somebody's row is instead.
fn write(rollcall: &Rollcall, last: u32, change: impl Fn(u32) -> Option<String>) {
    let mut text = HEADER.to_owned();
    for n in 1..=last {
        let row = change(n).unwrap_or_else(|| format!("{n},user{n},,,Analyst"));
        if !row.is_empty() {
            writeln!(text, "{row}").unwrap();
        }
    }
    rollcall.write("hr.csv", &text);
}

fn id_of(rollcall: &Rollcall, name: &str) -> String {
    let found = rollcall.user(name);
    found.unwrap_or_else(|| panic!("no {name}"))["id"].to_string()
}

#[test]
fn a_chain_of_user_names_is_followed_in_one_run_also_from_one_batch_to_the_next() {
    each_database("", |rollcall| {
        let last = 2 * BATCH + 100;
        write(rollcall, last, |_| None);
        rollcall.sync("hr", 0);
        let before = ["user1", "user600", "user1100"].map(|name| id_of(rollcall, name));
        // Everybody changes, so that the three are in three batches.
        write(rollcall, last, |n| {
            let login = match n {
                1 => "user600".to_owned(),
                600 => "user1100".to_owned(),
                1_100 => "somebody.else".to_owned(),
                other => format!("user{other}"),
            };
            Some(format!("{n},{login},,,Clerk"))
        });
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["notes"], serde_json::json!([]), "{run}");
        let after = ["user600", "user1100", "somebody.else"].map(|name| id_of(rollcall, name));
        assert_eq!(after, before);
        assert!(rollcall.user("user1").is_none());
    });
}

#[test]
fn two_people_swap_their_user_names_across_the_border_of_a_transaction() {
    each_database("", |rollcall| {
        write(rollcall, BATCH + 100, |_| None);
        rollcall.sync("hr", 0);
        let before = [500, 501].map(|n| id_of(rollcall, &format!("user{n}")));
        write(rollcall, BATCH + 100, |n| match n {
            500 => Some("500,user501,,,Analyst".to_owned()),
            501 => Some("501,user500,,,Analyst".to_owned()),
            n if n < BATCH => Some(format!("{n},user{n},,,Clerk")),
            _ => None,
        });
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["notes"], serde_json::json!([]), "{run}");
        assert_eq!(
            [501, 500].map(|n| id_of(rollcall, &format!("user{n}"))),
            before
        );
        assert_eq!(rollcall.sync("hr", 0)["tally"]["updated"], 0);
    });
}

#[test]
fn the_address_of_a_leaver_passes_to_a_joiner_in_the_same_run() {
    each_database("\"userName\", \"emails\"", |rollcall| {
        let info = |n: u32, login: &str| Some(format!("{n},{login},,info@example.org,Analyst"));
        write(rollcall, 11, |n| if n == 1 { info(1, "ada") } else { None });
        rollcall.sync("hr", 0);
        let ada = id_of(rollcall, "ada");
        write(rollcall, 12, |n| match n {
            1 => Some(String::new()),
            12 => info(12, "bea"),
            _ => None,
        });
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_created"], 1, "{run}");
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_ne!(id_of(rollcall, "bea"), ada);
        let bea = rollcall.user("bea").unwrap();
        assert_eq!(bea["attributes"]["emails"][0]["value"], "info@example.org");
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        // The other way round, too: first the joiner's line, then no leaver's.
        write(rollcall, 12, |n| match n {
            1 => info(99, "cid"),
            12 => Some(String::new()),
            _ => None,
        });
        assert_eq!(rollcall.sync("hr", 0)["tally"]["users_created"], 1);
    });
}

#[test]
fn who_gets_another_key_stays_the_same_person_in_the_same_run() {
    each_database("\"externalId\"", |rollcall| {
        write(rollcall, 11, |n| {
            (n == 1).then(|| "1,ada,B7,,Analyst".to_owned())
        });
        rollcall.sync("hr", 0);
        let ada = id_of(rollcall, "ada");
        write(rollcall, 11, |n| {
            (n == 1).then(|| "new-1,ada,B7,,Analyst".to_owned())
        });
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_created"], 0, "{run}");
        assert_eq!(id_of(rollcall, "ada"), ada);
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
        let end = rollcall.journal_end();
        assert_eq!(rollcall.sync("hr", 0)["tally"]["unchanged"], 11);
        assert_eq!(rollcall.journal_end(), end);
    });
}

#[test]
fn while_it_is_not_known_who_is_gone_a_second_entry_of_one_person_is_a_conflict() {
    each_database("\"emails\"", |rollcall| {
        let row = |n: u32, login: &str| Some(format!("{n},{login},,info@example.org,Analyst"));
        write(rollcall, 11, |n| if n == 1 { row(1, "ada") } else { None });
        rollcall.sync("hr", 0);
        // An entry without a key: the read is not complete, so nobody is missing.
        write(rollcall, 13, |n| match n {
            1 => Some(String::new()),
            12 => row(12, "bea"),
            13 => Some(",cid,,,Analyst".to_owned()),
            _ => None,
        });
        let run = rollcall.sync("hr", 1);
        assert_eq!(run["tally"]["users_created"], 0, "{run}");
        assert!(rollcall.user("bea").is_none());
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
    });
}

#[test]
fn the_user_name_of_a_leaver_passes_to_a_joiner_who_is_another_person() {
    each_database("\"userName\"", |rollcall| {
        let as_key =
            |key: &'static str| move |n: u32| (n == 1).then(|| format!("{key},ada,,,Analyst"));
        write(rollcall, 11, as_key("1"));
        rollcall.sync("hr", 0);
        let first = id_of(rollcall, "ada");
        write(rollcall, 11, as_key("new-1"));
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_created"], 1, "{run}");
        let second = id_of(rollcall, "ada");
        assert_ne!(second, first, "what the leaver may do is not the joiner's");
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
        let leaver = rollcall.user(first.trim_matches('"')).unwrap();
        assert_eq!(leaver["active"], false);
        let end = rollcall.journal_end();
        rollcall.sync("hr", 0);
        assert_eq!(rollcall.journal_end(), end);
        // The leaver comes back and finds the name taken.
        write(rollcall, 12, |n| match n {
            1 => Some("new-1,ada,,,Analyst".to_owned()),
            12 => Some("1,ada,,,Analyst".to_owned()),
            _ => None,
        });
        assert_eq!(rollcall.sync("hr", 4)["tally"]["quarantined"], 1);
        assert_eq!(id_of(rollcall, "ada"), second);
    });
}

#[test]
fn a_joiner_waits_for_the_user_name_of_a_leaver_whom_a_guard_holds() {
    each_database("\"userName\"", |rollcall| {
        write(rollcall, 30, |_| None);
        rollcall.sync("hr", 0);
        let before = id_of(rollcall, "user3");
        write(rollcall, 30, |n| {
            (n <= 15).then(|| format!("new-{n},user{n},,,Analyst"))
        });
        let held = rollcall.sync("hr", 3);
        assert_eq!(id_of(rollcall, "user3"), before);
        assert_eq!(rollcall.user("user3").unwrap()["active"], true);
        rollcall
            .run(&["run", "approve", &held["run"].to_string()])
            .exits(0);
        assert_ne!(id_of(rollcall, "user3"), before);
        assert_eq!(rollcall.user("user3").unwrap()["active"], true);
    });
}

/// A second source that knows nobody of the first.
const OTHER: &str = r#"
[sources.other]
kind = "file"
format = "csv"
users_file = "other.csv"
mapping = "other"
"#;

fn with_another_source(test: impl Fn(&Rollcall)) {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, &format!("{SOURCE}{OTHER}"));
        for name in ["hr", "other"] {
            rollcall.write(
                &format!("mappings/{name}.toml"),
                "kind = \"file\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"login\"\n",
            );
        }
        rollcall.write("hr.csv", "id,login\n1,ada\n2,bob\n");
        test(&rollcall);
    }
}

#[test]
fn an_undo_that_finds_the_old_name_taken_says_so_and_does_not_end_well() {
    with_another_source(|rollcall| {
        rollcall.sync("hr", 0);
        rollcall.write("hr.csv", "id,login\n1,lovelace\n2,bob\n");
        let renamed = rollcall.sync("hr", 0)["run"].to_string();
        rollcall.write("other.csv", "id,login\nx,ada\n");
        rollcall.sync("other", 0);
        let undone = rollcall.run(&["run", "undo", &renamed]).exits(4);
        assert!(
            undone.stdout.contains("NOT WRITTEN: 1"),
            "{}",
            undone.stdout
        );
        assert!(undone.stdout.contains("ada"), "{}", undone.stdout);
        assert!(rollcall.user("lovelace").is_some());
    });
}

#[test]
fn a_plan_whose_name_was_taken_meanwhile_is_stale() {
    with_another_source(|rollcall| {
        let plan = rollcall.run(&["--json", "plan", "hr"]).exits(0).json();
        rollcall.write("other.csv", "id,login\nx,ada\n");
        rollcall.sync("other", 0);
        let applied = rollcall.run(&["apply", &plan["run"].to_string()]);
        let told = applied.stderr;
        assert!(told.contains("userName ada is known by now"), "{told}");
        assert!(rollcall.user("bob").is_none(), "all of a plan or nothing");
    });
}
