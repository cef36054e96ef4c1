//! A directory as text that two directories which hold the same have in common.

use std::collections::HashMap;

use rollcall_directory::entry::Kind;
use serde_json::{Map, Value as Json, json};

use crate::contributions::{self, contribution_columns};
use crate::driver::{Answer, Cells, FromCells, Trouble, Tx, binds, statements};
use crate::ids::TenantId;
use crate::{Store, StoreError};

statements! {
    RESOURCES = "SELECT id, uuid, kind, doc, active, orphaned_since FROM resources
        WHERE tenant = $1";
    LINKS = concat!(
        "SELECT l.id, l.resource, s.name, l.kind, l.key, ", contribution_columns!(),
        ", l.presence, l.missed_reads, l.gone_since
            FROM links l JOIN sources s ON s.id = l.source WHERE s.tenant = $1"
    );
    NAMES = "SELECT n.link, n.name FROM link_names n JOIN sources s ON s.id = n.source
        WHERE s.tenant = $1 ORDER BY n.link, n.name";
    MEMBERSHIPS = "SELECT m.group_id, m.member_id, s.name
        FROM memberships m JOIN sources s ON s.id = m.source_id WHERE s.tenant = $1";
    PENDING = "SELECT p.link, p.unit, p.name
        FROM pending_references p JOIN sources s ON s.id = p.source WHERE s.tenant = $1";
    QUARANTINE = "SELECT s.name, q.kind, q.name, q.reason
        FROM quarantine q JOIN sources s ON s.id = q.source WHERE s.tenant = $1";
}

struct ResourceRow {
    id: i64,
    uuid: String,
    kind: Kind,
    document: Json,
    active: bool,
    orphaned: bool,
}

impl FromCells for ResourceRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            uuid: cells.take()?,
            kind: cells.take()?,
            document: cells.take_json()?,
            active: cells.take()?,
            orphaned: cells.take::<Option<i64>>()?.is_some(),
        })
    }
}

struct LinkRow {
    id: i64,
    resource: i64,
    source: String,
    kind: Kind,
    key: String,
    contribution: Json,
    presence: String,
    missed_reads: i64,
    gone: bool,
}

impl FromCells for LinkRow {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            resource: cells.take()?,
            source: cells.take()?,
            kind: cells.take()?,
            key: cells.take()?,
            contribution: said_by(cells)?,
            presence: cells.take()?,
            missed_reads: cells.take()?,
            gone: cells.take::<Option<i64>>()?.is_some(),
        })
    }
}

fn said_by(cells: &mut Cells<'_>) -> Result<Json, Trouble> {
    let whole = serde_json::to_value(contributions::take(cells)?);
    whole.map_err(|e| {
        Trouble::Store(StoreError::Corrupt {
            what: e.to_string(),
        })
    })
}

impl Store {
    /// What a tenant's directory holds, as sorted JSON lines without numbers, SCIM ids,
    /// time stamps, runs and journal: equal for two directories that hold the same.
    /// Wherever a SCIM id of the directory stands as a value, its resource's name does.
    pub async fn dump(&self, tenant: TenantId) -> Result<Vec<String>, StoreError> {
        self.database
            .snapshot(move |tx| -> Answer<'_, Vec<String>> { Box::pin(dump(tx, tenant)) })
            .await
    }
}

async fn dump(tx: &mut Tx, tenant: TenantId) -> Result<Vec<String>, Trouble> {
    let tenant = binds![tenant];
    let resources: Vec<ResourceRow> = tx.fetch(RESOURCES, &tenant).await?;
    let labels: HashMap<i64, String> = resources.iter().map(|r| (r.id, label(r))).collect();
    let by_uuid: HashMap<String, String> = resources
        .iter()
        .map(|r| (r.uuid.clone(), label(r)))
        .collect();
    let label_of = |id: i64| labels.get(&id).cloned().unwrap_or_default();
    let mut lines: Vec<Json> = Vec::new();
    for resource in resources {
        lines.push(json!({
            "resource": label_of(resource.id),
            "document": by_names(resource.document, &by_uuid),
            "active": resource.active,
            "orphaned": resource.orphaned,
        }));
    }
    let mut names: HashMap<i64, Vec<String>> = HashMap::new();
    let hashes: Vec<(i64, rollcall_directory::name::NameHash)> = tx.fetch(NAMES, &tenant).await?;
    for (link, name) in hashes {
        names.entry(link).or_default().push(name.to_string());
    }
    let link_rows: Vec<LinkRow> = tx.fetch(LINKS, &tenant).await?;
    let mut places: HashMap<i64, String> = HashMap::new();
    for link in link_rows {
        let place = format!("{} {} {}", link.source, link.kind, link.key);
        lines.push(json!({
            "link": place,
            "resource": label_of(link.resource),
            "contribution": by_names(link.contribution, &by_uuid),
            "presence": link.presence,
            "gone": link.gone,
            "missed_reads": link.missed_reads,
            "names": names.remove(&link.id).unwrap_or_default(),
        }));
        places.insert(link.id, place);
    }
    let memberships: Vec<(i64, i64, String)> = tx.fetch(MEMBERSHIPS, &tenant).await?;
    for (group, member, source) in memberships {
        lines.push(json!({
            "group": label_of(group), "member": label_of(member), "source": source,
        }));
    }
    let pending: Vec<(i64, String, String)> = tx.fetch(PENDING, &tenant).await?;
    for (link, unit, name) in pending {
        let place = places.get(&link).cloned().unwrap_or_default();
        lines.push(json!({ "pending": place, "unit": unit, "name": name }));
    }
    let quarantine: Vec<(String, String, String, String)> = tx.fetch(QUARANTINE, &tenant).await?;
    for (source, kind, name, reason) in quarantine {
        lines.push(json!({
            "quarantine": format!("{source} {kind} {name}"), "reason": reason,
        }));
    }
    let mut lines: Vec<String> = lines.iter().map(Json::to_string).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// What people call a resource.
fn label(resource: &ResourceRow) -> String {
    let attribute = resource.kind.name_attribute();
    let name = resource.document.get(attribute).and_then(Json::as_str);
    format!("{} {}", resource.kind, name.unwrap_or_default())
}

/// The value with its members sorted, and SCIM ids replaced by names.
fn by_names(value: Json, by_uuid: &HashMap<String, String>) -> Json {
    match value {
        Json::String(text) => Json::String(by_uuid.get(&text).cloned().unwrap_or(text)),
        Json::Array(items) => Json::Array(
            items
                .into_iter()
                .map(|item| by_names(item, by_uuid))
                .collect(),
        ),
        Json::Object(members) => {
            let mut members: Vec<(String, Json)> = members
                .into_iter()
                .map(|(name, value)| (name, by_names(value, by_uuid)))
                .collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            Json::Object(Map::from_iter(members))
        }
        other => other,
    }
}
