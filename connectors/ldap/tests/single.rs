//! Looking up single entries, and the schema.

use rollcall_directory::entry::EntryKey;

use super::*;
use crate::LookUp;

#[tokio::test]
async fn possible_leavers_are_looked_up_whatever_the_filter_says() {
    let slapd = Slapd::start(&crowd(120));
    let connector = LdapConnector::new(settings(&slapd.url())).unwrap();
    let mut request = people(&["uid"]);
    let (entries, _) = read(&connector, &request).await;
    request.users.as_mut().unwrap().filter = Some("(uid=nobody)".to_owned());
    let mut keys: Vec<EntryKey> = entries
        .iter()
        .map(|entry| entry.key.clone().unwrap())
        .collect();
    let there = keys.clone();
    keys.push(EntryKey::new("00000000-0000-0000-0000-000000000000").unwrap());
    let found = connector
        .look_up(&request, Kind::User, &keys)
        .await
        .unwrap();
    assert_eq!(found, LookUp::StillThere(there));
}

#[tokio::test]
async fn a_key_that_the_server_cannot_find_by_proves_nothing() {
    let slapd = Slapd::start(&person("ada", "jpegPhoto: x\n"));
    let connector = LdapConnector::new(settings(&slapd.url())).unwrap();
    for key in ["jpegPhoto", "noSuchAttribute"] {
        let mut request = people(&["uid"]);
        request.users.as_mut().unwrap().key = key.to_owned();
        let keys = [EntryKey::new("78").unwrap()];
        let found = connector
            .look_up(&request, Kind::User, &keys)
            .await
            .unwrap();
        assert_eq!(found, LookUp::NotPossible, "{key}");
    }
}

#[tokio::test]
async fn one_entry_is_found_by_dn_and_by_key() {
    let slapd = Slapd::start(&person("ada", ""));
    let connector = LdapConnector::new(settings(&slapd.url())).unwrap();
    let request = people(&["uid"]);
    let by_dn = connector
        .find(
            &request,
            Kind::User,
            "UID=Ada , ou=people,dc=example,dc=org",
        )
        .await
        .unwrap()
        .unwrap();
    let key = by_dn.key.clone().unwrap();
    let by_key = connector
        .find(&request, Kind::User, key.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(by_dn, by_key);
    for nobody in [
        "uid=bob,ou=people,dc=example,dc=org",
        "00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(
            connector.find(&request, Kind::User, nobody).await.unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn the_schema_lists_names_and_aliases() {
    let slapd = Slapd::start("");
    let schema = LdapConnector::new(settings(&slapd.url()))
        .unwrap()
        .schema()
        .await
        .unwrap()
        .unwrap();
    for name in ["givenName", "gn", "entryUUID", "jpegPhoto"] {
        assert!(
            schema.attributes.iter().any(|known| known == name),
            "{name}"
        );
    }
}
