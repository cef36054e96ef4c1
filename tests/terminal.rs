//! What a source says does not steer the terminal of whoever looks at it: colours, cursor
//! moves, other directions of writing and lines of its own are shown by their numbers.

use serde_json::json;

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
displayName = "name"
active = "active"
[group]
key = "id"
[group.attributes]
displayName = "name"
members = "all.members"
[references]
members = "key"
"#;

/// Red, a cleared screen, a line of its own, and the end of a line turned round.
const HOSTILE: &str = "x\u{1b}[31m\u{9b}2J\nRun 9: applied\r\u{202e}txt\u{2066}";

#[track_caller]
fn is_tame(what: &str, text: &str) {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!text.contains(steers), "{what}: {text:?}");
    let forged = text.lines().any(|line| line.starts_with("Run 9"));
    assert!(!forged, "{what}: {text}");
}

#[test]
fn nothing_that_a_source_says_steers_the_terminal() {
    let rollcall = Rollcall::new(Database::Sqlite, SOURCE);
    rollcall.write("mappings/staff.toml", MAPPING);
    let people = [
        json!({"id": "1", "login": format!("ada{HOSTILE}"), "name": HOSTILE, "active": true}),
        json!({"id": format!("2{HOSTILE}"), "login": "bob", "name": "Bob", "active": HOSTILE}),
        json!({"id": "3", "login": "王秀英", "name": "محمد", "active": true}),
    ];
    let group = json!({"id": "g", "name": HOSTILE, "members": ["1", HOSTILE]});
    rollcall.write(
        "people.jsonl",
        &people.map(|person| format!("{person}\n")).concat(),
    );
    rollcall.write("groups.jsonl", &format!("{group}\n"));
    let mut shown = String::new();
    for arguments in [
        &["check", "--connect"][..],
        &["map", "--source", "staff", "--entry", "1"],
        &["plan", "staff"],
        &["sync", "staff"],
        &["run", "show", "2"],
        &["run", "list"],
        &["user", "list"],
        &["user", "show", "王秀英"],
        &["group", "list"],
        &["explain", "王秀英"],
        &["journal"],
        &["user", "show", HOSTILE],
        &["source", "pause", "staff", "--because", HOSTILE],
        &["source", "list"],
        &["sync", "staff"],
        &["--json", "user", "list"],
        &["--json", "run", "show", "2"],
    ] {
        let ended = rollcall.run(arguments);
        let what = format!("{arguments:?}");
        is_tame(&what, &ended.stdout);
        is_tame(&what, &ended.stderr);
        shown += &ended.stdout;
    }
    // Told all the same, and other scripts stay as they are.
    assert!(
        shown.contains("ada") && shown.contains("\\u{202e}"),
        "{shown}"
    );
    assert!(
        shown.contains("王秀英") && shown.contains("محمد"),
        "{shown}"
    );
}
