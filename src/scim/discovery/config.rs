//! `GET /ServiceProviderConfig` (RFC 7643 §5, RFC 9865 §4): the only path that needs no
//! token, since it says how to get in.

use axum::extract::{RawPathParams, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use serde_json::{Value as Json, json};

use super::super::Scim;
use super::super::access::{base, limits_of};
use super::super::answer::scim_answer;
use super::super::error::ScimError;
use super::super::limits::{COUNT_DEFAULT, COUNT_MAX, CURSOR_LIFETIME};
use super::super::parameters::Parameters;
use crate::config::RequestLimits;

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
    request: Request,
) -> Result<Response, ScimError> {
    super::refuse_filter(&parameters)?;
    let tenant = path.iter().find(|(name, _)| *name == "tenant");
    let tenant = tenant.map(|(_, tenant)| tenant);
    let address = scim.client_address(&request);
    let limits = limits_of(&scim, request.headers(), address, tenant).await;
    let config = config(&base(&scim, tenant), limits);
    Ok(scim_answer(StatusCode::OK, &config))
}

/// What is offered, and how much of it: to this connection, or usually.
fn config(base: &str, limits: RequestLimits) -> Json {
    json!({
        "schemas": [CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": limits.bulk_operations_max,
            "maxPayloadSize": limits.body_bytes_max,
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
