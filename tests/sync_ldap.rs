//! What a run does against a real LDAP server: people, groups and managers come over
//! whatever their order, moves and renames are changes of the same person, and nothing
//! that goes wrong on the server's side removes anybody.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use crate::harness::rollcall::{Database, Rollcall};
use crate::harness::slapd::{Certificate, Options, Slapd};

/// Small, so that a few people are several pages.
const PAGE_SIZE: u32 = 10;
const OPENLDAP: &str = include_str!("../mappings/openldap.toml");

fn source(url: &str) -> String {
    format!(
        r#"
[sources.directory]
kind = "ldap"
urls = ["{url}"]
base = "{}"
bind_dn = "{}"
bind_password = {{ insecure = "{}" }}
mapping = "openldap"
page_size = {PAGE_SIZE}
"#,
        Slapd::SUFFIX,
        Slapd::SYNC_DN,
        Slapd::SYNC_PASSWORD,
    )
}

fn person_dn(number: usize) -> String {
    format!("uid=user{number},ou=people,{}", Slapd::SUFFIX)
}

fn person(number: usize) -> String {
    format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: user{number}\ncn: First{number} Last{number}\n\
         givenName: First{number}\nsn: Last{number}\nmail: user{number}@example.org\n\n",
        person_dn(number)
    )
}

fn people(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(person).collect()
}

fn group_dn(name: &str) -> String {
    format!("cn={name},ou=groups,{}", Slapd::SUFFIX)
}

fn group(name: &str, members: &[String]) -> String {
    let members = members
        .iter()
        .map(|dn| format!("member: {dn}\n"))
        .collect::<Vec<_>>()
        .concat();
    format!(
        "dn: {}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n",
        group_dn(name)
    )
}

/// Runs a test on each database, against a server of its own that holds `ldif`.
fn each_database(ldif: &str, test: impl Fn(Slapd, Rollcall)) {
    for database in Database::ALL {
        let slapd = Slapd::start(ldif);
        let rollcall = Rollcall::new(database, &source(&slapd.url()));
        test(slapd, rollcall);
    }
}

/// A run that fails: it says why, and nothing is as it had not been.
#[track_caller]
fn fails_and_changes_nothing(rollcall: &Rollcall, because: &str) {
    let before = (rollcall.dump(), rollcall.journal_end());
    let failed = rollcall.sync("directory", 1);
    let sentence = failed["failure"].as_str().unwrap_or_default();
    assert!(!sentence.is_empty(), "{failed}");
    assert!(sentence.contains(because), "{failed}");
    assert_eq!((rollcall.dump(), rollcall.journal_end()), before);
}

/// What `explain` knows of a value.
fn value_of(rollcall: &Rollcall, name: &str, unit: &str) -> Json {
    let explained = rollcall.run(&["--json", "explain", name]).exits(0).json();
    let values = explained[0]["values"].as_array().unwrap();
    let found = values
        .iter()
        .find(|v| v["unit"].as_str().unwrap().ends_with(unit));
    found.map_or(Json::Null, |v| v["value"].clone())
}

#[test]
fn the_first_import_brings_people_groups_and_managers_and_the_second_writes_nothing() {
    // The manager comes after those who report to her, and the group before its members.
    let report = person(1).replace("sn: ", &format!("manager: {}\nsn: ", person_dn(30)));
    let ldif = group("research", &[person_dn(1), person_dn(2)])
        + &group("everybody", &[group_dn("research"), person_dn(3)])
        + &report
        + &people(2..=30);
    each_database(&ldif, |_slapd, rollcall| {
        let first = rollcall.sync("directory", 0);
        assert_eq!(first["tally"]["users_created"], 30, "{first}");
        assert_eq!(first["tally"]["groups_created"], 2, "{first}");
        let research = rollcall.group("research").unwrap();
        assert_eq!(research["members"], serde_json::json!(["user1", "user2"]));
        let manager = value_of(&rollcall, "user1", ":manager.value").to_string();
        let id = rollcall.user("user30").unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(manager.contains(&id), "{manager}");

        let before = (
            rollcall.user("user1"),
            rollcall.dump(),
            rollcall.journal_end(),
        );
        let second = rollcall.sync("directory", 0);
        assert_eq!(second["tally"]["unchanged"], 32, "{second}");
        assert_eq!(
            (
                rollcall.user("user1"),
                rollcall.dump(),
                rollcall.journal_end()
            ),
            before
        );
    });
}

#[test]
fn who_is_moved_and_renamed_stays_the_same_person() {
    let ldif = people(1..=30) + &group("research", &[person_dn(1), person_dn(2)]);
    each_database(&ldif, |slapd, rollcall| {
        rollcall.sync("directory", 0);
        let before = rollcall.user("user1").unwrap();
        let staff = format!("ou=staff,{}", Slapd::SUFFIX);
        slapd.modify(&format!(
            "dn: {staff}\nchangetype: add\nobjectClass: organizationalUnit\nou: staff\n\n\
             dn: {old}\nchangetype: modrdn\nnewrdn: uid=married\ndeleteoldrdn: 1\nnewsuperior: {staff}\n\n\
             dn: {group}\nchangetype: modify\ndelete: member\nmember: {old}\n-\nadd: member\nmember: uid=married,{staff}\n",
            old = person_dn(1),
            group = group_dn("research"),
        ));
        let run = rollcall.sync("directory", 0);
        assert_eq!(run["tally"]["users_created"], 0, "{run}");
        assert_eq!(run["tally"]["users_gone"], 0, "{run}");
        assert!(rollcall.user("user1").is_none());
        assert_eq!(rollcall.user("married").unwrap()["id"], before["id"]);
        let members = &rollcall.group("research").unwrap()["members"];
        assert_eq!(*members, serde_json::json!(["married", "user2"]));
    });
}

#[test]
fn values_in_another_order_are_no_change() {
    let several = person(1).replace("mail: ", "mail: a@example.org\nmail: b@example.org\nmail: ");
    let ldif = several + &people(2..=5) + &group("research", &[person_dn(1), person_dn(2)]);
    each_database(&ldif, |slapd, rollcall| {
        rollcall.sync("directory", 0);
        let before = (
            rollcall.user("user1"),
            rollcall.dump(),
            rollcall.journal_end(),
        );
        slapd.modify(&format!(
            "dn: {}\nchangetype: modify\nreplace: mail\nmail: user1@example.org\nmail: b@example.org\nmail: a@example.org\n\n\
             dn: {}\nchangetype: modify\nreplace: member\nmember: {}\nmember: {}\n",
            person_dn(1),
            group_dn("research"),
            person_dn(2),
            person_dn(1),
        ));
        let again = rollcall.sync("directory", 0);
        assert_eq!(again["tally"]["unchanged"], 6, "{again}");
        assert_eq!(
            (
                rollcall.user("user1"),
                rollcall.dump(),
                rollcall.journal_end()
            ),
            before
        );
    });
}

#[test]
fn a_member_that_does_not_exist_is_listed_and_joins_when_it_arrives() {
    let ldif = people(1..=5) + &group("research", &[person_dn(1), person_dn(6)]);
    each_database(&ldif, |slapd, rollcall| {
        let first = rollcall.sync("directory", 0);
        assert_eq!(first["tally"]["dangling"], 1, "{first}");
        let explained = rollcall
            .run(&["--json", "explain", "--group", "research"])
            .exits(0)
            .json();
        let missing = explained[0]["dangling"].to_string();
        assert!(missing.contains("user6"), "{explained}");
        assert_eq!(
            rollcall.group("research").unwrap()["members"],
            serde_json::json!(["user1"])
        );

        slapd.modify(&person(6).replacen("objectClass", "changetype: add\nobjectClass", 1));
        let second = rollcall.sync("directory", 0);
        assert_eq!(second["tally"]["dangling"], 0, "{second}");
        let members = &rollcall.group("research").unwrap()["members"];
        assert_eq!(*members, serde_json::json!(["user1", "user6"]));
    });
}

#[test]
fn groups_that_contain_each_other_come_over_as_they_are() {
    let ldif = people(1..=3)
        + &group("a", &[group_dn("b"), person_dn(1)])
        + &group("b", &[group_dn("c")])
        + &group("c", &[group_dn("a"), group_dn("c")]);
    each_database(&ldif, |_slapd, rollcall| {
        rollcall.sync("directory", 0);
        let dump = rollcall.dump();
        for (group, member) in [("a", "b"), ("b", "c"), ("c", "a")] {
            let row = format!("\"group\":\"group {group}\",\"member\":\"group {member}\"");
            assert!(dump.contains(&row), "{row} is not in {dump}");
        }
        // A group is never its own member.
        assert!(!dump.contains("\"group\":\"group c\",\"member\":\"group c\""));
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 6);
        assert_eq!(rollcall.dump(), dump);
    });
}

#[test]
fn a_dynamic_group_is_noted_and_on_wish_has_whom_its_url_finds() {
    let nurse = |n| person(n).replace("sn: ", "title: Nurse\nsn: ");
    let ldif = (1..=12).map(nurse).collect::<String>()
        + &people(13..=14)
        + &format!(
            "dn: {}\nobjectClass: groupOfURLs\ncn: nurses\nmemberURL: ldap:///{}??sub?(title=Nurse)\n\n",
            group_dn("nurses"),
            Slapd::SUFFIX,
        );
    let mapping = OPENLDAP.replace("(objectClass=groupOfNames)", "(objectClass=groupOfURLs)");
    each_database(&ldif, |slapd, mut rollcall| {
        rollcall.write("mappings/dynamic.toml", &mapping);
        let plain = source(&slapd.url()).replace("\"openldap\"", "\"dynamic\"");
        rollcall.set_sources(&plain);
        let noted = rollcall.sync("directory", 0);
        assert!(noted["notes"].to_string().contains("cn=nurses"), "{noted}");
        let members = |r: &Rollcall| r.group("nurses").unwrap()["members"].clone();
        assert_eq!(members(&rollcall), serde_json::json!([]));

        rollcall.set_sources(&format!("{plain}dynamic_groups = true\n"));
        rollcall.sync("directory", 0);
        assert_eq!(members(&rollcall).as_array().unwrap().len(), 12);
        let modify = |attribute: &str, dn: &str, value: &str| {
            slapd.modify(&format!(
                "dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
            ));
        };
        modify("title", &person_dn(13), "Nurse");
        rollcall.sync("directory", 0);
        assert_eq!(members(&rollcall).as_array().unwrap().len(), 13);

        // A URL that finds nothing because it is wrong empties no group.
        modify(
            "memberURL",
            &group_dn("nurses"),
            "ldap:///ou=nowhere,dc=example,dc=org??sub?(title=Nurse)",
        );
        let run = rollcall.sync("directory", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(members(&rollcall).as_array().unwrap().len(), 13);
    });
}

#[test]
fn a_wrong_password_changes_nothing_and_is_told() {
    each_database(&people(1..=30), |slapd, mut rollcall| {
        rollcall.sync("directory", 0);
        let right = source(&slapd.url());
        rollcall.set_sources(&right.replace(Slapd::SYNC_PASSWORD, "not-the-password"));
        fails_and_changes_nothing(&rollcall, "password");
        rollcall.set_sources(&right);
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 30);
    });
}

#[test]
fn a_base_that_does_not_exist_changes_nothing_and_is_named() {
    each_database(&people(1..=30), |slapd, mut rollcall| {
        rollcall.sync("directory", 0);
        let wrong = format!("base = \"ou=peple,{}\"", Slapd::SUFFIX);
        let right = format!("base = \"{}\"", Slapd::SUFFIX);
        rollcall.set_sources(&source(&slapd.url()).replace(&right, &wrong));
        fails_and_changes_nothing(&rollcall, "ou=peple");
    });
}

#[test]
fn an_account_that_may_not_read_any_more_removes_nobody() {
    each_database(&people(1..=30), |slapd, mut rollcall| {
        rollcall.sync("directory", 0);
        let text = source(&slapd.url());
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("bind_"))
            .collect();
        rollcall.set_sources(&kept.join("\n"));
        fails_and_changes_nothing(&rollcall, "");
        assert_eq!(rollcall.user("user30").unwrap()["active"], true);
    });
}

#[test]
fn a_size_limit_half_way_removes_nobody_and_names_the_limit() {
    for database in Database::ALL {
        let options = Options {
            size_limit: Some(25),
            ..Options::default()
        };
        let slapd = Slapd::start_with(&options, &people(1..=20));
        let rollcall = Rollcall::new(database, &source(&slapd.url()));
        rollcall.sync("directory", 0);
        slapd.modify(&format!("dn: {}\nchangetype: delete\n", person_dn(1)));
        for number in 21..=60 {
            slapd.modify(&person(number).replacen(
                "objectClass",
                "changetype: add\nobjectClass",
                1,
            ));
        }
        let cut = rollcall.sync("directory", 1);
        let verdict = cut["verdict"].as_str().unwrap();
        assert!(
            verdict.contains("size") && verdict.contains("limit"),
            "{cut}"
        );
        assert_eq!(cut["tally"]["users_gone"], 0, "{cut}");
        assert_eq!(rollcall.user("user1").unwrap()["active"], true);
    }
}

#[test]
fn a_server_that_is_down_changes_nothing_and_is_named() {
    each_database(&people(1..=30), |mut slapd, rollcall| {
        rollcall.sync("directory", 0);
        slapd.kill();
        fails_and_changes_nothing(&rollcall, &slapd.port.to_string());
        slapd.start_again();
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 30);
    });
}

#[test]
fn a_server_that_dies_in_the_middle_of_a_page_removes_nobody() {
    each_database(&people(1..=60), |slapd, mut rollcall| {
        rollcall.sync("directory", 0);
        // Wherever it dies: in the first page, between pages, near the end.
        for octets in [700, 4_000, 9_000] {
            let dying = dies_after(octets, slapd.port);
            rollcall.set_sources(&source(&format!("ldap://127.0.0.1:{dying}")));
            fails_and_changes_nothing(&rollcall, &dying.to_string());
        }
        rollcall.set_sources(&source(&slapd.url()));
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 60);
    });
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_read_removes_nobody() {
    each_database(&people(1..=60), |slapd, mut rollcall| {
        rollcall.sync("directory", 0);
        let (port, right) = (slapd.port, source(&slapd.url()));
        let slapd = Arc::new(Mutex::new(slapd));
        let victim = Arc::clone(&slapd);
        let watched = cuts_after(4_000, port, move || victim.lock().unwrap().kill());
        rollcall.set_sources(&source(&format!("ldap://127.0.0.1:{watched}")));
        fails_and_changes_nothing(&rollcall, &watched.to_string());
        slapd.lock().unwrap().start_again();
        rollcall.set_sources(&right);
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 60);
    });
}

#[test]
fn a_certificate_that_proves_nothing_gets_no_password() {
    for (certificate, because) in [
        (Certificate::Expired, "has expired"),
        (Certificate::OtherHost, "other.example.org"),
    ] {
        let options = Options {
            certificate,
            ..Options::default()
        };
        let slapd = Slapd::start_with(&options, &people(1..=3));
        let trusting = format!(
            "{}ca_file = \"{}\"\n",
            source(&slapd.ldaps_url()),
            slapd.ca_file().display()
        );
        let mut rollcall = Rollcall::new(Database::Sqlite, &source(&slapd.url()));
        rollcall.sync("directory", 0);
        rollcall.set_sources(&trusting);
        fails_and_changes_nothing(&rollcall, because);
    }
}

#[test]
fn a_server_that_lists_nobody_any_more_removes_nobody() {
    each_database(&people(1..=12), |slapd, rollcall| {
        rollcall.sync("directory", 0);
        let gone: Vec<String> = (1..=12)
            .map(|n| format!("dn: {}\nchangetype: delete\n\n", person_dn(n)))
            .collect();
        slapd.modify(&gone.concat());
        fails_and_changes_nothing(&rollcall, "no people at all");
    });
}

#[test]
fn half_of_the_entries_gone_waits_for_approval() {
    let ldif = people(1..=40) + &group("research", &[person_dn(1), person_dn(40)]);
    each_database(&ldif, |slapd, rollcall| {
        rollcall.sync("directory", 0);
        let before = rollcall.dump();
        let gone: Vec<String> = (1..=20)
            .map(|n| format!("dn: {}\nchangetype: delete\n\n", person_dn(n)))
            .collect();
        slapd.modify(&gone.concat());
        let held = rollcall.sync("directory", 3);
        assert!(
            held["held"].to_string().contains("20 of 40 people"),
            "{held}"
        );
        assert_eq!(rollcall.dump(), before);
        rollcall
            .run(&["run", "approve", &held["run"].to_string()])
            .exits(0);
        assert_eq!(rollcall.user("user20").unwrap()["active"], false);
        assert_eq!(rollcall.user("user21").unwrap()["active"], true);
    });
}

#[test]
fn a_value_that_the_schema_refuses_puts_only_its_entry_into_quarantine() {
    let mapping = OPENLDAP
        .replace("= \"employeeType\"", "= \"title\"")
        .replace(
            "[user.attributes]",
            "[user.attributes]\nactive = \"employeeType\"",
        );
    let ldif: String = (1..=30)
        .map(|n| person(n).replace("sn: ", "employeeType: TRUE\nsn: "))
        .collect();
    each_database(&ldif, |slapd, mut rollcall| {
        rollcall.write("mappings/with-flag.toml", &mapping);
        rollcall.set_sources(&source(&slapd.url()).replace("\"openldap\"", "\"with-flag\""));
        rollcall.sync("directory", 0);
        slapd.modify(&format!(
            "dn: {}\nchangetype: modify\nreplace: employeeType\nemployeeType: perhaps\n\n\
             dn: {}\nchangetype: modify\nreplace: givenName\ngivenName: Renamed\n",
            person_dn(7),
            person_dn(8),
        ));
        let run = rollcall.sync("directory", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(rollcall.user("user7").unwrap()["active"], true);
        assert_eq!(
            rollcall.user("user8").unwrap()["attributes"]["name"]["givenName"],
            "Renamed"
        );
        let shown = rollcall
            .run(&["run", "show", &run["run"].to_string()])
            .exits(0)
            .stdout;
        for word in ["user7", "active", "perhaps"] {
            assert!(shown.contains(word), "{shown}");
        }
    });
}

#[test]
fn two_entries_that_are_one_person_are_a_conflict_and_write_nothing() {
    let staff = format!("ou=staff,{}", Slapd::SUFFIX);
    each_database(&people(1..=12), |slapd, rollcall| {
        rollcall.sync("directory", 0);
        let before = rollcall.user("user1");
        let twin = person(1)
            .replace("ou=people", "ou=staff")
            .replace("First1", "Twin")
            .replacen("objectClass", "changetype: add\nobjectClass", 1);
        slapd.modify(&format!(
            "dn: {staff}\nchangetype: add\nobjectClass: organizationalUnit\nou: staff\n\n{twin}"
        ));
        let run = rollcall.sync("directory", 4);
        assert_eq!(run["tally"]["quarantined"], 1, "{run}");
        assert_eq!(run["tally"]["users_created"], 0, "{run}");
        assert_eq!(rollcall.user("user1"), before);
        let shown = rollcall
            .run(&["run", "show", &run["run"].to_string()])
            .exits(0)
            .stdout;
        assert!(shown.contains(&format!("uid=user1,{staff}")), "{shown}");
    });
}

#[test]
fn ten_thousand_values_and_a_photo_of_five_megabytes_come_over_whole() {
    use base64::Engine as _;
    const VALUES: usize = 10_000;
    const PHOTO_BYTES: usize = 5 * 1024 * 1024;
    let mut photo = b"\xFF\xD8\xFF\xE0\x00\x10JFIF\x00".to_vec();
    photo.extend((photo.len()..PHOTO_BYTES).map(|n| u8::try_from(n % 251).unwrap()));
    let photo = base64::engine::general_purpose::STANDARD.encode(photo);
    let numbers = (1..VALUES)
        .map(|n| format!("mail: alias{n}@example.org\n"))
        .collect::<Vec<_>>()
        .concat();
    let ldif = person(1).replace("mail: ", &format!("{numbers}mail: "))
        + person(2).trim_end()
        + &format!("\njpegPhoto:: {photo}\n\n");
    // SCIM's photos are URLs (RFC 7643 §4.1.2); what takes octets are certificates.
    let mapping = OPENLDAP.replace("all.userCertificate", "all.jpegPhoto");
    each_database(&ldif, |slapd, mut rollcall| {
        rollcall.write("mappings/with-photo.toml", &mapping);
        rollcall.set_sources(&source(&slapd.url()).replace("\"openldap\"", "\"with-photo\""));
        rollcall.sync("directory", 0);
        let emails = &rollcall.user("user1").unwrap()["attributes"]["emails"];
        assert_eq!(emails.as_array().unwrap().len(), VALUES);
        let photos = rollcall.user("user2").unwrap()["attributes"]["x509Certificates"].to_string();
        assert!(photos.contains(&photo), "{} octets", photos.len());
        assert_eq!(rollcall.sync("directory", 0)["tally"]["unchanged"], 2);
    });
}

#[test]
fn a_nul_or_invalid_utf8_puts_only_its_entry_into_quarantine() {
    const EXPORT: &str = r#"
[sources.export]
kind = "file"
format = "ldif"
users_file = "export.ldif"
mapping = "export"
"#;
    const MAPPING: &str = r#"
description = "An LDIF export"
kind = "file"

[user]
key = "uid"
match = ["userName"]

[user.attributes]
userName = "uid"
displayName = "cn"
title = "title"
"#;
    // "Ru\0th" and "Z\xFCrich" in Latin 1.
    for hostile in ["cn:: UnUAdGg=", "cn:: WvxyaWNo"] {
        for database in Database::ALL {
            let rollcall = Rollcall::new(database, EXPORT);
            rollcall.write("mappings/export.toml", MAPPING);
            rollcall.write("export.ldif", &people(1..=30));
            rollcall.sync("export", 0);
            let before = rollcall.user("user7");
            let bad = people(1..=30).replace("cn: First7 Last7", hostile);
            rollcall.write("export.ldif", &bad);
            let run = rollcall.sync("export", 4);
            assert_eq!(run["tally"]["quarantined"], 1, "{run}");
            let shown = rollcall
                .run(&["run", "show", &run["run"].to_string()])
                .exits(0);
            assert!(shown.stdout.contains("user7"), "{}", shown.stdout);
            // What it had said before stays.
            assert_eq!(rollcall.user("user7"), before);
            rollcall.write("export.ldif", &people(1..=30));
            assert_eq!(rollcall.sync("export", 0)["tally"]["quarantined"], 0);
        }
    }
}

/// A server that passes everything on to `port` until it has sent so many octets to its
/// clients, all connections together; then it is dead, in the middle of a message.
fn dies_after(octets: usize, port: u16) -> u16 {
    cuts_after(octets, port, || {})
}

/// As [`dies_after`]; `then` happens before anybody notices.
fn cuts_after(octets: usize, port: u16, then: impl FnOnce() + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut then = Some(then);
        let mut left = octets;
        while left > 0 {
            let Ok((mut client, _)) = listener.accept() else {
                return;
            };
            let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            let (mut asking, mut asked) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                drop(std::io::copy(&mut asking, &mut asked));
                drop(asked.shutdown(Shutdown::Write));
            });
            let mut buffer = [0; 256];
            while let Ok(read @ 1..) = server.read(&mut buffer) {
                let passed = read.min(left);
                left -= passed;
                if left == 0
                    && let Some(then) = then.take()
                {
                    then();
                }
                if client.write_all(&buffer[..passed]).is_err() || left == 0 {
                    break;
                }
            }
            drop(client.shutdown(Shutdown::Both));
            drop(server.shutdown(Shutdown::Both));
        }
    });
    address.port()
}
