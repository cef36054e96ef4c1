//! Statements that are put together at run time: filters and orders.
//!
//! Their text comes from [`Fragment`]s, which are fixed texts of this program, and from the
//! numbers of placeholders. A value can only be bound: there is no way to put one into the
//! text.

use std::fmt::Write as _;

use super::Value;

/// A fixed piece of SQL.
type Fragment = &'static str;

/// A statement with its values.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Built {
    text: String,
    binds: Vec<Value>,
}

impl Built {
    /// Adds SQL.
    pub(crate) fn push(&mut self, fragment: Fragment) -> &mut Self {
        self.text.push_str(fragment);
        self
    }

    /// Adds a placeholder, and the value that stands for it.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.binds.push(value.into());
        let number = self.binds.len();
        self.again(number)
    }

    /// Adds a placeholder that stands in the statement already.
    pub(crate) fn again(&mut self, number: usize) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "${number}");
        self
    }

    /// How many values are bound: the number of the last placeholder.
    pub(crate) fn bound(&self) -> usize {
        self.binds.len()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn binds(&self) -> &[Value] {
        &self.binds
    }
}
