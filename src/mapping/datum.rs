//! The values that expressions compute with.
//!
//! Attributes of an entry are text, octets or JSON; functions add booleans, numbers and
//! lists. A [`Datum`] borrows from the entry where it can: a plain reference copies its
//! value once, into the result.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rollcall_directory::entry::Value;
use serde_json::Value as Json;

/// A value in the middle of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum<'a> {
    /// Nothing: an absent attribute, and what most functions make of one.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Octets that are no text.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Datum<'a>>),
    /// An object, from a source's JSON or made by the expression.
    /// (Boxed: most values are no objects, and all would be as large as one.)
    Object(Box<serde_json::Map<String, Json>>),
}

impl<'a> Datum<'a> {
    /// Text that is made here.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(Cow::Owned(text.into()))
    }

    /// One value of an attribute.
    pub(crate) fn of_value(value: &'a Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            Value::Json(text) => serde_json::from_str(text).map_or(Self::Null, Self::of_json),
        }
    }

    /// A value of a JSON document.
    pub(crate) fn of_json(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => number
                .as_i64()
                .map(Self::Int)
                .or_else(|| number.as_f64().map(Self::Double))
                .unwrap_or(Self::Null),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(items.into_iter().map(Datum::of_json).collect()),
            Json::Object(object) => Self::Object(Box::new(object)),
        }
    }

    /// Whether there is nothing in it: null, an empty text, an empty list.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::List(items) => items.iter().all(Datum::is_nothing),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Object(_) => false,
        }
    }

    /// What the value is, in a word of the documentation.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "octets",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// As JSON; octets in base64.
    pub(crate) fn into_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(flag),
            Self::Int(number) => number.into(),
            Self::Double(number) => number.into(),
            Self::Text(text) => Json::String(text.into_owned()),
            Self::Bytes(bytes) => Json::String(BASE64.encode(bytes)),
            Self::List(items) => items.into_iter().map(Datum::into_json).collect(),
            Self::Object(object) => Json::Object(*object),
        }
    }
}
