//! Values as clients send them, made into what the schema says (RFC 7643 §2.3, §2.4, §2.5):
//! sub-attributes in the schema's spelling, types checked, and what clients get wrong in
//! a way that can be understood put right with a warning.
//!
//! `null`, `[]` and `{}` all say that there is no value (RFC 7643 §2.5): the result is `None`.

use serde_json::{Map, Value as Json};

use crate::instant::instant;
use crate::json::member;
use crate::refusal::Refusal;
use crate::schema::{AttributeDefinition, AttributeType};
use crate::warning::{Notes, WarningKind};

/// The most values of one attribute; members of groups are not counted here.
pub const VALUES_MAX: usize = 1_000;

/// The value of an attribute or sub-attribute. `path` is its path, for messages.
pub(crate) fn read(
    definition: &AttributeDefinition,
    path: &str,
    value: Json,
    notes: &mut Notes,
) -> Result<Option<Json>, Refusal> {
    if definition.multi_valued {
        return read_list(definition, path, value, notes);
    }
    match value {
        Json::Array(mut items) if items.len() < 2 => match items.pop() {
            Some(item) => {
                notes.odd(WarningKind::Coerced, path, "a list where one value belongs")?;
                read_one(definition, path, item, notes)
            }
            None => Ok(None),
        },
        value => read_one(definition, path, value, notes),
    }
}

fn read_list(
    definition: &AttributeDefinition,
    path: &str,
    value: Json,
    notes: &mut Notes,
) -> Result<Option<Json>, Refusal> {
    let items = match value {
        Json::Null => return Ok(None),
        Json::Array(items) => items,
        one => {
            notes.odd(WarningKind::Coerced, path, "one value where a list belongs")?;
            vec![one]
        }
    };
    if items.len() > VALUES_MAX {
        return Err(Refusal::value(format!(
            "`{path}` has more than {VALUES_MAX} values"
        )));
    }
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        list.extend(read_one(definition, path, item, notes)?);
    }
    if list.iter().filter(|item| is_primary(item)).count() > 1 {
        return Err(Refusal::value(format!(
            "`{path}` has two primary values; one at most can be"
        )));
    }
    Ok((!list.is_empty()).then_some(Json::Array(list)))
}

/// RFC 7643 §2.4.
pub(crate) fn is_primary(value: &Json) -> bool {
    value.get("primary") == Some(&Json::Bool(true))
}

/// One value, of a list or not.
pub(crate) fn read_one(
    definition: &AttributeDefinition,
    path: &str,
    value: Json,
    notes: &mut Notes,
) -> Result<Option<Json>, Refusal> {
    match (definition.kind, value) {
        (_, Json::Null) => Ok(None),
        (AttributeType::Complex, Json::Object(parts)) => read_parts(definition, path, parts, notes),
        (AttributeType::Complex, scalar @ (Json::String(_) | Json::Number(_))) => {
            let Some(value) = definition.sub("value") else {
                return Err(wrong(path, "an object"));
            };
            notes.odd(WarningKind::Coerced, path, "a text where an object belongs")?;
            let scalar = read_one(value, &format!("{path}.value"), scalar, notes)?;
            Ok(scalar.map(|scalar| Json::Object(Map::from_iter([("value".to_owned(), scalar)]))))
        }
        (AttributeType::Complex, _) => Err(wrong(path, "an object")),
        (_, Json::Object(parts)) => {
            // Entra ID before its flag: `[{"$ref": null, "value": "x"}]` for a simple `x`.
            let Some(value @ (Json::String(_) | Json::Number(_) | Json::Bool(_))) =
                member(&parts, "value")
            else {
                return Err(wrong(path, expected(definition.kind)));
            };
            notes.odd(
                WarningKind::Coerced,
                path,
                "an object where a simple value belongs",
            )?;
            read_simple(definition, path, value.clone(), notes).map(Some)
        }
        (_, value) => read_simple(definition, path, value, notes).map(Some),
    }
}

fn read_parts(
    definition: &AttributeDefinition,
    path: &str,
    parts: Map<String, Json>,
    notes: &mut Notes,
) -> Result<Option<Json>, Refusal> {
    let mut read_parts = Map::new();
    let mut uri_id = None;
    for (name, part) in parts {
        let Some(sub) = definition.sub(&name) else {
            notes.odd(
                WarningKind::UnknownAttribute,
                &format!("{path}.{name}"),
                "no schema knows this sub-attribute",
            )?;
            continue;
        };
        if sub.name == "$ref" {
            uri_id = part.as_str().and_then(last_segment).map(str::to_owned);
        }
        if sub.is_read_only() || (sub.name == "$ref" && !definition.multi_valued) {
            continue;
        }
        if let Some(part) = read(sub, &format!("{path}.{}", sub.name), part, notes)? {
            read_parts.insert(sub.name.clone(), part);
        }
    }
    if definition.is_reference()
        && let Some(id) = uri_id
        && !read_parts.contains_key("value")
    {
        read_parts.insert("value".to_owned(), id.into());
    }
    Ok((!read_parts.is_empty()).then_some(Json::Object(read_parts)))
}

/// The id at the end of a resource's URI.
pub(crate) fn last_segment(uri: &str) -> Option<&str> {
    let last = uri.trim_end_matches('/').rsplit('/').next()?;
    (!last.is_empty()).then_some(last)
}

fn read_simple(
    definition: &AttributeDefinition,
    path: &str,
    value: Json,
    notes: &mut Notes,
) -> Result<Json, Refusal> {
    use AttributeType::{Binary, Boolean, Complex, DateTime, Decimal, Integer, Reference, String};
    let value = match (definition.kind, value) {
        (String | Reference | Binary, Json::String(text)) => {
            check_form(definition, path, &text, notes)?;
            Json::String(text)
        }
        (String | Reference, value @ (Json::Number(_) | Json::Bool(_))) => {
            notes.odd(
                WarningKind::Coerced,
                path,
                "a number or boolean where text belongs",
            )?;
            Json::String(value.to_string())
        }
        (Boolean, value @ Json::Bool(_)) => value,
        (Boolean, Json::String(text)) => {
            let value = if text.eq_ignore_ascii_case("true") {
                true
            } else if text.eq_ignore_ascii_case("false") {
                false
            } else {
                return Err(wrong(path, expected(definition.kind)));
            };
            notes.odd(
                WarningKind::Coerced,
                path,
                "a text where true or false belongs",
            )?;
            value.into()
        }
        (Integer, Json::Number(number)) if number.is_i64() => Json::Number(number),
        (Decimal, Json::Number(number)) => Json::Number(number),
        (Integer | Decimal, Json::String(text)) => {
            let number: serde_json::Number =
                serde_json::from_str(text.trim()).map_err(|_| wrong(path, "a number"))?;
            if definition.kind == Integer && !number.is_i64() {
                return Err(wrong(path, expected(Integer)));
            }
            notes.odd(WarningKind::Coerced, path, "a text where a number belongs")?;
            Json::Number(number)
        }
        (DateTime, Json::String(text)) if instant(&text).is_some() => Json::String(text),
        (
            kind @ (String | Reference | Binary | Boolean | Integer | Decimal | DateTime | Complex),
            _,
        ) => {
            return Err(wrong(path, expected(kind)));
        }
    };
    Ok(value)
}

fn wrong(path: &str, expected: &str) -> Refusal {
    Refusal::value(format!("`{path}` must be {expected}"))
}

fn expected(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::String | AttributeType::Reference => "a text",
        AttributeType::Boolean => "true or false",
        AttributeType::Decimal => "a number",
        AttributeType::Integer => "a whole number",
        AttributeType::DateTime => "an instant such as 2026-03-01T12:00:00Z",
        AttributeType::Binary => "a text in base64",
        AttributeType::Complex => "an object",
    }
}

/// Form and suggested values: not enforced, since clients do as they please.
fn check_form(
    definition: &AttributeDefinition,
    path: &str,
    text: &str,
    notes: &mut Notes,
) -> Result<(), Refusal> {
    let suggested = &definition.canonical_values;
    if !suggested.is_empty() && !suggested.iter().any(|s| s.eq_ignore_ascii_case(text)) {
        let detail = format!("not one of {}", suggested.join(", "));
        notes.odd(WarningKind::NotCanonical, path, &detail)?;
    }
    let odd = match definition.kind {
        AttributeType::Binary if !is_base64(text) => "not base64",
        AttributeType::Reference
            if definition.reference_types.iter().any(|t| t == "external")
                && !text.contains(':') =>
        {
            "not a URL"
        }
        AttributeType::String if path.ends_with("emails.value") && !is_address(text) => {
            "not an e-mail address"
        }
        AttributeType::String if path.ends_with("birthdate") && !is_date(text) => {
            "not a date (YYYY-MM-DD)"
        }
        _ => return Ok(()),
    };
    notes.odd(WarningKind::Format, path, odd)
}

fn is_base64(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'='))
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(' ')
    })
}

fn is_date(text: &str) -> bool {
    instant(&format!("{text}T00:00:00Z")).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::AttributePath;
    use crate::schema::{Place, Registry};
    use crate::warning::Strictness;
    use serde_json::json;

    const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn reading(
        path: &str,
        value: Json,
        strictness: Strictness,
    ) -> Result<(Json, Vec<&'static str>), Refusal> {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let Ok(Place::Attribute(found)) = user.place(&AttributePath::parse(path).unwrap()) else {
            panic!("{path}");
        };
        let mut notes = Notes::new(strictness);
        let value = read(found.last(), path, value, &mut notes)?;
        let kinds = notes
            .into_warnings()
            .iter()
            .map(|w| w.kind.as_str())
            .collect();
        Ok((value.unwrap_or(Json::Null), kinds))
    }

    fn lenient(path: &str, value: Json) -> (Json, Vec<&'static str>) {
        reading(path, value, Strictness::Lenient).unwrap()
    }

    #[test]
    fn what_clients_get_wrong_is_understood_and_noted() {
        let manager = format!("{EXTENSION}:manager");
        for (path, sent, kept) in [
            ("active", json!("False"), json!(false)),
            ("active", json!("true"), json!(true)),
            (manager.as_str(), json!("m1"), json!({ "value": "m1" })),
            (
                "emails",
                json!({ "value": "a@b" }),
                json!([{ "value": "a@b" }]),
            ),
            ("emails", json!(["a@b"]), json!([{ "value": "a@b" }])),
            (
                "displayName",
                json!([{ "$ref": null, "value": "x" }]),
                json!("x"),
            ),
            ("title", json!(7), json!("7")),
            (
                "roles",
                json!([{ "primary": "True", "value": "admin" }]),
                json!([{ "primary": true, "value": "admin" }]),
            ),
        ] {
            let (value, kinds) = lenient(path, sent.clone());
            assert_eq!(value, kept, "{path}");
            assert!(kinds.contains(&"coerced"), "{path}");
            let strict = reading(path, sent, Strictness::Strict);
            assert!(strict.is_err(), "{path}");
        }
    }

    #[test]
    fn null_and_empty_say_that_there_is_no_value() {
        for (path, sent) in [
            ("emails", json!(null)),
            ("emails", json!([])),
            ("emails", json!([{}])),
            ("name", json!({})),
            ("name", json!({ "givenName": null })),
            ("title", json!(null)),
            ("title", json!([])),
        ] {
            assert_eq!(lenient(path, sent), (Json::Null, vec![]), "{path}");
        }
    }

    #[test]
    fn odd_forms_and_unknown_parts_are_noted() {
        let (value, kinds) = lenient(
            "emails",
            json!([{ "VALUE": "nobody", "Type": "boat", "colour": "red" }]),
        );
        assert_eq!(value, json!([{ "value": "nobody", "type": "boat" }]));
        assert_eq!(kinds, ["format", "not-canonical", "unknown-attribute"]);
        assert_eq!(lenient("profileUrl", json!("x")).1, ["format"]);
        assert_eq!(
            lenient("x509Certificates", json!([{ "value": "*" }])).1,
            ["format"]
        );
    }

    #[test]
    fn a_reference_keeps_the_id_and_drops_what_follows_from_it() {
        let manager = format!("{EXTENSION}:manager");
        let sent = json!({ "$ref": "https://x/Users/m1", "displayName": "M" });
        assert_eq!(lenient(&manager, sent).0, json!({ "value": "m1" }));
        let sent = json!({ "$ref": "https://x/Users/other", "value": "m1" });
        assert_eq!(lenient(&manager, sent).0, json!({ "value": "m1" }));
    }

    #[test]
    fn a_wrong_type_names_the_path() {
        for (path, sent, message) in [
            ("active", json!("maybe"), "`active` must be true or false"),
            ("active", json!(1), "`active` must be true or false"),
            ("name", json!("Ada"), "`name` must be an object"),
            (
                "name",
                json!({ "givenName": {} }),
                "`name.givenName` must be a text",
            ),
            ("userName", json!(["a", "b"]), "`userName` must be a text"),
            (
                "emails",
                json!([{ "primary": true, "value": "a@b" }, { "primary": true, "value": "c@d" }]),
                "two primary values",
            ),
            ("meta.created", json!("today"), "an instant such as"),
        ] {
            let refusal = reading(path, sent, Strictness::Lenient).unwrap_err();
            assert!(refusal.detail.contains(message), "{}", refusal.detail);
        }
    }
}
