//! One user or group, by its id (RFC 7644 §3.4.1).

use axum::Extension;
use axum::extract::{RawPathParams, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::{Query, QueryRejection};
use rollcall_directory::entry::Kind;
use rollcall_store::By;
use rollcall_store::records::Resource;
use serde_json::Value as Json;
use uuid::Uuid;

use super::Scim;
use super::access::Access;
use super::answer::scim_answer;
use super::error::ScimError;
use super::mentions::Mentioned;
use super::parameters::Parameters;
use super::resource::{entity_tag, entity_tag_header, represent, type_name};

type Asked = Result<Query<Parameters>, QueryRejection>;

/// `GET /Users/{id}`
pub(super) async fn user(
    State(scim): State<Scim>,
    Extension(access): Extension<Access>,
    path: RawPathParams,
    query: Asked,
    headers: HeaderMap,
) -> Result<Response, ScimError> {
    one(&scim, &access, Kind::User, &path, query, &headers).await
}

/// `GET /Groups/{id}`
pub(super) async fn group(
    State(scim): State<Scim>,
    Extension(access): Extension<Access>,
    path: RawPathParams,
    query: Asked,
    headers: HeaderMap,
) -> Result<Response, ScimError> {
    one(&scim, &access, Kind::Group, &path, query, &headers).await
}

async fn one(
    scim: &Scim,
    access: &Access,
    kind: Kind,
    path: &RawPathParams,
    query: Asked,
    headers: &HeaderMap,
) -> Result<Response, ScimError> {
    let excluded = query?.0.excluded()?;
    let id = path.iter().find(|(name, _)| *name == "id");
    let resource = load(scim, access, kind, id.map_or("", |(_, id)| id)).await?;
    let mut response = if client_has(headers, &resource) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mentions = Mentioned::new(&scim.store).of(&resource, &excluded).await?;
        let mut shown = represent(&resource, &mentions, &access.base);
        excluded.apply(&mut shown);
        scim_answer(StatusCode::OK, &Json::Object(shown))
    };
    if let Some(tag) = entity_tag_header(&resource) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn load(scim: &Scim, access: &Access, kind: Kind, id: &str) -> Result<Resource, ScimError> {
    let missing = || ScimError::NoSuchResource(type_name(kind));
    let uuid = Uuid::parse_str(id).map_err(|_| missing())?.to_string();
    let found = scim
        .store
        .resources_by(access.tenant, kind, By::Uuid, &[uuid])
        .await?;
    let (_, number) = found.into_iter().next().ok_or_else(missing)?;
    let mut resources = scim.store.resources(&[number]).await?;
    resources.pop().ok_or_else(missing)
}

/// Whether the client's copy is still good (`If-None-Match`, RFC 9110 §13.1.2).
fn client_has(headers: &HeaderMap, resource: &Resource) -> bool {
    let tag = entity_tag(resource);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known == tag)
}
