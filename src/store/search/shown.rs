//! What stands beside a resource's document when it is shown: what comes from columns and
//! rows. Filters see the same.

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::{ENTERPRISE_USER, ResourceType};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{FoundResource, Mention};
use crate::records::Resource;

/// `schemas`, `id`, `meta`, `active` where the document does not mention it, `members`,
/// `groups` and the manager's URI and name, as far as they are there: in place of the
/// members of those names of the document, and beside the others. `base` is the URL of the
/// SCIM service without a slash behind it.
#[must_use]
pub fn beside(
    found: &FoundResource,
    resource_type: &ResourceType,
    base: &str,
) -> Map<String, Json> {
    let resource = &found.resource;
    let document = resource.document.as_object();
    let mut beside = Map::new();
    let extensions = document.keys().filter(|name| name.contains(':'));
    let schemas: Vec<&str> = std::iter::once(resource_type.schema.id.as_str())
        .chain(extensions.map(String::as_str))
        .collect();
    beside.insert("schemas".to_owned(), schemas.into());
    beside.insert("id".to_owned(), resource.uuid.to_string().into());
    if resource.kind == Kind::User && !document.contains_key("active") {
        // So long as nothing says otherwise.
        beside.insert("active".to_owned(), true.into());
    }
    if let Some(members) = &found.members {
        let members = members.iter().map(|m| m.shown(base, type_name(m.kind)));
        beside.insert("members".to_owned(), members.collect());
    }
    if let Some(groups) = &found.groups {
        let groups = groups.iter().map(|group| {
            let how = if group.direct { "direct" } else { "indirect" };
            group.shown(base, how)
        });
        beside.insert("groups".to_owned(), groups.collect());
    }
    if let Some(extension) = with_manager(found, base) {
        beside.insert(ENTERPRISE_USER.to_owned(), extension);
    }
    beside.insert("meta".to_owned(), meta(resource, resource_type, base));
    beside
}

impl Mention {
    fn shown(&self, base: &str, kind: &str) -> Json {
        let mut shown = json!({
            "value": self.uuid,
            "$ref": location(base, self.kind, &self.uuid.to_string()),
            "type": kind,
        });
        if let (Some(display), Some(shown)) = (&self.display, shown.as_object_mut()) {
            shown.insert("display".to_owned(), display.as_str().into());
        }
        shown
    }
}

fn meta(resource: &Resource, resource_type: &ResourceType, base: &str) -> Json {
    json!({
        "resourceType": resource_type.name,
        "created": instant(resource.created),
        "lastModified": instant(resource.modified),
        "location": format!("{base}/{}/{}", resource_type.endpoint, resource.uuid),
        "version": format!("W/\"{}\"", resource.version),
    })
}

/// The enterprise extension with `manager.$ref` and `manager.displayName` beside
/// `manager.value`, which is all that the document holds.
fn with_manager(found: &FoundResource, base: &str) -> Option<Json> {
    let document = found.resource.document.as_object();
    let mut extension = document.get(ENTERPRISE_USER)?.clone();
    let manager = extension.get_mut("manager")?.as_object_mut()?;
    let uri = location(base, Kind::User, manager.get("value")?.as_str()?);
    manager.insert("$ref".to_owned(), uri.into());
    let name = found.manager.as_ref().and_then(|m| m.display.as_deref());
    if let Some(name) = name {
        manager.insert("displayName".to_owned(), name.into());
    }
    Some(extension)
}

/// Only users and groups are mentioned.
fn location(base: &str, kind: Kind, id: &str) -> String {
    let endpoint = match kind {
        Kind::User => "Users",
        Kind::Group => "Groups",
        Kind::Custom(word) => word.as_str(),
    };
    format!("{base}/{endpoint}/{id}")
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "User",
        Kind::Group => "Group",
        Kind::Custom(word) => word.as_str(),
    }
}

/// An RFC 3339 time, as `dateTime` wants it (RFC 7643 §2.3.5).
fn instant(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}
