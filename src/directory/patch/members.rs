//! Operations on `members` of a group, as changes that need no look at the members.

use serde_json::Value as Json;

use super::OperationKind;
use crate::filter::{Filter, Literal, Operator, Test};
use crate::json::member;
use crate::member::{self, Member, MemberChange};
use crate::refusal::{Refusal, ScimType};
use crate::schema::AttributeDefinition;
use crate::warning::Notes;

/// `path: members`.
pub(super) fn all(
    kind: OperationKind,
    value: Option<&Json>,
    notes: &mut Notes,
) -> Result<Option<MemberChange>, Refusal> {
    let value = match (kind, value) {
        (OperationKind::Remove, None | Some(Json::Null)) => return Ok(Some(MemberChange::Clear)),
        (_, None) => return Err(Refusal::value("`value` is missing: a list of members")),
        (_, Some(value)) => value,
    };
    let named = member::read(value, notes)?;
    Ok(match kind {
        OperationKind::Replace if named.is_empty() => Some(MemberChange::Clear),
        _ if named.is_empty() => None,
        OperationKind::Replace => Some(MemberChange::Replace(named)),
        OperationKind::Add => Some(MemberChange::Add(named)),
        OperationKind::Remove => Some(MemberChange::Remove(
            named.into_iter().map(|member| member.value).collect(),
        )),
    })
}

/// `path: members[…]` or `members[…].sub`.
pub(super) fn selected(
    kind: OperationKind,
    filter: &Filter,
    sub: Option<&AttributeDefinition>,
    definition: &AttributeDefinition,
    value: Option<&Json>,
    notes: &mut Notes,
) -> Result<Vec<MemberChange>, Refusal> {
    let condition = filter.resolve_within(definition)?;
    let ids = ids_of(filter);
    if let Some(sub) = sub {
        return Err(Refusal::mutability(format!(
            "`members.{}` cannot be changed: remove the member and add another",
            sub.name
        )));
    }
    match (kind, ids) {
        (OperationKind::Remove, Some(ids)) => Ok(vec![MemberChange::Remove(ids)]),
        (OperationKind::Remove, None) => Ok(vec![MemberChange::RemoveMatching(condition)]),
        (OperationKind::Add | OperationKind::Replace, Some(ids)) => {
            let named = with_id(value, &ids, notes)?;
            let others: Vec<String> = ids
                .into_iter()
                .filter(|id| !named.iter().any(|member| member.value == *id))
                .collect();
            let mut changes = Vec::new();
            if kind == OperationKind::Replace && !others.is_empty() {
                changes.push(MemberChange::Remove(others));
            }
            changes.push(MemberChange::Add(named));
            Ok(changes)
        }
        (_, None) => Err(Refusal::new(
            ScimType::NoTarget,
            "members are selected by value: members[value eq \"…\"]",
        )),
    }
}

/// The members that a value names; one without id is the one in brackets.
fn with_id(
    value: Option<&Json>,
    ids: &[String],
    notes: &mut Notes,
) -> Result<Vec<Member>, Refusal> {
    match (value, ids) {
        (Some(Json::Object(parts)), [id]) if member(parts, "value").is_none() => Ok(vec![Member {
            value: id.clone(),
            kind: member(parts, "type")
                .and_then(Json::as_str)
                .map(str::to_owned),
        }]),
        (Some(value), _) => match member::read(value, notes)? {
            none if none.is_empty() => Err(Refusal::value("`value` must be a member")),
            members => Ok(members),
        },
        (None, _) => Err(Refusal::value("`value` is missing: a member")),
    }
}

/// The ids where a filter says nothing but which: `value eq "a" or value eq "b"`.
fn ids_of(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Attribute(path, Test::Compare(Operator::Eq, Literal::Text(id)))
            if path.name.eq_ignore_ascii_case("value") =>
        {
            Some(vec![id.clone()])
        }
        Filter::Or(any) => {
            let each: Option<Vec<_>> = any.iter().map(ids_of).collect();
            Some(each?.into_iter().flatten().collect())
        }
        _ => None,
    }
}
