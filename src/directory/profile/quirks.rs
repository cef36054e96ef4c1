//! The quirks, one constant and one function each.

use serde_json::{Map, Value as Json};

use crate::schema::{ENTERPRISE_USER, ResourceType};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const LEGACY_CORE: &str = "urn:scim:schemas:core:1.0";
const LEGACY_ENTERPRISE: &str = "urn:scim:schemas:extension:enterprise:1.0";

/// A client's own way of spelling something.
#[derive(Clone, Copy)]
pub struct Quirk {
    /// Its name, for logs and JSON.
    pub name: &'static str,
    /// What it is, and what was made of it.
    pub description: &'static str,
    /// In which bodies it occurs: of resources, of PATCH.
    bodies: (bool, bool),
    /// Puts a body right; tells whether there was something to put right.
    put_right: fn(&ResourceType, &mut Json) -> bool,
}

/// Schemas of SCIM 1.x, which `OneLogin` sends by default.
pub const LEGACY_URN: Quirk = Quirk {
    name: "legacy-urn",
    description: "schemas of SCIM 1.x were taken as those of 2.0",
    bodies: (true, false),
    put_right: legacy_urn,
};

/// A schema of Microsoft's own, which Entra ID sends with groups.
pub const FOREIGN_SCHEMA: Quirk = Quirk {
    name: "foreign-schema",
    description: "a schema of Microsoft's own was left out",
    bodies: (true, false),
    put_right: foreign_schema,
};

/// `managerId` in the enterprise extension, as in `OneLogin`'s template.
pub const MANAGER_ID: Quirk = Quirk {
    name: "manager-id",
    description: "managerId was taken as manager.value",
    bodies: (true, false),
    put_right: manager_id,
};

/// `""` where there is no value, as in Okta's `"middleName": ""`.
pub const EMPTY_TEXT: Quirk = Quirk {
    name: "empty-text",
    description: "empty texts were taken as no value",
    bodies: (true, true),
    put_right: |_, body| empty_text(body),
};

/// A PATCH that does not say that it is one.
pub const PATCH_WITHOUT_SCHEMAS: Quirk = Quirk {
    name: "patch-without-schemas",
    description: "`schemas` with PatchOp was added",
    bodies: (false, true),
    put_right: patch_without_schemas,
};

/// One operation where a list of them belongs.
pub const LONE_OPERATION: Quirk = Quirk {
    name: "lone-operation",
    description: "a single operation was taken as a list of one",
    bodies: (false, true),
    put_right: lone_operation,
};

impl Quirk {
    pub(super) fn applies(&self, is_patch: bool) -> bool {
        if is_patch {
            self.bodies.1
        } else {
            self.bodies.0
        }
    }

    pub(super) fn put_right(&self, resource_type: &ResourceType, body: &mut Json) -> bool {
        (self.put_right)(resource_type, body)
    }
}

impl PartialEq for Quirk {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Quirk {}

impl std::fmt::Debug for Quirk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn legacy_urn(resource_type: &ResourceType, body: &mut Json) -> bool {
    let Some(object) = body.as_object_mut() else {
        return false;
    };
    let today = |urn: &str| match urn {
        _ if urn.eq_ignore_ascii_case(LEGACY_CORE) => Some(resource_type.schema.id.clone()),
        _ if urn.eq_ignore_ascii_case(LEGACY_ENTERPRISE) => Some(ENTERPRISE_USER.to_owned()),
        _ => None,
    };
    let mut met = false;
    for urn in schemas(object).into_iter().flatten() {
        if let Some(new) = urn.as_str().and_then(today) {
            *urn = new.into();
            met = true;
        }
    }
    let old = object
        .keys()
        .find(|name| name.eq_ignore_ascii_case(LEGACY_ENTERPRISE))
        .cloned();
    if let Some(data) = old.and_then(|name| object.shift_remove(&name)) {
        object.entry(ENTERPRISE_USER).or_insert(data);
        met = true;
    }
    met
}

fn foreign_schema(_: &ResourceType, body: &mut Json) -> bool {
    let schemas = body.as_object_mut().and_then(schemas);
    let Some(schemas) = schemas else {
        return false;
    };
    let before = schemas.len();
    schemas.retain(|urn| {
        let foreign = |urn: &str| urn.starts_with("http://schemas.microsoft.com/");
        !urn.as_str().is_some_and(foreign)
    });
    schemas.len() < before
}

fn manager_id(_: &ResourceType, body: &mut Json) -> bool {
    let extension = body.as_object_mut().and_then(|object| {
        let mut members = object.iter_mut();
        let found = members.find(|(name, _)| name.eq_ignore_ascii_case(ENTERPRISE_USER));
        found.and_then(|(_, data)| data.as_object_mut())
    });
    let Some(extension) = extension else {
        return false;
    };
    let name = extension
        .keys()
        .find(|name| name.eq_ignore_ascii_case("managerId"))
        .cloned();
    let Some(id) = name.and_then(|name| extension.shift_remove(&name)) else {
        return false;
    };
    let has_manager = |name: &String| name.eq_ignore_ascii_case("manager");
    if !extension.keys().any(has_manager) && !id.is_null() {
        let manager = Map::from_iter([("value".to_owned(), id)]);
        extension.insert("manager".to_owned(), Json::Object(manager));
    }
    true
}

/// Everywhere but in `path`, which an empty text says nothing about.
fn empty_text(value: &mut Json) -> bool {
    match value {
        Json::String(text) if text.is_empty() => {
            *value = Json::Null;
            true
        }
        Json::Array(items) => {
            let empty = items.iter_mut().map(empty_text);
            empty.filter(|met| *met).count() > 0
        }
        Json::Object(parts) => {
            let parts = parts
                .iter_mut()
                .filter(|(name, _)| !name.eq_ignore_ascii_case("path"));
            let empty = parts.map(|(_, part)| empty_text(part));
            empty.filter(|met| *met).count() > 0
        }
        _ => false,
    }
}

fn patch_without_schemas(_: &ResourceType, body: &mut Json) -> bool {
    let Some(object) = body.as_object_mut() else {
        return false;
    };
    if object
        .keys()
        .any(|name| name.eq_ignore_ascii_case("schemas"))
    {
        return false;
    }
    object.insert("schemas".to_owned(), vec![Json::from(PATCH_OP)].into());
    true
}

fn lone_operation(_: &ResourceType, body: &mut Json) -> bool {
    let operations = body.as_object_mut().and_then(|object| {
        let mut members = object.iter_mut();
        members.find(|(name, _)| name.eq_ignore_ascii_case("Operations"))
    });
    match operations {
        Some((_, operation)) if operation.is_object() => {
            *operation = vec![operation.take()].into();
            true
        }
        _ => false,
    }
}

fn schemas(object: &mut Map<String, Json>) -> Option<&mut Vec<Json>> {
    let mut members = object.iter_mut();
    let found = members.find(|(name, _)| name.eq_ignore_ascii_case("schemas"));
    found.and_then(|(_, schemas)| schemas.as_array_mut())
}
