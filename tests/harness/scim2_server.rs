//! A real SCIM 2.0 service: `scim2-server` from `PyPI`, which `tests/run` installs into
//! `target/test-venv`. It is filled over SCIM, as any client would.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

/// Only a process that hangs meets it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The token that it takes.
pub(crate) const TOKEN: &str = "SECRET-scim2-token";

/// The running service; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Scim2Server {
    process: Child,
    /// Removed with the server.
    _folder: tempfile::TempDir,
    /// What stands before `/Users`.
    pub(crate) base: String,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Drop for Scim2Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Scim2Server {
    /// Starts it, empty; with cursors (RFC 9865) if wished.
    pub(crate) fn start(cursors: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let text = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": { "supported": true, "maxResults": 1000 },
            "changePassword": { "supported": false },
            "sort": { "supported": true },
            "etag": { "supported": true },
            "pagination": { "cursor": cursors, "index": true },
            "authenticationSchemes": [],
        });
        std::fs::write(&config, text.to_string()).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let process = Command::new(program())
            .args(["--port", &port.to_string(), "--bearer-token", TOKEN])
            .arg("--service-provider-config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            _folder: folder,
            base: format!("http://127.0.0.1:{port}/v2"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            client: reqwest::Client::new(),
        };
        let deadline = Instant::now() + DEADLINE;
        let about = format!("{}/ServiceProviderConfig", server.base);
        while server.runtime.block_on(reqwest::get(&about)).is_err() {
            assert!(Instant::now() < deadline, "scim2-server does not start");
            std::thread::sleep(LOOK_EVERY);
        }
        server
    }

    /// Makes a person; the id.
    pub(crate) fn create_user(&self, body: &Json) -> String {
        self.create("Users", "User", body)
    }

    /// Makes a group; the id.
    pub(crate) fn create_group(&self, name: &str, members: &[(&str, &str)]) -> String {
        let members: Vec<Json> = members
            .iter()
            .map(|(kind, id)| json!({ "value": id, "type": kind }))
            .collect();
        let body = json!({ "displayName": name, "members": members });
        self.create("Groups", "Group", &body)
    }

    /// Changes a resource, by one operation of PATCH.
    pub(crate) fn patch(&self, place: &str, operation: &Json) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [operation],
        });
        self.request(reqwest::Method::PATCH, place, Some(&body));
    }

    /// Deletes a resource.
    pub(crate) fn delete(&self, place: &str) {
        self.request(reqwest::Method::DELETE, place, None);
    }

    fn create(&self, endpoint: &str, schema: &str, body: &Json) -> String {
        let mut body = body.clone();
        if body.get("schemas").is_none() {
            body["schemas"] = json!([format!("urn:ietf:params:scim:schemas:core:2.0:{schema}")]);
        }
        let made = self.request(reqwest::Method::POST, endpoint, Some(&body));
        made["id"].as_str().unwrap().to_owned()
    }

    fn request(&self, method: reqwest::Method, place: &str, body: Option<&Json>) -> Json {
        let request = self
            .client
            .request(method, format!("{}/{place}", self.base))
            .bearer_auth(TOKEN)
            .header("content-type", "application/scim+json");
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let (status, text) = self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status(), answer.text().await.unwrap())
        });
        assert!(status.is_success(), "{status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/scim2-server");
    assert!(
        program.exists(),
        "scim2-server is not there: run tests/run, or python3 -m venv target/test-venv && \
         target/test-venv/bin/pip install 'scim2-server[cursor]==0.8.3'"
    );
    program
}
