//! Whose token is it, which tenant does it open, and what may it do there?

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rollcall_directory::profile::Profile;
use rollcall_directory::schema::Registry;
use rollcall_store::By;
use rollcall_store::ids::{SourceId, TenantId};
use rollcall_store::records::Resource;
use uuid::Uuid;

use super::Scim;
use super::error::ScimError;
use super::inspect::Exchange;
use super::redact::SecretNames;
use super::report::Report;
use super::target::Target;
use crate::auth::BearerToken;
use crate::auth::connection::{Admitted, Presented, Refused, Scope};
use crate::config::RequestLimits;
use crate::sync::push::{Connection, Pusher};

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
    /// What the inspector does not keep.
    pub(super) secrets: SecretNames,
    /// Whose token it is, and how it is served.
    pub(super) client: Arc<Admitted>,
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
        let may_write = self.client.scope == Scope::Write;
        let connection = self.connection.as_ref().filter(|_| may_write);
        let connection = connection.ok_or_else(ScimError::read_only)?;
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

    async fn of_client(
        scim: &Scim,
        client: Admitted,
        named: Option<&str>,
    ) -> Result<Self, ScimError> {
        let registered = scim.store.registered(&client.tenant).await?;
        let (registry, schemas) = (&registered.registry, &registered.schemas);
        let connection = scim.admission.push(&client, registry, schemas).await?;
        Ok(Self {
            tenant: client.tenant.id,
            base: base(scim, named).into(),
            token: client.token.as_str().into(),
            secrets: scim.secrets.of(client.tenant.id, &registered),
            registry: Arc::clone(registry),
            profile: client.settings.profile,
            report: Report::default(),
            client: Arc::new(client),
            connection: connection.map(Arc::new),
        })
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

/// Lets a request in with a token of the tenant that it names. Whoever has none learns
/// nothing, not even which paths there are.
pub(super) async fn admit(
    State(scim): State<Scim>,
    path: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    let token = presented(request.headers())?;
    let named = tenant_named(&path);
    let presented = Presented {
        token: &token,
        tenant: named,
        address: scim.client_address(&request),
    };
    let client = match scim.admission.of(presented).await {
        Ok(client) => client,
        Err(Refused { error, client }) => {
            let answer = ScimError::from(error).into_response();
            let Some(client) = client else {
                return Ok(answer);
            };
            let registered = scim.store.registered(&client.tenant).await?;
            let secrets = scim.secrets.of(client.tenant.id, &registered);
            let exchange = Exchange::begin(&scim, &client, &request, secrets);
            return Ok(scim.inspector.turned_away(exchange, answer).await);
        }
    };
    let access = Access::of_client(&scim, client, named).await?;
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

/// The limits of the connection whose token a request shows; the usual ones if it shows
/// none that is good for anything.
pub(super) async fn limits_of(
    scim: &Scim,
    headers: &HeaderMap,
    address: Option<IpAddr>,
    tenant: Option<&str>,
) -> RequestLimits {
    let Ok(token) = presented(headers) else {
        return RequestLimits::default();
    };
    let presented = Presented {
        token: &token,
        tenant,
        address,
    };
    let client = scim.admission.of(presented).await;
    client.map_or_else(
        |_| RequestLimits::default(),
        |client| client.settings.limits,
    )
}

/// The URL of the SCIM service.
pub(super) fn base(scim: &Scim, tenant: Option<&str>) -> String {
    match tenant {
        Some(tenant) => format!("{}/t/{tenant}/scim/v2", scim.public_url),
        None => format!("{}/scim/v2", scim.public_url),
    }
}
