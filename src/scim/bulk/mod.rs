//! `POST /Bulk` (RFC 7644 §3.7): many operations in one request, each by itself all or
//! nothing.
//!
//! Operations may refer to what others make, by `bulkId:…`, forwards and in circles. They
//! are done in their order, except that what is referred to is made first ([`order`]); in a
//! circle one is made without the reference and completed at the end. Answers stand in the
//! order of the operations.

mod order;
mod perform;
mod references;
mod request;
#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use self::perform::Performer;
use self::request::BulkRequest;
use super::Scim;
use super::access::Access;
use super::answer::scim_answer;
use super::body::Body;
use super::error::ScimError;

/// URN of the answer.
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    Body(body): Body,
) -> Result<Response, ScimError> {
    access.pusher(&scim)?;
    let limits = &access.client.settings.limits;
    let operations_max = usize::try_from(limits.bulk_operations_max).unwrap_or(usize::MAX);
    let request = BulkRequest::read(body, operations_max)?;
    let plan = order::plan(&request.operations);
    let mut performer = Performer::new(&scim, &access, &request);
    performer.perform(&plan).await;
    let body = json!({
        "schemas": [BULK_RESPONSE],
        "Operations": performer.answers(),
    });
    Ok(scim_answer(StatusCode::OK, &body))
}
