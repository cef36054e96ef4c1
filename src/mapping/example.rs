//! The examples that a mapping file carries: entries, and what the mapping must make of
//! them.
//!
//! ```toml
//! [[example]]
//! kind  = "user"                        # the default
//! dn    = "uid=ada,dc=example,dc=org"   # where it matters
//! now   = "2027-01-01T00:00:00Z"        # where it matters
//! entry = { uid = "ada", mail = ["a@example.org", "b@example.org"] }
//! gives = { userName = "ada", title = "" }   # an empty text: "there is none"
//! silent = ["locale"]                   # no statement at all
//! fails = "line 9"                      # or: the entry is quarantined, with these words
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use rollcall_directory::contribution::{Mapped, MappedValue};
use rollcall_directory::entry::{Attribute, Attributes, Entry, EntryKey, Kind, Locator, Value};
use rollcall_directory::path::Path;
use rollcall_directory::schema::{Schemas, Shape, Unit};
use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use toml::de::{DeTable, DeValue};

use crate::file::{Placed, Reader, in_order};
use crate::functions::parse_rfc3339;
use crate::mapping::{Context, Mapping};
use crate::problem::Problem;

/// One example.
#[derive(Debug)]
pub(crate) struct Example {
    kind: Kind,
    locator: Locator,
    now: Option<OffsetDateTime>,
    attributes: Vec<(String, Vec<Value>)>,
    gives: Vec<Expected>,
    fails: Option<(String, Range<usize>)>,
    place: Range<usize>,
}

/// What an example expects of one unit.
#[derive(Debug)]
struct Expected {
    unit: Unit,
    is_reference: bool,
    /// `None`: no statement. `Null`: "there is none".
    value: Option<Json>,
    place: Range<usize>,
}

/// Reads `[[example]]`.
pub(crate) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>, schemas: &Schemas) -> Vec<Example> {
    let Some(value) = top.get("example") else {
        return Vec::new();
    };
    let DeValue::Array(items) = value.get_ref() else {
        let message = "examples are a list of tables: [[example]]".to_owned();
        reader.problem(value.span(), message, None);
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| read_one(reader, item, schemas))
        .collect()
}

fn read_one(reader: &mut Reader<'_>, item: &Placed<'_>, schemas: &Schemas) -> Option<Example> {
    let DeValue::Table(table) = item.get_ref() else {
        let message = "an example is a table: [[example]]".to_owned();
        reader.problem(item.span(), message, None);
        return None;
    };
    reader.only_known(
        table,
        &["kind", "dn", "now", "entry", "gives", "silent", "fails"],
    );
    let kind = match reader.text_at(table, "kind") {
        Some(("group", _)) => Kind::Group,
        None | Some(("user", _)) => Kind::User,
        Some((_, span)) => {
            reader.problem(span, "the kind is user or group".to_owned(), None);
            Kind::User
        }
    };
    let locator = reader
        .text_at(table, "dn")
        .map_or(Locator::Line(1), |(dn, _)| Locator::Dn(dn.to_owned()));
    let now = match reader.text_at(table, "now") {
        None => None,
        Some((text, span)) => {
            let now = parse_rfc3339(text);
            if now.is_none() {
                let message = "`now` is no time such as 2027-01-31T00:00:00Z".to_owned();
                reader.problem(span, message, None);
            }
            now
        }
    };
    let mut example = Example {
        kind,
        locator,
        now,
        attributes: Vec::new(),
        gives: Vec::new(),
        fails: reader
            .text_at(table, "fails")
            .map(|(words, span)| (words.to_owned(), span)),
        place: item.span(),
    };
    match reader.table_at(table, "entry") {
        Some(entry) => flatten("", entry, &mut example.attributes),
        None => reader.problem(item.span(), "the example has no entry".to_owned(), None),
    }
    if let Some(gives) = reader.table_at(table, "gives") {
        for (path, value) in in_order(gives) {
            let text = path.get_ref().as_ref();
            let value_json = match json_of(value.get_ref()) {
                Json::String(text) if text.is_empty() => Json::Null,
                Json::Array(items) if items.is_empty() => Json::Null,
                other => other,
            };
            let span = path.span().start..value.span().end;
            example.gives.extend(expected(
                reader,
                schemas,
                kind,
                text,
                span,
                Some(value_json),
            ));
        }
    }
    if let Some(DeValue::Array(silent)) = table.get("silent").map(toml::Spanned::get_ref) {
        for path in silent {
            if let Some(text) = reader.text_of(path, "silent") {
                example
                    .gives
                    .extend(expected(reader, schemas, kind, text, path.span(), None));
            }
        }
    }
    if example.gives.is_empty() && example.fails.is_none() {
        let help = "add gives = { … }, silent = [ … ] or fails = \"…\"".to_owned();
        let message = "the example expects nothing".to_owned();
        reader.problem(item.span(), message, Some(help));
    }
    Some(example)
}

fn expected(
    reader: &mut Reader<'_>,
    schemas: &Schemas,
    kind: Kind,
    text: &str,
    place: Range<usize>,
    value: Option<Json>,
) -> Option<Expected> {
    let target = Path::parse(text)
        .map_err(|error| error.to_string())
        .and_then(|path| {
            schemas
                .target(kind, &path)
                .map_err(|error| error.to_string())
        });
    match target {
        Ok(target) if matches!(target.shape, Shape::Item { .. }) => {
            let help = format!("expect the whole list: {} = [ … ]", target.unit);
            let message = "an example expects whole attributes".to_owned();
            reader.problem(place, message, Some(help));
            None
        }
        Ok(target) => Some(Expected {
            is_reference: matches!(target.shape, Shape::Reference | Shape::Members),
            unit: target.unit,
            value,
            place,
        }),
        Err(message) => {
            reader.problem(place, message, None);
            None
        }
    }
}

/// An entry as connectors give it: nested tables have dotted names, objects in lists stay
/// whole.
fn flatten(prefix: &str, table: &DeTable<'_>, into: &mut Vec<(String, Vec<Value>)>) {
    for (name, value) in table {
        let name = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&name, inner, into),
            DeValue::Array(items) => {
                let values = items.iter().map(|item| value_of(item.get_ref())).collect();
                below_list(&name, items.iter().map(toml::Spanned::get_ref), into);
                into.push((name, values));
            }
            scalar => into.push((name, vec![value_of(scalar)])),
        }
    }
}

/// A list of objects has the members of each under `list.member`, too.
fn below_list<'a>(
    name: &str,
    items: impl Iterator<Item = &'a DeValue<'a>>,
    into: &mut Vec<(String, Vec<Value>)>,
) {
    let mut below: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for item in items {
        let DeValue::Table(members) = item else {
            return;
        };
        for (member, value) in members {
            if !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_)) {
                let values = below
                    .entry(format!("{name}.{}", member.get_ref()))
                    .or_default();
                values.push(value_of(value.get_ref()));
            }
        }
    }
    into.extend(below);
}

fn value_of(value: &DeValue<'_>) -> Value {
    match json_of(value) {
        Json::String(text) => Value::Text(text),
        whole @ (Json::Array(_) | Json::Object(_)) => {
            let mut whole = whole;
            whole.sort_all_objects();
            Value::Json(whole.to_string())
        }
        other => Value::Text(other.to_string()),
    }
}

fn json_of(value: &DeValue<'_>) -> Json {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => number
            .as_str()
            .parse::<i64>()
            .map_or_else(|_| json!(number.as_str()), Json::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| json!(number.as_str()), Json::from),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Datetime(at) => json!(at.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => Json::Object(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), json_of(value.get_ref())))
                .collect(),
        ),
    }
}

impl Example {
    /// Evaluates the entry; returns what differs.
    pub(crate) fn run(&self, mapping: &Mapping, context: &Context) -> Vec<Problem> {
        let entry = self.entry(mapping.source_kind.ignores_case());
        let context = Context {
            now: self.now.unwrap_or(context.now),
            ..*context
        };
        let at = |place: &Range<usize>, message: String| {
            Problem::at(&mapping.name, &mapping.text, place.clone(), message)
        };
        match (mapping.evaluate(&entry, &context), &self.fails) {
            (Err(error), Some((words, place))) => {
                let told = error.to_string();
                if told.contains(words.as_str()) {
                    return Vec::new();
                }
                vec![at(
                    place,
                    format!("the example fails with other words: {told}"),
                )]
            }
            (Err(error), None) => vec![at(&self.place, format!("the example fails: {error}"))],
            (Ok(_), Some((_, place))) => {
                vec![at(place, "the example should fail and does not".to_owned())]
            }
            (Ok(mapped), None) => self
                .gives
                .iter()
                .filter_map(|expected| {
                    let message = expected.difference(&mapped)?;
                    Some(at(&expected.place, message))
                })
                .collect(),
        }
    }

    fn entry(&self, names_ignore_case: bool) -> Entry {
        let list = self
            .attributes
            .iter()
            .map(|(name, values)| Attribute {
                name: name.as_str().into(),
                values: values.clone(),
            })
            .collect();
        Entry {
            key: EntryKey::new("example"),
            kind: self.kind,
            locator: self.locator.clone(),
            attributes: Attributes::new(list, names_ignore_case),
            flaws: Vec::new(),
        }
    }
}

impl Expected {
    fn difference(&self, mapped: &Mapped) -> Option<String> {
        let given = if self.is_reference {
            self.references(mapped)
        } else {
            mapped.said.get(&self.unit).map(|value| match value {
                MappedValue::Empty => Json::Null,
                MappedValue::List(items) => Json::Array(items.clone()),
                MappedValue::Choice(values) => values.first().cloned().unwrap_or(Json::Null),
            })
        };
        if given == self.value {
            return None;
        }
        let shown = |value: &Option<Json>| match value {
            None => "nothing".to_owned(),
            Some(Json::Null) => "\"there is none\"".to_owned(),
            Some(value) => value.to_string(),
        };
        Some(format!(
            "the mapping gives {} for {}, the example expects {}",
            shown(&given),
            self.unit,
            shown(&self.value)
        ))
    }

    /// One reference as its text, several as a list.
    fn references(&self, mapped: &Mapped) -> Option<Json> {
        let texts: Vec<&str> = mapped
            .references
            .iter()
            .filter(|reference| reference.unit == self.unit)
            .map(|reference| reference.name.text.as_str())
            .collect();
        let is_list = matches!(self.value, Some(Json::Array(_)));
        match texts.as_slice() {
            [] if mapped.reference_units.contains(&self.unit) => Some(Json::Null),
            [] => None,
            [only] if !is_list => Some(json!(only)),
            many => Some(json!(many)),
        }
    }
}
