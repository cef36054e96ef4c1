//! Applies one operation after the other to a copy of the document.

use serde_json::{Map, Value as Json};

use super::list::{append, check_length, is_meant, merge, only_primary};
use super::request::read_path;
use super::{Operation, OperationKind, Patched, members};
use crate::document::Document;
use crate::filter::{Condition, Filter, Literal};
use crate::member::MemberChange;
use crate::password::PasswordChange;
use crate::path::Path;
use crate::refusal::{Refusal, ScimType};
use crate::schema::{
    AttributeDefinition, AttributeType, Extension, Found, Mutability, Place, ResourceType,
};
use crate::value::{self, is_primary, last_segment};
use crate::warning::{Notes, Strictness, WarningKind};

use OperationKind::{Add, Remove, Replace};

pub(super) struct Patcher<'r> {
    resource_type: &'r ResourceType,
    id: &'r str,
    document: Map<String, Json>,
    members: Vec<MemberChange>,
    password: PasswordChange,
    notes: Notes,
}

impl<'r> Patcher<'r> {
    pub(super) fn new(
        resource_type: &'r ResourceType,
        id: &'r str,
        current: &Document,
        strictness: Strictness,
    ) -> Self {
        Self {
            resource_type,
            id,
            document: current.as_object().clone(),
            members: Vec::new(),
            password: PasswordChange::Keep,
            notes: Notes::new(strictness),
        }
    }

    pub(super) fn finish(mut self, current: &Document) -> Patched {
        self.document.retain(|_, value| !prune(value));
        let document = Document::from(self.document);
        Patched {
            changed: document != *current || self.password != PasswordChange::Keep,
            document,
            members: self.members,
            password: self.password,
            warnings: self.notes.into_warnings(),
        }
    }

    pub(super) fn operation(&mut self, operation: &Operation) -> Result<(), Refusal> {
        let value = operation.value.as_ref();
        match &operation.path {
            None => self.resource(operation.kind, value),
            Some(path) => self.at(operation.kind, path, value),
        }
    }

    /// Without a path: each member of the value is an operation of its own (§3.5.2.1).
    fn resource(&mut self, kind: OperationKind, value: Option<&Json>) -> Result<(), Refusal> {
        if kind == Remove {
            return Err(Refusal::new(
                ScimType::NoTarget,
                "`remove` needs a `path`: say what to remove",
            ));
        }
        let Some(Json::Object(members)) = value else {
            return Err(Refusal::value(
                "without a `path`, `value` must be an object of attributes",
            ));
        };
        for (name, value) in members {
            self.named(kind, name, value)?;
        }
        Ok(())
    }

    fn named(&mut self, kind: OperationKind, name: &str, value: &Json) -> Result<(), Refusal> {
        let resource_type = self.resource_type;
        if let Some(extension) = resource_type.extension(name) {
            return self.extension(kind, extension, Some(value));
        }
        if let Some(attribute) = resource_type.attribute(name) {
            let found = Found {
                extension: None,
                attribute,
                sub: None,
            };
            return self.passed_over(found, kind, value);
        }
        if name.contains(['.', ':', '[']) {
            let path = read_path(name)?;
            if self.place(&path).is_ok() {
                self.notes
                    .odd(WarningKind::Coerced, name, "a path where a name belongs")?;
                return self.at(kind, &path, Some(value));
            }
        }
        let detail = "no schema knows this attribute";
        self.notes.odd(WarningKind::UnknownAttribute, name, detail)
    }

    /// An attribute of an object of attributes: what is readOnly is passed over.
    fn passed_over(
        &mut self,
        found: Found<'r>,
        kind: OperationKind,
        value: &Json,
    ) -> Result<(), Refusal> {
        if found.attribute.is_read_only() && found.attribute.name != "id" {
            return Ok(());
        }
        self.attribute(kind, found, Some(value))
    }

    fn extension(
        &mut self,
        kind: OperationKind,
        extension: &'r Extension,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let urn = extension.schema.id.as_str();
        match (kind, value) {
            (Remove, _) | (Replace, Some(Json::Null)) => {
                if extension.required {
                    return Err(Refusal::mutability(format!("`{urn}` is required")));
                }
                self.document.shift_remove(urn);
                Ok(())
            }
            (Add, Some(Json::Null)) => Ok(()),
            (_, Some(Json::Object(attributes))) => {
                for (name, value) in attributes {
                    let Some(attribute) = extension.schema.attribute(name) else {
                        let path = format!("{urn}:{name}");
                        let detail = "no schema knows this attribute";
                        self.notes
                            .odd(WarningKind::UnknownAttribute, &path, detail)?;
                        continue;
                    };
                    let found = Found {
                        extension: Some(urn),
                        attribute,
                        sub: None,
                    };
                    self.passed_over(found, kind, value)?;
                }
                Ok(())
            }
            _ => Err(Refusal::value(format!(
                "`value` for `{urn}` must be an object of attributes"
            ))),
        }
    }

    fn place(&self, path: &Path) -> Result<Place<'r>, Refusal> {
        self.resource_type
            .place(&path.attribute)
            .map_err(|unknown| Refusal::new(ScimType::InvalidPath, unknown.to_string()))
    }

    fn at(
        &mut self,
        kind: OperationKind,
        path: &Path,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        match (self.place(path)?, &path.selector) {
            (Place::Attribute(found), Some(filter)) => self.selected(kind, found, filter, value),
            (Place::Attribute(found), None) if found.sub.is_some() => {
                self.sub_attribute(kind, found, value)
            }
            (Place::Attribute(found), None) => self.attribute(kind, found, value),
            (Place::Extension(extension), None) => self.extension(kind, extension, value),
            (Place::Resource, None) => self.resource(kind, value),
            (_, Some(_)) => Err(Refusal::new(
                ScimType::InvalidPath,
                "brackets cannot stand behind a schema",
            )),
        }
    }

    fn attribute(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        if definition.is_read_only() {
            return self.read_only(found, kind, value);
        }
        if found.extension.is_none() && definition.name == "password" {
            self.password = match (kind, value) {
                (Remove, _) => PasswordChange::Clear,
                (_, Some(value)) => PasswordChange::read(value.clone())?,
                (_, None) => return Err(missing_value()),
            };
            return Ok(());
        }
        if self.is_members(found) {
            let change = members::all(kind, value, &mut self.notes)?;
            self.members.extend(change);
            return Ok(());
        }
        let path = found.path();
        match (kind, value) {
            (Remove, Some(value)) if definition.multi_valued && !value.is_null() => {
                self.remove_values(found, value)
            }
            (Remove, _) => self.clear(found, ScimType::Mutability),
            (_, None) => Err(missing_value()),
            (_, Some(Json::Object(parts)))
                if definition.kind == AttributeType::Complex && !definition.multi_valued =>
            {
                self.merge_parts(found, parts)
            }
            (_, Some(value)) => {
                match value::read(definition, &path, value.clone(), &mut self.notes)? {
                    Some(new) => self.put(kind, found, new),
                    None if kind == Replace => self.clear(found, ScimType::InvalidValue),
                    None => Ok(()),
                }
            }
        }
    }

    /// `id` may be said again; `schemas` follows from the data.
    fn read_only(
        &self,
        found: Found<'_>,
        kind: OperationKind,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        match found.attribute.name.as_str() {
            "schemas" if kind != Remove => Ok(()),
            "id" if kind != Remove && matches!(value, Some(Json::String(id)) if id == self.id) => {
                Ok(())
            }
            "id" if kind != Remove && value.is_some_and(Json::is_null) => Ok(()),
            _ => Err(read_only(&found)),
        }
    }

    fn is_members(&self, found: Found<'_>) -> bool {
        found.extension.is_none()
            && found.attribute.name == "members"
            && self.resource_type.has_member_rows()
    }

    fn put(&mut self, kind: OperationKind, found: Found<'r>, new: Json) -> Result<(), Refusal> {
        let definition = found.attribute;
        let object = container(&mut self.document, found.extension)?;
        if definition.mutability == Mutability::Immutable
            && object.get(&definition.name).is_some_and(|old| *old != new)
        {
            return Err(immutable(&found));
        }
        match (object.get_mut(&definition.name), new) {
            (Some(Json::Array(list)), Json::Array(new)) if kind == Add => {
                append(list, new, definition)
            }
            (_, new) => {
                object.insert(definition.name.clone(), new);
                Ok(())
            }
        }
    }

    /// Takes an attribute away. Of a required one that is refused, as `refused`.
    fn clear(&mut self, found: Found<'r>, refused: ScimType) -> Result<(), Refusal> {
        let object = container(&mut self.document, found.extension)?;
        if found.attribute.required {
            return Err(Refusal::new(
                refused,
                format!("`{}` is required and cannot be removed", found.path()),
            ));
        }
        let old = object.get(&found.attribute.name);
        if old.is_some() && found.attribute.mutability == Mutability::Immutable {
            return Err(immutable(&found));
        }
        object.shift_remove(&found.attribute.name);
        Ok(())
    }

    /// `remove` with values, as Entra ID sends it: those values and no others.
    fn remove_values(&mut self, found: Found<'r>, value: &Json) -> Result<(), Refusal> {
        let definition = found.attribute;
        let path = found.path();
        let named = value::read(definition, &path, value.clone(), &mut self.notes)?;
        let Some(Json::Array(named)) = named else {
            return Ok(());
        };
        let object = container(&mut self.document, found.extension)?;
        let Some(Json::Array(list)) = object.get_mut(&definition.name) else {
            return Ok(());
        };
        list.retain(|old| !named.iter().any(|named| is_meant(old, named, definition)));
        if list.is_empty() && definition.required {
            return Err(required(&found));
        }
        Ok(())
    }

    /// A complex attribute of one value: what is not named stays (§3.5.2.3).
    fn merge_parts(&mut self, found: Found<'r>, parts: &Map<String, Json>) -> Result<(), Refusal> {
        let definition = found.attribute;
        let path = found.path();
        let new = value::read_one(
            definition,
            &path,
            Json::Object(parts.clone()),
            &mut self.notes,
        )?;
        let object = container(&mut self.document, found.extension)?;
        let old = object.get(&definition.name);
        if old.is_some_and(|old| Some(old) != new.as_ref())
            && definition.mutability == Mutability::Immutable
        {
            return Err(immutable(&found));
        }
        let old = object
            .entry(definition.name.as_str())
            .or_insert_with(|| Json::Object(Map::new()));
        let Json::Object(old) = old else {
            return Ok(());
        };
        let new = match new {
            Some(Json::Object(new)) => new,
            _ => Map::new(),
        };
        for (name, part) in parts {
            let sub = definition.sub(name).filter(|sub| !sub.is_read_only());
            if let Some(sub) = sub
                && sub.name != "$ref"
                && (part.is_null() || !new.contains_key(&sub.name))
            {
                old.shift_remove(&sub.name);
            }
        }
        old.extend(new);
        Ok(())
    }

    /// `name.givenName`, or `emails.value` for every value of the list.
    fn sub_attribute(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        let Some(sub) = found.sub else {
            return Ok(());
        };
        if definition.is_read_only() || (sub.is_read_only() && sub.name != "$ref") {
            return Err(read_only(&found));
        }
        if self.is_members(found) {
            return Err(Refusal::new(
                ScimType::InvalidPath,
                "members are changed as a whole or by members[value eq \"…\"]",
            ));
        }
        let (sub, new) = self.part(kind, found, sub, value)?;
        if definition.multi_valued {
            let list = list_of(&mut self.document, found)?;
            if list.is_empty() && new.is_some() {
                list.push(Json::Object(Map::new()));
            }
            let at: Vec<usize> = (0..list.len()).collect();
            return set_part(list, &at, kind, sub, new);
        }
        let object = container(&mut self.document, found.extension)?;
        let Some(new) = new else {
            let old = object.get_mut(&definition.name);
            if let Some(old) = old.and_then(Json::as_object_mut) {
                old.shift_remove(&sub.name);
            }
            return Ok(());
        };
        let old = object
            .entry(definition.name.as_str())
            .or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(old) = old {
            set_in(old, kind, sub, new);
        }
        Ok(())
    }

    /// The sub-attribute that is written and its new value; `None` takes it away. The URI
    /// of a single reference stands for its id.
    fn part(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        sub: &'r AttributeDefinition,
        value: Option<&Json>,
    ) -> Result<(&'r AttributeDefinition, Option<Json>), Refusal> {
        let id_of_uri = |value: &Json| value.as_str().and_then(last_segment).map(Json::from);
        let single_uri = sub.name == "$ref" && !found.attribute.multi_valued;
        let (sub, value) = match found.attribute.sub("value") {
            Some(id) if single_uri => (id, value.and_then(id_of_uri)),
            _ => (sub, value.cloned()),
        };
        let new = match (kind, value) {
            (Remove, _) => None,
            (_, None) => return Err(missing_value()),
            (_, Some(value)) => {
                let path = Found {
                    sub: Some(sub),
                    ..found
                }
                .path();
                value::read(sub, &path, value, &mut self.notes)?
            }
        };
        if new.is_none() && sub.required {
            return Err(required(&Found {
                sub: Some(sub),
                ..found
            }));
        }
        Ok((sub, new))
    }

    /// `emails[type eq "work"]`, `emails[type eq "work"].value`.
    fn selected(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        filter: &Filter,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        if definition.is_read_only() || found.sub.is_some_and(AttributeDefinition::is_read_only) {
            return Err(read_only(&found));
        }
        if self.is_members(found) {
            let notes = &mut self.notes;
            let changes = members::selected(kind, filter, found.sub, definition, value, notes)?;
            self.members.extend(changes);
            return Ok(());
        }
        if !definition.multi_valued {
            return Err(Refusal::new(
                ScimType::InvalidPath,
                format!(
                    "`{}` is no list: brackets select nothing in it",
                    definition.name
                ),
            ));
        }
        let condition = filter.resolve_within(definition)?;
        let at = self.matching(found, &condition)?;
        match found.sub {
            Some(sub) => {
                let (sub, new) = self.part(kind, found, sub, value)?;
                if !at.is_empty() || new.is_none() {
                    let list = list_of(&mut self.document, found)?;
                    return set_part(list, &at, kind, sub, new);
                }
                let mut made = self.made_by(filter, definition, &found)?;
                made.extend(new.map(|new| (sub.name.clone(), new)));
                self.push(found, made)
            }
            None if kind == Remove || (kind == Replace && value.is_some_and(Json::is_null)) => {
                let list = list_of(&mut self.document, found)?;
                list.retain(|element| !condition.matches_value(element));
                if list.is_empty() && definition.required {
                    return Err(required(&found));
                }
                Ok(())
            }
            None => self.whole_values(kind, found, filter, &at, value),
        }
    }

    fn matching(&mut self, found: Found<'_>, condition: &Condition) -> Result<Vec<usize>, Refusal> {
        let list = list_of(&mut self.document, found)?;
        let matching = list
            .iter()
            .enumerate()
            .filter(|(_, element)| condition.matches_value(element));
        Ok(matching.map(|(index, _)| index).collect())
    }

    fn whole_values(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        filter: &Filter,
        at: &[usize],
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        if at.is_empty() {
            return Err(no_target(&found));
        }
        let mut value = value.ok_or_else(missing_value)?;
        if let Json::Array(items) = value
            && let [one] = items.as_slice()
        {
            value = one;
        }
        let path = found.path();
        let new = value::read_one(definition, &path, value.clone(), &mut self.notes)?;
        let Some(new) = new else {
            return Err(missing_value());
        };
        let stays = match (kind, &new) {
            (Replace, Json::Object(_)) => self.made_by(filter, definition, &found).ok(),
            _ => None,
        };
        let list = list_of(&mut self.document, found)?;
        for index in at {
            let Some(old) = list.get_mut(*index) else {
                continue;
            };
            match (old, &new) {
                (Json::Object(old), Json::Object(new)) if kind == Add => {
                    merge(old, new.clone(), definition);
                }
                (old, Json::Object(parts)) => {
                    let mut whole = stays.clone().unwrap_or_default();
                    whole.extend(parts.clone());
                    *old = Json::Object(whole);
                }
                (old, new) => *old = new.clone(),
            }
        }
        keep_one_primary(list, at, is_primary(&new))
    }

    /// The value that brackets describe, if they are equalities.
    fn made_by(
        &mut self,
        filter: &Filter,
        definition: &AttributeDefinition,
        found: &Found<'_>,
    ) -> Result<Map<String, Json>, Refusal> {
        let equalities = filter.equalities().ok_or_else(|| no_target(found))?;
        let mut made = Map::new();
        for (path, literal) in equalities {
            let sub = definition
                .sub(&path.name)
                .filter(|sub| !sub.is_read_only())
                .ok_or_else(|| no_target(found))?;
            let value = match literal {
                Literal::Null => continue,
                Literal::Boolean(flag) => Json::from(*flag),
                Literal::Number(number) => Json::Number(number.clone()),
                Literal::Text(text) => Json::from(text.as_str()),
            };
            let path = format!("{}.{}", definition.name, sub.name);
            if let Some(value) = value::read(sub, &path, value, &mut self.notes)? {
                made.insert(sub.name.clone(), value);
            }
        }
        Ok(made)
    }

    fn push(&mut self, found: Found<'_>, made: Map<String, Json>) -> Result<(), Refusal> {
        let list = list_of(&mut self.document, found)?;
        let made = Json::Object(made);
        let primary = is_primary(&made);
        list.push(made);
        if primary {
            let last = list.len() - 1;
            only_primary(list, last);
        }
        check_length(list, found.attribute)
    }
}

/// Sets or takes a sub-attribute of the values at `at`; values without any part go.
fn set_part(
    list: &mut Vec<Json>,
    at: &[usize],
    kind: OperationKind,
    sub: &AttributeDefinition,
    new: Option<Json>,
) -> Result<(), Refusal> {
    let becomes_primary = sub.name == "primary" && new == Some(Json::Bool(true));
    for index in at {
        let Some(Json::Object(parts)) = list.get_mut(*index) else {
            continue;
        };
        let differs = parts.get(&sub.name) != new.as_ref();
        if differs && parts.contains_key(&sub.name) && sub.mutability == Mutability::Immutable {
            return Err(Refusal::mutability(format!(
                "`{}` cannot be changed once it is set",
                sub.name
            )));
        }
        match &new {
            Some(new) => set_in(parts, kind, sub, new.clone()),
            None => {
                parts.shift_remove(&sub.name);
            }
        }
    }
    keep_one_primary(list, at, becomes_primary)?;
    list.retain(|element| !element.as_object().is_some_and(Map::is_empty));
    Ok(())
}

/// Adds to a sub-attribute that is a list, sets any other.
fn set_in(
    parts: &mut Map<String, Json>,
    kind: OperationKind,
    sub: &AttributeDefinition,
    new: Json,
) {
    match (parts.get_mut(&sub.name), new) {
        (Some(Json::Array(old)), Json::Array(new)) if kind == Add => {
            for value in new {
                if !old.contains(&value) {
                    old.push(value);
                }
            }
        }
        (_, new) => {
            parts.insert(sub.name.clone(), new);
        }
    }
}

fn keep_one_primary(list: &mut [Json], at: &[usize], becomes_primary: bool) -> Result<(), Refusal> {
    match at {
        _ if !becomes_primary => Ok(()),
        [one] => {
            only_primary(list, *one);
            Ok(())
        }
        _ => Err(Refusal::value(
            "several values would be primary; one at most can be",
        )),
    }
}

/// The object that holds an attribute: the document, or an extension's.
fn container<'d>(
    document: &'d mut Map<String, Json>,
    extension: Option<&str>,
) -> Result<&'d mut Map<String, Json>, Refusal> {
    match extension {
        None => Ok(document),
        Some(urn) => document
            .entry(urn)
            .or_insert_with(|| Json::Object(Map::new()))
            .as_object_mut()
            .ok_or_else(|| Refusal::value(format!("`{urn}` is stored as something else"))),
    }
}

/// The values of a multi-valued attribute.
fn list_of<'d>(
    document: &'d mut Map<String, Json>,
    found: Found<'_>,
) -> Result<&'d mut Vec<Json>, Refusal> {
    let name = found.attribute.name.as_str();
    container(document, found.extension)?
        .entry(name)
        .or_insert_with(|| Json::Array(Vec::new()))
        .as_array_mut()
        .ok_or_else(|| Refusal::value(format!("`{name}` is stored as something else")))
}

/// Takes out what is empty; tells whether nothing remains.
fn prune(value: &mut Json) -> bool {
    match value {
        Json::Object(parts) => {
            parts.retain(|_, part| !prune(part));
            parts.is_empty()
        }
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn missing_value() -> Refusal {
    Refusal::value("`value` is missing")
}

fn no_target(found: &Found<'_>) -> Refusal {
    Refusal::new(
        ScimType::NoTarget,
        format!(
            "no value of `{}` fulfils the filter in brackets",
            found.attribute.name
        ),
    )
}

fn read_only(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!("`{}` is readOnly", found.path()))
}

fn immutable(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!(
        "`{}` cannot be changed once it is set",
        found.path()
    ))
}

fn required(found: &Found<'_>) -> Refusal {
    Refusal::mutability(format!(
        "`{}` is required and cannot be removed",
        found.path()
    ))
}
