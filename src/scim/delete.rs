//! `DELETE /Users/{id}` (RFC 7644 §3.6): the resource is gone for this connection, and
//! altogether unless another source holds it.

use axum::extract::State;
use axum::http::StatusCode;

use super::Scim;
use super::access::Access;
use super::conditions::Conditions;
use super::error::ScimError;
use super::target::Target;
use crate::sync::push::IfMatch;

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    conditions: Conditions,
) -> Result<StatusCode, ScimError> {
    conditions.check(&scim, &access, &target).await?;
    delete(&scim, &access, &target, conditions.if_match.as_ref()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What DELETE does, alone or in a bulk request.
pub(super) async fn delete(
    scim: &Scim,
    access: &Access,
    target: &Target,
    if_match: Option<&IfMatch>,
) -> Result<(), ScimError> {
    let pusher = access.pusher(scim)?;
    pusher
        .delete(&target.resource_type, &target.id, if_match)
        .await?;
    access.report.changed();
    Ok(())
}
