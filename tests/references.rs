//! Who is meant by a name: members and managers, whatever changes around them. On both
//! databases.

use serde_json::{Value as Json, json};

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.staff]
kind = "file"
format = "json-lines"
users_file = "people.jsonl"
groups_file = "groups.jsonl"
mapping = "staff"
guard = { attribute = "100%", identity = "100%" }
"#;

/// Members are named by an attribute that may pass from one person to another.
const MAPPING: &str = r#"
kind = "file"
[user]
key = "id"
[user.attributes]
userName = "login"
title = "title"
active = "active"
[group]
key = "id"
[group.attributes]
displayName = "name"
members = "all.members"
[references]
members = "desk"
"#;

fn each_database(mapping: &str, test: impl Fn(&Rollcall)) {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("mappings/staff.toml", mapping);
        test(&rollcall);
    }
}

fn write(rollcall: &Rollcall, people: &[Json], groups: &[Json]) {
    let lines = |rows: &[Json]| {
        rows.iter()
            .map(|r| format!("{r}\n"))
            .collect::<Vec<_>>()
            .concat()
    };
    rollcall.write("people.jsonl", &lines(people));
    rollcall.write("groups.jsonl", &lines(groups));
}

fn person(number: u32, desk: &str, title: &str) -> Json {
    json!({"id": number.to_string(), "login": format!("user{number}"), "desk": desk, "title": title})
}

fn members(rollcall: &Rollcall, group: &str) -> Json {
    rollcall.group(group).unwrap()["members"].clone()
}

#[test]
fn a_member_who_changes_in_the_run_in_which_the_group_changes_stays_a_member() {
    // More people than are reconciled at once, so that they come before the group.
    let by_key = MAPPING.replace("members = \"desk\"", "members = \"key\"");
    each_database(&by_key, |rollcall| {
        let all = |title| -> Vec<Json> { (1..=600).map(|n| person(n, "", title)).collect() };
        write(
            rollcall,
            &all("Clerk"),
            &[json!({"id": "a", "name": "a", "members": ["1"]})],
        );
        rollcall.sync("staff", 0);
        write(
            rollcall,
            &all("Chief"),
            &[json!({"id": "a", "name": "a", "members": ["1", "2"]})],
        );
        let run = rollcall.sync("staff", 0);
        assert_eq!(run["tally"]["members_removed"], 0, "{run}");
        assert_eq!(run["tally"]["dangling"], 0, "{run}");
        assert_eq!(members(rollcall, "a"), json!(["user1", "user2"]));
    });
}

#[test]
fn a_name_that_passes_to_somebody_else_means_the_new_owner() {
    for several in [0, 600] {
        each_database(MAPPING, |rollcall| {
            let others = |title| (10..10 + several).map(move |n| person(n, "", title));
            let people = |one, two, title| -> Vec<Json> {
                [person(1, one, "Clerk"), person(2, two, "Clerk")]
                    .into_iter()
                    .chain(others(title))
                    .collect()
            };
            let group = |name: &str| json!({"id": "a", "name": name, "members": ["D1"]});
            write(rollcall, &people("D1", "D2", "Clerk"), &[group("a")]);
            rollcall.sync("staff", 0);
            assert_eq!(members(rollcall, "a"), json!(["user1"]));
            // The two swap desks, and the group changes too.
            write(rollcall, &people("D2", "D1", "Chief"), &[group("b")]);
            rollcall.sync("staff", 0);
            assert_eq!(members(rollcall, "b"), json!(["user2"]), "{several} others");
            let end = rollcall.journal_end();
            rollcall.sync("staff", 0);
            assert_eq!(rollcall.journal_end(), end);
        });
    }
}

#[test]
fn a_member_in_quarantine_stays_a_member() {
    let by_key = MAPPING.replace("members = \"desk\"", "members = \"key\"");
    each_database(&by_key, |rollcall| {
        let mut people: Vec<Json> = (1..=5).map(|n| person(n, "", "Clerk")).collect();
        write(
            rollcall,
            &people,
            &[json!({"id": "a", "name": "a", "members": ["1", "2"]})],
        );
        rollcall.sync("staff", 0);
        people[0]["active"] = json!("perhaps");
        write(
            rollcall,
            &people,
            &[json!({"id": "a", "name": "a", "members": ["1", "2", "3"]})],
        );
        let run = rollcall.sync("staff", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(members(rollcall, "a"), json!(["user1", "user2", "user3"]));
    });
}

#[test]
fn what_names_nobody_is_listed_with_the_run_and_joins_in_a_later_one() {
    let by_key = MAPPING.replace("members = \"desk\"", "members = \"key\"");
    each_database(&by_key, |rollcall| {
        let people: Vec<Json> = (1..=3).map(|n| person(n, "", "Clerk")).collect();
        let groups = [json!({"id": "a", "name": "a", "members": ["1", "9"]})];
        write(rollcall, &people, &groups);
        let run = rollcall.sync("staff", 0)["run"].to_string();
        let shown = rollcall.run(&["run", "show", &run]).exits(0);
        assert!(
            shown.stdout.contains("9 (members of a)"),
            "{}",
            shown.stdout
        );
        let json = rollcall
            .run(&["--json", "run", "show", &run])
            .exits(0)
            .json();
        assert_eq!(
            json["dangling"],
            json!([{"entry": "a", "called": "a", "attribute": "members", "name": "9"}])
        );
        write(
            rollcall,
            &[people, vec![person(9, "", "Clerk")]].concat(),
            &groups,
        );
        let run = rollcall.sync("staff", 0)["run"].to_string();
        assert_eq!(members(rollcall, "a"), json!(["user1", "user9"]));
        let json = rollcall
            .run(&["--json", "run", "show", &run])
            .exits(0)
            .json();
        assert_eq!(json["dangling"], json!([]));
    });
}

const MANAGED: &str = r#"
kind = "file"
[user]
key = "id"
[user.attributes]
userName = "login"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager" = "boss"
[group]
key = "id"
[group.attributes]
displayName = "name"
members = "all.members"
[references]
manager = "desk"
members = "desk"
"#;

fn managed(number: u32, desk: &str, boss: &str) -> Json {
    json!({"id": number.to_string(), "login": format!("user{number}"), "desk": desk, "boss": boss})
}

fn manager_of(rollcall: &Rollcall, name: &str) -> Json {
    let user = rollcall.user(name).unwrap();
    user["attributes"]["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"]
        .clone()
}

#[test]
fn a_branch_that_is_renamed_with_its_managers_changes_nobody() {
    for database in Database::ALL {
        // The usual guards: a manager who went away and came back would close them.
        let strict = SOURCE.replace("guard = { attribute = \"100%\", identity = \"100%\" }", "");
        let rollcall = Rollcall::new(database, &strict);
        rollcall.write("mappings/staff.toml", MANAGED);
        let branch = |branch: &str| -> Vec<Json> {
            // Whoever reports comes before whom they report to.
            (1..=1_200)
                .map(|n| managed(n, &format!("{branch}{n}"), &format!("{branch}{}", n + 1)))
                .collect()
        };
        let group =
            |branch: &str| json!({"id": "a", "name": "a", "members": [format!("{branch}1")]});
        write(&rollcall, &branch("old-"), &[group("old-")]);
        rollcall.sync("staff", 0);
        let people = |rollcall: &Rollcall| -> Vec<String> {
            let dump = rollcall.dump();
            let lines = dump
                .lines()
                .filter(|line| line.starts_with("{\"resource\":\"user"));
            lines.map(str::to_owned).collect()
        };
        let before = people(&rollcall);
        write(&rollcall, &branch("new-"), &[group("new-")]);
        let run = rollcall.sync("staff", 0);
        assert_eq!(run["tally"]["updated"], 0, "{run}");
        assert_eq!(run["tally"]["dangling"], 1, "{run}");
        assert_eq!(members(&rollcall, "a"), json!(["user1"]));
        assert!(people(&rollcall) == before);
    }
}

#[test]
fn entries_that_stay_as_they_are_mean_the_new_owner_of_a_name_one_run_later() {
    each_database(MANAGED, |rollcall| {
        let group = [json!({"id": "a", "name": "a", "members": ["D1"]})];
        let people = |one, two| {
            [
                managed(1, one, ""),
                managed(2, two, ""),
                managed(3, "D3", "D1"),
            ]
        };
        write(rollcall, &people("D1", "D2"), &group);
        rollcall.sync("staff", 0);
        let [first, second] =
            ["user1", "user2"].map(|name| rollcall.user(name).unwrap()["id"].clone());
        assert_eq!(manager_of(rollcall, "user3"), first);
        write(rollcall, &people("D2", "D1"), &group);
        rollcall.sync("staff", 0);
        rollcall.sync("staff", 0);
        assert_eq!(manager_of(rollcall, "user3"), second);
        assert_eq!(members(rollcall, "a"), json!(["user2"]));
        let end = rollcall.journal_end();
        assert_eq!(rollcall.sync("staff", 0)["tally"]["unchanged"], 4);
        assert_eq!(rollcall.journal_end(), end);
    });
}

#[test]
fn who_is_deleted_is_waited_for_again_by_whoever_mentions_them() {
    let fresh_or_old = "guard = { attribute = \"100%\", identity = \"100%\" }\nage_max = \"any\"";
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, SOURCE);
        rollcall.set_sources(&SOURCE.replace(
            "guard = { attribute = \"100%\", identity = \"100%\" }",
            fresh_or_old,
        ));
        rollcall.write("mappings/staff.toml", MANAGED);
        let group = [json!({"id": "a", "name": "a", "members": ["D1", "D2"]})];
        let people = [
            managed(1, "D1", "D2"),
            managed(2, "D2", ""),
            managed(3, "D3", ""),
        ];
        write(&rollcall, &people, &group);
        rollcall.sync("staff", 0);
        let without: Vec<Json> = people.iter().filter(|p| p["id"] != "2").cloned().collect();
        write(&rollcall, &without, &group);
        rollcall.sync("staff", 0);
        rollcall.run_later(31, &["sync", "staff"]).exits(0);
        assert!(rollcall.user("user2").is_none());
        let run = rollcall
            .run_later(31, &["--json", "sync", "staff"])
            .exits(0)
            .json();
        assert_eq!(run["tally"]["dangling"], 2, "{run}");
        assert_eq!(manager_of(&rollcall, "user1"), Json::Null);
        // Somebody new bears the name.
        write(&rollcall, &people, &group);
        rollcall.run_later(31, &["sync", "staff"]).exits(0);
        assert_eq!(members(&rollcall, "a"), json!(["user1", "user2"]));
        assert_eq!(
            manager_of(&rollcall, "user1"),
            rollcall.user("user2").unwrap()["id"]
        );
    }
}

#[test]
fn after_an_undo_whoever_was_waited_for_is_found_again() {
    each_database(MANAGED, |rollcall| {
        let group = [json!({"id": "a", "name": "a", "members": ["D1", "D2"]})];
        let few = [managed(1, "D1", "D2"), managed(3, "D3", "")];
        write(rollcall, &few, &group);
        rollcall.sync("staff", 0);
        let all = [few.to_vec(), vec![managed(2, "D2", "")]].concat();
        write(rollcall, &all, &group);
        let came = rollcall.sync("staff", 0)["run"].to_string();
        assert_eq!(members(rollcall, "a"), json!(["user1", "user2"]));
        rollcall.run(&["run", "undo", &came]).exits(0);
        assert_eq!(members(rollcall, "a"), json!(["user1"]));
        rollcall.run(&["source", "resume", "staff"]).exits(0);
        rollcall.sync("staff", 0);
        assert_eq!(members(rollcall, "a"), json!(["user1", "user2"]));
        assert_eq!(
            manager_of(rollcall, "user1"),
            rollcall.user("user2").unwrap()["id"]
        );
    });
}

#[test]
fn who_comes_back_by_the_undo_of_an_undo_is_found_by_name_from_the_next_run_on() {
    each_database(MANAGED, |rollcall| {
        let group = |members: &[&str]| [json!({"id": "a", "name": "a", "members": members})];
        let few = [managed(1, "D1", ""), managed(3, "D3", "")];
        write(rollcall, &few, &group(&["D1"]));
        rollcall.sync("staff", 0);
        let all = [few.to_vec(), vec![managed(2, "D2", "")]].concat();
        write(rollcall, &all, &group(&["D1"]));
        let came = rollcall.sync("staff", 0)["run"].to_string();
        let undone = rollcall
            .run(&["--json", "run", "undo", &came])
            .exits(0)
            .json();
        rollcall
            .run(&["run", "undo", &undone["run"].to_string()])
            .exits(0);
        rollcall.run(&["source", "resume", "staff"]).exits(0);
        rollcall.sync("staff", 0);
        write(rollcall, &all, &group(&["D1", "D2"]));
        rollcall.sync("staff", 0);
        assert_eq!(members(rollcall, "a"), json!(["user1", "user2"]));
    });
}
