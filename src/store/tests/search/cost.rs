//! What pages cost, told by `cargo test -p rollcall-store cost -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::*;

const PEOPLE: i64 = 100_000;
const ROUNDS: usize = 40;

async fn fill(world: &World) {
    let ids: Vec<i64> = (1..=PEOPLE).collect();
    for some in ids.chunks(1_000) {
        let users = some.iter().map(|id| {
            let attributes = [
                ("userName", json!(format!("User-{id}@example.com"))),
                ("externalId", json!(format!("E{id}"))),
                ("displayName", json!(format!("User Number {id}"))),
                ("name.familyName", json!(format!("Number {id}"))),
                ("title", json!(if id % 100 == 0 { "Manager" } else { "Engineer" })),
                ("active", json!(id % 10 > 0)),
                ("emails", json!([{ "value": format!("user-{id}@example.com"), "type": "work", "primary": true }])),
            ];
            world.create(*id, Kind::User, &attributes)
        });
        world.write(users.collect()).await.unwrap();
    }
    let gone = (1..=100).map(|n| world.withdraw(n * 997));
    world.write(gone.collect()).await.unwrap();
}

/// The median.
async fn time(world: &World, search: &Search) -> Duration {
    world.found(search).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        world.found(search).await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[ROUNDS / 2]
}

async fn measure(world: &World) {
    fill(world).await;
    let by_index = |start| Search {
        page: index(start, 100),
        ..world.search(Kind::User)
    };
    let began = Instant::now();
    let total = world.found(&by_index(1)).await.total;
    println!("{total} users; counted in {:?}", began.elapsed());
    let first = time(world, &by_index(1)).await;
    println!("first page of 100: {first:?}");
    for start in [1_000, 50_000, 50_127, 99_801] {
        let deep = time(world, &by_index(start)).await;
        let ratio = deep.as_secs_f64() / first.as_secs_f64();
        println!("page at {start}: {deep:?}, {ratio:.2} x the first");
    }
    let sorted = |start| Search {
        sort: Some(sort(Kind::User, "userName", "ascending")),
        ..by_index(start)
    };
    println!("by userName, first: {:?}", time(world, &sorted(1)).await);
    println!(
        "by userName, deep: {:?}",
        time(world, &sorted(99_001)).await
    );
    for filter in [
        r#"userName eq "user-77777@example.com""#,
        r#"externalId eq "E77777""#,
        r#"emails[type eq "work"].value eq "user-77777@example.com""#,
        r#"displayName sw "user number 7777""#,
        r#"displayName co "7777""#,
        "active eq false",
        r#"title eq "Manager""#,
        r#"title gt "f""#,
    ] {
        let search = Search {
            condition: Some(condition(Kind::User, filter)),
            ..by_index(1)
        };
        println!("{filter}: {:?}", time(world, &search).await);
    }
    world
        .write(vec![world.user(PEOPLE + 1, "one more")])
        .await
        .unwrap();
    let began = Instant::now();
    world.found(&by_index(50_000)).await;
    println!("after a write: {:?}", began.elapsed());
}

#[tokio::test]
#[ignore = "it measures, for a minute"]
async fn pages_of_a_hundred_thousand_on_sqlite() {
    measure(&World::on_sqlite().await).await;
}

#[tokio::test]
#[ignore = "it measures, for a minute"]
async fn pages_of_a_hundred_thousand_on_postgres() {
    measure(&World::on_postgres().await).await;
}
