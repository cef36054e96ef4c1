//! `[references]`: how the values of `manager` and `members` name other entries.

use std::ops::Range;

use rollcall_directory::entry::Kind;
use rollcall_directory::name::Space;
use rollcall_directory::schema::Unit;
use toml::de::{DeTable, DeValue};

use super::{Compiler, KindPlan, UnitLines};
use crate::file::in_order;
use crate::mapping::SourceKind;
use crate::problem::did_you_mean;

/// A line of `[references]`.
#[derive(Debug)]
pub(super) struct ReferenceRule {
    pub(super) attribute: String,
    pub(super) space: Space,
    /// What the file says, in its spelling.
    pub(super) by: String,
    pub(super) place: Range<usize>,
}

impl Compiler<'_, '_> {
    pub(super) fn references(&mut self, top: &DeTable<'_>) -> Vec<ReferenceRule> {
        let mut rules = Vec::new();
        let Some(table) = self.reader.table_at(top, "references") else {
            return rules;
        };
        for (key, value) in in_order(table) {
            let attribute = key.get_ref().to_string();
            if let Some((space, by)) = self.space(value, &attribute) {
                self.say(&format!("reference {attribute} {space:?}"));
                rules.push(ReferenceRule {
                    attribute,
                    space,
                    by,
                    place: key.span(),
                });
            }
        }
        rules
    }

    /// `"dn"`, `"key"`, `"uid"`, `["uid"]`, `{ by = "key", kind = "group" }`.
    fn space(
        &mut self,
        value: &toml::Spanned<DeValue<'_>>,
        attribute: &str,
    ) -> Option<(Space, String)> {
        let mut kind = Kind::User;
        let by = match value.get_ref() {
            DeValue::Array(items) => {
                if let [only] = items.as_ref() {
                    return self.space(only, attribute);
                }
                let message = format!("`{attribute}` can go by one name only");
                self.reader.problem(value.span(), message, None);
                return None;
            }
            DeValue::Table(table) => {
                self.reader.only_known(table, &["by", "kind"]);
                if let Some((word, span)) = self.reader.text_at(table, "kind") {
                    match word {
                        "user" => {}
                        "group" => kind = Kind::Group,
                        _ => {
                            self.reader
                                .problem(span, "the kind is user or group".to_owned(), None);
                        }
                    }
                }
                self.reader.text_at(table, "by")?.0
            }
            _ => self.reader.text_of(value, attribute)?,
        };
        let space = match by {
            "dn" => Space::Dn,
            "key" => Space::Key(kind),
            name => Space::Attribute(name.to_lowercase()),
        };
        Some((space, by.to_owned()))
    }

    pub(super) fn space_of(&mut self, unit: &Unit, rules: &[ReferenceRule]) -> Space {
        let default = match self.source_kind {
            SourceKind::Ldap => Space::Dn,
            _ => Space::Key(Kind::User),
        };
        let rule = rules.iter().find(|rule| names_unit(&rule.attribute, unit));
        let space = rule.map_or(default, |rule| rule.space.clone());
        match &space {
            Space::Dn => self.spaces.dn = true,
            Space::Key(_) => self.spaces.key = true,
            Space::Attribute(folded) => {
                let by = rule.map_or(folded, |rule| &rule.by);
                if !self.spaces.attributes.contains(by) {
                    self.spaces.attributes.push(by.clone());
                }
            }
        }
        space
    }

    pub(super) fn all_references_are_used(
        &mut self,
        rules: &[ReferenceRule],
        kinds: [&Option<KindPlan>; 2],
    ) {
        let units: Vec<&UnitLines> = kinds
            .into_iter()
            .flatten()
            .flat_map(|plan| &plan.units)
            .filter(|unit| unit.space.is_some())
            .collect();
        for rule in rules {
            if !units.iter().any(|u| names_unit(&rule.attribute, &u.unit)) {
                let known = units.iter().map(|u| short_name(&u.unit));
                let help = did_you_mean(&rule.attribute, known);
                self.reader.problem(
                    rule.place.clone(),
                    format!("no line gives the reference `{}`", rule.attribute),
                    help,
                );
            }
        }
    }
}

/// `manager` for `urn:…:User:manager.value`.
fn short_name(unit: &Unit) -> &str {
    let tail = unit
        .as_str()
        .rsplit_once(':')
        .map_or(unit.as_str(), |(_, t)| t);
    tail.strip_suffix(".value").unwrap_or(tail)
}

fn names_unit(attribute: &str, unit: &Unit) -> bool {
    attribute.eq_ignore_ascii_case(short_name(unit))
        || attribute.eq_ignore_ascii_case(unit.as_str())
        || unit
            .as_str()
            .strip_suffix(".value")
            .is_some_and(|whole| attribute.eq_ignore_ascii_case(whole))
}
