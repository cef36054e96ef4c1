//! A source that has not been read completely for too long is told.

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
age_max = "any"
users_file = "people.csv"
mapping = "people-csv"
"#;

#[test]
fn a_source_without_a_complete_read_for_two_days_is_overdue_whatever_its_runs_did() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        let header = "id,login,first_name,last_name,email,department,title,active\n";
        rollcall.write("people.csv", &format!("{header}1,ada,,,,,,yes\n"));
        rollcall.sync("people", 0);
        let listed = |days| {
            let ended = rollcall.run_later(days, &["--json", "source", "list"]);
            ended.exits(0).json()[0].clone()
        };
        assert_eq!(listed(1)["overdue"], false);
        assert_eq!(listed(3)["overdue"], true);
        // A run that failed does not count; one that was complete does.
        rollcall.write("people.csv", header);
        rollcall.run_later(3, &["sync", "people"]).exits(1);
        assert_eq!(listed(3)["overdue"], true);
        assert_eq!(listed(3)["last_read"], "failed");
        let text = rollcall.run_later(3, &["source", "list"]).exits(0).stdout;
        assert!(text.contains("no complete read for 72 hours"), "{text}");
        rollcall.write("people.csv", &format!("{header}1,ada,,,,,,yes\n"));
        rollcall.run_later(3, &["sync", "people"]).exits(0);
        assert_eq!(listed(4)["overdue"], false);
        assert_eq!(listed(4)["last_read"], "complete");
    }
}

#[test]
fn a_run_that_is_held_was_a_complete_read_all_the_same() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        let header = "id,login,first_name,last_name,email,department,title,active\n";
        let people = |n: u32| {
            (1..=n).fold(header.to_owned(), |text, n| {
                text + &format!("{n},user{n},,,,,,yes\n")
            })
        };
        rollcall.write("people.csv", &people(40));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(10));
        rollcall.run_later(3, &["sync", "people"]).exits(3);
        let ended = rollcall
            .run_later(4, &["--json", "source", "list"])
            .exits(0);
        assert_eq!(ended.json()[0]["overdue"], false);
    }
}
