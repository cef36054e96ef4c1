//! `--tenant`: a command that names a tenant touches no source and no run of another one,
//! and says whose it is.

use crate::harness::rollcall::{Database, Rollcall};

const MAPPING: &str =
    "kind = \"file\"\n\n[user]\nkey = \"id\"\n\n[user.attributes]\nuserName = \"login\"\n";

/// Two customers with a source each.
fn two_tenants(database: Database) -> Rollcall {
    let source = |name: &str, tenant: &str| {
        format!(
            "[sources.{name}]\ntenant = \"{tenant}\"\nkind = \"file\"\nformat = \"json-lines\"\n\
             users_file = \"{name}.jsonl\"\nmapping = \"staff\"\n\n"
        )
    };
    let sources = [
        "[tenants.acme]\n\n".to_owned(),
        source("ours", "example"),
        source("theirs", "acme"),
    ];
    let rollcall = Rollcall::new(database, &sources.concat());
    rollcall.write("mappings/staff.toml", MAPPING);
    rollcall.write("ours.jsonl", "{\"id\": \"1\", \"login\": \"ada\"}\n");
    rollcall.write("theirs.jsonl", "{\"id\": \"1\", \"login\": \"bob\"}\n");
    rollcall
}

#[test]
fn a_source_of_another_tenant_is_refused_by_name() {
    let rollcall = two_tenants(Database::Sqlite);
    for command in [
        &["sync", "theirs"][..],
        &["plan", "theirs"],
        &["check", "theirs"],
        &["map", "--source", "theirs", "--entry", "1"],
        &["source", "pause", "theirs"],
        &["source", "resume", "theirs"],
    ] {
        let all = [&["--tenant", "example"], command].concat();
        let refused = rollcall.run(&all).exits(2);
        assert!(
            refused
                .stderr
                .contains("source theirs belongs to tenant acme"),
            "{command:?}: {}",
            refused.stderr
        );
    }
    let runs = rollcall.run(&["--json", "--tenant", "acme", "run", "list"]);
    assert_eq!(runs.exits(0).json(), serde_json::json!([]));
    let unknown = rollcall.run(&["--tenant", "amce", "sync", "theirs"]);
    assert!(unknown.exits(2).stderr.contains("there is no tenant amce"));
}

#[test]
fn a_run_of_another_tenant_is_refused_by_name() {
    for database in Database::ALL {
        let rollcall = two_tenants(database);
        let plan = rollcall.run(&["--json", "plan", "theirs"]).exits(0).json();
        let number = plan["run"].to_string();
        for command in [
            &["apply", &number][..],
            &["run", "show", &number],
            &["run", "approve", &number],
            &["run", "cancel", &number],
            &["run", "undo", &number],
        ] {
            let all = [&["--tenant", "example"], command].concat();
            let refused = rollcall.run(&all).exits(2);
            let told = format!("run {number} is of source theirs, which belongs to tenant acme");
            assert!(
                refused.stderr.contains(&told),
                "{command:?}: {}",
                refused.stderr
            );
        }
        rollcall
            .run(&["--tenant", "acme", "apply", &number])
            .exits(0);
        let gone_on = rollcall.run(&["--tenant", "acme", "user", "show", "bob"]);
        gone_on.exits(0);
    }
}

#[test]
fn without_a_source_the_tenant_says_which_and_lists_show_only_its_own() {
    let rollcall = two_tenants(Database::Sqlite);
    let run = rollcall.run(&["--json", "--tenant", "acme", "sync"]);
    assert_eq!(run.exits(0).json()["source"], "theirs");
    let run = rollcall.run(&["--json", "--tenant", "example", "sync", "--all"]);
    assert_eq!(run.exits(0).json()["source"], "ours");
    let sources = rollcall.run(&["--json", "--tenant", "acme", "source", "list"]);
    let sources = sources.exits(0).json();
    assert_eq!(sources.as_array().unwrap().len(), 1);
    assert_eq!(sources[0]["source"], "theirs");
    let everything = rollcall.run(&["--json", "source", "list"]).exits(0).json();
    assert_eq!(everything.as_array().unwrap().len(), 2);
}

#[test]
fn a_run_of_a_source_that_moved_to_another_tenant_is_not_taken_for_one_of_it() {
    let mut rollcall = two_tenants(Database::Sqlite);
    let plan = rollcall.run(&["--json", "plan", "theirs"]).exits(0).json();
    let moved = "[tenants.acme]\n[sources.theirs]\ntenant = \"example\"\nkind = \"file\"\n\
                 format = \"json-lines\"\nusers_file = \"theirs.jsonl\"\nmapping = \"staff\"\n";
    rollcall.set_sources(moved);
    let refused = rollcall.run(&["apply", &plan["run"].to_string()]).exits(2);
    assert!(
        refused
            .stderr
            .contains("source theirs belongs to tenant example, not to acme"),
        "{}",
        refused.stderr
    );
}
