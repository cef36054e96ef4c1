//! What identity providers send, word by word: each file in `scim_clients/` is one client's
//! life from the first "test connection" to de-provisioning, as a list of requests and of
//! what is expected. Each runs under the client's own profile and under `generic`, which
//! nobody has to be told of, on both databases.
//!
//! A request has `say` (what the client is doing), `method`, `path`, perhaps `body`. Expected
//! are its `status` and what the answer `has`: objects may hold more than that, lists may
//! not, and `null` is what must not be there. `keep` gives parts of the answer names, which
//! stand in later requests as `{name}`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value as Json;

use super::harness::rollcall::Database;
use super::harness::scim::Service;

async fn replay(client: &str, profile: &str, database: Database) {
    let file = format!("tests/scim_clients/{client}.json");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
    let steps: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let service = Service::start(database, profile).await;
    let mut names = BTreeMap::new();
    for step in &steps {
        take(&service, step, profile, &mut names).await;
    }
}

async fn take(service: &Service, step: &Json, profile: &str, names: &mut BTreeMap<String, String>) {
    let text = |name: &str| step[name].as_str().unwrap();
    let (say, method) = (text("say"), text("method"));
    let path = named(text("path"), names);
    let body = step.get("body").map(|body| json_named(body, names));
    let (status, answer) = service.send(method, &path, body.as_ref()).await;
    let mut expected = step["status"].as_u64().unwrap();
    // Only a client's own profile leaves the body of a PATCH out.
    let is_silent = method == "PATCH" && expected == 204 && profile == "generic";
    if is_silent {
        expected = 200;
    }
    assert_eq!(
        u64::from(status),
        expected,
        "{say}: {method} {path}: {answer}"
    );
    if let Some(has) = step.get("has") {
        let has = json_named(has, names);
        if let Err(where_) = holds(&answer, &has, "") {
            panic!("{say}: {method} {path}: at {where_}:\n{answer}\n{has}");
        }
    }
    for (name, pointer) in step["keep"].as_object().into_iter().flatten() {
        let kept = answer.pointer(pointer.as_str().unwrap()).unwrap();
        names.insert(name.clone(), kept.as_str().unwrap().to_owned());
    }
}

/// Whether `answer` has what is expected; else where it has not.
fn holds(answer: &Json, expected: &Json, at: &str) -> Result<(), String> {
    match (answer, expected) {
        (Json::Object(answer), Json::Object(expected)) => {
            expected.iter().try_for_each(|(name, expected)| {
                let found = answer.get(name).unwrap_or(&Json::Null);
                holds(found, expected, &format!("{at}/{name}"))
            })
        }
        (Json::Array(answer), Json::Array(expected)) if answer.len() == expected.len() => {
            let mut pairs = answer.iter().zip(expected).enumerate();
            pairs.try_for_each(|(n, (answer, expected))| {
                holds(answer, expected, &format!("{at}/{n}"))
            })
        }
        _ if answer == expected => Ok(()),
        _ => Err(at.to_owned()),
    }
}

fn named(text: &str, names: &BTreeMap<String, String>) -> String {
    let replace = |text: String, (name, value): (&String, &String)| {
        text.replace(&format!("{{{name}}}"), value)
    };
    names.iter().fold(text.to_owned(), replace)
}

fn json_named(json: &Json, names: &BTreeMap<String, String>) -> Json {
    match json {
        Json::String(text) => named(text, names).into(),
        Json::Array(items) => items.iter().map(|item| json_named(item, names)).collect(),
        Json::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), json_named(member, names)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

macro_rules! clients {
    ($($client:ident $profile:literal;)*) => { $(
        mod $client {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn under_its_own_profile() {
                for database in Database::ALL {
                    replay(stringify!($client), $profile, database).await;
                }
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn under_the_generic_profile() {
                for database in Database::ALL {
                    replay(stringify!($client), "generic", database).await;
                }
            }
        }
    )* };
}

clients! {
    entra "entra";
    entra_with_flag "entra";
    okta "okta";
    okta_integration_network "okta";
    onelogin "onelogin";
    jumpcloud "jumpcloud";
}
