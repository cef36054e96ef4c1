//! The configuration as a tree of placed values: the file's, and over them the
//! environment's.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Octets of the file.
    File(Range<usize>),
    /// A variable of the environment.
    Variable(String),
}

/// Keys and values.
pub(crate) type Table = BTreeMap<String, Node>;

/// A value and where it and its key stand.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) key_place: Place,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// For "must be a text, not …".
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a point",
            Self::Boolean(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// As JSON: the body of a request.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) | Self::Date(text) => text.clone().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::List(list) => list.iter().map(|node| node.value.to_json()).collect(),
            Self::Table(table) => table
                .iter()
                .map(|(key, node)| (key.clone(), node.value.to_json()))
                .collect(),
        }
    }
}

/// The tree of a parsed file.
pub(crate) fn of_table(table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let node = Node {
                key_place: Place::File(key.span()),
                ..of_value(value)
            };
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn of_value(value: &Spanned<DeValue<'_>>) -> Node {
    let place = Place::File(value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Text(number.to_string()), Value::Integer),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(list) => Value::List(list.iter().map(of_value).collect()),
        DeValue::Table(table) => Value::Table(of_table(table)),
    };
    Node {
        key_place: place.clone(),
        place,
        value,
    }
}

/// Puts a variable's value over what the file says. `path` is in lower case with `_` for
/// `-`. `false`: it names a source or tenant that is not configured.
pub(crate) fn lay_over(table: &mut Table, path: &[String], text: &str, variable: &str) -> bool {
    let place = Place::Variable(variable.to_owned());
    let Some((first, rest)) = path.split_first() else {
        return false;
    };
    let spelled = |key: &&String| key.to_lowercase().replace('-', "_") == *first;
    let key = table.keys().find(spelled).cloned();
    if rest.is_empty() {
        let node = Node {
            key_place: place.clone(),
            place: place.clone(),
            value: value_of_variable(text, &place),
        };
        table.insert(key.unwrap_or_else(|| first.clone()), node);
        return true;
    }
    let named = matches!(first.as_str(), "sources" | "tenants");
    let key = match key {
        Some(key) => key,
        None if named => return false,
        None => first.clone(),
    };
    let below = table.entry(key).or_insert_with(|| Node {
        key_place: place.clone(),
        place,
        value: Value::Table(Table::new()),
    });
    let Value::Table(below) = &mut below.value else {
        return false;
    };
    let known = |below: &Table| {
        rest.first().is_some_and(|name| {
            below
                .keys()
                .any(|k| k.to_lowercase().replace('-', "_") == *name)
        })
    };
    if named && !known(below) {
        return false;
    }
    lay_over(below, rest, text, variable)
}

/// A list, table, number or flag as TOML writes it; everything else is text as it is.
fn value_of_variable(text: &str, place: &Place) -> Value {
    let parsed = DeValue::parse(text).map(|value| of_value(&value).value);
    match parsed {
        Ok(mut value) => {
            replace_places(&mut value, place);
            value
        }
        Err(_) => Value::Text(text.to_owned()),
    }
}

fn replace_places(value: &mut Value, place: &Place) {
    let nodes: Vec<&mut Node> = match value {
        Value::List(list) => list.iter_mut().collect(),
        Value::Table(table) => table.values_mut().collect(),
        _ => return,
    };
    for node in nodes {
        node.place = place.clone();
        node.key_place = place.clone();
        replace_places(&mut node.value, place);
    }
}
