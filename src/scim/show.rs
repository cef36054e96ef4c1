//! A stored resource as SCIM shows it (RFC 7643 §3): its attributes, its id and meta, whom
//! it refers to, and by which URLs; of all that, what was asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::ResourceType;
use rollcall_directory::selection::Selection;
use rollcall_store::records::Resource;
use rollcall_store::search::{FoundResource, Groups, Parts, beside};
use serde_json::{Map, Value as Json};

use super::Scim;
use super::access::Access;
use super::answer::scim_answer;
use super::error::ScimError;
use super::target::Target;

/// What must be read beside a resource's document to show it.
pub(super) fn parts(selection: &Selection, resource_type: &ResourceType, kind: Kind) -> Parts {
    let groups = kind == Kind::User && selection.needs(resource_type, "groups");
    Parts {
        members: kind == Kind::Group && selection.needs(resource_type, "members"),
        groups: if groups { Groups::Indirect } else { Groups::No },
        // A manager's name is shown only where it is asked for by name.
        manager: kind == Kind::User && matches!(selection, Selection::Only(_)),
    }
}

/// The resource's JSON.
pub(super) fn shown(
    found: &FoundResource,
    resource_type: &ResourceType,
    selection: &Selection,
    base: &str,
) -> Json {
    let mut beside = beside(found, resource_type, base);
    // Filters take whoever nobody says anything of for active; but what a client has
    // removed is not shown to it as if it were there.
    beside.shift_remove("active");
    let meta = beside.shift_remove("meta");
    let mut shown = Map::new();
    for first in ["schemas", "id"] {
        if let Some(value) = beside.shift_remove(first) {
            shown.insert(first.to_owned(), value);
        }
    }
    shown.extend(found.resource.document.as_object().clone());
    shown.extend(beside);
    if let Some(meta) = meta {
        shown.insert("meta".to_owned(), meta);
    }
    selection.apply(resource_type, &mut shown);
    Json::Object(shown)
}

/// The version as an entity tag (RFC 7644 §3.14): weak, since an answer may leave out
/// attributes.
pub(super) fn entity_tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Where the resource is.
pub(super) fn location(access: &Access, target: &Target, resource: &Resource) -> String {
    let endpoint = &target.resource_type.endpoint;
    format!("{}/{endpoint}/{}", access.base, resource.uuid)
}

/// An answer with one resource, its place and its tag.
pub(super) async fn answer(
    scim: &Scim,
    access: &Access,
    target: &Target,
    status: StatusCode,
    (resource, selection): (Resource, &Selection),
) -> Result<Response, ScimError> {
    let location = location(access, target, &resource);
    let version = resource.version;
    let parts = parts(selection, &target.resource_type, target.kind);
    let found = scim
        .store
        .furnish(vec![resource], parts, access.visible_to())
        .await?;
    let missing = || ScimError::NoSuchResource(target.resource_type.name.clone());
    let found = found.first().ok_or_else(missing)?;
    let body = shown(found, &target.resource_type, selection, &access.base);
    let mut response = scim_answer(status, &body);
    let headers = response.headers_mut();
    let place = match status {
        StatusCode::CREATED => header::LOCATION,
        _ => header::CONTENT_LOCATION,
    };
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(place, location);
    }
    tag(&mut response, version);
    Ok(response)
}

/// Puts the entity tag on an answer.
pub(super) fn tag(response: &mut Response, version: i64) {
    if let Ok(tag) = HeaderValue::from_str(&entity_tag(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
