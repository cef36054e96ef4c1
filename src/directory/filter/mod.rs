//! Filters (RFC 7644 §3.4.2.2): read, printed, understood against a resource type, and
//! evaluated.
//!
//! A [`Filter`] is spelling: the whole grammar, with operators and keywords in any case. It
//! becomes a [`Condition`] by [`Filter::resolve`], which finds its attributes and checks its
//! types; a condition is evaluated by [`Condition::matches`], here and nowhere else, or
//! turned into SQL by the store.
//!
//! Beside the grammar these are read, since clients send them: `not(`, `eq"x"`, `$ref`,
//! `active eq True`, a URN alone (`urn:…:User pr`), and a comparison behind brackets
//! (`emails[type eq "work"].value eq "x"`).

mod condition;
mod matches;
#[cfg(test)]
mod oracle;
mod parse;

use std::fmt;

pub use condition::{Attribute, Condition, Operand};
pub use matches::fold;
pub(crate) use matches::{is_present, number_order};
pub use parse::FilterError;

use crate::path::AttributePath;

/// A filter, as it was spelled.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All hold. At least two, none of them an `And`.
    And(Vec<Filter>),
    /// One of them holds. At least two, none of them an `Or`.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// An attribute has a value, or one that compares so.
    Attribute(AttributePath, Test),
    /// One value of a multi-valued attribute fulfils the filter in brackets; with a test
    /// behind it (`emails[type eq "work"].value eq "x"`, which Entra sends), the
    /// sub-attribute of that very value does.
    Values(AttributePath, Box<Filter>, Option<Test>),
}

/// What is asked of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `pr`: that it has a value.
    Present,
    /// That it compares so with a value.
    Compare(Operator, Literal),
}

impl Eq for Filter {}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as JSON has them.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

impl Filter {
    /// The deepest nesting of parentheses and brackets that is read.
    pub const DEPTH_MAX: usize = 64;
    /// The most attributes that a filter may ask about.
    pub const TERMS_MAX: usize = 1_024;
    /// The longest filter that is read, in bytes.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::filter(text, Self::DEPTH_MAX)
    }

    /// Reads a filter that may be nested less deeply than others.
    pub fn parse_within(text: &str, depth_max: usize) -> Result<Self, FilterError> {
        parse::filter(text, depth_max)
    }

    /// All of `filters`, which must not be empty.
    #[must_use]
    pub fn all(filters: Vec<Filter>) -> Self {
        Self::chain(filters, Self::And, |filter| match filter {
            Self::And(inner) => Ok(inner),
            other => Err(other),
        })
    }

    /// One of `filters`, which must not be empty.
    #[must_use]
    pub fn any(filters: Vec<Filter>) -> Self {
        Self::chain(filters, Self::Or, |filter| match filter {
            Self::Or(inner) => Ok(inner),
            other => Err(other),
        })
    }

    fn chain(
        filters: Vec<Filter>,
        join: fn(Vec<Filter>) -> Self,
        open: fn(Filter) -> Result<Vec<Filter>, Filter>,
    ) -> Self {
        let mut flat = Vec::with_capacity(filters.len());
        for filter in filters {
            match open(filter) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match (flat.pop(), flat.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                flat.extend(last);
                join(flat)
            }
        }
    }

    /// The comparisons that must all be true, where the filter is nothing but those:
    /// `type eq "work" and primary eq true`.
    #[must_use]
    pub fn equalities(&self) -> Option<Vec<(&AttributePath, &Literal)>> {
        match self {
            Self::Attribute(path, Test::Compare(Operator::Eq, literal)) => {
                Some(vec![(path, literal)])
            }
            Self::And(all) => {
                let each: Option<Vec<_>> = all.iter().map(Self::equalities).collect();
                Some(each?.into_iter().flatten().collect())
            }
            _ => None,
        }
    }
}

impl Operator {
    /// The operator's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(b) => write!(f, "{b}"),
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => write!(f, "{}", serde_json::Value::from(text.as_str())),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Compare(operator, literal) => write!(f, "{} {literal}", operator.as_str()),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => joined(f, all, " and ", |inner| matches!(inner, Self::Or(_))),
            Self::Or(any) => joined(f, any, " or ", |_| false),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Attribute(path, test) => write!(f, "{path} {test}"),
            Self::Values(path, inner, test) => {
                path.write_with_brackets(f, inner)?;
                match test {
                    Some(test) => write!(f, " {test}"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    filters: &[Filter],
    word: &str,
    in_parentheses: fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if in_parentheses(filter) {
            write!(f, "({filter})")?;
        } else {
            write!(f, "{filter}")?;
        }
    }
    Ok(())
}
