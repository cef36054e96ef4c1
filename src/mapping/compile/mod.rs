//! From the text of a mapping file to a compiled mapping, with all mistakes found on the
//! way.

mod references;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rollcall_directory::entry::{Attributes, Kind};
use rollcall_directory::filter::Filter;
use rollcall_directory::fingerprint::Fingerprint;
use rollcall_directory::name::Space;
use rollcall_directory::path::Path;
use rollcall_directory::schema::{AttributeDefinition, Schemas, Shape, Target, TargetError, Unit};
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use self::references::ReferenceRule;
use crate::example::{self, Example};
use crate::expression::{Expression, Interpreter, Library, Slots};
use crate::file::{Reader, in_order};
use crate::mapping::{KindMapping, Mapping, ReferenceSpaces, SourceKind};
use crate::problem::{Problem, did_you_mean};

/// Counted up when the same file would give other values than before, so that every
/// entry is evaluated again after an upgrade.
const EVALUATION_VERSION: &[u8] = b"1";

/// A line: a left side and a right side.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) target: String,
    pub(crate) source: String,
    pub(crate) shape: Shape,
    pub(crate) expression: Expression,
    /// The attribute that the left side writes, for the parts of objects.
    pub(crate) definition: Arc<AttributeDefinition>,
    /// The line of the file, counted from 1.
    pub(crate) number: usize,
    /// Where the expression stands.
    pub(crate) place: Range<usize>,
    /// For lines with brackets: the first line of the unit whose brackets say the same.
    pub(crate) object: usize,
}

impl Line {
    /// Whether its value may change although the entry does not.
    pub(crate) fn asks_the_time(&self) -> bool {
        self.source.contains("expired")
    }
}

/// A unit and the lines that feed it.
#[derive(Debug)]
pub(crate) struct UnitLines {
    pub(crate) unit: Unit,
    pub(crate) lines: Vec<usize>,
    /// How the unit's references name entries, if it is made of them.
    pub(crate) space: Option<Space>,
}

/// Users or groups, compiled.
#[derive(Debug)]
pub(crate) struct KindPlan {
    pub(crate) mapping: KindMapping,
    /// Where the filter stands.
    pub(crate) filter_place: Option<Range<usize>>,
    /// The attributes that lines use, by slot.
    pub(crate) slots: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) units: Vec<UnitLines>,
    pub(crate) orders: Orders,
}

/// Orders that evaluation would have to make anew for each entry.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// The slots in the order of their names.
    slots: Vec<usize>,
    /// The same, ignoring case.
    slots_ignoring_case: Vec<usize>,
    /// The places of the units, in the order of the units.
    pub(crate) units: Vec<usize>,
}

impl Orders {
    fn of(slots: &[String], units: &[UnitLines]) -> Self {
        let slots = |ignoring_case| {
            let mut named: Vec<(usize, &String)> = slots.iter().enumerate().collect();
            named.sort_by(|(_, a), (_, b)| Attributes::order(a, b, ignoring_case));
            named.into_iter().map(|(slot, _)| slot).collect()
        };
        let mut named: Vec<(usize, &Unit)> = units.iter().map(|u| &u.unit).enumerate().collect();
        named.sort_by_key(|(_, unit)| *unit);
        Self {
            slots: slots(false),
            slots_ignoring_case: slots(true),
            units: named.into_iter().map(|(place, _)| place).collect(),
        }
    }

    /// The slots in the order of an entry's attributes.
    pub(crate) fn slots(&self, names_ignore_case: bool) -> &[usize] {
        if names_ignore_case {
            &self.slots_ignoring_case
        } else {
            &self.slots
        }
    }
}

pub(crate) fn compile(name: &str, text: &str, schemas: &Schemas) -> Result<Mapping, Vec<Problem>> {
    let mut reader = Reader::new(name, text);
    let Some(top) = reader.top() else {
        return Err(reader.problems);
    };
    reader.only_known(
        &top,
        &[
            "description",
            "kind",
            "user",
            "group",
            "references",
            "tables",
            "example",
        ],
    );
    let description = reader
        .text_at(&top, "description")
        .map_or_else(String::new, |(text, _)| text.to_owned());
    let source_kind = source_kind(&mut reader, &top);
    let mut compiler = Compiler {
        reader,
        schemas,
        source_kind: source_kind.unwrap_or(SourceKind::Ldap),
        library: Library::default(),
        spaces: ReferenceSpaces::default(),
        said: vec![EVALUATION_VERSION.to_vec()],
    };
    compiler.say(&format!("{source_kind:?}"));
    compiler.tables(&top);
    let references = compiler.references(&top);
    let user = compiler.kind(&top, Kind::User, &references);
    let group = compiler.kind(&top, Kind::Group, &references);
    compiler.all_references_are_used(&references, [&user, &group]);
    if !top.contains_key("user") && !top.contains_key("group") {
        compiler.reader.problem(
            0..0,
            "the file maps neither users nor groups".to_owned(),
            Some("begin with [user] and its key".to_owned()),
        );
    }
    let examples = example::read(&mut compiler.reader, &top, schemas);
    compiler.finish(description, [user, group], examples)
}

fn source_kind(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Option<SourceKind> {
    let known = ["ldap", "scim", "http", "file"];
    if !top.contains_key("kind") {
        reader.problem(
            0..0,
            "the file does not say what kind of source it is for".to_owned(),
            Some("write kind = \"ldap\", \"http\", \"scim\" or \"file\"".to_owned()),
        );
        return None;
    }
    let (word, span) = reader.text_at(top, "kind")?;
    match word {
        "ldap" => Some(SourceKind::Ldap),
        "scim" => Some(SourceKind::Scim),
        "http" => Some(SourceKind::Http),
        "file" => Some(SourceKind::File),
        other => {
            let help = did_you_mean(other, known)
                .or_else(|| Some(format!("known are {}", known.join(", "))));
            reader.problem(span, format!("there is no kind of source `{other}`"), help);
            None
        }
    }
}

struct Compiler<'t, 's> {
    reader: Reader<'t>,
    schemas: &'s Schemas,
    source_kind: SourceKind,
    library: Library,
    spaces: ReferenceSpaces,
    /// What the fingerprint is made of.
    said: Vec<Vec<u8>>,
}

impl Compiler<'_, '_> {
    fn say(&mut self, text: &str) {
        self.said.push(text.as_bytes().to_vec());
    }

    fn tables(&mut self, top: &DeTable<'_>) {
        let Some(tables) = self.reader.table_at(top, "tables") else {
            return;
        };
        for (name, _) in in_order(tables) {
            let name = name.get_ref().as_ref();
            let Some(table) = self.reader.table_at(tables, name) else {
                continue;
            };
            let mut rows = BTreeMap::new();
            for (key, value) in table {
                if let Some(text) = self.reader.text_of(value, key.get_ref()) {
                    rows.insert(key.get_ref().to_string(), text.to_owned());
                }
            }
            self.say(&format!("table {name} {rows:?}"));
            self.library.tables.insert(name.to_owned(), rows);
        }
    }

    fn kind(&mut self, top: &DeTable<'_>, kind: Kind, rules: &[ReferenceRule]) -> Option<KindPlan> {
        let table = self.reader.table_at(top, kind.as_str())?;
        self.reader
            .only_known(table, &["filter", "key", "match", "attributes"]);
        self.say(kind.as_str());
        let filter = self.filter(table);
        let has_filter = filter.is_some();
        let key = self.key(top, table, kind);
        let mut slots = Slots {
            names: Vec::new(),
            ignore_case: self.source_kind.ignores_case(),
        };
        let mut plan = KindPlan {
            mapping: KindMapping {
                filter,
                key,
                match_on: Vec::new(),
                attributes: Vec::new(),
            },
            filter_place: table
                .get("filter")
                .map(toml::Spanned::span)
                .filter(|_| has_filter),
            slots: Vec::new(),
            lines: Vec::new(),
            units: Vec::new(),
            orders: Orders::default(),
        };
        if let Some(attributes) = self.reader.table_at(table, "attributes") {
            for (left, right) in in_order(attributes) {
                self.line(&mut plan, &mut slots, kind, left, right);
            }
        } else if !table.contains_key("attributes") {
            let place = top
                .get_key_value(kind.as_str())
                .map_or(0..0, |(k, _)| k.span());
            self.reader.problem(
                place,
                format!("[{kind}] has no lines"),
                Some(format!("write them below [{kind}.attributes]")),
            );
        }
        for position in 0..plan.units.len() {
            let Some(unit) = plan.units.get(position) else {
                continue;
            };
            let is_reference = unit.lines.iter().any(|line| {
                plan.lines
                    .get(*line)
                    .is_some_and(|l| matches!(l.shape, Shape::Reference | Shape::Members))
            });
            if is_reference {
                let space = self.space_of(&unit.unit.clone(), rules);
                if let Some(unit) = plan.units.get_mut(position) {
                    unit.space = Some(space);
                }
            }
        }
        plan.mapping.match_on = self.match_on(table, kind, &plan);
        plan.slots.clone_from(&slots.names);
        plan.orders = Orders::of(&plan.slots, &plan.units);
        if !plan.mapping.key.is_empty() {
            slots.of(&plan.mapping.key);
        }
        for rule in rules {
            if let Space::Attribute(_) = rule.space {
                // The space is folded; the source's spelling may matter.
                slots.of(&rule.by);
            }
        }
        plan.mapping.attributes = slots.names;
        Some(plan)
    }

    fn filter(&mut self, table: &DeTable<'_>) -> Option<String> {
        let (text, span) = self.reader.text_at(table, "filter")?;
        let text = text.trim();
        match self.source_kind {
            SourceKind::Ldap => {
                if !text.starts_with('(') || !text.ends_with(')') {
                    self.reader.problem(
                        span,
                        "an LDAP filter stands in parentheses".to_owned(),
                        Some(format!("write \"{}\"", in_parentheses(text))),
                    );
                }
            }
            SourceKind::Scim => {
                if let Err(error) = Filter::parse(text) {
                    let message = format!("this is no filter of SCIM (RFC 7644 §3.4.2.2): {error}");
                    self.reader.problem(span, message, None);
                }
            }
            SourceKind::Http | SourceKind::File => {
                self.reader.problem(
                    span,
                    "only LDAP and SCIM sources have a filter".to_owned(),
                    Some("leave it out".to_owned()),
                );
                return None;
            }
        }
        self.say(&format!("filter {text}"));
        Some(text.to_owned())
    }

    fn key(&mut self, top: &DeTable<'_>, table: &DeTable<'_>, kind: Kind) -> String {
        if !table.contains_key("key") {
            let place = top
                .get_key_value(kind.as_str())
                .map_or(0..0, |(k, _)| k.span());
            self.reader.problem(
                place,
                format!("[{kind}] has no key"),
                Some("name the attribute that survives renames: key = \"entryUUID\"".to_owned()),
            );
        }
        let Some((text, span)) = self.reader.text_at(table, "key") else {
            return String::new();
        };
        let text = text.trim().to_owned();
        if text.is_empty() {
            self.reader
                .problem(span, "the key is empty".to_owned(), None);
        }
        self.say(&format!("key {text}"));
        text
    }

    fn line(
        &mut self,
        plan: &mut KindPlan,
        slots: &mut Slots,
        kind: Kind,
        left: &toml::Spanned<std::borrow::Cow<'_, str>>,
        right: &toml::Spanned<DeValue<'_>>,
    ) {
        let target_text = left.get_ref().as_ref();
        let target = self.target(kind, target_text, left.span());
        let DeValue::String(source) = right.get_ref() else {
            let help = match right.get_ref() {
                DeValue::Table(_) => {
                    format!("put the left side in quotes: \"{target_text}.…\" = \"…\"")
                }
                _ => "a fixed text is \"'text'\", a fixed boolean \"true\"".to_owned(),
            };
            self.reader.problem(
                right.span(),
                format!("the right side of `{target_text}` must be an expression in quotes"),
                Some(help),
            );
            return;
        };
        let expression = match Expression::compile(source, slots, &mut self.library) {
            Ok(expression) => expression,
            Err(mistake) => {
                self.reader.mistake(&right.span(), source, mistake);
                return;
            }
        };
        let Some((target, definition)) = target else {
            return;
        };
        self.say(&format!("line {target_text}"));
        self.say(source);
        let number = plan.lines.len();
        let at = Problem::at(
            self.reader.file,
            self.reader.text,
            left.span(),
            String::new(),
        )
        .line;
        let mut line = Line {
            target: target_text.to_owned(),
            source: source.to_string(),
            shape: target.shape,
            expression,
            definition: Arc::new(definition),
            number: at,
            place: right.span(),
            object: number,
        };
        let unit = plan.units.iter().position(|u| u.unit == target.unit);
        if let Some(unit) = unit.and_then(|at| plan.units.get_mut(at)) {
            let earlier = || unit.lines.iter().filter_map(|l| plan.lines.get(*l));
            if let Some(first) = earlier().find(|earlier| is_same_place(earlier, &line)) {
                let message = format!(
                    "`{target_text}` is given twice, first on line {}",
                    first.number
                );
                self.reader.problem(left.span(), message, None);
            }
            if let Some(first) = earlier().find(|earlier| is_same_object(earlier, &line)) {
                line.object = first.object;
            }
            unit.lines.push(number);
        } else {
            plan.units.push(UnitLines {
                unit: target.unit,
                lines: vec![number],
                space: None,
            });
        }
        plan.lines.push(line);
    }

    /// The left side, understood.
    fn target(
        &mut self,
        kind: Kind,
        text: &str,
        span: Range<usize>,
    ) -> Option<(Target, AttributeDefinition)> {
        let path = match Path::parse(text) {
            Ok(path) => path,
            Err(error) => {
                self.reader.problem(span, error.to_string(), None);
                return None;
            }
        };
        let understood = self.schemas.target(kind, &path).and_then(|target| {
            let (_, definition) = self.schemas.definition(kind, &path)?;
            Ok((target, definition.clone()))
        });
        match understood {
            Ok((target, _)) if target.unit.as_str() == "password" => {
                self.reader.problem(
                    span,
                    "passwords cannot be mapped yet".to_owned(),
                    Some("leave the line out: people keep signing in as they do".to_owned()),
                );
                None
            }
            Ok(understood) => Some(understood),
            Err(error) => {
                let help = self.help_for(kind, &path, &error);
                self.reader.problem(span, error.to_string(), help);
                None
            }
        }
    }

    fn help_for(&self, kind: Kind, path: &Path, error: &TargetError) -> Option<String> {
        match error {
            TargetError::Attribute { name, known } => {
                let in_extension = self.schemas.of(kind).iter().skip(1).find_map(|schema| {
                    let found = schema.attribute(&path.attribute.name)?;
                    Some(format!("write \"{}:{}\"", schema.id, found.name))
                });
                in_extension.or_else(|| did_you_mean(name, known.iter().map(String::as_str)))
            }
            TargetError::Schema(urn) => {
                did_you_mean(urn, self.schemas.of(kind).iter().map(|s| s.id.as_str()))
            }
            _ => None,
        }
    }

    fn match_on(&mut self, table: &DeTable<'_>, kind: Kind, plan: &KindPlan) -> Vec<Unit> {
        let Some(value) = table.get("match") else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.reader.problem(
                value.span(),
                "`match` must be a list of attributes".to_owned(),
                Some("match = [\"externalId\", \"userName\"]".to_owned()),
            );
            return Vec::new();
        };
        let mut units = Vec::new();
        for item in items {
            let Some(text) = self.reader.text_of(item, "match") else {
                continue;
            };
            self.say(&format!("match {text}"));
            let Some((target, _)) = self.target(kind, text, item.span()) else {
                continue;
            };
            // A line that could not be read has been told already.
            let is_given = plan.units.iter().any(|u| u.unit == target.unit);
            if !is_given && !has_line(table, text) {
                self.reader.problem(
                    item.span(),
                    format!("no line gives `{text}`, so it cannot be compared"),
                    None,
                );
            }
            if !is_comparable(kind, &target.unit) {
                self.reader.problem(
                    item.span(),
                    format!("a {kind} cannot be recognised by `{text}`"),
                    Some(format!("compare {}", comparable(kind).join(", "))),
                );
            }
            units.push(target.unit);
        }
        units
    }

    fn finish(
        mut self,
        description: String,
        [user, group]: [Option<KindPlan>; 2],
        examples: Vec<Example>,
    ) -> Result<Mapping, Vec<Problem>> {
        if !self.reader.problems.is_empty() {
            self.reader
                .problems
                .sort_by_key(|p| (p.span.start, p.span.end));
            return Err(self.reader.problems);
        }
        let library = Arc::new(self.library);
        Ok(Mapping {
            name: self.reader.file.to_owned(),
            text: self.reader.text.to_owned(),
            description,
            source_kind: self.source_kind,
            fingerprint: Fingerprint::of_parts(self.said.iter().map(Vec::as_slice)),
            interpreter: Interpreter::new(&library),
            library,
            user,
            group,
            references: self.spaces,
            examples,
        })
    }
}

/// Whether two lines write the very same place.
fn is_same_place(a: &Line, b: &Line) -> bool {
    match (&a.shape, &b.shape) {
        (Shape::Item { sub: a_sub, .. }, Shape::Item { sub: b_sub, .. }) => {
            a_sub == b_sub && is_same_object(a, b)
        }
        (Shape::Item { .. }, _) | (_, Shape::Item { .. }) => false,
        _ => true,
    }
}

/// Whether the brackets of two lines say the same.
fn is_same_object(a: &Line, b: &Line) -> bool {
    match (&a.shape, &b.shape) {
        (Shape::Item { fixed: a, .. }, Shape::Item { fixed: b, .. }) => {
            let holds = |list: &[(String, Json)], pair| list.contains(pair);
            a.iter().all(|pair| holds(b, pair)) && b.iter().all(|pair| holds(a, pair))
        }
        _ => false,
    }
}

/// The attributes by which entries may be recognised as somebody who is here already.
fn comparable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &[
            "externalId",
            "userName",
            "displayName",
            "emails",
            "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber\"",
        ],
        Kind::Group => &["externalId", "displayName"],
        Kind::Custom(_) => &[],
    }
}

fn is_comparable(kind: Kind, unit: &Unit) -> bool {
    comparable(kind)
        .iter()
        .any(|name| name.trim_matches('"') == unit.as_str())
}

/// Whether a line of the file begins with an attribute, or with a part of it.
fn has_line(table: &DeTable<'_>, attribute: &str) -> bool {
    let lines = table.get("attributes").map(toml::Spanned::get_ref);
    let Some(DeValue::Table(lines)) = lines else {
        return false;
    };
    lines.keys().any(|left| {
        let rest = left.get_ref().strip_prefix(attribute);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// A filter with the parentheses around it that it lacks.
fn in_parentheses(filter: &str) -> String {
    let count = |bracket| filter.matches(bracket).count();
    let (open, closed) = (count('('), count(')'));
    match (filter.starts_with('('), filter.ends_with(')')) {
        (true, false) if open > closed => format!("{filter}{}", ")".repeat(open - closed)),
        (false, true) if closed > open => format!("{}{filter}", "(".repeat(closed - open)),
        _ => format!("({filter})"),
    }
}
