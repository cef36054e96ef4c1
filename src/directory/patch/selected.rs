//! Operations on values that brackets select: `emails[type eq "work"].value` (§3.5.2,
//! figure 7 `valuePath`).

use serde_json::{Map, Value as Json};

use super::list::{check_length, merge, only_primary};
use super::parts::{keep_one_primary, list_of, set_part};
use super::patcher::Patcher;
use super::refusals::{missing_value, no_target, read_only, required};
use super::{OperationKind, members};
use crate::filter::{Condition, Filter, Literal};
use crate::refusal::{Refusal, ScimType};
use crate::schema::{AttributeDefinition, Found};
use crate::value::{self, is_primary};

use OperationKind::{Add, Remove, Replace};

impl<'r> Patcher<'r> {
    /// `emails[type eq "work"]`, `emails[type eq "work"].value`.
    pub(super) fn selected(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        filter: &Filter,
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        if definition.is_read_only() || found.sub.is_some_and(AttributeDefinition::is_read_only) {
            return Err(read_only(&found));
        }
        if self.is_members(found) {
            let notes = &mut self.notes;
            let changes = members::selected(kind, filter, found.sub, definition, value, notes)?;
            self.members.extend(changes);
            return Ok(());
        }
        if !definition.multi_valued {
            return Err(Refusal::new(
                ScimType::InvalidPath,
                format!(
                    "`{}` is no list: brackets select nothing in it",
                    definition.name
                ),
            ));
        }
        let condition = filter.resolve_within(definition)?;
        let at = self.matching(found, &condition)?;
        match found.sub {
            Some(sub) => {
                let (sub, new) = self.part(kind, found, sub, value)?;
                if !at.is_empty() || new.is_none() {
                    let list = list_of(&mut self.document, found)?;
                    return set_part(list, &at, kind, sub, new.as_ref());
                }
                let mut made = self.made_by(filter, definition, &found)?;
                made.extend(new.map(|new| (sub.name.clone(), new)));
                self.push(found, made)
            }
            None if kind == Remove || (kind == Replace && value.is_some_and(Json::is_null)) => {
                let list = list_of(&mut self.document, found)?;
                list.retain(|element| !condition.matches_value(element));
                if list.is_empty() && definition.required {
                    return Err(required(&found));
                }
                Ok(())
            }
            None => self.whole_values(kind, found, filter, &at, value),
        }
    }

    fn matching(&mut self, found: Found<'_>, condition: &Condition) -> Result<Vec<usize>, Refusal> {
        let list = list_of(&mut self.document, found)?;
        let matching = list
            .iter()
            .enumerate()
            .filter(|(_, element)| condition.matches_value(element));
        Ok(matching.map(|(index, _)| index).collect())
    }

    fn whole_values(
        &mut self,
        kind: OperationKind,
        found: Found<'r>,
        filter: &Filter,
        at: &[usize],
        value: Option<&Json>,
    ) -> Result<(), Refusal> {
        let definition = found.attribute;
        if at.is_empty() {
            return Err(no_target(&found));
        }
        let mut value = value.ok_or_else(missing_value)?;
        if let Json::Array(items) = value
            && let [one] = items.as_slice()
        {
            value = one;
        }
        let path = found.path();
        let new = value::read_one(definition, &path, value.clone(), &mut self.notes)?;
        let Some(new) = new else {
            return Err(missing_value());
        };
        let stays = match (kind, &new) {
            (Replace, Json::Object(_)) => self.made_by(filter, definition, &found).ok(),
            _ => None,
        };
        let list = list_of(&mut self.document, found)?;
        for index in at {
            let Some(old) = list.get_mut(*index) else {
                continue;
            };
            match (old, &new) {
                (Json::Object(old), Json::Object(new)) if kind == Add => {
                    merge(old, new.clone(), definition);
                }
                (old, Json::Object(parts)) => {
                    let mut whole = stays.clone().unwrap_or_default();
                    whole.extend(parts.clone());
                    *old = Json::Object(whole);
                }
                (old, new) => *old = new.clone(),
            }
        }
        keep_one_primary(list, at, is_primary(&new))
    }

    /// The value that brackets describe, if they are equalities.
    fn made_by(
        &mut self,
        filter: &Filter,
        definition: &AttributeDefinition,
        found: &Found<'_>,
    ) -> Result<Map<String, Json>, Refusal> {
        let equalities = filter.equalities().ok_or_else(|| no_target(found))?;
        let mut made = Map::new();
        for (path, literal) in equalities {
            let sub = definition
                .sub(&path.name)
                .filter(|sub| !sub.is_read_only())
                .ok_or_else(|| no_target(found))?;
            let value = match literal {
                Literal::Null => continue,
                Literal::Boolean(flag) => Json::from(*flag),
                Literal::Number(number) => Json::Number(number.clone()),
                Literal::Text(text) => Json::from(text.as_str()),
            };
            let path = format!("{}.{}", definition.name, sub.name);
            if let Some(value) = value::read(sub, &path, value, &mut self.notes)? {
                made.insert(sub.name.clone(), value);
            }
        }
        Ok(made)
    }

    fn push(&mut self, found: Found<'_>, parts: Map<String, Json>) -> Result<(), Refusal> {
        let values = list_of(&mut self.document, found)?;
        let value = Json::Object(parts);
        let primary = is_primary(&value);
        values.push(value);
        if primary {
            let last = values.len() - 1;
            only_primary(values, last);
        }
        check_length(values, found.attribute)
    }
}
