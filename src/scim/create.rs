//! `POST /Users` (RFC 7644 §3.3)

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;

use super::access::Access;
use super::body::Body;
use super::error::ScimError;
use super::parameters::Parameters;
use super::target::Target;
use super::{Scim, show};
use crate::sync::push::Pushed;

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    parameters: Parameters,
    Body(body): Body,
) -> Result<Response, ScimError> {
    let selection = parameters.selection()?;
    let pushed = create(&scim, &access, &target, body).await?;
    let of = (pushed.resource, &selection);
    show::answer(&scim, &access, &target, StatusCode::CREATED, of).await
}

/// What POST does, alone or in a bulk request.
pub(super) async fn create(
    scim: &Scim,
    access: &Access,
    target: &Target,
    body: Json,
) -> Result<Pushed, ScimError> {
    let pusher = access.pusher(scim)?;
    let normalised = access.profile.resource(&target.resource_type, body);
    access.report.quirks(&normalised.quirks);
    let pushed = pusher
        .create(&target.resource_type, normalised.body)
        .await?;
    access.report.pushed(&pushed);
    Ok(pushed)
}
