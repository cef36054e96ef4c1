//! Reading the TOML of a mapping file with the place of each value, so that a mistake can
//! be shown where it stands.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::expression::Mistake;
use crate::problem::{Problem, did_you_mean};

/// A value of the file with its place.
pub(crate) type Placed<'t> = Spanned<DeValue<'t>>;

/// The text of a file and what has been found wrong with it.
#[derive(Debug)]
pub(crate) struct Reader<'t> {
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
    pub(crate) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            problems: Vec::new(),
        }
    }

    /// The file's top table; `None` after a problem.
    pub(crate) fn top(&mut self) -> Option<DeTable<'t>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(table.into_inner()),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.problem(span, error.message().to_owned(), None);
                None
            }
        }
    }

    pub(crate) fn problem(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        let mut problem = Problem::at(self.file, self.text, span, message);
        problem.help = help;
        self.problems.push(problem);
    }

    /// A mistake in the expression that stands at `span` as a TOML string.
    pub(crate) fn mistake(&mut self, span: &Range<usize>, decoded: &str, mistake: Mistake) {
        let place = mistake
            .at
            .and_then(|at| self.within(span, decoded, &at))
            .unwrap_or_else(|| span.clone());
        self.problem(place, mistake.message, mistake.help);
    }

    /// A place in a string's content as a place in the file; `None` if the string has
    /// escapes, which move what follows them.
    fn within(
        &self,
        span: &Range<usize>,
        decoded: &str,
        at: &Range<usize>,
    ) -> Option<Range<usize>> {
        let raw = self.text.get(span.clone())?;
        let quotes = if raw.starts_with("'''") || raw.starts_with("\"\"\"") {
            3
        } else {
            1
        };
        let content = raw.get(quotes..raw.len().checked_sub(quotes)?)?;
        (content == decoded).then(|| span.start + quotes + at.start..span.start + quotes + at.end)
    }

    /// Complains about keys that are not among `known`.
    pub(crate) fn only_known(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let help = did_you_mean(name, known.iter().copied())
                    .or_else(|| Some(format!("known here are {}", known.join(", "))));
                self.problem(key.span(), format!("`{name}` is not known here"), help);
            }
        }
    }

    /// The text at `key`; a problem if there is something else.
    pub(crate) fn text_at<'v>(
        &mut self,
        table: &'v DeTable<'_>,
        key: &str,
    ) -> Option<(&'v str, Range<usize>)> {
        let value = table.get(key)?;
        self.text_of(value, key).map(|text| (text, value.span()))
    }

    /// The text of a value; a problem if it is something else.
    pub(crate) fn text_of<'v>(&mut self, value: &'v Placed<'_>, what: &str) -> Option<&'v str> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text);
        }
        self.problem(
            value.span(),
            format!("`{what}` must be a text in quotes"),
            None,
        );
        None
    }

    /// The table at `key`; a problem if there is something else.
    pub(crate) fn table_at<'v, 'd>(
        &mut self,
        table: &'v DeTable<'d>,
        key: &str,
    ) -> Option<&'v DeTable<'d>> {
        let value = table.get(key)?;
        if let DeValue::Table(inner) = value.get_ref() {
            return Some(inner);
        }
        self.problem(
            value.span(),
            format!("`{key}` must be a table: [{key}]"),
            None,
        );
        None
    }
}

/// The pairs of a table in the order of the file.
pub(crate) fn in_order<'v, 'd>(
    table: &'v DeTable<'d>,
) -> Vec<(&'v Spanned<Cow<'d, str>>, &'v Placed<'d>)> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
}
