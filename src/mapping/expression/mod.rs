//! The right side of a line: an expression in CEL, checked and compiled once.
//!
//! `cel` parses it; [`limits`] makes sure that neither the parser nor an evaluation can be
//! driven out of bounds; [`resolve`] finds the attributes that it uses and the functions
//! that it calls; [`tree`] evaluates the small pure part of the language that most lines
//! keep to; [`interpreter`] evaluates the rest.

mod interpreter;
mod limits;
mod resolve;
mod tree;

use std::ops::Range;

use rollcall_directory::entry::Value;

use crate::datum::Datum;
use crate::functions::{Patterns, Surroundings, Tables};

pub(crate) use interpreter::Interpreter;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// Where in the expression, in bytes; the whole if it is not known.
    pub(crate) at: Option<Range<usize>>,
}

impl Mistake {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            at: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The attributes that the lines of one kind use, each once, in the file's spelling.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) names: Vec<String>,
    pub(crate) ignore_case: bool,
}

impl Slots {
    /// The place of `name`, new or old.
    pub(crate) fn of(&mut self, name: &str) -> usize {
        let same = |known: &String| {
            known == name || (self.ignore_case && known.eq_ignore_ascii_case(name))
        };
        if let Some(slot) = self.names.iter().position(same) {
            return slot;
        }
        self.names.push(name.to_owned());
        self.names.len() - 1
    }
}

/// What expressions of one file share.
#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) tables: Tables,
    pub(crate) patterns: Patterns,
}

/// One use of an attribute: by name (its value) or by `all.name` (its values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) slot: usize,
    pub(crate) list: bool,
}

/// The attributes of one entry, by slot, with the value chosen where a line is evaluated
/// for each value of one attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'s, 'e> {
    pub(crate) slots: &'s [Option<&'e [Value]>],
    pub(crate) chosen: Option<usize>,
}

impl<'e> Inputs<'_, 'e> {
    pub(crate) fn values(&self, slot: usize) -> &'e [Value] {
        self.slots.get(slot).copied().flatten().unwrap_or_default()
    }

    fn scalar(&self, slot: usize) -> Datum<'e> {
        self.values(slot)
            .get(self.chosen.unwrap_or(0))
            .or_else(|| self.values(slot).first())
            .map_or(Datum::Null, Datum::of_value)
    }

    fn list(&self, slot: usize) -> Datum<'e> {
        Datum::List(self.values(slot).iter().map(Datum::of_value).collect())
    }
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    inputs: Vec<Input>,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    /// An attribute and nothing else.
    Reference(Input),
    Tree(tree::Node),
    Interpreted(interpreter::Program),
}

impl Expression {
    /// Checks and compiles `source`; attributes that it uses get their slots.
    pub(crate) fn compile(
        source: &str,
        slots: &mut Slots,
        library: &mut Library,
    ) -> Result<Self, Mistake> {
        limits::check_source(source)?;
        let program = resolve::parse(source)?;
        limits::check_tree(program.expression())?;
        let resolved = resolve::resolve(&program, source, slots, library)?;
        let plan = match tree::Node::plan(&resolved.tree, &resolved.inputs) {
            Some(tree::Node::Attribute(input)) => Plan::Reference(input),
            Some(node) => Plan::Tree(node),
            None => {
                limits::check_interpreted(&resolved.tree)?;
                Plan::Interpreted(interpreter::Program::new(&resolved))
            }
        };
        Ok(Self {
            inputs: resolved.inputs,
            plan,
        })
    }

    /// The attributes that it uses.
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The attribute, if the expression is nothing but its name or `all.name`.
    pub(crate) fn reference(&self) -> Option<Input> {
        match &self.plan {
            Plan::Reference(input) => Some(*input),
            Plan::Tree(_) | Plan::Interpreted(_) => None,
        }
    }

    /// The one attribute that it uses by name, if it is one; with `alone`, only if it does
    /// not go through the values of attributes itself (`all.name`).
    pub(crate) fn only_scalar(&self, alone: bool) -> Option<usize> {
        if alone && self.inputs.iter().any(|input| input.list) {
            return None;
        }
        let mut scalars = self.inputs.iter().filter(|input| !input.list);
        match (scalars.next(), scalars.next()) {
            (Some(only), None) => Some(only.slot),
            _ => None,
        }
    }

    /// Evaluates it. The error holds no value of the entry.
    pub(crate) fn evaluate<'e>(
        &'e self,
        inputs: &Inputs<'_, 'e>,
        around: &Surroundings<'_>,
        interpreter: &Interpreter,
    ) -> Result<Datum<'e>, String> {
        match &self.plan {
            Plan::Reference(input) if input.list => Ok(inputs.list(input.slot)),
            Plan::Reference(input) => Ok(inputs.scalar(input.slot)),
            Plan::Tree(node) => node.evaluate(inputs, around),
            Plan::Interpreted(program) => {
                program.evaluate(&self.inputs, inputs, around, interpreter)
            }
        }
    }
}

#[cfg(test)]
mod tests;
