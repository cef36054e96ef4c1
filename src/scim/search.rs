//! `POST /Users/.search` and `POST /.search` (RFC 7644 §3.4.3): the same lists, asked for
//! in a body, so that filters stay out of URLs and logs.

use axum::extract::State;
use axum::response::Response;

use super::access::Access;
use super::body::Body;
use super::error::ScimError;
use super::target::Target;
use super::wanted::Wanted;
use super::{Scim, everything, list};

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    Body(body): Body,
) -> Result<Response, ScimError> {
    let wanted = Wanted::of_body(&body)?;
    list::answer(&scim, &access, &target, &wanted).await
}

/// The same over all types.
pub(super) async fn everywhere(
    State(scim): State<Scim>,
    access: Access,
    Body(body): Body,
) -> Result<Response, ScimError> {
    let wanted = Wanted::of_body(&body)?;
    everything::answer(&scim, &access, &wanted).await
}
