//! A request's body as JSON, read so that nothing is quietly dropped: one name twice in an
//! object, in whatever case, is a mistake (RFC 7643 §2.1: names ignore case; RFC 8259 §4
//! leaves duplicates open, and readers differ in which one they keep).

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use crate::refusal::Refusal;

/// Objects up to this many members are searched by looking at each.
const FEW: usize = 16;

/// Reads a body. A refusal is `invalidSyntax`.
pub fn parse(body: &[u8]) -> Result<Json, Refusal> {
    serde_json::from_slice::<Strict>(body)
        .map(|strict| strict.0)
        .map_err(|error| Refusal::syntax(format!("the body cannot be read as JSON: {error}")))
}

/// The member of that name, in any case.
#[must_use]
pub fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).or_else(|| {
        let mut members = object.iter();
        let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Strict, E> {
        Ok(Strict(Json::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Strict, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Strict(Json::Number(number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Strict, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Strict, E> {
        // No database keeps it as text.
        if value.contains('\0') {
            return Err(E::custom("a text contains the character U+0000"));
        }
        Ok(Strict(Json::String(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(Json::Array(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut object = Map::new();
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom("a name contains the character U+0000"));
            }
            let twice = if object.len() < FEW {
                object.keys().any(|known| known.eq_ignore_ascii_case(&key))
            } else {
                if seen.is_empty() {
                    seen.extend(object.keys().map(|known| known.to_ascii_lowercase()));
                }
                !seen.insert(key.to_ascii_lowercase())
            };
            if twice {
                return Err(A::Error::custom(format_args!("`{key}` is there twice")));
            }
            let Strict(value) = members.next_value()?;
            object.insert(key, value);
        }
        Ok(Strict(Json::Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write as _;

    fn refused(body: &str) -> String {
        parse(body.as_bytes()).unwrap_err().detail
    }

    #[test]
    fn one_name_twice_is_a_mistake_in_whatever_case() {
        assert!(
            refused(r#"{"userName":"a","userName":"b"}"#).contains("`userName` is there twice")
        );
        assert!(refused(r#"{"userName":"a","USERNAME":"b"}"#).contains("`USERNAME`"));
        assert!(refused(r#"{"name":{"a":1,"A":2}}"#).contains("`A`"));
        let mut many = String::from("{");
        for n in 0..40 {
            write!(many, "\"a{n}\":{n},").unwrap();
        }
        assert!(refused(&format!("{many}\"A7\":0}}")).contains("`A7`"));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        assert!(refused("").contains("cannot be read"));
        assert!(refused("{").contains("line 1"));
        assert!(refused(r#"["a\u0000"]"#).contains("U+0000"));
        assert!(refused(&"[".repeat(100_000)).contains("recursion"));
        assert!(parse(b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn everything_else_is_read_as_it_stands(text in ".{0,8}", n in any::<i64>(), flag in any::<bool>()) {
            prop_assume!(!text.contains('\0'));
            let value = serde_json::json!({"a": [text, n, flag, null, {"b": 1.5}]});
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
        }
    }
}
