//! Reads and writes of one connection.

use std::collections::HashSet;
use std::sync::Arc;

use rollcall_directory::patch::PatchRequest;
use rollcall_directory::schema::ResourceType;
use rollcall_store::ids::ResourceId;
use rollcall_store::records::Resource;
use serde_json::Value as Json;
use uuid::Uuid;

use super::gate::PushEngine;
use super::{Connection, IfMatch, PushError, Pushed};

/// See the module. Made for a request with [`PushEngine::pusher`].
#[derive(Debug, Clone)]
pub(crate) struct Pusher {
    pub(super) engine: Arc<PushEngine>,
    pub(super) connection: Arc<Connection>,
}

impl Pusher {
    pub(super) fn new(engine: Arc<PushEngine>, connection: Arc<Connection>) -> Self {
        Self { engine, connection }
    }

    /// POST (RFC 7644 §3.3): `body` as the client sent it, after the profile and with
    /// bulkIds replaced.
    pub(crate) async fn create(
        &self,
        _resource_type: &ResourceType,
        _body: Json,
    ) -> Result<Pushed, PushError> {
        Err(PushError::Busy)
    }

    /// PUT (RFC 7644 §3.5.1).
    pub(crate) async fn replace(
        &self,
        _resource_type: &ResourceType,
        _id: &str,
        _body: Json,
        _if_match: Option<&IfMatch>,
    ) -> Result<Pushed, PushError> {
        Err(PushError::Busy)
    }

    /// PATCH (RFC 7644 §3.5.2).
    pub(crate) async fn patch(
        &self,
        _resource_type: &ResourceType,
        _id: &str,
        _request: &PatchRequest,
        _if_match: Option<&IfMatch>,
    ) -> Result<Pushed, PushError> {
        Err(PushError::Busy)
    }

    /// DELETE (RFC 7644 §3.6).
    pub(crate) async fn delete(
        &self,
        _resource_type: &ResourceType,
        _id: &str,
        _if_match: Option<&IfMatch>,
    ) -> Result<(), PushError> {
        Err(PushError::Busy)
    }

    /// The resource, if this connection sees it. An id that is none is not found.
    pub(crate) async fn read(
        &self,
        _resource_type: &ResourceType,
        _id: &str,
    ) -> Result<Resource, PushError> {
        Err(PushError::Busy)
    }

    /// The numbers of those SCIM ids that this connection sees.
    pub(crate) async fn visible(
        &self,
        _ids: &[Uuid],
    ) -> Result<Vec<(Uuid, ResourceId)>, PushError> {
        Err(PushError::Busy)
    }

    /// Those of `ids` that this connection sees: members and groups of others that it has
    /// deleted are not among them.
    pub(crate) async fn visible_among(
        &self,
        _ids: &[ResourceId],
    ) -> Result<HashSet<ResourceId>, PushError> {
        Err(PushError::Busy)
    }
}
