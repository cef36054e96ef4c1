//! One schema on two databases, and every statement fits it on both.

use super::*;
use crate::dialect::Dialect;
use crate::driver::{Statement, binds};
use crate::error::StoreError;
use crate::migrations;
use crate::search::tests::statements_of_every_shape;

/// The statements of all modules.
fn statements() -> Vec<Statement> {
    [
        crate::commit::STATEMENTS,
        crate::commit::statements_of_parts().as_slice(),
        crate::connections::statements_of_parts().as_slice(),
        crate::dump::STATEMENTS,
        crate::journal::STATEMENTS,
        crate::leases::STATEMENTS,
        crate::links::STATEMENTS,
        crate::maintenance::STATEMENTS,
        crate::mappings::STATEMENTS,
        crate::memberships::STATEMENTS,
        crate::migrations::STATEMENTS,
        crate::plans::STATEMENTS,
        crate::quarantine::STATEMENTS,
        crate::resources::STATEMENTS,
        crate::runs::STATEMENTS,
        crate::schemas::STATEMENTS,
        crate::search::statements_of_parts().as_slice(),
        crate::sources::STATEMENTS,
        crate::tenants::STATEMENTS,
        crate::tokens::STATEMENTS,
    ]
    .concat()
}

#[tokio::test]
async fn sqlite_can_prepare_every_statement() {
    let world = World::on_sqlite().await;
    let connection =
        rusqlite::Connection::open(world.url.strip_prefix("sqlite:").unwrap()).unwrap();
    for statement in statements() {
        let prepared = connection.prepare(&statement.sqlite.replace('$', "?"));
        assert!(prepared.is_ok(), "{}: {prepared:?}", statement.name);
    }
    for built in statements_of_every_shape(Dialect::Sqlite) {
        let prepared = connection.prepare(&built.text().replace('$', "?"));
        assert!(prepared.is_ok(), "{}: {prepared:?}", built.text());
    }
}

#[tokio::test]
async fn postgres_can_prepare_every_statement() {
    use sqlx::Executor as _;
    let world = World::on_postgres().await;
    let pool = sqlx::PgPool::connect(&world.url).await.unwrap();
    for statement in statements() {
        let prepared = pool
            .prepare(sqlx::SqlStr::from_static(statement.postgres))
            .await;
        assert!(prepared.is_ok(), "{}: {:?}", statement.name, prepared.err());
    }
    for built in statements_of_every_shape(Dialect::Postgres) {
        let text = sqlx::AssertSqlSafe(built.text().to_owned());
        let prepared = pool.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await;
        assert!(prepared.is_ok(), "{}: {:?}", built.text(), prepared.err());
    }
}

/// A table or index, a line for each column: name, type, whether it is required, place in
/// the primary key; or the indexed columns and whether they are unique.
fn sqlite_schema(url: &str) -> Vec<String> {
    let connection = rusqlite::Connection::open(url.strip_prefix("sqlite:").unwrap()).unwrap();
    let all = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut lines = all("SELECT t.name || '.' || c.name || ' '
            || CASE WHEN c.name = 'active' THEN 'boolean' WHEN c.type = 'BIGINT' THEN 'bigint'
                ELSE replace(replace(lower(c.type), 'integer', 'bigint'), 'blob', 'bytea') END
            || ' ' || (c.\"notnull\" OR c.pk > 0) || ' ' || c.pk
        FROM sqlite_schema t JOIN pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'");
    lines.extend(all(
        "SELECT t.name || ' ' || i.name || ' ' || i.\"unique\" || ' ' || i.partial
            || ' ' || (SELECT group_concat(name, ',') FROM
                (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno))
        FROM sqlite_schema t JOIN pragma_index_list(t.name) i
        WHERE t.type = 'table' AND i.origin = 'c'",
    ));
    lines.sort();
    lines
}

fn postgres_schema(url: &str) -> Vec<String> {
    let server = postgres::Postgres::shared();
    let columns = "SELECT c.table_name || '.' || c.column_name || ' ' || c.data_type || ' '
            || CASE c.is_nullable WHEN 'NO' THEN 1 ELSE 0 END || ' '
            || COALESCE((SELECT k.ordinal_position FROM information_schema.key_column_usage k
                JOIN information_schema.table_constraints t USING (constraint_name, table_name)
                WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name
                    AND k.column_name = c.column_name), 0)
        FROM information_schema.columns c WHERE c.table_schema = 'public'";
    let indexes = "SELECT t.relname || ' ' || i.relname || ' '
            || x.indisunique::int || ' ' || (x.indpred IS NOT NULL)::int || ' '
            || (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, place)
                JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum)
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = 'public' AND NOT x.indisprimary";
    let mut lines: Vec<String> = [columns, indexes]
        .iter()
        .flat_map(|sql| {
            let answer = server.sql(url, sql);
            answer.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let sqlite = World::on_sqlite().await;
    let postgres = World::on_postgres().await;
    let on_sqlite = sqlite_schema(&sqlite.url);
    let on_postgres = postgres_schema(&postgres.url);
    assert!(on_sqlite.len() > 80, "{on_sqlite:#?}");
    assert_eq!(on_sqlite.join("\n"), on_postgres.join("\n"));
}

on_both! {
    async fn a_new_store_has_the_newest_schema_and_opening_it_again_changes_nothing(world: World) {
        assert_eq!(world.store.schema_version().await, Ok(migrations::known()));
        assert!(world.store.is_ready().await);
        world.write(vec![world.user(1, "ada")]).await.unwrap();
        let again = Store::open(&world.url, &Options::default()).await.unwrap();
        assert_eq!(again.dump(world.tenant).await, world.store.dump(world.tenant).await);
    }

    async fn a_store_of_a_newer_version_is_refused_and_left_alone(world: World) {
        let newer = migrations::known() + 1;
        let raise = crate::driver::Statement {
            name: "RAISE",
            sqlite: "UPDATE schema_version SET version = $1",
            postgres: "UPDATE schema_version SET version = $1",
        };
        world.store.database.execute(raise, binds![newer]).await.unwrap();
        assert!(!world.store.is_ready().await);
        let refused = StoreError::NewerSchema { found: newer, known: newer - 1 };
        let opened = Store::open(&world.url, &Options::default()).await;
        assert_eq!(opened.err(), Some(refused.clone()));
        assert_eq!(Store::open_read_only(&world.url).await.err(), Some(refused));
        assert_eq!(world.store.schema_version().await, Ok(newer));
    }

    async fn who_opens_to_read_only_cannot_write(world: World) {
        let reader = Store::open_read_only(&world.url).await.unwrap();
        assert_eq!(reader.tenants().await.unwrap().len(), 1);
        assert_eq!(reader.ensure_tenant("second").await, Err(StoreError::ReadOnly));
    }
}

#[tokio::test]
async fn programs_that_start_together_make_one_schema() {
    let folder = tempfile::tempdir().unwrap();
    for url in [sqlite_url(&folder, "new.db"), postgres_url().await] {
        let opened = (0..6).map(|_| Store::open(&url, &Options { connections_max: 2 }));
        for store in futures::future::join_all(opened).await {
            assert!(store.unwrap().is_ready().await);
        }
    }
}

#[tokio::test]
async fn a_url_of_no_database_is_refused_without_its_password() {
    let opened = Store::open("mysql://me:secret@db/x", &Options::default()).await;
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("mysql://…@db/x"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_backup_holds_what_the_store_held_and_never_overwrites() {
    let world = World::on_sqlite().await;
    world.write(vec![world.user(1, "ada")]).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.db");
    world.store.backup(&file).await.unwrap();
    let again = world.store.backup(&file).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    let copy = Store::open_read_only(&sqlite_url(&folder, "copy.db"))
        .await
        .unwrap();
    assert_eq!(
        copy.dump(world.tenant).await,
        world.store.dump(world.tenant).await
    );
}
