//! Giving a value the type that its target asks for (RFC 7643 §2.3).
//!
//! Errors name kinds and parts, never values: those are shown beside the message, where
//! secrets are hidden.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rollcall_directory::schema::{AttributeDefinition, AttributeType, Mutability};
use serde_json::{Map, Value as Json};
use time::format_description::well_known::Rfc3339;

use crate::datum::Datum;
use crate::functions::parse_rfc3339;
use crate::problem::nearest;

/// The longest text that an attribute takes, in bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest binary value (a photo, a certificate), in bytes before base64.
const BINARY_BYTES_MAX: usize = 5 * 1024 * 1024;

/// One value as `kind`; `Null` for nothing.
pub(crate) fn scalar(datum: Datum<'_>, kind: AttributeType) -> Result<Json, String> {
    if datum.is_nothing() {
        return Ok(Json::Null);
    }
    match kind {
        AttributeType::String | AttributeType::Reference => text(datum).map(Json::String),
        AttributeType::Boolean => boolean(&datum).map(Json::Bool),
        AttributeType::Integer => match datum {
            Datum::Int(number) => Ok(number.into()),
            Datum::Text(text) => text
                .trim()
                .parse::<i64>()
                .map(Json::from)
                .map_err(|_| "the text is no whole number".to_owned()),
            other => Err(format!("needs a whole number, not {}", other.kind())),
        },
        AttributeType::Decimal => match datum {
            Datum::Int(number) => Ok(number.into()),
            Datum::Double(number) => finite(number),
            Datum::Text(text) => text
                .trim()
                .parse()
                .map_err(|_| "the text is no number".to_owned())
                .and_then(finite),
            other => Err(format!("needs a number, not {}", other.kind())),
        },
        AttributeType::DateTime => match datum {
            Datum::Text(text) => parse_rfc3339(text.trim())
                .and_then(|at| at.format(&Rfc3339).ok())
                .map(Json::String)
                .ok_or_else(|| "the text is no RFC 3339 time: use date(…)".to_owned()),
            other => Err(format!("needs a time, not {}", other.kind())),
        },
        AttributeType::Binary => binary(datum),
        AttributeType::Complex => Err("needs an object".to_owned()),
    }
}

fn text(datum: Datum<'_>) -> Result<String, String> {
    let text = match datum {
        Datum::Text(text) => text.into_owned(),
        Datum::Int(number) => number.to_string(),
        Datum::Double(number) => number.to_string(),
        Datum::Bool(flag) => flag.to_string(),
        other => return Err(format!("needs a text, not {}", other.kind())),
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
    }
    if text.contains('\0') {
        return Err("the text contains a NUL character".to_owned());
    }
    if text.trim().len() == text.len() {
        return Ok(text);
    }
    Ok(text.trim().to_owned())
}

/// LDAP writes `TRUE`, JSON `true`, spreadsheets `True`.
fn boolean(datum: &Datum<'_>) -> Result<bool, String> {
    match datum {
        Datum::Bool(flag) => Ok(*flag),
        Datum::Text(text) if text.trim().eq_ignore_ascii_case("true") => Ok(true),
        Datum::Text(text) if text.trim().eq_ignore_ascii_case("false") => Ok(false),
        Datum::Text(_) => Err("the text is neither true nor false".to_owned()),
        other => Err(format!("needs true or false, not {}", other.kind())),
    }
}

fn finite(number: f64) -> Result<Json, String> {
    serde_json::Number::from_f64(number)
        .map(Json::Number)
        .ok_or_else(|| "the number is not finite".to_owned())
}

fn binary(datum: Datum<'_>) -> Result<Json, String> {
    let octets = match datum {
        Datum::Bytes(octets) => octets.into_owned(),
        Datum::Text(text) => BASE64
            .decode(text.trim())
            .map_err(|_| "the text is no base64".to_owned())?,
        other => return Err(format!("needs octets, not {}", other.kind())),
    };
    if octets.len() > BINARY_BYTES_MAX {
        return Err(format!("the value is longer than {BINARY_BYTES_MAX} bytes"));
    }
    Ok(Json::String(BASE64.encode(octets)))
}

/// One item of a list: a value, or an object of checked parts; `Null` for nothing.
pub(crate) fn item(datum: Datum<'_>, definition: &AttributeDefinition) -> Result<Json, String> {
    if definition.kind != AttributeType::Complex {
        return scalar(datum, definition.kind);
    }
    let parts = match datum {
        Datum::Object(parts) => parts,
        Datum::List(_) => return Err("a list within a list".to_owned()),
        value => {
            let kind = definition
                .sub("value")
                .ok_or_else(|| format!("`{}` needs objects", definition.name))?
                .kind;
            let value = scalar(value, kind)?;
            return Ok(if value.is_null() {
                Json::Null
            } else {
                Json::Object([("value".to_owned(), value)].into_iter().collect())
            });
        }
    };
    let mut checked = Map::new();
    for (name, part) in *parts {
        let Some(sub) = definition.sub(&name) else {
            let known = definition.sub_attributes.iter().map(|s| s.name.as_str());
            let hint = nearest(&name, known)
                .map(|n| format!(", did you mean `{n}`?"))
                .unwrap_or_default();
            return Err(format!("`{}` has no part `{name}`{hint}", definition.name));
        };
        if sub.mutability == Mutability::ReadOnly {
            return Err(format!(
                "`{}.{}` is written by Rollcall itself",
                definition.name, sub.name
            ));
        }
        let value = scalar(Datum::of_json(part), sub.kind)
            .map_err(|message| format!("`{}.{}`: {message}", definition.name, sub.name))?;
        if !value.is_null() && checked.insert(sub.name.clone(), value).is_some() {
            return Err(format!("`{}.{}` stands twice", definition.name, sub.name));
        }
    }
    // `{"type": "work"}` alone says nothing about anybody.
    let says_something = checked
        .keys()
        .any(|name| !matches!(name.as_str(), "type" | "primary" | "display"));
    Ok(if says_something {
        Json::Object(checked)
    } else {
        Json::Null
    })
}

/// Ascending, without duplicates. Texts by their characters, objects by their JSON.
pub(crate) fn in_order(values: &mut Vec<Json>) {
    if values.len() > 1 {
        values.sort_by(|a, b| match (a, b) {
            (Json::String(a), Json::String(b)) => a.cmp(b),
            (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
            _ => sort_text(a).cmp(&sort_text(b)),
        });
        values.dedup();
    }
}

/// An object goes by its `value` first.
fn sort_text(value: &Json) -> (String, String) {
    let own = value
        .get("value")
        .map(|inner| {
            inner
                .as_str()
                .map_or_else(|| inner.to_string(), str::to_owned)
        })
        .unwrap_or_default();
    (own, value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_directory::entry::Kind;
    use rollcall_directory::path::Path;
    use rollcall_directory::schema::Schemas;
    use serde_json::json;

    #[test]
    fn values_take_the_type_of_their_target() {
        use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer, String};
        for (datum, kind, value) in [
            (Datum::text(" Ada "), String, json!("Ada")),
            (Datum::Int(7), String, json!("7")),
            (Datum::text("TRUE"), Boolean, json!(true)),
            (Datum::text("False"), Boolean, json!(false)),
            (Datum::text("12"), Integer, json!(12)),
            (Datum::text("1.5"), Decimal, json!(1.5)),
            (
                Datum::text("2027-01-31T00:00:00Z"),
                DateTime,
                json!("2027-01-31T00:00:00Z"),
            ),
            (Datum::Bytes(vec![1, 2].into()), Binary, json!("AQI=")),
            (Datum::text("  "), String, Json::Null),
        ] {
            assert_eq!(scalar(datum, kind), Ok(value));
        }
        for (datum, kind) in [
            (Datum::text("1"), Boolean),
            (Datum::text("yes"), Boolean),
            (Datum::text("20270131000000Z"), DateTime),
            (Datum::Bytes(vec![1].into()), String),
            (Datum::text("x".repeat(TEXT_BYTES_MAX + 1)), String),
            (Datum::text("a\0b"), String),
        ] {
            assert!(scalar(datum, kind).is_err());
        }
    }

    #[test]
    fn parts_of_objects_are_checked() {
        let schemas = Schemas::standard();
        let (_, emails) = schemas
            .definition(Kind::User, &Path::parse("emails").unwrap())
            .unwrap();
        let of = |json| item(Datum::of_json(json), emails);
        assert_eq!(of(json!("a@x")), Ok(json!({"value": "a@x"})));
        assert_eq!(
            of(json!({"VALUE": "a@x", "primary": "TRUE", "display": null})),
            Ok(json!({"value": "a@x", "primary": true}))
        );
        assert_eq!(of(json!({"type": "work"})), Ok(Json::Null));
        let error = of(json!({"valeu": "a@x"})).unwrap_err();
        assert_eq!(error, "`emails` has no part `valeu`, did you mean `value`?");
    }
}
