//! What stands beside the resources of a page, read for all of them together.
//!
//! Memberships are rows of numbers. Those of a page are read at once, then whom they name,
//! each once; of groups that contain groups a level at a time, so that a circle ends where
//! it began.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_directory::entry::Kind;
use rollcall_directory::schema::{ENTERPRISE_USER, Unit};
use uuid::Uuid;

use super::{FoundResource, Groups, Mention, Parts};
use crate::driver::{Cells, Column, FromCells, Trouble, Tx, binds, statements};
use crate::ids::{ResourceId, SourceId};
use crate::records::Resource;

/// The part of a statement that leaves out what a source, `$2`, does not see.
macro_rules! visible {
    () => {
        "(CAST($2 AS BIGINT) IS NULL OR (m.orphaned_since IS NULL AND NOT EXISTS (
            SELECT 1 FROM links l WHERE l.presence = 'withdrawn' AND l.resource = m.id
                AND l.source = $2)))"
    };
}

macro_rules! mention_of_sqlite {
    () => {
        "SELECT m.id, m.uuid, m.kind, COALESCE(m.doc ->> 'displayName',
            CASE m.kind WHEN 'user' THEN m.doc ->> 'userName' END)
            FROM resources m WHERE "
    };
}

macro_rules! mention_of_postgres {
    () => {
        "SELECT m.id, m.uuid, m.kind, COALESCE(m.doc::json ->> 'displayName',
            CASE m.kind WHEN 'user' THEN m.doc::json ->> 'userName' END)
            FROM resources m WHERE "
    };
}

statements! {
    MEMBERS = "SELECT DISTINCT group_id, member_id FROM memberships WHERE group_id = $1",
        postgres: "SELECT DISTINCT group_id, member_id FROM memberships
            WHERE group_id = ANY($1::bigint[])";
    GROUPS = "SELECT DISTINCT member_id, group_id FROM memberships WHERE member_id = $1",
        postgres: "SELECT DISTINCT member_id, group_id FROM memberships
            WHERE member_id = ANY($1::bigint[])";
    MENTIONED = concat!(mention_of_sqlite!(), "m.id = $1 AND ", visible!()),
        postgres: concat!(
            mention_of_postgres!(), "m.id = ANY($1::bigint[]) AND ", visible!()
        );
    NAMED = concat!(mention_of_sqlite!(), "m.uuid = $1 AND m.tenant = $3 AND ", visible!()),
        postgres: concat!(
            mention_of_postgres!(),
            "m.uuid = ANY($1::text[]) AND m.tenant = $3 AND ", visible!()
        );
}

impl FromCells for Mention {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            uuid: cells.take()?,
            kind: cells.take()?,
            display: cells.take()?,
            direct: true,
        })
    }
}

/// Puts what is asked for beside resources.
pub(super) async fn furnish(
    tx: &mut Tx,
    resources: Vec<Resource>,
    parts: Parts,
    visible_to: Option<SourceId>,
) -> Result<Vec<FoundResource>, Trouble> {
    let of_kind = |kind: Kind| {
        let those = resources.iter().filter(|resource| resource.kind == kind);
        those.map(|resource| resource.id).collect::<Vec<_>>()
    };
    let mut members = HashMap::new();
    if parts.members {
        members = members_of(tx, of_kind(Kind::Group), visible_to).await?;
    }
    let mut groups = HashMap::new();
    if parts.groups != Groups::No {
        groups = groups_of(tx, of_kind(Kind::User), parts.groups, visible_to).await?;
    }
    let mut managers = HashMap::new();
    if parts.manager {
        managers = managers_of(tx, &resources, visible_to).await?;
    }
    let found = resources.into_iter().map(|resource| FoundResource {
        members: (parts.members && resource.kind == Kind::Group)
            .then(|| members.remove(&resource.id).unwrap_or_default()),
        groups: (parts.groups != Groups::No && resource.kind == Kind::User)
            .then(|| groups.remove(&resource.id).unwrap_or_default()),
        manager: manager_of(&resource).and_then(|id| managers.get(&id).cloned()),
        resource,
    });
    Ok(found.collect())
}

async fn members_of(
    tx: &mut Tx,
    groups: Vec<ResourceId>,
    visible_to: Option<SourceId>,
) -> Result<HashMap<ResourceId, Vec<Mention>>, Trouble> {
    let rows = pairs(tx, &MEMBERS, groups).await?;
    let who: BTreeSet<ResourceId> = rows.iter().map(|(_, member)| *member).collect();
    let known = mentioned(tx, who, visible_to).await?;
    let mut members: HashMap<ResourceId, Vec<Mention>> = HashMap::new();
    for (group, member) in rows {
        if let Some(mention) = known.get(&member) {
            members.entry(group).or_default().push(mention.clone());
        }
    }
    Ok(members)
}

async fn groups_of(
    tx: &mut Tx,
    users: Vec<ResourceId>,
    which: Groups,
    visible_to: Option<SourceId>,
) -> Result<HashMap<ResourceId, Vec<Mention>>, Trouble> {
    let mut known: HashMap<ResourceId, Mention> = HashMap::new();
    let mut above: HashMap<ResourceId, Vec<ResourceId>> = HashMap::new();
    let mut level = users.clone();
    while !level.is_empty() {
        let rows = pairs(tx, &GROUPS, level).await?;
        let new: BTreeSet<ResourceId> = rows
            .iter()
            .map(|(_, group)| *group)
            .filter(|group| !known.contains_key(group))
            .collect();
        let found = mentioned(tx, new, visible_to).await?;
        level = found.keys().copied().collect();
        known.extend(found);
        for (member, group) in rows {
            above.entry(member).or_default().push(group);
        }
        if which == Groups::Direct {
            break;
        }
    }
    Ok(users
        .into_iter()
        .map(|user| (user, reached(user, &above, &known)))
        .collect())
}

/// The groups that are reached from a user, by number.
fn reached(
    user: ResourceId,
    above: &HashMap<ResourceId, Vec<ResourceId>>,
    known: &HashMap<ResourceId, Mention>,
) -> Vec<Mention> {
    let mut found: BTreeMap<ResourceId, Mention> = BTreeMap::new();
    let mut waiting = vec![user];
    while let Some(member) = waiting.pop() {
        for group in above.get(&member).into_iter().flatten() {
            if let (false, Some(mention)) = (found.contains_key(group), known.get(group)) {
                found.insert(*group, mention.clone());
                waiting.push(*group);
            }
        }
    }
    let direct = above.get(&user).map(Vec::as_slice).unwrap_or_default();
    found
        .into_values()
        .map(|mention| Mention {
            direct: direct.contains(&mention.id),
            ..mention
        })
        .collect()
}

async fn managers_of(
    tx: &mut Tx,
    resources: &[Resource],
    visible_to: Option<SourceId>,
) -> Result<HashMap<Uuid, Mention>, Trouble> {
    let ids: BTreeSet<Uuid> = resources.iter().filter_map(manager_of).collect();
    let Some(tenant) = resources.first().map(|resource| resource.tenant) else {
        return Ok(HashMap::new());
    };
    let column = Column::OwnedTexts(ids.iter().map(Uuid::to_string).collect());
    let binds = binds![visible_to, tenant];
    let found: Vec<Mention> = tx.fetch_each(NAMED, &[column], &binds).await?;
    Ok(found.into_iter().map(|m| (m.uuid, m)).collect())
}

fn manager_of(resource: &Resource) -> Option<Uuid> {
    let unit = Unit::from_canonical(&format!("{ENTERPRISE_USER}:manager.value"));
    Uuid::try_parse(resource.document.get(&unit)?.as_str()?).ok()
}

/// Pairs of numbers by the first, in order.
async fn pairs(
    tx: &mut Tx,
    statement: &crate::driver::Statement,
    of: Vec<ResourceId>,
) -> Result<Vec<(ResourceId, ResourceId)>, Trouble> {
    let column = Column::Ints(of.into_iter().map(|id| id.0).collect());
    let mut rows: Vec<(ResourceId, ResourceId)> = tx.fetch_each(*statement, &[column], &[]).await?;
    rows.sort_unstable();
    Ok(rows)
}

async fn mentioned(
    tx: &mut Tx,
    ids: BTreeSet<ResourceId>,
    visible_to: Option<SourceId>,
) -> Result<HashMap<ResourceId, Mention>, Trouble> {
    let column = Column::Ints(ids.into_iter().map(|id| id.0).collect());
    let binds = binds![visible_to];
    let found: Vec<Mention> = tx.fetch_each(MENTIONED, &[column], &binds).await?;
    Ok(found.into_iter().map(|m| (m.id, m)).collect())
}
