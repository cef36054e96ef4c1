//! `PUT /Users/{id}` (RFC 7644 §3.5.1): the whole resource, which must be there. What may
//! not be cleared stays: `password`, `active`, and what is readOnly.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
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
    let pushed = replace(&scim, &access, &target, body, conditions.if_match.as_ref()).await?;
    let of = (pushed.resource, &selection);
    show::answer(&scim, &access, &target, StatusCode::OK, of).await
}

/// What PUT does, alone or in a bulk request.
pub(super) async fn replace(
    scim: &Scim,
    access: &Access,
    target: &Target,
    body: Json,
    if_match: Option<&IfMatch>,
) -> Result<Pushed, ScimError> {
    let pusher = access.pusher(scim)?;
    let normalised = access.profile.resource(&target.resource_type, body);
    access.report.quirks(&normalised.quirks);
    let outcome = pusher
        .replace(&target.resource_type, &target.id, normalised.body, if_match)
        .await?;
    access.report.pushed(&outcome);
    Ok(outcome)
}
