//! What can be wrong with a mapping file or with one entry, in words for people.

use std::fmt;
use std::ops::Range;

use serde_json::Value as Json;

/// The longest part of a value that a message shows, in characters.
pub(crate) const SHOWN_VALUE_CHARS_MAX: usize = 80;

/// How unlike a name may be to be offered as "did you mean", as a share of its length.
const NEAREST_DISTANCE_SHARE: f64 = 0.5;

/// Something wrong in a mapping file, with its place: shown as compilers show a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The mapping's name (the file's stem).
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The place in the text, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at `span` of `text`; line and column are counted here.
    pub(crate) fn at(file: &str, text: &str, span: Range<usize>, message: String) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |l| l.chars().count()) + 1,
            span,
            message,
            help: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.toml:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// Why one entry could not be mapped: the reason that its quarantine shows.
///
/// Values are cut to [`SHOWN_VALUE_CHARS_MAX`] characters; passwords are never shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapError {
    /// The line of the mapping file, counted from 1.
    pub line: usize,
    /// The left side of the line.
    pub target: String,
    /// The right side of the line.
    pub expression: String,
    /// What went wrong.
    pub message: String,
    /// The attributes that the line uses, with their values.
    pub inputs: Vec<(String, String)>,
}

impl std::error::Error for MapError {}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} of the mapping, {} = {}: {}",
            self.line, self.target, self.expression, self.message
        )?;
        for (position, (name, value)) in self.inputs.iter().enumerate() {
            let lead = if position == 0 { "; with" } else { "," };
            write!(f, "{lead} {name} = {value}")?;
        }
        Ok(())
    }
}

/// What one line of a mapping made of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceLine {
    /// The line of the mapping file, counted from 1.
    pub line: usize,
    /// The left side.
    pub target: String,
    /// The right side.
    pub expression: String,
    /// The attributes that it uses, with their values (cut, passwords hidden).
    pub inputs: Vec<(String, String)>,
    /// What came out.
    pub outcome: Outcome,
}

/// The result of one line.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// These values. Where the target takes one value and several are listed, the one
    /// chosen before stays, else the first is taken.
    Values(Vec<Json>),
    /// "There is none": a statement that clears what was there.
    Empty,
    /// No statement, and why.
    Silent(String),
    /// The entry is quarantined, and why.
    Failed(String),
}

/// A line of the mapping that feeds a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOf {
    /// The line of the mapping file, counted from 1.
    pub line: usize,
    /// The left side.
    pub target: String,
    /// The right side.
    pub expression: String,
}

/// The name among `known` that is most like `name`, if any is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths of names are small"
    )]
    let limit = ((name.chars().count() as f64 * NEAREST_DISTANCE_SHARE).ceil() as usize).max(1);
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The help line for an unknown name.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_knows_its_line_and_column() {
        let text = "a = 1\nä = ?\n";
        let mut problem = Problem::at("m", text, 11..12, "what".to_owned());
        assert_eq!((problem.line, problem.column), (2, 5));
        problem.help = Some("write a number".to_owned());
        assert_eq!(problem.to_string(), "m.toml:2:5: what (write a number)");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        let known = ["userName", "displayName", "title"];
        assert_eq!(nearest("usrname", known), Some("userName"));
        assert_eq!(nearest("xyzzy", known), None);
    }
}
