//! Whose token is it, which tenant does it open, and what may it do there?

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_directory::profile::Profile;
use rollcall_directory::schema::Registry;
use rollcall_store::ids::{SourceId, TenantId};
use rollcall_store::records::{Resource, Token};
use rollcall_store::{By, Registered};
use uuid::Uuid;

use super::Scim;
use super::error::ScimError;
use super::report::Report;
use super::target::Target;
use crate::auth::{BearerToken, SCIM_READ, SCIM_WRITE};
use crate::sync::push::{self, Connection, Pusher, UnknownMembers};

/// How long whom a connection deletes can come back under the same id.
const GRACE: Duration = Duration::from_hours(30 * 24);
/// The beginning of the word in a token's scope that names its connection's profile.
const PROFILE: &str = "profile:";

/// What a request may do, and under which URL it does.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// The tenant.
    pub(super) tenant: TenantId,
    /// The URL of its SCIM service, without a slash at its end.
    pub(super) base: Arc<str>,
    /// What tells the token from others of the tenant; not the token itself.
    pub(super) token: Arc<str>,
    /// The tenant's schemas and resource types.
    pub(super) registry: Arc<Registry>,
    /// Which client speaks, as far as it was said.
    pub(super) profile: Profile,
    /// What is noted about the request.
    pub(super) report: Report,
    /// The connection that the token belongs to. Without one, everything is seen and
    /// nothing can be written.
    connection: Option<Arc<Connection>>,
}

impl Access {
    /// For whom the directory is seen.
    pub(super) fn visible_to(&self) -> Option<SourceId> {
        let connection = self.connection.as_ref();
        connection.map(|connection| connection.source.id)
    }

    /// Who writes.
    pub(super) fn pusher(&self, scim: &Scim) -> Result<Pusher, ScimError> {
        let connection = self.connection.as_ref().ok_or_else(ScimError::read_only)?;
        Ok(scim.push.pusher(Arc::clone(connection)))
    }

    /// The resource that a path names.
    pub(super) async fn read(&self, scim: &Scim, target: &Target) -> Result<Resource, ScimError> {
        if let Some(connection) = &self.connection {
            let pusher = scim.push.pusher(Arc::clone(connection));
            return Ok(pusher.read(&target.resource_type, &target.id).await?);
        }
        let missing = || ScimError::NoSuchResource(target.resource_type.name.clone());
        let uuid = Uuid::try_parse(&target.id).map_err(|_| missing())?;
        let found = scim
            .store
            .resources_by(self.tenant, target.kind, By::Uuid, &[uuid.to_string()])
            .await?;
        let (_, number) = found.into_iter().next().ok_or_else(missing)?;
        let mut resources = scim.store.resources(&[number]).await?;
        resources.pop().ok_or_else(missing)
    }

    /// The access of a request that was admitted.
    pub(super) fn of(parts: &Parts) -> Result<Self, ScimError> {
        let access = parts.extensions.get::<Self>();
        access.cloned().ok_or(ScimError::NoToken)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ScimError> {
        Self::of(parts)
    }
}

/// Lets a request in with a token of the tenant that it names.
pub(super) async fn admit(
    State(scim): State<Scim>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    let token = authenticate(&scim, request.headers()).await?;
    let access = access(&scim, &token, tenant_named(&path)).await?;
    let report = access.report.clone();
    request.extensions_mut().insert(access);
    let mut response = next.run(request).await.into_response();
    response.extensions_mut().insert(report);
    Ok(response)
}

fn tenant_named(path: &Result<RawPathParams, RawPathParamsRejection>) -> Option<&str> {
    let mut named = path.as_ref().ok()?.iter();
    let found = named.find(|(name, _)| *name == "tenant");
    found.map(|(_, tenant)| tenant)
}

/// The token, if it is one of ours, not expired, and may read.
async fn authenticate(scim: &Scim, headers: &HeaderMap) -> Result<Token, ScimError> {
    let presented = presented(headers)?;
    let now = scim.clock.now();
    let token = scim.store.token_by_hash(presented.hash()).await?;
    let token = token
        .filter(|token| token.expires.is_none_or(|end| now < end))
        .ok_or(ScimError::BadToken)?;
    if !allows(&token, SCIM_READ) {
        return Err(ScimError::Scope(SCIM_READ));
    }
    if let Err(error) = scim.store.touch_token(&token, now).await {
        tracing::warn!(%error, "it could not be noted that a token was used");
    }
    Ok(token)
}

fn allows(token: &Token, scope: &str) -> bool {
    token.scope.split(' ').any(|word| word == scope)
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
    let own = tenants.iter().find(|tenant| tenant.id == token.tenant);
    let own = own.ok_or(ScimError::BadToken)?;
    if let Some(named) = named {
        if own.name != named {
            return Err(ScimError::BadToken);
        }
    } else if tenants.len() > 1 {
        return Err(ScimError::WhichTenant);
    }
    let registered = scim.store.registered(own).await?;
    let mut words = token.scope.split(' ');
    let profile = words.find_map(|word| Profile::named(word.strip_prefix(PROFILE)?));
    let profile = profile.unwrap_or_default();
    Ok(Access {
        tenant: token.tenant,
        base: base(scim, named).into(),
        token: token.name.as_str().into(),
        registry: Arc::clone(&registered.registry),
        profile,
        report: Report::default(),
        connection: connection(scim, token, profile, &registered).await?,
    })
}

/// The URL of the SCIM service.
pub(super) fn base(scim: &Scim, tenant: Option<&str>) -> String {
    match tenant {
        Some(tenant) => format!("{}/t/{tenant}/scim/v2", scim.public_url),
        None => format!("{}/scim/v2", scim.public_url),
    }
}

/// The source that writes with this token: the pushing one of its name.
async fn connection(
    scim: &Scim,
    token: &Token,
    profile: Profile,
    registered: &Registered,
) -> Result<Option<Arc<Connection>>, ScimError> {
    if !allows(token, SCIM_WRITE) {
        return Ok(None);
    }
    let source = scim
        .store
        .ensure_source(token.tenant, &token.name, push::KIND)
        .await?;
    let voices = scim.voices.get(&token.tenant).cloned();
    Ok(Some(Arc::new(Connection {
        source,
        voices: voices.unwrap_or_default(),
        registry: Arc::clone(&registered.registry),
        schemas: Arc::clone(&registered.schemas),
        strictness: profile.strictness(),
        unknown_members: UnknownMembers::default(),
        grace: Some(GRACE),
        guard: None,
    })))
}
