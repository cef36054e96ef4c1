//! What the names in an expression mean: attributes, functions, variables of macros.
//!
//! Each use of an attribute becomes a variable of its own (`@0`, `@1`, …), so that an
//! attribute called `type` or `string` is no type of CEL, and one called `odd;name` can be
//! used at all. Calls of our functions become plain calls, whether they were written
//! `lower(mail)` or `mail.lower()`.

use std::ops::Range;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, ListExpr, LiteralValue,
    MapEntryExpr, MapExpr, SelectExpr, operators,
};
use cel::parser::Expression as Tree;

use super::{Input, Library, Mistake, Slots};
use crate::functions::Function;
use crate::problem::did_you_mean;

/// The largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// CEL's own functions that may be called, as `f(x)`.
const GLOBAL: [&str; 5] = ["size", "string", "int", "double", "bool"];
/// CEL's own functions that may be called, as `x.f(y)`.
const METHODS: [&str; 4] = ["contains", "startsWith", "endsWith", "size"];
/// The macros of CEL, expanded by the parser; named here for "did you mean" only.
const MACROS: [&str; 5] = ["map", "filter", "exists", "exists_one", "all"];

/// An expression whose names are settled.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) tree: Tree,
    pub(super) inputs: Vec<Input>,
    /// Whether a macro's body goes through a list again: its cost is a product.
    pub(super) is_nested: bool,
}

/// The variable that stands for the input of that number.
pub(super) fn variable(input: usize) -> String {
    format!("@{input}")
}

/// The input that a variable stands for.
pub(super) fn input_of(variable: &str) -> Option<usize> {
    variable.strip_prefix('@')?.parse().ok()
}

/// The stack of the parser, in bytes: it calls itself some ten times for each bracket.
const PARSER_STACK_BYTES: usize = 32 * 1024 * 1024;

/// Parses, with the parser's words made fit for a file.
pub(super) fn parse(source: &str) -> Result<cel::Program, Mistake> {
    let parsed = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(PARSER_STACK_BYTES)
            .spawn_scoped(scope, || cel::Program::compile(source))
            .ok()?
            .join()
            .ok()
    });
    let Some(parsed) = parsed else {
        return Err(Mistake::new("the expression cannot be read"));
    };
    parsed.map_err(|errors| {
        let Some(error) = errors.errors.first() else {
            return Mistake::new("the expression cannot be read");
        };
        let first_line = error.msg.lines().next().unwrap_or_default();
        let mut mistake = Mistake::new(format!("the expression cannot be read: {first_line}"));
        let (line, column) = error.pos;
        if line == 1
            && let Ok(column) = usize::try_from(column)
        {
            let start = byte_at(source, column.saturating_sub(1));
            mistake.at = Some(start..source.len().min(start + 1).max(start));
        }
        if let Some(at) = assignment(source) {
            mistake = Mistake::new("`=` compares nothing");
            mistake.at = Some(at..at + 1);
            mistake.help = Some("write == to compare, != for \"is not\"".to_owned());
        }
        mistake
    })
}

/// Where a single `=` stands outside quotes.
fn assignment(source: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in source.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open && before != '\\' => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '=') => {
                let next = source.get(at + 1..).unwrap_or_default();
                if !next.starts_with('=') && !matches!(before, '=' | '!' | '<' | '>') {
                    return Some(at);
                }
            }
            _ => {}
        }
        before = character;
    }
    None
}

fn byte_at(source: &str, character: usize) -> usize {
    source
        .char_indices()
        .nth(character)
        .map_or(source.len(), |(at, _)| at)
}

/// Settles all names.
pub(super) fn resolve(
    program: &cel::Program,
    source: &str,
    slots: &mut Slots,
    library: &mut Library,
) -> Result<Resolved, Mistake> {
    let mut resolver = Resolver {
        program,
        source,
        slots,
        library,
        inputs: Vec::new(),
        locals: Vec::new(),
        loops: 0,
        is_nested: false,
    };
    let tree = resolver.tree(program.expression())?;
    Ok(Resolved {
        tree,
        inputs: resolver.inputs,
        is_nested: resolver.is_nested,
    })
}

struct Resolver<'a> {
    program: &'a cel::Program,
    source: &'a str,
    slots: &'a mut Slots,
    library: &'a mut Library,
    inputs: Vec<Input>,
    locals: Vec<String>,
    loops: usize,
    is_nested: bool,
}

impl Resolver<'_> {
    fn at(&self, node: &Tree, mut mistake: Mistake) -> Mistake {
        mistake.at = self.place(node);
        mistake
    }

    fn place(&self, node: &Tree) -> Option<Range<usize>> {
        let (start, stop) = self.program.source_info().offset_for(node.id)?;
        let start = byte_at(self.source, usize::try_from(start).ok()?);
        let stop = byte_at(self.source, usize::try_from(stop).ok()? + 1);
        Some(start..stop.max(start))
    }

    /// Depth is bounded by `limits`, so this may call itself.
    fn tree(&mut self, node: &Tree) -> Result<Tree, Mistake> {
        if let Some((name, list)) = self.attribute(node)? {
            return Ok(self.input(node, &name, list));
        }
        let expr = match &node.expr {
            Expr::Call(call) => self.call(node, call)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::List(list) => Expr::List(ListExpr::new(self.trees(&list.elements)?)),
            Expr::Map(map) => self.map(map)?,
            Expr::Select(select) => {
                if select.test && self.attribute(&select.operand)?.is_some() {
                    let mistake = Mistake::new("`has` is for members of objects")
                        .help("compare an attribute with null: mail != null");
                    return Err(self.at(node, mistake));
                }
                Expr::Select(SelectExpr {
                    operand: Box::new(self.tree(&select.operand)?),
                    field: select.field.clone(),
                    test: select.test,
                })
            }
            same @ (Expr::Ident(_) | Expr::Literal(_)) => same.clone(),
            Expr::Struct(_) | Expr::Unspecified => {
                return Err(self.at(node, Mistake::new("this cannot be used here")));
            }
        };
        Ok(Tree { id: node.id, expr })
    }

    fn trees(&mut self, nodes: &[Tree]) -> Result<Vec<Tree>, Mistake> {
        nodes.iter().map(|node| self.tree(node)).collect()
    }

    /// The attribute that a node names, and whether it means all its values.
    fn attribute(&self, node: &Tree) -> Result<Option<(String, bool)>, Mistake> {
        if let Expr::Call(call) = &node.expr {
            return Ok(self.indexed(call));
        }
        let Some(segments) = segments(node) else {
            return Ok(None);
        };
        let Some((root, rest)) = segments.split_first() else {
            return Ok(None);
        };
        if root.starts_with('@') || self.locals.iter().any(|local| local == root) {
            return Ok(None);
        }
        match (*root, rest.is_empty()) {
            ("all", true) => Err(self.at(
                node,
                Mistake::new("`all` alone has no value")
                    .help("write all.name for all values of one attribute"),
            )),
            ("entry", true) => Err(self.at(
                node,
                Mistake::new("`entry` alone has no value")
                    .help("write entry[\"name\"] for the value of one attribute"),
            )),
            ("all", false) => Ok(Some((rest.join("."), true))),
            ("entry", false) => Ok(Some((rest.join("."), false))),
            _ => Ok(Some((segments.join("."), false))),
        }
    }

    /// `entry["name"]` and `all["name"]`.
    fn indexed(&self, call: &CallExpr) -> Option<(String, bool)> {
        let [object, index] = call.args.as_slice() else {
            return None;
        };
        let (Expr::Ident(root), Expr::Literal(LiteralValue::String(name))) =
            (&object.expr, &index.expr)
        else {
            return None;
        };
        let is_ours = call.func_name == operators::INDEX
            && matches!(root.as_str(), "entry" | "all")
            && !self.locals.contains(root);
        is_ours.then(|| (name.inner().to_owned(), root == "all"))
    }

    fn input(&mut self, node: &Tree, name: &str, list: bool) -> Tree {
        let slot = self.slots.of(name);
        let input = Input { slot, list };
        let number = self
            .inputs
            .iter()
            .position(|known| *known == input)
            .unwrap_or_else(|| {
                self.inputs.push(input);
                self.inputs.len() - 1
            });
        if list && self.loops > 0 {
            self.is_nested = true;
        }
        Tree {
            id: node.id,
            expr: Expr::Ident(variable(number)),
        }
    }

    fn call(&mut self, node: &Tree, call: &CallExpr) -> Result<Expr, Mistake> {
        let name = call.func_name.as_str();
        if let Some(function) = Function::named(name) {
            return self.own_call(node, call, function);
        }
        let is_operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if !is_operator {
            self.must_be_known(node, call)?;
        }
        if matches!(name, operators::EQUALS | operators::NOT_EQUALS) {
            self.must_be_comparable(node, &call.args)?;
        }
        Ok(Expr::Call(CallExpr {
            func_name: call.func_name.clone(),
            target: match &call.target {
                Some(target) => Some(Box::new(self.tree(target)?)),
                None => None,
            },
            args: self.trees(&call.args)?,
        }))
    }

    fn must_be_known(&self, node: &Tree, call: &CallExpr) -> Result<(), Mistake> {
        let name = call.func_name.as_str();
        let known: &[&str] = if call.target.is_some() {
            &METHODS
        } else {
            &GLOBAL
        };
        if known.contains(&name) {
            return Ok(());
        }
        let mut mistake = Mistake::new(format!("there is no function `{name}`"));
        let names = Function::all().map(Function::name);
        mistake.help = did_you_mean(name, names.chain(GLOBAL).chain(METHODS).chain(MACROS))
            .or_else(|| Some("docs/admin/mapping-functions.md lists all functions".to_owned()));
        Err(self.at(node, mistake))
    }

    /// Values of attributes are text: comparing one with `true` or `1` is never true.
    fn must_be_comparable(&self, node: &Tree, args: &[Tree]) -> Result<(), Mistake> {
        let literal = args.iter().find_map(|arg| match &arg.expr {
            Expr::Literal(LiteralValue::Boolean(flag)) => Some(flag.inner().to_string()),
            Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
            _ => None,
        });
        let Some(literal) = literal else {
            return Ok(());
        };
        for arg in args {
            if let Some((name, false)) = self.attribute(arg)? {
                let mistake = Mistake::new(format!(
                    "values of attributes are text, so `{name}` never equals {literal}"
                ))
                .help(format!("compare with '{literal}'"));
                return Err(self.at(node, mistake));
            }
        }
        Ok(())
    }

    fn own_call(
        &mut self,
        node: &Tree,
        call: &CallExpr,
        function: Function,
    ) -> Result<Expr, Mistake> {
        let written: Vec<&Tree> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        if let Some(message) = function.refuses(written.len()) {
            return Err(self.at(node, Mistake::new(message)));
        }
        if let Some(position) = function.literal_argument() {
            let literal = written.get(position).and_then(|arg| match &arg.expr {
                Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
                _ => None,
            });
            self.must_be_usable(function, literal.as_deref())
                .map_err(|mistake| self.at(node, mistake))?;
        }
        let mut args = Vec::with_capacity(written.len() + 1);
        for arg in written {
            args.push(self.tree(arg)?);
        }
        Ok(Expr::Call(CallExpr {
            func_name: super::interpreter::name_of(function),
            target: None,
            args,
        }))
    }

    /// A regular expression is compiled here, a table looked for.
    fn must_be_usable(&mut self, function: Function, literal: Option<&str>) -> Result<(), Mistake> {
        let name = function.name();
        if function == Function::Lookup {
            let table = literal
                .ok_or_else(|| Mistake::new("`lookup` needs the name of a table in quotes"))?;
            if self.library.tables.contains_key(table) {
                return Ok(());
            }
            let mut mistake = Mistake::new(format!("there is no table [tables.{table}]"));
            mistake.help = did_you_mean(table, self.library.tables.keys().map(String::as_str));
            return Err(mistake);
        }
        let pattern =
            literal.ok_or_else(|| Mistake::new(format!("`{name}` needs a pattern in quotes")))?;
        if self.library.patterns.contains_key(pattern) {
            return Ok(());
        }
        let regex = regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| {
                let words = error.to_string();
                let last = words.lines().last().unwrap_or_default().trim().to_owned();
                Mistake::new(format!("the pattern cannot be used: {last}"))
            })?;
        self.library.patterns.insert(pattern.to_owned(), regex);
        Ok(())
    }

    fn comprehension(&mut self, c: &ComprehensionExpr) -> Result<Expr, Mistake> {
        let iter_range = self.tree(&c.iter_range)?;
        let accu_init = self.tree(&c.accu_init)?;
        let outer = self.locals.len();
        self.locals.push(c.iter_var.clone());
        self.locals.extend(c.iter_var2.clone());
        self.locals.push(c.accu_var.clone());
        if self.loops > 0 {
            self.is_nested = true;
        }
        self.loops += 1;
        let inner = (|| {
            Ok((
                self.tree(&c.loop_cond)?,
                self.tree(&c.loop_step)?,
                self.tree(&c.result)?,
            ))
        })();
        self.loops -= 1;
        self.locals.truncate(outer);
        let (loop_cond, loop_step, result) = inner?;
        Ok(Expr::Comprehension(Box::new(ComprehensionExpr {
            iter_range,
            iter_var: c.iter_var.clone(),
            iter_var2: c.iter_var2.clone(),
            accu_var: c.accu_var.clone(),
            accu_init,
            loop_cond,
            loop_step,
            result,
        })))
    }

    fn map(&mut self, map: &MapExpr) -> Result<Expr, Mistake> {
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in &map.entries {
            let EntryExpr::MapEntry(pair) = &entry.expr else {
                return Err(Mistake::new("this cannot be used here"));
            };
            entries.push(IdedEntryExpr {
                id: entry.id,
                expr: EntryExpr::MapEntry(MapEntryExpr {
                    key: self.tree(&pair.key)?,
                    value: self.tree(&pair.value)?,
                    optional: pair.optional,
                }),
            });
        }
        Ok(Expr::Map(MapExpr { entries }))
    }
}

/// The parts of `a.b.c`.
fn segments(node: &Tree) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut node = node;
    loop {
        match &node.expr {
            Expr::Ident(name) => {
                parts.push(name.as_str());
                parts.reverse();
                return Some(parts);
            }
            Expr::Select(select) if !select.test => {
                parts.push(select.field.as_str());
                node = &select.operand;
            }
            _ => return None,
        }
    }
}
