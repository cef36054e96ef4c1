//! Connections as their administrator and their client meet them: tokens, the guard, the
//! limits, the request inspector. The real program, served.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::{Client, Method, Response};
use serde_json::{Value as Json, json};

use crate::harness::postgres::Postgres;
use crate::harness::rollcall::{Database, Ended, Rollcall};

/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const CANARY: &str = "canary-7f41-Passw0rd";

/// An installation with the tenants `example` and `other`, and where it is served.
struct Vendor {
    rollcall: Rollcall,
    listen: String,
}

/// A running server; killed if a test fails before it has stopped it.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What a client was given.
struct Given {
    base: String,
    token: String,
}

impl Vendor {
    fn new(database: Database, more: &str) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = free.local_addr().unwrap().to_string();
        let text = format!(
            "[tenants.other]\n[server]\nlisten = \"{listen}\"\ntrusted_proxies = [\"127.0.0.1\"]\n{more}"
        );
        let rollcall = Rollcall::new(database, &text);
        Self { rollcall, listen }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.rollcall.run(arguments)
    }

    /// `connection create` or `rotate`, and what it prints once.
    fn given(&self, arguments: &[&str]) -> Given {
        let mut all = vec!["--json", "connection"];
        all.extend(arguments);
        let said = self.run(&all).exits(0).json();
        let text = |name: &str| said[name].as_str().unwrap().to_owned();
        Given {
            base: text("base_url"),
            token: text("token"),
        }
    }

    fn create(&self, name: &str, arguments: &[&str]) -> Given {
        let mut all = vec!["create", "--name", name, "--tenant", "example"];
        all.extend(arguments);
        self.given(&all)
    }

    async fn serve(&self) -> Serving {
        self.serve_with(&[]).await
    }

    async fn serve_with(&self, environment: &[(&str, &str)]) -> Serving {
        let mut command = self.rollcall.command(&["serve"]);
        command.envs(environment.iter().copied());
        let log = std::fs::File::create(self.rollcall.folder().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log);
        let mut serving = Serving(command.spawn().unwrap());
        until(async || {
            let ended = serving.0.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}");
            let url = format!("http://{}/health/ready", self.listen);
            let ready = reqwest::get(url).await;
            ready.is_ok_and(|response| response.status().is_success())
        })
        .await;
        serving
    }

    /// Another server on the same store.
    async fn replica(&self, listen: &str) -> Serving {
        let mut command = self.rollcall.command(&["serve", "--no-schedule"]);
        command.env("ROLLCALL_SERVER__LISTEN", listen);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut serving = Serving(command.spawn().unwrap());
        until(async || {
            let ended = serving.0.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}");
            let ready = reqwest::get(format!("http://{listen}/health/ready")).await;
            ready.is_ok_and(|response| response.status().is_success())
        })
        .await;
        serving
    }

    /// The log of a connection once it has so many lines.
    async fn log(&self, name: &str, count: usize) -> Vec<Json> {
        let mut log = Vec::new();
        until(async || {
            let read = self
                .run(&["--json", "connection", "log", name])
                .exits(0)
                .json();
            log.clone_from(read.as_array().unwrap());
            log.len() >= count
        })
        .await;
        log
    }

    async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.listen)).await;
        answer.unwrap().text().await.unwrap()
    }

    fn journal(&self) -> String {
        let journal = self.run(&["--json", "--tenant", "example", "journal"]);
        journal.exits(0).stdout
    }
}

impl Given {
    async fn send(&self, method: Method, path: &str, body: Option<Json>) -> Response {
        let request = Client::new().request(method, format!("{}{path}", self.base));
        let mut request = request.bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/scim+json")
                .body(body.to_string());
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> u16 {
        self.send(Method::GET, path, None).await.status().as_u16()
    }

    async fn post(&self, path: &str, body: Json) -> Response {
        self.send(Method::POST, path, Some(body)).await
    }

    /// A new person: the id.
    async fn person(&self, name: &str) -> String {
        let body = json!({ "schemas": [USER], "userName": name, "active": true });
        let made = self.post("/Users", body).await;
        assert_eq!(made.status(), 201);
        json_of(made).await["id"].as_str().unwrap().to_owned()
    }

    async fn patch(&self, id: &str, path: &str, value: Json) -> Response {
        let operation = json!({ "op": "replace", "path": path, "value": value });
        let body = json!({ "schemas": [PATCH_OP], "Operations": [operation] });
        let path = format!("/Users/{id}");
        self.send(Method::PATCH, &path, Some(body)).await
    }

    async fn disable(&self, id: &str) -> Response {
        self.patch(id, "active", json!(false)).await
    }

    async fn delete(&self, id: &str) -> Response {
        let path = format!("/Users/{id}");
        self.send(Method::DELETE, &path, None).await
    }
}

async fn json_of(response: Response) -> Json {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A refusal in SCIM's words: its status and detail.
async fn refusal(response: Response) -> (u16, String) {
    assert_eq!(response.headers()["content-type"], "application/scim+json");
    let status = response.status().as_u16();
    let body = json_of(response).await;
    assert_eq!(body["status"], json!(status.to_string()));
    (status, body["detail"].as_str().unwrap().to_owned())
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it does not come to pass");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn a_token_is_exchanged_for_another_while_both_work() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let first = vendor.create("okta", &["--profile", "okta"]);
    assert!(first.base.ends_with("/t/example/scim/v2"), "{}", first.base);
    let _serving = vendor.serve().await;
    assert_eq!(first.get("/Users").await, 200);
    let second = vendor.given(&["rotate", "okta"]);
    let both = (first.get("/Users").await, second.get("/Users").await);
    assert_eq!(both, (200, 200));

    let third = vendor.run(&["connection", "rotate", "okta"]).exits(2);
    assert!(third.stderr.contains("2 live tokens"), "{}", third.stderr);
    let revoke = ["connection", "revoke", "okta", "--token", "1"];
    vendor.run(&revoke).exits(0);
    let one = (first.get("/Users").await, second.get("/Users").await);
    assert_eq!(one, (401, 200));
    vendor.run(&revoke).exits(2);
    let third = vendor.given(&["rotate", "okta", "--old-ends", "1h"]);
    let both = (second.get("/Users").await, third.get("/Users").await);
    assert_eq!(both, (200, 200));

    let shown = vendor.run(&["--json", "connection", "show", "okta"]);
    let shown = shown.exits(0).json();
    assert_eq!(shown["profile"], "okta");
    let tokens = shown["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 2, "{shown}");
    let used = tokens.iter().all(|token| token["last_used"].is_string());
    assert!(used, "{shown}");
    assert!(tokens[0]["expires"].is_string() && tokens[1]["expires"].is_null());
    for command in [
        &["connection", "show", "okta"][..],
        &["connection", "list"][..],
    ] {
        let shown = vendor.run(command).exits(0).stdout;
        assert!(shown.contains("okta") && shown.contains("ready"), "{shown}");
        for given in [&first, &second, &third] {
            assert!(!shown.contains(&given.token));
        }
    }
    vendor.run(&["connection", "revoke", "okta"]).exits(0);
    let none = (second.get("/Users").await, third.get("/Users").await);
    assert_eq!(none, (401, 401));
    let journal = vendor.journal();
    assert!(journal.contains("token 3 of connection okta was made"));
}

#[tokio::test]
async fn a_token_ends_when_it_expires_and_the_log_tells() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let given = vendor.create("entra", &["--profile", "entra", "--expires", "1d"]);
    let serving = vendor.serve().await;
    assert_eq!(given.get("/Users").await, 200);
    vendor.log("entra", 1).await;
    drop(serving);
    let later = [("ROLLCALL_TEST_CLOCK_OFFSET", "2d")];
    let _later = vendor.serve_with(&later).await;
    let refused = given.send(Method::GET, "/Users", None).await;
    let challenge = header(&refused, "www-authenticate");
    let said = "error=\"invalid_token\"";
    assert!(challenge.contains(said), "{challenge}");
    assert_eq!(refusal(refused).await.0, 401);
    let log = vendor.log("entra", 2).await;
    assert_eq!(log.last().unwrap()["status"], 401, "{log:?}");
}

#[tokio::test]
async fn a_token_does_what_its_scope_says_from_where_it_may() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let reads = vendor.create("audit", &["--read-only"]);
    let inside = vendor.create("inside", &["--allow", "203.0.113.0/24"]);
    let _serving = vendor.serve().await;

    assert_eq!(reads.get("/Users").await, 200);
    let body = json!({ "schemas": [USER], "userName": "ada" });
    let refused = reads.post("/Users", body).await;
    let challenge = header(&refused, "www-authenticate");
    let said = "error=\"insufficient_scope\"";
    assert!(challenge.contains(said), "{challenge}");
    assert_eq!(refusal(refused).await.0, 403);

    let refused = inside.send(Method::GET, "/Users", None).await;
    let (status, detail) = refusal(refused).await;
    assert!(status == 403 && detail.contains("address"), "{detail}");
    let from = async |address: &str| {
        let request = Client::new().get(format!("{}/Users", inside.base));
        let request = request.bearer_auth(&inside.token);
        let request = request.header("x-forwarded-for", address);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(from("203.0.113.7").await, 200, "our proxy says so");
    let made_up = from("203.0.113.7, 198.51.100.1").await;
    assert_eq!(made_up, 403, "only whom our proxy saw counts");
    let log = vendor.log("inside", 3).await;
    assert_eq!(log[1]["address"], "203.0.113.7");
}

#[tokio::test]
async fn a_token_opens_no_other_tenant() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let given = vendor.create("okta", &[]);
    let _serving = vendor.serve().await;
    let at = async |path: &str| {
        let url = format!("http://{}{path}", vendor.listen);
        let request = Client::new().get(url).bearer_auth(&given.token);
        refusal(request.send().await.unwrap()).await
    };
    let other = at("/t/other/scim/v2/Users").await;
    assert_eq!(other.0, 404);
    let nobody = at("/t/nobody/scim/v2/Users").await;
    assert_eq!(nobody, other, "nobody learns which tenants there are");
    assert_eq!(at("/scim/v2/Users").await.0, 404);
    let named = vendor.run(&["--tenant", "other", "connection", "show", "okta"]);
    named.exits(2);
}

#[tokio::test]
async fn the_guard_holds_a_wave_back_until_somebody_approves() {
    for database in Database::ALL {
        let vendor = Vendor::new(database, "");
        let small = ["--set", "guard.removals=0%", "--set", "guard.at_least=2"];
        let given = vendor.create("okta", &small);
        let serving = vendor.serve().await;
        let mut people = Vec::new();
        for name in ["ada", "bob", "cyd", "dan", "eve"] {
            people.push(given.person(name).await);
        }
        assert_eq!(given.disable(&people[0]).await.status(), 200);
        assert_eq!(given.disable(&people[1]).await.status(), 200);
        let held = given.disable(&people[2]).await;
        assert!(header(&held, "retry-after").parse::<u64>().unwrap() > 60);
        let (status, detail) = refusal(held).await;
        assert_eq!(status, 429);
        for said in ["2 of 5 active people", "connection approve okta"] {
            assert!(detail.contains(said), "{detail}");
        }
        assert_eq!(refusal(given.delete(&people[3]).await).await.0, 429);
        // Everything else goes on; who has ended already counts no more.
        let title = given.patch(&people[2], "title", json!("Engineer")).await;
        assert_eq!(title.status(), 200);
        assert_eq!(given.get(&format!("/Users/{}", people[3])).await, 200);
        given.person("fay").await;
        assert_eq!(given.delete(&people[0]).await.status(), 204);

        let gauge = "rollcall_connection_guard_held{tenant=\"example\",connection=\"okta\"}";
        let metrics = vendor.metrics().await;
        assert!(metrics.contains(&format!("{gauge} 1")), "{metrics}");
        let refused = "connection=\"okta\",reason=\"guard\"} 2";
        assert!(metrics.contains(refused), "{metrics}");
        let list = vendor.run(&["connection", "list"]).exits(0).stdout;
        assert!(list.contains("the guard holds writes back"), "{list}");
        let notes = vendor.journal();
        assert_eq!(notes.matches("its guard allows 2").count(), 1, "{notes}");

        // A restart forgets nothing.
        drop(serving);
        let _serving = vendor.serve().await;
        assert_eq!(refusal(given.disable(&people[2]).await).await.0, 429);

        let approved = vendor.run(&["--json", "connection", "approve", "okta"]);
        assert!(approved.exits(0).json()["approved_until"].is_string());
        for person in &people[2..] {
            assert_eq!(given.disable(person).await.status(), 200);
        }
        assert!(vendor.journal().contains("an administrator approved it"));
        let metrics = vendor.metrics().await;
        assert!(metrics.contains(&format!("{gauge} 0")), "{metrics}");
        let shown = vendor.run(&["--json", "connection", "show", "okta"]);
        assert_eq!(shown.exits(0).json()["guard"]["held"], false);
    }
}

#[tokio::test]
async fn the_guard_holds_whichever_way_somebody_is_ended() {
    for database in Database::ALL {
        let vendor = Vendor::new(database, "");
        let small = ["--set", "guard.removals=0%", "--set", "guard.at_least=1"];
        let given = vendor.create("okta", &small);
        let _serving = vendor.serve().await;
        let mut people = Vec::new();
        for name in ["ada", "bob", "cyd"] {
            people.push(given.person(name).await);
        }
        assert_eq!(given.disable(&people[0]).await.status(), 200);
        let bob = format!("/Users/{}", people[1]);
        let off = |operation: Json| json!({ "schemas": [PATCH_OP], "Operations": [operation] });
        let whole = json!({ "schemas": [USER], "userName": "bob", "active": false });
        let without_path = off(json!({ "op": "replace", "value": { "active": false } }));
        let as_text = off(json!({ "op": "Replace", "path": "active", "value": "False" }));
        for (method, body) in [
            (Method::PUT, Some(whole.clone())),
            (Method::PATCH, Some(without_path.clone())),
            (Method::PATCH, Some(as_text.clone())),
            (Method::DELETE, None),
        ] {
            let held = given.send(method.clone(), &bob, body).await;
            assert!(!header(&held, "retry-after").is_empty(), "{method}");
            assert_eq!(refusal(held).await.0, 429, "{method}");
        }
        let cyd = format!("/Users/{}", people[2]);
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                { "method": "DELETE", "path": bob },
                { "method": "PUT", "path": bob, "data": whole },
                { "method": "PATCH", "path": cyd, "data": without_path },
                { "method": "PATCH", "path": cyd, "data":
                    off(json!({ "op": "replace", "path": "title", "value": "Dr" })) },
            ],
        });
        let done = json_of(given.post("/Bulk", bulk).await).await;
        let done = done["Operations"].as_array().unwrap();
        let statuses: Vec<&str> = done.iter().map(|o| o["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["429", "429", "429", "200"], "{done:?}");
        for person in [bob, cyd] {
            let shown = json_of(given.send(Method::GET, &person, None).await).await;
            assert_eq!(shown["active"], true, "{shown}");
        }
        // A group is nobody: it may go.
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "staff",
        });
        let group = json_of(given.post("/Groups", group).await).await;
        let group = format!("/Groups/{}", group["id"].as_str().unwrap());
        assert_eq!(given.send(Method::DELETE, &group, None).await.status(), 204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_end_somebody_at_once_do_not_slip_past_the_guard() {
    for database in Database::ALL {
        let vendor = Vendor::new(database, "");
        let small = ["--set", "guard.removals=0%", "--set", "guard.at_least=5"];
        let given = vendor.create("okta", &small);
        let _serving = vendor.serve().await;
        // On PostgreSQL a second replica serves the same.
        let mut bases = vec![given.base.clone()];
        let mut replica = None;
        if database == Database::Postgres {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let listen = free.local_addr().unwrap().to_string();
            drop(free);
            replica = Some(vendor.replica(&listen).await);
            bases.push(given.base.replace(&vendor.listen, &listen));
        }
        let mut people = Vec::new();
        for number in 0..40 {
            people.push(given.person(&format!("person{number}")).await);
        }
        let client = Client::new();
        let endings = people.iter().enumerate().map(|(number, person)| {
            let url = format!("{}/Users/{person}", bases[number % bases.len()]);
            let request = client.delete(url).bearer_auth(&given.token);
            async move { request.send().await.unwrap().status().as_u16() }
        });
        let statuses = futures::future::join_all(endings).await;
        let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((of(204), of(429)), (5, 35), "{statuses:?}");
        let left = json_of(given.send(Method::GET, "/Users?count=0", None).await).await;
        assert_eq!(left["totalResults"], 35);
        let journal = vendor.journal();
        let alarms = journal.matches("its guard allows 5").count();
        assert_eq!(alarms, 1, "one alarm for all: {journal}");
        drop(replica);
    }
}

#[tokio::test]
async fn one_tenant_at_its_limit_does_not_slow_another() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let slow = [
        "--set",
        "limits.requests_per_second=1",
        "--set",
        "limits.burst=3",
    ];
    let loud = vendor.create("loud", &slow);
    let quiet = vendor.given(&["create", "--name", "quiet", "--tenant", "other"]);
    let _serving = vendor.serve().await;
    let mut refused = None;
    for _ in 0..20 {
        let answer = loud.send(Method::GET, "/Users", None).await;
        if answer.status() != 200 {
            refused = Some(answer);
        }
        assert_eq!(quiet.get("/Users").await, 200);
    }
    let refused = refused.unwrap();
    assert_eq!(header(&refused, "retry-after"), "1");
    let (status, detail) = refusal(refused).await;
    assert!(status == 429 && detail.contains("1 a second"), "{detail}");
    let metrics = vendor.metrics().await;
    for told in [
        "connection=\"loud\",reason=\"rate\"}",
        "connection=\"quiet\",class=\"2xx\"} 20",
    ] {
        assert!(metrics.contains(told), "{metrics}");
    }
}

#[tokio::test]
async fn a_tenants_connections_and_tokens_share_its_limit() {
    let limit = "[tenants.other.limits]\nrequests_per_second = 1\nburst = 4\n";
    let vendor = Vendor::new(Database::Sqlite, limit);
    let of_other = |name: &str| vendor.given(&["create", "--name", name, "--tenant", "other"]);
    let (first, second) = (of_other("first"), of_other("second"));
    let elsewhere = vendor.create("elsewhere", &[]);
    let _serving = vendor.serve().await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.extend([first.get("/Users").await, second.get("/Users").await]);
        assert_eq!(elsewhere.get("/Users").await, 200);
    }
    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert!((4..8).contains(&answered), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn limits_are_judged_before_a_body_is_parsed() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let set = [
        "--set",
        "limits.body_bytes_max=1000",
        "--set",
        "limits.bulk_operations_max=2",
        "--set",
        "limits.filter_depth_max=2",
    ];
    let given = vendor.create("okta", &set);
    let _serving = vendor.serve().await;
    let large = json!({ "schemas": [USER], "userName": "x".repeat(1_000) });
    let (status, detail) = refusal(given.post("/Users", large).await).await;
    let said = "at most 1000 bytes";
    assert!(status == 413 && detail.contains(said), "{detail}");
    // Without a length it is read as far as it may be.
    let part = || Ok::<_, std::io::Error>("x".repeat(800));
    let parts = futures::stream::repeat_with(part).take(2);
    let request = Client::new().post(format!("{}/Users", given.base));
    let request = request.bearer_auth(&given.token);
    let request = request.body(reqwest::Body::wrap_stream(parts));
    assert_eq!(refusal(request.send().await.unwrap()).await.0, 413);

    let operation = json!({ "method": "DELETE", "path": "/Users/1" });
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [operation, operation, operation],
    });
    let (status, detail) = refusal(given.post("/Bulk", bulk).await).await;
    assert!(status == 413 && detail.contains("at most 2"), "{detail}");
    let deep = "/Users?filter=(((userName%20eq%20%22a%22)))";
    let (status, detail) = refusal(given.send(Method::GET, deep, None).await).await;
    let said = "deeper than 2 levels";
    assert!(status == 400 && detail.contains(said), "{detail}");
    let path = "/ServiceProviderConfig";
    let config = json_of(given.send(Method::GET, path, None).await).await;
    assert_eq!(config["bulk"]["maxOperations"], 2);
    assert_eq!(config["bulk"]["maxPayloadSize"], 1000);
    assert_eq!(vendor.log("okta", 4).await.len(), 4);
}

/// What a client sends with a password in every place where one can stand.
async fn send_the_canary(given: &Given) -> Json {
    let ada = json!({
        "schemas": [USER], "userName": "ada", "password": CANARY,
        "emails": [{ "value": "no address" }], "shoeSize": 39,
    });
    let made = json_of(given.post("/Users", ada).await).await;
    let id = made["id"].as_str().unwrap();
    let changed = given.patch(id, "password", json!(CANARY)).await;
    assert_eq!(changed.status(), 200);
    let filter = format!("/Users?filter=password%20eq%20%22{CANARY}%22");
    given.get(&filter).await;
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": format!("password eq \"{CANARY}\""),
    });
    given.post("/Users/.search", search).await;
    let broken = Client::new().post(format!("{}/Users", given.base));
    let broken = broken.bearer_auth(&given.token);
    let broken = broken.header("content-type", "application/json");
    let broken = broken.body(format!("{{\"password\": \"{CANARY}"));
    assert_eq!(broken.send().await.unwrap().status(), 400);
    made
}

#[tokio::test]
async fn the_inspector_shows_everything_but_secrets() {
    for database in Database::ALL {
        let vendor = Vendor::new(database, "");
        let given = vendor.create("okta", &["--set", "log_size=6"]);
        let everything = [("RUST_LOG", "trace")];
        let serving = vendor.serve_with(&everything).await;
        for number in 0..4 {
            given.get(&format!("/Users?startIndex={number}")).await;
        }
        let made = send_the_canary(&given).await;
        let mut log = Vec::new();
        until(async || {
            log = vendor.log("okta", 6).await;
            let last = log.last().unwrap()["request"].as_str();
            last.is_some_and(|request| request.contains("no JSON"))
        })
        .await;

        assert_eq!(log.len(), 6, "the ring has a size: {log:?}");
        let post = &log[1];
        assert_eq!(post["method"], "POST");
        assert_eq!(post["status"], 201);
        assert_eq!(post["target"], "/t/example/scim/v2/Users");
        assert_eq!(post["request"]["userName"], "ada");
        assert_eq!(post["request"]["password"], "***");
        assert_eq!(post["answer"]["id"], made["id"]);
        assert_eq!(post["headers"]["content-type"], "application/scim+json");
        assert!(post["headers"]["x-request-id"].is_string(), "{post}");
        assert_eq!(post["answer_headers"]["location"], made["meta"]["location"]);
        assert!(post["took_ms"].is_u64(), "{post}");
        let warnings = post["warnings"].to_string();
        for odd in ["shoeSize", "emails"] {
            assert!(warnings.contains(odd), "{warnings}");
        }
        assert_eq!(log[2]["request"]["Operations"][0]["value"], "***");
        assert!(log[3]["target"].as_str().unwrap().ends_with("filter=***"));
        assert_eq!(log[4]["request"]["filter"], "***");
        assert!(!json!(log).to_string().contains(CANARY));

        let shown = vendor.run(&["connection", "log", "okta", "--bodies"]);
        let shown = shown.exits(0).stdout;
        assert!(
            shown.contains("shoeSize") && shown.contains("201"),
            "{shown}"
        );
        assert!(!shown.contains(CANARY), "{shown}");
        drop(serving);
        let stored = match database {
            Database::Postgres => Postgres::shared().dump(vendor.rollcall.store_url()),
            Database::Sqlite => ["rollcall.db", "rollcall.db-wal"]
                .map(|file| vendor.rollcall.folder().join(file))
                .map(|file| std::fs::read(file).unwrap_or_default())
                .map(|octets| String::from_utf8_lossy(&octets).into_owned())
                .concat(),
        };
        let log = vendor.rollcall.folder().join("log");
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("answered"), "{log}");
        assert!(!log.contains(CANARY) && !log.contains(&given.token));
        assert!(!vendor.journal().contains(CANARY));
        assert!(stored.contains("shoeSize"));
        assert!(!stored.contains(CANARY) && !stored.contains(&given.token));
    }
}

#[tokio::test]
async fn what_was_answered_last_is_in_the_log_after_a_stop() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let given = vendor.create("okta", &[]);
    let mut serving = vendor.serve().await;
    given.get("/Users?count=1").await;
    given.get("/Users?count=2").await;
    let process = serving.0.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(
        kill.args(["-s", "TERM", &process])
            .status()
            .unwrap()
            .success()
    );
    until(async || serving.0.try_wait().unwrap().is_some()).await;
    let log = vendor.run(&["--json", "connection", "log", "okta"]);
    assert_eq!(log.exits(0).json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_log_can_be_followed() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let given = vendor.create("okta", &[]);
    let _serving = vendor.serve().await;
    given.get("/Users?count=1").await;
    vendor.log("okta", 1).await;
    let follow = ["--json", "connection", "log", "okta", "--follow"];
    let mut following = Serving(vendor.rollcall.command(&follow).spawn().unwrap());
    let mut lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        let line: Json = serde_json::from_str(&line).unwrap();
        line["target"].as_str().unwrap().to_owned()
    };
    assert!(next().ends_with("?count=1"));
    given.get("/Users?count=2").await;
    assert!(next().ends_with("?count=2"));
}

#[tokio::test]
async fn administrators_read_the_log_over_http() {
    let vendor = Vendor::new(Database::Sqlite, "");
    let given = vendor.create("okta", &[]);
    let token = |tenant: &str, scope: &str| {
        let create = ["token", "create", scope, "--scope", scope];
        let mut all = vec!["--json", "--tenant", tenant];
        all.extend(create);
        let said = vendor.run(&all).exits(0).json();
        said["token"].as_str().unwrap().to_owned()
    };
    let admin = token("example", "admin");
    let reads = token("example", "scim:read");
    let theirs = token("other", "admin");
    let _serving = vendor.serve().await;
    given.get("/Users?count=1").await;
    given.get("/Users?count=2").await;
    vendor.log("okta", 2).await;
    let get = async |path: &str, token: &str| {
        let url = format!("http://{}/t/{path}", vendor.listen);
        let request = Client::new().get(url).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), json_of(answer).await)
    };
    let (status, log) = get("example/connections/okta/log?limit=1", &admin).await;
    assert_eq!(status, 200);
    let last = &log["requests"][0];
    let target = last["target"].as_str().unwrap();
    assert!(target.ends_with("count=2"), "{log}");
    let after = last["seq"].as_i64().unwrap() - 1;
    let (_, log) = get(
        &format!("example/connections/okta/log?after={after}"),
        &admin,
    )
    .await;
    assert_eq!(log["requests"].as_array().unwrap().len(), 1);
    assert_eq!(get("example/connections/okta/log", &reads).await.0, 403);
    assert_eq!(get("example/connections/okta/log", &theirs).await.0, 404);
    assert_eq!(
        get("example/connections/okta/log", &given.token).await.0,
        401
    );
    assert_eq!(get("other/connections/okta/log", &admin).await.0, 404);
    assert_eq!(get("example/connections/none/log", &admin).await.0, 404);
    assert_eq!(
        get("example/connections/okta/log?limit=many", &admin)
            .await
            .0,
        400
    );
}

/// A connection in the file.
const SECTION: &str =
    "[sources.okta]\nkind = \"push\"\ntenant = \"example\"\nprofile = \"okta\"\npriority = 7\n";

#[tokio::test]
async fn a_connection_of_the_file_wins_and_its_name_is_taken() {
    let vendor = Vendor::new(Database::Sqlite, SECTION);
    let create = |name: &str, more: &[&str]| {
        let mut all = vec![
            "--tenant",
            "example",
            "connection",
            "create",
            "--name",
            name,
        ];
        all.extend(more);
        vendor.run(&all)
    };
    let settled = create("okta", &["--set", "priority=1"]).exits(2).stderr;
    assert!(settled.contains("[sources.okta]"), "{settled}");
    vendor.create("okta", &[]);
    let again = create("okta", &[]).exits(2).stderr;
    assert!(again.contains("connection rotate okta"), "{again}");
    vendor.create("entra", &[]);
    let elsewhere = |name: &str| {
        let create = ["connection", "create", "--name", name];
        vendor.run(&[&["--tenant", "other"], &create[..]].concat())
    };
    let twice = elsewhere("entra").exits(2).stderr;
    assert!(twice.contains("entra"), "{twice}");
    let of_the_file = elsewhere("okta").exits(2).stderr;
    assert!(of_the_file.contains("[sources.okta]"), "{of_the_file}");
    let wrong = create("x", &["--set", "limits.bust=1"]).exits(2).stderr;
    assert!(wrong.contains("bust"), "{wrong}");
    create("a/b", &[]).exits(2);
    let shown = vendor.run(&["--json", "connection", "show", "okta"]);
    let shown = shown.exits(0).json();
    assert_eq!(shown["priority"], 7);
    assert_eq!(shown["in_file"], true);
    let list = vendor.run(&["--json", "connection", "list"]).exits(0);
    let list = list.json();
    let list = list.as_array().unwrap().iter();
    let names: Vec<&str> = list.map(|c| c["connection"].as_str().unwrap()).collect();
    assert_eq!(names, ["entra", "okta"]);
    let sources = vendor.run(&["--json", "source", "list"]).exits(0).json();
    let of = |name: &str| {
        let all = sources.as_array().unwrap();
        all.iter().find(|source| source["source"] == name).unwrap()["priority"].clone()
    };
    assert_eq!((of("okta"), of("entra")), (json!(7), json!(100)));
    let checked = vendor.run(&["check"]).exits(0).stdout;
    assert!(checked.contains("okta: pushes over SCIM"), "{checked}");
    let read = vendor.run(&["sync", "okta"]).exits(2).stderr;
    assert!(read.contains("connection show okta"), "{read}");
    vendor.run(&["source", "pause", "okta"]).exits(0);
    vendor.run(&["source", "resume", "okta"]).exits(0);
}

#[tokio::test]
async fn a_paused_connection_reads_and_one_that_was_taken_out_does_nothing() {
    let vendor = Vendor::new(Database::Sqlite, SECTION);
    let given = vendor.given(&["create", "--name", "okta", "--tenant", "example"]);
    let serving = vendor.serve().await;
    let id = given.person("ada").await;
    let pause = ["connection", "pause", "okta", "--because", "moving house"];
    vendor.run(&pause).exits(0);
    let paused = given.patch(&id, "title", json!("x")).await;
    assert!(!header(&paused, "retry-after").is_empty());
    let (status, detail) = refusal(paused).await;
    assert!(status == 503 && detail.contains("moving house"), "{detail}");
    assert_eq!(given.get(&format!("/Users/{id}")).await, 200);
    vendor.run(&["connection", "resume", "okta"]).exits(0);
    let resumed = given.patch(&id, "title", json!("x")).await;
    assert_eq!(resumed.status(), 200);
    drop(serving);
    let served = async |section: &str| {
        let listen = &vendor.listen;
        let text = format!(
            "[tenants.example]\n[tenants.other]\n[server]\nlisten = \"{listen}\"\n{section}"
        );
        vendor.rollcall.write("rollcall.toml", &text);
        vendor.serve().await
    };
    let serving = served(&format!("{SECTION}paused = true\n")).await;
    let paused = given.patch(&id, "title", json!("y")).await;
    assert_eq!(paused.status(), 503, "the configuration may say it, too");
    drop(serving);
    let _serving = served("").await;
    assert_eq!(given.get("/Users").await, 401);
}

#[tokio::test]
async fn what_a_connection_pushed_can_be_explained_and_undone() {
    let vendor = Vendor::new(Database::Sqlite, SECTION);
    let given = vendor.given(&["create", "--name", "okta", "--tenant", "example"]);
    let _serving = vendor.serve().await;
    let id = given.person("ada").await;
    let tenant = ["--tenant", "example"];
    let run = |arguments: &[&str]| vendor.run(&[&tenant[..], arguments].concat());
    let explained = run(&["explain", "ada"]).exits(0).stdout;
    assert!(explained.contains("okta"), "{explained}");
    let runs = run(&["--json", "run", "list"]).exits(0).json();
    let number = runs[0]["run"].to_string();
    // Whoever goes by an undo is guarded as in any run.
    let held = run(&["--json", "run", "undo", &number]).exits(3).json();
    run(&["run", "approve", &held["run"].to_string()]).exits(0);
    assert_eq!(given.get(&format!("/Users/{id}")).await, 404);
    let body = json!({ "schemas": [USER], "userName": "bob" });
    let paused = given.post("/Users", body).await;
    assert_eq!(paused.status(), 503);
}
