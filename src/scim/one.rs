//! `GET /Users/{id}` (RFC 7644 §3.4.1)

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::conditions::Conditions;
use super::error::ScimError;
use super::parameters::Parameters;
use super::target::Target;
use super::{Scim, show};

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    parameters: Parameters,
    conditions: Conditions,
) -> Result<Response, ScimError> {
    let selection = parameters.selection()?;
    let resource = access.read(&scim, &target).await?;
    if conditions.client_has(resource.version) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        show::tag(&mut response, resource.version);
        return Ok(response);
    }
    let of = (resource, &selection);
    show::answer(&scim, &access, &target, StatusCode::OK, of).await
}
