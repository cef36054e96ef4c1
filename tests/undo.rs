//! Taking a run back: what it left behind goes back, what others have changed since stays
//! and is listed. On both databases.

use serde_json::Value as Json;

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
users_file = "people.csv"
mapping = "people"
"#;
const HEADER: &str = "id,login,title,nick\n";

const MAPPING: &str = r#"
kind = "file"
[user]
key = "id"
match = ["userName"]
[user.attributes]
userName = "login"
title = "title"
nickName = "nick"
"#;

fn each_database(test: impl Fn(&mut Rollcall)) {
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("mappings/people.toml", MAPPING);
        test(&mut rollcall);
    }
}

/// People 2 to 9 as ever, and these rows.
fn run_with(rollcall: &Rollcall, rows: &str) -> String {
    let others = (2..=9).fold(String::new(), |text, n| {
        text + &format!("{n},user{n},Analyst,\n")
    });
    rollcall.write("people.csv", &format!("{HEADER}{others}{rows}"));
    rollcall.sync("people", 0)["run"].to_string()
}

fn undo(rollcall: &Rollcall, run: &str) -> Json {
    rollcall
        .run(&["--json", "run", "undo", run])
        .exits(0)
        .json()
}

fn resume(rollcall: &Rollcall) {
    rollcall.run(&["source", "resume", "people"]).exits(0);
}

fn of_ada(rollcall: &Rollcall, attribute: &str) -> Json {
    rollcall.user("ada").unwrap()["attributes"][attribute].clone()
}

#[test]
fn what_changed_since_stays_and_is_listed_and_the_rest_goes_back() {
    each_database(|rollcall| {
        run_with(rollcall, "1,ada,Clerk,Ad\n");
        let second = run_with(rollcall, "1,ada,Nurse,Addie\n");
        run_with(rollcall, "1,ada,Nurse,Lady\n");
        let undone = undo(rollcall, &second);
        // The nickname has changed since; the title is as the run had left it.
        assert_eq!(of_ada(rollcall, "nickName"), "Lady");
        assert_eq!(of_ada(rollcall, "title"), "Clerk");
        let notes = undone["notes"].to_string();
        assert!(
            notes.contains("ada stays as it is") && notes.contains("nickName"),
            "{undone}"
        );
        // The next run does the same again, as it says, although the entry is as it was.
        resume(rollcall);
        rollcall.sync("people", 0);
        assert_eq!(of_ada(rollcall, "title"), "Nurse");
        assert_eq!(of_ada(rollcall, "nickName"), "Lady");
    });
}

#[test]
fn nobody_is_deleted_whom_another_run_has_changed_and_nobody_revived_whom_it_deleted() {
    each_database(|rollcall| {
        run_with(rollcall, "");
        let made = run_with(rollcall, "1,ada,Clerk,\n10,bea,Clerk,\n");
        run_with(rollcall, "1,ada,Nurse,\n10,bea,Clerk,\n");
        let undone = undo(rollcall, &made);
        assert!(rollcall.user("bea").is_none());
        assert_eq!(of_ada(rollcall, "title"), "Nurse");
        assert!(
            undone["notes"]
                .to_string()
                .contains("ada stays as it is: it was changed by a later run"),
            "{undone}"
        );
    });
    each_database(|rollcall| {
        rollcall.set_sources(&format!("{SOURCE}age_max = \"any\"\n"));
        run_with(rollcall, "1,ada,Clerk,\n");
        let renamed = run_with(rollcall, "1,ada,Nurse,\n");
        run_with(rollcall, "");
        rollcall.run_later(31, &["sync", "people"]).exits(0);
        assert!(rollcall.user("ada").is_none());
        let undone = undo(rollcall, &renamed);
        assert!(rollcall.user("ada").is_none());
        assert!(
            undone["notes"].to_string().contains("it was deleted since"),
            "{undone}"
        );
    });
}

#[test]
fn who_has_left_since_does_not_come_back_with_an_older_run() {
    each_database(|rollcall| {
        run_with(rollcall, "1,ada,Clerk,\n");
        let renamed = run_with(rollcall, "1,ada,Nurse,\n");
        run_with(rollcall, "");
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        undo(rollcall, &renamed);
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        resume(rollcall);
        rollcall.sync("people", 0);
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
    });
}

#[test]
fn an_undo_can_be_undone_and_then_the_run_counts_again() {
    each_database(|rollcall| {
        run_with(rollcall, "1,ada,Clerk,\n");
        let second = run_with(rollcall, "1,ada,Nurse,\n10,bea,Clerk,\n");
        let after = rollcall.dump();
        let first_undo = undo(rollcall, &second)["run"].to_string();
        assert_eq!(of_ada(rollcall, "title"), "Clerk");
        undo(rollcall, &first_undo);
        assert_eq!(rollcall.dump(), after);
        // A run is undone once.
        let twice = rollcall.run(&["run", "undo", &first_undo]).exits(2);
        assert!(twice.stderr.contains("undone"), "{}", twice.stderr);
        // The source says the same: there is nothing to do.
        resume(rollcall);
        rollcall.sync("people", 0);
        assert_eq!(rollcall.dump(), after);
    });
}

#[test]
fn a_run_that_is_undone_is_not_undone_again() {
    each_database(|rollcall| {
        run_with(rollcall, "1,ada,Clerk,\n");
        let second = run_with(rollcall, "1,ada,Nurse,\n");
        undo(rollcall, &second);
        let twice = rollcall.run(&["run", "undo", &second]);
        assert!(
            twice.stderr.contains(&format!("run {second} is undone")),
            "{}",
            twice.stderr
        );
        assert_ne!(twice.code, 0);
    });
}

#[test]
fn what_a_held_run_did_write_can_be_undone_once_the_rest_is_cancelled() {
    each_database(|rollcall| {
        run_with(rollcall, "1,ada,Clerk,\n");
        // One value changes, and most people are missing.
        rollcall.write(
            "people.csv",
            &format!("{HEADER}1,ada,Nurse,\n2,user2,Analyst,\n"),
        );
        let held = rollcall.sync("people", 3)["run"].to_string();
        assert_eq!(of_ada(rollcall, "title"), "Nurse");
        let refused = rollcall.run(&["run", "undo", &held]);
        assert!(refused.stderr.contains("cancel"), "{}", refused.stderr);
        rollcall.run(&["run", "cancel", &held]).exits(0);
        undo(rollcall, &held);
        assert_eq!(of_ada(rollcall, "title"), "Clerk");
    });
}
