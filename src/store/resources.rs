//! Users and groups, read.

use std::collections::HashMap;

use rollcall_directory::entry::Kind;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::driver::{Cells, Column, FromCells, Statement, Trouble, binds, statements};
use crate::ids::{ResourceId, SourceId, TenantId};
use crate::records::{ListQuery, Resource, ResourceList};
use crate::{Store, StoreError};

/// What resources are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// `userName`, ignoring case, of those whom a source holds.
    UserName,
    /// The `userName`, ignoring case, of those whom no source holds any more.
    FreedName,
    /// `externalId`, exactly.
    ExternalId,
    /// `displayName`, ignoring case.
    DisplayName,
    /// Any e-mail address, ignoring case.
    Email,
    /// `employeeNumber` of the enterprise extension, exactly. Not indexed: each question
    /// reads all of the tenant's people.
    EmployeeNumber,
    /// The SCIM id.
    Uuid,
}

impl By {
    /// The form in which texts are compared.
    #[must_use]
    pub fn fold(self, text: &str) -> String {
        match self {
            Self::ExternalId | Self::Uuid => text.to_owned(),
            Self::EmployeeNumber => text.trim().to_owned(),
            Self::UserName | Self::FreedName | Self::DisplayName | Self::Email => {
                text.to_lowercase()
            }
        }
    }

    /// The attribute's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserName | Self::FreedName => "userName",
            Self::ExternalId => "externalId",
            Self::DisplayName => "displayName",
            Self::Email => "emails.value",
            Self::EmployeeNumber => "employeeNumber",
            Self::Uuid => "id",
        }
    }

    /// The statement that asks an index; `None`: there is none.
    fn statement(self) -> Option<Statement> {
        match self {
            Self::UserName => Some(BY_USER_NAME),
            Self::FreedName => Some(BY_FREED_NAME),
            Self::ExternalId => Some(BY_EXTERNAL_ID),
            Self::DisplayName => Some(BY_DISPLAY_NAME),
            Self::Email => Some(BY_EMAIL),
            Self::Uuid => Some(BY_UUID),
            Self::EmployeeNumber => None,
        }
    }
}

macro_rules! columns {
    () => {
        "r.id, r.uuid, r.tenant, r.kind, r.doc, r.created, r.modified, r.version, \
         r.document_version, r.orphaned_since"
    };
}

/// The columns of a whole resource `r`, in the order in which [`Resource`] reads them.
pub(crate) const COLUMNS: &str = columns!();
/// Whole resources by number.
pub(crate) const BY_ID: Statement = RESOURCES_BY_ID;

macro_rules! by {
    ($column:literal) => {
        concat!(
            "SELECT $1, r.id FROM resources r WHERE r.",
            $column,
            " = $2 AND r.tenant = $3 AND r.kind = $4"
        )
    };
}

/// The rows `r` of a tenant that a connection sees: those that a source holds, and that it
/// has not deleted itself.
macro_rules! visible_to {
    ($tenant:literal, $source:literal) => {
        concat!(
            "r.tenant = ",
            $tenant,
            " AND r.orphaned_since IS NULL
            AND NOT EXISTS (SELECT 1 FROM links hidden WHERE hidden.resource = r.id
                AND hidden.source = ",
            $source,
            " AND hidden.presence = 'withdrawn')"
        )
    };
}

macro_rules! by_array {
    ($column:literal) => {
        concat!(
            "SELECT asked.at, r.id FROM UNNEST($1::bigint[], $2::text[]) AS asked(at, text)
            JOIN resources r ON r.",
            $column,
            " = asked.text WHERE r.tenant = $3 AND r.kind = $4"
        )
    };
}

statements! {
    RESOURCES_BY_ID = concat!("SELECT ", columns!(), " FROM resources r WHERE r.id = $1"),
        postgres: concat!(
            "SELECT ", columns!(), " FROM resources r WHERE r.id = ANY($1::bigint[])"
        );
    BY_USER_NAME = by!("user_name"), postgres: by_array!("user_name");
    BY_FREED_NAME = by!("freed_name"), postgres: by_array!("freed_name");
    BY_EXTERNAL_ID = by!("external_id"), postgres: by_array!("external_id");
    BY_DISPLAY_NAME = by!("display_name"), postgres: by_array!("display_name");
    BY_UUID = by!("uuid"), postgres: by_array!("uuid");
    BY_EMAIL = "SELECT $1, r.id FROM resource_emails e JOIN resources r ON r.id = e.resource
            WHERE e.email = $2 AND r.tenant = $3 AND r.kind = $4",
        postgres: "SELECT asked.at, r.id
            FROM UNNEST($1::bigint[], $2::text[]) AS asked(at, text)
            JOIN resource_emails e ON e.email = asked.text
            JOIN resources r ON r.id = e.resource WHERE r.tenant = $3 AND r.kind = $4";
    EMPLOYEE_NUMBERS = "SELECT number, id FROM (
            SELECT id, doc -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
                ->> 'employeeNumber' AS number
            FROM resources WHERE tenant = $1 AND kind = 'user') AS numbered
        WHERE number IS NOT NULL ORDER BY id",
        postgres: "SELECT number, id FROM (
            SELECT id, CAST(doc AS jsonb)
                -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
                ->> 'employeeNumber' AS number
            FROM resources WHERE tenant = $1 AND kind = 'user') AS numbered
        WHERE number IS NOT NULL ORDER BY id";
    VISIBLE = concat!(
        "SELECT ", columns!(), " FROM resources r WHERE r.uuid = $1 AND ",
        visible_to!("$2", "$3")
    );
    VISIBLE_IDS = concat!(
            "SELECT r.uuid, r.id FROM resources r WHERE r.uuid = $1
                AND r.kind IN ('user', 'group') AND ",
            visible_to!("$2", "$3")
        ),
        postgres: concat!(
            "SELECT r.uuid, r.id FROM resources r WHERE r.uuid = ANY($1::text[])
                AND r.kind IN ('user', 'group') AND ",
            visible_to!("$2", "$3")
        );
    VISIBLE_AMONG = concat!(
            "SELECT r.id FROM resources r WHERE r.id = $1
                AND r.kind IN ('user', 'group') AND ",
            visible_to!("$2", "$3")
        ),
        postgres: concat!(
            "SELECT r.id FROM resources r WHERE r.id = ANY($1::bigint[])
                AND r.kind IN ('user', 'group') AND ",
            visible_to!("$2", "$3")
        );
    COUNT = "SELECT COUNT(*) FROM resources r WHERE r.tenant = $1 AND r.kind = $2";
    LIST = concat!(
        "SELECT ", columns!(), " FROM resources r
            WHERE r.tenant = $1 AND r.kind = $2 AND r.id > $3
            ORDER BY r.id LIMIT $4 OFFSET $5"
    );
    NAMED = concat!(
        "SELECT ", columns!(), " FROM resources r
            WHERE r.tenant = $1 AND r.kind = $2 AND r.user_name = $3"
    );
    ORPHANS = concat!(
        "SELECT ", columns!(), " FROM resources r
            WHERE r.tenant = $1 AND r.orphaned_since <= $2 ORDER BY r.id"
    );
}

impl FromCells for Resource {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            uuid: cells.take()?,
            tenant: cells.take()?,
            kind: cells.take()?,
            document: cells.take_json()?,
            created: cells.take()?,
            modified: cells.take()?,
            version: cells.take()?,
            document_version: cells.take()?,
            orphaned: cells.take()?,
        })
    }
}

impl Store {
    /// Resources by number. Those that are gone are missing from the answer.
    pub async fn resources(&self, ids: &[ResourceId]) -> Result<Vec<Resource>, StoreError> {
        let column = Column::Ints(ids.iter().map(|id| id.0).collect());
        let mut found: Vec<Resource> = self
            .database
            .fetch_each(RESOURCES_BY_ID, vec![column], binds![])
            .await?;
        found.sort_by_key(|resource| resource.id);
        found.dedup_by_key(|resource| resource.id);
        Ok(found)
    }

    /// Who carries one of `texts`: pairs of the text as asked for and the resource.
    pub async fn resources_by(
        &self,
        tenant: TenantId,
        kind: Kind,
        by: By,
        texts: &[String],
    ) -> Result<Vec<(String, ResourceId)>, StoreError> {
        let Some(statement) = by.statement() else {
            let numbers = self.employee_numbers(tenant).await?;
            let carried = |text: &str| {
                let folded = by.fold(text);
                let found = numbers.iter().filter(move |(n, _)| by.fold(n) == folded);
                found.map(|(_, id)| *id).collect::<Vec<_>>()
            };
            return Ok(texts
                .iter()
                .flat_map(|text| carried(text).into_iter().map(|id| (text.clone(), id)))
                .collect());
        };
        let columns = vec![
            Column::Ints((0_i64..).take(texts.len()).collect()),
            Column::OwnedTexts(texts.iter().map(|text| by.fold(text)).collect()),
        ];
        let mut found: Vec<(i64, ResourceId)> = self
            .database
            .fetch_each(statement, columns, binds![tenant, kind])
            .await?;
        found.sort_unstable();
        let asked: HashMap<i64, &String> = (0_i64..).zip(texts).collect();
        Ok(found
            .into_iter()
            .filter_map(|(at, id)| Some(((*asked.get(&at)?).clone(), id)))
            .collect())
    }

    /// Every employee number of a tenant, and who carries it. Reads all people.
    pub async fn employee_numbers(
        &self,
        tenant: TenantId,
    ) -> Result<Vec<(String, ResourceId)>, StoreError> {
        self.database.fetch(EMPLOYEE_NUMBERS, binds![tenant]).await
    }

    /// The resource of a SCIM id, if the connection sees it: a source holds it, and the
    /// connection has not deleted it.
    pub async fn visible(
        &self,
        tenant: TenantId,
        connection: SourceId,
        uuid: Uuid,
    ) -> Result<Option<Resource>, StoreError> {
        self.database
            .fetch_one(VISIBLE, binds![uuid, tenant, connection])
            .await
    }

    /// The numbers of those SCIM ids of users and groups that the connection sees: whom
    /// others can refer to.
    pub async fn visible_ids(
        &self,
        tenant: TenantId,
        connection: SourceId,
        uuids: &[Uuid],
    ) -> Result<Vec<(Uuid, ResourceId)>, StoreError> {
        let column = Column::OwnedTexts(uuids.iter().map(Uuid::to_string).collect());
        self.database
            .fetch_each(VISIBLE_IDS, vec![column], binds![tenant, connection])
            .await
    }

    /// Those of `ids` that are users or groups which the connection sees.
    pub async fn visible_among(
        &self,
        tenant: TenantId,
        connection: SourceId,
        ids: &[ResourceId],
    ) -> Result<Vec<ResourceId>, StoreError> {
        let column = Column::Ints(ids.iter().map(|id| id.0).collect());
        let rows = self
            .database
            .fetch_each(VISIBLE_AMONG, vec![column], binds![tenant, connection])
            .await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Part of a tenant's users or groups.
    pub async fn list_resources(
        &self,
        tenant: TenantId,
        kind: Kind,
        query: &ListQuery,
    ) -> Result<ResourceList, StoreError> {
        if let Some(name) = &query.user_name {
            let folded = By::UserName.fold(name);
            let resources: Vec<Resource> = self
                .database
                .fetch(NAMED, binds![tenant, kind, folded])
                .await?;
            return Ok(ResourceList {
                total: resources.len() as u64,
                resources,
            });
        }
        let total = self.database.fetch_one(COUNT, binds![tenant, kind]).await?;
        let after = query.after.map_or(i64::MIN, |id| id.0);
        let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
        let resources = self
            .database
            .fetch(LIST, binds![tenant, kind, after, query.limit, offset])
            .await?;
        Ok(ResourceList {
            total: total.map_or(0, |(total,): (u64,)| total),
            resources,
        })
    }

    /// Resources that no source holds since `before` or longer.
    pub async fn orphans(
        &self,
        tenant: TenantId,
        before: OffsetDateTime,
    ) -> Result<Vec<Resource>, StoreError> {
        self.database.fetch(ORPHANS, binds![tenant, before]).await
    }
}
