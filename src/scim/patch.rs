//! `PATCH /Users/{id}` (RFC 7644 §3.5.2): all operations or none. Answered with the
//! resource; or with nothing but its tag where the connection's settings say so and
//! the client did not ask for attributes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rollcall_directory::patch::PatchRequest;
use rollcall_directory::selection::Selection;
use serde_json::Value as Json;

use super::access::Access;
use super::body::Body;
use super::conditions::Conditions;
use super::error::ScimError;
use super::parameters::Parameters;
use super::target::Target;
use super::{Scim, show};
use crate::sync::push::{IfMatch, Pushed};

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    parameters: Parameters,
    conditions: Conditions,
    Body(body): Body,
) -> Result<Response, ScimError> {
    let selection = parameters.selection()?;
    conditions.check(&scim, &access, &target).await?;
    let pushed = patch(&scim, &access, &target, body, conditions.if_match.as_ref()).await?;
    let silent = access.client.settings.patch_without_body(target.kind);
    if silent && selection == Selection::Default {
        let mut response = StatusCode::NO_CONTENT.into_response();
        show::tag(&mut response, pushed.resource.version);
        return Ok(response);
    }
    let of = (pushed.resource, &selection);
    show::answer(&scim, &access, &target, StatusCode::OK, of).await
}

/// What PATCH does, alone or in a bulk request.
pub(super) async fn patch(
    scim: &Scim,
    access: &Access,
    target: &Target,
    body: Json,
    if_match: Option<&IfMatch>,
) -> Result<Pushed, ScimError> {
    let pusher = access.pusher(scim)?;
    let normalised = access.profile.patch(&target.resource_type, body);
    access.report.quirks(&normalised.quirks);
    let request = PatchRequest::read(normalised.body)?;
    let outcome = pusher
        .patch(&target.resource_type, &target.id, &request, if_match)
        .await?;
    access.report.pushed(&outcome);
    Ok(outcome)
}
