//! Lists of users and groups (RFC 7644 §3.4.2).

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::{Query, QueryRejection};
use rollcall_directory::entry::Kind;
use serde_json::{Value as Json, json};

use super::Scim;
use super::access::Access;
use super::answer::scim_answer;
use super::error::ScimError;
use super::mentions::Mentioned;
use super::parameters::Parameters;
use super::resource::represent;

/// URN of a list's body.
const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

type Asked = Result<Query<Parameters>, QueryRejection>;

/// `GET /Users`
pub(super) async fn users(
    State(scim): State<Scim>,
    Extension(access): Extension<Access>,
    query: Asked,
) -> Result<Response, ScimError> {
    list(&scim, &access, Kind::User, query).await
}

/// `GET /Groups`
pub(super) async fn groups(
    State(scim): State<Scim>,
    Extension(access): Extension<Access>,
    query: Asked,
) -> Result<Response, ScimError> {
    list(&scim, &access, Kind::Group, query).await
}

async fn list(
    scim: &Scim,
    access: &Access,
    kind: Kind,
    query: Asked,
) -> Result<Response, ScimError> {
    let wanted = query?.0.list(kind == Kind::User)?;
    let found = scim
        .store
        .list_resources(access.tenant, kind, &wanted.query())
        .await?;
    let mut mentioned = Mentioned::new(&scim.store);
    let mut shown: Vec<Json> = Vec::with_capacity(found.resources.len());
    for resource in &found.resources {
        let mentions = mentioned.of(resource, &wanted.excluded).await?;
        let mut resource = represent(resource, &mentions, &access.base);
        wanted.excluded.apply(&mut resource);
        shown.push(resource.into());
    }
    let body = json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": found.total,
        "startIndex": wanted.start_index,
        "itemsPerPage": shown.len(),
        "Resources": shown,
    });
    Ok(scim_answer(StatusCode::OK, &body))
}
