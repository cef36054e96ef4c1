//! Promise: secrets never reach a log, an error, the journal, a metric, a plan or the store.
//! Every kind of secret is used, in runs that end well and in runs that fail in every
//! place where one is at hand; then everything that was written is searched for them.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;

use crate::harness::hr_service::{CLIENT_SECRET, Fault, HrService};
use crate::harness::postgres::Postgres;
use crate::harness::rollcall::{Database, Ended, Rollcall, ended};
use crate::harness::slapd::Slapd;

const WRONG_BIND: &str = "canary-wrong-bind-7f31";
const WRONG_CLIENT: &str = "canary-wrong-client-7f32";
const BEARER: &str = "canary-bearer-7f33";
const HEADER: &str = "canary-header-7f34";
const PASSWORD: &str = "canary-password-7f35";
const STORE: &str = "canary-store-7f36";
const QUERY: &str = "canary-query-7f37";
const MASTER: &str = "canary-master-7f38";
const SCIM: &str = "canary-scim-7f39";
const AUTHORIZATION: &str = "canary-authorization-7f3a";
const COOKIE: &str = "canary-cookie-7f3b";
const BODY_CLIENT: &str = "canary-body-client-7f3c";
/// Sources of [`configuration`].
const SOURCES: [&str; 9] = [
    "directory",
    "wrong_bind",
    "hr",
    "wrong_client",
    "bearer",
    "basic",
    "body_client",
    "own_header",
    "partner",
];
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
        MASTER,
        SCIM,
        AUTHORIZATION,
        COOKIE,
        BODY_CLIENT,
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
        "[store]\nmaster_key = { file = \"master\" }\n".to_owned(),
        http(
            "body_client",
            &format!("{}\nclient_auth = \"body\"", client("body-client")),
        ),
        http(
            "own_header",
            "headers = { Authorization = { env = \"AUTHORIZATION\" }, Cookie = { file = \"cookie\" } }",
        ),
        format!(
            "[sources.partner]\nkind = \"scim\"\nmapping = \"scim\"\nurl = \"{}\"\nallow_private = true\n\
             retry_pause = \"10ms\"\nbearer_token = {{ file = \"scim\" }}\nschedule = {{ cron = \"* * * * *\" }}\n",
            service.users_url().replace("/users", "")
        ),
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
            ("master", MASTER),
            ("scim", SCIM),
            ("cookie", COOKIE),
            ("body-client", BODY_CLIENT),
        ] {
            rollcall.write(file, secret);
        }
        // By hand: each well or badly, as a plan too, and what tells about it afterwards.
        let mut commands: Vec<Vec<&str>> = vec![vec!["check", "--connect"]];
        for source in SOURCES {
            commands.push(vec!["plan", source]);
            commands.push(vec!["--json", "sync", source]);
        }
        let mut failing: Vec<Vec<&str>> = vec![vec!["sync", "hr"]];
        for source in ["hr", "bearer", "basic", "body_client", "own_header"] {
            failing.push(vec!["--json", "sync", source]);
        }
        service.office().wants_token = true;
        search_output(&rollcall, &commands);
        service.office().wants_token = false;
        // A page that says back what it was sent, a connection that breaks, a redirect.
        let echo = format!(
            "<html>Bearer {BEARER} {HEADER} ?key={QUERY} {PASSWORD} {AUTHORIZATION} {COOKIE}</html>"
        );
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
        let made = command(&rollcall, &["--json", "token", "create", "reader"]);
        let made = made.exits(0);
        let token = made.json()["token"].as_str().unwrap().to_owned();
        let holds_the_token = |octets: &[u8]| {
            let mut windows = octets.windows(token.len());
            windows.any(|window| window == token.as_bytes())
        };
        assert!(!holds_the_token(made.stderr.as_bytes()));
        match database {
            Database::Postgres => {
                let dump = Postgres::shared().dump(rollcall.store_url());
                assert!(dump.contains("bob"));
                holds_none("the database", dump.as_bytes());
                assert!(!holds_the_token(dump.as_bytes()));
            }
            Database::Sqlite => {
                for file in ["rollcall.db", "rollcall.db-wal"] {
                    let octets = std::fs::read(rollcall.folder().join(file)).unwrap_or_default();
                    holds_none(file, &octets);
                    assert!(!holds_the_token(&octets));
                }
            }
        }
    }
}

/// A command that logs all that there is to log.
fn command(rollcall: &Rollcall, arguments: &[&str]) -> Ended {
    let mut command = rollcall.command(arguments);
    command.env("RUST_LOG", "trace");
    command.env("AUTHORIZATION", format!("Token {AUTHORIZATION}"));
    ended(&mut command)
}

fn search_output(rollcall: &Rollcall, commands: &[Vec<&str>]) {
    for arguments in commands {
        let ended = command(rollcall, arguments);
        let told = format!("{arguments:?}");
        assert_ne!(ended.code, 2, "{told}: {}", ended.stderr);
        let is_a_run = arguments.iter().any(|word| ["sync", "plan"].contains(word));
        let says_all = !is_a_run || ended.stderr.contains("DEBUG");
        assert!(says_all, "{told}: {}", ended.stderr);
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
        .env("AUTHORIZATION", format!("Token {AUTHORIZATION}"))
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
        runs.count() >= SOURCES.len()
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
fn the_log_says_as_much_as_it_is_asked_for_in_every_command() {
    let rollcall = Rollcall::new(
        Database::Sqlite,
        "[sources.hr]\nkind = \"http\"\nmapping = \"hr-http\"\nallow_private = true\n\
         users = { url = \"http://127.0.0.1:1/users\" }\nretry_pause = \"10ms\"\n",
    );
    let logged = |variable: &str, value: &str, arguments: &[&str]| {
        let mut command = rollcall.command(arguments);
        ended(command.env(variable, value))
    };
    for arguments in [
        &["sync", "hr"][..],
        &["plan", "hr"],
        &["check", "--connect"],
        &["map", "--source", "hr", "--entry", "1"],
    ] {
        assert!(!rollcall.run(arguments).stderr.contains("DEBUG"));
        for (variable, level) in [
            ("RUST_LOG", "debug"),
            ("RUST_LOG", "rollcall=debug,rollcall_connectors=debug"),
            ("ROLLCALL_SERVER__LOG__LEVEL", "debug"),
        ] {
            let told = logged(variable, level, arguments).stderr;
            assert!(told.contains("DEBUG"), "{variable} {arguments:?}: {told}");
            assert!(!told.contains("TRACE"), "{variable} {arguments:?}: {told}");
        }
    }
    let wrong = logged("RUST_LOG", "rollcall=loud", &["user", "list"]).exits(2);
    assert!(
        wrong.stderr.contains("the variable RUST_LOG is no filter"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn a_store_that_cannot_be_reached_is_named_without_its_password() {
    let mut rollcall = Rollcall::new(Database::Sqlite, "");
    for address in ["127.0.0.1:1/rollcall", "no-such-host.invalid/rollcall"] {
        rollcall.set_store(format!("postgres://rollcall:{STORE}@{address}"));
        let refused = rollcall.run(&["user", "list"]).exits(1);
        holds_none(address, refused.stderr.as_bytes());
        assert!(
            refused
                .stderr
                .contains("check that it runs and takes connections"),
            "{}",
            refused.stderr
        );
    }
}
