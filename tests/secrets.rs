//! Promise: secrets never reach a log, an error, the journal, a metric, a plan or the store.
//! Every kind of secret is used, in runs that end well and in runs that fail in every
//! place where one is at hand; then everything that was written is searched for them.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;

use crate::harness::hr_service::{CLIENT_SECRET, Fault, HrService};
use crate::harness::postgres::Postgres;
use crate::harness::rollcall::{Database, Rollcall};
use crate::harness::slapd::Slapd;

const WRONG_BIND: &str = "canary-wrong-bind-7f31";
const WRONG_CLIENT: &str = "canary-wrong-client-7f32";
const BEARER: &str = "canary-bearer-7f33";
const HEADER: &str = "canary-header-7f34";
const PASSWORD: &str = "canary-password-7f35";
const STORE: &str = "canary-store-7f36";
const QUERY: &str = "canary-query-7f37";
const DEADLINE: Duration = Duration::from_mins(3);

/// Each secret, and how it looks on the wire.
fn canaries() -> Vec<String> {
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let mut all: Vec<String> = [
        Slapd::SYNC_PASSWORD,
        CLIENT_SECRET,
        "s3cret+%26+more",
        "s3cret%20%26%20more",
        WRONG_BIND,
        WRONG_CLIENT,
        BEARER,
        HEADER,
        PASSWORD,
        STORE,
        QUERY,
        // What the token URL gives.
        "token-1",
        "token-2",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(base64("rollcall:s3cret+%26+more"));
    all.push(base64(&format!("rollcall:{WRONG_CLIENT}")));
    all.push(base64(&format!("ada:{PASSWORD}")));
    all
}

fn configuration(slapd: &Slapd, service: &HrService) -> String {
    let ldap = |name: &str, password: &str| {
        format!(
            "[sources.{name}]\nkind = \"ldap\"\nmapping = \"openldap\"\nurls = [\"{}\"]\nbase = \"{}\"\n\
             bind_dn = \"{}\"\nbind_password = {{ file = \"{password}\" }}\nschedule = {{ cron = \"* * * * *\" }}\n",
            slapd.url(),
            Slapd::SUFFIX,
            Slapd::SYNC_DN,
        )
    };
    let http = |name: &str, login: &str| {
        format!(
            "[sources.{name}]\nkind = \"http\"\nmapping = \"hr-http\"\nallow_private = true\nretry_pause = \"10ms\"\n\
             schedule = {{ cron = \"* * * * *\" }}\n{login}\n\
             users = {{ url = \"{}?key={QUERY}\", items = \"data\", paging = {{ next = \"meta.next\" }} }}\n\
             groups = {{ url = \"{}\", items = \"data\", paging = {{ next = \"meta.next\" }} }}\n",
            service.users_url(),
            service.groups_url(),
        )
    };
    let client = |secret: &str| {
        format!(
            "token_url = \"{}\"\nclient_id = \"rollcall\"\nclient_secret = {{ file = \"{secret}\" }}",
            service.token_url()
        )
    };
    [
        ldap("directory", "bind"),
        ldap("wrong_bind", "wrong-bind"),
        http("hr", &client("client")),
        http("wrong_client", &client("wrong-client")),
        http(
            "bearer",
            "bearer_token = { file = \"bearer\" }\nheaders = { X-Key = { file = \"header\" } }",
        ),
        http(
            "basic",
            "user = \"ada\"\npassword = { file = \"password\" }",
        ),
    ]
    .join("\n")
}

#[track_caller]
fn holds_none(what: &str, octets: &[u8]) {
    for canary in canaries() {
        let found = octets
            .windows(canary.len())
            .position(|window| window == canary.as_bytes());
        if let Some(at) = found {
            let near = &octets[at.saturating_sub(80)..octets.len().min(at + 80)];
            panic!("{what}: {canary} in {}", String::from_utf8_lossy(near));
        }
    }
}

#[test]
fn nothing_that_is_written_holds_a_secret() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    for database in Database::ALL {
        let slapd = Slapd::start(
            "dn: uid=bob,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: Bob\n",
        );
        let service = HrService::start(25);
        let mut rollcall = Rollcall::new(database, &configuration(&slapd, &service));
        if database == Database::Postgres {
            let with_password = rollcall
                .store_url()
                .replace("postgres@", &format!("postgres:{STORE}@"));
            rollcall.set_store(with_password);
        }
        for (file, secret) in [
            ("bind", Slapd::SYNC_PASSWORD),
            ("wrong-bind", WRONG_BIND),
            ("client", CLIENT_SECRET),
            ("wrong-client", WRONG_CLIENT),
            ("bearer", BEARER),
            ("header", HEADER),
            ("password", PASSWORD),
        ] {
            rollcall.write(file, secret);
        }
        // By hand: each well or badly, as a plan too, and what tells about it afterwards.
        let mut commands: Vec<Vec<&str>> = vec![vec!["check", "--connect"]];
        for source in [
            "directory",
            "wrong_bind",
            "hr",
            "wrong_client",
            "bearer",
            "basic",
        ] {
            commands.push(vec!["plan", source]);
            commands.push(vec!["--json", "sync", source]);
        }
        let mut failing: Vec<Vec<&str>> = vec![vec!["sync", "hr"]];
        for source in ["hr", "bearer", "basic"] {
            failing.push(vec!["--json", "sync", source]);
        }
        service.office().wants_token = true;
        search_output(&rollcall, &commands);
        service.office().wants_token = false;
        // A page that says back what it was sent, a connection that breaks, a redirect.
        let echo = format!("<html>Bearer {BEARER} {HEADER} ?key={QUERY} {PASSWORD}</html>");
        for fault in [
            Fault::body("text/html", echo.clone()),
            Fault::body("application/json", echo),
            Fault::CutInBody,
            Fault::status(500),
            Fault::with_header(302, "location", &format!("http://127.0.0.1:1/?key={QUERY}")),
        ] {
            service.trap("/users", 1, usize::MAX, fault);
            search_output(&rollcall, &failing);
            service.forget_traps();
        }
        search_output(
            &rollcall,
            &[
                vec!["--json", "run", "list"],
                vec!["--json", "journal"],
                vec!["--json", "source", "list"],
                vec!["--json", "user", "list"],
                vec!["--json", "explain", "bob"],
                vec!["run", "show", "1"],
                vec!["dump"],
            ],
        );
        search_server(&rollcall);
        match database {
            Database::Postgres => {
                let dump = Postgres::shared().dump(rollcall.store_url());
                assert!(dump.contains("bob"));
                holds_none("the database", dump.as_bytes());
            }
            Database::Sqlite => {
                for file in ["rollcall.db", "rollcall.db-wal"] {
                    let octets = std::fs::read(rollcall.folder().join(file)).unwrap_or_default();
                    holds_none(file, &octets);
                }
            }
        }
    }
}

fn search_output(rollcall: &Rollcall, commands: &[Vec<&str>]) {
    for command in commands {
        let ended = rollcall.run(command);
        let told = format!("{command:?}");
        holds_none(&told, ended.stdout.as_bytes());
        holds_none(&told, ended.stderr.as_bytes());
    }
}

/// All sources once by schedule, with everything in the log.
fn search_server(rollcall: &Rollcall) {
    let second = time::OffsetDateTime::now_utc().unix_timestamp() % 60;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = free.local_addr().unwrap().to_string();
    drop(free);
    let log = rollcall.folder().join("log");
    let mut serving = rollcall
        .command(&["serve"])
        .env(
            "ROLLCALL_TEST_CLOCK_OFFSET",
            format!("{}s", (54 - second).rem_euclid(60)),
        )
        .env("ROLLCALL_SERVER__LISTEN", &listen)
        .env("ROLLCALL_SERVER__LOG__LEVEL", "trace")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + DEADLINE;
    let ended = || {
        let text = std::fs::read_to_string(&log).unwrap();
        let runs = text
            .lines()
            .filter(|line| line.contains("the run has ended") || line.contains("the run failed"));
        runs.count() >= 6
    };
    while !ended() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let metrics = tokio::runtime::Handle::current().block_on(async {
        let answer = reqwest::get(format!("http://{listen}/metrics")).await;
        answer.unwrap().text().await.unwrap()
    });
    drop(Command::new("kill").arg(serving.id().to_string()).status());
    serving.wait().unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(ended() && text.contains("TRACE"), "{text}");
    holds_none("the log", text.as_bytes());
    holds_none("the metrics", metrics.as_bytes());
}

#[test]
fn a_store_that_cannot_be_reached_is_named_without_its_password() {
    let mut rollcall = Rollcall::new(Database::Sqlite, "");
    for address in ["127.0.0.1:1/rollcall", "no-such-host.invalid/rollcall"] {
        rollcall.set_store(format!("postgres://rollcall:{STORE}@{address}"));
        let refused = rollcall.run(&["user", "list"]).exits(1);
        holds_none(address, refused.stderr.as_bytes());
        assert!(!refused.stderr.is_empty());
    }
}
