//! Bounds on expressions. The interpreter has no budget of its own and its parser calls
//! itself, so what could exhaust either is refused when a mapping is read.

use cel::common::ast::{EntryExpr, Expr};
use cel::parser::Expression as Tree;

use super::Mistake;

/// The longest expression, in bytes.
pub(crate) const SOURCE_BYTES_MAX: usize = 1024;
/// How deep brackets may nest.
const BRACKETS_DEPTH_MAX: usize = 24;
/// How many operators and brackets one expression may have: each may be a call of the parser
/// within a call.
const OPERATORS_MAX: usize = 64;
/// How deep the tree of an expression may be, macros expanded.
const TREE_DEPTH_MAX: usize = 100;
/// How deep it may be for the interpreter, which takes some 50 KiB of stack a level in an
/// unoptimised build, on threads of 2 MiB.
const INTERPRETED_DEPTH_MAX: usize = 20;
/// How many macros (`map`, `filter`, `exists`, …) one expression may have.
const COMPREHENSIONS_MAX: usize = 3;
/// How many of them may stand within each other.
const COMPREHENSIONS_NESTED_MAX: usize = 2;

/// Checks the text before the parser sees it.
pub(super) fn check_source(source: &str) -> Result<(), Mistake> {
    if source.trim().is_empty() {
        return Err(Mistake::new("the expression is empty"));
    }
    if source.len() > SOURCE_BYTES_MAX {
        return Err(Mistake::new(format!(
            "the expression is longer than {SOURCE_BYTES_MAX} bytes"
        ))
        .help("move lists of values into a table: [tables.name], lookup('name', x)"));
    }
    if source.contains('\0') {
        return Err(Mistake::new("the expression contains a NUL character"));
    }
    let mut depth = 0_usize;
    let mut operators = 0_usize;
    for c in outside_of_texts(source) {
        match c {
            '(' | '[' | '{' => {
                depth += 1;
                operators += 1;
            }
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '+' | '-' | '*' | '/' | '%' | '&' | '|' | '?' | '!' | '<' | '>' | '.' => operators += 1,
            _ => {}
        }
        if depth > BRACKETS_DEPTH_MAX {
            return Err(Mistake::new(format!(
                "brackets nest deeper than {BRACKETS_DEPTH_MAX}"
            )));
        }
    }
    if operators > OPERATORS_MAX {
        return Err(Mistake::new(format!(
            "the expression has more than {OPERATORS_MAX} operators and brackets"
        ))
        .help("split it into several lines, or use a table"));
    }
    Ok(())
}

/// The characters that are not within `'…'` or `"…"`. Escapes and raw texts are not told
/// apart: at worst more counts as outside, never a bracket too few at the parser's door.
fn outside_of_texts(source: &str) -> impl Iterator<Item = char> {
    let mut quote = None;
    let mut escaped = false;
    source.chars().filter(move |&c| match quote {
        Some(_) if escaped => {
            escaped = false;
            false
        }
        Some(_) if c == '\\' => {
            escaped = true;
            false
        }
        Some(open) => {
            if c == open {
                quote = None;
            }
            false
        }
        None if c == '\'' || c == '"' => {
            quote = Some(c);
            false
        }
        None => true,
    })
}

/// Checks a tree that only the interpreter can evaluate.
pub(super) fn check_interpreted(tree: &Tree) -> Result<(), Mistake> {
    check_depth(tree, INTERPRETED_DEPTH_MAX)
}

/// Checks the parsed tree, without recursion.
pub(super) fn check_tree(tree: &Tree) -> Result<(), Mistake> {
    check_depth(tree, TREE_DEPTH_MAX)
}

fn check_depth(tree: &Tree, depth_max: usize) -> Result<(), Mistake> {
    let mut comprehensions = 0_usize;
    let mut visits = vec![(tree, 1_usize, 0_usize)];
    while let Some((node, depth, nested)) = visits.pop() {
        if depth > depth_max {
            return Err(Mistake::new(format!(
                "the expression is nested, or chained, deeper than {depth_max}"
            ))
            .help("join([a, b, c], ' ') takes a list of any length"));
        }
        if nested > COMPREHENSIONS_NESTED_MAX {
            return Err(Mistake::new(format!(
                "more than {COMPREHENSIONS_NESTED_MAX} of map, filter, exists … stand within each other"
            )));
        }
        let mut visit = |child, nested| visits.push((child, depth + 1, nested));
        match &node.expr {
            Expr::Call(call) => {
                for child in call.target.as_deref().into_iter().chain(&call.args) {
                    visit(child, nested);
                }
            }
            Expr::Comprehension(c) => {
                comprehensions += 1;
                visit(&c.iter_range, nested);
                visit(&c.accu_init, nested);
                for child in [&c.loop_cond, &c.loop_step, &c.result] {
                    visit(child, nested + 1);
                }
            }
            Expr::List(list) => list.elements.iter().for_each(|child| visit(child, nested)),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        visit(&entry.key, nested);
                        visit(&entry.value, nested);
                    }
                }
            }
            Expr::Select(select) => visit(&select.operand, nested),
            Expr::Struct(_) => {
                return Err(Mistake::new("messages (`Name{…}`) are not known here")
                    .help("write an object: {'type': 'work', 'value': mail}"));
            }
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        }
    }
    if comprehensions > COMPREHENSIONS_MAX {
        return Err(Mistake::new(format!(
            "more than {COMPREHENSIONS_MAX} of map, filter, exists … in one expression"
        )));
    }
    Ok(())
}
