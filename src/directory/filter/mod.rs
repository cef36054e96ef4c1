//! Filters (RFC 7644 §3.4.2.2): reading, printing.
//!
//! The whole grammar, with operators and keywords in any case, grouping, `not`, and
//! value paths (`emails[type eq "work" and value co "@example.com"]`). Reading never
//! recurses deeper than [`Filter::DEPTH_MAX`].

mod parse;

use std::fmt;

pub use parse::FilterError;

use crate::path::AttributePath;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Both hold.
    And(Box<Filter>, Box<Filter>),
    /// One of them holds.
    Or(Box<Filter>, Box<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// `pr`: the attribute has a value.
    Present(AttributePath),
    /// An attribute compared with a value.
    Compare(AttributePath, Operator, Literal),
    /// One value of a multi-valued attribute fulfils the filter in brackets; with a
    /// comparison behind it (`emails[type eq "work"].value eq "x"`, which Entra sends),
    /// the sub-attribute of that very value does.
    Values(AttributePath, Box<Filter>, Option<(Operator, Literal)>),
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
    /// The deepest nesting of brackets, parentheses and operators that is read.
    pub const DEPTH_MAX: usize = 50;
    /// The longest filter that is read, in bytes.
    pub const BYTES_MAX: usize = 16 * 1024;

    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::filter(text)
    }

    /// The comparisons that must all be true, where the filter is nothing but those:
    /// `type eq "work" and primary eq true`.
    #[must_use]
    pub fn equalities(&self) -> Option<Vec<(&AttributePath, &Literal)>> {
        match self {
            Self::Compare(path, Operator::Eq, literal) => Some(vec![(path, literal)]),
            Self::And(left, right) => {
                let mut all = left.equalities()?;
                all.extend(right.equalities()?);
                Some(all)
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

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(left, right) => {
                operand(f, left, matches!(**left, Self::Or(..)))?;
                f.write_str(" and ")?;
                operand(f, right, matches!(**right, Self::Or(..) | Self::And(..)))
            }
            Self::Or(left, right) => {
                write!(f, "{left} or ")?;
                operand(f, right, matches!(**right, Self::Or(..)))
            }
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Compare(path, operator, literal) => {
                write!(f, "{path} {} {literal}", operator.as_str())
            }
            Self::Values(path, inner, after) => {
                let whole = AttributePath {
                    sub: None,
                    ..path.clone()
                };
                write!(f, "{whole}[{inner}]")?;
                if let Some(sub) = &path.sub {
                    write!(f, ".{sub}")?;
                }
                match after {
                    Some((operator, literal)) => write!(f, " {} {literal}", operator.as_str()),
                    None => Ok(()),
                }
            }
        }
    }
}

fn operand(f: &mut fmt::Formatter<'_>, filter: &Filter, grouped: bool) -> fmt::Result {
    if grouped {
        write!(f, "({filter})")
    } else {
        write!(f, "{filter}")
    }
}
