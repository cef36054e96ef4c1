//! A source that is taken out of the configuration goes on to count until it is retired: a
//! plan takes back all that it said. On both databases.

use crate::harness::rollcall::{Database, Rollcall};

fn source(name: &str, priority: u32) -> String {
    format!(
        "[sources.{name}]\nkind = \"file\"\nformat = \"csv\"\nusers_file = \"{name}.csv\"\nmapping = \"people\"\npriority = {priority}\n"
    )
}

fn two_sources(database: Database) -> Rollcall {
    let both = source("old", 10) + &source("new", 20);
    let mut rollcall = Rollcall::new(database, &both);
    rollcall.write(
        "mappings/people.toml",
        "kind = \"file\"\n[user]\nkey = \"id\"\nmatch = [\"userName\"]\n[user.attributes]\nuserName = \"login\"\ntitle = \"title\"\n",
    );
    rollcall.write("old.csv", "id,login,title\n1,ada,Countess\n2,bob,Clerk\n");
    rollcall.write("new.csv", "id,login,title\na,ada,Dr\n");
    rollcall.sync("old", 0);
    rollcall.sync("new", 0);
    rollcall.set_sources(&source("new", 20));
    rollcall
}

#[test]
fn what_a_retired_source_said_is_taken_back_as_a_plan_and_can_be_undone() {
    for database in Database::ALL {
        let rollcall = two_sources(database);
        let list = rollcall.run(&["source", "list"]).exits(0).stdout;
        assert!(list.contains("rollcall source retire old"), "{list}");
        let explained = rollcall.run(&["explain", "bob"]).exits(0).stdout;
        assert!(!explained.contains("4294967295"), "{explained}");
        let plan = rollcall
            .run(&["--json", "source", "retire", "old"])
            .exits(3)
            .json();
        assert_eq!(plan["state"], "planned", "{plan}");
        assert_eq!(
            rollcall.user("ada").unwrap()["attributes"]["title"],
            "Countess"
        );
        let id = plan["run"].to_string();
        rollcall.run(&["apply", &id]).exits(3);
        rollcall.run(&["run", "approve", &id]).exits(0);
        let ada = rollcall.user("ada").unwrap();
        assert_eq!(
            (&ada["attributes"]["title"], &ada["active"]),
            (&"Dr".into(), &true.into())
        );
        assert_eq!(rollcall.user("bob").unwrap()["active"], false);
        let list = rollcall.run(&["source", "list"]).exits(0).stdout;
        assert!(!list.contains("old"), "{list}");
        rollcall.run(&["run", "undo", &id]).exits(0);
        assert_eq!(rollcall.user("bob").unwrap()["active"], true);
    }
}

#[test]
fn only_a_source_that_is_not_configured_any_more_is_retired() {
    let rollcall = two_sources(Database::Sqlite);
    let refused = rollcall.run(&["source", "retire", "new"]).exits(2);
    assert!(
        refused.stderr.contains("take [sources.new] out"),
        "{}",
        refused.stderr
    );
    let refused = rollcall.run(&["source", "retire", "odl"]).exits(2);
    assert!(
        refused.stderr.contains("no source odl"),
        "{}",
        refused.stderr
    );
}
