//! Runs against an HR service that says of each page whether it has changed: what has not
//! changed is not read, and nobody who leaves is missed for it.

use serde_json::{Value as Json, json};

use super::{
    LAST_PAGE, NEXT, PEOPLE, each_database, everything, people, person, plain, same, source,
    upcoming,
};
use crate::harness::hr_service::{Fault, HrService, Marks};
use crate::harness::rollcall::Rollcall;

/// As [`plain`], for a service whose pages carry an `ETag`.
fn tagged(service: &HrService) -> String {
    service.office().marks = Marks::Tags;
    // It would change every page with whoever comes or leaves.
    service.office().no_total = true;
    plain(service)
}

fn forget_requests(service: &HrService) {
    let mut office = service.office();
    office.requests.clear();
    office.bytes_sent = 0;
}

/// How many requests of a run asked conditionally, and how many did not.
fn asked(service: &HrService) -> (usize, usize) {
    let office = service.office();
    let of = |path| {
        (
            office.conditional_requests_to(path),
            office.requests_to(path),
        )
    };
    let ((users, all_users), (groups, all_groups)) = (of("/users"), of("/groups"));
    (users + groups, all_users + all_groups - users - groups)
}

/// All pages of people and the one of groups.
const PAGES: usize = LAST_PAGE + 1;

/// A run that the service spares: nothing is transferred, and nothing changes.
#[track_caller]
fn is_spared(service: &HrService, rollcall: &Rollcall, since: &Json) {
    forget_requests(service);
    let before = everything(rollcall);
    let run = rollcall.sync("hr", 0);
    let sentence =
        format!("unchanged: the service says that nothing has changed since run {since}");
    assert_eq!(run["verdict"], sentence, "{run}");
    assert_eq!(run["state"], "applied", "{run}");
    assert_eq!(asked(service), (PAGES, 0), "{run}");
    assert_eq!(service.office().bytes_sent, 0);
    same(&everything(rollcall), &before);
}

/// A run that reads everything, whatever it asked before.
#[track_caller]
fn reads_everything(service: &HrService, rollcall: &Rollcall, conditionally: bool) -> Json {
    forget_requests(service);
    let run = rollcall.sync("hr", 0);
    assert_eq!(run["verdict"], "complete", "{run}");
    assert_eq!(asked(service).0 > 0, conditionally, "{run}");
    assert_eq!(asked(service).1, PAGES, "{run}");
    run
}

#[test]
fn a_service_whose_pages_have_not_changed_is_not_read() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        let first = rollcall.sync("hr", 0);
        assert_eq!(first["verdict"], "complete", "{first}");
        for _ in 0..2 {
            is_spared(service, rollcall, &first["run"]);
        }
        let again = rollcall.sync("hr", 0);
        assert_eq!(again["tally"]["unchanged"], PEOPLE + 1, "{again}");
        assert_eq!(again["tally"]["users_read"], 0, "{again}");
        let sources = rollcall.run(&["--json", "source", "list"]).exits(0).json();
        let last_complete = sources[0]["last_complete"].as_str().unwrap();
        let shown = rollcall.run(&["--json", "run", "list"]).exits(0).json();
        assert_eq!(last_complete, shown[0]["started"].as_str().unwrap());
        // A plan is for people who want to see: it reads everything, and takes nothing away.
        forget_requests(service);
        rollcall.run(&["plan", "hr"]).exits(0);
        assert_eq!(asked(service), (0, PAGES));
        is_spared(service, rollcall, &first["run"]);
        // Once a day nobody's word is taken for it.
        forget_requests(service);
        let next_day = rollcall
            .run_later(1, &["--json", "sync", "hr"])
            .exits(0)
            .json();
        assert_eq!(next_day["verdict"], "complete", "{next_day}");
        assert_eq!(asked(service), (0, PAGES));
    });
}

#[test]
fn who_leaves_or_changes_is_noticed_by_the_page_where_they_stood() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        rollcall.sync("hr", 0);
        service.office().users.truncate(PEOPLE - 1);
        let run = reads_everything(service, rollcall, true);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);
        // Who is gone stays gone while the service says that nothing has changed.
        is_spared(service, rollcall, &run["run"]);
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);

        service.office().users[42]["email"] = json!("new@example.org");
        let run = reads_everything(service, rollcall, true);
        assert_eq!(run["tally"]["updated"], 1, "{run}");
        service.office().groups[0]["members"] = json!([1]);
        let run = reads_everything(service, rollcall, true);
        assert_eq!(run["tally"]["members_removed"], 1, "{run}");
        is_spared(service, rollcall, &run["run"]);
        service.office().users = people(1..=PEOPLE);
        let run = reads_everything(service, rollcall, true);
        assert_eq!(run["tally"]["returned"], 1, "{run}");
        is_spared(service, rollcall, &run["run"]);
    });
}

#[test]
fn grace_periods_end_although_nothing_has_changed() {
    each_database(|service, rollcall| {
        let short = format!(
            "{}\n[sources.hr.leavers]\ndelete_after = \"2h\"\n",
            tagged(service)
        );
        rollcall.set_sources(&short);
        rollcall.sync("hr", 0);
        service.office().users.truncate(PEOPLE - 1);
        reads_everything(service, rollcall, true);
        forget_requests(service);
        let later = rollcall
            .run_hours_later(3, &["--json", "sync", "hr"])
            .exits(0)
            .json();
        assert_eq!(asked(service), (PAGES, 0), "{later}");
        assert_eq!(later["tally"]["deleted"], 1, "{later}");
        assert!(rollcall.user("user100").is_none());
    });
}

#[test]
fn not_modified_for_one_page_and_not_for_another_is_a_full_read() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        rollcall.sync("hr", 0);
        // Somebody of the last page has left, and a cache answers for the one before.
        service.office().users.truncate(PEOPLE - 1);
        let not_modified = Fault::status(304);
        service.trap("/users", upcoming(service, "/users", 9), 1, not_modified);
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["verdict"], "complete", "{run}");
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
    });
}

#[test]
fn another_mapping_or_other_settings_are_no_ground_for_a_condition() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        rollcall.sync("hr", 0);
        let shipped = include_str!("../../mappings/hr-http.toml");
        let other = shipped.replace("status == 'active'", "status != 'left'");
        assert_ne!(other, shipped);
        rollcall.write("mappings/hr-http.toml", &other);
        let run = reads_everything(service, rollcall, false);
        is_spared(service, rollcall, &run["run"]);

        rollcall.set_sources(&source(service, "headers = { X-Company = \"2\" }", NEXT));
        let run = reads_everything(service, rollcall, false);
        is_spared(service, rollcall, &run["run"]);
        rollcall.set_sources(&source(service, "conditional = false", NEXT));
        reads_everything(service, rollcall, false);
        reads_everything(service, rollcall, false);
    });
}

#[test]
fn a_contract_that_ends_within_the_day_is_not_slept_over() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        service.office().users[6]["contract_end"] = json!("2099-12-31");
        let run = rollcall.sync("hr", 0);
        is_spared(service, rollcall, &run["run"]);
        let soon = time::OffsetDateTime::now_utc() + time::Duration::hours(2);
        let soon = soon
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap();
        service.office().users[6]["contract_end"] = json!(soon);
        reads_everything(service, rollcall, true);
        reads_everything(service, rollcall, false);
        forget_requests(service);
        let later = rollcall
            .run_hours_later(3, &["--json", "sync", "hr"])
            .exits(0)
            .json();
        assert_eq!(later["tally"]["deactivated"], 1, "{later}");
        assert_eq!(asked(service), (0, PAGES));
    });
}

#[test]
fn after_a_run_that_was_not_good_in_every_way_everything_is_read() {
    each_database(|service, rollcall| {
        rollcall.set_sources(&tagged(service));
        let first = rollcall.sync("hr", 0);

        // Failed.
        service.trap(
            "/users",
            upcoming(service, "/users", 1),
            usize::MAX,
            Fault::status(403),
        );
        rollcall.sync("hr", 1);
        service.forget_traps();
        let run = reads_everything(service, rollcall, false);
        is_spared(service, rollcall, &run["run"]);

        // Quarantine: a key twice with other words.
        let mut other = person(7);
        other["name"]["given"] = json!("Somebody else");
        service.office().users[99] = other;
        for conditionally in [true, false] {
            forget_requests(service);
            rollcall.sync("hr", 4);
            assert_eq!(asked(service).0 > 0, conditionally);
        }
        service.office().users[99] = person(100);
        let run = reads_everything(service, rollcall, false);
        is_spared(service, rollcall, &run["run"]);

        // Held, then approved: what was approved is not what the next page says.
        service.office().users.truncate(60);
        rollcall.sync("hr", 3);
        forget_requests(service);
        let held = rollcall.sync("hr", 3);
        assert_eq!(asked(service).0, 0, "{held}");
        rollcall
            .run(&["run", "approve", &held["run"].to_string()])
            .exits(0);
        forget_requests(service);
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["verdict"], "complete", "{run}");
        assert_eq!(asked(service).0, 0, "{run}");

        // Undone: the directory is no longer what the service says.
        service.office().users[5]["email"] = json!("new@example.org");
        let run = rollcall.sync("hr", 0);
        rollcall
            .run(&["run", "undo", &run["run"].to_string()])
            .exits(0);
        rollcall.run(&["source", "resume", "hr"]).exits(0);
        forget_requests(service);
        let run = rollcall.sync("hr", 0);
        assert_eq!(run["tally"]["updated"], 1, "{run} {first}");
        assert_eq!(asked(service).0, 0, "{run}");
    });
}

#[test]
fn who_is_kept_although_not_listed_is_still_looked_for() {
    each_database(|service, rollcall| {
        let keeping = format!(
            "{}\n[sources.hr.leavers]\naction = \"keep\"\n",
            tagged(service)
        );
        rollcall.set_sources(&keeping);
        rollcall.sync("hr", 0);
        service.office().users.truncate(PEOPLE - 1);
        reads_everything(service, rollcall, true);
        assert_eq!(rollcall.user("user100").unwrap()["active"], true);
        // From now on leavers are disabled: those who left before, too.
        rollcall.set_sources(&plain(service));
        let run = reads_everything(service, rollcall, false);
        assert_eq!(run["tally"]["users_gone"], 1, "{run}");
        assert_eq!(rollcall.user("user100").unwrap()["active"], false);
    });
}
