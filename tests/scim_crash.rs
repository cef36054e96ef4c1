//! Promise: what was answered is kept. The server is killed without a word while clients
//! write; whatever they were told is there when it is started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::harness::rollcall::Database;
use crate::harness::scim::Service;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const CLIENTS: usize = 4;
const KILLS: usize = 3;
/// Answered writes before the server is killed.
const WRITES: usize = 60;
const DEADLINE: Duration = Duration::from_mins(2);

/// Whom a client made, and the title that it was last told to be theirs; and one that it
/// asked for without an answer.
#[derive(Debug)]
struct Told {
    id: String,
    title: String,
    asked: Option<String>,
}

/// Makes people and changes them until nobody answers.
async fn write(
    service: Arc<Service>,
    client: String,
    stop: Arc<AtomicBool>,
    count: Arc<std::sync::atomic::AtomicUsize>,
) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let title = format!("T{n}");
        let (request, patched) = match told.last() {
            Some(last) if n % 2 == 1 => {
                let body = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "path": "title", "value": title }] });
                let path = format!("/Users/{}", last.id);
                (service.request(Method::PATCH, &path, &body), true)
            }
            _ => {
                let body = json!({ "schemas": [USER], "userName": format!("{client}-{n}"), "title": title });
                (service.request(Method::POST, "/Users", &body), false)
            }
        };
        if patched && let Some(last) = told.last_mut() {
            last.asked = Some(title.clone());
        }
        let Ok(answer) = request.send().await else {
            break;
        };
        let good = answer.status().is_success();
        assert!(good, "{}", answer.status());
        let Ok(body) = answer.json::<Json>().await else {
            break;
        };
        count.fetch_add(1, Ordering::Relaxed);
        match told.last_mut() {
            Some(last) if patched => {
                last.title = title;
                last.asked = None;
            }
            _ => told.push(Told {
                id: body["id"].as_str().unwrap().to_owned(),
                title,
                asked: None,
            }),
        }
    }
    told
}

async fn kills(database: Database) {
    let mut service = Service::start(database, "generic").await;
    let mut all = Vec::new();
    for kill in 0..KILLS {
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::default();
        let shared = Arc::new(service);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let name = format!("k{kill}c{client}");
                let (service, stop, count) = (shared.clone(), stop.clone(), Arc::clone(&count));
                tokio::spawn(write(service, name, stop, count))
            })
            .collect();
        let deadline = Instant::now() + DEADLINE;
        while count.load(Ordering::Relaxed) < WRITES {
            assert!(Instant::now() < deadline, "nothing is written");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        shared.kill_now();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            all.extend(client.await.unwrap());
        }
        service = Arc::into_inner(shared).unwrap();
        service.kill();
        service.start_again().await;
        for one in &all {
            let (status, user) = service
                .send("GET", &format!("/Users/{}", one.id), None)
                .await;
            assert_eq!(status, 200, "{one:?} was answered and is not there");
            let title = user["title"].as_str().unwrap();
            let asked = one.asked.as_deref();
            assert!(
                title == one.title || Some(title) == asked,
                "{one:?} is {title}"
            );
        }
    }
    assert!(all.len() > KILLS * WRITES / 4, "{}", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_on_sqlite() {
    kills(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_on_postgres() {
    kills(Database::Postgres).await;
}
