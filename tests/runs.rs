//! What `run list`, `run show` and the journal tell about runs that were applied, failed,
//! cancelled and taken back.

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = "[sources.people]\nkind = \"file\"\nformat = \"json-lines\"\nusers_file = \"people.jsonl\"\nmapping = \"people\"\n";

fn installation() -> Rollcall {
    let rollcall = Rollcall::new(Database::Sqlite, SOURCE);
    rollcall.write(
        "mappings/people.toml",
        "kind = \"file\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"login\"\ntitle = \"title\"\n",
    );
    rollcall.write("people.jsonl", "{\"id\": \"1\", \"login\": \"ada\"}\n");
    rollcall
}

fn list(rollcall: &Rollcall) -> String {
    rollcall.run(&["run", "list"]).exits(0).stdout
}

#[test]
fn a_plan_that_was_applied_still_shows_what_it_changed() {
    let rollcall = installation();
    rollcall.run(&["plan", "people"]).exits(0);
    rollcall.run(&["apply", "1"]).exits(0);
    let shown = rollcall.run(&["run", "show", "1"]).exits(0).stdout;
    assert!(shown.contains("ada  created"), "{shown}");
}

#[test]
fn a_failed_run_says_that_nothing_was_written() {
    let rollcall = installation();
    rollcall.sync("people", 0);
    let many: String = (1..=30).fold(String::new(), |text, n| {
        text + &format!("{{\"id\": \"{n}\", \"login\": \"user{n}\"}}\n")
    });
    rollcall.write("people.jsonl", &format!("{many}{{\"id\": "));
    let failed = rollcall.run(&["sync", "people"]).exits(1).stdout;
    assert!(
        failed.contains("nothing was written") && !failed.contains("new"),
        "{failed}"
    );
    let list = list(&rollcall);
    assert!(list.contains("nothing was written"), "{list}");
}

#[test]
fn a_cancelled_plan_stands_in_the_journal_and_an_undone_run_names_what_undid_it() {
    let rollcall = installation();
    rollcall.sync("people", 0);
    rollcall.run(&["plan", "people"]).exits(0);
    rollcall.run(&["run", "cancel", "2"]).exits(0);
    let journal = rollcall.run(&["journal"]).exits(0).stdout;
    assert!(journal.contains("plan 2 was cancelled"), "{journal}");
    rollcall.write(
        "people.jsonl",
        "{\"id\": \"1\", \"login\": \"ada\", \"title\": \"Dr\"}\n",
    );
    rollcall.sync("people", 0);
    rollcall.run(&["run", "undo", "3"]).exits(0);
    let text = list(&rollcall);
    assert!(
        text.contains("undone by 4") && text.contains("takes back run 3"),
        "{text}"
    );
    rollcall.run(&["run", "undo", "4"]).exits(0);
    let text = list(&rollcall);
    assert!(text.contains("so does run 3 again"), "{text}");
}

#[test]
fn a_number_that_is_too_long_for_a_key_is_named() {
    let rollcall = installation();
    rollcall.write("people.jsonl", "{\"id\": 1e21, \"login\": \"ada\"}\n{\"id\": 12345678901234567890123, \"login\": \"bob\"}\n{\"id\": 9007199254740993, \"login\": \"carl\"}\n");
    rollcall.run(&["sync", "people"]).exits(1);
    let shown = rollcall.run(&["run", "show", "1"]).exits(0).stdout;
    assert!(shown.contains("a number too large to be exact"), "{shown}");
    let carl = rollcall.run(&["explain", "carl"]).exits(0).stdout;
    assert!(carl.contains("key 9007199254740993"), "{carl}");
}

/// A source that cannot be opened here is in nobody's way.
#[test]
fn a_secret_that_is_not_there_stops_its_own_source_only() {
    let other = r#"
[sources.ad]
kind = "ldap"
urls = ["ldap://127.0.0.1:1"]
base = "dc=example"
bind_dn = "cn=rollcall"
bind_password = { env = "NOT_SET_HERE" }
mapping = "openldap"
"#;
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, "");
        let people = "[sources.people]\nkind = \"file\"\nformat = \"csv\"\nusers_file = \"people.csv\"\nmapping = \"people-csv\"\n";
        rollcall.set_sources(&format!("{people}{other}"));
        rollcall.write("people.csv", "id,login,first_name,last_name,email,department,title,active\n1,ada,A,L,ada@example.org,R,T,yes\n");
        rollcall.sync("people", 0);
        rollcall.run(&["run", "list"]).exits(0);
        rollcall.run(&["explain", "ada"]).exits(0);
        for command in [&["sync", "ad"][..], &["check"], &["check", "ad"]] {
            let told = rollcall.run(command).exits(2).stderr;
            assert!(told.contains("NOT_SET_HERE, which is not set"), "{told}");
        }
    }
}
