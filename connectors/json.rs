//! JSON as sources send it, turned into the attributes of an entry.
//!
//! [`parse_strict`] refuses what would make an answer mean two things: a member that stands
//! twice in one object (parsers disagree which one wins), and nesting without end.
//! [`attributes_of`] flattens one object: `{"name": {"given": "Ada"}}` carries the
//! attribute `name.given`; an array of scalars is one attribute with several values; an
//! object inside an array stays whole, as compact JSON with its members sorted. Both the
//! HTTP connector and JSON lines use them, so a mapping works on either.

use std::collections::BTreeMap;
use std::fmt;

use rollcall_directory::entry::{Attribute, Attributes, Flaw, Value};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

/// How deep arrays and objects may nest.
pub(crate) const DEPTH_MAX: usize = 64;

/// From here on a floating-point number no longer tells neighbouring integers apart, so a
/// number that serde could only keep as one may have lost digits (2^53).
const EXACT_INTEGERS_BELOW: f64 = 9_007_199_254_740_992.0;

/// Why octets are no JSON text that can be taken.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct JsonError(String);

/// Parses one JSON text (RFC 8259) and nothing after it. Refuses a member that stands
/// twice and nesting deeper than [`DEPTH_MAX`]. The error never holds values of the text.
pub(crate) fn parse_strict(text: &[u8]) -> Result<Json, JsonError> {
    // Checked first and as a whole: serde_json would do it string by string.
    let text = std::str::from_utf8(text)
        .map_err(|error| JsonError(format!("no UTF-8 at octet {}", error.valid_up_to())))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut deserializer)
        .map_err(|error| JsonError(error.to_string()))?;
    deserializer
        .end()
        .map_err(|error| JsonError(error.to_string()))?;
    Ok(value)
}

/// One value at some depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(E::custom(format_args!(
                "arrays and objects nest deeper than {DEPTH_MAX}"
            )));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let deeper = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let deeper = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the member `{}` stands twice in one object",
                    name.escape_debug()
                )));
            }
            let value = members.next_value_seed(deeper)?;
            object.insert(name, value);
        }
        Ok(Json::Object(object))
    }
}

/// The attributes that `object` carries, and what could not be taken as it came (a NUL, a
/// number too large to be exact, two members that flatten to one name).
///
/// `null`, `[]`, `{}` and the empty text are attributes without values: the source says
/// that there is none. With `unwrap_values`, an object with the members `label` and `value`
/// stands for its value, as some HR services wrap each field.
pub(crate) fn attributes_of(
    object: Map<String, Json>,
    unwrap_values: bool,
) -> (Attributes, Vec<Flaw>) {
    let mut flattening = Flattening {
        unwrap_values,
        attributes: Vec::new(),
        flaws: Vec::new(),
    };
    flattening.members("", object);
    flattening.refuse_names_twice();
    (
        Attributes::new(flattening.attributes, false),
        flattening.flaws,
    )
}

/// The values of `list.member`: that member of each object in the list, as SCIM names them
/// (`members.value`); in no order. `None` if nothing above the name is a list of objects.
pub(crate) fn below_list(attributes: &Attributes, name: &str) -> Option<Vec<Value>> {
    let ignore_case = attributes.names_ignore_case();
    name.rmatch_indices('.').find_map(|(dot, _)| {
        let (above, below) = name.split_at(dot);
        let below = below.trim_start_matches('.');
        let objects = attributes.get(above).filter(|values| {
            let is_object = |value: &Value| matches!(value, Value::Json(_));
            !values.is_empty() && values.iter().all(is_object)
        })?;
        let members = objects.iter().filter_map(|object| match object {
            Value::Json(text) => serde_json::from_str(text).ok(),
            Value::Text(_) | Value::Bytes(_) => None,
        });
        Some(
            members
                .filter_map(|object: Map<String, Json>| scalar_in(object, below, ignore_case))
                .collect(),
        )
    })
}

fn scalar_in(object: Map<String, Json>, name: &str, ignore_case: bool) -> Option<Value> {
    let (_, value) = object
        .into_iter()
        .find(|(member, _)| member == name || (ignore_case && member.eq_ignore_ascii_case(name)))?;
    match value {
        Json::String(text) => Some(Value::Text(text)),
        Json::Bool(_) | Json::Number(_) => Some(Value::Text(value.to_string())),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

struct Flattening {
    unwrap_values: bool,
    attributes: Vec<Attribute>,
    flaws: Vec<Flaw>,
}

impl Flattening {
    fn members(&mut self, prefix: &str, object: Map<String, Json>) {
        for (member, value) in object {
            let name = if prefix.is_empty() {
                member
            } else {
                format!("{prefix}.{member}")
            };
            self.member(&name, value);
        }
    }

    fn member(&mut self, name: &str, value: Json) {
        match self.unwrapped(value) {
            Json::Object(object) if !object.is_empty() => self.members(name, object),
            Json::Object(_) | Json::Null => self.push(name, Vec::new()),
            Json::Array(items) => {
                let values = items
                    .into_iter()
                    .filter_map(|item| {
                        let item = self.unwrapped(item);
                        self.value(name, item)
                    })
                    .collect();
                self.push(name, values);
            }
            scalar => {
                let values = self.value(name, scalar).into_iter().collect();
                self.push(name, values);
            }
        }
    }

    fn push(&mut self, name: &str, values: Vec<Value>) {
        self.attributes.push(Attribute {
            name: name.into(),
            values,
        });
    }

    /// `{"label": "First name", "value": "Ada"}` is `"Ada"`, if the source wraps.
    fn unwrapped(&self, value: Json) -> Json {
        match value {
            Json::Object(mut object) if self.unwrap_values && object.contains_key("label") => {
                match object.remove("value") {
                    Some(inner) => inner,
                    None => Json::Object(object),
                }
            }
            other => other,
        }
    }

    /// One value of an attribute; `None` for null and for what is refused.
    fn value(&mut self, name: &str, value: Json) -> Option<Value> {
        if let Some(reason) = refusal(&value) {
            self.flaws.push(Flaw {
                attribute: name.to_owned(),
                reason: reason.to_owned(),
            });
            return None;
        }
        match value {
            Json::Null => None,
            Json::Bool(flag) => Some(Value::Text(flag.to_string())),
            Json::Number(number) => Some(Value::Text(number.to_string())),
            Json::String(text) => Some(Value::Text(text)),
            whole @ (Json::Array(_) | Json::Object(_)) => {
                Some(Value::Json(sorted(whole).to_string()))
            }
        }
    }

    /// `{"a.b": 1, "a": {"b": 2}}` says two things about `a.b`.
    fn refuse_names_twice(&mut self) {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for attribute in &self.attributes {
            *seen.entry(&attribute.name).or_default() += 1;
        }
        let twice = seen.into_iter().filter(|(_, count)| *count > 1);
        self.flaws.extend(twice.map(|(name, _)| Flaw {
            attribute: name.to_owned(),
            reason: "stands twice: once with a dot in its name and once nested".to_owned(),
        }));
    }
}

/// What keeps a value, or anything inside it, from being taken.
fn refusal(value: &Json) -> Option<&'static str> {
    const NUL: &str = "contains a NUL character";
    match value {
        Json::String(text) => text.contains('\0').then_some(NUL),
        Json::Number(number) => {
            let inexact = number.is_f64()
                && number
                    .as_f64()
                    .is_some_and(|float| float.abs() >= EXACT_INTEGERS_BELOW);
            inexact.then_some("is a number too large to be exact: let the source send it as text")
        }
        Json::Array(items) => items.iter().find_map(refusal),
        Json::Object(object) => object.iter().find_map(|(name, value)| {
            if name.contains('\0') {
                Some(NUL)
            } else {
                refusal(value)
            }
        }),
        Json::Null | Json::Bool(_) => None,
    }
}

/// The same value with the members of every object in the order of their names, so that
/// equal values are equal texts.
fn sorted(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Object(object) => {
            let ordered: BTreeMap<String, Json> = object
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Json::Object(ordered.into_iter().collect())
        }
        scalar => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str, unwrap_values: bool) -> (Vec<(String, Vec<Value>)>, Vec<Flaw>) {
        let Json::Object(object) = parse_strict(text.as_bytes()).unwrap() else {
            panic!("no object")
        };
        let (attributes, flaws) = attributes_of(object, unwrap_values);
        let list = attributes
            .iter()
            .map(|a| (a.name.to_string(), a.values.clone()))
            .collect();
        (list, flaws)
    }

    fn attribute(name: &str, values: &[Value]) -> (String, Vec<Value>) {
        (name.to_owned(), values.to_vec())
    }

    #[test]
    fn nested_objects_become_dotted_names() {
        let (list, flaws) = flat(
            r#"{"name": {"given": "Ada", "x": {"y": 1}}, "on": true}"#,
            false,
        );
        assert!(flaws.is_empty());
        assert_eq!(
            list,
            [
                attribute("name.given", &["Ada".into()]),
                attribute("name.x.y", &["1".into()]),
                attribute("on", &["true".into()]),
            ]
        );
    }

    #[test]
    fn null_and_empty_are_attributes_without_values() {
        let (list, _) = flat(
            r#"{"a": null, "b": [], "c": {}, "d": "", "e": [null]}"#,
            false,
        );
        assert_eq!(
            list,
            ["a", "b", "c", "d", "e"].map(|name| attribute(name, &[]))
        );
    }

    #[test]
    fn an_array_of_scalars_is_several_values_and_of_objects_stays_json() {
        let (list, _) = flat(
            r#"{"tags": ["b", "a", 2], "emails": [{"value": "x@y", "type": "work"}, [1, 2]]}"#,
            false,
        );
        assert_eq!(
            list,
            [
                attribute(
                    "emails",
                    &[
                        Value::Json("[1,2]".into()),
                        Value::Json(r#"{"type":"work","value":"x@y"}"#.into()),
                    ]
                ),
                attribute("tags", &["2".into(), "a".into(), "b".into()]),
            ]
        );
    }

    #[test]
    fn a_name_below_a_list_is_that_member_of_each_object_in_it() {
        let text = r#"{"members": [{"value": "2", "n": 1}, {"value": "1"}, {}], "tags": ["a"]}"#;
        let object: Map<String, Json> = serde_json::from_str(text).unwrap();
        let (attributes, _) = attributes_of(object, false);
        let values = |name| {
            let mut values = below_list(&attributes, name)?;
            values.sort();
            Some(values)
        };
        assert_eq!(values("members.value"), Some(vec!["1".into(), "2".into()]));
        assert_eq!(values("members.other"), Some(vec![]));
        assert_eq!(values("tags.value"), None);
        assert_eq!(values("other.value"), None);
    }

    #[test]
    fn labelled_values_are_unwrapped_on_wish() {
        let text = r#"{"first": {"label": "First name", "value": "Ada", "type": "standard"}}"#;
        assert_eq!(flat(text, true).0, [attribute("first", &["Ada".into()])]);
        assert_eq!(flat(text, false).0.len(), 3);
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        let error = parse_strict(br#"{"a": [{"b": 1, "b": 1}]}"#).unwrap_err();
        assert!(
            error.to_string().contains("the member `b` stands twice"),
            "{error}"
        );
    }

    #[test]
    fn nesting_beyond_the_limit_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_strict(nested(DEPTH_MAX).as_bytes()).is_ok());
        let error = parse_strict(nested(DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("deeper than 64"), "{error}");
        assert!(parse_strict("[".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn half_a_text_two_texts_and_no_utf8_are_refused() {
        for text in [
            &b"{\"a\": 1"[..],
            b"{} {}",
            b"",
            b"{\"a\": \"\xff\"}",
            b"NaN",
        ] {
            assert!(parse_strict(text).is_err());
        }
    }

    #[test]
    fn a_number_that_would_lose_digits_is_a_flaw() {
        let (list, flaws) = flat(
            r#"{"id": 18446744073709551617, "n": 18446744073709551615}"#,
            false,
        );
        assert_eq!(flaws.len(), 1);
        assert_eq!(flaws[0].attribute, "id");
        assert_eq!(list[1], attribute("n", &["18446744073709551615".into()]));
    }

    #[test]
    fn a_nul_is_a_flaw_of_its_attribute_alone() {
        let (list, flaws) = flat(r#"{"a": "x\u0000", "b": "y"}"#, false);
        assert_eq!(flaws[0].to_string(), "a: contains a NUL character");
        assert_eq!(list, [attribute("a", &[]), attribute("b", &["y".into()])]);
    }

    #[test]
    fn a_dotted_name_and_a_nested_one_may_not_meet() {
        let (_, flaws) = flat(r#"{"a.b": 1, "a": {"b": 2}}"#, false);
        assert_eq!(flaws[0].attribute, "a.b");
    }
}
