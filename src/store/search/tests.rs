//! The SQL that filters become, word by word.

use rollcall_directory::entry::Kind;
use rollcall_directory::filter::Filter;
use rollcall_directory::schema::Registry;
use rollcall_directory::sort::{Sort, SortKey};
use std::sync::Arc;

use super::plan::Planner;
use super::sql::{Order, Select};
use super::{Page, Position, Search};
use crate::dialect::Dialect;
use crate::driver::{Built, Value};
use crate::ids::{ResourceId, SourceId, TenantId};

/// What stands before every condition.
const PROLOGUE: &str = "SELECT COUNT(*) FROM resources r WHERE ";

fn search(kind: Kind, filter: &str) -> Search {
    let registry = Registry::standard();
    let resource_type = Arc::clone(registry.of_kind(kind).unwrap());
    let condition = Filter::parse(filter).unwrap().resolve(&resource_type);
    Search {
        condition: Some(condition.unwrap()),
        visible_to: Some(SourceId(3)),
        ..Search::all(TenantId(1), kind, resource_type, "https://x/scim/v2", 10)
    }
}

/// The statement that counts, without its prologue and what makes resources visible, with
/// its values behind; `+` and `...`: the evaluator is asked, too.
fn planned(search: &Search, dialect: Dialect) -> String {
    let planner = Planner {
        kind: search.kind,
        resource_type: &search.resource_type,
        with_orphans: search.visible_to.is_none(),
    };
    let plan = planner.plan(search.condition.as_ref().unwrap());
    let select = Select {
        search,
        clause: &plan.clause,
        dialect,
    };
    let built = select.count();
    let text = built.text().strip_prefix(PROLOGUE).unwrap();
    let text = text.replace(
        "r.orphaned_since IS NULL AND NOT EXISTS (SELECT 1 FROM links l WHERE \
         l.presence = 'withdrawn' AND l.resource = r.id AND l.source = $3)",
        "(visible r)",
    );
    let text = text.replace(
        "m.orphaned_since IS NULL AND NOT EXISTS (SELECT 1 FROM links l WHERE \
         l.presence = 'withdrawn' AND l.resource = m.id AND l.source = $3)",
        "(visible m)",
    );
    let rest = if plan.exact { "" } else { " + ..." };
    format!("{text}{rest}{}", values(&built))
}

/// The values bound beside those of every search.
fn values(built: &Built) -> String {
    let own = built.binds().iter().skip(3);
    let shown = own.map(|value| match value {
        Value::Text(Some(text)) => text.clone(),
        Value::Int(Some(number)) => number.to_string(),
        other => format!("{other:?}"),
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        return String::new();
    }
    format!(" -- {}", shown.join(" | "))
}

fn users(filters: &[&str], dialect: Dialect) -> String {
    let lines = filters
        .iter()
        .map(|filter| planned(&search(Kind::User, filter), dialect));
    lines.collect::<Vec<_>>().join("\n")
}

fn groups(filters: &[&str]) -> String {
    let lines = filters
        .iter()
        .map(|filter| planned(&search(Kind::Group, filter), Dialect::Postgres));
    lines.collect::<Vec<_>>().join("\n")
}

/// Statements of every shape, for the test that prepares them.
pub(crate) fn statements_of_every_shape(dialect: Dialect) -> Vec<Built> {
    let mut statements = Vec::new();
    let filters = [
        (Kind::User, r#"userName eq "a" or not (externalId sw "b")"#),
        (Kind::User, r#"displayName co "a" and displayName ew "b""#),
        (Kind::User, "active eq true and not (active eq false)"),
        (Kind::User, r#"meta.created lt "2026-03-01T12:00:00Z""#),
        (Kind::User, r#"emails.value pr and not (emails co "x")"#),
        (
            Kind::User,
            r#"groups.display sw "a" and groups.value eq "b""#,
        ),
        (Kind::User, r#"title eq "abcd" and name.familyName pr"#),
        (Kind::Group, r#"members[value eq "a" and display ew "b"]"#),
        (Kind::Group, "not (members pr) and not (displayName pr)"),
    ];
    let orders = [
        "userName",
        "displayName",
        "externalId",
        "id",
        "meta.created",
    ];
    for (kind, filter) in filters {
        for source in [None, Some(SourceId(3))] {
            let mut search = search(kind, filter);
            search.visible_to = source;
            let planner = Planner {
                kind,
                resource_type: &search.resource_type,
                with_orphans: source.is_none(),
            };
            let plan = planner.plan(search.condition.as_ref().unwrap());
            let select = Select {
                search: &search,
                clause: &plan.clause,
                dialect,
            };
            statements.push(select.count());
            statements.push(select.rows(ResourceId(1), 10));
            statements.push(select.page(None, None, 5, 10));
            for order in orders {
                let Ok(sort) = Sort::parse(order, None, &search.resource_type) else {
                    continue;
                };
                for key in [SortKey::Text("a".to_owned()), SortKey::Absent] {
                    let after = Position {
                        key: Some(key),
                        id: ResourceId(1),
                    };
                    statements.push(select.page(Order::of(&sort), Some(&after), 0, 10));
                }
            }
        }
    }
    statements
}

/// The statements of a search on SQLite, in a list by number.
pub(crate) fn statements_of(search: &Search) -> Vec<Built> {
    let planner = Planner {
        kind: search.kind,
        resource_type: &search.resource_type,
        with_orphans: search.visible_to.is_none(),
    };
    let plan = planner.plan(search.condition.as_ref().unwrap());
    let select = Select {
        search,
        clause: &plan.clause,
        dialect: Dialect::Sqlite,
    };
    let page = select.page(None, None, 0, 10);
    vec![select.count(), page, select.rows(ResourceId(0), 10)]
}

#[test]
fn names_and_numbers_are_asked_of_their_columns() {
    let filters = [
        r#"userName eq "Ada""#,
        r#"userName ne "Ada""#,
        r#"externalId eq "E1""#,
        r#"id eq "0190""#,
        r#"displayName co "50%_\"x""#,
        r#"displayName sw "Ada""#,
        r#"not (displayName sw "Ada")"#,
        r#"displayName ew "ace""#,
        r#"displayName sw """#,
        r#"userName gt "m" and userName le "n""#,
        "displayName pr",
        "not (externalId pr)",
        "active eq true",
        "active ne true",
        "active pr",
        r#"meta.created ge "2026-03-01T12:00:00Z""#,
        r#"meta.lastModified gt "2026-03-01T12:00:00.0000005Z""#,
        r#"meta.created eq "2026-03-01T12:00:00.0000005Z""#,
        r#"meta.resourceType eq "User""#,
        r#"meta.resourceType eq "Group""#,
    ];
    insta::assert_snapshot!(users(&filters, Dialect::Sqlite), @r##"
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.user_name = $4 -- ada
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND (r.user_name IS NULL OR NOT (r.user_name = $4)) -- ada
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.external_id = $4 -- E1
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.uuid = $4 -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.display_name, $4) > 0 -- 50%_"x
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.display_name >= $4 AND r.display_name < $5 -- ada | adb
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND (r.display_name IS NULL OR NOT (r.display_name >= $4 AND r.display_name < $5)) -- ada | adb
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND substr(r.display_name, -length($4)) = $4 -- ace
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.display_name IS NOT NULL
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.user_name > $4 AND r.user_name <= $5 -- m | n
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.display_name <> ''
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND (r.external_id IS NULL OR NOT (r.external_id <> ''))
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.active
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND NOT (r.active)
    r.tenant = $1 AND r.kind = $2 AND (visible r)
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.created >= $4 -- 1772366400000000
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.modified > $4 -- 1772366400000000
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND 1 = 0
    r.tenant = $1 AND r.kind = $2 AND (visible r)
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND 1 = 0
    "##);
    insta::assert_snapshot!(users(&filters[4..8], Dialect::Postgres), @r##"
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND strpos(r.display_name, $4) > 0 -- 50%_"x
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.display_name >= $4 AND r.display_name < $5 -- ada | adb
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND (r.display_name IS NULL OR NOT (r.display_name >= $4 AND r.display_name < $5)) -- ada | adb
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND right(r.display_name, length($4)) = $4 -- ace
    "##);
}

#[test]
fn lists_are_asked_of_their_rows() {
    let filters = [
        r#"emails eq "A@b""#,
        r#"emails.value ne "a@b""#,
        r#"emails[value eq "a@b"]"#,
        r#"emails[type eq "work"].value eq "a@b""#,
        r#"emails[type eq "work"]"#,
        r#"not (emails[type eq "work" and value eq "a@b"])"#,
        "emails.value pr",
        r#"groups eq "0190""#,
        r#"not (groups.value eq "0190")"#,
        r#"groups.display sw "Staff""#,
        r#"groups[type eq "direct" and value eq "0190"]"#,
        "groups pr",
    ];
    insta::assert_snapshot!(users(&filters, Dialect::Sqlite), @r##"
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT e.resource FROM resource_emails e WHERE e.email = $4) -- a@b
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id NOT IN (SELECT e.resource FROM resource_emails e WHERE e.email = $4) -- a@b
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT e.resource FROM resource_emails e WHERE e.email = $4) -- a@b
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT e.resource FROM resource_emails e WHERE e.email = $4) + ... -- a@b
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(lower(r.doc), $5) > 0 + ... -- "emails": | wor
    r.tenant = $1 AND r.kind = $2 AND (visible r) + ...
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT e.resource FROM resource_emails e WHERE e.email <> '')
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id WHERE +m.tenant = $1 AND (visible m) AND m.uuid = $4) -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id NOT IN (SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id WHERE +m.tenant = $1 AND (visible m) AND m.uuid = $4) -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id WHERE m.tenant = $1 AND (visible m) AND COALESCE(m.display_name, m.user_name, m.freed_name) >= $4 AND COALESCE(m.display_name, m.user_name, m.freed_name) < $5) -- staff | stafg
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id WHERE +m.tenant = $1 AND (visible m) AND m.uuid = $4) -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.member_id FROM memberships s JOIN resources m ON m.id = s.group_id WHERE m.tenant = $1 AND (visible m))
    "##);
    let filters = [
        r#"members eq "0190""#,
        r#"members[value eq "0190" and type eq "User"]"#,
        r#"not (members[value eq "0190"])"#,
        r#"members.display co "ada""#,
        r#"members.$ref ew "0190""#,
        "not (members pr)",
    ];
    insta::assert_snapshot!(groups(&filters), @r##"
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m) AND m.uuid = $4) -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m) AND m.uuid = $4 AND m.kind = $5) -- 0190 | user
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id NOT IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m) AND m.uuid = $4) -- 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m) AND strpos(COALESCE(m.display_name, m.user_name, m.freed_name), $4) > 0) -- ada
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m)) + ...
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND r.id NOT IN (SELECT s.group_id FROM memberships s JOIN resources m ON m.id = s.member_id WHERE m.tenant = $1 AND (visible m))
    "##);
}

#[test]
fn what_is_only_in_the_document_is_searched_for_in_its_text() {
    let filters = [
        r#"title eq "Engineer""#,
        r#"title ne "Engineer""#,
        r#"title eq "Kiki""#,
        r#"title gt "m""#,
        "title pr",
        r#"name.familyName co "Ångström""#,
        r#"phoneNumbers[type eq "work" and value co "0151 \"23"]"#,
        r#"profileUrl sw "https://Ada.""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "0190""#,
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName eq "Ada""#,
        r#"meta.version eq "W/\"3\"""#,
    ];
    insta::assert_snapshot!(users(&filters, Dialect::Sqlite), @r##"
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(lower(r.doc), $5) > 0 + ... -- "title": | neer
    r.tenant = $1 AND r.kind = $2 AND (visible r) + ...
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 + ... -- "title":
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 + ... -- "title":
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 + ... -- "title":
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(lower(r.doc), $5) > 0 + ... -- "familyName": | ngstr
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(lower(r.doc), $5) > 0 AND instr(lower(r.doc), $6) > 0 + ... -- "phoneNumbers": | wor | 0151 
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(r.doc, $5) > 0 + ... -- "profileUrl": | https://Ada.
    r.tenant = $1 AND r.kind = $2 AND (visible r)
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(lower(r.doc), $4) > 0 + ... -- m:schemas:extens
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 + ... -- "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND instr(r.doc, $4) > 0 AND instr(r.doc, $5) > 0 + ... -- "value": | 0190
    r.tenant = $1 AND r.kind = $2 AND (visible r) + ...
    r.tenant = $1 AND r.kind = $2 AND (visible r) + ...
    "##);
    insta::assert_snapshot!(users(&filters[..1], Dialect::Postgres), @r##"r.tenant = $1 AND r.kind = $2 AND (visible r) AND strpos(r.doc, $4) > 0 AND strpos(lower(r.doc COLLATE "C"), $5) > 0 + ... -- "title": | neer"##);
}

#[test]
fn conditions_are_joined_and_what_is_not_known_widens_what_it_can() {
    let filters = [
        r#"userName eq "a" or userName eq "b" or externalId eq "c""#,
        r#"active eq true and (userName sw "a" or displayName sw "a")"#,
        r#"not (userName eq "a" and active eq true)"#,
        r#"userName eq "a" and title gt "m""#,
        r#"userName eq "a" or title gt "m""#,
        r#"title gt "m" or active pr"#,
        r#"not (title gt "m") and userName eq "a""#,
        r#"meta.resourceType eq "Group" and title gt "m""#,
    ];
    insta::assert_snapshot!(users(&filters, Dialect::Sqlite), @r##"
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.id IN (SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.user_name = $4 UNION ALL SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.user_name = $5 UNION ALL SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.external_id = $6) -- a | b | c
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.active AND r.id IN (SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.user_name >= $4 AND r.user_name < $5 UNION ALL SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.display_name >= $6 AND r.display_name < $7) -- a | b | a | b
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND ((r.user_name IS NULL OR NOT (r.user_name = $4)) OR NOT (r.active)) -- a
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.user_name = $4 AND instr(r.doc, $5) > 0 + ... -- a | "title":
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND (r.tenant = $1 AND r.user_name = $4 OR instr(r.doc, $5) > 0) + ... -- a | "title":
    r.tenant = $1 AND r.kind = $2 AND (visible r)
    +r.tenant = $1 AND +r.kind = $2 AND (visible r) AND r.tenant = $1 AND r.user_name = $4 + ... -- a
    r.tenant = $1 AND r.kind = $2 AND (visible r) AND 1 = 0
    "##);
}

#[test]
fn names_of_those_whom_no_source_holds_stand_in_another_column() {
    let mut search = search(Kind::User, r#"userName eq "ada""#);
    search.visible_to = None;
    insta::assert_snapshot!(planned(&search, Dialect::Sqlite), @r##"+r.tenant = $1 AND +r.kind = $2 AND r.id IN (SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.user_name = $3 UNION ALL SELECT r.id FROM resources r WHERE r.tenant = $1 AND r.freed_name = $4) -- ada"##);
}

#[test]
fn pages_go_on_behind_a_place() {
    let mut search = search(Kind::User, "active eq true");
    search.page = Page::Cursor {
        after: None,
        count: 10,
    };
    let planner = Planner {
        kind: search.kind,
        resource_type: &search.resource_type,
        with_orphans: false,
    };
    let plan = planner.plan(search.condition.as_ref().unwrap());
    let select = Select {
        search: &search,
        clause: &plan.clause,
        dialect: Dialect::Postgres,
    };
    let tail = |sort: &str, order: &str, key: Option<SortKey>| {
        let sort = Sort::parse(sort, Some(order), &search.resource_type).unwrap();
        let after = Position {
            key,
            id: ResourceId(9),
        };
        let built = select.page(Order::of(&sort), Some(&after), 0, 11);
        let text = built.text().rsplit_once("r.active").unwrap().1.to_owned();
        format!("{text}{}", values(&built))
    };
    let ada = || Some(SortKey::Text("ada".to_owned()));
    let lines = [
        tail("userName", "ascending", ada()),
        tail("userName", "descending", ada()),
        tail("displayName", "ascending", Some(SortKey::Absent)),
        tail("displayName", "descending", Some(SortKey::Absent)),
        tail("id", "descending", ada()),
        tail(
            "meta.created",
            "ascending",
            Some(SortKey::Instant(time::OffsetDateTime::UNIX_EPOCH)),
        ),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r##"
    AND ((r.user_name >= $4 AND (r.user_name > $4 OR r.id > $5)) OR r.user_name IS NULL) ORDER BY r.user_name NULLS LAST, r.id LIMIT $6 -- ada | 9 | 11
    AND (r.user_name <= $4 AND (r.user_name < $4 OR r.id > $5)) ORDER BY r.user_name DESC NULLS FIRST, r.id LIMIT $6 -- ada | 9 | 11
    AND ((NULLIF(r.display_name, '') IS NULL AND r.id > $4)) ORDER BY NULLIF(r.display_name, '') NULLS LAST, r.id LIMIT $5 -- 9 | 11
    AND ((NULLIF(r.display_name, '') IS NULL AND r.id > $4) OR NULLIF(r.display_name, '') IS NOT NULL) ORDER BY NULLIF(r.display_name, '') DESC NULLS FIRST, r.id LIMIT $5 -- 9 | 11
    AND (r.uuid <= $4 AND (r.uuid < $4 OR r.id > $5)) ORDER BY r.uuid DESC, r.id LIMIT $6 -- ada | 9 | 11
    AND (r.created >= $4 AND (r.created > $4 OR r.id > $5)) ORDER BY r.created, r.id LIMIT $6 -- 0 | 9 | 11
    "##);
}
