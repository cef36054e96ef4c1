//! One SCIM resource becomes one entry, in the shape of [`crate::json`]: `name.givenName`
//! is an attribute of that name, `emails` is a list of JSON objects, and `emails.value`
//! are the values of all of them. What belongs to an extension has its URN before it.
//!
//! An attribute that is missing is unassigned (RFC 7643 §2.5): the service says that there
//! is none. Three things a missing attribute does not say: what the service returns only on
//! request or never; that somebody is not active; that a group has no members.

use rollcall_directory::entry::{
    Attribute, Attributes, Entry, EntryKeyError, Flaw, Kind, Locator, Value,
};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::announced;
use super::base::endpoint;
use super::problem::Problem;
use crate::KindRequest;
use crate::json::{attributes_of, below_list, parse_strict};
use crate::key::key_of;
use crate::web::problem::Problem as WebProblem;

/// The key of every entry (RFC 7643 §3.1): it never changes, and one resource is asked for
/// by it.
pub(crate) const KEY: &str = "id";
/// A group's members, whose absence proves nothing: many services leave them out of lists.
pub(crate) const MEMBERS: &str = "members";
/// Never returned, whatever the schema says (RFC 7643 §9.2).
const PASSWORD: &str = "password";
/// A service without the attribute would otherwise lock everybody out.
const ACTIVE: &str = "active";

/// What an entry takes from a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape<'a> {
    pub(crate) kind: Kind,
    pub(crate) request: &'a KindRequest,
    pub(crate) announced: &'a announced::Attributes,
}

impl Shape<'_> {
    /// The entry that `resource` at `place` stands for.
    pub(crate) fn entry(&self, resource: &RawValue, place: &str) -> Result<Entry, Problem> {
        let json = parse_strict(resource.get().as_bytes()).map_err(|error| WebProblem::Item {
            place: place.to_owned(),
            why: error.to_string(),
        })?;
        let Json::Object(object) = json else {
            return Ok(self.no_object(place));
        };
        let (attributes, flaws) = attributes_of(object, false);
        let attributes = Attributes::new(attributes.iter().cloned().collect(), true);
        let key = match attributes.get(KEY) {
            Some(values) => key_of(values, KEY),
            None => Err(EntryKeyError::Empty),
        };
        let locator = match &key {
            Ok(id) => format!("{}/{id}", endpoint(self.kind)),
            Err(_) => place.to_owned(),
        };
        Ok(Entry {
            key,
            kind: self.kind,
            locator: Locator::Item(locator),
            attributes: self.wanted(attributes),
            flaws: self.wanted_flaws(flaws),
        })
    }

    /// Whether a group came without its members, and they are asked for.
    pub(crate) fn lacks_members(&self, entry: &Entry) -> bool {
        let asked = |names: &Vec<String>| names.iter().any(|name| is_members(name));
        self.kind == Kind::Group
            && self.request.attributes.as_ref().is_none_or(asked)
            && !entry.attributes.iter().any(|a| is_members(&a.name))
    }

    /// The group with the word that it has no members.
    pub(crate) fn without_members(&self, mut entry: Entry) -> Entry {
        let all = [MEMBERS.to_owned()];
        let names = self.request.attributes.as_deref().unwrap_or(&all);
        let none = names.iter().filter(|name| is_members(name));
        let list = entry.attributes.iter().cloned();
        let list = list.chain(none.map(|name| attribute(name, Vec::new())));
        entry.attributes = Attributes::new(list.collect(), true);
        entry
    }

    fn no_object(&self, place: &str) -> Entry {
        Entry {
            key: Err(EntryKeyError::Empty),
            kind: self.kind,
            locator: Locator::Item(place.to_owned()),
            attributes: Attributes::new(Vec::new(), true),
            flaws: vec![Flaw {
                attribute: String::new(),
                reason: "the resource is no JSON object".to_owned(),
            }],
        }
    }

    /// The attributes that the mapping asked for, in its spelling. A name also asks for
    /// what is nested below it.
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
            if list.iter().any(|attribute| asks_for(name, &attribute.name)) {
                continue;
            }
            let values = below_list(&all, name);
            if values.is_some() || self.says_that_there_is_none(name, &all) {
                list.push(attribute(name, values.unwrap_or_default()));
            }
        }
        Attributes::new(list, true)
    }

    /// What a missing attribute says; see the module.
    fn says_that_there_is_none(&self, name: &str, all: &Attributes) -> bool {
        if self.kind == Kind::Group && is_members(name) {
            // `[]` and null are words; only no word at all is none.
            return all.get(MEMBERS).is_some();
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        !is(ACTIVE) && !is(PASSWORD) && !self.announced.leaves_out(name)
    }

    /// A broken photo that nobody asked for quarantines nobody.
    fn wanted_flaws(&self, mut flaws: Vec<Flaw>) -> Vec<Flaw> {
        if let Some(names) = &self.request.attributes {
            flaws.retain(|flaw| {
                let asked = |name: &String| {
                    asks_for(name, &flaw.attribute) || asks_for(&flaw.attribute, name)
                };
                asks_for(KEY, &flaw.attribute) || names.iter().any(asked)
            });
        }
        flaws
    }
}

fn attribute(name: &str, values: Vec<Value>) -> Attribute {
    Attribute {
        name: name.into(),
        values,
    }
}

fn is_members(name: &str) -> bool {
    asks_for(MEMBERS, name)
}

/// Whether `name` is what is asked for, or nested below it, in any case.
fn asks_for(asked: &str, name: &str) -> bool {
    let Some((head, rest)) = name.split_at_checked(asked.len()) else {
        return false;
    };
    head.eq_ignore_ascii_case(asked) && (rest.is_empty() || rest.starts_with('.'))
}
