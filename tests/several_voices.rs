//! What one source's runs, plans and undos must not overlook: what other sources of the
//! tenant say by now. On both databases.

use crate::harness::rollcall::{Database, Rollcall};

const SOURCES: &str = r#"
[sources.hr]
kind = "file"
format = "csv"
users_file = "hr.csv"
mapping = "people"
priority = 10

[sources.directory]
kind = "file"
format = "csv"
users_file = "directory.csv"
mapping = "people"
priority = 20
"#;

const MAPPING: &str = r#"
kind = "file"
[user]
key = "id"
match = ["externalId", "userName"]
[user.attributes]
userName = "login"
externalId = "number"
title = "title"
active = "active"
"#;

const HEADER: &str = "id,login,number,title,active\n";

/// `rows` after people who are always there.
fn with_others(rows: &str) -> String {
    (1..=9).fold(format!("{HEADER}{rows}"), |text, n| {
        text + &format!("x{n},user{n},,Clerk,true\n")
    })
}

fn each_database(test: impl Fn(&mut Rollcall)) {
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, SOURCES);
        rollcall.write("mappings/people.toml", MAPPING);
        test(&mut rollcall);
    }
}

fn run_with(rollcall: &Rollcall, source: &str, rows: &str) -> String {
    rollcall.write(&format!("{source}.csv"), &with_others(rows));
    rollcall.sync(source, 0)["run"].to_string()
}

fn is_active(rollcall: &Rollcall, name: &str) -> bool {
    rollcall.user(name).unwrap()["active"] == true
}

fn title(rollcall: &Rollcall, name: &str) -> String {
    let title = &rollcall.user(name).unwrap()["attributes"]["title"];
    title.as_str().unwrap_or_default().to_owned()
}

/// Keeps a plan of a source; returns its number.
fn plan_with(rollcall: &Rollcall, source: &str, rows: &str) -> String {
    rollcall.write(&format!("{source}.csv"), &with_others(rows));
    let plan = rollcall.run(&["--json", "plan", source]).exits(0).json();
    plan["run"].to_string()
}

fn is_refused_as_stale(rollcall: &Rollcall, plan: &str, why: &str) {
    let before = rollcall.dump();
    let refused = rollcall.run(&["apply", plan]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("stale") && refused.stderr.contains(why),
        "{}",
        refused.stderr
    );
    assert_eq!(rollcall.dump(), before);
}

#[test]
fn an_undo_does_not_revive_whom_another_source_has_ended_since() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,ada,7,,true\n");
        let ended = run_with(rollcall, "directory", "a,ada,7,,false\n");
        run_with(rollcall, "hr", "1,ada,7,Nurse,false\n");
        assert!(!is_active(rollcall, "ada"));
        rollcall.run(&["run", "undo", &ended]).exits(0);
        assert!(!is_active(rollcall, "ada"), "HR has ended her");
        // HR takes that back: what the undone run said does not count any more.
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        assert!(is_active(rollcall, "ada"));
    });
}

#[test]
fn an_undo_gives_back_what_the_source_said_and_precedence_decides_what_shows() {
    each_database(|rollcall| {
        run_with(rollcall, "directory", "a,ada,7,Dr,true\n");
        let promoted = run_with(rollcall, "directory", "a,ada,7,Professor,true\n");
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        let undone = rollcall.run(&["--json", "run", "undo", &promoted]);
        assert_eq!(title(rollcall, "ada"), "Nurse");
        assert!(
            undone.json()["notes"]
                .to_string()
                .contains("title is what its sources together say today"),
        );
        let explained = rollcall.run(&["--json", "explain", "ada"]).exits(0).json();
        let values = explained[0]["values"].as_array().unwrap();
        let title = values.iter().find(|v| v["unit"] == "title").unwrap();
        assert_eq!(title["overruled"][0]["value"], "Dr");
    });
}

#[test]
fn an_undo_leaves_whom_it_made_to_the_source_that_holds_them_by_now() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "");
        let made = run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,ada,7,Dr,true\n");
        let id = rollcall.user("ada").unwrap()["id"].clone();
        rollcall.run(&["run", "undo", &made]).exits(0);
        assert_eq!(rollcall.user("ada").unwrap()["id"], id);
        assert_eq!(title(rollcall, "ada"), "Dr");
        assert!(is_active(rollcall, "ada"));
    });
}

#[test]
fn a_plan_is_stale_when_another_source_has_said_something_since_even_if_nothing_shows() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,ada,7,,false\n");
        // Active again, as far as the directory goes.
        let plan = plan_with(rollcall, "directory", "a,ada,7,,true\n");
        run_with(rollcall, "hr", "1,ada,7,Nurse,false\n");
        is_refused_as_stale(rollcall, &plan, "what the sources say of ada has changed");
        assert!(!is_active(rollcall, "ada"));
    });
}

#[test]
fn a_plan_makes_nobody_whom_another_source_has_made_since() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "");
        let plan = plan_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,lovelace,7,Dr,true\n");
        is_refused_as_stale(rollcall, &plan, "externalId 7");
        assert!(rollcall.user("ada").is_none());
        // A new plan links.
        let plan = plan_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        rollcall.run(&["apply", &plan]).exits(0);
        assert!(rollcall.user("lovelace").is_none());
    });
}

#[test]
fn a_plan_deletes_nobody_whom_another_source_holds_by_now() {
    each_database(|rollcall| {
        rollcall.set_sources(&SOURCES.replace("format", "age_max = \"any\"\nformat"));
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "hr", "");
        let plan = rollcall
            .run_later(31, &["--json", "plan", "hr"])
            .exits(0)
            .json();
        run_with(rollcall, "directory", "a,ada,7,Dr,true\n");
        let refused = rollcall.run_later(31, &["apply", &plan["run"].to_string()]);
        assert!(refused.stderr.contains("stale"), "{}", refused.stderr);
        assert!(rollcall.user("ada").is_some());
    });
}

#[test]
fn a_plan_that_nothing_concerns_which_was_written_since_is_applied() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        let plan = plan_with(rollcall, "hr", "1,ada,7,Matron,true\n2,bea,8,Clerk,true\n");
        run_with(rollcall, "directory", "c,cid,9,Dr,true\n");
        rollcall.run(&["apply", &plan]).exits(0);
        assert_eq!(title(rollcall, "ada"), "Matron");
        assert!(rollcall.user("bea").is_some());
    });
}

#[test]
fn other_priorities_count_from_the_next_run_on_although_no_entry_has_changed() {
    each_database(|rollcall| {
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,ada,7,Dr,true\n");
        assert_eq!(title(rollcall, "ada"), "Nurse");
        rollcall.set_sources(&SOURCES.replace("priority = 10", "priority = 90"));
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["updated"], 1, "{run}");
        assert_eq!(title(rollcall, "ada"), "Dr");
        let end = rollcall.journal_end();
        rollcall.sync("hr", 0);
        rollcall.sync("directory", 0);
        assert_eq!(rollcall.journal_end(), end);
    });
}

#[test]
fn a_no_that_counts_from_now_on_counts_although_no_entry_has_changed() {
    each_database(|rollcall| {
        let yields = SOURCES.replace("priority = 20", "priority = 20\nactive = \"precedence\"");
        rollcall.set_sources(&yields);
        run_with(rollcall, "hr", "1,ada,7,Nurse,true\n");
        run_with(rollcall, "directory", "a,ada,7,Dr,false\n");
        assert!(is_active(rollcall, "ada"));
        rollcall.set_sources(SOURCES);
        rollcall.sync("hr", 0);
        assert!(!is_active(rollcall, "ada"));
    });
}
