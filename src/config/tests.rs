use std::collections::BTreeSet;

use rollcall_connectors::http::settings::{Auth, Paging};
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::profile::Profile;

use super::present::{Style, as_json, present};
use super::source::ConnectorSettings;
use super::*;

const SHIPPED_FILE: &str = include_str!("../../config/rollcall.toml");
const REFERENCE: &str = include_str!("../../docs/operate/configuration.md");

/// Every section that there is, so that every key is asked for.
const FULL: &str = r#"
[server.tls]
certificate = "a"
key = "b"
[sources.h]
kind = "http"
mapping = "hr-http"
schedule = { cron = "0 3 * * 1-5" }
token_url = "https://hr/token"
client_id = "me"
client_secret = { insecure = "hunter2" }
client_certificate = { certificate_file = "c", key_file = "k" }
users = { url = "https://hr/u", paging = { page = "page", size = ["n", 5] }, total = { body = "t" } }
[sources.l]
kind = "ldap"
mapping = "openldap"
urls = ["ldaps://a"]
base = "dc=x"
[sources.s]
kind = "scim"
mapping = "scim"
url = "https://s/scim/v2"
bearer_token = { insecure = "hunter2" }
[sources.f]
kind = "file"
mapping = "people-csv"
format = "csv"
users_file = "people.csv"
[sources.p]
kind = "push"
"#;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    )
}

fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    let path = std::path::Path::new("/nowhere/rollcall.toml");
    Config::parse(text, path, &environment(variables))
}

fn parse(text: &str) -> Result<Config, Problems> {
    parse_with(text, &[])
}

fn told(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn ldap(keys: &str) -> String {
    format!(
        "[sources.l]\nkind = \"ldap\"\nmapping = \"openldap\"\nurls = [\"ldaps://a\"]\nbase = \"dc=x\"\n{keys}\n"
    )
}

fn fingerprint(text: &str) -> Fingerprint {
    let config = parse(text).unwrap();
    let source = config.sources.values().next().unwrap();
    source.settings_fingerprint(Fingerprint::of(b"mapping"))
}

#[test]
fn the_file_in_the_repository_loads_without_a_problem() {
    let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/rollcall.toml"));
    let secrets = environment(&[
        ("CONTRACTORS_CLIENT_SECRET", "s"),
        ("AD_BIND_PASSWORD", "s"),
        ("PARTNER_TOKEN", "s"),
    ]);
    let config = Config::load(path, &secrets).unwrap();
    assert_eq!(config.warnings, Problems::default());
    assert_eq!(config.sources.len(), 5);
    assert_eq!(config.connections.len(), 1);
    for source in config.sources.values() {
        source.load_mapping(&Schemas::standard()).unwrap();
    }
}

#[test]
fn every_key_stands_in_the_shipped_file_and_in_the_reference() {
    let path = std::path::Path::new("/nowhere/rollcall.toml");
    let (config, known) = Config::parse_known(FULL, path, &Environment::default());
    config.unwrap();
    let keys: BTreeSet<&str> = known.iter().filter_map(|k| k.rsplit('.').next()).collect();
    assert!(keys.len() > 90, "{keys:?}");
    let shipped: BTreeSet<&str> = SHIPPED_FILE
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .collect();
    let missing = |has: &dyn Fn(&str) -> bool| -> Vec<&str> {
        keys.iter().copied().filter(|key| !has(key)).collect()
    };
    assert_eq!(missing(&|key| shipped.contains(key)), Vec::<&str>::new());
    assert_eq!(
        missing(&|key| REFERENCE.contains(&format!("`{key}`"))),
        Vec::<&str>::new()
    );
}

#[test]
fn an_empty_file_is_a_configuration_with_the_tenant_default() {
    let config = parse("").unwrap();
    assert_eq!(config.tenants.keys().collect::<Vec<_>>(), ["default"]);
    assert_eq!(config.server.public_url, "http://127.0.0.1:8480");
    assert_eq!(config.store.url, "sqlite:rollcall.db");
}

#[test]
fn a_misspelt_key_is_shown_with_its_line_and_the_nearest_name() {
    let text = ldap("bindpassword = { env = \"X\" }");
    insta::assert_snapshot!(present(&parse(&text).unwrap_err(), Style::Plain), @r#"
    error: unknown key `bindpassword` in [sources.l]
     --> /nowhere/rollcall.toml:6:1
      |
    6 | bindpassword = { env = "X" }
      | ^^^^^^^^^^^^
      |
      = help: did you mean `bind_password`?
    "#);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_its_order() {
    let text = ldap("page_size = 0\nconnect_timeout = \"10\"\nactive = \"bindng\"");
    let lines: Vec<usize> = parse(&text)
        .unwrap_err()
        .0
        .iter()
        .map(|f| f.problem.line)
        .collect();
    assert_eq!(lines, [6, 7, 8]);
}

#[test]
fn a_literal_secret_is_refused_and_never_shown() {
    let text = ldap("bind_dn = \"cn=a\"\nbind_password = \"hunter2\"");
    let told = told(&text);
    assert!(
        told.contains("must not stand in the configuration as it is"),
        "{told}"
    );
    assert!(told.contains("{ env = "), "{told}");
    let shown = present(&parse(&text).unwrap_err(), Style::Plain);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn no_line_that_is_shown_holds_a_secret_however_it_was_written() {
    for line in [
        "bindpassword = \"hunter2\"",
        "bind_password = { pasword = \"hunter2\" }",
        "bind_password = { insecure = \"hunter2\", env = \"X\" }",
        "bind_password = hunter2",
        "bind_password = \"hunter2",
        "headers = { X-Key = \"hunter2\" }",
        "secrets = [\"hunter2\"]",
    ] {
        let problems = parse(&ldap(line)).unwrap_err();
        for shown in [
            present(&problems, Style::Plain),
            as_json(&problems).to_string(),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(!format!("{problems:?}").contains("hunter2"), "{line}");
    }
}

#[test]
fn a_password_in_the_url_of_a_server_is_refused_and_not_repeated() {
    for url in [
        "ldap://cn=rollcall:hunter2@dc1",
        "cn=rollcall:hunter2@dc1",
        "ldaps://dc1/????bindname=cn=rollcall,X-BINDPW=hunter2",
    ] {
        let text = ldap("").replace("ldaps://a", url);
        let problems = parse(&text).unwrap_err();
        let told = problems.to_string();
        assert!(
            told.contains("rollcall.toml:4:8: ") && told.contains("bind_password"),
            "{told}"
        );
        for shown in [
            told,
            present(&problems, Style::Plain),
            as_json(&problems).to_string(),
            format!("{problems:?}"),
        ] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let variables = [("ROLLCALL_SOURCES__L__URLS", &*format!("[\"{url}\"]"))];
        let told = parse_with(&ldap(""), &variables).unwrap_err();
        assert!(!present(&told, Style::Plain).contains("hunter2"));
    }
}

#[test]
fn a_header_that_lets_somebody_in_is_a_secret() {
    let users = "users = { url = \"https://h/u\" }";
    for header in [
        "Authorization = \"hunter2\"",
        "proxy-authorization = \"hunter2\"",
        "Cookie = \"sid=hunter2\"",
        "X-Api-Key = \"hunter2\"",
        "X-Access-Token = \"hunter2\"",
        "X-Client-Secret = \"hunter2\"",
        "X-Own = \"Bearer hunter2\"",
    ] {
        for text in [
            http(&format!("{users}\nheaders = {{ {header} }}")),
            scim(&format!("headers = {{ {header} }}")),
        ] {
            let problems = parse(&text).unwrap_err();
            let told = problems.to_string();
            assert!(
                told.contains("must not stand in the configuration as it is"),
                "{told}"
            );
            assert!(!present(&problems, Style::Plain).contains("hunter2"));
        }
    }
    let fine = http(&format!(
        "{users}\nheaders = {{ Authorization = {{ env = \"KEY\" }}, X-Api-Version = \"2\", Accept-Language = \"de\" }}"
    ));
    parse_with(&fine, &[("KEY", "Token hunter2")]).unwrap();
}

#[test]
fn the_databases_password_is_a_secret_too() {
    let text = "[store]\nurl = \"postgres://rollcall:hunter2@db/rollcall\"\n";
    let problems = parse(text).unwrap_err();
    assert!(!present(&problems, Style::Plain).contains("hunter2"));
    let variables = [("DB", "postgres://rollcall:hunter2@db/rollcall")];
    let config = parse_with("[store]\nurl = { env = \"DB\" }\n", &variables).unwrap();
    assert!(config.store.url.contains("hunter2"));
    assert!(!format!("{:?}", config.store).contains("hunter2"));
}

#[test]
fn a_missing_secret_is_a_problem_at_its_line_and_of_its_source_alone() {
    let text = ldap("bind_dn = \"cn=a\"\nbind_password = { env = \"NOT_SET\" }");
    let config = parse(&text).unwrap();
    let told = config.sources["l"].open().unwrap_err().to_string();
    assert!(told.starts_with("/nowhere/rollcall.toml:7:"), "{told}");
    assert!(
        told.contains("variable NOT_SET, which is not set"),
        "{told}"
    );
}

#[test]
fn secret_files_lose_their_line_break_and_open_ones_are_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pass");
    std::fs::write(&file, "hunter2\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = ldap("bind_dn = \"cn=a\"\nbind_password = { credential = \"pass\" }");
    let credentials = folder.path().display().to_string();
    let config = parse_with(&text, &[("CREDENTIALS_DIRECTORY", &credentials)]).unwrap();
    assert!(
        config
            .warnings
            .to_string()
            .contains("everybody on this machine")
    );
    let ConnectorSettings::Ldap(settings) = &config.sources["l"].connector else {
        panic!("no LDAP");
    };
    assert_eq!(settings.bind_password.as_ref().unwrap().reveal(), "hunter2");

    std::fs::write(&file, "\n").unwrap();
    let told = parse_with(&text, &[("CREDENTIALS_DIRECTORY", &credentials)]).unwrap_err();
    assert!(told.to_string().contains("is empty"), "{told}");
}

#[test]
fn debug_output_shows_no_secret() {
    let config = parse(FULL).unwrap();
    assert!(!format!("{:?}", config.sources).contains("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_environment_overrides_single_values() {
    let text = ldap("").replace("sources.l", "sources.my-ldap");
    let variables = [
        ("ROLLCALL_SERVER__LISTEN", "0.0.0.0:1"),
        ("ROLLCALL_SOURCES__MY_LDAP__PRIORITY", "7"),
        ("ROLLCALL_SOURCES__MY_LDAP__BASE", "dc=y"),
    ];
    let config = parse_with(&text, &variables).unwrap();
    assert_eq!(config.warnings, Problems::default());
    assert_eq!(config.server.listen.port(), 1);
    assert_eq!(config.sources["my-ldap"].priorities.default, 7);
}

#[test]
fn overrides_of_nothing_are_warnings_and_wrong_ones_name_their_variable() {
    let variables = [
        ("ROLLCALL_SOURCES__HR__PRIORITY", "7"),
        ("ROLLCALL_SERVER__LISTN", "x"),
    ];
    let config = parse_with(&ldap(""), &variables).unwrap();
    assert_eq!(config.warnings.0.len(), 2, "{}", config.warnings);
    let told = parse_with("", &[("ROLLCALL_SERVER__LISTEN", "x")]).unwrap_err();
    assert!(present(&told, Style::Plain).contains("ROLLCALL_SERVER__LISTEN"));
}

#[test]
fn schedules_have_five_fields_and_a_time_zone_that_exists() {
    let told = told(&ldap(
        "schedule = { cron = \"* * * * * *\", time_zone = \"Europe/Zurch\" }",
    ));
    assert!(told.contains("has 6 fields"), "{told}");
    assert!(told.contains("is no time zone"), "{told}");
}

#[test]
fn tenants_must_be_named_when_there_are_several() {
    let told = told(&format!("[tenants.a]\n[tenants.b]\n{}", ldap("")));
    assert!(told.contains("lacks `tenant`"), "{told}");
}

#[test]
fn one_source_has_one_way_to_log_in() {
    let config = parse(FULL).unwrap();
    let ConnectorSettings::Http(settings) = &config.sources["h"].connector else {
        panic!("no HTTP");
    };
    assert!(matches!(
        settings.service.auth,
        Auth::ClientCredentials { .. }
    ));
    let paging = &settings.users.as_ref().unwrap().paging;
    assert!(matches!(paging, Paging::Page { first: 1, .. }));
    let two = FULL.replace(
        "client_id = \"me\"",
        "client_id = \"me\"\nuser = \"u\"\npassword = { insecure = \"p\" }",
    );
    assert!(told(&two).contains("several ways to log in"));
}

fn push(keys: &str) -> String {
    format!("[sources.p]\nkind = \"push\"\n{keys}\n")
}

#[test]
fn a_connection_has_settings_with_defaults() {
    let config = parse(&push("")).unwrap();
    assert!(config.sources.is_empty());
    let connection = &config.connections["p"];
    assert_eq!(*connection.settings, PushSettings::default());
    let text = "profile = \"entra\"\nmembers = \"refuse\"\nlog_size = 7\n\
        leavers = { delete_after = \"never\" }\nguard = { removals = \"10%\", window = \"2h\" }\n\
        limits = { burst = 9 }";
    let config = parse(&push(text)).unwrap();
    let settings = &config.connections["p"].settings;
    let mut expected = PushSettings {
        profile: Profile::Entra,
        unknown_members: policy::UnknownMembers::Refused,
        ..PushSettings::default()
    };
    expected.grace.0 = None;
    expected.log_size.0 = 7;
    expected.guard.removals.percent = 10.0;
    expected.guard.window = std::time::Duration::from_hours(2);
    expected.limits.rate.burst = 9;
    assert_eq!(**settings, expected);
    assert!(settings.patch_without_body(Kind::Group) && !settings.patch_without_body(Kind::User));
    let config = parse(&push("profile = \"entra\"\npatch_answer = \"resource\"")).unwrap();
    assert!(
        !config.connections["p"]
            .settings
            .patch_without_body(Kind::Group)
    );
}

#[test]
fn what_has_no_meaning_for_a_connection_is_told() {
    for (keys, words) in [
        ("mapping = \"openldap\"", "unknown key `mapping`"),
        ("leavers = { action = \"keep\" }", "unknown key `action`"),
        ("profile = \"azure\"", "`profile` must be one of"),
        (
            "limits = { filter_depth_max = 65 }",
            "a whole number from 1 to 64",
        ),
    ] {
        let told = told(&push(keys));
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn the_help_shows_what_people_would_write() {
    for (keys, words) in [
        ("guard = { removals = 5 }", "write removals = \"5%\""),
        ("page_timeout = 90", "write page_timeout = \"90s\""),
        ("priority = \"abc\"", "write priority = 100"),
    ] {
        let told = told(&ldap(keys));
        assert!(told.contains(words), "{told}");
    }
    let told = told("[sources.x]\nkind = \"oracle\"\nmapping = \"openldap\"\n");
    assert!(told.contains("\"push\""), "{told}");
}

#[test]
fn tls_settings_that_work_against_each_other_are_told() {
    let warned = |urls: &str, more: &str| {
        let text = format!(
            "[sources.l]\nkind = \"ldap\"\nmapping = \"openldap\"\nurls = [\"{urls}\"]\nbase = \"dc=x\"\n{more}\n"
        );
        parse(&text).unwrap().warnings.to_string()
    };
    let told = warned("ldaps://a.example.org", "start_tls = true");
    assert!(told.contains("`start_tls` changes nothing"), "{told}");
    let told = warned("ldap://a.example.org:636", "start_tls = true");
    assert!(told.contains("use ldaps://"), "{told}");
    assert_eq!(warned("ldap://a.example.org:389", "start_tls = true"), "");
}

#[test]
fn guards_keep_the_defaults_of_what_is_not_set() {
    let config = parse(&ldap("guard = { removals = \"2.5%\", at_most = 9 }")).unwrap();
    let mut expected = policy::Guards::default();
    expected.removals.percent = 2.5;
    expected.removals.at_most = 9;
    assert_eq!(config.sources["l"].guards, expected);
}

#[test]
fn the_fingerprint_changes_with_who_is_read_and_not_with_how() {
    let before = fingerprint(&ldap(""));
    assert_eq!(
        before,
        fingerprint(&ldap("page_timeout = \"5m\"\npriority = 3"))
    );
    assert_ne!(before, fingerprint(&ldap("user_filter = \"(a=b)\"")));
    assert_ne!(before, fingerprint(&ldap("group_base = \"dc=y\"")));
}

#[test]
fn mistakes_can_be_read_by_a_machine() {
    let problems = parse("[server]\nlisten = 5\n").unwrap_err();
    let json = as_json(&problems);
    assert_eq!(json[0]["line"], 2);
    assert_eq!(json[0]["level"], "error");
}

#[test]
fn colours_only_where_they_are_asked_for() {
    let problems = parse("[server]\nlisten = 5\n").unwrap_err();
    assert!(!present(&problems, Style::Plain).contains('\u{1b}'));
    assert!(present(&problems, Style::Colours).contains('\u{1b}'));
}

#[test]
fn syntax_errors_have_a_place_too() {
    assert!(told("[server]\nlisten = \n").starts_with("/nowhere/rollcall.toml:2:"));
}

fn http(keys: &str) -> String {
    format!("[sources.h]\nkind = \"http\"\nmapping = \"hr-http\"\n{keys}\n")
}

#[test]
fn an_address_that_will_be_refused_is_told_at_its_place() {
    for (text, place, words) in [
        (
            ldap("").replace("ldaps://a", "ldap://a"),
            "4:8",
            "clear text",
        ),
        (ldap("").replace("ldaps://a", "a"), "4:8", "is no URL"),
        (
            http("users = { url = \"https://10.0.0.1/u\" }"),
            "4:17",
            "private network",
        ),
        (
            http("users = { url = \"https://[fd00::1]/u\" }"),
            "4:17",
            "private network",
        ),
        (
            http("users = { url = \"https://localhost/u\" }"),
            "4:17",
            "private network",
        ),
        (
            scim("").replace("//s/", "//[::1]/"),
            "4:7",
            "private network",
        ),
        (
            http("users = { url = \"http://hr.example.org/u\" }"),
            "4:17",
            "clear text",
        ),
        (
            http(
                "users = { url = \"https://h/u\" }\ntoken_url = \"http://h/t\"\nclient_id = \"i\"\nclient_secret = { insecure = \"s\" }",
            ),
            "5:13",
            "clear text",
        ),
    ] {
        let told = told(&text);
        assert!(
            told.contains(&format!("rollcall.toml:{place}: ")) && told.contains(words),
            "{told}"
        );
    }
    for fine in [
        ldap("").replace("ldaps://a", "ldap://localhost"),
        ldap("start_tls = true").replace("ldaps://a", "ldap://a"),
        ldap("allow_plain = true").replace("ldaps://a", "ldap://a"),
        http("users = { url = \"http://127.0.0.1:8080/u\" }\nallow_private = true"),
    ] {
        parse(&fine).unwrap();
    }
}

#[test]
fn a_filter_where_nothing_filters_is_told_at_its_place() {
    let told = told(&http(
        "users = { url = \"https://h/u\" }\nuser_filter = \"(a=b)\"",
    ));
    assert!(
        told.contains("rollcall.toml:5:15: `user_filter` has no meaning here"),
        "{told}"
    );
}

fn scim(keys: &str) -> String {
    format!("[sources.s]\nkind = \"scim\"\nmapping = \"scim\"\nurl = \"https://s/v2\"\n{keys}\n")
}

#[test]
fn a_scim_source_filters_in_its_own_language() {
    parse(&scim("user_filter = 'userType eq \"Employee\"'")).unwrap();
    let told = told(&scim("user_filter = \"(userType=Employee)\""));
    assert!(told.contains("rollcall.toml:5:15: `user_filter`"), "{told}");
}

#[test]
fn a_scim_source_elsewhere_reads_somebody_else() {
    let here = fingerprint(&scim(""));
    assert_eq!(
        here,
        fingerprint(&scim("page_size = 5").replace("s/v2", "s/v2/"))
    );
    assert_ne!(here, fingerprint(&scim("").replace("s/v2", "s/v3")));
    assert_ne!(here, fingerprint(&scim("user_filter = 'title pr'")));
}

fn mapping_told(text: &str) -> String {
    let config = parse(text).unwrap();
    let source = config.sources.values().next().unwrap();
    let problems = source.load_mapping(&Schemas::standard()).unwrap_err();
    problems.to_string()
}

#[test]
fn a_mapping_for_another_kind_of_source_is_told_where_it_is_named() {
    let text = http("users = { url = \"https://h/u\" }").replace("hr-http", "openldap");
    let told = mapping_told(&text);
    assert!(told.contains("rollcall.toml:3:11: "), "{told}");
    assert!(told.contains("is for sources of kind \"ldap\""), "{told}");
}

#[test]
fn a_file_takes_a_mapping_for_directory_servers_but_no_filter() {
    let text = "[sources.f]\nkind = \"file\"\nmapping = \"openldap\"\nformat = \"ldif\"\nusers_file = \"a.ldif\"\n";
    let told = mapping_told(text);
    assert!(told.contains("openldap.toml:11:10: "), "{told}");
    assert!(told.contains("take no filter"), "{told}");
}

#[test]
fn settings_that_cannot_work_are_told_at_their_source() {
    let config = parse(&ldap("").replace("dc=x", "dc")).unwrap();
    let source = config.sources.values().next().unwrap();
    let told = source.open().unwrap_err().to_string();
    assert!(told.contains("rollcall.toml:1:"), "{told}");
    assert!(told.contains("base is no DN"), "{told}");
}

#[test]
fn colours_can_be_declined() {
    for (variables, wanted) in [
        (&[][..], true),
        (&[("NO_COLOR", "1")], false),
        (&[("NO_COLOR", "")], true),
        (&[("TERM", "dumb")], false),
    ] {
        assert_eq!(environment(variables).wants_colours(), wanted);
    }
}

#[test]
fn a_filter_that_is_none_is_told_without_a_server() {
    let told = told(&ldap("user_filter = \"(&(a=b)\""));
    assert!(told.contains("rollcall.toml:6:15: `user_filter`"), "{told}");
    parse(&ldap("user_filter = \"a=b\"")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("own.toml"),
        "kind = \"ldap\"\n[user]\nfilter = \"(|(a=b)\"\nkey = \"entryUUID\"\n[user.attributes]\nuserName = \"uid\"\n",
    )
    .unwrap();
    let text = format!(
        "mappings = \"{}\"\n{}",
        folder.path().display(),
        ldap("").replace("openldap", "own")
    );
    let told = mapping_told(&text);
    assert!(told.contains("own.toml:3:10: "), "{told}");
}

#[test]
fn a_variable_that_is_not_set_is_told_with_its_source_and_what_to_do() {
    let config = parse(&ldap(
        "bind_dn = \"cn=a\"\nbind_password = { env = \"AD_PASSWORD\" }",
    ))
    .unwrap();
    let problems = config.sources["l"].open().unwrap_err();
    let told = problems.to_string();
    for part in [
        "[sources.l]",
        "`bind_password`",
        "AD_PASSWORD, which is not set",
        "export AD_PASSWORD=…",
    ] {
        assert!(told.contains(part), "{told}");
    }
}
