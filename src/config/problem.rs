//! What is wrong in a configuration file, with its place. The same [`Problem`] as a mapping
//! file's, plus which file it stands in and whether it is fatal.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place and what is wrong there.
pub(crate) use rollcall_mapping::Problem;

/// Whether Rollcall goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Nothing is started.
    Error,
    /// Shown, and it goes on.
    Warning,
}

/// One problem in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) level: Level,
    /// The file.
    pub(crate) path: PathBuf,
    /// The file's text, of which the line is shown.
    pub(crate) text: Arc<str>,
    /// The place, and what is wrong.
    pub(crate) problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            line,
            column,
            message,
            help,
            ..
        } = &self.problem;
        write!(f, "{}:{line}:{column}: {message}", self.path.display())?;
        match help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// A place that is kept, for mistakes that show later.
#[derive(Clone)]
pub(crate) struct Spot {
    pub(super) path: PathBuf,
    pub(super) text: Arc<str>,
    pub(super) span: Range<usize>,
}

impl fmt::Debug for Spot {
    /// Without the text of the whole file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spot({}, {:?})", self.path.display(), self.span)
    }
}

impl Spot {
    /// What is wrong there.
    pub(crate) fn finding(&self, level: Level, message: String, help: Option<String>) -> Finding {
        let mut problem = at(&self.text, self.span.clone(), message);
        problem.help = help;
        Finding {
            level,
            path: self.path.clone(),
            text: self.text.clone(),
            problem,
        }
    }

    /// That and nothing else, and it is fatal.
    pub(crate) fn problem(&self, message: String, help: Option<String>) -> Problems {
        Problems(vec![self.finding(Level::Error, message, help)])
    }
}

/// Everything that was found, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Finding>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, finding) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

impl Problems {
    /// One problem with a file as a whole.
    pub(crate) fn of_file(path: &Path, message: String, help: Option<String>) -> Self {
        let mut problem = at("", 0..0, message);
        problem.help = help;
        Self(vec![Finding {
            level: Level::Error,
            path: path.to_owned(),
            text: "".into(),
            problem,
        }])
    }

    /// The problems of a mapping file.
    pub(crate) fn of_mapping(
        level: Level,
        path: &Path,
        text: &str,
        problems: Vec<Problem>,
    ) -> Self {
        let text: Arc<str> = text.into();
        let of = |problem| Finding {
            level,
            path: path.to_owned(),
            text: text.clone(),
            problem,
        };
        Self(problems.into_iter().map(of).collect())
    }

    /// Joins others to them. What several sources share is told once.
    pub(crate) fn add(&mut self, more: Self) {
        for finding in more.0 {
            if !self.0.contains(&finding) {
                self.0.push(finding);
            }
        }
    }

    /// Whether one of them is fatal.
    pub(crate) fn has_error(&self) -> bool {
        self.0.iter().any(|finding| finding.level == Level::Error)
    }
}

/// A problem at `span` of `text`; line and column are counted here, from 1.
pub(crate) fn at(text: &str, span: Range<usize>, message: String) -> Problem {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Problem {
        file: String::new(),
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).map_or(0, |l| l.chars().count()) + 1,
        span,
        message,
        help: None,
    }
}
