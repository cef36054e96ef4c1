//! `GET /?filter=…`: resources of all types in one list (RFC 7644 §3.4.2.1), one type after
//! the other. An attribute that a type does not have is absent there; one that no type has
//! is a mistake.
//!
//! Across types neither an order nor cursors are offered: lists of one type have both.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rollcall_directory::filter::Filter;
use rollcall_directory::refusal::Refusal;
use rollcall_store::search::Page;
use serde_json::{Value as Json, json};

use super::Scim;
use super::access::Access;
use super::answer::scim_answer;
use super::error::ScimError;
use super::list::{self, LIST_RESPONSE};
use super::parameters::Parameters;
use super::target::Target;
use super::wanted::{Part, Wanted};

pub(super) async fn handler(
    State(scim): State<Scim>,
    access: Access,
    parameters: Parameters,
) -> Result<Response, ScimError> {
    let wanted = Wanted::of_query(&parameters)?;
    if wanted.filter.is_none() {
        return Err(ScimError::NoSuchPath);
    }
    answer(&scim, &access, &wanted).await
}

/// The list of everything, asked for in a query or in a body.
pub(super) async fn answer(
    scim: &Scim,
    access: &Access,
    wanted: &Wanted,
) -> Result<Response, ScimError> {
    let Part::Index { start, count } = wanted.part else {
        return Err(ScimError::value(
            "`cursor` is only offered for one type: use /Users/.search or /Groups/.search",
        ));
    };
    if wanted.sort_by.is_some() {
        return Err(ScimError::value(
            "`sortBy` is only offered for one type: use /Users/.search or /Groups/.search",
        ));
    }
    let filter = wanted
        .filter
        .as_deref()
        .map(|filter| list::parsed(access, filter))
        .transpose()?;
    let targets = targets(access, filter.as_ref())?;
    let mut total = 0;
    let mut resources: Vec<Json> = Vec::new();
    for target in targets {
        let room = count.saturating_sub(u32::try_from(resources.len()).unwrap_or(u32::MAX));
        let page = Page::Index {
            start: start.saturating_sub(total).max(1),
            count: room,
        };
        let search = list::search(access, &target, wanted, page)?;
        let found = scim.store.search(&search).await?;
        total += found.total;
        resources.extend(list::shown(access, &target, wanted, &found.resources));
    }
    let body = json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    Ok(scim_answer(StatusCode::OK, &body))
}

/// The types in which the filter can be understood.
fn targets(access: &Access, filter: Option<&Filter>) -> Result<Vec<Target>, Refusal> {
    let mut targets = Vec::new();
    let mut refused = None;
    for resource_type in access.registry.resource_types() {
        match filter.map(|filter| filter.resolve(resource_type)) {
            Some(Err(refusal)) => refused = refused.or(Some(refusal)),
            Some(Ok(_)) | None => targets.push(Target {
                resource_type: resource_type.clone(),
                kind: resource_type.kind(),
                id: String::new(),
            }),
        }
    }
    match (targets.is_empty(), refused) {
        (true, Some(refusal)) => Err(refusal),
        _ => Ok(targets),
    }
}
