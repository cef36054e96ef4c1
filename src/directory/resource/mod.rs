//! A resource that a client sends as a whole: checked and made canonical for POST
//! (RFC 7644 §3.3) and PUT (§3.5.1).
//!
//! Names are in any case and become the schema's; `id`, `meta`, `schemas` and whatever is
//! readOnly is ignored (§3.3, §3.5.1); types are checked by [`crate::value`]. Which schemas
//! a resource has follows from its data ([`schemas_of`]), not from what the client lists.
//!
//! What PUT leaves out is cleared (§3.5.1 allows it), except `password` and `active`: a
//! client that forgets these must not lock anybody out or in.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value as Json};

use crate::document::Document;
use crate::filter::is_present;
use crate::json::member;
use crate::member::{self, Member, MemberChange};
use crate::password::PasswordChange;
use crate::refusal::Refusal;
use crate::schema::{AttributeDefinition, Mutability, ResourceType};
use crate::value;
use crate::warning::{Notes, Strictness, Warning, WarningKind};

/// A resource, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What is kept of it.
    pub document: Document,
    /// The members of a group: at POST those that it has, at PUT what happens to them.
    /// `None` for other types, and where a POST names none.
    pub members: Option<MemberChange>,
    /// What happens to the password.
    pub password: PasswordChange,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Checks the body of a POST.
pub fn create(
    resource_type: &ResourceType,
    body: Json,
    strictness: Strictness,
) -> Result<Checked, Refusal> {
    let reader = Reader::new(resource_type, strictness);
    let checked = reader.read(body)?;
    check_required(resource_type, checked.document.as_object())?;
    Ok(checked)
}

/// Checks the body of a PUT that takes the place of `current`.
pub fn replace(
    resource_type: &ResourceType,
    body: Json,
    current: &Document,
    strictness: Strictness,
) -> Result<Checked, Refusal> {
    let reader = Reader::new(resource_type, strictness);
    let mut checked = reader.read(body)?;
    if resource_type.has_member_rows() && checked.members.is_none() {
        checked.members = Some(MemberChange::Clear);
    }
    for (extension, attribute) in resource_type.attributes() {
        carry_over(extension, attribute, current, &mut checked.document)?;
    }
    check_required(resource_type, checked.document.as_object())?;
    Ok(checked)
}

/// URNs of the schemas that a resource of this document has: the core schema, and each
/// extension with data (RFC 7643 §3.1 `schemas`).
#[must_use]
pub fn schemas_of<'r>(resource_type: &'r ResourceType, document: &Document) -> Vec<&'r str> {
    let extensions = resource_type
        .extensions
        .iter()
        .map(|extension| extension.schema.id.as_str())
        .filter(|urn| document.as_object().get(*urn).is_some_and(is_present));
    std::iter::once(resource_type.schema.id.as_str())
        .chain(extensions)
        .collect()
}

/// What a PUT cannot change stays.
fn carry_over(
    extension: Option<&str>,
    attribute: &AttributeDefinition,
    current: &Document,
    document: &mut Document,
) -> Result<(), Refusal> {
    let name = attribute.name.as_str();
    let of = |object: &Map<String, Json>| match extension {
        Some(urn) => object.get(urn)?.get(name).cloned(),
        None => object.get(name).cloned(),
    };
    let Some(old) = of(current.as_object()) else {
        return Ok(());
    };
    let new = of(document.as_object());
    let stays = match attribute.mutability {
        Mutability::ReadOnly => true,
        Mutability::Immutable if new.as_ref().is_some_and(|new| *new != old) => {
            return Err(Refusal::mutability(format!(
                "`{name}` cannot be changed once it is set"
            )));
        }
        Mutability::Immutable | Mutability::WriteOnly => new.is_none(),
        Mutability::ReadWrite => new.is_none() && extension.is_none() && name == "active",
    };
    if stays {
        put(document.as_object_mut(), extension, name, old);
    }
    Ok(())
}

fn put(object: &mut Map<String, Json>, extension: Option<&str>, name: &str, value: Json) {
    let object = match extension {
        Some(urn) => object
            .entry(urn)
            .or_insert_with(|| Json::Object(Map::new()))
            .as_object_mut(),
        None => Some(object),
    };
    if let Some(object) = object {
        object.insert(name.to_owned(), value);
    }
}

/// RFC 7643 §2.2 `required`. The attributes of an extension are only required where there
/// is data of it, or where the extension itself is required.
pub(crate) fn check_required(
    resource_type: &ResourceType,
    document: &Map<String, Json>,
) -> Result<(), Refusal> {
    check_parts(&resource_type.schema.attributes, document, "")?;
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match document.get(urn).and_then(Json::as_object) {
            Some(data) => {
                check_parts(&extension.schema.attributes, data, &format!("{urn}:"))?;
            }
            None if extension.required => {
                return Err(Refusal::value(format!("`{urn}` is required")));
            }
            None => {}
        }
    }
    Ok(())
}

fn check_parts(
    attributes: &[AttributeDefinition],
    object: &Map<String, Json>,
    prefix: &str,
) -> Result<(), Refusal> {
    for attribute in attributes {
        let value = object.get(&attribute.name);
        if attribute.required && !attribute.is_read_only() && !value.is_some_and(is_present) {
            return Err(Refusal::value(format!(
                "`{prefix}{}` is required",
                attribute.name
            )));
        }
        if !attribute.sub_attributes.iter().any(|sub| sub.required) {
            continue;
        }
        let values = match value {
            Some(Json::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        let prefix = format!("{prefix}{}.", attribute.name);
        for parts in values.iter().filter_map(Json::as_object) {
            check_parts(&attribute.sub_attributes, parts, &prefix)?;
        }
    }
    Ok(())
}

struct Reader<'r> {
    resource_type: &'r ResourceType,
    notes: Notes,
    document: Map<String, Json>,
    members: Option<Vec<Member>>,
    password: PasswordChange,
}

impl<'r> Reader<'r> {
    fn new(resource_type: &'r ResourceType, strictness: Strictness) -> Self {
        Self {
            resource_type,
            notes: Notes::new(strictness),
            document: Map::new(),
            members: None,
            password: PasswordChange::Keep,
        }
    }

    fn read(mut self, body: Json) -> Result<Checked, Refusal> {
        let Json::Object(body) = body else {
            return Err(Refusal::syntax("the body must be a JSON object"));
        };
        self.check_schemas(&body)?;
        for (name, value) in body {
            self.read_member(&name, value)?;
        }
        let members = self.members.map(|members| match members {
            none if none.is_empty() => MemberChange::Clear,
            members => MemberChange::Replace(members),
        });
        Ok(Checked {
            document: self.document.into(),
            members,
            password: self.password,
            warnings: self.notes.into_warnings(),
        })
    }

    /// RFC 7643 §3: a representation must say which schemas it uses.
    fn check_schemas(&mut self, body: &Map<String, Json>) -> Result<(), Refusal> {
        let core = &self.resource_type.schema.id;
        let listed = member(body, "schemas").and_then(Json::as_array);
        let Some(listed) = listed else {
            return Err(Refusal::syntax(format!(
                "`schemas` must be a list with \"{core}\""
            )));
        };
        let mut has_core = false;
        for urn in listed {
            let Some(urn) = urn.as_str() else {
                return Err(Refusal::syntax("`schemas` must be a list of URNs"));
            };
            if urn.eq_ignore_ascii_case(core) {
                has_core = true;
            } else if self.resource_type.extension(urn).is_none() {
                let detail = format!("{urn} is no schema of this resource type");
                self.notes
                    .odd(WarningKind::UnknownSchema, "schemas", &detail)?;
            }
        }
        if has_core {
            Ok(())
        } else {
            Err(Refusal::syntax(format!("`schemas` must hold \"{core}\"")))
        }
    }

    fn read_member(&mut self, name: &str, value: Json) -> Result<(), Refusal> {
        if let Some(extension) = self.resource_type.extension(name) {
            let urn = extension.schema.id.as_str();
            let attributes = match value {
                Json::Null => return Ok(()),
                Json::Object(attributes) => attributes,
                _ => return Err(Refusal::value(format!("`{urn}` must be an object"))),
            };
            for (name, value) in attributes {
                let attribute = extension.schema.attribute(&name);
                self.read_attribute(Some(urn), attribute, &name, value)?;
            }
            return Ok(());
        }
        let attribute = self.resource_type.attribute(name);
        self.read_attribute(None, attribute, name, value)
    }

    fn read_attribute(
        &mut self,
        extension: Option<&str>,
        attribute: Option<&AttributeDefinition>,
        name: &str,
        value: Json,
    ) -> Result<(), Refusal> {
        let path = |name: &str| match extension {
            Some(urn) => format!("{urn}:{name}"),
            None => name.to_owned(),
        };
        let Some(attribute) = attribute else {
            let detail = "no schema knows this attribute";
            return self
                .notes
                .odd(WarningKind::UnknownAttribute, &path(name), detail);
        };
        if attribute.is_read_only() {
            return Ok(());
        }
        match attribute.name.as_str() {
            "members" if extension.is_none() && self.resource_type.has_member_rows() => {
                self.members = Some(member::read(&value, &mut self.notes)?);
            }
            "password" if extension.is_none() => {
                self.password = PasswordChange::read(value)?;
            }
            name => {
                let value = value::read(attribute, &path(name), value, &mut self.notes)?;
                if let Some(value) = value {
                    put(&mut self.document, extension, name, value);
                }
            }
        }
        Ok(())
    }
}
