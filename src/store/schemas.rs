//! Schemas and resource types that were registered at run time, tenant by tenant.
//!
//! They are rows, so that every process that uses the database has the same ones. A tenant's
//! number, `schemas_version`, counts up with each change; whoever has read the rows of one
//! version keeps what it made of them. A commit that writes documents reads the number under
//! a lock, and so writes the rows of [`crate::commit`]'s values by the schemas of this very
//! moment; registering writes those of the documents that are there already.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::{
    IndexedAttribute, Registry, RegistryError, ResourceType, Schemas,
};
use serde_json::{Value as Json, json};

use crate::commit::values;
use crate::driver::{Answer, Trouble, Tx, binds, statements};
use crate::ids::{ResourceId, TenantId};
use crate::records::Tenant;
use crate::{Store, StoreError};

statements! {
    VERSION = "SELECT schemas_version FROM tenants WHERE id = $1";
    VERSION_TO_WRITE_UNDER = "SELECT schemas_version FROM tenants WHERE id = $1",
        postgres: "SELECT schemas_version FROM tenants WHERE id = $1 FOR SHARE";
    VERSION_TO_CHANGE = "SELECT schemas_version FROM tenants WHERE id = $1",
        postgres: "SELECT schemas_version FROM tenants WHERE id = $1 FOR UPDATE";
    RAISE = "UPDATE tenants SET schemas_version = schemas_version + 1 WHERE id = $1";
    REGISTERED = "SELECT what, body, origin FROM schemas WHERE tenant = $1
        ORDER BY CASE what WHEN 'schema' THEN 0 ELSE 1 END, place";
    REGISTER = "INSERT INTO schemas (tenant, what, name, place, origin, body)
        VALUES ($1, $2, $3, (SELECT COUNT(*) FROM schemas), $4, $5)
        ON CONFLICT (tenant, what, name)
            DO UPDATE SET origin = excluded.origin, body = excluded.body";
    UNREGISTER = "DELETE FROM schemas WHERE tenant = $1 AND what = $2 AND name = $3";
    ONE_OF_KIND = "SELECT id FROM resources WHERE tenant = $1 AND kind = $2 LIMIT 1";
    DOCUMENTS = "SELECT id, doc, orphaned_since FROM resources
        WHERE tenant = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT 1000";
}

const SCHEMA: &str = "schema";
const RESOURCE_TYPE: &str = "resource-type";

/// Where something was registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In a file that the configuration names.
    File,
    /// By a command or a request.
    Api,
}

impl Origin {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// A schema or resource type that was registered.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Whether it is a resource type; else it is a schema.
    pub is_resource_type: bool,
    /// Its URN or name.
    pub name: String,
    /// `file` or `api`.
    pub origin: String,
    /// As it was given.
    pub body: Json,
}

/// Everything that is registered in a tenant, the built-in schemas included.
#[derive(Debug)]
pub struct Registered {
    /// Its version: 0 where nothing was ever registered.
    pub version: i64,
    /// The schemas and types.
    pub registry: Arc<Registry>,
    /// What sources can write.
    pub schemas: Arc<Schemas>,
    /// By kind: the attributes that rows are kept of.
    pub(crate) indexed: HashMap<&'static str, Vec<IndexedAttribute>>,
}

/// Why something cannot be registered, or not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It is wrong.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A schema that a type uses, or a type of which there are resources.
    #[error("{name} is in use: {by}")]
    InUse {
        /// Its URN or name.
        name: String,
        /// By what.
        by: String,
    },
    /// There is no such thing, or it is built in.
    #[error("there is no registered schema or resource type `{0}`")]
    NotFound(String),
    /// An attribute is to be unique that is not.
    #[error(
        "two resources have the same value of an attribute that is to be unique, or a value is too long to be indexed: {0}"
    )]
    NotUnique(String),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Registered {
    fn of(version: i64, registry: Registry) -> Self {
        let mut indexed = HashMap::new();
        for resource_type in registry.resource_types() {
            let attributes = resource_type.indexed_attributes();
            if !attributes.is_empty() {
                indexed.insert(resource_type.kind().as_str(), attributes);
            }
        }
        Self {
            version,
            schemas: Arc::new(Schemas::from(&registry)),
            registry: Arc::new(registry),
            indexed,
        }
    }
}

/// What was made of the rows, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Registrations(Mutex<HashMap<TenantId, Arc<Registered>>>);

impl Registrations {
    fn known(&self, tenant: TenantId, version: i64) -> Option<Arc<Registered>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let registered = known.get(&tenant)?;
        (registered.version == version).then(|| Arc::clone(registered))
    }

    fn keep(&self, tenant: TenantId, registered: &Arc<Registered>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(tenant, Arc::clone(registered));
    }

    /// What is registered at this moment, and stays so until the transaction ends.
    pub(crate) async fn to_write_under(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
    ) -> Result<Arc<Registered>, Trouble> {
        let version: Vec<(i64,)> = tx.fetch(VERSION_TO_WRITE_UNDER, &binds![tenant]).await?;
        let version = version.first().map_or(0, |(version,)| *version);
        if let Some(known) = self.known(tenant, version) {
            return Ok(known);
        }
        let read = Arc::new(read(tx, tenant, version).await?);
        self.keep(tenant, &read);
        Ok(read)
    }
}

async fn read(tx: &mut Tx, tenant: TenantId, version: i64) -> Result<Registered, Trouble> {
    Ok(Registered::of(version, registry(&rows(tx, tenant).await?)?))
}

async fn rows(tx: &mut Tx, tenant: TenantId) -> Result<Vec<Registration>, Trouble> {
    let rows: Vec<(String, String, String)> = tx.fetch(REGISTERED, &binds![tenant]).await?;
    let mut registrations = Vec::with_capacity(rows.len());
    for (what, body, origin) in rows {
        let body: Json = crate::driver::json(&body)?;
        let is_resource_type = what == RESOURCE_TYPE;
        registrations.push(Registration {
            name: name_of(&body, is_resource_type),
            is_resource_type,
            origin,
            body,
        });
    }
    Ok(registrations)
}

fn name_of(body: &Json, is_resource_type: bool) -> String {
    let members: &[&str] = if is_resource_type {
        &["name", "id"]
    } else {
        &["id"]
    };
    let mut texts = members
        .iter()
        .filter_map(|member| body.get(member)?.as_str());
    texts.next().unwrap_or_default().to_owned()
}

/// The registry of rows that were in order when they were written.
fn registry(rows: &[Registration]) -> Result<Registry, StoreError> {
    let mut registry = Registry::standard();
    for row in rows {
        let added = if row.is_resource_type {
            registry.add_resource_type(&row.body).map(|_| ())
        } else {
            registry.add_schema(&row.body).map(|_| ())
        };
        added.map_err(|error| StoreError::Corrupt {
            what: format!("registered {}: {error}", row.name),
        })?;
    }
    Ok(registry)
}

impl Store {
    /// What is registered in a tenant. Costs nothing while its version stays.
    pub async fn registered(&self, tenant: &Tenant) -> Result<Arc<Registered>, StoreError> {
        if let Some(known) = self.registrations.known(tenant.id, tenant.schemas_version) {
            return Ok(known);
        }
        let id = tenant.id;
        let read = self
            .database
            .snapshot(move |tx| -> Answer<'_, Arc<Registered>> {
                Box::pin(async move {
                    let version: Vec<(i64,)> = tx.fetch(VERSION, &binds![id]).await?;
                    let version = version.first().map_or(0, |(version,)| *version);
                    Ok(Arc::new(read(tx, id, version).await?))
                })
            })
            .await?;
        self.registrations.keep(id, &read);
        Ok(read)
    }

    /// What was registered, schemas first.
    pub async fn registrations(&self, tenant: TenantId) -> Result<Vec<Registration>, StoreError> {
        self.database
            .snapshot(move |tx| -> Answer<'_, Vec<Registration>> { Box::pin(rows(tx, tenant)) })
            .await
    }

    /// Registers what a file of schemas holds (see [`Registry::add`]), all of it or nothing,
    /// and keeps rows of what it marks as indexed. Returns whether anything is new: what
    /// stands there already is not written again.
    pub async fn register(
        &self,
        tenant: TenantId,
        file: &Json,
        origin: Origin,
    ) -> Result<bool, RegisterError> {
        let file = Arc::new(file.clone());
        self.change_schemas(tenant, move |rows| {
            let mut grown = registry(rows)?;
            grown.add(&file)?;
            let mut changes = Vec::new();
            for (member, is_resource_type) in [("schemas", false), ("resourceTypes", true)] {
                let items = file.get(member).and_then(Json::as_array);
                for item in items.into_iter().flatten() {
                    let name = name_of(item, is_resource_type);
                    let body = stored_form(item, &grown, &name, is_resource_type);
                    let same = rows.iter().any(|row| {
                        row.is_resource_type == is_resource_type
                            && row.body == body
                            && row.origin == origin.as_str()
                    });
                    if !same {
                        changes.push(Change {
                            is_resource_type,
                            name,
                            body: Some((origin, body)),
                        });
                    }
                }
            }
            Ok((changes, grown))
        })
        .await
    }

    /// Takes a registered schema or resource type away: of a built-in type, its registered
    /// extensions.
    pub async fn unregister(&self, tenant: TenantId, name: &str) -> Result<(), RegisterError> {
        let name = name.to_owned();
        self.change_schemas(tenant, move |rows| {
            let is_it = |row: &&Registration| row.name.eq_ignore_ascii_case(&name);
            let row = rows
                .iter()
                .find(is_it)
                .ok_or_else(|| RegisterError::NotFound(name.clone()))?;
            let left: Vec<Registration> = rows.iter().filter(|row| !is_it(row)).cloned().collect();
            let shrunk = registry(&left).map_err(|_| RegisterError::InUse {
                name: row.name.clone(),
                by: "a resource type; remove that first".to_owned(),
            })?;
            let gone = Change {
                is_resource_type: row.is_resource_type,
                name: row.name.clone(),
                body: None,
            };
            Ok((vec![gone], shrunk))
        })
        .await
        .map(|_| ())
    }

    /// One change of what is registered: `plan` says from the rows what is written, and what
    /// is registered then.
    async fn change_schemas<P>(&self, tenant: TenantId, plan: P) -> Result<bool, RegisterError>
    where
        P: Fn(&[Registration]) -> Result<(Vec<Change>, Registry), RegisterError>
            + Send
            + Sync
            + 'static,
    {
        let plan = Arc::new(plan);
        let refused: Arc<Mutex<Option<RegisterError>>> = Arc::default();
        let told = Arc::clone(&refused);
        let written = self
            .database
            .write(move |tx| -> Answer<'_, bool> {
                let (plan, told) = (Arc::clone(&plan), Arc::clone(&told));
                Box::pin(async move {
                    tx.fetch::<(i64,)>(VERSION_TO_CHANGE, &binds![tenant])
                        .await?;
                    let rows = rows(tx, tenant).await?;
                    let (changes, registry) = match plan(&rows) {
                        Ok(plan) => plan,
                        Err(error) => {
                            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            return Ok(false);
                        }
                    };
                    if changes.is_empty() {
                        return Ok(false);
                    }
                    if let Some(error) = unused(tx, tenant, &changes).await? {
                        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return Ok(false);
                    }
                    for change in &changes {
                        change.write(tx, tenant).await?;
                    }
                    tx.execute(RAISE, &binds![tenant]).await?;
                    index_all(tx, tenant, &registry).await?;
                    Ok(true)
                })
            })
            .await;
        if let Some(error) = refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            return Err(error);
        }
        match written {
            Ok(written) => Ok(written),
            Err(Trouble::Constraint(said)) => Err(RegisterError::NotUnique(said)),
            Err(Trouble::Refused(said)) => Err(RegisterError::NotUnique(said.to_string())),
            Err(other) => Err(StoreError::from(other).into()),
        }
    }
}

/// A row of `schemas` that is written or goes.
#[derive(Debug)]
struct Change {
    is_resource_type: bool,
    name: String,
    body: Option<(Origin, Json)>,
}

impl Change {
    fn what(&self) -> &'static str {
        if self.is_resource_type {
            RESOURCE_TYPE
        } else {
            SCHEMA
        }
    }

    async fn write(&self, tx: &mut Tx, tenant: TenantId) -> Result<(), Trouble> {
        let name = self.name.to_lowercase();
        match &self.body {
            Some((origin, body)) => {
                let binds = binds![tenant, self.what(), name, origin.as_str(), body.to_string()];
                tx.execute(REGISTER, &binds).await?;
            }
            None => {
                tx.execute(UNREGISTER, &binds![tenant, self.what(), name])
                    .await?;
            }
        }
        Ok(())
    }
}

/// Of a built-in type all extensions, since each registration adds to those before.
fn stored_form(item: &Json, registry: &Registry, name: &str, is_resource_type: bool) -> Json {
    let known = registry.resource_type(name).filter(|_| is_resource_type);
    match known {
        Some(known) if !matches!(known.kind(), Kind::Custom(_)) => {
            let mut shown = ResourceType::to_json(known, "");
            if let Some(shown) = shown.as_object_mut() {
                shown.shift_remove("meta");
                shown.insert("schemas".to_owned(), json!([]));
            }
            shown
        }
        _ => item.clone(),
    }
}

/// A type of which there are resources stays.
async fn unused(
    tx: &mut Tx,
    tenant: TenantId,
    changes: &[Change],
) -> Result<Option<RegisterError>, Trouble> {
    for change in changes {
        if !change.is_resource_type || change.body.is_some() {
            continue;
        }
        let kind = Kind::of_type(&change.name);
        if !matches!(kind, Kind::Custom(_)) {
            continue;
        }
        let one: Vec<(ResourceId,)> = tx.fetch(ONE_OF_KIND, &binds![tenant, kind]).await?;
        if !one.is_empty() {
            return Ok(Some(RegisterError::InUse {
                name: change.name.clone(),
                by: "there are resources of this type; delete them first, and wait until their grace period is over".to_owned(),
            }));
        }
    }
    Ok(None)
}

/// Writes the rows of values of every document that is there.
async fn index_all(tx: &mut Tx, tenant: TenantId, registry: &Registry) -> Result<(), Trouble> {
    values::forget(tx, tenant).await?;
    let kinds: BTreeSet<Kind> = registry.resource_types().iter().map(|t| t.kind()).collect();
    for kind in kinds {
        let Some(resource_type) = registry.of_kind(kind) else {
            continue;
        };
        let attributes = resource_type.indexed_attributes();
        if attributes.is_empty() {
            continue;
        }
        let mut after = i64::MIN;
        loop {
            let page: Vec<(i64, String, Option<i64>)> =
                tx.fetch(DOCUMENTS, &binds![tenant, kind, after]).await?;
            let Some((last, ..)) = page.last() else { break };
            after = *last;
            let mut rows = values::Rows::default();
            for (id, doc, orphaned) in &page {
                rows.add(*id, kind.as_str(), doc, orphaned.is_none(), &attributes)?;
            }
            rows.write(tx, tenant).await?;
        }
    }
    Ok(())
}
