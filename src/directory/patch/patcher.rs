//! Applies one operation after the other to a copy of the document.

use serde_json::{Map, Value as Json};

use super::list::{append, remove};
use super::parts::{container, list_of, prune, set_in, set_part};
use super::refusals::{immutable, missing_value, read_only, required};
use super::request::read_path;
use super::{Operation, OperationKind, Patched, members};
use crate::document::Document;
use crate::member::MemberChange;
use crate::password::PasswordChange;
use crate::path::Path;
use crate::refusal::{Refusal, ScimType};
use crate::schema::{
    AttributeDefinition, AttributeType, Extension, Found, Mutability, Place, ResourceType,
};
use crate::value::{self, last_segment};
use crate::warning::{Notes, Strictness, WarningKind};

use OperationKind::{Add, Remove, Replace};

pub(super) struct Patcher<'r> {
    pub(super) resource_type: &'r ResourceType,
    pub(super) id: &'r str,
    pub(super) document: Map<String, Json>,
    pub(super) members: Vec<MemberChange>,
    pub(super) password: PasswordChange,
    pub(super) notes: Notes,
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

    pub(super) fn is_members(&self, found: Found<'_>) -> bool {
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
        remove(list, &named, definition);
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
            return set_part(list, &at, kind, sub, new.as_ref());
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
    pub(super) fn part(
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
}
