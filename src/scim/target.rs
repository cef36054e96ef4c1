//! What a request's path names: a resource type, and perhaps one resource of it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use rollcall_directory::entry::Kind;
use rollcall_directory::schema::ResourceType;

use super::VERSION;
use super::access::Access;
use super::error::ScimError;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The type.
    pub(super) resource_type: Arc<ResourceType>,
    /// How its resources are stored.
    pub(super) kind: Kind,
    /// The id as it stands in the path; empty where the path has none.
    pub(super) id: String,
}

impl Target {
    /// The type at an endpoint.
    pub(super) fn resource_type(access: &Access, endpoint: &str) -> Option<Arc<ResourceType>> {
        access.registry.at_endpoint(endpoint).cloned()
    }

    /// The resources at an endpoint.
    pub(super) fn at(access: &Access, endpoint: &str, id: &str) -> Result<Self, ScimError> {
        let resource_type = Self::resource_type(access, endpoint).ok_or(ScimError::NoSuchPath)?;
        Ok(Self {
            kind: resource_type.kind(),
            resource_type,
            id: id.to_owned(),
        })
    }
}

/// What stands in a path behind the base URL.
pub(super) fn segments(path: &str) -> impl Iterator<Item = String> {
    path.split('/')
        .skip_while(|segment| *segment != VERSION)
        .skip(1)
        .map(str::to_owned)
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ScimError> {
        let access = Access::of(parts)?;
        let endpoint = segments(parts.uri.path()).next().unwrap_or_default();
        // A path that is no UTF-8 names nobody.
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| ScimError::NoSuchPath)?;
        let id = params.iter().find(|(name, _)| *name == "id");
        Self::at(&access, &endpoint, id.map_or("", |(_, id)| id))
    }
}
