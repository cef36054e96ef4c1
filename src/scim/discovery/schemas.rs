//! `GET /Schemas` and `GET /Schemas/{urn}` (RFC 7643 §7)

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
    let schemas = access.registry.schemas().iter();
    let all: Vec<Json> = schemas.map(|schema| schema.to_json(&access.base)).collect();
    Ok(super::all(&all))
}

pub(in super::super) async fn one(
    access: Access,
    parameters: Parameters,
    Path(path): Path<Vec<(String, String)>>,
) -> Result<Response, ScimError> {
    super::refuse_filter(&parameters)?;
    let urn = path.iter().find(|(name, _)| name == "id");
    let schema = urn
        .and_then(|(_, urn)| access.registry.schema(urn))
        .ok_or_else(|| ScimError::NoSuchResource("schema".to_owned()))?;
    Ok(scim_answer(StatusCode::OK, &schema.to_json(&access.base)))
}
