//! The small pure part of the language that most lines keep to, evaluated directly over
//! the entry: attributes, literals, lists, our own functions, `==`, `!=`, `&&`, `||`, `!`
//! and `? :`. It gives the same answers as the interpreter (a test compares them).

use std::borrow::Cow;

use cel::common::ast::{Expr, LiteralValue, operators};
use cel::parser::Expression as Tree;

use super::resolve::input_of;
use super::{Input, Inputs};
use crate::datum::Datum;
use crate::functions::{Function, Surroundings};

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Attribute(Input),
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Node>),
    Call(Function, Vec<Node>),
    Equal(Box<(Node, Node)>),
    NotEqual(Box<(Node, Node)>),
    And(Box<(Node, Node)>),
    Or(Box<(Node, Node)>),
    Not(Box<Node>),
    If(Box<(Node, Node, Node)>),
}

impl Node {
    /// The tree of a resolved expression; `None` if it goes beyond this part of CEL.
    pub(super) fn plan(tree: &Tree, inputs: &[Input]) -> Option<Self> {
        let plan = |tree| Self::plan(tree, inputs);
        match &tree.expr {
            Expr::Ident(name) => inputs.get(input_of(name)?).copied().map(Self::Attribute),
            Expr::Literal(literal) => match literal {
                LiteralValue::Null => Some(Self::Null),
                LiteralValue::Boolean(flag) => Some(Self::Bool(*flag.inner())),
                LiteralValue::Int(number) => Some(Self::Int(*number.inner())),
                LiteralValue::String(text) => Some(Self::Text(text.inner().to_owned())),
                LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => None,
            },
            Expr::List(list) => {
                let items: Option<_> = list.elements.iter().map(plan).collect();
                items.map(Self::List)
            }
            Expr::Call(call) => {
                if let Some(function) = super::interpreter::function_of(&call.func_name) {
                    let args: Option<_> = call.args.iter().map(plan).collect();
                    return args.map(|args| Self::Call(function, args));
                }
                match (call.func_name.as_str(), call.args.as_slice()) {
                    (operators::LOGICAL_NOT, [a]) => Some(Self::Not(Box::new(plan(a)?))),
                    (operators::CONDITIONAL, [a, b, c]) => {
                        Some(Self::If(Box::new((plan(a)?, plan(b)?, plan(c)?))))
                    }
                    (name, [a, b]) => {
                        let make = match name {
                            operators::EQUALS => Self::Equal,
                            operators::NOT_EQUALS => Self::NotEqual,
                            operators::LOGICAL_AND => Self::And,
                            operators::LOGICAL_OR => Self::Or,
                            _ => return None,
                        };
                        Some(make(Box::new((plan(a)?, plan(b)?))))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Evaluates it. The error holds no value of the entry.
    pub(super) fn evaluate<'e>(
        &'e self,
        inputs: &Inputs<'_, 'e>,
        around: &Surroundings<'_>,
    ) -> Result<Datum<'e>, String> {
        let value = |node: &'e Self| node.evaluate(inputs, around);
        let boolean = |node: &'e Self| as_bool(&value(node)?);
        Ok(match self {
            Self::Attribute(input) if input.list => inputs.list(input.slot),
            Self::Attribute(input) => inputs.scalar(input.slot),
            Self::Null => Datum::Null,
            Self::Bool(flag) => Datum::Bool(*flag),
            Self::Int(number) => Datum::Int(*number),
            Self::Text(text) => Datum::Text(Cow::Borrowed(text)),
            Self::List(items) => Datum::List(items.iter().map(value).collect::<Result<_, _>>()?),
            Self::Call(function, args) => {
                let args = args.iter().map(value).collect::<Result<_, _>>()?;
                function.call(args, around)?
            }
            Self::Equal(sides) => Datum::Bool(value(&sides.0)? == value(&sides.1)?),
            Self::NotEqual(sides) => Datum::Bool(value(&sides.0)? != value(&sides.1)?),
            Self::And(sides) => {
                Datum::Bool(decide(false, boolean(&sides.0), || boolean(&sides.1))?)
            }
            Self::Or(sides) => Datum::Bool(decide(true, boolean(&sides.0), || boolean(&sides.1))?),
            Self::Not(side) => Datum::Bool(!boolean(side)?),
            Self::If(parts) => {
                if boolean(&parts.0)? {
                    value(&parts.1)?
                } else {
                    value(&parts.2)?
                }
            }
        })
    }
}

/// `&&` and `||` (CEL): the side that decides wins even where the other one fails.
fn decide(
    decisive: bool,
    left: Result<bool, String>,
    right: impl FnOnce() -> Result<bool, String>,
) -> Result<bool, String> {
    if left == Ok(decisive) {
        return Ok(decisive);
    }
    let right = right()?;
    if right == decisive {
        return Ok(decisive);
    }
    left
}

fn as_bool(datum: &Datum<'_>) -> Result<bool, String> {
    match datum {
        Datum::Bool(flag) => Ok(*flag),
        other => Err(format!("needs true or false, not {}", other.kind())),
    }
}
