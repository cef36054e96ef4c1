//! Promise: nothing half done. A run that is killed at any moment, a second run at the
//! same time, and a store from the future leave the directory right.

use std::hash::{BuildHasher as _, RandomState};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::harness::postgres::Postgres;
use crate::harness::rollcall::{Database, Ended, Rollcall};

const SOURCE: &str = r#"
[sources.people]
kind = "file"
format = "csv"
users_file = "people.csv"
mapping = "people-csv"
"#;
/// Three transactions, and a bit.
const PEOPLE: u32 = 1_050;
/// How many people a transaction of a first import holds, in place of some thousand.
const IMPORT_PEOPLE: &str = "350";
/// Another number by `ROLLCALL_TEST_KILLS`.
const KILLS_DEFAULT: u32 = 20;
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

/// Starts a run, which may be killed. The lease that it leaves behind must not hold
/// up the test for a minute.
fn start(rollcall: &Rollcall) -> Child {
    rollcall
        .command(&["sync", "people"])
        .env("ROLLCALL_TEST_LEASE", "500ms")
        .env("ROLLCALL_TEST_IMPORT_PEOPLE", IMPORT_PEOPLE)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A run to its end, as soon as the lease of the killed one has run out.
fn good_run(rollcall: &Rollcall) -> Ended {
    let begun = Instant::now();
    loop {
        let ended = rollcall.run(&["--json", "sync", "people"]);
        if !ended.stderr.contains("is being run") || begun.elapsed() > DEADLINE {
            return ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// An undisturbed import and an undisturbed change, and how long both took.
struct Undisturbed {
    imported: String,
    changed: String,
    took: Duration,
}

fn undisturbed(database: Database) -> Undisturbed {
    let rollcall = Rollcall::new(database, SOURCE);
    rollcall.write("people.csv", &people("Analyst", 0));
    let begun = Instant::now();
    assert!(start(&rollcall).wait().unwrap().success());
    let took = begun.elapsed();
    let imported = rollcall.dump();
    rollcall.write("people.csv", &people("Nurse", 20));
    rollcall.sync("people", 0);
    Undisturbed {
        imported,
        changed: rollcall.dump(),
        took,
    }
}

/// Kills a run at a share of its time, lets a good one follow, and compares.
fn killed_then_good(rollcall: &Rollcall, moment: Duration, expected: &str, told: &str) {
    let mut run = start(rollcall);
    std::thread::sleep(moment);
    // It may have ended by itself.
    let _ = run.kill();
    run.wait().unwrap();
    good_run(rollcall).exits(0);
    let dump = rollcall.dump();
    if dump != expected {
        let differs = dump.lines().find(|line| !expected.contains(line));
        panic!("{told}, killed after {moment:?}: {differs:?}");
    }
}

#[expect(
    clippy::print_stdout,
    reason = "shown when the test fails, to fail again the same way"
)]
fn killed_at_any_moment(database: Database) {
    let seed = setting("ROLLCALL_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("again with ROLLCALL_TEST_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let expected = undisturbed(database);
    let mut moment = || expected.took.mul_f64(dice.random_range(0.0..1.0));
    let kills = setting("ROLLCALL_TEST_KILLS").unwrap_or_else(|| KILLS_DEFAULT.into());
    for kill in 1..=kills {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("people.csv", &people("Analyst", 0));
        let told = format!("seed {seed}, import {kill}");
        killed_then_good(&rollcall, moment(), &expected.imported, &told);
        rollcall.write("people.csv", &people("Nurse", 20));
        let told = format!("seed {seed}, change {kill}");
        killed_then_good(&rollcall, moment(), &expected.changed, &told);
    }
}

#[test]
fn killed_at_any_moment_a_good_run_ends_in_the_same_directory_on_sqlite() {
    killed_at_any_moment(Database::Sqlite);
}

#[test]
fn killed_at_any_moment_a_good_run_ends_in_the_same_directory_on_postgres() {
    killed_at_any_moment(Database::Postgres);
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
            assert!(text.contains("is being run by "), "{text}");
        }
        let again = rollcall.sync("people", 0);
        assert_eq!(again["tally"]["unchanged"], PEOPLE);
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_with_what_to_do_and_left_alone() {
    const NEWER: &str = "UPDATE schema_version SET version = 9999";
    const OURS: &str = "UPDATE schema_version SET version = ";
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("people.csv", &people("Analyst", PEOPLE - 10));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        let version = sql(
            &rollcall,
            database,
            "SELECT max(version) FROM schema_version",
        );
        sql(&rollcall, database, NEWER);
        rollcall.write("people.csv", &people("Nurse", PEOPLE - 12));
        for command in [&["sync", "people"][..], &["user", "list"], &["migrate"]] {
            let refused = rollcall.run(command).exits(1);
            assert!(
                refused.stderr.contains("newer Rollcall") && refused.stderr.contains("9999"),
                "{command:?}: {}",
                refused.stderr
            );
        }
        sql(&rollcall, database, &format!("{OURS}{version}"));
        assert_eq!(rollcall.dump(), before);
    }
}

/// Changes the store behind the program's back; the first value that it answers.
fn sql(rollcall: &Rollcall, database: Database, text: &str) -> String {
    match database {
        Database::Postgres => {
            let answer = Postgres::shared().sql(rollcall.store_url(), text);
            answer.trim().to_owned()
        }
        Database::Sqlite => {
            let store = rusqlite::Connection::open(rollcall.store_file()).unwrap();
            let mut statement = store.prepare(text).unwrap();
            let mut rows = statement.query([]).unwrap();
            let row = rows.next().unwrap();
            row.map_or_else(String::new, |row| row.get::<_, i64>(0).unwrap().to_string())
        }
    }
}

#[test]
fn on_sqlite_a_killed_run_holds_up_nobody() {
    let rollcall = Rollcall::new(Database::Sqlite, SOURCE);
    rollcall.write("people.csv", &people("Engineer", 0));
    let mut killed = rollcall.start(&["sync", "people"]);
    let begun = Instant::now();
    let locks = rollcall.store_file().with_extension("db.locks");
    while !locks.exists() && begun.elapsed() < DEADLINE {
        std::thread::sleep(Duration::from_millis(1));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    rollcall.run(&["sync", "people"]).exits(0);
}

#[test]
fn an_apply_that_is_killed_is_known_to_have_written_and_can_be_undone() {
    for database in Database::ALL {
        let rollcall = Rollcall::new(database, SOURCE);
        rollcall.write("people.csv", &people("Analyst", 0));
        rollcall.sync("people", 0);
        let before = rollcall.dump();
        let begun_at = rollcall.journal_end();
        rollcall.write(
            "people.csv",
            &people("Chief", 0).replace("Analyst", "Clerk"),
        );
        let plan = rollcall.run(&["--json", "plan", "people"]).json()["run"].to_string();
        let mut apply = rollcall
            .command(&["run", "approve", &plan])
            .env("ROLLCALL_TEST_LEASE", "500ms")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        // The note of the approval comes first, then a transaction of 500.
        while rollcall.journal_end() <= begun_at + 1 && begun.elapsed() < DEADLINE {
            std::thread::yield_now();
        }
        apply.kill().unwrap();
        apply.wait().unwrap();
        let again = loop {
            let again = rollcall.run(&["apply", &plan]);
            if !again.stderr.contains("is being run") || begun.elapsed() > DEADLINE {
                break again;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let state = rollcall
            .run(&["--json", "run", "show", &plan])
            .exits(0)
            .json()["state"]
            .clone();
        assert!(state == "failed" || state == "applied", "{state}");
        assert!(
            again.stderr.contains(state.as_str().unwrap()),
            "{}",
            again.stderr
        );
        rollcall.run(&["run", "undo", &plan]).exits(0);
        assert!(rollcall.dump() == before);
    }
}
