//! A stored resource as SCIM shows it (RFC 7643 §3): its attributes, its id and meta, whom
//! it refers to, and by which URLs.

use axum::http::HeaderValue;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema;
use rollcall_store::records::Resource;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::mentions::Mention;

/// A resource's mentions of others, as far as they are to be shown.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Of a group: its members.
    pub(super) members: Option<Vec<Mention>>,
    /// Of a user: the groups that it is a direct member of.
    pub(super) groups: Option<Vec<Mention>>,
}

/// The resource's JSON object. `base` is the URL of the SCIM service.
pub(super) fn represent(resource: &Resource, mentions: &Mentions, base: &str) -> Map<String, Json> {
    let document = resource.document.as_object();
    let core = match resource.kind {
        Kind::User => schema::USER,
        Kind::Group => schema::GROUP,
    };
    let extensions = document.keys().filter(|name| name.contains(':'));
    let schemas: Vec<&str> = std::iter::once(core)
        .chain(extensions.map(String::as_str))
        .collect();

    let mut shown = Map::new();
    shown.insert("schemas".to_owned(), schemas.into());
    shown.insert("id".to_owned(), resource.uuid.to_string().into());
    shown.extend(document.clone());
    add_manager_uri(&mut shown, base);
    if let Some(members) = &mentions.members {
        let members = members.iter().map(|member| member.as_member(base));
        shown.insert("members".to_owned(), members.collect());
    }
    if let Some(groups) = &mentions.groups {
        let groups = groups.iter().map(|group| group.as_group(base));
        shown.insert("groups".to_owned(), groups.collect());
    }
    shown.insert("meta".to_owned(), meta(resource, base));
    shown
}

/// The path segment of a kind of resources.
pub(super) fn endpoint(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "Users",
        Kind::Group => "Groups",
    }
}

/// The name of a kind of resources (`meta.resourceType`).
pub(super) fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "User",
        Kind::Group => "Group",
    }
}

/// The version as an entity tag (RFC 7644 §3.14): weak, since an answer may leave out
/// attributes.
pub(super) fn entity_tag(resource: &Resource) -> String {
    format!("W/\"{}\"", resource.version)
}

/// The tag as a header.
pub(super) fn entity_tag_header(resource: &Resource) -> Option<HeaderValue> {
    HeaderValue::from_str(&entity_tag(resource)).ok()
}

fn meta(resource: &Resource, base: &str) -> Json {
    let endpoint = endpoint(resource.kind);
    json!({
        "resourceType": type_name(resource.kind),
        "created": instant(resource.created),
        "lastModified": instant(resource.modified),
        "location": format!("{base}/{endpoint}/{}", resource.uuid),
        "version": entity_tag(resource),
    })
}

/// An RFC 3339 time, as `dateTime` wants it (RFC 7643 §2.3.5).
fn instant(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}

/// `manager.$ref` beside `manager.value`, which is all that the store keeps.
fn add_manager_uri(shown: &mut Map<String, Json>, base: &str) {
    let manager = shown
        .get_mut(schema::ENTERPRISE_USER)
        .and_then(|extension| extension.get_mut("manager"))
        .and_then(Json::as_object_mut);
    let Some(manager) = manager else {
        return;
    };
    let uri = manager
        .get("value")
        .and_then(Json::as_str)
        .map(|id| format!("{base}/{}/{id}", endpoint(Kind::User)));
    if let Some(uri) = uri {
        manager.insert("$ref".to_owned(), uri.into());
    }
}
