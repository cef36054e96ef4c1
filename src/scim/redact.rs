//! What of a request may be kept: everything but passwords, tokens and other secrets. They
//! are known by the names of their attributes: those that a schema says are never returned,
//! and those that sound like a secret. A name is looked for wherever it can stand: as a
//! member, in a path of a PATCH, in a filter; and what was found once is taken out everywhere.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_directory::schema::{AttributeDefinition, Registry, Returned};
use rollcall_store::Registered;
use rollcall_store::ids::TenantId;
use serde_json::{Map, Value as Json};

/// Parts of attribute names whose values are secrets.
const SECRET_NAMES: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "authorization",
    "privatekey",
    "apikey",
];
/// Members whose text names attributes.
const NAMING: [&str; 6] = [
    "path",
    "filter",
    "sortby",
    "attributes",
    "excludedattributes",
    "detail",
];
/// What stands for a secret.
const COVERED: &str = "***";
/// Shorter values are not looked for elsewhere: they would be found in innocent words.
const SOUGHT_BYTES_MIN: usize = 4;

/// The secret names of each tenant, made anew only when its schemas have changed.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretsByTenant(Arc<Mutex<HashMap<TenantId, (i64, SecretNames)>>>);

impl SecretsByTenant {
    pub(super) fn of(&self, tenant: TenantId, registered: &Registered) -> SecretNames {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&tenant) {
            Some((version, names)) if *version == registered.version => names.clone(),
            _ => {
                let names = SecretNames::of(&registered.registry);
                known.insert(tenant, (registered.version, names.clone()));
                names
            }
        }
    }
}

/// Which attributes hold secrets. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct SecretNames {
    /// Those of the schemas, in lower case.
    never_returned: Arc<BTreeSet<String>>,
}

impl SecretNames {
    /// Those of all schemas.
    pub(super) fn of(registry: &Registry) -> Self {
        let mut never_returned = BTreeSet::new();
        for schema in registry.schemas() {
            collect(&schema.attributes, &mut never_returned);
        }
        Self {
            never_returned: Arc::new(never_returned),
        }
    }

    /// Whether a name, a path or a filter names a secret.
    fn are_in(&self, text: &str) -> bool {
        sounds_secret(text)
            || text
                .split(|c: char| !c.is_alphanumeric() && !"_-$".contains(c))
                .any(|word| self.never_returned.contains(&word.to_lowercase()))
    }

    /// Whether a text that names a secret also holds one: a filter does, a path of two words
    /// does not.
    fn and_a_value_are_in(&self, text: &str) -> bool {
        text.contains('"') && self.are_in(text)
    }

    /// A path with its query. Parameters that speak of secrets are covered.
    pub(super) fn target(&self, path: &str, query: Option<&str>) -> String {
        let Some(query) = query else {
            return path.to_owned();
        };
        let parts = query.split('&').map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if self.are_in(&decoded(name)) || self.are_in(&decoded(value)) {
                format!("{name}={COVERED}")
            } else {
                part.to_owned()
            }
        });
        format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
    }
}

fn collect(attributes: &[AttributeDefinition], into: &mut BTreeSet<String>) {
    for attribute in attributes {
        if attribute.returned == Returned::Never {
            into.insert(attribute.name.to_lowercase());
        }
        collect(&attribute.sub_attributes, into);
    }
}

/// Takes secrets out of the parts of one exchange.
#[derive(Debug)]
pub(super) struct Redactor {
    names: SecretNames,
    /// Those that were found.
    found: Vec<String>,
}

impl Redactor {
    pub(super) fn new(names: SecretNames) -> Self {
        let found = Vec::new();
        Self { names, found }
    }

    /// Takes out of a text what was found to be a secret in bodies before.
    pub(super) fn text(&self, text: &str) -> String {
        let long_enough = self.found.iter().filter(|s| s.len() >= SOUGHT_BYTES_MIN);
        long_enough.fold(text.to_owned(), |text, secret| {
            text.replace(secret, COVERED)
        })
    }

    /// Takes secrets out of a body.
    pub(super) fn body(&mut self, body: &mut Json) {
        match body {
            Json::Object(object) => self.object(object),
            Json::Array(list) => list.iter_mut().for_each(|item| self.body(item)),
            Json::String(text) if self.found.contains(text) => COVERED.clone_into(text),
            _ => {}
        }
    }

    fn object(&mut self, object: &mut Map<String, Json>) {
        let names_secret = object.iter().any(|(name, value)| {
            let names_secret = |path: &str| self.names.are_in(path);
            name.eq_ignore_ascii_case("path") && value.as_str().is_some_and(names_secret)
        });
        for (name, value) in object {
            let is_value = name.eq_ignore_ascii_case("value");
            if self.names.are_in(name) || (names_secret && is_value) {
                self.cover(value);
                continue;
            }
            let lower = name.to_lowercase();
            match value {
                Json::String(text)
                    if NAMING.contains(&lower.as_str()) && self.names.and_a_value_are_in(text) =>
                {
                    COVERED.clone_into(text);
                }
                other => self.body(other),
            }
        }
    }

    /// Covers a value, whatever it is made of, and remembers its texts.
    fn cover(&mut self, value: &mut Json) {
        match value {
            Json::Null => {}
            Json::Object(object) => object.values_mut().for_each(|value| self.cover(value)),
            Json::Array(list) => list.iter_mut().for_each(|value| self.cover(value)),
            Json::String(text) if text.is_empty() => {}
            other => {
                if let Json::String(text) = other {
                    self.found.push(std::mem::take(text));
                }
                *other = COVERED.into();
            }
        }
    }
}

fn sounds_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Percent signs undone; what cannot be is left as it is.
fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let hex = |c: Option<u8>| char::from(c?).to_digit(16);
        let mut ahead = rest.clone();
        match (octet, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                octets.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = ahead;
            }
            (b'+', ..) => octets.push(b' '),
            _ => octets.push(octet),
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(body: &Json) -> Json {
        let mut body = body.clone();
        Redactor::new(SecretNames::default()).body(&mut body);
        body
    }

    #[test]
    fn a_password_is_taken_out_wherever_it_stands() {
        for body in [
            json!({ "userName": "ada", "password": "canary" }),
            json!({ "userName": "ada", "PassWord": ["canary"] }),
            json!({ "Operations": [{ "op": "replace", "path": "password", "value": "canary" }] }),
            json!({ "Operations": [{ "value": "canary", "Path": "urn:x:User:password" }] }),
            json!({ "Operations": [{ "op": "add", "value": { "password": "canary" } }] }),
            json!({ "Operations": [{ "value": { "urn:x:User:password": "canary" } }] }),
            json!({ "Operations": [{ "data": { "urn:x": { "api_key": { "a": "canary" } } } }] }),
            json!({ "filter": "password eq \"canary\"" }),
            json!({ "detail": "password eq \"canary\" is no filter" }),
        ] {
            let told = redacted(&body).to_string();
            assert!(
                !told.contains("canary") && told.contains(COVERED),
                "{body}: {told}"
            );
        }
    }

    #[test]
    fn what_a_schema_never_returns_is_taken_out() {
        let mut registry = Registry::standard();
        let schema = json!({
            "id": "urn:example:Door", "name": "Door",
            "attributes": [{
                "name": "lock", "type": "complex",
                "subAttributes": [{ "name": "combination", "type": "string", "returned": "never" }],
            }],
        });
        registry.add_schema(&schema).unwrap();
        let names = SecretNames::of(&registry);
        let told = |mut body: Json| {
            Redactor::new(names.clone()).body(&mut body);
            body.to_string()
        };
        let path = json!({ "path": "urn:example:Door:lock.Combination", "value": "canary" });
        let filter = json!({ "filter": "lock[combination eq \"canary\"]" });
        let member = json!({ "lock": { "COMBINATION": "canary", "kind": "open" } });
        for body in [path, filter, member.clone()] {
            assert!(!told(body.clone()).contains("canary"), "{body}");
        }
        assert!(told(member).contains("open"));
        let target = names.target("/Doors", Some("filter=lock.combination+eq+%22canary%22"));
        assert_eq!(target, "/Doors?filter=***");
        assert_eq!(
            told(json!({ "combinations": "many" })),
            "{\"combinations\":\"many\"}"
        );
    }

    #[test]
    fn what_is_no_secret_stays() {
        for body in [
            json!({ "userName": "ada", "emails": [{ "value": "ada@example.org" }] }),
            json!({ "Operations": [{ "op": "replace", "path": "title", "value": "x" }] }),
            json!({ "detail": "`password` must be a text" }),
            json!({ "password": null }),
            json!([1, true, null, "text"]),
        ] {
            assert_eq!(redacted(&body), body);
        }
    }

    #[test]
    fn what_was_found_once_is_found_again() {
        let mut redactor = Redactor::new(SecretNames::default());
        redactor.body(&mut json!({ "password": "canary-7" }));
        let mut answer = json!({ "nickName": "canary-7" });
        redactor.body(&mut answer);
        assert_eq!(answer, json!({ "nickName": COVERED }));
        assert_eq!(redactor.text("is canary-7 here?"), "is *** here?");
    }

    #[test]
    fn a_query_that_asks_for_a_secret_is_covered() {
        for (query, kept) in [
            (
                "count=1&filter=userName%20eq%20%22a%22",
                "count=1&filter=userName%20eq%20%22a%22",
            ),
            (
                "filter=pass%77ord+eq+%22canary%22&count=1",
                "filter=***&count=1",
            ),
            ("access_token=canary", "access_token=***"),
        ] {
            let told = SecretNames::default().target("/Users", Some(query));
            assert_eq!(told, format!("/Users?{kept}"));
        }
    }
}
