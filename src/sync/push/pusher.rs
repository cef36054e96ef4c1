//! Reads and writes of one connection.

use std::collections::HashSet;
use std::sync::Arc;

use rollcall_directory::patch::{self, PatchRequest};
use rollcall_directory::resource;
use rollcall_directory::schema::ResourceType;
use rollcall_store::ids::{ResourceId, SourceId};
use rollcall_store::records::Resource;
use serde_json::Value as Json;
use uuid::Uuid;

use super::gate::PushEngine;
use super::write::Wish;
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

    pub(super) fn source(&self) -> SourceId {
        self.connection.source.id
    }

    /// POST (RFC 7644 §3.3): `body` as the client sent it, after the profile and with
    /// bulkIds replaced.
    pub(crate) async fn create(
        &self,
        resource_type: &ResourceType,
        body: Json,
    ) -> Result<Pushed, PushError> {
        let checked = resource::create(resource_type, body, self.connection.strictness)?;
        let moment = self.moment().await?;
        self.until_done(|| self.try_create(resource_type, &checked, moment))
            .await
    }

    /// PUT (RFC 7644 §3.5.1). What may not be cleared stays: `password`, `active`, and what
    /// is readOnly or immutable.
    pub(crate) async fn replace(
        &self,
        resource_type: &ResourceType,
        id: &str,
        body: Json,
        if_match: Option<&IfMatch>,
    ) -> Result<Pushed, PushError> {
        let strictness = self.connection.strictness;
        let wish = |current: &_| {
            let checked = resource::replace(resource_type, body.clone(), current, strictness)?;
            Ok(Wish {
                document: checked.document,
                members: checked.members.into_iter().collect(),
                password: checked.password,
                warnings: checked.warnings,
            })
        };
        self.change(resource_type, id, &wish, if_match).await
    }

    /// PATCH (RFC 7644 §3.5.2): all operations or none.
    pub(crate) async fn patch(
        &self,
        resource_type: &ResourceType,
        id: &str,
        request: &PatchRequest,
        if_match: Option<&IfMatch>,
    ) -> Result<Pushed, PushError> {
        let strictness = self.connection.strictness;
        let wish = |current: &_| {
            let patched = patch::apply(request, resource_type, id, current, strictness)?;
            Ok(Wish {
                document: patched.document,
                members: patched.members,
                password: patched.password,
                warnings: patched.warnings,
            })
        };
        self.change(resource_type, id, &wish, if_match).await
    }

    /// DELETE (RFC 7644 §3.6).
    pub(crate) async fn delete(
        &self,
        resource_type: &ResourceType,
        id: &str,
        if_match: Option<&IfMatch>,
    ) -> Result<(), PushError> {
        let moment = self.moment().await?;
        self.until_done(|| self.try_delete(resource_type, id, if_match, moment))
            .await
    }

    /// The resource, if this connection sees it. An id that is none is not found.
    pub(crate) async fn read(
        &self,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<Resource, PushError> {
        let missing = || PushError::NotFound {
            resource_type: resource_type.name.clone(),
        };
        let uuid = Uuid::try_parse(id).map_err(|_| missing())?;
        let kind = resource_type.kind();
        let tenant = self.connection.source.tenant;
        let store = &self.engine.store;
        store
            .visible(tenant, self.source(), uuid)
            .await?
            .filter(|resource| resource.kind == kind)
            .ok_or_else(missing)
    }

    /// The numbers of those SCIM ids that this connection sees.
    pub(crate) async fn visible(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, ResourceId)>, PushError> {
        let tenant = self.connection.source.tenant;
        let store = &self.engine.store;
        Ok(store.visible_ids(tenant, self.source(), ids).await?)
    }

    /// Those of `ids` that this connection sees: members and groups of others that it has
    /// deleted are not among them.
    pub(crate) async fn visible_among(
        &self,
        ids: &[ResourceId],
    ) -> Result<HashSet<ResourceId>, PushError> {
        let tenant = self.connection.source.tenant;
        let store = &self.engine.store;
        let visible = store.visible_among(tenant, self.source(), ids).await?;
        Ok(visible.into_iter().collect())
    }
}
