//! `POST /Users` (RFC 7644 §3.3)

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_directory::entry::Kind;
use rollcall_directory::json;
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
    let mut body = normalised.body;
    if target.kind == Kind::User {
        say_active(&mut body);
    }
    let outcome = pusher.create(&target.resource_type, body).await?;
    access.report.pushed(&outcome);
    Ok(outcome)
}

/// Whoever is made is active unless the client says otherwise; many a client wants to read
/// that in the answer.
fn say_active(body: &mut Json) {
    if let Some(body) = body.as_object_mut()
        && json::member(body, "active").is_none_or(Json::is_null)
    {
        body.retain(|name, _| !name.eq_ignore_ascii_case("active"));
        body.insert("active".to_owned(), true.into());
    }
}
