//! From a condition to the clause that columns and rows can answer.
//!
//! A plan's clause holds for every resource that fulfils the condition. Where it holds for
//! no other the plan is exact, and the database's answer is the answer; else the evaluator
//! is asked about each resource that the database lets through. Negations are pushed down to
//! the single comparisons, so that each of these can be replaced by something wider wherever
//! it stands.
//!
//! Exact are `id`, `userName`, `externalId`, `displayName`, `active`, `emails.value`,
//! `meta.created`, `meta.lastModified`, `meta.resourceType`, and of `members` and `groups`
//! `value`, `display` and `type`. What is only in the document is searched for in its text:
//! the comparison's own text if that can be found so, else the attribute's name.

use rollcall_directory::entry::Kind;
use rollcall_directory::filter::{Attribute, Condition, Operand, Operator};
use rollcall_directory::schema::{AttributeType, ENTERPRISE_USER, ResourceType};
use rollcall_directory::view::View;
use serde_json::{Value as Json, json};
use time::OffsetDateTime;

use super::clause::{Clause, Column, ColumnTest, List};

/// A piece of text shorter than that stands in nearly every document.
const PIECE_CHARACTERS_MIN: usize = 3;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// What the database is asked.
    pub(super) clause: Clause,
    /// Whether that is all.
    pub(super) exact: bool,
}

/// What a condition is planned for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planner<'t> {
    pub(super) kind: Kind,
    pub(super) resource_type: &'t ResourceType,
    /// Whether resources are found that no source holds any more. Their names are free for
    /// others and stand in a column of their own.
    pub(super) with_orphans: bool,
}

/// Whose attributes a condition names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Resource,
    Email,
    Mention,
    /// The values of any other list.
    Document,
}

impl Plan {
    /// It holds for just these.
    fn exact(clause: Clause) -> Self {
        Self {
            clause,
            exact: true,
        }
    }

    /// It holds for these at most.
    fn wider(clause: Clause) -> Self {
        Self {
            clause,
            exact: false,
        }
    }

    /// Nothing is known.
    fn unknown() -> Self {
        Self::wider(Clause::True)
    }

    fn all(plans: Vec<Self>) -> Self {
        let never = |plan: &Self| plan.exact && plan.clause == Clause::False;
        Self {
            exact: plans.iter().all(|plan| plan.exact) || plans.iter().any(never),
            clause: Clause::all(plans.into_iter().map(|plan| plan.clause).collect()),
        }
    }

    fn any(plans: Vec<Self>) -> Self {
        let always = |plan: &Self| plan.exact && plan.clause == Clause::True;
        Self {
            exact: plans.iter().all(|plan| plan.exact) || plans.iter().any(always),
            clause: Clause::any(plans.into_iter().map(|plan| plan.clause).collect()),
        }
    }
}

impl Planner<'_> {
    /// The plan of a condition.
    pub(super) fn plan(&self, condition: &Condition) -> Plan {
        self.walk(condition, Scope::Resource, false)
    }

    fn walk(&self, condition: &Condition, scope: Scope, negated: bool) -> Plan {
        let each = |inner: &[Condition]| {
            let plans = inner.iter().map(|c| self.walk(c, scope, negated));
            plans.collect::<Vec<_>>()
        };
        match condition {
            // Not all: one is not. Not one: none is.
            Condition::And(all) if !negated => Plan::all(each(all)),
            Condition::And(all) => Plan::any(each(all)),
            Condition::Or(any) if !negated => Plan::any(each(any)),
            Condition::Or(any) => Plan::all(each(any)),
            Condition::Not(inner) => self.walk(inner, scope, !negated),
            Condition::HasExtension(_) if negated => Plan::unknown(),
            Condition::HasExtension(urn) => Plan::wider(has_member(urn)),
            Condition::Present(attribute) => self.present(attribute, scope, negated),
            Condition::Compare(attribute, operator, operand) => match scope {
                Scope::Resource => self.compare(attribute, *operator, operand, negated),
                Scope::Email => email(attribute, *operator, operand, negated),
                Scope::Mention => self.mention(attribute, *operator, operand, negated),
                Scope::Document => piece(attribute, *operator, operand, negated),
            },
            Condition::Values(attribute, inner) => self.values(attribute, inner, negated),
        }
    }

    fn compare(
        &self,
        attribute: &Attribute,
        operator: Operator,
        operand: &Operand,
        negated: bool,
    ) -> Plan {
        if let (Some(column), Operand::Text(text)) = (self.text_column(attribute), operand) {
            return self.text(column, operator, text, negated);
        }
        match (place(attribute), operand) {
            ((None, "active", None), Operand::Boolean(wanted)) if self.kind == Kind::User => {
                let is = Clause::is(Column::Active, ColumnTest::True, *wanted == negated);
                Plan::exact(is)
            }
            ((None, "meta", Some("created")), Operand::Instant(instant)) => {
                Plan::exact(micros(Column::Created, operator, *instant, negated))
            }
            ((None, "meta", Some("lastModified")), Operand::Instant(instant)) => {
                Plan::exact(micros(Column::Modified, operator, *instant, negated))
            }
            ((None, "meta", Some("resourceType")), _) => {
                let shown = json!({ "meta": { "resourceType": self.resource_type.name } });
                Plan::exact(Clause::constant(
                    holds(attribute, operator, operand, &shown) != negated,
                ))
            }
            ((None, "schemas", None), _) => {
                let shown = json!({ "schemas": [self.resource_type.schema.id] });
                if holds(attribute, operator, operand, &shown) {
                    // It is among the schemas of each.
                    return Plan::exact(Clause::constant(!negated));
                }
                piece(attribute, operator, operand, negated)
            }
            ((None, "emails", Some("value")), _) if self.kind == Kind::User => {
                let inner = email(attribute, operator, operand, false);
                in_list(List::Emails, inner, negated)
            }
            ((None, name @ ("members" | "groups"), Some(_)), _) => match self.list(name) {
                Some(list) => {
                    let inner = self.mention(attribute, operator, operand, false);
                    in_list(list, inner, negated)
                }
                None => Plan::unknown(),
            },
            (_, Operand::Text(text)) if self.has_rows(attribute) => Plan::exact(Clause::Value {
                path: path_of(attribute),
                operator: match operator {
                    // Each value begins and ends with the empty text, and is not before it.
                    Operator::Co | Operator::Sw | Operator::Ew if text.is_empty() => Operator::Ge,
                    operator => operator,
                },
                text: text.clone(),
                negated,
            }),
            _ if is_beside(attribute) || negated => Plan::unknown(),
            _ => Plan::wider(Clause::all(vec![
                has_member(attribute.sub.as_ref().unwrap_or(&attribute.name)),
                piece(attribute, operator, operand, negated).clause,
            ])),
        }
    }

    fn present(&self, attribute: &Attribute, scope: Scope, negated: bool) -> Plan {
        let always = Plan::exact(Clause::constant(!negated));
        match scope {
            Scope::Resource => {}
            Scope::Mention => return self.mention_present(attribute, negated),
            Scope::Email if attribute.name == "value" && !negated => {
                return Plan::exact(Clause::is(Column::Email, ColumnTest::Present, false));
            }
            Scope::Email | Scope::Document => return Plan::unknown(),
        }
        if let Some(column) = self.text_column(attribute) {
            return self.column(column, ColumnTest::Present, negated);
        }
        match place(attribute) {
            (None, "schemas", None) | (None, "meta", _) => always,
            (None, "active", None) if self.kind == Kind::User => always,
            (None, "emails", Some("value")) if self.kind == Kind::User => {
                let present = Clause::is(Column::Email, ColumnTest::Present, false);
                in_list(List::Emails, Plan::exact(present), negated)
            }
            (None, name @ ("members" | "groups"), sub) => match (self.list(name), sub) {
                (None, _) => Plan::unknown(),
                (Some(list), None) => in_list(list, Plan::exact(Clause::True), negated),
                (Some(list), Some(_)) => {
                    in_list(list, self.mention_present(attribute, false), negated)
                }
            },
            _ if is_beside(attribute) || negated => Plan::unknown(),
            _ => Plan::wider(has_member(
                attribute.sub.as_ref().unwrap_or(&attribute.name),
            )),
        }
    }

    fn values(&self, attribute: &Attribute, inner: &Condition, negated: bool) -> Plan {
        match place(attribute) {
            (None, "emails", None)
                if self.kind == Kind::User && (!negated || self.is_by_address(inner)) =>
            {
                let rows = self.walk(inner, Scope::Email, false);
                if rows.clause != Clause::True {
                    return in_list(List::Emails, rows, negated);
                }
            }
            (None, name @ ("members" | "groups"), None) => {
                return match self.list(name) {
                    Some(list) => in_list(list, self.walk(inner, Scope::Mention, false), negated),
                    None => Plan::unknown(),
                };
            }
            _ => {}
        }
        if negated || is_beside(attribute) || is_manager(attribute) {
            return Plan::unknown();
        }
        let inner = self.walk(inner, Scope::Document, false);
        Plan::wider(Clause::all(vec![has_member(&attribute.name), inner.clause]))
    }

    /// Whether a condition on an e-mail address asks only for addresses.
    fn is_by_address(&self, inner: &Condition) -> bool {
        let rows = self.walk(inner, Scope::Email, false);
        rows.exact && rows.clause != Clause::True
    }

    /// Whether rows are kept of the attribute's values, which are text.
    fn has_rows(&self, attribute: &Attribute) -> bool {
        if attribute.extension.is_none() && !matches!(self.kind, Kind::Custom(_)) {
            return false;
        }
        self.resource_type
            .indexed_attributes()
            .iter()
            .any(|indexed| {
                indexed.is_text
                    && indexed.case_exact == attribute.case_exact
                    && indexed.extension == attribute.extension
                    && indexed.name == attribute.name
                    && indexed.sub == attribute.sub
            })
    }

    /// The column that holds an attribute's text, folded as the schema wants it compared.
    fn text_column(&self, attribute: &Attribute) -> Option<Column> {
        let (column, case_exact) = match place(attribute) {
            (None, "id", None) => (Column::Uuid, true),
            (None, "userName", None) if self.kind == Kind::User => (Column::UserName, false),
            (None, "externalId", None) => (Column::ExternalId, true),
            (None, "displayName", None) => (Column::DisplayName, false),
            _ => return None,
        };
        let fits = attribute.case_exact == case_exact
            && attribute.kind == AttributeType::String
            && !attribute.multi_valued;
        fits.then_some(column)
    }

    fn text(&self, column: Column, operator: Operator, text: &str, negated: bool) -> Plan {
        self.column(column, text_test(operator, text), negated)
    }

    fn column(&self, column: Column, test: ColumnTest, negated: bool) -> Plan {
        let is = Clause::is(column, test.clone(), negated);
        if column != Column::UserName || !self.with_orphans {
            return Plan::exact(is);
        }
        // Everybody's name stands in one of the two.
        let freed = Clause::is(Column::FreedName, test, negated);
        Plan::exact(if negated {
            Clause::all(vec![is, freed])
        } else {
            Clause::any(vec![is, freed])
        })
    }

    /// A comparison of a member's or group's part.
    fn mention(
        &self,
        attribute: &Attribute,
        operator: Operator,
        operand: &Operand,
        negated: bool,
    ) -> Plan {
        let Operand::Text(text) = operand else {
            return Plan::unknown();
        };
        match attribute.sub.as_ref().unwrap_or(&attribute.name).as_str() {
            // Ids are in lower case.
            "value" => self.text(Column::MentionUuid, operator, text, negated),
            "display" => self.text(Column::MentionName, operator, text, negated),
            "type" if self.kind == Kind::User => {
                let shown = json!({ "type": "direct" });
                let attribute = Attribute {
                    name: "type".to_owned(),
                    sub: None,
                    ..attribute.clone()
                };
                let is = holds(&attribute, operator, operand, &shown);
                Plan::exact(Clause::constant(is != negated))
            }
            // The words in which kinds are stored are the types' names, folded.
            "type" if !attribute.case_exact => {
                self.text(Column::MentionKind, operator, text, negated)
            }
            _ => Plan::unknown(),
        }
    }

    fn mention_present(&self, attribute: &Attribute, negated: bool) -> Plan {
        match attribute.sub.as_ref().unwrap_or(&attribute.name).as_str() {
            "display" => self.column(Column::MentionName, ColumnTest::Present, negated),
            "value" | "type" | "$ref" => Plan::exact(Clause::constant(!negated)),
            _ => Plan::unknown(),
        }
    }

    /// The rows behind `members` and `groups`, if this type has them.
    fn list(&self, name: &str) -> Option<List> {
        match (self.kind, name) {
            (Kind::Group, "members") => Some(List::Members),
            (Kind::User, "groups") => Some(List::Groups),
            _ => None,
        }
    }
}

/// A comparison of an e-mail address. Addresses without `value` have no row: only what asks
/// for one can be answered.
fn email(attribute: &Attribute, operator: Operator, operand: &Operand, negated: bool) -> Plan {
    let name = attribute.sub.as_ref().unwrap_or(&attribute.name);
    match operand {
        Operand::Text(text) if name == "value" && !attribute.case_exact && !negated => {
            let asked = text_test(operator, text);
            Plan::exact(Clause::is(Column::Email, asked, false))
        }
        _ => Plan::unknown(),
    }
}

/// One of the rows fulfils the plan's clause, or none does.
fn in_list(list: List, inner: Plan, negated: bool) -> Plan {
    match inner.clause {
        _ if negated && !inner.exact => Plan::unknown(),
        Clause::False => Plan {
            clause: Clause::constant(negated),
            exact: inner.exact,
        },
        clause if list == List::Emails && clause == Clause::True => Plan::unknown(),
        clause => Plan {
            clause: Clause::In {
                list,
                inner: Box::new(clause),
                negated,
            },
            exact: inner.exact,
        },
    }
}

/// A comparison of what only the document holds: a piece of its text, if there is one to
/// search for.
fn piece(attribute: &Attribute, operator: Operator, operand: &Operand, negated: bool) -> Plan {
    let Operand::Text(text) = operand else {
        return Plan::unknown();
    };
    let is_part = matches!(
        operator,
        Operator::Eq | Operator::Co | Operator::Sw | Operator::Ew
    );
    if negated || !is_part {
        return Plan::unknown();
    }
    let piece = longest_piece(text, attribute.case_exact);
    if piece.chars().count() < PIECE_CHARACTERS_MIN {
        return Plan::unknown();
    }
    Plan::wider(Clause::Document {
        contains: piece.to_owned(),
        lower: !attribute.case_exact,
    })
}

/// The longest part of a text that a document holds literally wherever it holds the text.
/// JSON escapes quotes, backslashes and control characters. Where case does not matter, only
/// ASCII can be compared by SQL, and neither `k` nor `i`, which are also lower cases of
/// letters outside ASCII (the Kelvin sign, the dotted capital I).
fn longest_piece(text: &str, case_exact: bool) -> &str {
    let breaks = |c: char| {
        c == '"'
            || c == '\\'
            || c.is_control()
            || (!case_exact && (!c.is_ascii() || c == 'k' || c == 'i'))
    };
    text.split(breaks)
        .max_by_key(|piece| piece.len())
        .unwrap_or_default()
}

/// The document has a member of that name somewhere.
fn has_member(name: &str) -> Clause {
    let contains = format!("{}:", Json::from(name));
    Clause::Document {
        contains,
        lower: false,
    }
}

fn text_test(operator: Operator, text: &str) -> ColumnTest {
    match operator {
        Operator::Co | Operator::Sw | Operator::Ew if text.is_empty() => ColumnTest::There,
        operator => ColumnTest::Text(operator, text.to_owned()),
    }
}

/// Columns hold microseconds; instants may be finer.
fn micros(column: Column, operator: Operator, instant: OffsetDateTime, negated: bool) -> Clause {
    let nanos = instant.unix_timestamp_nanos();
    let floor = i64::try_from(nanos.div_euclid(1_000)).unwrap_or(i64::MAX);
    let is_whole = nanos.rem_euclid(1_000) == 0;
    let operator = match operator {
        Operator::Eq if !is_whole => return Clause::constant(negated),
        Operator::Ge if !is_whole => Operator::Gt,
        Operator::Lt if !is_whole => Operator::Le,
        operator => operator,
    };
    Clause::is(column, ColumnTest::Number(operator, floor), negated)
}

/// What the evaluator says of a value that is the same for all.
fn holds(attribute: &Attribute, operator: Operator, operand: &Operand, shown: &Json) -> bool {
    let condition = Condition::Compare(attribute.clone(), operator, operand.clone());
    shown
        .as_object()
        .is_some_and(|shown| condition.matches(&View::whole(shown)))
}

/// Whether an attribute comes from columns and rows, not from the document.
pub(super) fn is_beside(attribute: &Attribute) -> bool {
    let beside = ["schemas", "id", "meta", "active", "members", "groups"];
    match place(attribute) {
        (None, name, _) => beside.contains(&name),
        (_, _, Some("displayName" | "$ref")) => is_manager(attribute),
        _ => false,
    }
}

/// Whether it is the manager, of whom the document holds only the id.
pub(super) fn is_manager(attribute: &Attribute) -> bool {
    attribute.extension.as_deref() == Some(ENTERPRISE_USER) && attribute.name == "manager"
}

/// The path under which rows of an attribute's values stand.
fn path_of(attribute: &Attribute) -> String {
    let urn = attribute.extension.as_ref();
    let urn = urn.map_or_else(String::new, |urn| format!("{urn}:"));
    let sub = attribute.sub.as_ref();
    let sub = sub.map_or_else(String::new, |sub| format!(".{sub}"));
    format!("{urn}{}{sub}", attribute.name)
}

fn place(attribute: &Attribute) -> (Option<&str>, &str, Option<&str>) {
    (
        attribute.extension.as_deref(),
        attribute.name.as_str(),
        attribute.sub.as_deref(),
    )
}
