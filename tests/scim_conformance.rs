//! Two public conformance suites against the real program: `scim2-tester` and
//! `scim-sanity`. `tests/run` installs both.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::harness::rollcall::Database;
use super::harness::scim::Service;

/// A program of the suites.
fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/scim-venv/bin");
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{name} is not installed: run tests/run, or\n  \
         python3 -m venv target/scim-venv && \
         target/scim-venv/bin/pip install -r tests/scim_conformance.txt"
    );
    program
}

async fn run(mut command: Command) -> (bool, String) {
    let ended = tokio::task::spawn_blocking(move || command.output()).await;
    let Output { status, stdout, .. } = ended.unwrap().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap())
}

/// Every check is a success. The tenant is empty: one check looks for what it has just made
/// on the first page.
async fn scim2_tester(database: Database) {
    let service = Service::start(database, "generic").await;
    let mut command = Command::new(program("scim2"));
    command.args(["-u", &service.url, "test"]).env(
        "SCIM_CLI_HEADERS",
        format!("Authorization: Bearer {}", service.token),
    );
    let (well, said) = run(command).await;
    let verdicts = |word: &str| said.lines().filter(|line| line.starts_with(word)).count();
    let failed = ["ERROR", "CRITICAL", "DEVIATION", "SKIPPED", "ACCEPTABLE"].map(verdicts);
    assert!(well && failed == [0; 5], "{said}");
    assert!(verdicts("SUCCESS") >= 135, "{said}");
}

/// Every check passes, in the strict mode, with the agent types that ship as an example.
async fn scim_sanity(database: Database) {
    let agents = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schemas/agents.json");
    let service = Service::start_with(database, "generic", &[agents]).await;
    let mut command = Command::new(program("scim-sanity"));
    command
        .args(["probe", &service.url, "--token", &service.token])
        .args(["--strict", "--i-accept-side-effects"]);
    let (well, said) = run(command).await;
    let verdicts = |word: &str| said.matches(word).count();
    assert!(well, "{said}");
    let failed = ["[FAIL]", "[WARN]", "[SKIP]"].map(verdicts);
    assert_eq!(failed, [0; 3], "{said}");
    assert!(verdicts("[PASS]") >= 28, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scim2_tester_on_sqlite() {
    scim2_tester(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scim2_tester_on_postgres() {
    scim2_tester(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scim_sanity_on_sqlite() {
    scim_sanity(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scim_sanity_on_postgres() {
    scim_sanity(Database::Postgres).await;
}
