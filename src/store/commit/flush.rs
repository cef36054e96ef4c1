//! The rows that a batch changes, written table by table.
//!
//! What goes is written before what comes, so that names and keys are free when they are
//! taken; a resource whose userName changes gives up the old one first.

use std::borrow::Cow;

use super::Batch;
use super::ledger::{Ledger, LinkSlot, ResourceNow};
use super::prepared::{Doc, LinkRow};
use super::values;
use crate::driver::{Column, Trouble, Tx, binds, statements};
use crate::error::CommitError;
use crate::journal::text_of;
use crate::links::link_columns;
use crate::records::Link;
use crate::schemas::Registered;

statements! {
    DELETE_LINK = "DELETE FROM links WHERE id = $1",
        postgres: "DELETE FROM links WHERE id = ANY($1::bigint[])";
    DELETE_RESOURCE = "DELETE FROM resources WHERE id = $1",
        postgres: "DELETE FROM resources WHERE id = ANY($1::bigint[])";
    DELETE_PENDING_OF = "DELETE FROM pending_references WHERE link = $1",
        postgres: "DELETE FROM pending_references WHERE link = ANY($1::bigint[])";
    DELETE_MEMBERS_OF = "DELETE FROM memberships WHERE group_id = $1",
        postgres: "DELETE FROM memberships WHERE group_id = ANY($1::bigint[])";
    DELETE_GROUPS_OF = "DELETE FROM memberships WHERE member_id = $1",
        postgres: "DELETE FROM memberships WHERE member_id = ANY($1::bigint[])";
    FREE_NAME = "UPDATE resources SET user_name = NULL WHERE id = $1",
        postgres: "UPDATE resources SET user_name = NULL WHERE id = ANY($1::bigint[])";
    INSERT_RESOURCE = "INSERT INTO resources (id, uuid, kind, user_name, freed_name,
            external_id, display_name, active, created, doc, version, document_version,
            orphaned_since, tenant, modified)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        postgres: "INSERT INTO resources (id, uuid, kind, user_name, freed_name, external_id,
            display_name, active, created, doc, version, document_version, orphaned_since,
            tenant, modified)
            SELECT r.*, $14, $15 FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[],
                $5::text[], $6::text[], $7::text[], $8::boolean[], $9::bigint[], $10::text[],
                $11::bigint[], $12::bigint[], $13::bigint[]) AS r";
    UPDATE_RESOURCE = "UPDATE resources SET user_name = $1, freed_name = $2,
            external_id = $3, display_name = $4, active = $5, doc = $6, version = $7,
            document_version = $8, orphaned_since = $9, modified = $11 WHERE id = $10",
        postgres: "UPDATE resources AS r SET user_name = n.user_name,
            freed_name = n.freed_name, external_id = n.external_id,
            display_name = n.display_name, active = n.active, doc = n.doc,
            version = n.version, document_version = n.document_version,
            orphaned_since = n.orphaned_since, modified = $11
            FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[],
                $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[])
                AS n(user_name, freed_name, external_id, display_name, active, doc, version,
                    document_version, orphaned_since, id)
            WHERE r.id = n.id";
    UPDATE_STATE = "UPDATE resources SET user_name = $1, freed_name = $2, active = $3,
            version = $4, modified = $5, orphaned_since = $6 WHERE id = $7",
        postgres: "UPDATE resources AS r SET user_name = n.user_name,
            freed_name = n.freed_name, active = n.active, version = n.version,
            modified = n.modified, orphaned_since = n.orphaned_since
            FROM UNNEST($1::text[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[],
                $6::bigint[], $7::bigint[])
                AS n(user_name, freed_name, active, version, modified, orphaned_since, id)
            WHERE r.id = n.id";
    DELETE_EMAILS = "DELETE FROM resource_emails WHERE resource = $1",
        postgres: "DELETE FROM resource_emails WHERE resource = ANY($1::bigint[])";
    INSERT_EMAIL = "INSERT INTO resource_emails (resource, email) VALUES ($1, $2)",
        postgres: "INSERT INTO resource_emails (resource, email)
            SELECT * FROM UNNEST($1::bigint[], $2::text[])";
    INSERT_LINK = "INSERT INTO links (id, source, kind, key, key_hash, locator, resource,
            fingerprint, mapping, contribution, presence, gone_since, missed_reads, run)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        postgres: "INSERT INTO links (id, source, kind, key, key_hash, locator, resource,
            fingerprint, mapping, contribution, presence, gone_since, missed_reads, run)
            SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[],
                $5::bytea[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[],
                $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::bigint[])";
    UPDATE_LINK = "UPDATE links SET source = $2, kind = $3, key = $4, key_hash = $5,
            locator = $6, resource = $7, fingerprint = $8, mapping = $9, contribution = $10,
            presence = $11, gone_since = $12, missed_reads = $13, run = $14
            WHERE id = $1",
        postgres: "UPDATE links AS l SET source = n.source, kind = n.kind, key = n.key,
            key_hash = n.key_hash, locator = n.locator, resource = n.resource,
            fingerprint = n.fingerprint, mapping = n.mapping,
            contribution = n.contribution, presence = n.presence,
            gone_since = n.gone_since, missed_reads = n.missed_reads, run = n.run
            FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[],
                $6::text[], $7::bigint[], $8::bytea[], $9::bytea[], $10::text[],
                $11::text[], $12::bigint[], $13::bigint[], $14::bigint[])
                AS n(id, source, kind, key, key_hash, locator, resource, fingerprint,
                    mapping, contribution, presence, gone_since, missed_reads, run)
            WHERE l.id = n.id";
    TOLD_BY_DOCUMENTS = concat!(
            "SELECT ", link_columns!(), " FROM links l
            WHERE l.resource = $1 AND substr(l.contribution, 1, 1) = '['"
        ),
        postgres: concat!(
            "SELECT ", link_columns!(), " FROM links l
            WHERE l.resource = ANY($1::bigint[]) AND substr(l.contribution, 1, 1) = '['
            ORDER BY l.id"
        );
    WRITE_OUT = "UPDATE links SET contribution = $2 WHERE id = $1",
        postgres: "UPDATE links AS l SET contribution = n.contribution
            FROM UNNEST($1::bigint[], $2::text[]) AS n(id, contribution)
            WHERE l.id = n.id";
    DELETE_NAMES = "DELETE FROM link_names WHERE link = $1",
        postgres: "DELETE FROM link_names WHERE link = ANY($1::bigint[])";
    INSERT_NAME = "INSERT INTO link_names (source, name, link) VALUES ($1, $2, $3)
            ON CONFLICT (source, name, link) DO NOTHING",
        postgres: "INSERT INTO link_names (source, name, link)
            SELECT * FROM UNNEST($1::bigint[], $2::bytea[], $3::bigint[])
            ON CONFLICT (source, name, link) DO NOTHING";
    DELETE_MEMBER = "DELETE FROM memberships
            WHERE group_id = $1 AND member_id = $2 AND source_id = $3",
        postgres: "DELETE FROM memberships AS m
            USING UNNEST($1::bigint[], $2::bigint[], $3::bigint[])
                AS n(group_id, member_id, source_id)
            WHERE m.group_id = n.group_id AND m.member_id = n.member_id
                AND m.source_id = n.source_id";
    INSERT_MEMBER = "INSERT INTO memberships (group_id, member_id, source_id)
            VALUES ($1, $2, $3) ON CONFLICT (group_id, member_id, source_id) DO NOTHING",
        postgres: "INSERT INTO memberships (group_id, member_id, source_id)
            SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[])
            ON CONFLICT (group_id, member_id, source_id) DO NOTHING";
    DELETE_PENDING = "DELETE FROM pending_references
            WHERE link = $1 AND unit = $2 AND name_hash = $3",
        postgres: "DELETE FROM pending_references AS p
            USING UNNEST($1::bigint[], $2::text[], $3::bytea[]) AS n(link, unit, name_hash)
            WHERE p.link = n.link AND p.unit = n.unit AND p.name_hash = n.name_hash";
    INSERT_PENDING = "INSERT INTO pending_references (link, unit, name_hash, name, source)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (link, unit, name_hash) DO NOTHING",
        postgres: "INSERT INTO pending_references (link, unit, name_hash, name, source)
            SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bytea[], $4::text[],
                $5::bigint[])
            ON CONFLICT (link, unit, name_hash) DO NOTHING";
    DELETE_QUARANTINED = "DELETE FROM quarantine
            WHERE source = $1 AND kind = $2 AND name_hash = $3",
        postgres: "DELETE FROM quarantine AS q
            USING UNNEST($1::bigint[], $2::text[], $3::bytea[]) AS n(source, kind, name_hash)
            WHERE q.source = n.source AND q.kind = n.kind AND q.name_hash = n.name_hash";
    INSERT_QUARANTINED = "INSERT INTO quarantine (source, kind, name_hash, name, locator,
            reason, flaws, since) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (source, kind, name_hash) DO UPDATE SET locator = excluded.locator,
                reason = excluded.reason, flaws = excluded.flaws, since = excluded.since",
        postgres: "INSERT INTO quarantine (source, kind, name_hash, name, locator,
            reason, flaws, since)
            SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::bytea[], $4::text[],
                $5::text[], $6::text[], $7::text[], $8::bigint[])
            ON CONFLICT (source, kind, name_hash) DO UPDATE SET locator = excluded.locator,
                reason = excluded.reason, flaws = excluded.flaws, since = excluded.since";
    INSERT_LINE = "INSERT INTO journal (resource, uuid, link, event, at, tenant, actor, run,
            source)
            VALUES ($1, COALESCE($2, (SELECT uuid FROM resources WHERE id = $1)), $3, $4, $5,
                $6, $7, $8, $9)",
        postgres: "INSERT INTO journal (resource, uuid, link, event, at, tenant, actor, run,
            source)
            SELECT n.resource,
                COALESCE(n.uuid, (SELECT r.uuid FROM resources r WHERE r.id = n.resource)),
                n.link, n.event, $5, $6, $7, $8, $9
            FROM UNNEST($1::bigint[], $2::text[], $3::bigint[], $4::text[])
                WITH ORDINALITY AS n(resource, uuid, link, event, place)
            ORDER BY n.place";
}

/// Writes all that differs.
pub(super) async fn flush(
    tx: &mut Tx,
    ledger: &Ledger<'_>,
    batch: &Batch,
    registered: Option<&Registered>,
) -> Result<(), Trouble> {
    remove(tx, ledger).await?;
    write_resources(tx, ledger, batch).await?;
    if let Some(registered) = registered {
        write_values(tx, ledger, batch, registered).await?;
    }
    write_links(tx, ledger).await?;
    write_names(tx, ledger).await?;
    write_memberships(tx, ledger).await?;
    write_pending(tx, ledger).await?;
    write_quarantine(tx, ledger).await?;
    write_journal(tx, ledger, batch).await
}

/// Rows that go take their names, memberships and references with them.
async fn remove(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    let links = [ids(ledger.links.iter().filter(|(_, slot)| slot.cut))];
    for statement in [DELETE_NAMES, DELETE_PENDING_OF, DELETE_LINK] {
        tx.execute_each(statement, &links, &[]).await?;
    }
    let resources = [ids(ledger.resources.iter().filter(|(_, slot)| slot.cut))];
    values::delete(tx, &resources).await?;
    for statement in [
        DELETE_EMAILS,
        DELETE_MEMBERS_OF,
        DELETE_GROUPS_OF,
        DELETE_RESOURCE,
    ] {
        tx.execute_each(statement, &resources, &[]).await?;
    }
    Ok(())
}

fn ids<'a, T: 'a>(slots: impl Iterator<Item = (&'a i64, T)>) -> Column<'static> {
    Column::Ints(slots.map(|(id, _)| *id).collect())
}

async fn write_resources(tx: &mut Tx, ledger: &Ledger<'_>, batch: &Batch) -> Result<(), Trouble> {
    let mut made: Vec<(&Row<'_>, &Doc)> = Vec::new();
    let mut changed: Vec<(&Row<'_>, &Doc)> = Vec::new();
    let mut moved: Vec<&Row<'_>> = Vec::new();
    let mut freed = Vec::new();
    let rows: Vec<(Row<'_>, bool)> = ledger
        .resources
        .iter()
        .filter_map(|(id, slot)| {
            let now = slot.now.as_ref().filter(|now| now.touched)?;
            let row = Row {
                id: *id,
                now,
                user_name: now.user_name(),
                freed_name: now.freed_name(),
            };
            let stored = slot.stored.filter(|_| !slot.cut);
            if let Some(old) = stored.and_then(|stored| stored.user_name.as_deref())
                && row.user_name.as_deref() != Some(old)
            {
                freed.push(*id);
            }
            Some((row, stored.is_none()))
        })
        .collect();
    for (row, is_new) in &rows {
        match row.now.doc {
            Some(doc) if *is_new => made.push((row, doc)),
            Some(doc) => changed.push((row, doc)),
            None => moved.push(row),
        }
    }
    tx.execute_each(FREE_NAME, &[Column::Ints(freed)], &[])
        .await?;
    write_out(tx, ledger, changed.iter().map(|(row, _)| row.id)).await?;
    insert_resources(tx, &made, batch).await?;
    update_resources(tx, &changed, batch).await?;
    update_states(tx, &moved).await?;

    let ids = changed.iter().map(|(row, _)| row.id).collect();
    tx.execute_each(DELETE_EMAILS, &[Column::Ints(ids)], &[])
        .await?;
    let mut owners = Vec::new();
    let mut emails = Vec::new();
    for (row, doc) in made.iter().chain(&changed) {
        for email in &doc.emails {
            owners.push(row.id);
            emails.push(email.as_str());
        }
    }
    let columns = [Column::Ints(owners), Column::Texts(emails)];
    tx.execute_each(INSERT_EMAIL, &columns, &[]).await?;
    Ok(())
}

/// Writes out contributions that are told by documents which are about to change, but for
/// those of links that are written anyway.
async fn write_out(
    tx: &mut Tx,
    ledger: &Ledger<'_>,
    changed: impl Iterator<Item = i64>,
) -> Result<(), Trouble> {
    let changed = [Column::Ints(changed.collect())];
    let mut told: Vec<Link> = tx.fetch_each(TOLD_BY_DOCUMENTS, &changed, &[]).await?;
    told.retain(|link| !ledger.links.contains_key(&link.id.0));
    let whole = told.iter().map(|link| text_of(&link.contribution));
    let columns = [
        Column::Ints(told.iter().map(|link| link.id.0).collect()),
        Column::OwnedTexts(whole.collect::<Result<_, _>>()?),
    ];
    tx.execute_each(WRITE_OUT, &columns, &[]).await?;
    Ok(())
}

/// What registered schemas mark as indexed.
async fn write_values(
    tx: &mut Tx,
    ledger: &Ledger<'_>,
    batch: &Batch,
    registered: &Registered,
) -> Result<(), Trouble> {
    let mut rows = values::Rows::default();
    let mut rewritten = Vec::new();
    let (mut holding, mut letting_go) = (Vec::new(), Vec::new());
    for (id, slot) in &ledger.resources {
        let Some(now) = slot.now.as_ref().filter(|_| slot.needs_values()) else {
            continue;
        };
        let Some((kind, attributes)) = registered.indexed.get_key_value(now.kind) else {
            continue;
        };
        match now.doc {
            Some(doc) => {
                rewritten.push(*id);
                rows.add(*id, kind, &doc.text, slot.holds(), attributes)
                    .map_err(|trouble| at_step(trouble, slot.step))?;
            }
            None if slot.holds() => holding.push(*id),
            None => letting_go.push(*id),
        }
    }
    values::delete(tx, &[Column::Ints(rewritten)]).await?;
    values::hold(tx, letting_go, false).await?;
    values::hold(tx, holding, true).await?;
    rows.write(tx, batch.tenant).await
}

/// A row's refusal with the step that it belongs to.
pub(super) fn at_step(trouble: Trouble, step: usize) -> Trouble {
    match trouble {
        Trouble::Refused(CommitError::Step { cause, .. }) => {
            Trouble::Refused(CommitError::Step { index: step, cause })
        }
        other => other,
    }
}

/// A row of `resources` to be written.
struct Row<'a> {
    id: i64,
    now: &'a ResourceNow<'a>,
    user_name: Option<Cow<'a, str>>,
    freed_name: Option<Cow<'a, str>>,
}

impl Row<'_> {
    fn since(&self) -> Option<i64> {
        self.now.orphaned.map(crate::driver::micros)
    }
}

async fn insert_resources(
    tx: &mut Tx,
    made: &[(&Row<'_>, &Doc)],
    batch: &Batch,
) -> Result<(), Trouble> {
    let rows = || made.iter().map(|(row, _)| *row);
    let docs = || made.iter().map(|(_, doc)| *doc);
    let columns = [
        Column::Ints(rows().map(|row| row.id).collect()),
        Column::Texts(rows().map(|row| row.now.uuid).collect()),
        Column::Texts(rows().map(|row| row.now.kind).collect()),
        Column::MaybeTexts(rows().map(|row| row.user_name.as_deref()).collect()),
        Column::MaybeTexts(rows().map(|row| row.freed_name.as_deref()).collect()),
        Column::MaybeTexts(docs().map(|doc| doc.external_id.as_deref()).collect()),
        Column::MaybeTexts(docs().map(|doc| doc.display_name.as_deref()).collect()),
        Column::Bools(rows().map(|row| row.now.active()).collect()),
        Column::Ints(rows().map(|row| row.now.created).collect()),
        Column::Texts(docs().map(|doc| &*doc.text).collect()),
        Column::Ints(rows().map(|row| row.now.version).collect()),
        Column::Ints(rows().map(|row| row.now.document_version).collect()),
        Column::MaybeInts(rows().map(Row::since).collect()),
    ];
    tx.execute_each(INSERT_RESOURCE, &columns, &binds![batch.tenant, batch.now])
        .await?;
    Ok(())
}

async fn update_resources(
    tx: &mut Tx,
    changed: &[(&Row<'_>, &Doc)],
    batch: &Batch,
) -> Result<(), Trouble> {
    let rows = || changed.iter().map(|(row, _)| *row);
    let docs = || changed.iter().map(|(_, doc)| *doc);
    let columns = [
        Column::MaybeTexts(rows().map(|row| row.user_name.as_deref()).collect()),
        Column::MaybeTexts(rows().map(|row| row.freed_name.as_deref()).collect()),
        Column::MaybeTexts(docs().map(|doc| doc.external_id.as_deref()).collect()),
        Column::MaybeTexts(docs().map(|doc| doc.display_name.as_deref()).collect()),
        Column::Bools(rows().map(|row| row.now.active()).collect()),
        Column::Texts(docs().map(|doc| &*doc.text).collect()),
        Column::Ints(rows().map(|row| row.now.version).collect()),
        Column::Ints(rows().map(|row| row.now.document_version).collect()),
        Column::MaybeInts(rows().map(Row::since).collect()),
        Column::Ints(rows().map(|row| row.id).collect()),
    ];
    tx.execute_each(UPDATE_RESOURCE, &columns, &binds![batch.now])
        .await?;
    Ok(())
}

/// Those whose attributes stay.
async fn update_states(tx: &mut Tx, moved: &[&Row<'_>]) -> Result<(), Trouble> {
    let rows = || moved.iter().copied();
    let columns = [
        Column::MaybeTexts(rows().map(|row| row.user_name.as_deref()).collect()),
        Column::MaybeTexts(rows().map(|row| row.freed_name.as_deref()).collect()),
        Column::Bools(rows().map(|row| row.now.active()).collect()),
        Column::Ints(rows().map(|row| row.now.version).collect()),
        Column::Ints(rows().map(|row| row.now.modified).collect()),
        Column::MaybeInts(rows().map(Row::since).collect()),
        Column::Ints(rows().map(|row| row.id).collect()),
    ];
    tx.execute_each(UPDATE_STATE, &columns, &[]).await?;
    Ok(())
}

async fn write_links(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    let is_new = |slot: &LinkSlot<'_>| !slot.stored || slot.cut;
    let rows = |new: bool| -> Vec<&LinkRow> {
        let slots = ledger.links.values().filter(|slot| is_new(slot) == new);
        slots.filter_map(|slot| slot.now).collect()
    };
    let made = rows(true);
    let said = contributions(ledger, &made)?;
    tx.execute_each(INSERT_LINK, &link_columns(&made, &said), &[])
        .await?;
    let changed = rows(false);
    let said = contributions(ledger, &changed)?;
    let touched = tx
        .execute_each(UPDATE_LINK, &link_columns(&changed, &said), &[])
        .await?;
    if touched != changed.len() as u64 {
        // One of those that were not looked up is gone: a careful look will tell which.
        return Err(Trouble::Constraint("a link is gone".to_owned()));
    }
    Ok(())
}

fn contributions<'a>(
    ledger: &Ledger<'_>,
    rows: &[&'a LinkRow],
) -> Result<Vec<Cow<'a, str>>, Trouble> {
    let document = |row: &LinkRow| ledger.resources.get(&row.resource)?.now.as_ref()?.doc;
    let texts = rows.iter().map(|row| row.contribution(document(row)));
    texts.collect()
}

fn link_columns<'a>(rows: &[&'a LinkRow], said: &'a [Cow<'a, str>]) -> [Column<'a>; 14] {
    [
        Column::Ints(rows.iter().map(|row| row.id).collect()),
        Column::Ints(rows.iter().map(|row| row.source).collect()),
        Column::Texts(rows.iter().map(|row| row.kind).collect()),
        Column::Texts(rows.iter().map(|row| row.key.as_str()).collect()),
        Column::Hashes(rows.iter().map(|row| row.key_hash).collect()),
        Column::Texts(rows.iter().map(|row| row.locator.as_str()).collect()),
        Column::Ints(rows.iter().map(|row| row.resource).collect()),
        Column::Hashes(rows.iter().map(|row| row.fingerprint).collect()),
        Column::Hashes(rows.iter().map(|row| row.mapping).collect()),
        Column::Texts(said.iter().map(|text| &**text).collect()),
        Column::Texts(rows.iter().map(|row| row.presence.as_str()).collect()),
        Column::MaybeInts(rows.iter().map(|row| row.gone_since).collect()),
        Column::Ints(rows.iter().map(|row| row.missed_reads).collect()),
        Column::Ints(rows.iter().map(|row| row.run).collect()),
    ]
}

async fn write_names(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    let had_names = |link: &i64| {
        let slot = ledger.links.get(link);
        slot.is_none_or(|slot| slot.stored && !slot.cut)
    };
    let old = ledger.names.keys().copied().filter(had_names).collect();
    tx.execute_each(DELETE_NAMES, &[Column::Ints(old)], &[])
        .await?;
    let mut sources = Vec::new();
    let mut hashes = Vec::new();
    let mut links = Vec::new();
    for (link, (source, names)) in &ledger.names {
        for name in *names {
            sources.push(*source);
            hashes.push(*name);
            links.push(*link);
        }
    }
    let columns = [
        Column::Ints(sources),
        Column::Hashes(hashes),
        Column::Ints(links),
    ];
    tx.execute_each(INSERT_NAME, &columns, &[]).await?;
    Ok(())
}

async fn write_memberships(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    for (comes, statement) in [(false, DELETE_MEMBER), (true, INSERT_MEMBER)] {
        let rows: Vec<&(i64, i64, i64)> = ledger
            .memberships
            .iter()
            .filter_map(|(row, there)| (*there == comes).then_some(row))
            .collect();
        let columns = [
            Column::Ints(rows.iter().map(|row| row.0).collect()),
            Column::Ints(rows.iter().map(|row| row.1).collect()),
            Column::Ints(rows.iter().map(|row| row.2).collect()),
        ];
        tx.execute_each(statement, &columns, &[]).await?;
    }
    Ok(())
}

async fn write_pending(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    let gone: Vec<_> = ledger
        .pending
        .iter()
        .filter_map(|(place, row)| row.is_none().then_some(place))
        .collect();
    let columns = [
        Column::Ints(gone.iter().map(|(link, _, _)| *link).collect()),
        Column::Texts(gone.iter().map(|(_, unit, _)| *unit).collect()),
        Column::Hashes(gone.iter().map(|(_, _, hash)| *hash).collect()),
    ];
    tx.execute_each(DELETE_PENDING, &columns, &[]).await?;
    let new: Vec<_> = ledger
        .pending
        .iter()
        .filter_map(|((link, _, _), row)| row.map(|(source, row)| (*link, source, row)))
        .collect();
    let columns = [
        Column::Ints(new.iter().map(|(link, _, _)| *link).collect()),
        Column::Texts(new.iter().map(|(_, _, row)| row.unit.as_str()).collect()),
        Column::Hashes(new.iter().map(|(_, _, row)| row.name_hash).collect()),
        Column::Texts(new.iter().map(|(_, _, row)| row.name.as_str()).collect()),
        Column::Ints(new.iter().map(|(_, source, _)| *source).collect()),
    ];
    tx.execute_each(INSERT_PENDING, &columns, &[]).await?;
    Ok(())
}

async fn write_quarantine(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<(), Trouble> {
    let gone: Vec<_> = ledger
        .quarantine
        .iter()
        .filter_map(|(place, row)| row.is_none().then_some(place))
        .collect();
    let columns = [
        Column::Ints(gone.iter().map(|(source, _, _)| *source).collect()),
        Column::Texts(gone.iter().map(|(_, kind, _)| *kind).collect()),
        Column::Hashes(gone.iter().map(|(_, _, hash)| *hash).collect()),
    ];
    tx.execute_each(DELETE_QUARANTINED, &columns, &[]).await?;
    let new: Vec<_> = ledger.quarantine.values().filter_map(|row| *row).collect();
    let columns = [
        Column::Ints(new.iter().map(|row| row.place.0).collect()),
        Column::Texts(new.iter().map(|row| row.place.1).collect()),
        Column::Hashes(new.iter().map(|row| row.place.2).collect()),
        Column::Texts(new.iter().map(|row| row.name.as_str()).collect()),
        Column::Texts(new.iter().map(|row| row.locator.as_str()).collect()),
        Column::Texts(new.iter().map(|row| row.reason.as_str()).collect()),
        Column::Texts(new.iter().map(|row| row.flaws.as_str()).collect()),
        Column::Ints(new.iter().map(|row| row.since).collect()),
    ];
    tx.execute_each(INSERT_QUARANTINED, &columns, &[]).await?;
    Ok(())
}

async fn write_journal(tx: &mut Tx, ledger: &Ledger<'_>, batch: &Batch) -> Result<(), Trouble> {
    let uuid_of = |resource: i64| {
        let slot = ledger.resources.get(&resource)?;
        slot.now.as_ref().map(|now| now.uuid)
    };
    let lines = &ledger.journal;
    let columns = [
        Column::Ints(lines.iter().map(|line| line.resource).collect()),
        Column::MaybeTexts(
            lines
                .iter()
                .map(|line| line.uuid.or_else(|| uuid_of(line.resource)))
                .collect(),
        ),
        Column::MaybeInts(lines.iter().map(|line| line.link).collect()),
        Column::Texts(lines.iter().map(|line| &*line.event).collect()),
    ];
    tx.execute_each(INSERT_LINE, &columns, &batch.signature())
        .await?;
    Ok(())
}
