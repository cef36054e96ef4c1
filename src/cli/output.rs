//! Printing: results to standard output, messages to standard error, colours only on a
//! terminal, JSON when asked.

use std::io::{IsTerminal, Write};
use std::sync::LazyLock;

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{CliError, escape};
use crate::config::present;
use crate::config::{Environment, Problems};

/// Prints a line of the answer.
pub(super) fn line(text: impl AsRef<str>) -> std::io::Result<()> {
    raw_line(&styled(&escape::line(text.as_ref()), Stream::Out))
}

/// Prints each line of a text of ours.
pub(super) fn lines(text: &str) -> std::io::Result<()> {
    text.lines().try_for_each(line)
}

/// Prints a line as it is: for programs.
pub(super) fn raw_line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")
}

/// Prints the answer as JSON, indented on a terminal.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    raw_line(&escape::json(&text))?;
    Ok(())
}

/// Prints one of several answers as a line of JSON.
pub(super) fn json_line(value: &serde_json::Value) -> std::io::Result<()> {
    raw_line(&escape::json(&value.to_string()))
}

fn styled(line: &str, stream: Stream) -> String {
    if colours(stream) {
        escape::emphasised(line)
    } else {
        escape::plain(line).into_owned()
    }
}

/// Where colours may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// Answers.
    Out,
    /// Messages.
    Err,
}

/// Whether a stream is a terminal of somebody who wants colours.
pub(super) fn colours(stream: Stream) -> bool {
    static WANTED: LazyLock<bool> = LazyLock::new(|| Environment::of_process().wants_colours());
    let is_terminal = match stream {
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    };
    is_terminal && *WANTED
}

/// Prints what went wrong; with `--json` as an object on standard error.
pub(super) fn error(json: bool, error: &CliError) {
    match error {
        CliError::Configuration(problems) if json => {
            let all = present::as_json(problems);
            raw_remark(
                &serde_json::json!({ "error": told(problems), "problems": all }).to_string(),
            );
        }
        CliError::Configuration(problems) => raw_remark(&laid_out(problems)),
        other if json => {
            raw_remark(&serde_json::json!({ "error": other.to_string() }).to_string());
        }
        other if colours(Stream::Err) => {
            // Red, which no other line is.
            let text = escape::line(&other.to_string()).into_owned();
            let text = fitted(&format!("error: {text}"), Stream::Err).join("\n");
            raw_remark(&text.replacen("error:", "\u{1b}[1;31merror:\u{1b}[0m", 1));
        }
        other => remark(format!("error: {other}")),
    }
}

/// Prints what is doubtful and keeps nothing from going on.
pub(super) fn warnings(json: bool, problems: &Problems) {
    if problems.0.is_empty() {
        return;
    }
    raw_remark(&if json {
        serde_json::json!({ "warnings": present::as_json(problems) }).to_string()
    } else {
        laid_out(problems)
    });
}

/// Mistakes laid out for people.
fn laid_out(problems: &Problems) -> String {
    let style = if colours(Stream::Err) {
        present::Style::Colours
    } else {
        present::Style::Plain
    };
    present::present(problems, style)
}

/// Mistakes in one sentence.
fn told(problems: &Problems) -> String {
    match problems.0.as_slice() {
        [only] => only.to_string(),
        all => count(
            all.len(),
            "mistake in the configuration",
            "mistakes in the configuration",
        ),
    }
}

/// Prints a remark that is no part of the answer.
pub(super) fn remark(text: impl AsRef<str>) {
    let text = escape::line(text.as_ref()).into_owned();
    for line in fitted(&text, Stream::Err) {
        raw_remark(&styled(&line, Stream::Err));
    }
}

fn raw_remark(text: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody can be told that standard error is closed.
    let _ = writeln!(err, "{text}");
}

/// Emphasis where [`line()`] finds a terminal.
pub(super) fn bold(text: &str) -> String {
    format!("{}{text}{}", escape::EMPHASIS, escape::EMPHASIS_END)
}

/// `1 entry`, `2 entries`.
pub(super) fn count(number: impl TryInto<u64>, one: &str, many: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

/// A long line of the answer: folded at words on a terminal, with what follows under its
/// beginning; as it is elsewhere, so that it can be searched.
pub(super) fn folded(text: &str) -> std::io::Result<()> {
    let text = escape::line(text).into_owned();
    fitted(&text, Stream::Out).into_iter().try_for_each(line)
}

/// An escaped line as it fits a terminal, and as it is where there is none.
fn fitted(text: &str, stream: Stream) -> Vec<String> {
    match columns(stream) {
        Some(width) => fold(text, width),
        None => vec![text.to_owned()],
    }
}

/// How wide text may be on a terminal; `None` where there is none.
fn columns(stream: Stream) -> Option<usize> {
    let (is_terminal, term) = match stream {
        Stream::Out => (std::io::stdout().is_terminal(), console::Term::stdout()),
        Stream::Err => (std::io::stderr().is_terminal(), console::Term::stderr()),
    };
    let (_, columns) = term.size_checked().filter(|_| is_terminal)?;
    Some(usize::from(columns).clamp(COLUMNS_MIN, COLUMNS_MAX))
}

/// The narrowest and the widest that text is folded to.
const COLUMNS_MIN: usize = 40;
const COLUMNS_MAX: usize = 100;
/// How much further in the rest of a folded line stands.
const HANGING: usize = 2;
/// A last column narrower than this is no column: its text goes below its row.
const LAST_COLUMN_MIN: usize = 24;
/// How far in it stands there.
const BELOW: usize = 6;

/// How many columns an escaped text takes.
fn width(text: &str) -> usize {
    escape::plain(text).width()
}

fn fold(text: &str, columns: usize) -> Vec<String> {
    let own = text.chars().take_while(|c| *c == ' ').count();
    fold_within(text.trim_start_matches(' '), columns, own, own + HANGING)
}

/// Words in lines: the first begins at the column `first`, the others at `rest`.
fn fold_within(text: &str, columns: usize, first: usize, rest: usize) -> Vec<String> {
    let lead = |columns| " ".repeat(columns);
    let mut lines = Vec::new();
    let mut current = lead(first);
    let mut is_bare = true;
    for word in text.split_whitespace() {
        if !is_bare && width(&current) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut current, lead(rest)));
            is_bare = true;
        }
        if !is_bare {
            current.push(' ');
        }
        current.push_str(word);
        is_bare = false;
    }
    lines.push(current);
    lines
}

/// A path as people read it: the name of the one extension that ships stands for its URN.
pub(super) fn short(path: &str) -> String {
    let urn = format!("{}:", rollcall_directory::schema::ENTERPRISE_USER);
    path.replace(&urn, "enterprise:")
}

/// A table with columns as wide as their widest cell. The last one is folded on a terminal,
/// and stands below its row where it would be too narrow.
pub(super) fn table(rows: &[Vec<String>]) -> std::io::Result<()> {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .map(|cell| escape::line(cell).into_owned())
                .collect()
        })
        .collect();
    laid_in_columns(&rows, columns(Stream::Out))
        .into_iter()
        .try_for_each(line)
}

fn laid_in_columns(rows: &[Vec<String>], columns: Option<usize>) -> Vec<String> {
    let last = rows
        .iter()
        .map(Vec::len)
        .max()
        .unwrap_or_default()
        .saturating_sub(1);
    let widths: Vec<usize> = (0..last)
        .map(|c| {
            let cells = rows.iter().filter_map(|row| row.get(c));
            cells.map(|cell| width(cell)).max().unwrap_or_default()
        })
        .collect();
    let lead = widths.iter().map(|width| width + 2).sum::<usize>();
    let mut lines = Vec::new();
    for row in rows {
        let mut text = String::new();
        for (cell, column) in row.iter().zip(&widths) {
            text.push_str(cell);
            let pad = column.saturating_sub(width(cell)) + 2;
            text.extend(std::iter::repeat_n(' ', pad));
        }
        let cell = row.get(last).map(String::as_str).unwrap_or_default();
        match columns {
            Some(columns) if lead + width(cell) > columns => {
                let longest = cell.split_whitespace().map(width).max();
                let needed = longest.unwrap_or_default().max(LAST_COLUMN_MIN);
                let has_room = columns >= lead + needed;
                let indent = if has_room { lead } else { BELOW };
                let mut folded = fold_within(cell, columns, indent, indent).into_iter();
                if has_room {
                    let first = folded.next().unwrap_or_default();
                    text.push_str(first.trim_start());
                }
                lines.push(text.trim_end().to_owned());
                lines.extend(folded);
            }
            _ => {
                text.push_str(cell);
                lines.push(text.trim_end().to_owned());
            }
        }
    }
    lines
}

/// A time as people read it: UTC, to the second.
pub(super) fn time(at: time::OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_folded_under_its_beginning() {
        assert_eq!(
            fold("  HELD: 375 of 939 people are missing", 24),
            ["  HELD: 375 of 939", "    people are missing"]
        );
        assert_eq!(fold("short", 24), ["short"]);
        assert_eq!(
            fold("aVeryLongWordThatFitsNowhere x", 10),
            ["aVeryLongWordThatFitsNowhere", "  x"]
        );
    }

    fn rows() -> Vec<Vec<String>> {
        [
            ["NAME", "TITLE", "STATE"],
            ["王秀英", "x", "paused: because the service moves"],
            ["Ada", "y", "ready"],
        ]
        .map(|row| row.map(str::to_owned).to_vec())
        .to_vec()
    }

    #[test]
    fn columns_are_counted_as_a_terminal_counts_them() {
        assert_eq!(
            laid_in_columns(&rows(), None),
            [
                "NAME    TITLE  STATE",
                "王秀英  x      paused: because the service moves",
                "Ada     y      ready",
            ]
        );
    }

    #[test]
    fn the_last_column_is_folded_or_stands_below_its_row() {
        assert_eq!(
            laid_in_columns(&rows(), Some(40)),
            [
                "NAME    TITLE  STATE",
                "王秀英  x      paused: because the",
                "               service moves",
                "Ada     y      ready",
            ]
        );
        assert_eq!(
            laid_in_columns(&rows(), Some(36))[1..3],
            ["王秀英  x", "      paused: because the service"]
        );
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1_u64, "entry", "entries"), "1 entry");
        assert_eq!(count(0_u64, "entry", "entries"), "0 entries");
    }
}
