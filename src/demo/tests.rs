//! The demo's two systems, read by the connectors that will read them.

use std::time::Duration;

use rollcall_connectors::file::FileConnector;
use rollcall_connectors::http::HttpConnector;
use rollcall_connectors::{Batch, Connector, KindRequest, ReadRequest, Secret, Verdict};
use rollcall_connectors::{file, http};
use rollcall_directory::contribution::Contribution;
use rollcall_directory::entry::{Entry, Kind, Locator};
use rollcall_directory::schema::{Schemas, Unit};
use rollcall_mapping::{Context, Mapping};
use time::UtcOffset;
use time::macros::{date, datetime};
use tokio::sync::mpsc;

use super::hr_service::HrService;
use super::people::{Company, PEOPLE_IN_DIRECTORY, PEOPLE_IN_HR};
use super::{config, ldif, mapping};
use crate::config::{Config, Environment};

const SECRET: [u8; 32] = [7; 32];

fn company() -> Company {
    Company::new(1, date!(2026 - 07 - 01))
}

fn keyed(key: &str) -> ReadRequest {
    let kind = KindRequest {
        filter: None,
        key: key.to_owned(),
        attributes: None,
    };
    ReadRequest {
        users: Some(kind.clone()),
        groups: Some(kind),
        sample: None,
    }
}

async fn read(connector: &dyn Connector, key: &str) -> Vec<Entry> {
    let request = keyed(key);
    let (send, mut receive) = mpsc::channel::<Batch>(Batch::IN_FLIGHT_MAX);
    let collect = async {
        let mut entries = Vec::new();
        while let Some(batch) = receive.recv().await {
            entries.extend(batch.entries);
        }
        entries
    };
    let (verdict, entries) = tokio::join!(connector.read(&request, send), collect);
    assert_eq!(verdict, Verdict::complete());
    let whole = |entry: &Entry| entry.key.is_ok() && entry.flaws.is_empty();
    assert!(entries.iter().all(whole));
    entries
}

fn count(entries: &[Entry], kind: Kind) -> usize {
    entries.iter().filter(|entry| entry.kind == kind).count()
}

fn find<'e>(entries: &'e [Entry], key: &str) -> &'e Entry {
    let named = |entry: &&Entry| entry.key.as_ref().unwrap().as_str() == key;
    entries.iter().find(named).unwrap()
}

fn text<'e>(entry: &'e Entry, name: &str) -> Option<&'e str> {
    entry.attributes.get(name)?.first()?.as_text()
}

fn hr_connector(hr: &HrService, in_body: bool) -> HttpConnector {
    let endpoint = |url: String| http::settings::Endpoint {
        item_url: Some(format!("{url}/{{key}}")),
        url,
        method: http::settings::Method::Get,
        format: http::settings::Format::Object {
            items: "data".to_owned(),
        },
        paging: http::settings::Paging::Next {
            path: "meta.next".to_owned(),
        },
        total: Some(http::settings::Total::Body("meta.total".to_owned())),
        unwrap_values: false,
    };
    HttpConnector::new(http::settings::Settings {
        users: Some(endpoint(hr.users_url())),
        groups: Some(endpoint(hr.groups_url())),
        auth: http::settings::Auth::ClientCredentials {
            token_url: hr.token_url(),
            client_id: HrService::CLIENT_ID.to_owned(),
            client_secret: Secret::new(hr.client_secret().to_owned()),
            scope: None,
            in_body,
        },
        ca_file: None,
        client_certificate: None,
        headers: Vec::new(),
        conditional: true,
        requests_per_second: None,
        allow_private: true,
        allow_plain: false,
        body_bytes_max: http::settings::Settings::BODY_BYTES_MAX_DEFAULT,
        connect_timeout: http::settings::Settings::CONNECT_TIMEOUT_DEFAULT,
        page_timeout: http::settings::Settings::PAGE_TIMEOUT_DEFAULT,
        run_timeout: http::settings::Settings::RUN_TIMEOUT_DEFAULT,
        retry_after_max: http::settings::Settings::RETRY_AFTER_MAX_DEFAULT,
        waits_max: http::settings::Settings::WAITS_MAX_DEFAULT,
        retry_pause: (Duration::from_millis(1), Duration::from_millis(2)),
    })
    .unwrap()
}

fn export_connector(path: std::path::PathBuf) -> FileConnector {
    FileConnector::new(file::settings::Settings {
        users: Some(path),
        groups: None,
        format: file::settings::Format::Ldif,
        encoding: file::settings::Encoding::Utf8,
        age_max: None,
        user_classes: Vec::new(),
        group_classes: Vec::new(),
    })
    .unwrap()
}

#[tokio::test]
async fn the_hr_service_gives_its_people_and_groups_to_the_http_connector() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    for in_body in [false, true] {
        let entries = read(&hr_connector(&hr, in_body), "id").await;
        assert_eq!(count(&entries, Kind::User), PEOPLE_IN_HR);
        assert_eq!(count(&entries, Kind::Group), 18);
        let person = company.person_to_explain().unwrap();
        let entry = find(&entries, &person.hr_id());
        assert_eq!(text(entry, "login"), Some(person.login.as_str()));
        assert_eq!(text(entry, "name.display"), Some(person.display.as_str()));
        assert_eq!(text(entry, "status"), Some("active"));
    }
}

#[tokio::test]
async fn who_leaves_the_hr_service_is_in_no_list_and_no_group_until_they_return() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    let connector = hr_connector(&hr, false);
    let before = read(&connector, "id").await;
    let leaver = company.person_to_leave().unwrap().hr_id();

    hr.leave([leaver.as_str()]);
    let entries = read(&connector, "id").await;
    assert_eq!(count(&entries, Kind::User), PEOPLE_IN_HR - 1);
    let lists = |entry: &Entry| {
        let members = entry.attributes.get("members").unwrap_or_default();
        members
            .iter()
            .any(|member| member.as_text() == Some(&leaver))
    };
    assert!(before.iter().any(lists) && !entries.iter().any(lists));
    let found = connector.find(&keyed("id"), Kind::User, &leaver).await;
    assert_eq!(found.unwrap(), None);

    hr.return_everybody();
    assert_eq!(read(&connector, "id").await, before);
}

#[tokio::test]
async fn the_hr_service_refuses_whoever_has_no_token_or_not_the_secret() {
    let hr = HrService::start(&company(), SECRET).await.unwrap();
    let client = reqwest::Client::new();
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();
    assert_eq!(status(client.get(hr.users_url())).await, 401);
    let guessed = client.get(hr.groups_url()).bearer_auth("guess");
    assert_eq!(status(guessed).await, 401);
    let form = [("grant_type", "client_credentials")];
    let wrong = client.post(hr.token_url()).form(&form);
    let wrong = wrong.basic_auth(HrService::CLIENT_ID, Some("wrong"));
    assert_eq!(status(wrong).await, 401);
}

#[tokio::test]
async fn the_export_gives_its_people_and_groups_to_the_file_connector() {
    let company = company();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.ldif");
    ldif::write(&company, &path).unwrap();
    let entries = read(&export_connector(path), "entryUUID").await;
    assert_eq!(count(&entries, Kind::User), PEOPLE_IN_DIRECTORY);
    assert_eq!(count(&entries, Kind::Group), 15);

    let person = company.person_to_explain().unwrap();
    let entry = find(&entries, &person.entry_uuid.to_string());
    assert_eq!(text(entry, "employeeNumber"), Some(person.hr_id().as_str()));
    assert_eq!(text(entry, "title"), Some(person.directory_title.as_str()));
    for person in company.in_directory() {
        let entry = find(&entries, &person.entry_uuid.to_string());
        assert_eq!(text(entry, "displayName"), Some(person.display.as_str()));
    }
}

#[tokio::test]
async fn every_member_and_manager_of_the_export_stands_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.ldif");
    ldif::write(&company(), &path).unwrap();
    let entries = read(&export_connector(path), "entryUUID").await;
    let dn = |entry: &Entry| match &entry.locator {
        Locator::Dn(dn) => dn.clone(),
        other => panic!("{other}"),
    };
    let dns: std::collections::HashSet<String> = entries.iter().map(dn).collect();
    let (mut members, mut inside) = (0, 0);
    for entry in &entries {
        for name in ["member", "manager"] {
            for value in entry.attributes.get(name).unwrap_or_default() {
                let value = value.as_text().unwrap();
                assert!(dns.contains(value), "{value}");
                members += usize::from(name == "member");
                inside += usize::from(value.starts_with("cn="));
            }
        }
    }
    assert!(members > 500);
    assert_eq!(inside, 8);
}

#[tokio::test]
async fn the_configuration_names_every_file_and_holds_no_secret() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:8480".parse().unwrap();
    config::write(folder.path(), &company, &hr, listen).unwrap();
    let text = std::fs::read_to_string(folder.path().join(config::CONFIG_FILE)).unwrap();
    assert!(!text.contains(hr.client_secret()));
    let parsed: toml::Table = text.parse().unwrap();
    let sources = parsed["sources"].as_table().unwrap();
    let export = sources["directory"]["users_file"].as_str().unwrap();
    let secret = sources["hr"]["client_secret"]["file"].as_str().unwrap();
    assert_eq!(sources["hr"]["priority"].as_integer(), Some(10));
    assert_eq!(sources["directory"]["priority"].as_integer(), Some(20));
    for file in [export, secret] {
        assert!(std::path::Path::new(file).is_file(), "{file}");
    }
    for source in sources.values() {
        let mapping = format!("mappings/{}.toml", source["mapping"].as_str().unwrap());
        assert!(folder.path().join(mapping).is_file());
    }
}

#[tokio::test]
async fn the_configuration_is_one_that_rollcall_takes_without_a_warning() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listen = "127.0.0.1:8480".parse().unwrap();
    config::write(folder.path(), &company, &hr, listen).unwrap();
    let path = folder.path().join(config::CONFIG_FILE);
    let config = Config::load(&path, &Environment::default()).unwrap();
    let none = crate::config::Problems::default();
    assert_eq!(format!("{:?}", config.warnings), format!("{none:?}"));
    for source in config.sources.values() {
        source.load_mapping(&Schemas::standard()).unwrap();
        source.open().unwrap();
    }
    assert_eq!(config.server.listen, listen);
}

const CONTEXT: Context = Context {
    now: datetime!(2026-07-01 12:00 UTC),
    zone_offset: UtcOffset::UTC,
};

fn mapping(name: &str) -> Mapping {
    let text = mapping::FILES.iter().find(|(file, _)| *file == name);
    Mapping::compile(name, text.unwrap().1, &Schemas::standard()).unwrap()
}

/// What an entry says about one attribute, if that is one text.
fn said(mapping: &Mapping, entry: &Entry, unit: &str) -> Option<String> {
    let mapped = mapping.evaluate(entry, &CONTEXT).unwrap();
    let contribution = Contribution::settle(&mapped, None);
    let value = contribution.says(&Unit::from_canonical(unit))?;
    value.as_str().map(str::to_owned)
}

#[test]
fn both_mappings_compile_and_their_examples_hold() {
    for (name, _) in mapping::FILES {
        assert_eq!(mapping(name).run_examples(&CONTEXT), []);
    }
}

#[tokio::test]
async fn an_entry_of_the_export_meets_its_hr_record_by_external_id_and_user_name() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.ldif");
    ldif::write(&company, &path).unwrap();
    let in_hr = read(&hr_connector(&hr, false), "id").await;
    let in_export = read(&export_connector(path), "entryUUID").await;
    let (hr, export) = (mapping("hr-http"), mapping("directory-export"));
    let mut met = 0;
    for person in company
        .people()
        .iter()
        .filter(|p| p.in_hr && p.in_directory)
    {
        let record = find(&in_hr, &person.hr_id());
        let entry = find(&in_export, &person.entry_uuid.to_string());
        for unit in ["externalId", "userName", "displayName", "name.givenName"] {
            assert_eq!(said(&hr, record, unit), said(&export, entry, unit));
            assert!(said(&hr, record, unit).is_some(), "{unit}");
        }
        met += 1;
    }
    assert_eq!(met, 920);
    let people = |entry: &&Entry| text(entry, "cn") == Some("People");
    let group = in_export.iter().find(people).unwrap();
    assert_eq!(
        said(&export, group, "displayName").as_deref(),
        Some("People")
    );
}

#[tokio::test]
async fn whose_contract_is_over_is_not_active_and_everybody_else_in_hr_is() {
    let company = company();
    let hr = HrService::start(&company, SECRET).await.unwrap();
    let entries = read(&hr_connector(&hr, false), "id").await;
    let mapping = mapping("hr-http");
    for person in company.in_hr() {
        let mapped = mapping.evaluate(find(&entries, &person.hr_id()), &CONTEXT);
        let contribution = Contribution::settle(&mapped.unwrap(), None);
        let active = contribution.says(&Unit::from_canonical("active"));
        assert_eq!(
            active,
            Some(&(!person.terminated).into()),
            "{}",
            person.login
        );
    }
}
