//! `GET /ResourceTypes` and `GET /ResourceTypes/{name}` (RFC 7643 §6)

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;

use super::super::access::Access;
use super::super::answer::scim_answer;
use super::super::error::ScimError;
use super::super::parameters::Parameters;

pub(in super::super) async fn handler(
    access: Access,
    parameters: Parameters,
) -> Result<Response, ScimError> {
    super::refuse_filter(&parameters)?;
    let types = access.registry.resource_types().iter();
    let all: Vec<Json> = types.map(|one| one.to_json(&access.base)).collect();
    Ok(super::all(&all))
}

pub(in super::super) async fn one(
    access: Access,
    parameters: Parameters,
    Path(path): Path<Vec<(String, String)>>,
) -> Result<Response, ScimError> {
    super::refuse_filter(&parameters)?;
    let name = path.iter().find(|(name, _)| name == "id");
    let one = name
        .and_then(|(_, name)| access.registry.resource_type(name))
        .ok_or_else(|| ScimError::NoSuchResource("resource type".to_owned()))?;
    Ok(scim_answer(StatusCode::OK, &one.to_json(&access.base)))
}
