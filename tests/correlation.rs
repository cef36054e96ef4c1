//! Whose entry is it: who comes back, who is recognised across sources, and what happens
//! when it cannot be told. On both databases.

use serde_json::json;

use crate::harness::rollcall::{Database, Rollcall};

const EMPLOYEE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Two sources of people, with the same columns.
const SOURCES: &str = r#"
[sources.hr]
kind = "file"
format = "csv"
age_max = "any"
users_file = "hr.csv"
mapping = "hr"
priority = 10

[sources.directory]
kind = "file"
format = "csv"
age_max = "any"
users_file = "directory.csv"
mapping = "directory"
priority = 20
"#;
const HEADER: &str = "id,login,number,mail,title,active\n";

fn mapping(match_on: &str) -> String {
    format!(
        r#"
kind = "file"
[user]
key = "id"
match = [{match_on}]
[user.attributes]
userName = "login"
emails = "all.mail.map(m, {{'type': 'work', 'value': m}})"
title = "title"
active = "active"
"{EMPLOYEE}:employeeNumber" = "number"
"#
    )
}

fn each_database(match_on: &str, test: impl Fn(&mut Rollcall)) {
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, SOURCES);
        for name in ["hr", "directory"] {
            rollcall.write(&format!("mappings/{name}.toml"), &mapping(match_on));
        }
        test(&mut rollcall);
    }
}

/// Others, so that one person more or less is not half of everybody.
fn others() -> String {
    (100..110)
        .map(|n| format!("{n},other{n},,,,true\n"))
        .collect::<Vec<_>>()
        .concat()
}

fn write(rollcall: &Rollcall, source: &str, rows: &str) {
    rollcall.write(&format!("{source}.csv"), &(HEADER.to_owned() + rows));
}

#[test]
fn who_comes_back_under_another_key_is_recognised_by_the_employee_number() {
    // Whatever the mapping matches by, and by nothing at all.
    for match_on in ["", "\"userName\""] {
        each_database(match_on, |rollcall| {
            let ada = "1,ada,E7,ada@example.org,Countess,true\n";
            write(rollcall, "hr", &(others() + ada));
            rollcall.sync("hr", 0);
            let before = rollcall.user("ada").unwrap();
            write(rollcall, "hr", &others());
            rollcall.sync("hr", 0);
            assert_eq!(rollcall.user("ada").unwrap()["active"], false);
            write(
                rollcall,
                "hr",
                &(others() + "2,ada,E7,ada@example.org,Countess,true\n"),
            );
            let run = rollcall.sync("hr", 0);
            assert_eq!(run["tally"]["users_created"], 0, "{run}");
            assert_eq!(run["tally"]["returned"], 1, "{run}");
            let back = rollcall.user("ada").unwrap();
            assert_eq!(back["id"], before["id"]);
            assert_eq!(back["attributes"], before["attributes"]);
            assert_eq!(back["active"], true);
            // Nothing more is to be done, and the old entry's grace period ends nobody.
            let end = rollcall.journal_end();
            assert_eq!(rollcall.sync("hr", 0)["tally"]["unchanged"], 11);
            rollcall.run_later(40, &["sync", "hr"]).exits(0);
            assert_eq!(rollcall.journal_end(), end);
            assert_eq!(rollcall.user("ada").unwrap()["active"], true);
        });
    }
}

#[test]
fn a_returner_gets_back_only_what_the_leaver_policy_had_taken() {
    each_database("\"userName\"", |rollcall| {
        // She is not active by the word of the other source, and stays so.
        write(rollcall, "directory", "a,ada,,,,false\n");
        rollcall.sync("directory", 0);
        write(rollcall, "hr", &(others() + "1,ada,E7,,Countess,true\n"));
        rollcall.sync("hr", 0);
        write(rollcall, "hr", &others());
        rollcall.sync("hr", 0);
        write(rollcall, "hr", &(others() + "2,ada,E7,,Countess,true\n"));
        rollcall.sync("hr", 0);
        let back = rollcall.user("ada").unwrap();
        assert_eq!(back["active"], false);
        assert_eq!(back["attributes"]["title"], "Countess");
    });
}

#[test]
fn after_the_grace_period_whoever_comes_is_somebody_new() {
    each_database("", |rollcall| {
        write(rollcall, "hr", &(others() + "1,ada,E7,,Countess,true\n"));
        rollcall.sync("hr", 0);
        let before = rollcall.user("ada").unwrap();
        write(rollcall, "hr", &others());
        rollcall.sync("hr", 0);
        rollcall.run_later(31, &["sync", "hr"]).exits(0);
        assert!(rollcall.user("ada").is_none());
        write(rollcall, "hr", &(others() + "2,ada,E7,,Countess,true\n"));
        rollcall.run_later(31, &["sync", "hr"]).exits(0);
        assert_ne!(rollcall.user("ada").unwrap()["id"], before["id"]);
    });
}

#[test]
fn two_who_left_with_one_number_are_a_conflict_and_a_number_in_use_is_somebody_else() {
    each_database("", |rollcall| {
        let both = "1,ada,E7,,,true\n2,bea,E7,,,true\n";
        write(rollcall, "hr", &(others() + both));
        rollcall.sync("hr", 0);
        // One of them is still listed: the new entry is not hers.
        write(rollcall, "hr", &(others() + both + "3,cid,E7,,,true\n"));
        assert_eq!(rollcall.sync("hr", 0)["tally"]["users_created"], 1);
        write(rollcall, "hr", &others());
        rollcall.sync("hr", 0);
        write(rollcall, "hr", &(others() + "4,dan,E7,,,true\n"));
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert!(rollcall.user("dan").is_none());
        let shown = rollcall
            .run(&["run", "show", &run["run"].to_string()])
            .exits(0);
        assert!(
            shown.stdout.contains("employeeNumber E7"),
            "{}",
            shown.stdout
        );
    });
}

#[test]
fn a_user_name_or_address_that_is_given_on_never_links_alone() {
    each_database("\"userName\", \"emails\"", |rollcall| {
        write(
            rollcall,
            "hr",
            &(others() + "1,ada,E7,info@example.org,Countess,true\n"),
        );
        rollcall.sync("hr", 0);
        let before = rollcall.user("ada").unwrap();
        write(rollcall, "hr", &others());
        rollcall.sync("hr", 0);
        // Another person, with her address.
        write(
            rollcall,
            "hr",
            &(others() + "2,bea,E8,info@example.org,Clerk,true\n"),
        );
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_created"], 1, "{run}");
        assert_ne!(rollcall.user("bea").unwrap()["id"], before["id"]);
        let ada = rollcall.user("ada").unwrap();
        assert_eq!(
            (&ada["active"], &ada["attributes"]["title"]),
            (&json!(false), &json!("Countess"))
        );
    });
}

#[test]
fn sources_can_recognise_people_by_employee_number() {
    let by_number = format!("\"{EMPLOYEE}:employeeNumber\"");
    each_database(&by_number, |rollcall| {
        write(
            rollcall,
            "hr",
            "1,ada,E7,,Countess,true\n2,bea,E8,,Nurse,true\n",
        );
        rollcall.sync("hr", 0);
        let ada = rollcall.user("ada").unwrap();
        // An empty number is no number.
        write(
            rollcall,
            "directory",
            "a,a.lovelace,E7,ada@example.org,,true\nc,cid,,,,true\nd,dan,,,,true\n",
        );
        let run = rollcall.sync("directory", 0);
        assert_eq!(run["tally"]["linked"], 1, "{run}");
        assert_eq!(run["tally"]["users_created"], 2, "{run}");
        assert_eq!(rollcall.user("ada").unwrap()["id"], ada["id"]);
        assert!(rollcall.user("a.lovelace").is_none());
    });
}

#[test]
fn two_entries_of_one_number_are_a_conflict_in_the_first_import_too() {
    let by_number = format!("\"{EMPLOYEE}:employeeNumber\"");
    each_database(&by_number, |rollcall| {
        write(
            rollcall,
            "hr",
            &(others() + "1,ada,E7,,,true\n2,bea,E7,,,true\n"),
        );
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert!(rollcall.user("bea").is_none());
    });
}

#[test]
fn an_attribute_that_nobody_is_recognised_by_is_refused_with_those_that_are() {
    let rollcall = Rollcall::new(Database::Sqlite, SOURCES);
    rollcall.write("mappings/hr.toml", &mapping("\"title\""));
    rollcall.write("mappings/directory.toml", &mapping(""));
    let refused = rollcall.run(&["check"]).exits(2);
    assert!(
        refused.stderr.contains("cannot be recognised by `title`")
            && refused.stderr.contains("externalId, userName"),
        "{}",
        refused.stderr
    );
}

#[test]
fn two_people_who_carry_the_value_are_a_conflict() {
    each_database("\"emails\"", |rollcall| {
        write(rollcall, "hr", "1,ada,,team@example.org,,true\n");
        rollcall.sync("hr", 0);
        rollcall.write("mappings/directory.toml", &mapping(""));
        write(rollcall, "directory", "b,bea,,team@example.org,,true\n");
        rollcall.sync("directory", 0);
        // Both have the address by now.
        write(
            rollcall,
            "hr",
            "1,ada,,team@example.org,,true\n2,cid,,team@example.org,,true\n",
        );
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert!(rollcall.user("cid").is_none());
    });
}

#[test]
fn a_second_entry_of_one_person_is_a_conflict_unless_that_is_allowed() {
    each_database("\"emails\"", |rollcall| {
        write(rollcall, "hr", "1,ada,,ada@example.org,Countess,true\n");
        rollcall.sync("hr", 0);
        let two = "1,ada,,ada@example.org,Countess,true\n2,ada2,,ada@example.org,,true\n";
        write(rollcall, "hr", two);
        let run = rollcall.sync("hr", 4);
        let shown = rollcall
            .run(&["run", "show", &run["run"].to_string()])
            .exits(0);
        assert!(
            shown.stdout.contains("several_entries_per_person"),
            "{}",
            shown.stdout
        );
        let allowed = "priority = 10\nseveral_entries_per_person = true";
        rollcall.set_sources(&SOURCES.replace("priority = 10", allowed));
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["linked"], 1, "{run}");
        assert_eq!(run["tally"]["users_created"], 0, "{run}");
        let entries = rollcall.run(&["--json", "explain", "ada"]).exits(0).json();
        assert_eq!(
            entries[0]["entries"].as_array().unwrap().len(),
            2,
            "{entries}"
        );
        // One of the two goes: the person stays, by the other.
        write(rollcall, "hr", "1,ada,,ada@example.org,Countess,true\n");
        rollcall.run(&["--json", "sync", "hr"]);
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
    });
}

#[test]
fn an_old_key_that_comes_back_beside_the_new_one_is_a_second_entry_for_one_person() {
    each_database("\"userName\"", |rollcall| {
        let run_with = |rows: &str, code: i32| {
            rollcall.write("hr.csv", &format!("{HEADER}{rows}{}", others()));
            rollcall.sync("hr", code)
        };
        run_with("1,ada,E1,,Clerk,true\n", 0);
        run_with("9,ada,E1,,Clerk,true\n", 0);
        let run = run_with("9,ada,E1,,Clerk,true\n1,ada,E1,,Clerk,false\n", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
        // As somebody else: a key that is used again makes nobody of it.
        let run = run_with("9,ada,E1,,Clerk,true\n1,cy,E2,,Clerk,true\n", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert!(rollcall.user("cy").is_none());
        // The new key goes, the old one is back: the same person.
        run_with("1,ada,E1,,Clerk,true\n", 0);
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
    });
}
