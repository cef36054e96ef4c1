//! One person in two sources: who wins, and what it means when one of them lets go.

use crate::harness::rollcall::{Database, Rollcall};

const SOURCES: &str = r#"
[sources.hr]
kind = "file"
format = "csv"
users_file = "hr.csv"
mapping = "hr"
priority = 10

[sources.directory]
kind = "file"
format = "csv"
users_file = "directory.csv"
mapping = "directory"
priority = 20
"#;

const MAPPING: &str = r#"
kind = "file"
[user]
key = "id"
match = ["userName"]
[user.attributes]
userName = "login"
title = "title"
nickName = "nick"
active = "active"
"#;

fn installed(database: Database, hr: &str, directory: &str) -> Rollcall {
    let rollcall = Rollcall::new(database, SOURCES);
    for mapping in ["hr", "directory"] {
        rollcall.write(&format!("mappings/{mapping}.toml"), MAPPING);
    }
    rollcall.write("hr.csv", hr);
    rollcall.write("directory.csv", directory);
    rollcall.sync("hr", 0);
    rollcall.sync("directory", 0);
    rollcall
}

#[test]
fn the_smaller_number_wins_the_silent_yields_and_both_are_explained() {
    for database in Database::ALL {
        let rollcall = installed(
            database,
            "id,login,title,active\n1,ada,Countess,true\n",
            "id,login,title,nick,active\na,ADA,Dr,Lady,true\n",
        );
        let ada = rollcall.user("ada").unwrap();
        assert_eq!(ada["attributes"]["title"], "Countess");
        assert_eq!(ada["attributes"]["nickName"], "Lady");
        let explained = rollcall.run(&["--json", "explain", "ada"]).exits(0).json();
        let values = explained[0]["values"].as_array().unwrap();
        let title = values.iter().find(|v| v["unit"] == "title").unwrap();
        assert_eq!(title["said_by"][0]["source"], "hr");
        assert_eq!(title["overruled"][0]["source"], "directory");
        assert_eq!(title["overruled"][0]["value"], "Dr");
    }
}

#[test]
fn no_beats_yes_whatever_the_priority() {
    for database in Database::ALL {
        let rollcall = installed(
            database,
            "id,login,active\n1,ada,true\n2,bea,true\n",
            "id,login,active\na,ada,false\nb,bea,true\n",
        );
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        assert_eq!(rollcall.user("bea").unwrap()["active"], true);
    }
}

#[test]
fn who_leaves_one_source_is_disabled_although_the_other_still_has_them() {
    for database in Database::ALL {
        let hr = "id,login,title,active\n1,ada,Countess,true\n2,bea,Nurse,true\n3,cid,Clerk,true\n";
        let rollcall = installed(
            database,
            hr,
            "id,login,title,active\na,ada,Dr,true\nb,bea,RN,true\nc,cid,Mr,true\n",
        );
        let before = rollcall.user("ada").unwrap();
        rollcall.write("hr.csv", &hr.replace("1,ada,Countess,true\n", ""));
        rollcall.sync("hr", 0);
        let gone = rollcall.user("ada").unwrap();
        assert_eq!(gone["active"], false);
        assert_eq!(gone["attributes"]["title"], "Countess");
        let explained = rollcall.run(&["--json", "explain", "ada"]).exits(0).json();
        assert!(
            explained[0]["because"]
                .as_str()
                .unwrap()
                .starts_with("hr does not list it")
        );
        // A run of the other source does not bring them back.
        rollcall.sync("directory", 0);
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        // Back in time: the same person.
        rollcall.write("hr.csv", hr);
        rollcall.sync("hr", 0);
        let back = rollcall.user("ada").unwrap();
        assert_eq!(
            (&back["id"], &back["active"]),
            (&before["id"], &before["active"])
        );
    }
}

#[test]
fn two_entries_that_correlate_with_one_person_are_a_conflict_and_write_nothing() {
    for database in Database::ALL {
        let rollcall = installed(
            database,
            "id,login,title,active\n1,ada,Countess,true\n",
            "id,login,title,active\nb,bea,RN,true\n",
        );
        rollcall.write(
            "directory.csv",
            "id,login,title,active\nb,bea,RN,true\nx,ada,First,true\ny,ada,Second,true\n",
        );
        let run = rollcall.sync("directory", 4);
        assert_eq!(run["tally"]["quarantined"], 2, "{run}");
        assert_eq!(
            rollcall.user("ada").unwrap()["attributes"]["title"],
            "Countess"
        );
    }
}

#[test]
fn the_grace_period_of_a_leaver_ends_without_giving_the_account_back() {
    for database in Database::ALL {
        let hr = "id,login,active\n1,ada,true\n2,bea,true\n3,cid,true\n";
        let mut rollcall = installed(database, hr, "id,login,active\na,ada,true\nb,bea,true\n");
        rollcall.set_sources(&SOURCES.replace("format", "age_max = \"any\"\nformat"));
        rollcall.write("hr.csv", &hr.replace("1,ada,true\n", ""));
        rollcall.sync("hr", 0);
        rollcall.run_later(31, &["sync", "hr"]).exits(0);
        rollcall.run_later(31, &["sync", "directory"]).exits(0);
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
    }
}

/// A list of two sources, and its union.
#[test]
fn lists_are_the_winners_or_by_setting_the_union_without_doubles() {
    let mapping = MAPPING.replace(
        "title = \"title\"",
        "emails = \"all.mail.map(m, {'type': 'work', 'value': m})\"",
    );
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, SOURCES);
        for name in ["hr", "directory"] {
            rollcall.write(&format!("mappings/{name}.toml"), &mapping);
        }
        let rows = "id,login,mail\n1,ada,Ada@Example.org\n";
        rollcall.write("hr.csv", rows);
        rollcall.write(
            "directory.csv",
            "id,login,mail\na,ada,ada@example.org\nb,bea,bea@example.org\n",
        );
        let addresses = |rollcall: &Rollcall| {
            let ada = rollcall.user("ada").unwrap();
            let emails = ada["attributes"]["emails"].as_array().unwrap().clone();
            let texts = emails.iter().map(|e| e["value"].as_str().unwrap());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        rollcall.sync("hr", 0);
        rollcall.sync("directory", 0);
        assert_eq!(addresses(&rollcall), ["Ada@Example.org"]);

        // By setting: both, the winner's first, and what differs by case only once.
        rollcall.set_sources(&format!("union = [\"emails\"]\n{SOURCES}"));
        rollcall.write(
            "directory.csv",
            "id,login,mail\na,ada,second@example.org\nb,bea,bea@example.org\n",
        );
        rollcall.sync("directory", 0);
        assert_eq!(
            addresses(&rollcall),
            ["Ada@Example.org", "second@example.org"]
        );
        rollcall.write(
            "directory.csv",
            "id,login,mail\na,ada,ADA@example.ORG\nb,bea,bea@example.org\n",
        );
        rollcall.sync("directory", 0);
        assert_eq!(addresses(&rollcall), ["Ada@Example.org"]);
        // A source takes back only what it said itself.
        rollcall.write("hr.csv", &rows.replace("Ada@Example.org", ""));
        rollcall.sync("hr", 0);
        assert_eq!(addresses(&rollcall), ["ADA@example.ORG"]);
        let end = rollcall.journal_end();
        rollcall.sync("directory", 0);
        assert_eq!(rollcall.journal_end(), end);
    }
}

#[test]
fn two_sources_that_are_run_at_the_same_moment_make_nobody_twice() {
    for database in Database::ALL {
        let rows = |from: u32, to: u32| {
            (from..=to).fold("id,login,title,active\n".to_owned(), |mut rows, n| {
                rows.extend([format!("{n},u{n},T,true\n")]);
                rows
            })
        };
        let rollcall = installed(database, &rows(1, 300), &rows(1, 300));
        for round in 1..=3 {
            let more = rows(1, 300 + round * 90);
            rollcall.write("hr.csv", &more);
            rollcall.write("directory.csv", &more);
            let mut started =
                ["hr", "directory"].map(|source| rollcall.start(&["--json", "sync", source]));
            for run in &mut started {
                assert_eq!(run.wait().unwrap().code(), Some(0), "{database:?} {round}");
            }
            let listed = rollcall.run(&["--json", "user", "list", "--limit", "1"]);
            assert_eq!(listed.exits(0).json()["total"], 300 + round * 90);
        }
    }
}

#[test]
fn after_the_grace_period_the_values_of_a_leaver_go_and_the_no_stays() {
    for database in Database::ALL {
        let hr = "id,login,title,active\n1,ada,Countess,true\n2,bea,Nurse,true\n3,cid,Clerk,true\n";
        let mut rollcall = installed(
            database,
            hr,
            "id,login,title,active\na,ada,Dr,true\nb,bea,RN,true\n",
        );
        rollcall.set_sources(&SOURCES.replace("format", "age_max = \"any\"\nformat"));
        rollcall.write("hr.csv", &hr.replace("1,ada,Countess,true\n", ""));
        rollcall.sync("hr", 0);
        assert_eq!(
            rollcall.user("ada").unwrap()["attributes"]["title"],
            "Countess"
        );
        rollcall.run_later(31, &["sync", "hr"]).exits(0);
        let ada = rollcall.user("ada").unwrap();
        assert_eq!(ada["attributes"]["title"], "Dr");
        assert_eq!(ada["active"], false);
        let end = rollcall.journal_end();
        rollcall.run_later(31, &["sync", "hr"]).exits(0);
        assert_eq!(rollcall.journal_end(), end);
    }
}
