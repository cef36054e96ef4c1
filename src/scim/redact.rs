//! What of a request may be kept: everything but passwords, tokens and other secrets. They
//! are known by the names of their attributes, wherever these stand: as members, in paths
//! of a PATCH, in filters; and what was found once is taken out everywhere.

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

/// Takes secrets out of the parts of one exchange.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// Those that were found.
    found: Vec<String>,
}

impl Redactor {
    /// A path with its query. Parameters that speak of secrets are covered.
    pub(super) fn target(path: &str, query: Option<&str>) -> String {
        let Some(query) = query else {
            return path.to_owned();
        };
        let parts = query.split('&').map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if sounds_secret(&decoded(name)) || sounds_secret(&decoded(value)) {
                format!("{name}={COVERED}")
            } else {
                part.to_owned()
            }
        });
        format!("{path}?{}", parts.collect::<Vec<_>>().join("&"))
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
            name.eq_ignore_ascii_case("path") && value.as_str().is_some_and(sounds_secret)
        });
        for (name, value) in object {
            let is_value = name.eq_ignore_ascii_case("value");
            if sounds_secret(name) || (names_secret && is_value) {
                self.cover(value);
                continue;
            }
            let lower = name.to_lowercase();
            match value {
                Json::String(text) if NAMING.contains(&lower.as_str()) && holds_value(text) => {
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

/// Whether a text that names a secret also holds one: a filter does, a path of two words
/// does not.
fn holds_value(text: &str) -> bool {
    sounds_secret(text) && text.contains('"')
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
        Redactor::default().body(&mut body);
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
        let mut redactor = Redactor::default();
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
            let told = Redactor::target("/Users", Some(query));
            assert_eq!(told, format!("/Users?{kept}"));
        }
    }
}
