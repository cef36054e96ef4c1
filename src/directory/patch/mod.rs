//! PATCH (RFC 7644 §3.5.2): a request is read ([`PatchRequest::read`]) and applied
//! ([`apply`]) as a whole or not at all. Pure: the new document comes back, with the change
//! of members and password beside it, and whether anything changed.
//!
//! What the RFC leaves open, or what clients need otherwise, is decided here:
//! - `add` of a value that is there changes nothing; of one with the same `value` and `type`
//!   merges the other sub-attributes into it (RFC 7643 §2.4: no such pair twice).
//! - `replace` of a complex attribute keeps the sub-attributes that it does not name. Of a
//!   value selected by brackets it does not, but what the brackets said of it stays.
//! - Brackets that select nothing: `remove` is content; `add` and `replace` make the value
//!   where a sub-attribute follows and the brackets are nothing but `eq` joined by `and`;
//!   else noTarget.
//! - `remove` of a list with a `value` removes those values only, never the whole list.
//! - Without a path, what is readOnly is passed over, as in a PUT; but an `id` must be the
//!   resource's. Names in dots, URNs or brackets are taken as paths, with a warning.
//! - `replace` with `null` or `[]` clears; `add` of them changes nothing.
//! - `schemas` follows from the data and cannot be changed.

mod index;
mod list;
mod members;
mod parts;
mod patcher;
mod refusals;
mod request;
mod selected;
#[cfg(test)]
mod tests;

pub use request::{Operation, OperationKind, PatchRequest};

use crate::document::Document;
use crate::member::MemberChange;
use crate::password::PasswordChange;
use crate::refusal::Refusal;
use crate::resource::check_required;
use crate::schema::ResourceType;
use crate::warning::{Strictness, Warning};

/// What a PATCH makes of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The new document.
    pub document: Document,
    /// What happens to a group's members, in this order.
    pub members: Vec<MemberChange>,
    /// What happens to the password.
    pub password: PasswordChange,
    /// Whether the document is another one, or a password is set. Whether changes of
    /// members change anything only the store knows.
    pub changed: bool,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Applies a request to the resource `id` with the document `current`. A refusal names the
/// operation; nothing has changed then.
pub fn apply(
    request: &PatchRequest,
    resource_type: &ResourceType,
    id: &str,
    current: &Document,
    strictness: Strictness,
) -> Result<Patched, Refusal> {
    let mut work = patcher::Patcher::new(resource_type, id, current, strictness);
    for (index, operation) in request.operations.iter().enumerate() {
        work.operation(operation)
            .map_err(|refusal| refusal.at(index))?;
    }
    let patched = work.finish(current);
    check_required(resource_type, patched.document.as_object())?;
    Ok(patched)
}
