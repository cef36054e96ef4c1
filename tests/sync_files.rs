//! What a run does, seen through a CSV file: the engine's rules one by one, on both
//! databases.

use crate::harness::rollcall::{Database, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
users_file = "people.csv"
mapping = "people-csv"
"#;

const HEADER: &str = "id,login,first_name,last_name,email,department,title,active\n";

fn person(number: u32) -> String {
    format!(
        "{number},user{number},First{number},Last{number},user{number}@example.org,Research,Analyst,yes\n"
    )
}

fn people(numbers: impl IntoIterator<Item = u32>) -> String {
    numbers
        .into_iter()
        .fold(HEADER.to_owned(), |text, n| text + &person(n))
}

fn each_database(test: impl Fn(&mut Rollcall)) {
    for database in Database::ALL {
        test(&mut Rollcall::new(database, SOURCE));
    }
}

#[test]
fn a_second_run_over_the_same_input_writes_nothing() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        assert_eq!(rollcall.sync("people", 0)["tally"]["users_created"], 30);
        let before = (
            rollcall.user("user7"),
            rollcall.dump(),
            rollcall.journal_end(),
        );
        let again = rollcall.sync("people", 0);
        assert_eq!(again["tally"]["unchanged"], 30);
        assert_eq!(
            (
                rollcall.user("user7"),
                rollcall.dump(),
                rollcall.journal_end()
            ),
            before
        );
    });
}

#[test]
fn a_plan_shows_what_a_run_would_do_and_changes_nothing() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        let plan = rollcall.run(&["--json", "plan", "people"]).exits(0).json();
        assert_eq!(plan["state"], "planned");
        assert_eq!(plan["tally"]["users_created"], 30);
        assert!(rollcall.user("user7").is_none());
        let id = plan["run"].to_string();
        rollcall.run(&["apply", &id]).exits(0);
        assert!(rollcall.user("user7").is_some());
        // It is what a run would have written.
        assert_eq!(rollcall.sync("people", 0)["tally"]["unchanged"], 30);
    });
}

#[test]
fn a_plan_that_no_longer_fits_is_refused() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(1..=29));
        let plan = rollcall.run(&["--json", "plan", "people"]).json()["run"].to_string();
        rollcall.write("people.csv", &people(1..=30).replace("First30", "Renamed"));
        rollcall.sync("people", 0);
        let refused = rollcall.run(&["apply", &plan]).exits(1);
        assert!(refused.stderr.contains("stale"), "{}", refused.stderr);
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
    });
}

#[test]
fn who_is_gone_is_disabled_and_deleted_after_the_grace_period() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(1..=29));
        assert_eq!(rollcall.sync("people", 0)["tally"]["users_gone"], 1);
        assert_eq!(rollcall.user("user30").unwrap()["active"], false);
        // The file must not be older than two days for the next run to believe it.
        rollcall.set_sources(&format!("{SOURCE}age_max = \"any\"\n"));
        let later = rollcall
            .run_later(31, &["--json", "sync", "people"])
            .exits(0)
            .json();
        assert_eq!(later["tally"]["deleted"], 1, "{later}");
        assert!(rollcall.user("user30").is_none());
    });
}

#[test]
fn who_comes_back_in_time_is_the_same_person() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let before = rollcall.user("user30").unwrap();
        rollcall.write("people.csv", &people(1..=29));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(1..=30));
        assert_eq!(rollcall.sync("people", 0)["tally"]["returned"], 1);
        let after = rollcall.user("user30").unwrap();
        assert_eq!(after["id"], before["id"]);
        assert_eq!(after["active"], true);
        assert_eq!(after["attributes"], before["attributes"]);
    });
}

#[test]
fn half_the_people_gone_is_held_until_somebody_approves() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=40));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(1..=20));
        let held = rollcall.sync("people", 3);
        assert_eq!(held["state"], "held");
        assert!(
            held["held"][0]["because"]
                .as_str()
                .unwrap()
                .contains("20 of 40 people"),
            "{held}"
        );
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
        let id = held["run"].to_string();
        rollcall.run(&["run", "approve", &id]).exits(0);
        assert_eq!(rollcall.user("user30").unwrap()["active"], false);
    });
}

#[test]
fn what_is_held_does_not_keep_the_rest_from_being_applied() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=40));
        rollcall.sync("people", 0);
        rollcall.write(
            "people.csv",
            &(people(1..=20) + &person(77)).replace("First3,", "Third,"),
        );
        rollcall.sync("people", 3);
        assert_eq!(
            rollcall.user("user3").unwrap()["attributes"]["name"]["givenName"],
            "Third"
        );
        assert!(rollcall.user("user77").is_some());
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
    });
}

#[test]
fn an_empty_file_removes_nobody() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        rollcall.write("people.csv", HEADER);
        let failed = rollcall.sync("people", 1);
        assert_eq!(failed["state"], "failed");
        assert!(
            failed["failure"]
                .as_str()
                .unwrap()
                .contains("no people at all"),
            "{failed}"
        );
        assert_eq!(rollcall.dump(), before);
    });
}

#[test]
fn a_cut_file_changes_nothing() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        let whole = people(1..=30);
        rollcall.write("people.csv", &whole[..whole.len() - 20]);
        rollcall.sync("people", 1);
        assert_eq!(rollcall.dump(), before);
    });
}

#[test]
fn a_shifted_column_changes_nothing() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=80));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        rollcall.write(
            "people.csv",
            &people(1..=80).replace("Research,Analyst", "Analyst,Research"),
        );
        let held = rollcall.sync("people", 3);
        assert_eq!(held["held"][0]["guard"], "attribute");
        assert_eq!(rollcall.dump(), before);
    });
}

#[test]
fn two_people_can_swap_their_user_names() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let (one, two) = (
            rollcall.user("user1").unwrap(),
            rollcall.user("user2").unwrap(),
        );
        let swapped = people(1..=30)
            .replace("1,user1,", "1,other,")
            .replace("2,user2,", "2,user1,")
            .replace("1,other,", "1,user2,");
        rollcall.write("people.csv", &swapped);
        rollcall.sync("people", 0);
        assert_eq!(rollcall.user("user2").unwrap()["id"], one["id"]);
        assert_eq!(rollcall.user("user1").unwrap()["id"], two["id"]);
    });
}

#[test]
fn an_entry_that_cannot_be_mapped_waits_in_quarantine_and_harms_nobody() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &(people(1..=30) + "31,,,,,,,yes\n"));
        let run = rollcall.sync("people", 4);
        assert_eq!(run["tally"]["quarantined"], 1);
        assert!(rollcall.user("user30").is_some());
        // Its old contribution stays, and it counts as seen.
        rollcall.write(
            "people.csv",
            &people(1..=30).replace("30,user30,First30,Last30,user30@example.org", "30,,,,"),
        );
        let run = rollcall.sync("people", 4);
        assert_eq!(run["tally"]["users_gone"], 0, "{run}");
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
        // It is retried at each run.
        rollcall.write("people.csv", &people(1..=30));
        assert_eq!(rollcall.sync("people", 0)["tally"]["quarantined"], 0);
    });
}

#[test]
fn an_undone_run_leaves_the_directory_as_it_had_been_and_pauses_the_source() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        rollcall.write(
            "people.csv",
            &(people(1..=29).replace("First3,", "Third,") + &person(77)),
        );
        let run = rollcall.sync("people", 0)["run"].to_string();
        assert_ne!(rollcall.dump(), before);
        rollcall.run(&["run", "undo", &run]).exits(0);
        assert_eq!(rollcall.dump(), before);
        let paused = rollcall.run(&["sync", "people"]).exits(1);
        assert!(
            paused.stderr.contains("rollcall source resume people"),
            "{}",
            paused.stderr
        );
        rollcall.run(&["source", "resume", "people"]).exits(0);
        rollcall.sync("people", 0);
        assert!(rollcall.user("user77").is_some());
    });
}

#[test]
fn every_value_is_explained_by_source_entry_mapping_line_and_run() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=3));
        let run = rollcall.sync("people", 0)["run"].clone();
        let explained = rollcall
            .run(&["--json", "explain", "user2"])
            .exits(0)
            .json();
        let title = explained[0]["values"]
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["unit"] == "title")
            .unwrap()
            .clone();
        assert_eq!(title["value"], "Analyst");
        assert_eq!(title["said_by"][0]["source"], "people");
        let line = title["said_by"][0]["lines"][0].as_str().unwrap();
        assert!(
            line.starts_with("people-csv.toml:") && line.ends_with("title = title"),
            "{line}"
        );
        assert_eq!(explained[0]["entries"][0]["key"], "2");
        assert_eq!(explained[0]["entries"][0]["run"], run);
    });
}

#[test]
fn a_contract_ends_when_its_day_has_passed_although_its_entry_stays_the_same() {
    each_database(|rollcall| {
        rollcall.write(
            "mappings/contracts.toml",
            r#"
kind = "file"
[user]
key = "id"
[user.attributes]
userName = "login"
active = "!expired(contract_end)"
"#,
        );
        rollcall.set_sources(
            &SOURCE
                .replace("people-csv", "contracts")
                .replace("format", "age_max = \"any\"\nformat"),
        );
        let tomorrow = (time::OffsetDateTime::now_utc() + time::Duration::days(1)).date();
        rollcall.write(
            "people.csv",
            &format!("id,login,contract_end\n1,ada,{tomorrow}\n2,bea,2999-12-31\n3,cid,\n"),
        );
        rollcall.sync("people", 0);
        assert_eq!(rollcall.user("ada").unwrap()["active"], true);
        let later = rollcall
            .run_later(3, &["--json", "sync", "people"])
            .exits(0)
            .json();
        assert_eq!(later["tally"]["deactivated"], 1, "{later}");
        assert_eq!(rollcall.user("ada").unwrap()["active"], false);
        // The next day says the same: nothing is written.
        let before = rollcall.journal_end();
        rollcall.run_later(4, &["sync", "people"]).exits(0);
        assert_eq!(rollcall.journal_end(), before);
    });
}

#[test]
fn a_contract_ends_with_the_day_in_the_zone_of_its_source() {
    each_database(|rollcall| {
        rollcall.write(
            "mappings/contracts.toml",
            "kind = \"file\"\n[user]\nkey = \"id\"\n[user.attributes]\nuserName = \"login\"\nactive = \"!expired(contract_end)\"\n",
        );
        // Eighteen hours past midnight in Greenwich, it is tomorrow in one zone and still
        // morning in the other.
        let now = time::OffsetDateTime::now_utc();
        let ahead = (18 - i64::from(now.hour())).rem_euclid(24) * 3_600;
        let today = (now + time::Duration::seconds(ahead)).date();
        rollcall.write(
            "people.csv",
            &format!("id,login,contract_end\n1,ada,{today}\n2,bea,2999-12-31\n"),
        );
        for (zone, is_active) in [("Pacific/Honolulu", true), ("Pacific/Kiritimati", false)] {
            let source = SOURCE.replace("people-csv", "contracts");
            rollcall.set_sources(&format!("{source}time_zone = \"{zone}\"\n"));
            let mut run = rollcall.command(&["sync", "people"]);
            run.env("ROLLCALL_TEST_CLOCK_OFFSET", format!("{ahead}s"));
            assert!(run.status().unwrap().success(), "{zone}");
            assert_eq!(rollcall.user("ada").unwrap()["active"], is_active, "{zone}");
            assert_eq!(rollcall.user("bea").unwrap()["active"], true, "{zone}");
        }
    });
}

#[test]
fn a_source_that_keeps_its_leavers_holds_nothing_and_ends_nobody() {
    each_database(|rollcall| {
        rollcall.set_sources(&format!("{SOURCE}leavers = {{ action = \"keep\" }}\n"));
        rollcall.write("people.csv", &people(1..=40));
        rollcall.sync("people", 0);
        rollcall.write("people.csv", &people(1..=10));
        assert_eq!(rollcall.sync("people", 0)["tally"]["users_gone"], 0);
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
    });
}

#[test]
fn who_returns_when_the_grace_period_is_over_stays_even_if_the_entry_is_flawed() {
    each_database(|rollcall| {
        rollcall.set_sources(&format!("{SOURCE}age_max = \"any\"\n"));
        rollcall.write("people.csv", &people(1..=30));
        rollcall.sync("people", 0);
        let id = rollcall.user("user30").unwrap()["id"].clone();
        rollcall.write("people.csv", &people(1..=28));
        rollcall.sync("people", 0);
        let returned = people(1..=30).replace(
            "user29@example.org,Research,Analyst,yes",
            "user29@example.org,Research,Analyst,perhaps",
        );
        rollcall.write("people.csv", &returned);
        let run = rollcall
            .run_later(31, &["--json", "sync", "people"])
            .exits(4)
            .json();
        assert_eq!(run["tally"]["deleted"], 0, "{run}");
        let back = rollcall.user("user30").unwrap();
        assert_eq!(
            (&back["id"], &back["active"]),
            (&id, &serde_json::json!(true))
        );
        assert_eq!(rollcall.user("user29").unwrap()["active"], false);
    });
}

#[test]
fn of_two_plans_of_the_same_change_only_one_is_applied() {
    each_database(|rollcall| {
        rollcall.write("people.csv", &people(1..=30));
        let plan =
            |r: &Rollcall| r.run(&["--json", "plan", "people"]).exits(0).json()["run"].to_string();
        let (first, second) = (plan(rollcall), plan(rollcall));
        rollcall.run(&["apply", &second]).exits(0);
        let refused = rollcall.run(&["apply", &first]).exits(1);
        assert!(refused.stderr.contains("stale"), "{}", refused.stderr);
    });
}
