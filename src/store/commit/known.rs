//! The rows that a batch builds on, as they are when it begins.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Care;
use super::prepared::{Prepare, PreparedStep};
use crate::driver::{Cells, Column, FromCells, Trouble, Tx, binds, statements};
use crate::ids::TenantId;
use crate::links::link_columns;
use crate::records::Link;

statements! {
    RESOURCES = "SELECT id, uuid, kind, user_name, created, modified, version,
            document_version, orphaned_since, doc FROM resources WHERE id = $1",
        postgres: "SELECT id, uuid, kind, user_name, created, modified, version,
            document_version, orphaned_since, doc FROM resources WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE";
    // People and groups in the index of the list first: its pages are few, and the documents
    // stay where they are.
    PRESENT = "SELECT $1 WHERE EXISTS (SELECT 1 FROM resources INDEXED BY resources_list
                WHERE tenant = $2 AND kind IN ('user', 'group') AND id = $1)
            OR EXISTS (SELECT 1 FROM resources WHERE id = $1 AND tenant = $2)",
        postgres: "SELECT id FROM resources WHERE id = ANY($1::bigint[]) AND tenant = $2
            ORDER BY id FOR KEY SHARE";
    LINKS = concat!("SELECT ", link_columns!(), " FROM links l WHERE l.id = $1"),
        postgres: concat!(
            "SELECT ", link_columns!(), " FROM links l WHERE l.id = ANY($1::bigint[])
            ORDER BY l.id FOR KEY SHARE"
        );
    LINKS_OF = concat!("SELECT ", link_columns!(), " FROM links l WHERE l.resource = $1"),
        postgres: concat!(
            "SELECT ", link_columns!(), " FROM links l WHERE l.resource = ANY($1::bigint[])"
        );
    GROUPS_OF = "SELECT group_id, member_id, source_id FROM memberships WHERE member_id = $1",
        postgres: "SELECT group_id, member_id, source_id FROM memberships
            WHERE member_id = ANY($1::bigint[])";
    MEMBERSHIPS = "SELECT group_id, member_id, source_id FROM memberships
            WHERE group_id = $1 AND member_id = $2 AND source_id = $3",
        postgres: "SELECT m.group_id, m.member_id, m.source_id
            FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[])
                AS asked(group_id, member_id, source_id)
            JOIN memberships m ON m.group_id = asked.group_id
                AND m.member_id = asked.member_id AND m.source_id = asked.source_id";
    MEMBERS_OF = "SELECT group_id, member_id, source_id FROM memberships WHERE group_id = $1",
        postgres: "SELECT group_id, member_id, source_id FROM memberships
            WHERE group_id = ANY($1::bigint[])";
}

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) resources: HashMap<i64, StoredResource>,
    pub(super) links: HashMap<i64, Link>,
    /// Group, member, source: those of the resources that the batch deletes, and those of
    /// the memberships that it changes which are there.
    pub(super) memberships: BTreeSet<(i64, i64, i64)>,
    /// Resources that the batch makes.
    pub(super) made: HashSet<i64>,
    /// Resources that rows of the batch refer to and that are there, locked so that they
    /// stay until it is committed; and those that the batch makes, before or after.
    pub(super) present: HashSet<i64>,
    /// Everything that the batch mentions was looked up: what is not here is not there.
    pub(super) complete: bool,
}

/// A row of `resources`.
#[derive(Debug)]
pub(super) struct StoredResource {
    pub(super) id: i64,
    pub(super) uuid: String,
    pub(super) kind: String,
    pub(super) user_name: Option<String>,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) version: i64,
    pub(super) document_version: i64,
    pub(super) orphaned: Option<time::OffsetDateTime>,
    pub(super) doc: String,
}

impl FromCells for StoredResource {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            id: cells.take()?,
            uuid: cells.take()?,
            kind: cells.take()?,
            user_name: cells.take()?,
            created: cells.take()?,
            modified: cells.take()?,
            version: cells.take()?,
            document_version: cells.take()?,
            orphaned: cells.take()?,
            doc: cells.take()?,
        })
    }
}

/// Which rows a batch needs.
#[derive(Debug, Default)]
struct Wanted {
    resources: BTreeSet<i64>,
    links: BTreeSet<i64>,
    deleted: BTreeSet<i64>,
    /// Resources of which all links are looked at.
    said: BTreeSet<i64>,
    memberships: BTreeSet<(i64, i64, i64)>,
    mentioned: BTreeSet<i64>,
    made: HashSet<i64>,
}

impl Wanted {
    fn of(prepared: &[PreparedStep], care: Care) -> Self {
        let mut wanted = Self::default();
        let mut brought: HashSet<i64> = HashSet::new();
        for write in prepared.iter().flat_map(|step| &step.writes) {
            match write {
                Prepare::Create(new) => {
                    wanted.made.insert(new.id);
                    brought.extend(new.link.as_ref().map(|link| link.id));
                }
                Prepare::Update { resource, .. } | Prepare::Orphan { resource, .. } => {
                    wanted.resources.insert(*resource);
                }
                Prepare::Expect { resource, said, .. } => {
                    wanted.resources.insert(*resource);
                    if said.is_some() {
                        wanted.said.insert(*resource);
                    }
                }
                Prepare::Delete { resource, .. } => {
                    wanted.resources.insert(*resource);
                    wanted.deleted.insert(*resource);
                }
                Prepare::Link(row) => {
                    brought.insert(row.id);
                    wanted.resources.insert(row.resource);
                }
                Prepare::Relink { row, journal } => {
                    wanted.mentioned.insert(row.resource);
                    if *journal {
                        wanted.links.insert(row.id);
                    } else {
                        brought.insert(row.id);
                    }
                }
                Prepare::Unlink { link }
                | Prepare::Names { link, .. }
                | Prepare::Pending { link, .. } => {
                    if !brought.contains(link) {
                        wanted.links.insert(*link);
                    }
                }
                Prepare::Members {
                    group,
                    source,
                    added,
                    removed,
                    ..
                } => {
                    // Locked before the memberships are looked at: what is found then
                    // stays so until the commit.
                    wanted.resources.insert(*group);
                    wanted.mentioned.extend(added);
                    let rows = added.iter().chain(removed);
                    wanted
                        .memberships
                        .extend(rows.map(|member| (*group, *member, *source)));
                }
                Prepare::Quarantine(_) | Prepare::Release { .. } => {}
            }
        }
        let made = &wanted.made;
        wanted
            .memberships
            .retain(|(group, _, _)| !made.contains(group));
        wanted
            .mentioned
            .retain(|id| !made.contains(id) && !wanted.resources.contains(id));
        if care == Care::Careful {
            wanted.want_everything(prepared);
        } else {
            let made = &wanted.made;
            wanted.resources.retain(|id| !made.contains(id));
        }
        wanted
    }

    fn want_everything(&mut self, prepared: &[PreparedStep]) {
        for write in prepared.iter().flat_map(|step| &step.writes) {
            match write {
                Prepare::Create(new) => {
                    self.resources.insert(new.id);
                    self.links.extend(new.link.as_ref().map(|link| link.id));
                }
                Prepare::Link(row) | Prepare::Relink { row, .. } => {
                    self.links.insert(row.id);
                    self.resources.insert(row.resource);
                }
                _ => {}
            }
        }
    }
}

impl Known {
    pub(super) async fn load(
        tx: &mut Tx,
        prepared: &[PreparedStep],
        tenant: TenantId,
        care: Care,
    ) -> Result<Self, Trouble> {
        let wanted = Wanted::of(prepared, care);
        let ids = |set: &BTreeSet<i64>| [Column::Ints(set.iter().copied().collect())];
        let resources: Vec<StoredResource> = tx
            .fetch_each(RESOURCES, &ids(&wanted.resources), &[])
            .await?;
        let present: Vec<(i64,)> = tx
            .fetch_each(PRESENT, &ids(&wanted.mentioned), &binds![tenant])
            .await?;
        let mut links: Vec<Link> = tx.fetch_each(LINKS, &ids(&wanted.links), &[]).await?;
        let deleted = ids(&wanted.deleted);
        links.extend(tx.fetch_each::<Link>(LINKS_OF, &deleted, &[]).await?);
        links.extend(
            tx.fetch_each::<Link>(LINKS_OF, &ids(&wanted.said), &[])
                .await?,
        );
        let mut memberships = BTreeSet::new();
        for statement in [GROUPS_OF, MEMBERS_OF] {
            let rows: Vec<(i64, i64, i64)> = tx.fetch_each(statement, &deleted, &[]).await?;
            memberships.extend(rows);
        }
        let asked = [
            Column::Ints(wanted.memberships.iter().map(|row| row.0).collect()),
            Column::Ints(wanted.memberships.iter().map(|row| row.1).collect()),
            Column::Ints(wanted.memberships.iter().map(|row| row.2).collect()),
        ];
        let there: Vec<(i64, i64, i64)> = tx.fetch_each(MEMBERSHIPS, &asked, &[]).await?;
        memberships.extend(there);
        Ok(Self {
            resources: resources.into_iter().map(|r| (r.id, r)).collect(),
            links: links.into_iter().map(|l| (l.id.0, l)).collect(),
            memberships,
            present: present
                .into_iter()
                .map(|(id,)| id)
                .chain(wanted.made.iter().copied())
                .collect(),
            made: wanted.made,
            complete: care == Care::Careful,
        })
    }
}
