//! `GET /ServiceProviderConfig` (RFC 7643 §5, RFC 9865 §4): the only path that needs no
//! token, since it says how to get in.

use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use serde_json::{Value as Json, json};

use super::super::Scim;
use super::super::access::base;
use super::super::answer::scim_answer;
use super::super::error::ScimError;
use super::super::limits::{
    BODY_BYTES_MAX, BULK_OPERATIONS_MAX, COUNT_DEFAULT, COUNT_MAX, CURSOR_LIFETIME,
};
use super::super::parameters::Parameters;

const CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

pub(in super::super) fn routes() -> MethodRouter<Scim> {
    get(handler).fallback(async || {
        let allow = [(axum::http::header::ALLOW, "GET,HEAD")];
        (allow, ScimError::Method)
    })
}

async fn handler(
    State(scim): State<Scim>,
    parameters: Parameters,
    path: RawPathParams,
) -> Result<Response, ScimError> {
    super::refuse_filter(&parameters)?;
    let tenant = path.iter().find(|(name, _)| *name == "tenant");
    let base = base(&scim, tenant.map(|(_, tenant)| tenant));
    Ok(scim_answer(StatusCode::OK, &config(&base)))
}

/// What is offered, and how much of it.
fn config(base: &str) -> Json {
    json!({
        "schemas": [CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": BULK_OPERATIONS_MAX,
            "maxPayloadSize": BODY_BYTES_MAX,
        },
        "filter": { "supported": true, "maxResults": COUNT_MAX },
        // Passwords are taken, but nobody signs in with them yet.
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": COUNT_DEFAULT,
            "maxPageSize": COUNT_MAX,
            "cursorTimeout": CURSOR_LIFETIME.whole_seconds(),
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token of this tenant, in the header Authorization",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}
