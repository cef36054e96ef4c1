//! The guards: what each of them holds, and that it holds nothing else. On both databases.

use serde_json::{Value as Json, json};

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.staff]
kind = "file"
format = "json-lines"
users_file = "people.jsonl"
groups_file = "groups.jsonl"
mapping = "staff"
"#;

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
members = "key"
"#;

/// What the source holds, changed before each run.
#[derive(Clone)]
struct Staff {
    people: Vec<Json>,
    groups: Vec<Json>,
}

impl Staff {
    /// So many people, all active, and no group.
    fn of(people: u32) -> Self {
        let people = (1..=people)
            .map(|n| json!({"id": n.to_string(), "login": format!("user{n}"), "title": "Analyst", "active": true}))
            .collect();
        Self {
            people,
            groups: Vec::new(),
        }
    }

    fn group(mut self, name: &str, members: impl IntoIterator<Item = u32>) -> Self {
        let members: Vec<String> = members.into_iter().map(|n| n.to_string()).collect();
        self.groups
            .push(json!({"id": name, "name": name, "members": members}));
        self
    }

    fn without_people(mut self, gone: impl IntoIterator<Item = u32>) -> Self {
        let gone: Vec<String> = gone.into_iter().map(|n| n.to_string()).collect();
        self.people
            .retain(|p| !gone.iter().any(|id| p["id"] == id.as_str()));
        self
    }

    fn without_groups(mut self, gone: &[&str]) -> Self {
        self.groups
            .retain(|g| !gone.iter().any(|id| g["id"] == *id));
        self
    }

    fn person(mut self, number: u32, attribute: &str, value: impl Into<Json>) -> Self {
        let id = number.to_string();
        let found = self.people.iter_mut().find(|p| p["id"] == id.as_str());
        found.unwrap()[attribute] = value.into();
        self
    }

    fn write(&self, rollcall: &Rollcall) {
        let lines = |rows: &[Json]| {
            rows.iter()
                .map(|r| format!("{r}\n"))
                .collect::<Vec<_>>()
                .concat()
        };
        rollcall.write("people.jsonl", &lines(&self.people));
        rollcall.write("groups.jsonl", &lines(&self.groups));
    }
}

/// Runs a test on each database, on an installation that `staff` was imported into.
fn each_database(staff: &Staff, settings: &str, test: impl Fn(&mut Rollcall)) {
    for database in Database::ALL {
        let mut rollcall = Rollcall::new(database, &format!("{SOURCE}{settings}\n"));
        rollcall.write("mappings/staff.toml", MAPPING);
        staff.write(&rollcall);
        rollcall.sync("staff", 0);
        test(&mut rollcall);
    }
}

/// The guards that closed in a run.
fn guards(run: &Json) -> Vec<&str> {
    let held = run["held"].as_array().unwrap();
    held.iter().map(|h| h["guard"].as_str().unwrap()).collect()
}

fn is_active(rollcall: &Rollcall, name: &str) -> bool {
    rollcall.user(name).unwrap()["active"] == true
}

fn members_of(rollcall: &Rollcall, group: &str) -> usize {
    rollcall
        .group(group)
        .map_or(0, |g| g["members"].as_array().unwrap().len())
}

fn approve(rollcall: &Rollcall, run: &Json) {
    let id = run["run"].to_string();
    rollcall.run(&["run", "approve", &id]).exits(0);
}

#[test]
fn held_people_do_not_hold_groups_memberships_or_leavers() {
    let staff = Staff::of(40).group("a", [1, 2, 3]).group("b", [1]);
    each_database(&staff, "", |rollcall| {
        let mut next = staff
            .clone()
            .without_people(21..=40)
            .without_groups(&["b"])
            .person(5, "active", false)
            .person(6, "title", "Chief");
        next.groups[0]["members"] = json!(["1", "2"]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["removals"], "{run}");
        assert_eq!(run["held"][0]["holds"], "people");
        assert!(is_active(rollcall, "user30"));
        assert!(!is_active(rollcall, "user5"));
        assert_eq!(members_of(rollcall, "a"), 2);
        assert_eq!(members_of(rollcall, "b"), 0);
        assert_eq!(
            rollcall.user("user6").unwrap()["attributes"]["title"],
            "Chief"
        );
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user30"));
    });
}

#[test]
fn held_groups_do_not_hold_people() {
    let names: Vec<String> = (1..=8).map(|n| format!("g{n}")).collect();
    let mut staff = Staff::of(40);
    for name in &names {
        staff = staff.group(name, [1, 2]);
    }
    each_database(&staff, "", |rollcall| {
        let gone: Vec<&str> = names.iter().take(6).map(String::as_str).collect();
        let next = staff.clone().without_people([40]).without_groups(&gone);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["groups"], "{run}");
        assert_eq!(members_of(rollcall, "g1"), 2);
        assert!(!is_active(rollcall, "user40"));
        approve(rollcall, &run);
        assert_eq!(members_of(rollcall, "g1"), 0);
        assert_eq!(members_of(rollcall, "g8"), 2);
    });
}

#[test]
fn held_leavers_hold_nobody_else() {
    let staff = Staff::of(60);
    each_database(&staff, "", |rollcall| {
        let next = (1..=21)
            .fold(staff.clone(), |s, n| s.person(n, "active", false))
            .without_people([60])
            .person(30, "title", "Chief");
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["leavers"], "{run}");
        assert!(is_active(rollcall, "user1"));
        assert!(!is_active(rollcall, "user60"));
        assert_eq!(
            rollcall.user("user30").unwrap()["attributes"]["title"],
            "Chief"
        );
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user1"));
    });
}

#[test]
fn a_group_of_twenty_that_loses_half_is_held_alone() {
    let staff = Staff::of(60).group("large", 1..=20).group("small", 1..=5);
    each_database(&staff, "", |rollcall| {
        let mut next = staff.clone().without_people([60]);
        next.groups[0]["members"] = json!((1..=10).map(|n| n.to_string()).collect::<Vec<_>>());
        next.groups[1]["members"] = json!(["1"]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["memberships"], "{run}");
        assert_eq!(members_of(rollcall, "large"), 20);
        assert_eq!(members_of(rollcall, "small"), 1);
        assert!(!is_active(rollcall, "user60"));
        // The next run finds the group as it was, and says so again.
        let again = rollcall.sync("staff", 3);
        assert_eq!(guards(&again), ["memberships"], "{again}");
        approve(rollcall, &again);
        assert_eq!(members_of(rollcall, "large"), 10);
        assert_eq!(rollcall.sync("staff", 0)["tally"]["members_removed"], 0);
    });
}

#[test]
fn many_memberships_are_held_also_when_they_go_with_their_group() {
    let staff = Staff::of(120).group("everybody", 1..=120).group("few", [1]);
    each_database(&staff, "", |rollcall| {
        staff.clone().without_groups(&["everybody"]).write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["memberships"], "{run}");
        assert_eq!(members_of(rollcall, "everybody"), 120);
        approve(rollcall, &run);
        assert_eq!(members_of(rollcall, "everybody"), 0);
    });
}

#[test]
fn a_change_guard_holds_everything() {
    let staff = Staff::of(120).group("a", [1, 2]);
    each_database(&staff, "", |rollcall| {
        let before = rollcall.dump();
        let mut next = (1..=60).fold(staff.clone(), |s, n| s.person(n, "title", "Clerk"));
        next = next.without_people([120]).person(7, "active", false);
        next.groups[0]["members"] = json!(["1"]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["attribute"], "{run}");
        assert_eq!(run["held"][0]["holds"], "all");
        assert_eq!(rollcall.dump(), before);
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user7"));
        assert_eq!(rollcall.sync("staff", 0)["tally"]["updated"], 0);
    });
}

#[test]
fn user_names_and_a_flood_of_new_people_are_change_guards_too() {
    let staff = Staff::of(120);
    each_database(&staff, "", |rollcall| {
        let before = rollcall.dump();
        let renamed = (1..=11).fold(staff.clone(), |s, n| {
            s.person(n, "login", format!("new{n}"))
        });
        renamed.write(rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["identity"]);
        Staff::of(221).write(rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["creations"]);
        assert_eq!(rollcall.dump(), before);
        Staff::of(220).write(rollcall);
        assert_eq!(rollcall.sync("staff", 0)["tally"]["users_created"], 100);
    });
}

#[test]
fn removals_of_a_day_add_up_whatever_state_their_runs_are_in() {
    // At most 10 of 100 people a day.
    let staff = Staff::of(100).group("large", 1..=30);
    each_database(&staff, "", |rollcall| {
        // A run that is held for another reason still applies these six.
        let mut next = staff.clone().without_people(95..=100);
        next.groups[0]["members"] = json!(["1"]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["memberships"], "{run}");
        assert_eq!(
            run["removed"],
            json!({"users": 6, "groups": 0, "leavers": 0, "memberships": 0, "expired": 0})
        );
        assert!(!is_active(rollcall, "user95"));
        next = next.without_people(91..=94);
        next.write(rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["memberships"]);
        assert!(!is_active(rollcall, "user91"));
        next = next.without_people([90]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["removals", "memberships"], "{run}");
        let because = run["held"][0]["because"].as_str().unwrap();
        assert!(because.contains("10 went within the last day"), "{run}");
        assert!(is_active(rollcall, "user90"));
    });
}

#[test]
fn what_was_approved_within_the_day_adds_up() {
    let staff = Staff::of(40);
    each_database(&staff, "", |rollcall| {
        let mut next = staff.clone().without_people(21..=40);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        approve(rollcall, &run);
        next = next.without_people([20]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert!(
            run["held"][0]["because"]
                .as_str()
                .unwrap()
                .contains("20 went within the last day"),
            "{run}"
        );
        assert!(is_active(rollcall, "user20"));
    });
}

#[test]
fn an_applied_plan_adds_up_and_so_does_an_undo_while_an_undone_run_does_not() {
    let staff = Staff::of(40);
    each_database(&staff, "", |rollcall| {
        let mut next = staff.clone().without_people(33..=40);
        next.write(rollcall);
        let plan = rollcall.run(&["--json", "plan", "staff"]).exits(0).json()["run"].to_string();
        rollcall.run(&["apply", &plan]).exits(0);
        next = next.without_people(30..=32);
        next.write(rollcall);
        let held = rollcall.sync("staff", 3);
        assert_eq!(guards(&held), ["removals"]);
        // Put back: these eight are not gone any more, and three are few.
        rollcall.run(&["run", "undo", &plan]).exits(0);
        rollcall.run(&["source", "resume", "staff"]).exits(0);
        staff.clone().without_people(30..=32).write(rollcall);
        assert_eq!(rollcall.sync("staff", 0)["tally"]["users_gone"], 3);
        // An undo that deletes whom a run had made removes them, too.
        let more = Staff::of(48).without_people(30..=32);
        more.write(rollcall);
        let made = rollcall.sync("staff", 0)["run"].to_string();
        let undo = rollcall.run(&["--json", "run", "undo", &made]);
        assert_eq!(undo.code, 3, "{} {}", undo.stdout, undo.stderr);
    });
}

#[test]
fn the_day_is_over_when_it_is_over() {
    let staff = Staff::of(40);
    each_database(&staff, "age_max = \"any\"", |rollcall| {
        staff.clone().without_people(31..=40).write(rollcall);
        rollcall.sync("staff", 0);
        staff.clone().without_people(30..=40).write(rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["removals"]);
        let later = rollcall.run_later(2, &["--json", "sync", "staff"]).exits(0);
        assert_eq!(later.json()["tally"]["users_gone"], 1);
    });
}

#[test]
fn an_administrator_who_is_absent_is_held_and_the_last_one_is_never_ended() {
    let staff = Staff::of(40).group("admins", [1, 2]);
    let guard = "guard = { administrators = [\"admins\"] }";
    each_database(&staff, guard, |rollcall| {
        // One of two, and somebody else.
        let mut next = staff.clone().without_people([1, 40]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["administrators"], "{run}");
        assert!(
            run["held"][0]["because"]
                .as_str()
                .unwrap()
                .contains("user1")
        );
        assert!(is_active(rollcall, "user1"));
        assert!(!is_active(rollcall, "user40"));
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user1"));
        // The last one, whether absent or ended by the source's word: not even approved.
        for last in [
            next.clone().without_people([2]),
            next.clone().person(2, "active", false),
        ] {
            last.write(rollcall);
            let run = rollcall.sync("staff", 3);
            assert_eq!(guards(&run), ["administrators"], "{run}");
            let id = run["run"].to_string();
            let refused = rollcall.run(&["run", "approve", &id]).exits(1);
            assert!(
                refused.stderr.contains("last active administrator"),
                "{}",
                refused.stderr
            );
            assert!(is_active(rollcall, "user2"));
        }
        // So does a plan of it.
        let plan = rollcall.run(&["--json", "plan", "staff"]).exits(3).json()["run"].to_string();
        let refused = rollcall.run(&["run", "approve", &plan]).exits(1);
        assert!(refused.stderr.contains("last active administrator"));
        // With another administrator she may go.
        next = next.person(2, "active", false);
        next.groups[0]["members"] = json!(["2", "3"]);
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user2"));
    });
}

#[test]
fn administrators_through_nested_groups_and_their_group_itself_are_protected() {
    let mut staff = Staff::of(40).group("operators", [3]).group("other", [4]);
    staff
        .groups
        .push(json!({"id": "admins", "name": "admins", "members": ["1", "operators"]}));
    let mapping = MAPPING.replace("members = \"key\"", "members = \"id\"");
    for database in Database::ALL {
        let settings = "guard = { administrators = [\"admins\"] }";
        let rollcall = Rollcall::new(database, &format!("{SOURCE}{settings}\n"));
        rollcall.write("mappings/staff.toml", &mapping);
        staff.write(&rollcall);
        rollcall.sync("staff", 0);
        assert_eq!(members_of(&rollcall, "admins"), 2);
        staff.clone().without_people([3]).write(&rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["administrators"]);
        assert!(is_active(&rollcall, "user3"));
        staff.clone().without_groups(&["admins"]).write(&rollcall);
        assert_eq!(guards(&rollcall.sync("staff", 3)), ["administrators"]);
        assert_eq!(members_of(&rollcall, "admins"), 2);
    }
}

#[test]
fn an_undo_does_not_end_an_administrator_unasked() {
    let staff = Staff::of(40).group("admins", [1]);
    let guard = "guard = { administrators = [\"admins\"] }";
    each_database(&staff, guard, |rollcall| {
        Staff::of(41).group("admins", [1, 41]).write(rollcall);
        let run = rollcall.sync("staff", 0)["run"].to_string();
        let undo = rollcall
            .run(&["--json", "run", "undo", &run])
            .exits(3)
            .json();
        assert_eq!(guards(&undo), ["administrators"], "{undo}");
        assert!(is_active(rollcall, "user41"));
    });
}

#[test]
fn other_settings_hold_every_removal_whatever_the_number_and_nothing_else() {
    let staff = Staff::of(40).group("a", [1]).group("b", [2]);
    each_database(&staff, "", |rollcall| {
        let next = staff
            .clone()
            .without_people([40])
            .without_groups(&["b"])
            .person(3, "title", "Chief");
        next.write(rollcall);
        rollcall.write(
            "mappings/staff.toml",
            &MAPPING.replace(
                "title = \"title\"",
                "title = \"title\"\nnickName = \"login\"",
            ),
        );
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["settings"], "{run}");
        assert!(is_active(rollcall, "user40"));
        assert_eq!(members_of(rollcall, "b"), 1);
        let chief = rollcall.user("user3").unwrap();
        assert_eq!(chief["attributes"]["title"], "Chief");
        assert_eq!(chief["attributes"]["nickName"], "user3");
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user40"));
        // The approved settings are those of a good run from now on.
        next.without_people([39]).write(rollcall);
        assert_eq!(rollcall.sync("staff", 0)["tally"]["users_gone"], 1);
    });
}

#[test]
fn the_last_groups_of_a_source_wait_for_approval_and_do_not_stop_its_runs() {
    let staff = Staff::of(40).group("last", [1, 2]);
    each_database(&staff, "", |rollcall| {
        let next = staff
            .clone()
            .without_groups(&["last"])
            .person(3, "title", "Chief");
        next.write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["groups"], "{run}");
        assert_eq!(run["verdict"], "complete");
        assert_eq!(members_of(rollcall, "last"), 2);
        assert_eq!(
            rollcall.user("user3").unwrap()["attributes"]["title"],
            "Chief"
        );
        approve(rollcall, &run);
        assert_eq!(members_of(rollcall, "last"), 0);
        rollcall.sync("staff", 0);
    });
}

#[test]
fn no_groups_where_many_are_known_and_no_people_at_all_are_failed_reads() {
    let staff = (1..=6).fold(Staff::of(40), |s, n| s.group(&format!("g{n}"), [1, 2]));
    each_database(&staff, "", |rollcall| {
        let before = rollcall.dump();
        for next in [
            Staff {
                groups: Vec::new(),
                ..staff.clone()
            },
            Staff {
                people: Vec::new(),
                ..staff.clone()
            },
            Staff {
                people: Vec::new(),
                groups: Vec::new(),
            },
        ] {
            next.write(rollcall);
            let run = rollcall.sync("staff", 1);
            assert!(run["failure"].as_str().unwrap().contains("at all"), "{run}");
            assert_eq!(run["state"], "failed");
            assert_eq!(rollcall.dump(), before);
        }
    });
}

#[test]
fn a_mapping_without_groups_lets_them_go_when_somebody_approves() {
    let staff = (1..=6).fold(Staff::of(40), |s, n| s.group(&format!("g{n}"), [1, 2]));
    each_database(&staff, "", |rollcall| {
        let users_only = &MAPPING[..MAPPING.find("[group]").unwrap()];
        rollcall.write("mappings/staff.toml", users_only);
        rollcall.set_sources(&SOURCE.replace("groups_file = \"groups.jsonl\"\n", ""));
        let run = rollcall.sync("staff", 3);
        assert_eq!(members_of(rollcall, "g1"), 2);
        approve(rollcall, &run);
        assert_eq!(members_of(rollcall, "g1"), 0);
        rollcall.sync("staff", 0);
    });
}

#[test]
fn an_approval_is_one_journaled_and_given_once() {
    let staff = Staff::of(40);
    each_database(&staff, "", |rollcall| {
        staff.clone().without_people(21..=40).write(rollcall);
        let run = rollcall.sync("staff", 3);
        approve(rollcall, &run);
        let id = run["run"].to_string();
        let twice = rollcall.run(&["run", "approve", &id]).exits(2);
        assert!(twice.stderr.contains("applied"), "{}", twice.stderr);
        let notes = || {
            let journal = rollcall
                .run(&["--json", "journal", "--limit", "1000"])
                .exits(0)
                .json();
            let lines = journal.as_array().unwrap().clone();
            lines
                .iter()
                .map(Json::to_string)
                .filter(|line| line.contains("was approved"))
                .collect::<Vec<_>>()
        };
        assert_eq!(notes().len(), 1);
        assert!(
            notes()[0].contains(&format!("run {id} was approved: 20 steps")),
            "{:?}",
            notes()
        );
        // Applying a plan is the approval of it: here of twenty who become active again.
        staff.clone().write(rollcall);
        let plan = rollcall.run(&["--json", "plan", "staff"]).exits(3).json()["run"].to_string();
        rollcall.run(&["apply", &plan]).exits(3);
        rollcall.run(&["run", "approve", &plan]).exits(0);
        assert_eq!(notes().len(), 2);
    });
}

#[test]
fn an_administrator_who_leaves_group_and_source_together_stays_protected_until_approved() {
    let staff = Staff::of(40).group("admins", [1, 2]).group("all", 1..=19);
    let guard = "guard = { administrators = [\"admins\"] }";
    each_database(&staff, guard, |rollcall| {
        let mut next = staff.clone().without_people([1]);
        for group in &mut next.groups {
            let members = group["members"].as_array_mut().unwrap();
            members.retain(|id| id != "1");
        }
        next.write(rollcall);
        for _ in 0..3 {
            let run = rollcall.sync("staff", 3);
            assert_eq!(guards(&run), ["administrators"], "{run}");
            assert!(is_active(rollcall, "user1"));
            assert_eq!(members_of(rollcall, "admins"), 2);
            // Other groups do not wait.
            assert_eq!(members_of(rollcall, "all"), 18);
        }
        let run = rollcall.sync("staff", 3);
        approve(rollcall, &run);
        assert!(!is_active(rollcall, "user1"));
        assert_eq!(members_of(rollcall, "admins"), 1);
        assert_eq!(guards(&rollcall.sync("staff", 0)), [""; 0]);
    });
}

#[test]
fn while_the_administrators_group_is_not_found_nobody_is_ended_unasked() {
    let staff = Staff::of(40).group("admins", [1]);
    let guard = "guard = { administrators = [\"admns\"] }";
    each_database(&staff, guard, |rollcall| {
        let run = rollcall.sync("staff", 0);
        assert!(
            run["notes"]
                .to_string()
                .contains("names admns, and no group"),
            "{run}"
        );
        for ended in [
            staff.clone().without_people([40]),
            staff.clone().person(40, "active", false),
        ] {
            ended.write(rollcall);
            let run = rollcall.sync("staff", 3);
            assert_eq!(guards(&run), ["administrators"], "{run}");
            assert!(is_active(rollcall, "user40"));
        }
        let mut text = std::fs::read_to_string(rollcall.folder().join("rollcall.toml")).unwrap();
        text = text.replace("admns", "ADMINS");
        rollcall.write("rollcall.toml", &text);
        let run = rollcall.sync("staff", 0);
        assert_eq!(run["notes"].as_array().unwrap().len(), 0, "{run}");
        assert!(!is_active(rollcall, "user40"));
    });
}

#[test]
fn a_renamed_administrators_group_holds_what_ends_somebody() {
    let staff = Staff::of(40).group("admins", [1]);
    let guard = "guard = { administrators = [\"admins\"] }";
    each_database(&staff, guard, |rollcall| {
        let mut next = staff.clone();
        next.groups[0]["name"] = json!("operators");
        next.write(rollcall);
        rollcall.sync("staff", 0);
        next.without_people([1]).write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["administrators"], "{run}");
        assert!(is_active(rollcall, "user1"));
    });
}

#[test]
fn check_tells_that_no_group_of_the_source_is_called_as_the_guard_says() {
    let staff = Staff::of(3).group("Domain Admins", [1]);
    let guard = "guard = { administrators = [\"Domain Admin\"] }";
    each_database(&staff, guard, |rollcall| {
        let told = rollcall.run(&["check", "--connect"]).exits(0);
        assert!(
            told.stderr.contains("`administrators` names Domain Admin")
                && told.stderr.contains("did you mean `Domain Admins`?"),
            "{}",
            told.stderr
        );
        let json = rollcall
            .run(&["--json", "check", "--connect"])
            .exits(0)
            .json();
        assert!(
            json["sources"][0]["warnings"]
                .to_string()
                .contains("Domain Admin")
        );
    });
}

#[test]
fn many_people_who_become_active_again_are_a_change_guard() {
    let mut staff = Staff::of(300);
    for number in 1..=20 {
        staff = staff.person(number, "active", false);
    }
    each_database(&staff, "", |rollcall| {
        let back = |last: u32| {
            (1..=last).fold(staff.clone(), |staff, number| {
                staff.person(number, "active", true)
            })
        };
        back(16).person(100, "title", "Clerk").write(rollcall);
        let run = rollcall.sync("staff", 3);
        assert_eq!(guards(&run), ["reactivations"], "{run}");
        assert_eq!(run["held"][0]["holds"], "all");
        assert!(!is_active(rollcall, "user1"));
        back(15).write(rollcall);
        rollcall.sync("staff", 0);
        assert!(is_active(rollcall, "user1"));
    });
}

#[test]
fn deletions_at_the_end_of_the_grace_period_are_guarded_and_add_up() {
    let staff = Staff::of(300);
    each_database(&staff, "", |rollcall| {
        staff.clone().without_people(1..=12).write(rollcall);
        rollcall.sync("staff", 0);
        staff.clone().without_people(1..=24).write(rollcall);
        rollcall.run_later(2, &["sync", "staff"]).exits(0);
        // On the 31st day the first twelve go. Then somebody shortens the time.
        rollcall.run_later(31, &["sync", "staff"]).exits(0);
        assert!(rollcall.user("user1").is_none() && rollcall.user("user13").is_some());
        rollcall.set_sources(&format!("{SOURCE}leavers = {{ delete_after = \"1d\" }}\n"));
        let later = rollcall
            .run_later(31, &["--json", "sync", "staff"])
            .exits(3);
        let run = later.json();
        assert_eq!(guards(&run), ["removals"], "{run}");
        assert_eq!(run["held"][0]["holds"], "expired");
        assert!(rollcall.user("user13").is_some());
        let approved = rollcall.run_later(31, &["run", "approve", &run["run"].to_string()]);
        approved.exits(0);
        assert!(rollcall.user("user13").is_none());
    });
}
