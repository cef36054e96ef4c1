//! Which step of a batch takes what somebody else has.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::flush::at_step;
use super::ledger::{Ledger, ResourceNow};
use super::values::Rows;
use crate::driver::{Column, Trouble, Tx, binds, statements};
use crate::error::{CommitError, StepConflict};
use crate::ids::{ResourceId, TenantId};
use crate::schemas::Registered;

statements! {
    NAME_HOLDERS = "SELECT $1, id FROM resources WHERE user_name = $2 AND tenant = $3",
        postgres: "SELECT asked.at, r.id FROM UNNEST($1::bigint[], $2::text[]) AS asked(at, name)
            JOIN resources r ON r.user_name = asked.name WHERE r.tenant = $3";
    KEY_HOLDERS = "SELECT $1, id FROM links WHERE source = $2 AND kind = $3 AND key_hash = $4",
        postgres: "SELECT asked.at, l.id
            FROM UNNEST($1::bigint[], $2::bigint[], $3::text[], $4::bytea[])
                AS asked(at, source, kind, key_hash)
            JOIN links l ON l.source = asked.source AND l.kind = asked.kind
                AND l.key_hash = asked.key_hash";
}

/// Refuses the first step that takes a name or a key which its holder keeps.
pub(super) async fn look(
    tx: &mut Tx,
    ledger: &Ledger<'_>,
    tenant: TenantId,
) -> Result<(), Trouble> {
    let mut conflicts = names(tx, ledger, tenant).await?;
    conflicts.extend(keys(tx, ledger).await?);
    match conflicts.into_iter().min_by_key(|(step, _)| *step) {
        None => Ok(()),
        Some((index, cause)) => Err(Trouble::Refused(CommitError::Step { index, cause })),
    }
}

type Conflicts = Vec<(usize, StepConflict)>;

async fn names(tx: &mut Tx, ledger: &Ledger<'_>, tenant: TenantId) -> Result<Conflicts, Trouble> {
    let names: BTreeMap<i64, Option<Cow<'_, str>>> = ledger
        .resources
        .iter()
        .map(|(id, slot)| (*id, slot.now.as_ref().and_then(ResourceNow::user_name)))
        .collect();
    let mut conflicts = Conflicts::new();
    let mut takers: HashMap<&str, (i64, usize)> = HashMap::new();
    let mut asked = Vec::new();
    for (id, slot) in &ledger.resources {
        let (Some(now), Some(Some(name))) = (&slot.now, names.get(id)) else {
            continue;
        };
        let name = name.as_ref();
        let taken = |holder: i64| StepConflict::UserNameTaken {
            name: now.spelled_name().to_owned(),
            holder: ResourceId(holder),
        };
        match takers.get(name) {
            Some((other, step)) if *step <= slot.step => {
                conflicts.push((slot.step, taken(*other)));
            }
            Some((_, step)) => conflicts.push((*step, taken(*id))),
            None => {
                takers.insert(name, (*id, slot.step));
            }
        }
        asked.push((*id, slot.step, name, taken(0)));
    }
    let columns = [
        Column::Ints((0_i64..).take(asked.len()).collect()),
        Column::Texts(asked.iter().map(|(_, _, name, _)| *name).collect()),
    ];
    let holders: Vec<(i64, i64)> = tx
        .fetch_each(NAME_HOLDERS, &columns, &binds![tenant])
        .await?;
    for (at, holder) in holders {
        let Some((id, step, name, taken)) = usize::try_from(at).ok().and_then(|at| asked.get(at))
        else {
            continue;
        };
        let keeps = names
            .get(&holder)
            .is_none_or(|kept| kept.as_deref() == Some(*name));
        if holder != *id && keeps {
            let mut cause = taken.clone();
            if let StepConflict::UserNameTaken { holder: whose, .. } = &mut cause {
                *whose = ResourceId(holder);
            }
            conflicts.push((*step, cause));
        }
    }
    Ok(conflicts)
}

async fn keys(tx: &mut Tx, ledger: &Ledger<'_>) -> Result<Conflicts, Trouble> {
    let rows: Vec<_> = ledger
        .links
        .iter()
        .filter_map(|(id, slot)| Some((*id, slot.step, slot.now?)))
        .collect();
    let conflict = |step: usize, key: &str| {
        let key = key.to_owned();
        (step, StepConflict::KeyTaken { key })
    };
    let mut conflicts = Conflicts::new();
    let mut takers: HashMap<(i64, &str, &str), usize> = HashMap::new();
    for (_, step, row) in &rows {
        let place = (row.source, row.kind, row.key.as_str());
        if let Some(other) = takers.insert(place, *step) {
            conflicts.push(conflict(other.max(*step), &row.key));
        }
    }
    let columns = [
        Column::Ints((0_i64..).take(rows.len()).collect()),
        Column::Ints(rows.iter().map(|(_, _, row)| row.source).collect()),
        Column::Texts(rows.iter().map(|(_, _, row)| row.kind).collect()),
        Column::Hashes(rows.iter().map(|(_, _, row)| row.key_hash).collect()),
    ];
    let holders: Vec<(i64, i64)> = tx.fetch_each(KEY_HOLDERS, &columns, &[]).await?;
    for (at, holder) in holders {
        let Some((id, step, row)) = usize::try_from(at).ok().and_then(|at| rows.get(at)) else {
            continue;
        };
        let leaves = ledger.links.get(&holder).is_some_and(|slot| slot.cut);
        if holder != *id && !leaves {
            conflicts.push(conflict(*step, &row.key));
        }
    }
    Ok(conflicts)
}

/// Refuses a step that takes a unique value which its holder keeps.
pub(super) async fn values(
    tx: &mut Tx,
    ledger: &Ledger<'_>,
    tenant: TenantId,
    registered: Option<&Registered>,
) -> Result<(), Trouble> {
    let Some(registered) = registered else {
        return Ok(());
    };
    let mut rows = Rows::default();
    for (id, slot) in &ledger.resources {
        let kind = slot.now.as_ref().map(|now| now.kind);
        let known = kind.and_then(|kind| registered.indexed.get_key_value(kind));
        let (Some((kind, attributes)), Some(text)) = (known, slot.text()) else {
            continue;
        };
        if slot.holds() {
            rows.add(*id, kind, text, true, attributes)
                .map_err(|trouble| at_step(trouble, slot.step))?;
        }
    }
    // What the batch's own resources hold in the end was compared among themselves.
    let gone = |holder: i64| ledger.resources.contains_key(&holder);
    match rows.taken(tx, tenant, gone).await? {
        None => Ok(()),
        Some((resource, cause)) => {
            let slot = ledger.resources.get(&resource);
            let index = slot.map_or(0, |slot| slot.step);
            Err(Trouble::Refused(CommitError::Step { index, cause }))
        }
    }
}
