//! What a run does against an HR service: people and groups come over page by page, and
//! whatever the service answers instead of them removes nobody and is told in a sentence.

mod conditional;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::harness::hr_service::{CLIENT_SECRET, Fault, HrService, Pages};
use crate::harness::rollcall::{Database, Rollcall};

/// Ten pages of ten, as the service hands them out.
const PEOPLE: usize = 100;
const LAST_PAGE: usize = 10;
/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn person(number: usize) -> Json {
    json!({
        "id": number,
        "login": format!("user{number}"),
        "email": format!("user{number}@example.org"),
        "name": { "given": format!("First{number}"), "family": format!("Last{number}") },
        "status": "active",
    })
}

fn people(numbers: impl IntoIterator<Item = usize>) -> Vec<Json> {
    numbers.into_iter().map(person).collect()
}

/// The source, with more keys of its own and of its user URL.
fn source(service: &HrService, own: &str, users: &str) -> String {
    format!(
        r#"
[sources.hr]
kind = "http"
mapping = "hr-http"
allow_private = true
retry_pause = "10ms"
{own}

[sources.hr.users]
url = "{}"
items = "data"
{users}

[sources.hr.groups]
url = "{}"
items = "data"
paging = {{ next = "meta.next" }}
"#,
        service.users_url(),
        service.groups_url(),
    )
}

const NEXT: &str = r#"paging = { next = "meta.next" }"#;

fn plain(service: &HrService) -> String {
    source(service, "", NEXT)
}

/// Runs a test on each database, against a service of its own with [`PEOPLE`] people.
fn each_database(test: impl Fn(&HrService, &mut Rollcall)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    for database in Database::ALL {
        let service = HrService::start(0);
        service.office().users = people(1..=PEOPLE);
        service.office().groups = vec![json!({"id": "g1", "name": "Research", "members": [1, 2]})];
        let mut rollcall = Rollcall::new(database, &plain(&service));
        test(&service, &mut rollcall);
    }
}

/// The request that comes after those so far, counted as a trap does.
fn upcoming(service: &HrService, path: &str, nth: usize) -> usize {
    service.office().requests_to(path) + nth
}

fn everything(rollcall: &Rollcall) -> (String, i64) {
    (rollcall.dump(), rollcall.journal_end())
}

/// Nothing was written: no line of the directory differs, and no line of the journal came.
#[track_caller]
fn same(now: &(String, i64), before: &(String, i64)) {
    if now != before {
        let differs = now.0.lines().find(|line| !before.0.contains(line));
        panic!("{} {}: {differs:?}", before.1, now.1);
    }
}

/// A run that fails: it says why, and nothing is as it had not been. The next one is good.
#[track_caller]
fn fails_and_changes_nothing(rollcall: &Rollcall, because: &str) {
    let before = everything(rollcall);
    let failed = rollcall.sync("hr", 1);
    assert_eq!(failed["state"], "failed", "{failed}");
    let sentence = failed["failure"].as_str().unwrap_or_default();
    assert!(sentence.contains(because), "{failed}");
    same(&everything(rollcall), &before);
}

#[track_caller]
fn is_as_before(rollcall: &Rollcall) {
    let before = everything(rollcall);
    let again = rollcall.sync("hr", 0);
    assert_eq!(again["tally"]["unchanged"], PEOPLE + 1, "{again}");
    same(&everything(rollcall), &before);
}

#[test]
fn people_and_groups_come_over_with_client_credentials_and_again_without_a_write() {
    each_database(|service, rollcall| {
        service.office().wants_token = true;
        // A token that is good for four pages: the fifth is answered with 401.
        service.office().token_uses = 4;
        rollcall.write("secret", CLIENT_SECRET);
        let login = format!(
            "token_url = \"{}\"\nclient_id = \"rollcall\"\nclient_secret = {{ file = \"secret\" }}",
            service.token_url()
        );
        rollcall.set_sources(&source(service, &login, NEXT));
        let first = rollcall.sync("hr", 0);
        assert_eq!(first["tally"]["users_created"], PEOPLE, "{first}");
        assert!(service.office().requests_to("/token") > 1);
        assert_eq!(
            rollcall.group("Research").unwrap()["members"],
            json!(["user1", "user2"])
        );
        is_as_before(rollcall);
    });
}

#[test]
fn a_wrong_client_secret_changes_nothing_and_is_told_without_it() {
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        let login = format!(
            "token_url = \"{}\"\nclient_id = \"rollcall\"\nclient_secret = {{ insecure = \"not-it\" }}",
            service.token_url()
        );
        rollcall.set_sources(&source(service, &login, NEXT));
        fails_and_changes_nothing(
            rollcall,
            "refused our client id and secret (invalid_client)",
        );
    });
}

#[test]
fn what_is_no_page_of_people_fails_the_run_and_removes_nobody() {
    let html = Fault::body("text/html", "<!doctype html><title>Sign in</title>");
    let half = Fault::body("application/json", r#"{"data": [{"id": 1, "login": "us"#);
    let other = Fault::body("application/json", r#"{"error": "quota"}"#);
    let cases = [
        (1, usize::MAX, html, "an HTML page instead of JSON"),
        (3, 1, half, "breaks off in the middle of its JSON"),
        (2, 1, other, "no array of items at `data`"),
        (
            7,
            usize::MAX,
            Fault::status(500),
            "page 7 answered with the error 500",
        ),
        (7, 1, Fault::status(403), "page 7 refuses to be read (403)"),
        (7, 1, Fault::status(404), "page 7 is not there (404)"),
        (
            7,
            1,
            Fault::status(204),
            "page 7 answered \"no content\" (204)",
        ),
        (
            7,
            1,
            Fault::status(304),
            "page 7 answered \"not modified\" (304)",
        ),
        (
            5,
            usize::MAX,
            Fault::FirstPageAgain,
            "page 5 repeats an earlier page",
        ),
        (LAST_PAGE, usize::MAX, Fault::CutInBody, "page 10"),
    ];
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        for (page, times, fault, because) in cases.clone() {
            let from = upcoming(service, "/users", page);
            service.trap("/users", from, times, fault);
            fails_and_changes_nothing(rollcall, because);
            service.forget_traps();
        }
        is_as_before(rollcall);
    });
}

#[test]
fn a_page_that_repeats_for_ever_is_noticed_and_removes_nobody() {
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        // A service that does not know the page parameter.
        service.office().pages = Pages::Whole;
        rollcall.set_sources(&source(service, "", r#"paging = { page = "page" }"#));
        fails_and_changes_nothing(rollcall, "repeats an earlier page");
    });
}

#[test]
fn a_group_url_that_fails_removes_no_group_and_nobody_from_one() {
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        service.trap(
            "/groups",
            upcoming(service, "/groups", 1),
            1,
            Fault::status(403),
        );
        fails_and_changes_nothing(rollcall, "/groups, page 1 refuses to be read (403)");
        service.office().groups.clear();
        fails_and_changes_nothing(rollcall, "no groups");
    });
}

#[test]
fn a_service_in_trouble_for_a_moment_is_waited_for() {
    each_database(|service, rollcall| {
        let late = Fault::with_header(429, "retry-after", "1");
        service.trap("/users", 4, 1, late);
        service.trap("/users", 8, 3, Fault::status(502));
        service.trap("/users", 12, 1, Fault::CutInBody);
        let first = rollcall.sync("hr", 0);
        assert_eq!(first["tally"]["users_created"], PEOPLE, "{first}");
        let too_late = Fault::with_header(503, "retry-after", "7200");
        service.trap("/users", upcoming(service, "/users", 2), 1, too_late);
        fails_and_changes_nothing(rollcall, "page 2 asks us to wait 7200 s");
    });
}

#[test]
fn fewer_people_than_the_service_states_remove_nobody() {
    each_database(|service, rollcall| {
        let total = format!("{NEXT}\ntotal = {{ body = \"meta.total\" }}");
        rollcall.set_sources(&source(service, "", &total));
        rollcall.sync("hr", 0);
        service.office().users.truncate(PEOPLE - 1);
        service.office().stated = Some(PEOPLE as u64);
        let before = everything(rollcall);
        let cut = rollcall.sync("hr", 1);
        let verdict = cut["verdict"].as_str().unwrap();
        assert!(
            verdict.contains("states 100 users but gave 99, twice"),
            "{cut}"
        );
        same(&everything(rollcall), &before);
        // Now it says that they are 99, and that is believed.
        service.office().stated = None;
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
    });
}

#[test]
fn an_answer_of_exactly_a_hundred_without_paging_holds_removals() {
    each_database(|service, rollcall| {
        service.office().users = people(1..=PEOPLE + 3);
        service.office().pages = Pages::Whole;
        rollcall.set_sources(&source(service, "", ""));
        rollcall.sync("hr", 0);
        service.office().users = people(1..=PEOPLE);
        let held = rollcall.sync("hr", 3);
        assert!(
            held["held"].to_string().contains("exactly 100 users"),
            "{held}"
        );
        assert_eq!(rollcall.user("user103").unwrap()["active"], true);
    });
}

#[test]
fn who_is_not_listed_is_looked_up_at_their_own_url_before_they_are_called_gone() {
    each_database(|service, rollcall| {
        let looked_up = format!("{NEXT}\nitem_url = \"{}\"", service.item_url());
        rollcall.set_sources(&source(service, "", &looked_up));
        rollcall.sync("hr", 0);
        // The last page forgets somebody whom the service still has.
        let forgetful = json!({"data": people(91..PEOPLE), "meta": {"next": null}});
        let forgetful = Fault::body("application/json", forgetful.to_string());
        service.trap(
            "/users",
            upcoming(service, "/users", LAST_PAGE),
            1,
            forgetful,
        );
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_gone"], 0, "{run}");
        assert_eq!(service.office().requests_to("/users/100"), 1);
        assert_eq!(rollcall.user("user100").unwrap()["active"], true);

        service.office().users.truncate(PEOPLE - 1);
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);

        // A look-up that is refused proves nothing.
        service.office().users.truncate(PEOPLE - 2);
        let refused = Fault::status(403);
        service.trap("/users/99", 1, usize::MAX, refused);
        rollcall.run(&["sync", "hr"]);
        assert_eq!(rollcall.user("user99").unwrap()["active"], true);
    });
}

#[test]
fn with_page_numbers_and_no_look_up_somebody_is_gone_after_two_reads_without_them() {
    each_database(|service, rollcall| {
        service.office().pages = Pages::Page;
        rollcall.set_sources(&source(service, "", r#"paging = { page = "page" }"#));
        service.office().groups.clear();
        rollcall.sync("hr", 0);
        service.office().users.truncate(PEOPLE - 1);
        assert_eq!(rollcall.sync("hr", 0)["tally"]["users_gone"], 0);
        assert_eq!(rollcall.user("user100").unwrap()["active"], true);
        assert_eq!(rollcall.sync("hr", 0)["tally"]["users_gone"], 1);
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);
    });
}

#[test]
fn who_is_listed_in_between_was_not_missing_twice_running_and_a_failed_read_counts_for_nothing() {
    each_database(|service, rollcall| {
        service.office().pages = Pages::Page;
        rollcall.set_sources(&source(service, "", r#"paging = { page = "page" }"#));
        service.office().groups.clear();
        rollcall.sync("hr", 0);
        let end = rollcall.journal_end();
        let missing = |service: &HrService, rollcall: &Rollcall| {
            service.office().users = people(1..PEOPLE);
            let run = rollcall.sync("hr", 0);
            assert_eq!(run["tally"]["users_gone"], 0, "{run}");
            assert_eq!(rollcall.user("user100").unwrap()["active"], true);
        };
        missing(service, rollcall);
        // There again: a page had slipped.
        service.office().users = people(1..=PEOPLE);
        rollcall.sync("hr", 0);
        // Nothing has happened to anybody.
        assert_eq!(rollcall.journal_end(), end);
        missing(service, rollcall);
        // A read that fails proves nothing, neither this nor that.
        let from = upcoming(service, "/users", 3);
        service.trap("/users", from, 1, Fault::status(403));
        rollcall.sync("hr", 1);
        service.forget_traps();
        assert_eq!(rollcall.user("user100").unwrap()["active"], true);
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);
    });
}

#[test]
fn more_than_a_thousand_who_are_missing_are_not_looked_up_and_the_guard_decides() {
    const MANY: usize = 1_500;
    each_database(|service, rollcall| {
        service.office().users = people(1..=MANY);
        service.office().pages = Pages::Whole;
        let looked_up = format!("item_url = \"{}\"", service.item_url());
        rollcall.set_sources(&source(service, "", &looked_up));
        rollcall.sync("hr", 0);
        service.office().users.truncate(MANY - 1_001);
        let before = service.office().requests.len();
        let run = rollcall.sync("hr", 3);
        assert_eq!(service.office().requests.len(), before + 2, "{run}");
        assert_eq!(run["tally"]["users_gone"], 1_001, "{run}");
        assert_eq!(run["held"][0]["guard"], "removals", "{run}");
        assert_eq!(rollcall.user("user1500").unwrap()["active"], true);
        // A few are looked up again.
        service.office().users = people(1..=MANY - 3);
        assert_eq!(rollcall.sync("hr", 0)["tally"]["users_gone"], 3);
        assert_eq!(service.office().requests.len(), before + 2 + 2 + 3);
    });
}

#[test]
fn a_key_twice_with_other_words_is_quarantined_and_keeps_what_was_known() {
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        let before = everything(rollcall);
        let mut other = person(7);
        other["name"]["given"] = json!("Somebody else");
        service.office().users.push(other);
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["users_gone"], 0, "{run}");
        let user = rollcall.user("user7").unwrap();
        assert_eq!(user["attributes"]["name"]["givenName"], "First7");
        service.office().users.pop();
        rollcall.sync("hr", 0);
        same(&everything(rollcall), &before);
    });
}

#[test]
fn of_two_records_with_one_key_neither_is_taken_whichever_comes_first() {
    each_database(|service, rollcall| {
        rollcall.sync("hr", 0);
        let before = everything(rollcall);
        // Known: the first record of the two has changed as well.
        let mut other = person(7);
        other["name"]["given"] = json!("Somebody else");
        service.office().users[6]["name"]["given"] = json!("Somebody new");
        service.office().users.push(other);
        // New: two who share a key.
        let both = [person(901), person(901)];
        for (mut one, name) in both.into_iter().zip(["first", "second"]) {
            one["login"] = json!(name);
            service.office().users.push(one);
        }
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["quarantined"], 2, "{run}");
        let names = |dump: &str| -> Vec<String> {
            let people = dump
                .lines()
                .filter(|line| line.starts_with("{\"resource\":\"user"));
            people.map(str::to_owned).collect()
        };
        assert_eq!(names(&everything(rollcall).0), names(&before.0));
    });
}

#[test]
fn the_first_run_takes_back_whom_it_made_from_one_of_two_records_with_one_key() {
    each_database(|service, rollcall| {
        // Far apart: the first is written long before the second is read.
        let mut all = people(1..=2_500);
        let mut other = person(3);
        other["login"] = json!("impostor");
        all.push(other);
        service.office().users = all;
        let run = rollcall.sync("hr", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(run["tally"]["users_created"], 2_499, "{run}");
        assert!(rollcall.user("user3").is_none());
        assert!(rollcall.user("impostor").is_none());
        service.office().users.pop();
        rollcall.sync("hr", 0);
        assert!(rollcall.user("user3").is_some());
    });
}

#[test]
fn whoever_starts_a_source_that_is_being_run_is_told_by_whom_and_since_when() {
    each_database(|service, rollcall| {
        let from = upcoming(service, "/users", 3);
        service.trap("/users", from, usize::MAX, Fault::Silence);
        let mut first = rollcall.start(&["sync", "hr"]);
        let deadline = Instant::now() + DEADLINE;
        while service.office().requests_to("/users") < from && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
        for command in [&["sync", "hr"][..], &["--json", "sync", "hr"]] {
            let second = rollcall.run(command).exits(1);
            let process = format!("source hr is being run by process {} on ", first.id());
            assert!(second.stderr.contains(&process), "{}", second.stderr);
            assert!(
                second.stderr.contains(": run 1, since 20"),
                "{}",
                second.stderr
            );
        }
        // A plan writes nothing and is in nobody's way.
        service.forget_traps();
        rollcall.run(&["plan", "hr"]).exits(0);
        first.kill().unwrap();
        first.wait().unwrap();
    });
}

#[test]
fn a_service_over_tls_that_proves_nothing_gets_no_question() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    for (service, because) in [
        (
            HrService::start_tls_expired(3),
            "its certificate has expired",
        ),
        (
            HrService::start_tls(3, &["other.example.org"], false),
            "for another host name",
        ),
    ] {
        let trusting = format!(
            "ca_file = \"{}\"",
            service.certificate_file("ca.pem").display()
        );
        let rollcall = Rollcall::new(Database::Sqlite, &source(&service, &trusting, NEXT));
        fails_and_changes_nothing(&rollcall, because);
        assert_eq!(service.office().requests.len(), 0);
    }
}
