//! Whose token is it, and which tenant does it read?

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use rollcall_store::ids::TenantId;
use rollcall_store::records::Token;

use super::Scim;
use super::error::ScimError;
use crate::auth::{BearerToken, SCIM_READ};

/// What a request may read, and under which URL it does.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// The URL of its SCIM service, without a slash at its end.
    pub(super) base: Arc<str>,
}

/// Lets a request in with a token of the tenant that it names.
pub(super) async fn admit(
    State(scim): State<Scim>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    let token = authenticate(&scim, request.headers()).await?;
    let named = path.as_ref().ok().and_then(|path| {
        let mut named = path.iter().filter(|(name, _)| *name == "tenant");
        named.next().map(|(_, tenant)| tenant)
    });
    let access = access(&scim, &token, named).await?;
    request.extensions_mut().insert(access);
    Ok(next.run(request).await)
}

/// The token, if it is one of ours, not expired, and may read.
async fn authenticate(scim: &Scim, headers: &HeaderMap) -> Result<Token, ScimError> {
    let presented = presented(headers)?;
    let now = scim.clock.now();
    let token = scim.store.token_by_hash(presented.hash()).await?;
    let token = token
        .filter(|token| token.expires.is_none_or(|end| now < end))
        .ok_or(ScimError::BadToken)?;
    if !token.scope.split(' ').any(|scope| scope == SCIM_READ) {
        return Err(ScimError::Scope(SCIM_READ));
    }
    if let Err(error) = scim.store.touch_token(&token, now).await {
        tracing::warn!(%error, "it could not be noted that a token was used");
    }
    Ok(token)
}

/// RFC 6750 §2.1. The scheme's name ignores case.
fn presented(headers: &HeaderMap) -> Result<BearerToken, ScimError> {
    let credentials = headers
        .get(header::AUTHORIZATION)
        .ok_or(ScimError::NoToken)?;
    let (scheme, token) = credentials
        .to_str()
        .ok()
        .and_then(|credentials| credentials.split_once(' '))
        .ok_or(ScimError::NoToken)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(ScimError::NoToken);
    }
    BearerToken::parse(token.trim()).ok_or(ScimError::BadToken)
}

/// A tenant that is not the token's is answered as one that does not exist.
async fn access(scim: &Scim, token: &Token, named: Option<&str>) -> Result<Access, ScimError> {
    let tenants = scim.store.tenants().await?;
    let base = match named {
        Some(named) => {
            let own = tenants.iter().find(|tenant| tenant.id == token.tenant);
            if own.is_none_or(|own| own.name != named) {
                return Err(ScimError::BadToken);
            }
            format!("{}/t/{named}/scim/v2", scim.public_url)
        }
        None if tenants.len() > 1 => return Err(ScimError::WhichTenant),
        None => format!("{}/scim/v2", scim.public_url),
    };
    Ok(Access {
        tenant: token.tenant,
        base: base.into(),
    })
}
