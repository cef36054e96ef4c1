//! Evaluating the lines of a mapping over one entry.
//!
//! Whether a line says something, says "there is none" or says nothing is decided here:
//! an attribute that is there without values says "there is none", one that is not there
//! says nothing. A directory server never lists an attribute without values, so where the
//! whole entry was read (LDAP, LDIF) an absent attribute says "there is none", too.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rollcall_directory::contribution::{Mapped, MappedValue};
use rollcall_directory::entry::{Attributes, Entry, Value};
use rollcall_directory::name::{Name, Reference, Space};
use rollcall_directory::schema::{AttributeType, Shape, Unit};
use serde_json::{Map, Value as Json};

use crate::compile::{KindPlan, Line, UnitLines};
use crate::datum::Datum;
use crate::expression::{Inputs, Interpreter};
use crate::functions::Surroundings;
use crate::problem::{LineOf, MapError, Outcome, SHOWN_VALUE_CHARS_MAX, TraceLine};
use crate::shape;

/// How many values a single-valued target chooses from.
const CHOICES_MAX: usize = 64;
/// How many items a list takes.
const LIST_ITEMS_MAX: usize = 10_000;
/// Up to so many items of a list are compared with each other as they are; beyond, by text.
const COMPARED_PAIRWISE_MAX: usize = 16;
/// How many values of one attribute a message shows.
const SHOWN_VALUES_MAX: usize = 5;

/// One entry under evaluation.
pub(crate) struct Evaluation<'e> {
    pub(crate) plan: &'e KindPlan,
    pub(crate) slots: Vec<Option<&'e [Value]>>,
    /// Whether an attribute that is not there has no values for certain.
    pub(crate) absent_is_empty: bool,
    pub(crate) around: Surroundings<'e>,
    pub(crate) interpreter: &'e Interpreter,
}

/// What a line says.
enum Said<T> {
    Something(T),
    Empty,
    /// Nothing: this attribute is absent.
    Silent(usize),
}

/// How often a line is evaluated when the one attribute that it names has several values.
#[derive(Clone, Copy)]
enum Times {
    /// Once, with the smallest.
    Once,
    /// For each, up to so many.
    Each(usize),
}

impl<'e> Evaluation<'e> {
    pub(crate) fn new(
        plan: &'e KindPlan,
        entry: &'e Entry,
        absent_is_empty: bool,
        around: Surroundings<'e>,
        interpreter: &'e Interpreter,
    ) -> Self {
        Self {
            plan,
            slots: slots(plan, &entry.attributes),
            absent_is_empty,
            around,
            interpreter,
        }
    }

    /// All units of the entry's kind.
    pub(crate) fn mapped(&self) -> Result<Mapped, MapError> {
        let mut mapped = Mapped::default();
        let mut values = Vec::with_capacity(self.plan.units.len());
        // In the file's order, so that its first mistake is the one that is told.
        for unit in &self.plan.units {
            values.push(match &unit.space {
                Some(space) => {
                    self.references(unit, space, &mut mapped)?;
                    None
                }
                None => self.unit(unit)?,
            });
        }
        // In the map's order, which is then made in one go.
        let in_order = self.plan.orders.units.iter().filter_map(|place| {
            let value = values.get_mut(*place)?.take()?;
            Some((self.plan.units.get(*place)?.unit.clone(), value))
        });
        mapped.said = in_order.collect();
        Ok(mapped)
    }

    fn lines<'u>(&'u self, unit: &'u UnitLines) -> impl Iterator<Item = &'e Line> + 'u {
        unit.lines.iter().filter_map(|at| self.plan.lines.get(*at))
    }

    fn unit(&self, unit: &UnitLines) -> Result<Option<MappedValue>, MapError> {
        let mut objects: Vec<(usize, Json)> = Vec::new();
        let mut is_list = false;
        let mut silent = false;
        for line in self.lines(unit) {
            let said = self.line(line).map_err(|m| self.error(line, m))?;
            let values = match said {
                Said::Something(values) => values,
                Said::Empty => continue,
                Said::Silent(_) => {
                    silent = true;
                    continue;
                }
            };
            match &line.shape {
                Shape::Item { fixed, sub, .. } => {
                    is_list = true;
                    if let Some(value) = values.into_iter().next() {
                        let same = |other: &&Line| other.object == line.object;
                        let parts = fixed.len() + self.lines(unit).filter(same).count();
                        into_object(&mut objects, line.object, parts, fixed, sub, value);
                    }
                }
                Shape::List { .. } => {
                    is_list = true;
                    objects.extend(values.into_iter().map(|value| (line.object, value)));
                }
                _ => return Ok(Some(MappedValue::Choice(values))),
            }
        }
        if is_list {
            return Ok(Some(MappedValue::List(without_duplicates(objects))));
        }
        Ok((!silent).then_some(MappedValue::Empty))
    }

    /// A line's values, of the target's type, ascending; never none.
    fn line(&self, line: &'e Line) -> Result<Said<Vec<Json>>, String> {
        let (times, most) = match line.shape {
            Shape::List { .. } => (Times::Each(LIST_ITEMS_MAX + 1), LIST_ITEMS_MAX),
            Shape::Item { .. } => (Times::Once, LIST_ITEMS_MAX),
            _ => (Times::Each(CHOICES_MAX), CHOICES_MAX),
        };
        let mut values = Vec::new();
        let mut count = 0;
        self.values(line, times, |datum| {
            count += 1;
            if count > LIST_ITEMS_MAX {
                return Err(format!("more than {LIST_ITEMS_MAX} values"));
            }
            let value = match &line.shape {
                Shape::Single(kind) | Shape::Item { kind, .. } => shape::scalar(datum, *kind),
                Shape::List { .. } => shape::item(datum, &line.definition),
                Shape::Reference | Shape::Members => shape::scalar(datum, AttributeType::String),
            }?;
            if !value.is_null() {
                if values.is_empty() {
                    // One value is what most lines give.
                    values.reserve_exact(1);
                }
                values.push(value);
            }
            Ok(())
        })?;
        shape::in_order(&mut values);
        values.truncate(most);
        Ok(if values.is_empty() {
            self.nothing(line)
        } else {
            Said::Something(values)
        })
    }

    /// Hands over what the expression gives, lists opened, nothings left out.
    fn values(
        &self,
        line: &'e Line,
        times: Times,
        mut take: impl FnMut(Datum<'e>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut take_something = |datum: Datum<'e>| {
            if datum.is_nothing() {
                Ok(())
            } else {
                take(datum)
            }
        };
        let is_list = matches!(line.shape, Shape::List { .. } | Shape::Members);
        let many = match times {
            Times::Once => None,
            Times::Each(most) => line.expression.only_scalar(is_list).and_then(|slot| {
                let count = self.slot(slot).unwrap_or_default().len().min(most);
                (count > 1).then_some(count)
            }),
        };
        for chosen in 0..many.unwrap_or(1) {
            let inputs = Inputs {
                slots: &self.slots,
                chosen: many.is_some().then_some(chosen),
            };
            match line
                .expression
                .evaluate(&inputs, &self.around, self.interpreter)
            {
                Ok(Datum::List(items)) => items.into_iter().try_for_each(&mut take_something)?,
                Ok(datum) => take_something(datum)?,
                Err(message) => {
                    let inputs = line.expression.inputs();
                    let is_absent = |slot| self.slot(slot).unwrap_or_default().is_empty();
                    if !inputs.iter().any(|input| is_absent(input.slot)) {
                        return Err(message);
                    }
                }
            }
        }
        Ok(())
    }

    fn slot(&self, slot: usize) -> Option<&'e [Value]> {
        self.slots.get(slot).copied().flatten()
    }

    /// A line without a value: a statement, unless an attribute is missing.
    fn nothing<T>(&self, line: &Line) -> Said<T> {
        let mut inputs = line.expression.inputs().iter();
        let missing = inputs.find(|input| self.slot(input.slot).is_none());
        match missing {
            Some(input) if !self.absent_is_empty => Said::Silent(input.slot),
            _ => Said::Empty,
        }
    }

    fn references(
        &self,
        unit: &UnitLines,
        space: &Space,
        mapped: &mut Mapped,
    ) -> Result<(), MapError> {
        for line in self.lines(unit) {
            let is_list = line.shape == Shape::Members;
            let before = mapped.references.len();
            let fast = line
                .expression
                .reference()
                .map(|input| self.slot(input.slot));
            let said = match fast {
                // Groups have up to a million members: nothing is copied twice.
                Some(Some(values)) if !values.is_empty() => {
                    let most = if is_list { usize::MAX } else { 1 };
                    for value in values.iter().take(most) {
                        let Some(text) = value.as_text() else {
                            let message = "a reference must be a text".to_owned();
                            return Err(self.error(line, message));
                        };
                        mapped.references.push(reference(&unit.unit, space, text));
                    }
                    Said::Something(())
                }
                _ => self
                    .reference_values(line, unit, space, mapped)
                    .map_err(|m| self.error(line, m))?,
            };
            if matches!(said, Said::Silent(_)) {
                continue;
            }
            if line.expression.reference().is_none()
                && let Some(new) = mapped.references.get_mut(before..)
            {
                new.sort_unstable();
                mapped.references.dedup();
            }
            if !mapped.reference_units.contains(&unit.unit) {
                mapped.reference_units.push(unit.unit.clone());
            }
        }
        Ok(())
    }

    fn reference_values(
        &self,
        line: &'e Line,
        unit: &UnitLines,
        space: &Space,
        mapped: &mut Mapped,
    ) -> Result<Said<()>, String> {
        let is_list = line.shape == Shape::Members;
        let times = if is_list {
            Times::Each(usize::MAX)
        } else {
            Times::Once
        };
        let most = if is_list { usize::MAX } else { 1 };
        let mut count = 0;
        self.values(line, times, |datum| {
            count += 1;
            if count <= most {
                let text = shape::scalar(datum, AttributeType::String)?;
                if let Some(text) = text.as_str() {
                    mapped.references.push(reference(&unit.unit, space, text));
                }
            }
            Ok(())
        })?;
        Ok(if count == 0 {
            self.nothing(line)
        } else {
            Said::Something(())
        })
    }

    /// What each line gives, for people.
    pub(crate) fn trace(&self) -> Vec<TraceLine> {
        self.plan
            .lines
            .iter()
            .map(|line| TraceLine {
                line: line.number,
                target: line.target.clone(),
                expression: line.source.clone(),
                inputs: self.shown_inputs(line),
                outcome: self.outcome(line),
            })
            .collect()
    }

    /// What the lines give that ask what time it is: the part of an entry that changes
    /// although its source says the same.
    pub(crate) fn of_the_moment(&self) -> Option<String> {
        let asking = self.plan.lines.iter().filter(|line| line.asks_the_time());
        let outcomes: Vec<String> = asking
            .map(|line| format!("{:?}", self.outcome(line)))
            .collect();
        (!outcomes.is_empty()).then(|| outcomes.join("\n"))
    }

    fn outcome(&self, line: &'e Line) -> Outcome {
        match self.line(line) {
            Ok(Said::Something(_)) if self.uses_secret(line) => {
                Outcome::Values(vec![Json::from(HIDDEN)])
            }
            Ok(Said::Something(values)) => Outcome::Values(values),
            Ok(Said::Empty) => Outcome::Empty,
            Ok(Said::Silent(slot)) => {
                let name = self.plan.slots.get(slot).map_or("", String::as_str);
                Outcome::Silent(format!("`{name}` is absent"))
            }
            Err(message) => Outcome::Failed(self.error(line, message).message),
        }
    }

    fn error(&self, line: &Line, message: String) -> MapError {
        MapError {
            line: line.number,
            target: line.target.clone(),
            expression: line.source.clone(),
            message: if self.uses_secret(line) {
                "the expression fails".to_owned()
            } else {
                message
            },
            inputs: self.shown_inputs(line),
        }
    }

    fn uses_secret(&self, line: &Line) -> bool {
        let inputs = line.expression.inputs();
        inputs
            .iter()
            .any(|i| self.plan.slots.get(i.slot).is_some_and(|n| is_secret(n)))
    }

    fn shown_inputs(&self, line: &Line) -> Vec<(String, String)> {
        let mut shown: Vec<(String, String)> = Vec::new();
        for input in line.expression.inputs() {
            let Some(name) = self.plan.slots.get(input.slot) else {
                continue;
            };
            if shown.iter().all(|(known, _)| known != name) {
                let values = match self.slot(input.slot) {
                    None => "absent".to_owned(),
                    Some([]) => "empty".to_owned(),
                    Some(_) if is_secret(name) => HIDDEN.to_owned(),
                    Some(values) => shown_values(values),
                };
                shown.push((name.clone(), values));
            }
        }
        shown
    }
}

/// The values of the attributes that lines use, by slot.
///
/// Both sides stand in the order of their names: one walk along both finds them all.
fn slots<'e>(plan: &KindPlan, attributes: &'e Attributes) -> Vec<Option<&'e [Value]>> {
    let ignore_case = attributes.names_ignore_case();
    let mut found = vec![None; plan.slots.len()];
    let mut there = attributes.iter().peekable();
    for slot in plan.orders.slots(ignore_case) {
        let (Some(name), Some(place)) = (plan.slots.get(*slot), found.get_mut(*slot)) else {
            continue;
        };
        while let Some(attribute) = there.peek() {
            match Attributes::order(&attribute.name, name, ignore_case) {
                Ordering::Less => there.next(),
                // Two slots may differ in case only: the attribute stays for the next one.
                Ordering::Equal => {
                    *place = Some(attribute.values.as_slice());
                    break;
                }
                Ordering::Greater => break,
            };
        }
    }
    found
}

/// What stands for a value that must not be shown.
const HIDDEN: &str = "(hidden)";

/// Attributes whose values are never shown.
fn is_secret(name: &str) -> bool {
    let folded = name.to_ascii_lowercase();
    ["password", "pwd", "secret", "krbprincipalkey"]
        .iter()
        .any(|part| folded.contains(part))
}

fn shown_values(values: &[Value]) -> String {
    let mut shown: Vec<String> = values
        .iter()
        .take(SHOWN_VALUES_MAX)
        .map(shown_value)
        .collect();
    if let Some(more) = values
        .len()
        .checked_sub(SHOWN_VALUES_MAX)
        .filter(|m| *m > 0)
    {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => format!("({} octets)", bytes.len()),
        Value::Text(text) | Value::Json(text) => {
            let cut: String = text.chars().take(SHOWN_VALUE_CHARS_MAX).collect();
            if cut.len() < text.len() {
                format!("{cut:?}…")
            } else {
                format!("{cut:?}")
            }
        }
    }
}

fn reference(unit: &Unit, space: &Space, text: &str) -> Reference {
    Reference {
        unit: unit.clone(),
        name: Name {
            space: space.clone(),
            text: text.trim().to_owned(),
        },
    }
}

/// Lines whose brackets say the same write one object.
fn into_object(
    objects: &mut Vec<(usize, Json)>,
    number: usize,
    parts: usize,
    fixed: &[(String, Json)],
    sub: &str,
    value: Json,
) {
    let known = objects.iter_mut().find(|(known, _)| *known == number);
    if let Some((_, Json::Object(object))) = known {
        object.insert(sub.to_owned(), value);
        return;
    }
    let mut object = Map::with_capacity(parts);
    object.extend(fixed.iter().cloned());
    object.insert(sub.to_owned(), value);
    objects.push((number, Json::Object(object)));
}

/// By the place of their line, then by value (lines give theirs in order). A plain text
/// says nothing more than its value: it is left out where an earlier item has that value.
fn without_duplicates(mut objects: Vec<(usize, Json)>) -> Vec<Json> {
    objects.sort_by_key(|(number, _)| *number);
    if objects.len() <= COMPARED_PAIRWISE_MAX {
        let mut kept: Vec<Json> = Vec::with_capacity(objects.len());
        for (_, item) in objects {
            let is_plain = item.as_object().is_some_and(|object| object.len() == 1);
            let value = item.get("value").filter(|_| is_plain);
            let is_known = |known: &Json| {
                *known == item || value.is_some_and(|value| known.get("value") == Some(value))
            };
            if !kept.iter().any(is_known) {
                kept.push(item);
            }
        }
        return kept;
    }
    let mut seen = BTreeSet::new();
    let mut seen_values = BTreeSet::new();
    objects.retain(|(_, item)| {
        let value = item.get("value").map(canonical);
        let is_plain = item.as_object().is_some_and(|object| object.len() == 1);
        let is_new = seen.insert(canonical(item));
        match value {
            Some(value) => seen_values.insert(value) || (is_new && !is_plain),
            None => is_new,
        }
    });
    objects.into_iter().map(|(_, value)| value).collect()
}

/// The text of a value with its members in order.
fn canonical(value: &Json) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// The lines that feed a unit.
pub(crate) fn lines_of(plan: &KindPlan, unit: &Unit) -> Vec<LineOf> {
    plan.units
        .iter()
        .filter(|known| known.unit == *unit)
        .flat_map(|known| &known.lines)
        .filter_map(|at| plan.lines.get(*at))
        .map(|line| LineOf {
            line: line.number,
            target: line.target.clone(),
            expression: line.source.clone(),
        })
        .collect()
}
