//! A served installation, and a connection that pushes into it.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, Url};
use serde_json::Value as Json;

use super::rollcall::{Database, Rollcall};

/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running server with the tenant `example` and the connection `idp`; killed at the end.
#[derive(Debug)]
pub(crate) struct Service {
    rollcall: Rollcall,
    ready: String,
    /// The URL of its SCIM service.
    pub(crate) url: String,
    pub(crate) token: String,
    client: Client,
    serving: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.serving.kill());
        drop(self.serving.wait());
    }
}

impl Service {
    /// `profile` is the connection's.
    pub(crate) async fn start(database: Database, profile: &str) -> Self {
        Self::start_with(database, profile, &[]).await
    }

    /// The same, with the schemas of these files registered.
    pub(crate) async fn start_with(database: Database, profile: &str, schemas: &[&str]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listen = free.local_addr().unwrap();
        let server = format!("[server]\nlisten = \"{listen}\"\npublic_url = \"http://{listen}\"\n");
        let rollcall = tokio::task::spawn_blocking(move || Rollcall::new(database, &server)).await;
        let rollcall = rollcall.unwrap();
        for file in schemas {
            rollcall.run(&["schema", "add", file]).exits(0);
        }
        let token = connect(&rollcall, profile);
        drop(free);
        let mut service = Self {
            url: format!("http://{listen}/scim/v2"),
            serving: rollcall.start(&["serve"]),
            client: Client::builder().no_proxy().build().unwrap(),
            ready: format!("http://{listen}/health/ready"),
            rollcall,
            token,
        };
        service.wait().await;
        service
    }

    /// Sends the server a signal that it cannot hear, while others still ask it.
    pub(crate) fn kill_now(&self) {
        let id = self.serving.id().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-9", &id])
            .status();
        assert!(killed.unwrap().success());
    }

    /// Kills the server as it is, without a word.
    pub(crate) fn kill(&mut self) {
        self.serving.kill().unwrap();
        self.serving.wait().unwrap();
    }

    /// Starts the server that was killed again.
    pub(crate) async fn start_again(&mut self) {
        self.serving = self.rollcall.start(&["serve"]);
        self.wait().await;
    }

    /// A request of its own, which may find nobody.
    pub(crate) fn request(&self, method: Method, path: &str, body: &Json) -> RequestBuilder {
        let url = Url::parse(&format!("{}{path}", self.url)).unwrap();
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let media = "application/scim+json";
        request.header("content-type", media).body(body.to_string())
    }

    async fn wait(&mut self) {
        let ready = self.ready.clone();
        let deadline = Instant::now() + DEADLINE;
        loop {
            let ended = self.serving.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}");
            let answer = self.client.get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A request of the connection: status and body. What a URL must not hold is encoded.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<&Json>) -> (u16, Json) {
        let url = Url::parse(&format!("{}{path}", self.url)).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            let media = "application/scim+json; charset=utf-8";
            request = request.header("content-type", media).body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        let body = if text.is_empty() {
            Json::Null
        } else {
            serde_json::from_str(&text).unwrap()
        };
        (status, body)
    }
}

/// Makes the connection `idp`: its token.
fn connect(rollcall: &Rollcall, profile: &str) -> String {
    let arguments = [
        "--json",
        "connection",
        "create",
        "--name",
        "idp",
        "--profile",
        profile,
    ];
    let made = rollcall.run(&arguments).exits(0).json();
    made["token"].as_str().unwrap().to_owned()
}
