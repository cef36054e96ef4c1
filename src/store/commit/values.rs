//! Rows of the values of attributes that registered schemas mark as indexed or unique.

use std::collections::HashMap;

use rollcall_directory::schema::IndexedAttribute;
use serde_json::{Map, Value as Json};

use super::prepared::fit;
use crate::driver::{Column, Trouble, Tx, binds, json, statements};
use crate::error::{CommitError, StepConflict};
use crate::ids::{ResourceId, TenantId};

statements! {
    FORGET = "DELETE FROM resource_values WHERE tenant = $1";
    DELETE_VALUES = "DELETE FROM resource_values WHERE resource = $1",
        postgres: "DELETE FROM resource_values WHERE resource = ANY($1::bigint[])";
    INSERT_VALUE = "INSERT INTO resource_values (resource, kind, path, value, is_unique, held,
            tenant) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        postgres: "INSERT INTO resource_values (resource, kind, path, value, is_unique, held,
            tenant)
            SELECT v.*, $7 FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[],
                $5::bigint[], $6::text[]) AS v";
    LET_GO = "UPDATE resource_values SET held = NULL WHERE resource = $1",
        postgres: "UPDATE resource_values SET held = NULL WHERE resource = ANY($1::bigint[])";
    HOLD = "UPDATE resource_values SET held = value WHERE resource = $1 AND is_unique = 1",
        postgres: "UPDATE resource_values SET held = value
            WHERE resource = ANY($1::bigint[]) AND is_unique = 1";
    HOLDERS = "SELECT $1, resource FROM resource_values
            WHERE kind = $2 AND path = $3 AND held = $4 AND tenant = $5",
        postgres: "SELECT asked.at, v.resource
            FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[])
                AS asked(at, kind, path, held)
            JOIN resource_values v ON v.kind = asked.kind AND v.path = asked.path
                AND v.held = asked.held WHERE v.tenant = $5";
}

/// Rows to be written.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    resources: Vec<i64>,
    kinds: Vec<&'static str>,
    paths: Vec<String>,
    values: Vec<String>,
    unique: Vec<i64>,
    held: Vec<bool>,
}

impl Rows {
    /// Those of one document; `holds`: whether nobody else may have its unique values.
    pub(crate) fn add(
        &mut self,
        resource: i64,
        kind: &'static str,
        document: &str,
        holds: bool,
        attributes: &[IndexedAttribute],
    ) -> Result<(), Trouble> {
        let document: Map<String, Json> = json(document)?;
        for attribute in attributes {
            let path = attribute.path();
            for value in attribute.values(&document) {
                let value = fit(&path, value)
                    .map_err(|cause| Trouble::Refused(CommitError::Step { index: 0, cause }))?;
                self.resources.push(resource);
                self.kinds.push(kind);
                self.paths.push(path.clone());
                self.values.push(value);
                self.unique.push(i64::from(attribute.unique));
                self.held.push(attribute.unique && holds);
            }
        }
        Ok(())
    }

    pub(crate) async fn write(&self, tx: &mut Tx, tenant: TenantId) -> Result<(), Trouble> {
        let held = self.values.iter().zip(&self.held);
        let columns = [
            Column::Ints(self.resources.clone()),
            Column::Texts(self.kinds.clone()),
            Column::Texts(self.paths.iter().map(String::as_str).collect()),
            Column::Texts(self.values.iter().map(String::as_str).collect()),
            Column::Ints(self.unique.clone()),
            Column::MaybeTexts(
                held.map(|(value, held)| held.then_some(value.as_str()))
                    .collect(),
            ),
        ];
        tx.execute_each(INSERT_VALUE, &columns, &binds![tenant])
            .await?;
        Ok(())
    }

    /// The first row whose value is another resource's, here or in the store; the resource
    /// that has it in vain, and what it is about. Of the resources in `gone` what is stored
    /// does not count.
    pub(super) async fn taken(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        gone: impl Fn(i64) -> bool,
    ) -> Result<Option<(i64, StepConflict)>, Trouble> {
        let held: Vec<usize> = (0..self.held.len())
            .filter(|at| self.held.get(*at) == Some(&true))
            .collect();
        let row = |at: usize| {
            Some((
                *self.resources.get(at)?,
                *self.kinds.get(at)?,
                self.paths.get(at)?.as_str(),
                self.values.get(at)?.as_str(),
            ))
        };
        let rows: Vec<_> = held.into_iter().filter_map(row).collect();
        let conflict = |path: &str, value: &str, holder: i64| StepConflict::ValueTaken {
            attribute: path.to_owned(),
            value: value.to_owned(),
            holder: ResourceId(holder),
        };
        let mut takers = HashMap::new();
        for (resource, kind, path, value) in &rows {
            if let Some(other) = takers.insert((*kind, *path, *value), *resource) {
                return Ok(Some((*resource, conflict(path, value, other))));
            }
        }
        let columns = [
            Column::Ints((0_i64..).take(rows.len()).collect()),
            Column::Texts(rows.iter().map(|(_, kind, ..)| *kind).collect()),
            Column::Texts(rows.iter().map(|(_, _, path, _)| *path).collect()),
            Column::Texts(rows.iter().map(|(.., value)| *value).collect()),
        ];
        let holders: Vec<(i64, i64)> = tx.fetch_each(HOLDERS, &columns, &binds![tenant]).await?;
        for (at, holder) in holders {
            let row = usize::try_from(at).ok().and_then(|at| rows.get(at));
            if let Some((resource, _, path, value)) = row
                && holder != *resource
                && !gone(holder)
            {
                return Ok(Some((*resource, conflict(path, value, holder))));
            }
        }
        Ok(None)
    }
}

/// All rows of a tenant go.
pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId) -> Result<(), Trouble> {
    tx.execute(FORGET, &binds![tenant]).await?;
    Ok(())
}

/// The rows of resources go.
pub(super) async fn delete(tx: &mut Tx, resources: &[Column<'_>]) -> Result<(), Trouble> {
    tx.execute_each(DELETE_VALUES, resources, &[]).await?;
    Ok(())
}

/// Resources whose documents stay give their unique values up, or take them again.
pub(super) async fn hold(tx: &mut Tx, resources: Vec<i64>, holds: bool) -> Result<(), Trouble> {
    let statement = if holds { HOLD } else { LET_GO };
    tx.execute_each(statement, &[Column::Ints(resources)], &[])
        .await?;
    Ok(())
}
