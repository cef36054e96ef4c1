//! Pages, totals and what happens while they are turned.

use super::*;
use crate::search::{Binding, CursorError, Position};

impl World {
    async fn users_from(&self, ids: std::ops::RangeInclusive<i64>) {
        let ids: Vec<i64> = ids.collect();
        for some in ids.chunks(500) {
            let users = some.iter().map(|id| self.user(*id, &format!("user-{id}")));
            self.write(users.collect()).await.unwrap();
        }
    }

    async fn page(&self, start: u64, count: u32) -> (u64, Vec<i64>) {
        let search = Search {
            page: index(start, count),
            ..self.search(Kind::User)
        };
        let found = self.found(&search).await;
        assert_eq!(found.next, None);
        (found.total, numbers(&found))
    }
}

fn range(ids: std::ops::Range<i64>) -> Vec<i64> {
    ids.collect()
}

on_both! {
    async fn a_page_begins_where_it_is_asked_to_and_the_total_is_always_right(world: World) {
        assert_eq!(world.page(1, 10).await, (0, vec![]));
        world.users_from(1..=300).await;
        assert_eq!(world.page(0, 2).await, (300, vec![1, 2]));
        assert_eq!(world.page(1, 2).await, (300, vec![1, 2]));
        assert_eq!(world.page(130, 3).await, (300, vec![130, 131, 132]));
        assert_eq!(world.page(299, 10).await, (300, vec![299, 300]));
        assert_eq!(world.page(301, 10).await, (300, vec![]));
        assert_eq!(world.page(u64::MAX, 10).await, (300, vec![]));
        assert_eq!(world.page(1, 0).await, (300, vec![]));
        world.write(vec![world.withdraw(2), orphan(5), delete(140, 1)]).await.unwrap();
        assert_eq!(world.page(1, 4).await, (297, vec![1, 3, 4, 6]));
        assert_eq!(world.page(136, 4).await, (297, vec![138, 139, 141, 142]));
    }

    async fn who_is_gone_for_one_source_is_there_for_another(world: World) {
        world.users_from(1..=4).await;
        world.write(vec![world.withdraw(2), orphan(3)]).await.unwrap();
        let seen = async |visible_to| {
            let search = Search { visible_to, ..world.search(Kind::User) };
            numbers(&world.found(&search).await)
        };
        assert_eq!(seen(Some(world.source)).await, [1, 4]);
        assert_eq!(seen(Some(world.other)).await, [1, 2, 4]);
        assert_eq!(seen(None).await, [1, 2, 3, 4]);
        assert_eq!(world.users(r#"userName sw "user""#).await, (2, vec![1, 4]));
    }

    async fn another_tenants_resources_are_never_found(world: World) {
        let other = world.store.ensure_tenant("other").await.unwrap().id;
        world.users_from(1..=2).await;
        let search = Search {
            tenant: other,
            visible_to: None,
            ..world.search(Kind::User)
        };
        assert_eq!(world.found(&search).await.total, 0);
        for filter in ["active eq true", r#"userName eq "user-1""#, r#"title eq "x" or id pr"#] {
            let search = Search {
                condition: Some(condition(Kind::User, filter)),
                ..search.clone()
            };
            assert_eq!(world.found(&search).await.total, 0, "{filter}");
        }
    }

    async fn counts_follow_what_other_programs_write(world: World) {
        let replica = Store::open(&world.url, &Options::default()).await.unwrap();
        let counted = async || {
            let found = replica.search(&world.search(Kind::User)).await.unwrap();
            (found.total, found.resources.len())
        };
        assert_eq!(counted().await, (0, 0));
        world.users_from(1..=50).await;
        assert_eq!(counted().await, (50, 50));
        world.users_from(51..=6_000).await;
        assert_eq!(counted().await, (6_000, 100));
        world.write(vec![delete(1, 1), orphan(2), world.withdraw(3)]).await.unwrap();
        assert_eq!(counted().await, (5_997, 100));
        let back = Write::Orphan { resource: ResourceId(2), since: None };
        world.write(vec![back, world.user(7_000, "late")]).await.unwrap();
        assert_eq!(counted().await, (5_999, 100));
        let deep = Search { page: index(5_999, 10), ..world.search(Kind::User) };
        assert_eq!(numbers(&replica.search(&deep).await.unwrap()), [7_000]);
    }

    async fn a_walk_by_cursor_loses_and_doubles_nobody_while_others_come_and_go(world: World) {
        world.users_from(1..=3_003).await;
        for sorted in [None, Some(sort(Kind::User, "userName", "descending"))] {
            let (mut after, mut seen, mut page, mut fresh) = (None, Vec::new(), 0, 10_000);
            let first = fresh + if sorted.is_some() { 1_000 } else { 0 };
            fresh = first;
            loop {
                let search = Search {
                    sort: sorted.clone(),
                    page: Page::Cursor { after, count: 100 },
                    ..world.search(Kind::User)
                };
                let found = world.found(&search).await;
                seen.extend(numbers(&found));
                after = found.next;
                if after.is_none() {
                    break;
                }
                // One leaves who was seen already, one who was not; two come.
                page += 1;
                let gone = [page, 3_003 - page].map(|id| orphan(id));
                let names = ["aaa", "zzz"].map(|name| {
                    fresh += 1;
                    world.user(fresh, &format!("{name}-{fresh}"))
                });
                world.write([gone, names].concat()).await.unwrap();
            }
            let stable: Vec<i64> = (100..2_900).collect();
            let mut found: Vec<i64> = seen.iter().copied().filter(|id| stable.contains(id)).collect();
            assert_eq!(found.len(), stable.len());
            found.sort_unstable();
            assert_eq!(found, stable);
            seen.sort_unstable();
            let all = seen.len();
            seen.dedup();
            assert_eq!(seen.len(), all, "somebody came twice");
            let restored = (1..=3_003).map(|id| Write::Orphan { resource: ResourceId(id), since: None });
            world.write(restored.collect()).await.unwrap();
        }
    }

    async fn the_last_page_has_no_cursor_and_a_count_of_nothing_has_none(world: World) {
        world.users_from(1..=4).await;
        let turn = async |after: Option<Position>, count| {
            let page = Page::Cursor { after, count };
            let found = world.found(&Search { page, ..world.search(Kind::User) }).await;
            (found.total, numbers(&found), found.next)
        };
        let (total, ids, next) = turn(None, 2).await;
        assert_eq!((total, ids), (4, vec![1, 2]));
        let (total, ids, next) = turn(next, 2).await;
        assert_eq!((total, ids, next), (4, vec![3, 4], None));
        assert_eq!(turn(None, 0).await, (4, vec![], None));
        assert_eq!(turn(None, 100).await, (4, range(1..5), None));
    }

    async fn every_program_on_a_database_reads_the_others_cursors(world: World) {
        let cursors = world.store.cursors([1; 32]).await.unwrap();
        let again = Store::open(&world.url, &Options::default()).await.unwrap();
        let others = again.cursors([2; 32]).await.unwrap();
        world.users_from(1..=3).await;
        let page = Page::Cursor { after: None, count: 1 };
        let found = world.found(&Search { page, ..world.search(Kind::User) }).await;
        let binding = Binding {
            tenant: world.tenant,
            resource_type: "User".to_owned(),
            filter: String::new(),
            sort_by: String::new(),
            descending: false,
            count: 1,
            token: "t".to_owned(),
        };
        let hour = time::Duration::HOUR;
        let cursor = cursors.write(found.next.as_ref().unwrap(), &binding, NOW, hour);
        assert_eq!(others.read(&cursor, &binding, NOW), Ok(found.next.unwrap()));
        let elsewhere = World::on_sqlite().await.store.cursors([3; 32]).await.unwrap();
        assert_eq!(elsewhere.read(&cursor, &binding, NOW), Err(CursorError::Invalid));
    }

    async fn missing_values_come_last_and_first_when_the_order_is_turned_round(world: World) {
        let named = |id, name: Option<&str>| {
            let mut attributes = vec![("userName", json!(format!("user-{id}")))];
            attributes.extend(name.map(|name| ("displayName", json!(name))));
            attributes.extend(name.map(|name| ("name.familyName", json!(name))));
            world.create(id, Kind::User, &attributes)
        };
        let people = [(1, Some("b")), (2, None), (3, Some("C")), (4, Some("A")), (5, Some("a"))];
        world.write(people.map(|(id, name)| named(id, name)).into()).await.unwrap();
        for by in ["displayName", "name.familyName"] {
            for (order, expected) in [("ascending", [4, 5, 1, 3, 2]), ("descending", [2, 3, 1, 4, 5])] {
                let search = Search {
                    sort: Some(sort(Kind::User, by, order)),
                    ..world.search(Kind::User)
                };
                assert_eq!(numbers(&world.found(&search).await), expected, "{by} {order}");
            }
        }
    }

    async fn filters_as_large_as_they_may_be_are_answered(world: World) {
        world.users_from(1..=3).await;
        let any: Vec<String> = (0..1_000).map(|n| format!("id eq \"{n}\"")).collect();
        let any = format!("{} or userName eq \"user-3\"", any.join(" or "));
        assert_eq!(world.users(&any).await, (1, vec![3]));
        let none: Vec<String> = (0..800).map(|n| format!("id ne \"{n}\"")).collect();
        assert_eq!(world.users(&none.join(" and ")).await.0, 3);
        let mut deep = "active pr".to_owned();
        for level in 0..60 {
            let join = if level % 2 == 0 { "and displayName pr" } else { "or userName pr" };
            deep = format!("not ({deep} {join})");
        }
        world.users(&deep).await;
    }

    async fn hostile_texts_are_ordinary_texts(world: World) {
        let name = "x' OR 1=1 -- %_\\\"$1?1;";
        world.write(vec![world.user(1, name), world.user(2, "other")]).await.unwrap();
        for operator in ["eq", "co", "sw", "ew"] {
            let filter = format!("userName {operator} {}", json!(name));
            assert_eq!(world.users(&filter).await, (1, vec![1]), "{filter}");
        }
        for filter in [r#"userName co "%""#, r#"userName co "_""#, r#"userName sw "x'""#] {
            assert_eq!(world.users(filter).await, (1, vec![1]), "{filter}");
        }
        assert_eq!(world.users(r#"userName eq "%""#).await, (0, vec![]));
    }
}

/// On PostgreSQL a transaction that began earlier may be committed later, with smaller
/// numbers in the journal than those already read.
#[tokio::test]
async fn what_was_under_way_when_the_journal_was_read_is_counted_when_it_is_committed() {
    let world = World::on_postgres().await;
    world.users_from(1..=10).await;
    assert_eq!(world.page(1, 1).await.0, 10);
    let pool = sqlx::PgPool::connect(&world.url).await.unwrap();
    let mut late = pool.begin().await.unwrap();
    for sql in [
        "INSERT INTO resources (id, uuid, tenant, kind, user_name, active, created, modified,
            version, doc) SELECT 11, 'late', tenant, kind, 'late', active, created, modified,
            version, doc FROM resources WHERE id = 1",
        "INSERT INTO journal (at, tenant, actor, resource, event)
            SELECT at, tenant, actor, 11, event FROM journal WHERE resource = 1",
    ] {
        sqlx::query(sql).execute(&mut *late).await.unwrap();
    }
    world.users_from(20..=22).await;
    assert_eq!(world.page(1, 1).await.0, 13);
    late.commit().await.unwrap();
    assert_eq!(world.page(1, 1).await.0, 14);
    assert_eq!(world.page(14, 1).await, (14, vec![22]));
}

/// Where an index leads to few, SQLite takes it and not the list's.
#[tokio::test]
async fn sqlite_takes_the_index_that_leads_to_few() {
    let world = World::on_sqlite().await;
    let connection =
        rusqlite::Connection::open(world.url.strip_prefix("sqlite:").unwrap()).unwrap();
    for (kind, filter, index) in [
        (Kind::User, r#"userName eq "a""#, "resources_user_name"),
        (Kind::User, r#"id eq "a""#, "resources_uuid"),
        (Kind::User, r#"externalId eq "a""#, "resources_external_id"),
        (
            Kind::User,
            r#"displayName eq "a""#,
            "resources_display_name",
        ),
        (
            Kind::User,
            r#"displayName sw "a""#,
            "resources_display_name",
        ),
        (Kind::User, r#"emails eq "a""#, "resource_emails_email"),
        (
            Kind::User,
            r#"emails[type eq "work"].value eq "a""#,
            "resource_emails_email",
        ),
        (
            Kind::User,
            r#"externalId eq "a" and active eq true"#,
            "resources_external_id",
        ),
        (Kind::User, r#"groups eq "a""#, "resources_uuid"),
        (Kind::Group, r#"members eq "a""#, "memberships_member"),
        (
            Kind::Group,
            r#"displayName eq "a""#,
            "resources_display_name",
        ),
        (
            Kind::User,
            r#"meta.lastModified gt "2026-03-01T12:00:00Z""#,
            "resources_modified",
        ),
        (
            Kind::User,
            r#"userName eq "a" or externalId eq "b""#,
            "resources_external_id",
        ),
    ] {
        for visible_to in [None, Some(world.source)] {
            let search = Search {
                condition: Some(condition(kind, filter)),
                visible_to,
                ..world.search(kind)
            };
            for built in crate::search::tests::statements_of(&search) {
                let sql = format!("EXPLAIN QUERY PLAN {}", built.text().replace('$', "?"));
                let mut statement = connection.prepare(&sql).unwrap();
                let mut rows = statement.raw_query();
                let mut plan = Vec::new();
                while let Some(row) = rows.next().unwrap() {
                    plan.push(row.get::<_, String>(3).unwrap());
                }
                let plan = plan.join("\n");
                assert!(plan.contains(index), "{filter}: {sql}\n{plan}");
                assert!(!plan.contains("SCAN r"), "{filter}: {sql}\n{plan}");
                assert!(!plan.contains("resources_list"), "{filter}: {sql}\n{plan}");
            }
        }
    }
}
