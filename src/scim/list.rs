//! `GET /Users` (RFC 7644 §3.4.2), pages by index or by cursor (RFC 9865).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_directory::filter::{Condition, Filter};
use rollcall_directory::refusal::{Refusal, ScimType};
use rollcall_directory::sort::Sort;
use rollcall_store::search::{Binding, CursorError, Page, Search};
use serde_json::{Value as Json, json};

use super::access::Access;
use super::answer::scim_answer;
use super::error::ScimError;
use super::limits::{COUNT_DEFAULT, CURSOR_LIFETIME};
use super::parameters::Parameters;
use super::target::Target;
use super::wanted::{Part, Wanted};
use super::{Scim, show};

/// URN of a list's body.
pub(super) const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    target: Target,
    parameters: Parameters,
) -> Result<Response, ScimError> {
    let wanted = Wanted::of_query(&parameters)?;
    answer(&scim, &access, &target, &wanted).await
}

/// The list of a type, asked for in a query or in a body.
pub(super) async fn answer(
    scim: &Scim,
    access: &Access,
    target: &Target,
    wanted: &Wanted,
) -> Result<Response, ScimError> {
    let body = match &wanted.part {
        Part::Index { start, count } => by_index(scim, access, target, wanted, (*start, *count)),
        Part::Cursor { cursor, count } => {
            return Ok(scim_answer(
                StatusCode::OK,
                &by_cursor(scim, access, target, wanted, (cursor, *count)).await?,
            ));
        }
    };
    Ok(scim_answer(StatusCode::OK, &body.await?))
}

async fn by_index(
    scim: &Scim,
    access: &Access,
    target: &Target,
    wanted: &Wanted,
    (start, count): (u64, u32),
) -> Result<Json, ScimError> {
    let search = search(access, target, wanted, Page::Index { start, count })?;
    let found = scim.store.search(&search).await?;
    let shown: Vec<Json> = shown(access, target, wanted, &found.resources);
    Ok(json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": found.total,
        "startIndex": start,
        "itemsPerPage": shown.len(),
        "Resources": shown,
    }))
}

async fn by_cursor(
    scim: &Scim,
    access: &Access,
    target: &Target,
    wanted: &Wanted,
    (cursor, count): (&str, Option<u32>),
) -> Result<Json, ScimError> {
    let cursors = scim.cursors().await?;
    let now = scim.clock.now();
    let mut binding = binding(access, target, wanted, count.unwrap_or(COUNT_DEFAULT));
    let after = if cursor.is_empty() {
        None
    } else {
        let mut read = cursors.read(cursor, &binding, now);
        if let (Err(CursorError::Count { count: as_before }), None) = (&read, count) {
            binding.count = *as_before;
            read = cursors.read(cursor, &binding, now);
        }
        Some(read?)
    };
    let page = Page::Cursor {
        after,
        count: binding.count,
    };
    let search = search(access, target, wanted, page)?;
    let found = scim.store.search(&search).await?;
    let shown = shown(access, target, wanted, &found.resources);
    let mut body = json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": found.total,
        "itemsPerPage": shown.len(),
    });
    if let Some(body) = body.as_object_mut() {
        if let Some(next) = &found.next {
            let next = cursors.write(next, &binding, now, CURSOR_LIFETIME);
            body.insert("nextCursor".to_owned(), next.into());
        }
        body.insert("Resources".to_owned(), shown.into());
    }
    Ok(body)
}

/// The list that a cursor belongs to.
fn binding(access: &Access, target: &Target, wanted: &Wanted, count: u32) -> Binding {
    let order = wanted.sort_order.as_deref().unwrap_or_default();
    Binding {
        tenant: access.tenant,
        resource_type: target.resource_type.name.clone(),
        filter: wanted.filter.clone().unwrap_or_default(),
        sort_by: wanted.sort_by.clone().unwrap_or_default(),
        descending: order.trim().eq_ignore_ascii_case("descending"),
        count,
        token: access.token.to_string(),
    }
}

/// What the store is asked.
pub(super) fn search(
    access: &Access,
    target: &Target,
    wanted: &Wanted,
    page: Page,
) -> Result<Search, ScimError> {
    let resource_type = &target.resource_type;
    let condition = wanted.filter.as_deref().map(|filter| {
        let condition: Result<Condition, Refusal> = parsed(access, filter)?.resolve(resource_type);
        condition
    });
    let sort = wanted
        .sort_by
        .as_deref()
        .map(|by| Sort::parse(by, wanted.sort_order.as_deref(), resource_type));
    Ok(Search {
        tenant: access.tenant,
        kind: target.kind,
        resource_type: resource_type.clone(),
        base: access.base.to_string(),
        condition: condition.transpose()?,
        sort: sort.transpose()?,
        page,
        visible_to: access.visible_to(),
        parts: show::parts(&wanted.selection, resource_type, target.kind),
    })
}

/// A filter, read.
pub(super) fn parsed(access: &Access, filter: &str) -> Result<Filter, Refusal> {
    let depth_max = access.client.settings.limits.filter_depth_max;
    let depth_max = usize::try_from(depth_max).unwrap_or(usize::MAX);
    Filter::parse_within(filter, depth_max)
        .map_err(|error| Refusal::new(ScimType::InvalidFilter, error.to_string()))
}

/// The resources of a page as they are shown.
pub(super) fn shown(
    access: &Access,
    target: &Target,
    wanted: &Wanted,
    found: &[rollcall_store::search::FoundResource],
) -> Vec<Json> {
    let (selection, base) = (&wanted.selection, &access.base);
    found
        .iter()
        .map(|found| show::shown(found, &target.resource_type, selection, base))
        .collect()
}
