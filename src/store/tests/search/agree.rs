//! Whatever is asked of whomever, both databases answer what the evaluator says.

use std::collections::hash_map::Entry;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rollcall_directory::view::View;

use super::*;
use crate::records::ListQuery;
use crate::search::{FoundResource, Groups, Parts, beside};

const USERS: i64 = 40;
const GROUPS: i64 = 12;
const WORLDS: usize = 2;
const FILTERS: usize = 160;

/// Texts in which wildcards, escapes and unusual lower cases hide, and what begins, ends
/// and lies within them.
const TEXTS: [&str; 18] = [
    "ada",
    "Ada",
    "ADA LOVELACE",
    "a_a",
    "a%a",
    "50% \"off\"",
    "back\\slash",
    "Ångström",
    "\u{212a}elvin",
    "kelvin",
    "İstanbul",
    "i\u{307}stanbul",
    "",
    "urn:x",
    "\u{10ffff}z",
    "a@b.example",
    "work",
    "user",
];
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";
const WRONG: &str = "urn:rollcall:scim:schemas:extension:identity:1.0:User:wrongSignIns";
const LOGIN: &str = "urn:rollcall:scim:schemas:extension:identity:1.0:User:lastSignIn";

type Attributes = Vec<(&'static str, Json)>;

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(TEXTS.as_slice()).prop_map(str::to_owned),
        1 => "[aAkKi_%\"\\\\ ]{0,3}",
    ]
}

fn emails() -> impl Strategy<Value = Vec<Json>> {
    let kind = proptest::sample::select(["work", "Home"].as_slice());
    let email = (
        proptest::option::of(text()),
        proptest::option::of(kind),
        any::<bool>(),
    );
    let email = email.prop_map(|(value, kind, primary)| {
        let mut email = serde_json::Map::new();
        email.extend(value.map(|value| ("value".to_owned(), value.into())));
        email.extend(kind.map(|kind| ("type".to_owned(), kind.into())));
        email.insert("primary".to_owned(), primary.into());
        Json::Object(email)
    });
    proptest::collection::vec(email, 0..3)
}

/// What somebody has beside a name; all of it may be missing.
fn user() -> impl Strategy<Value = Attributes> {
    let maybe = || proptest::option::of(text());
    let login = "2026-03-01T13:00:00.5+01:00";
    (
        (maybe(), maybe(), maybe(), maybe(), maybe()),
        proptest::option::of(any::<bool>()),
        proptest::option::of(emails()),
        proptest::option::of(1..USERS),
        proptest::option::of(0..4_i64),
        proptest::option::of(Just(login)),
    )
        .prop_map(|(texts, active, emails, manager, wrong, login)| {
            let (external, display, title, family, department) = texts;
            let manager = manager.map(|id| Json::from(uuid(id).to_string()));
            let attributes = [
                ("externalId", external.map(Json::from)),
                ("displayName", display.map(Json::from)),
                ("title", title.map(Json::from)),
                ("name.familyName", family.map(Json::from)),
                (DEPARTMENT, department.map(Json::from)),
                ("active", active.map(Json::from)),
                ("emails", emails.map(Json::from)),
                (MANAGER, manager),
                (WRONG, wrong.map(Json::from)),
                (LOGIN, login.map(Json::from)),
            ];
            let those = attributes.into_iter();
            those.filter_map(|(n, v)| Some((n, v?))).collect()
        })
}

fn group() -> impl Strategy<Value = Attributes> {
    (text(), proptest::option::of(text())).prop_map(|(display, external)| {
        let mut attributes = vec![("displayName", Json::from(display))];
        attributes.extend(external.map(|external| ("externalId", external.into())));
        attributes
    })
}

/// A comparison of each kind, as it is spelled.
fn comparison(kind: Kind) -> impl Strategy<Value = String> {
    let texts = texts_of(kind);
    let others: &[&str] = match kind {
        Kind::User => &[
            "active eq true",
            "active ne true",
            "active pr",
            "emails.primary eq true",
            "emails pr",
            "emails.value pr",
            "groups pr",
            "groups.display pr",
            "title pr",
            "meta.created le \"2026-03-01T12:00:00.123456Z\"",
            "meta.created gt \"2026-03-01T12:00:00.1234555Z\"",
            "meta.lastModified lt \"2026-03-01T12:00:01Z\"",
            "meta.lastModified eq \"2026-03-01T13:00:00.123456+01:00\"",
            "meta.created eq \"2026-03-01T12:00:00.1234561Z\"",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager pr",
            "urn:rollcall:scim:schemas:extension:identity:1.0:User:wrongSignIns ge 2",
            "urn:rollcall:scim:schemas:extension:identity:1.0:User:wrongSignIns ne 0",
            "urn:rollcall:scim:schemas:extension:identity:1.0:User:lastSignIn gt \"2026-03-01T12:00:00Z\"",
            "externalId eq null",
            "userName pr",
            "displayName pr",
            "meta pr",
        ],
        Kind::Group => &[
            "members pr",
            "members.display pr",
            "externalId pr",
            "displayName ne null",
            "meta.lastModified gt \"2026-03-01T12:00:00Z\"",
        ],
        Kind::Custom(_) => &[
            "name pr",
            "tags pr",
            "keys pr",
            "userName pr",
            "active eq true",
        ],
    };
    let operator =
        proptest::sample::select(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"].as_slice());
    let wanted = prop_oneof![
        3 => text(),
        1 => (1..USERS + GROUPS).prop_map(|id| uuid(id).to_string()),
        1 => (1..USERS).prop_map(name),
    ];
    let compared = (proptest::sample::select(texts), operator, wanted)
        .prop_map(|(path, operator, text)| format!("{path} {operator} {}", Json::from(text)));
    prop_oneof![3 => compared, 1 => proptest::sample::select(others).prop_map(str::to_owned)]
}

/// Brackets, with a filter of two comparisons within.
fn brackets(kind: Kind) -> impl Strategy<Value = String> {
    let lists: &[(&str, &[&str])] = match kind {
        Kind::User => &[
            ("emails", &["value", "type"]),
            ("groups", &["value", "display", "type"]),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                &["value", "displayName"],
            ),
        ],
        Kind::Group => &[("members", &["value", "display", "type", "$ref"])],
        Kind::Custom(_) => &[("keys", &["value", "type"]), ("emails", &["value"])],
    };
    let operator = || proptest::sample::select(["eq", "co", "ne", "sw"].as_slice());
    let joint = proptest::sample::select(["and", "or", "and not", "or not"].as_slice());
    let wanted = || prop_oneof![3 => text(), 1 => (1..USERS).prop_map(|id| uuid(id).to_string())];
    (
        proptest::sample::select(lists),
        any::<(prop::sample::Index, prop::sample::Index)>(),
        (operator(), operator()),
        joint,
        (wanted(), wanted()),
    )
        .prop_map(
            |((list, subs), (first, second), operators, joint, wanted)| {
                let (first, second) = (first.get(subs), second.get(subs));
                let (left, right) = (Json::from(wanted.0), Json::from(wanted.1));
                let (one, other) = operators;
                format!("{list}[{first} {one} {left} {joint} ({second} {other} {right})]")
            },
        )
}

pub(super) fn filter(kind: Kind) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![4 => comparison(kind), 1 => brackets(kind)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            1 => inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn name(id: i64) -> String {
    format!("{}-{id}", TEXTS[usize::try_from(id).unwrap() % 12])
}

/// What is written, the same to both databases.
#[derive(Debug)]
struct Play {
    users: Vec<Attributes>,
    groups: Vec<Attributes>,
    members: Vec<(i64, i64)>,
    withdrawn: Vec<i64>,
    orphaned: Vec<i64>,
}

fn play() -> impl Strategy<Value = Play> {
    let usize_of = |number: i64| usize::try_from(number).unwrap();
    (
        proptest::collection::vec(user(), usize_of(USERS)),
        proptest::collection::vec(group(), usize_of(GROUPS)),
        proptest::collection::vec((USERS + 1..=USERS + GROUPS, 1..=USERS + GROUPS), 60),
        proptest::collection::vec(1..=USERS + GROUPS, 5),
        proptest::collection::vec(1..=USERS + GROUPS, 5),
    )
        .prop_map(|(users, groups, members, withdrawn, orphaned)| Play {
            users,
            groups,
            members,
            withdrawn,
            orphaned,
        })
}

impl Play {
    async fn write(&self, world: &World) {
        let users = (1..).zip(&self.users).map(|(id, attributes)| {
            let mut attributes = attributes.clone();
            attributes.push(("userName", name(id).into()));
            world.create(id, Kind::User, &attributes)
        });
        world.write(users.collect()).await.unwrap();
        let groups = (USERS + 1..).zip(&self.groups);
        let groups = groups.map(|(id, attributes)| world.create(id, Kind::Group, attributes));
        world.write(groups.collect()).await.unwrap();
        for (group, member) in &self.members {
            // Nobody minds that somebody is in already.
            let _ = world
                .write(vec![join(*group, &[*member], world.source)])
                .await;
        }
        for id in &self.withdrawn {
            world.write(vec![withdraw_any(world, *id)]).await.unwrap();
        }
        world
            .write(self.orphaned.iter().map(|id| orphan(*id)).collect())
            .await
            .unwrap();
    }

    fn is_hidden(&self, id: ResourceId) -> bool {
        self.withdrawn.contains(&id.0) || self.orphaned.contains(&id.0)
    }
}

fn withdraw_any(world: &World, id: i64) -> Write {
    let Write::Relink { mut link, journal } = world.withdraw(id) else {
        panic!("a withdrawal relinks");
    };
    link.kind = if id > USERS { Kind::Group } else { Kind::User };
    Write::Relink { link, journal }
}

/// Everybody whom the source sees, whole.
async fn everybody(
    world: &World,
    play: &Play,
    kind: Kind,
    visible_to: Option<SourceId>,
) -> Vec<FoundResource> {
    let query = ListQuery {
        limit: 1_000,
        ..ListQuery::default()
    };
    let all = world.store.list_resources(world.tenant, kind, &query).await;
    let all = all.unwrap().resources.into_iter();
    let seen = all.filter(|r| visible_to.is_none() || !play.is_hidden(r.id));
    let parts = Parts {
        members: true,
        groups: Groups::Direct,
        manager: true,
    };
    let furnished = world.store.furnish(seen.collect(), parts, visible_to).await;
    furnished.unwrap()
}

/// The numbers that the evaluator lets through, in the order of the sort.
pub(super) fn expected(all: &[FoundResource], search: &Search) -> Vec<i64> {
    let beside: Vec<_> = all
        .iter()
        .map(|found| beside(found, &search.resource_type, &search.base))
        .collect();
    let views = all.iter().zip(&beside);
    let views = views.map(|(found, beside)| {
        let view = View::of(&found.resource.document, beside);
        (found.resource.id.0, view)
    });
    let condition = search.condition.as_ref().unwrap();
    let mut those: Vec<_> = views.filter(|(_, view)| condition.matches(view)).collect();
    if let Some(sort) = &search.sort {
        those.sort_by(|left, right| sort.compare(&left.1, &right.1).then(left.0.cmp(&right.0)));
    }
    those.into_iter().map(|(id, _)| id).collect()
}

/// The whole list, turned by cursor.
async fn walked(world: &World, search: &Search, count: u32) -> Vec<i64> {
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        let page = Search {
            page: Page::Cursor { after, count },
            ..search.clone()
        };
        let found = world.found(&page).await;
        walked.extend(numbers(&found));
        after = found.next;
        if after.is_none() {
            return walked;
        }
    }
}

#[tokio::test]
async fn random_filters_find_on_both_databases_what_the_evaluator_says() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let orders = [
        "userName",
        "displayName",
        "externalId",
        "id",
        "meta.created",
        "meta.lastModified",
        "title",
        "emails",
        "emails.type",
        "active",
        DEPARTMENT,
        WRONG,
        LOGIN,
    ];
    let (mut asked, mut some) = (0, 0);
    for _ in 0..WORLDS {
        let worlds = [World::on_sqlite().await, World::on_postgres().await];
        let play = play().new_tree(&mut runner).unwrap().current();
        for world in &worlds {
            play.write(world).await;
        }
        let mut known = std::collections::HashMap::new();
        for round in 0..FILTERS {
            let kind = if round % 4 == 0 {
                Kind::Group
            } else {
                Kind::User
            };
            let filter = filter(kind).new_tree(&mut runner).unwrap().current();
            let resource_type = resource_type(kind);
            let Ok(condition) = Filter::parse(&filter).unwrap().resolve(&resource_type) else {
                continue;
            };
            asked += 1;
            let by = orders[round % orders.len()];
            let order = if round % 2 == 0 {
                "ascending"
            } else {
                "descending"
            };
            let sort = Sort::parse(by, Some(order), &resource_type).ok();
            for world in &worlds {
                let visible_to = (round % 3 > 0).then_some(world.source);
                let search = Search {
                    condition: Some(condition.clone()),
                    visible_to,
                    sort: sort.clone().filter(|_| round % 5 > 1),
                    page: index(1, 1_000),
                    ..world.search(kind)
                };
                let of = (&world.url, kind, visible_to);
                let all: &Vec<FoundResource> = match known.entry(of) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        entry.insert(everybody(world, &play, kind, visible_to).await)
                    }
                };
                let expected = expected(all, &search);
                let found = world.found(&search).await;
                let of = (&filter, &search.sort.clone(), &world.url);
                assert_eq!(numbers(&found), expected, "{of:?}");
                assert_eq!(found.total, expected.len() as u64, "{of:?}");
                assert_eq!(walked(world, &search, 7).await, expected, "{of:?}");
                let (start, count) = (round % 9, round % 6);
                let page = Search {
                    page: index(start as u64, u32::try_from(count).unwrap()),
                    ..search
                };
                let found = world.found(&page).await;
                let skipped = expected.iter().skip(start.saturating_sub(1));
                let part: Vec<i64> = skipped.take(count).copied().collect();
                assert_eq!(numbers(&found), part, "{of:?}");
                assert_eq!(found.total, expected.len() as u64, "{of:?}");
                some += usize::from(!expected.is_empty() && expected.len() < all.len());
            }
        }
    }
    assert!(
        asked > FILTERS && some > asked / 2,
        "{asked} asked, {some} with some"
    );
}

/// Attributes that hold texts.
fn texts_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &[
            "userName",
            "externalId",
            "id",
            "displayName",
            "title",
            "name.familyName",
            "emails",
            "emails.value",
            "emails.type",
            "groups",
            "groups.display",
            "groups.type",
            "groups.$ref",
            "meta.resourceType",
            "meta.version",
            "meta.location",
            "schemas",
            DEPARTMENT,
            MANAGER,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.$ref",
        ],
        Kind::Group => &[
            "externalId",
            "id",
            "displayName",
            "members",
            "members.display",
            "members.type",
            "members.$ref",
            "meta.resourceType",
            "schemas",
        ],
        Kind::Custom(_) => &[
            "externalId",
            "displayName",
            "name",
            "tags",
            "keys.value",
            "keys.type",
            "userName",
            "emails",
            "colour",
            "meta.resourceType",
            "schemas",
            super::custom::BADGE,
        ],
    }
}
