//! One JSON item becomes one entry. The shape of attributes is that of [`crate::json`], so a mapping works on an HTTP feed as on a file
//! of JSON lines.

use std::sync::Arc;

use rollcall_directory::entry::{Attribute, Attributes, Entry, EntryKeyError, Flaw, Kind, Locator};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::problem::Problem;
use crate::KindRequest;
use crate::json::{attributes_of, below_list, parse_strict};
use crate::key::key_of;
use crate::web::problem::Problem as WebProblem;

/// What an entry takes from an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: Kind,
    pub(crate) request: &'a KindRequest,
    pub(crate) unwrap_values: bool,
}

impl Shape<'_> {
    /// The entry that `item` at `place` stands for.
    pub(crate) fn entry(&self, item: &RawValue, place: String) -> Result<Entry, Problem> {
        let json = parse_strict(item.get().as_bytes()).map_err(|error| WebProblem::Item {
            place: place.clone(),
            why: error.to_string(),
        })?;
        let Json::Object(object) = json else {
            return Ok(self.no_object(place));
        };
        let (attributes, flaws) = attributes_of(object, self.unwrap_values);
        let key = match attributes.get(&self.request.key) {
            Some(values) => key_of(values, &self.request.key),
            None => Err(EntryKeyError::Empty),
        };
        Ok(Entry {
            key,
            kind: self.kind,
            locator: Locator::Item(place),
            attributes: self.wanted(attributes),
            flaws,
        })
    }

    fn no_object(&self, place: String) -> Entry {
        Entry {
            key: Err(EntryKeyError::Empty),
            kind: self.kind,
            locator: Locator::Item(place),
            attributes: Attributes::new(Vec::new(), false),
            flaws: vec![Flaw {
                attribute: String::new(),
                reason: "the item is no JSON object".to_owned(),
            }],
        }
    }

    /// The attributes that the mapping asked for. A name also asks for what is nested
    /// below it, and one below a list for that member of each object in it; and where the service says that a whole object is null, all that could
    /// have been in it is empty too, not unknown.
    fn wanted(&self, all: Attributes) -> Attributes {
        let Some(names) = &self.request.attributes else {
            return all;
        };
        let mut list: Vec<Attribute> = all
            .iter()
            .filter(|attribute| names.iter().any(|name| asks_for(name, &attribute.name)))
            .cloned()
            .collect();
        for name in names {
            if all.get(name).is_none()
                && let Some(values) = below_list(&all, name)
            {
                list.push(Attribute {
                    name: Arc::from(name.as_str()),
                    values,
                });
                continue;
            }
            let unset = all.get(name).is_none()
                && name.match_indices('.').any(|(dot, _)| {
                    let above = name.split_at(dot).0;
                    all.get(above).is_some_and(<[_]>::is_empty)
                });
            if unset {
                list.push(Attribute {
                    name: Arc::from(name.as_str()),
                    values: Vec::new(),
                });
            }
        }
        Attributes::new(list, false)
    }
}

fn asks_for(asked: &str, name: &str) -> bool {
    name.strip_prefix(asked)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
