//! What a mapping makes of an entry, as a specification.

use rollcall_directory::contribution::{Mapped, MappedValue};
use rollcall_directory::entry::{Attribute, Attributes, Entry, EntryKey, Kind, Locator, Value};
use rollcall_directory::name::Space;
use rollcall_directory::schema::{Schemas, Unit};
use serde_json::{Value as Json, json};
use time::UtcOffset;
use time::macros::{datetime, offset};

use crate::{Context, MapError, Mapping, Outcome, Problem};

const HEAD: &str = "[user]\nkey = \"id\"\n[user.attributes]\n";

fn context() -> Context {
    Context {
        now: datetime!(2027-01-31 23:30 UTC),
        zone_offset: UtcOffset::UTC,
    }
}

fn compile(text: &str) -> Result<Mapping, Vec<Problem>> {
    Mapping::compile("m", text, &Schemas::standard())
}

fn mapping(kind: &str, lines: &str) -> Mapping {
    compile(&format!("kind = \"{kind}\"\n{HEAD}{lines}")).unwrap()
}

fn entry(kind: Kind, attributes: &[(&str, &[&str])]) -> Entry {
    let list = attributes
        .iter()
        .map(|(name, values)| Attribute {
            name: (*name).into(),
            values: values.iter().map(|v| Value::from(*v)).collect(),
        })
        .collect();
    Entry {
        key: EntryKey::new("k"),
        kind,
        locator: Locator::Dn("uid=ada,dc=x".to_owned()),
        attributes: Attributes::new(list, false),
        flaws: Vec::new(),
    }
}

fn map(kind: &str, lines: &str, attributes: &[(&str, &[&str])]) -> Result<Mapped, MapError> {
    mapping(kind, lines).evaluate(&entry(Kind::User, attributes), &context())
}

fn said(mapped: &Mapped, unit: &str) -> Option<MappedValue> {
    mapped.said.get(&Unit::from_canonical(unit)).cloned()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "compared with what `said` returns"
)]
fn choice(values: &[&str]) -> Option<MappedValue> {
    Some(MappedValue::Choice(
        values.iter().map(|v| json!(v)).collect(),
    ))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "compared with what `said` returns"
)]
fn list(values: &Json) -> Option<MappedValue> {
    Some(MappedValue::List(values.as_array().unwrap().clone()))
}

#[test]
fn several_values_for_one_are_a_choice_in_order() {
    let mapped = map(
        "http",
        "title = 't'\nuserName = 'lower(u)'",
        &[("t", &["b", "a"]), ("u", &["X", "x", "A"])],
    )
    .unwrap();
    assert_eq!(said(&mapped, "title"), choice(&["a", "b"]));
    assert_eq!(said(&mapped, "userName"), choice(&["a", "x"]));
    let mapped = map(
        "http",
        "title = \"join([t, u], '-')\"",
        &[("t", &["b", "a"]), ("u", &["y", "x"])],
    )
    .unwrap();
    assert_eq!(said(&mapped, "title"), choice(&["a-x"]));
}

#[test]
fn absent_is_silence_and_empty_is_a_statement() {
    let lines = "title = 'lower(t)'\nlocale = 'l'\nemails = 'all.mail'";
    let mapped = map("http", lines, &[("t", &[])]).unwrap();
    assert_eq!(said(&mapped, "title"), Some(MappedValue::Empty));
    assert_eq!(said(&mapped, "locale"), None);
    assert_eq!(said(&mapped, "emails"), None);
}

#[test]
fn a_directory_server_says_that_there_is_none_by_leaving_it_out() {
    let lines = "title = 'lower(t)'\nactive = '!bit(uac, 2)'\nemails = 'all.mail'";
    let mapped = map("ldap", lines, &[]).unwrap();
    for unit in ["title", "active", "emails"] {
        assert_eq!(said(&mapped, unit), Some(MappedValue::Empty), "{unit}");
    }
}

#[test]
fn a_failure_that_absence_explains_is_silence_and_another_is_told() {
    let lines = "title = 't.startsWith(u) ? t : u'\nactive = 'a'";
    assert_eq!(
        said(&map("http", lines, &[("t", &["x"])]).unwrap(), "title"),
        None
    );
    let error = map("http", lines, &[("a", &["perhaps"])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 6 of the mapping, active = a: the text is neither true nor false; with a = \"perhaps\""
    );
}

#[test]
fn lines_with_the_same_brackets_fill_one_object_and_a_list_joins_them() {
    let lines = r#"
'emails[type eq "work"].value' = "lower(mail)"
emails = "all.other.map(m, {'type': 'other', 'value': m})"
'emails[type eq "work"].primary' = "'TRUE'"
'emails[type eq "home"].value' = "home"
"#;
    let mapped = map(
        "http",
        lines,
        &[("mail", &["B@x", "A@x"]), ("other", &["z@x", "a@x", "z@x"])],
    )
    .unwrap();
    assert_eq!(
        said(&mapped, "emails"),
        list(&json!([
            {"type": "work", "value": "a@x", "primary": true},
            {"type": "other", "value": "a@x"},
            {"type": "other", "value": "z@x"},
        ]))
    );
}

#[test]
fn a_plain_text_is_left_out_where_an_earlier_item_has_its_value() {
    let lines = "'emails[type eq \"work\"].value' = 'mail'\nemails = 'all.mail'";
    let mapped = map("http", lines, &[("mail", &["b@x", "a@x"])]).unwrap();
    assert_eq!(
        said(&mapped, "emails"),
        list(&json!([{"type": "work", "value": "a@x"}, {"value": "b@x"}]))
    );
}

#[test]
fn an_unknown_part_of_an_object_quarantines_the_entry() {
    let error = map("http", "emails = \"[{'valeu': m}]\"", &[("m", &["a"])]).unwrap_err();
    assert!(error.message.contains("did you mean `value`?"), "{error}");
}

#[test]
fn a_contract_ends_with_its_day_in_the_zone_of_the_source() {
    let mapping = mapping("http", "active = '!expired(end)'");
    let entry = entry(Kind::User, &[("end", &["2027-01-31"])]);
    let active = |zone_offset| {
        let context = Context {
            zone_offset,
            ..context()
        };
        said(&mapping.evaluate(&entry, &context).unwrap(), "active")
    };
    assert_eq!(
        active(offset!(UTC)),
        Some(MappedValue::Choice(vec![json!(true)]))
    );
    assert_eq!(
        active(offset!(+1)),
        Some(MappedValue::Choice(vec![json!(false)]))
    );
}

#[test]
fn references_name_entries_as_the_file_says() {
    let text = r#"
kind = "ldap"
[user]
key = "id"
[user.attributes]
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager" = "manager"
[group]
key = "id"
[group.attributes]
members = "all.memberUid"
[references]
members = "Uid"
"#;
    let mapping = compile(text).unwrap();
    assert_eq!(mapping.references().attributes, ["Uid"]);
    assert!(mapping.references().dn);
    let group = entry(Kind::Group, &[("memberUid", &["b", "a"])]);
    let mapped = mapping.evaluate(&group, &context()).unwrap();
    let names: Vec<_> = mapped
        .references
        .iter()
        .map(|r| (&r.name.space, r.name.text.as_str()))
        .collect();
    let space = Space::Attribute("uid".to_owned());
    assert_eq!(names, [(&space, "a"), (&space, "b")]);
    let user = entry(Kind::User, &[("Uid", &["a"])]);
    let mapped = mapping.evaluate(&user, &context()).unwrap();
    assert!(mapped.references.is_empty());
    assert_eq!(mapped.reference_units.len(), 1, "nobody is a statement");
    let names: Vec<_> = mapped.names.iter().map(|n| n.text.as_str()).collect();
    assert_eq!(names, ["uid=ada,dc=x", "a"]);
    for kind in [Kind::User, Kind::Group] {
        assert!(
            mapping
                .kind(kind)
                .unwrap()
                .attributes
                .contains(&"Uid".to_owned())
        );
    }
}

#[test]
fn a_group_without_a_members_line_or_attribute_says_nothing_about_members() {
    let text = "kind = \"http\"\n[group]\nkey = \"id\"\n[group.attributes]\nmembers = \"all.m\"\n";
    let mapping = compile(text).unwrap();
    let units = |attributes: &[(&str, &[&str])]| {
        let group = entry(Kind::Group, attributes);
        mapping
            .evaluate(&group, &context())
            .unwrap()
            .reference_units
            .len()
    };
    assert_eq!(units(&[]), 0);
    assert_eq!(units(&[("m", &[])]), 1);
}

#[test]
fn mistakes_in_the_file_are_shown_where_they_stand() {
    let told = |text: &str| -> Vec<String> {
        compile(text)
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let text = format!(
        "kind = \"http\"\n{HEAD}usrName = \"x\"\ntitle = \"lowr(t)\"\npassword = \"p\"\nlocale = 1\n"
    );
    assert_eq!(
        told(&text),
        [
            "m.toml:5:1: no attribute `usrName` (did you mean `userName`?)",
            "m.toml:6:14: there is no function `lowr` (did you mean `lower`?)",
            "m.toml:7:1: passwords cannot be mapped yet (leave the line out: people keep signing in as they do)",
            "m.toml:8:10: the right side of `locale` must be an expression in quotes (a fixed text is \"'text'\", a fixed boolean \"true\")",
        ]
    );
    assert_eq!(
        told(
            "kind = \"http\"\n[user]\nkey = \"id\"\nfilter = \"(a=b)\"\nmatch = [\"title\"]\n[user.attributes]\ndepartment = \"d\"\n[refrences]\n"
        ),
        [
            "m.toml:4:10: only LDAP and SCIM sources have a filter (leave it out)",
            "m.toml:5:10: no line gives `title`, so it cannot be compared",
            "m.toml:5:10: a user cannot be recognised by `title` (compare externalId, userName, displayName, emails, \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber\")",
            "m.toml:7:1: no attribute `department` (write \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\")",
            "m.toml:8:2: `refrences` is not known here (did you mean `references`?)",
        ]
    );
    // What leans on a line that cannot be read is not told, too.
    assert_eq!(
        told(
            "kind = \"http\"\n[user]\nkey = \"id\"\nmatch = [\"userName\"]\n[user.attributes]\nuserName = \"lowr(t)\"\n"
        ),
        ["m.toml:6:17: there is no function `lowr` (did you mean `lower`?)"]
    );
    let filtered = |filter: &str| {
        told(&format!(
            "kind = \"ldap\"\n[user]\nkey = \"id\"\nfilter = \"{filter}\"\n[user.attributes]\ntitle = \"t\"\n"
        ))
        .join(" ")
    };
    for filter in [
        "objectClass=person",
        "(objectClass=person",
        "objectClass=person)",
    ] {
        let told = filtered(filter);
        assert!(told.contains("write \"(objectClass=person)\""), "{told}");
    }
    assert!(
        told("kind = \"ldp\"\n")
            .join(" ")
            .contains("did you mean `ldap`?")
    );
    assert!(told("kind = ").first().unwrap().starts_with("m.toml:1:"));
    let twice = format!("kind = \"http\"\n{HEAD}title = \"a\"\nTITLE = \"b\"\n");
    assert_eq!(
        told(&twice),
        ["m.toml:6:1: `TITLE` is given twice, first on line 5"]
    );
}

#[test]
fn names_that_the_source_does_not_know_are_told() {
    let mapping = mapping(
        "ldap",
        "title = \"titel\"\nlocale = \"entry['cn;lang-ja']\"",
    );
    let known: Vec<String> = ["ID", "title", "CN"].map(str::to_owned).into();
    let told: Vec<String> = mapping
        .check_against(&known)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        ["m.toml:5:9: the source does not know the attribute `titel` (did you mean `title`?)"]
    );
}

#[test]
fn an_example_that_differs_is_told_with_the_difference() {
    let text = format!(
        "kind = \"http\"\n{HEAD}title = \"t\"\n[[example]]\nentry = {{ t = \"a\" }}\ngives = {{ title = \"b\" }}\n"
    );
    let told: Vec<String> = compile(&text)
        .unwrap()
        .run_examples(&context())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        ["m.toml:8:11: the mapping gives \"a\" for title, the example expects \"b\""]
    );
}

#[test]
fn only_what_bears_meaning_is_in_the_fingerprint() {
    let print = |text: &str| compile(text).unwrap().fingerprint();
    let text = format!("kind = \"http\"\n{HEAD}title = \"t\"\n");
    let example = "[[example]]\nentry = { t = 'a' }\ngives = { title = 'a' }\n";
    assert_eq!(print(&text), print(&format!("# hello\n{text}{example}")));
    assert_ne!(print(&text), print(&text.replace("\"t\"", "\"u\"")));
    assert_ne!(print(&text), print(&text.replace("\"id\"", "\"uid\"")));
}

#[test]
fn a_trace_tells_each_line_and_hides_secrets() {
    let lines = "title = 't'\nlocale = 'l'\nnickName = 'userPassword'\nactive = 'unicodePwd'";
    let attributes: &[(&str, &[&str])] = &[
        ("t", &["x"]),
        ("userPassword", &["hunter2"]),
        ("unicodePwd", &["hunter2"]),
    ];
    let mapping = mapping("http", lines);
    let entry = entry(Kind::User, attributes);
    let trace = mapping.trace(&entry, &context());
    let outcomes: Vec<_> = trace
        .iter()
        .map(|line| (line.line, line.outcome.clone()))
        .collect();
    assert_eq!(
        outcomes,
        [
            (5, Outcome::Values(vec![json!("x")])),
            (6, Outcome::Silent("`l` is absent".to_owned())),
            (7, Outcome::Values(vec![json!("(hidden)")])),
            (8, Outcome::Failed("the expression fails".to_owned())),
        ]
    );
    let error = mapping.evaluate(&entry, &context()).unwrap_err();
    assert!(!format!("{trace:?}{error}{error:?}").contains("hunter2"));
}

#[test]
fn explain_finds_the_lines_of_a_unit() {
    let mapping = mapping(
        "http",
        "title = 't'\n'emails[type eq \"work\"].value' = 'm'\nemails = 'all.o'",
    );
    let lines = mapping.line_of(Kind::User, &Unit::from_canonical("emails"));
    let told: Vec<_> = lines
        .iter()
        .map(|l| (l.line, l.expression.as_str()))
        .collect();
    assert_eq!(told, [(6, "m"), (7, "all.o")]);
}

#[test]
fn a_mapping_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Mapping>();
}
