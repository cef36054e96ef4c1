//! Promise: nothing half done. A run that is killed at any moment, a second run at the
//! same time, and a store from the future leave the directory right.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::harness::rollcall::{Database, Ended, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
users_file = "people.csv"
mapping = "people-csv"
"#;
const PEOPLE: u32 = 3_000;
/// More by `ROLLCALL_TEST_KILLS`.
const KILLS_DEFAULT: u32 = 5;
const DEADLINE: Duration = Duration::from_secs(90);

fn people(title: &str, absent: u32) -> String {
    let mut text = "id,login,first_name,last_name,email,department,title,active\n".to_owned();
    for n in 1..=PEOPLE - absent {
        let title = if n % 10 == 0 { title } else { "Analyst" };
        text.extend([format!(
            "{n},user{n},First,Last{n},user{n}@example.org,Research,{title},yes\n"
        )]);
    }
    text
}

/// A lease that a killed run leaves behind must not hold up the test for a minute.
fn command(rollcall: &Rollcall, arguments: &[&str]) -> std::process::Command {
    let mut command = rollcall.command(arguments);
    command.env("ROLLCALL_TEST_LEASE", "2s");
    command
}

fn start(rollcall: &Rollcall) -> Child {
    command(rollcall, &["sync", "people"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// A run to its end, as soon as the lease of the killed one has run out.
fn good_run(rollcall: &Rollcall) -> Ended {
    let begun = Instant::now();
    loop {
        let output = command(rollcall, &["--json", "sync", "people"])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if !stderr.contains("is being run") || begun.elapsed() > DEADLINE {
            return Ended {
                code: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr,
            };
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn kills() -> u32 {
    std::env::var("ROLLCALL_TEST_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(KILLS_DEFAULT)
}

#[test]
fn killed_at_any_moment_a_good_run_ends_in_the_same_directory() {
    for database in Database::ALL {
        let undisturbed = Rollcall::new(database, SOURCE);
        undisturbed.write("people.csv", &people("Analyst", 0));
        let begun = Instant::now();
        undisturbed.sync("people", 0);
        let whole = begun.elapsed();
        let first = undisturbed.dump();
        undisturbed.write("people.csv", &people("Nurse", 20));
        undisturbed.sync("people", 0);
        let second = undisturbed.dump();
        for kill in 0..kills() {
            let rollcall = Rollcall::new(database, SOURCE);
            for (text, expected) in [
                (people("Analyst", 0), &first),
                (people("Nurse", 20), &second),
            ] {
                rollcall.write("people.csv", &text);
                let mut run = start(&rollcall);
                let share = f64::from(kill * 2 + 1) / f64::from(kills() * 2);
                std::thread::sleep(whole.mul_f64(share));
                // It may have ended by itself.
                let _ = run.kill();
                run.wait().unwrap();
                good_run(&rollcall).exits(0);
                assert_eq!(&rollcall.dump(), expected, "{database:?}, kill {kill}");
            }
        }
    }
}

#[test]
fn of_two_runs_of_one_source_at_once_one_runs_and_the_other_says_so() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("people.csv", &people("Analyst", 0));
        let runs: Vec<Child> = (0..2)
            .map(|_| {
                rollcall
                    .command(&["--json", "sync", "people"])
                    .spawn()
                    .unwrap()
            })
            .collect();
        let ended: Vec<_> = runs
            .into_iter()
            .map(|r| r.wait_with_output().unwrap())
            .collect();
        let done = ended.iter().filter(|o| o.status.code() == Some(0)).count();
        assert!(done >= 1, "{ended:?}");
        for refused in ended.iter().filter(|o| o.status.code() != Some(0)) {
            let text = String::from_utf8_lossy(&refused.stderr);
            assert!(text.contains("is being run by another process"), "{text}");
        }
        let again = rollcall.sync("people", 0);
        assert_eq!(again["tally"]["unchanged"], PEOPLE);
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_with_what_to_do() {
    let rollcall = Rollcall::new(Database::Sqlite, SOURCE);
    rollcall.write("people.csv", &people("Analyst", 2_990));
    rollcall.sync("people", 0);
    let store = rusqlite::Connection::open(rollcall.store_file()).unwrap();
    store
        .execute("UPDATE schema_version SET version = 9999", [])
        .unwrap();
    drop(store);
    let refused = rollcall.run(&["sync", "people"]).exits(1);
    assert!(
        refused.stderr.contains("newer Rollcall"),
        "{}",
        refused.stderr
    );
}
