//! Printing: results to standard output, messages to standard error, colours only on a
//! terminal, JSON when asked.

use std::io::{IsTerminal, Write};
use std::sync::LazyLock;

use serde::Serialize;

use super::CliError;
use crate::config::present;
use crate::config::{Environment, Problems};

/// Prints a line of the answer.
pub(super) fn line(text: impl AsRef<str>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")
}

/// Prints the answer as JSON, indented on a terminal.
pub(super) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    line(text)?;
    Ok(())
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
    let text = match error {
        CliError::Configuration(problems) if json => {
            let all = present::as_json(problems);
            serde_json::json!({ "error": told(problems), "problems": all }).to_string()
        }
        CliError::Configuration(problems) => laid_out(problems),
        other if json => serde_json::json!({ "error": other.to_string() }).to_string(),
        other if colours(Stream::Err) => format!("\u{1b}[1;31merror:\u{1b}[0m {other}"),
        other => format!("error: {other}"),
    };
    remark(text);
}

/// Prints what is doubtful and keeps nothing from going on.
pub(super) fn warnings(json: bool, problems: &Problems) {
    if problems.0.is_empty() {
        return;
    }
    remark(if json {
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
    let mut err = std::io::stderr().lock();
    // Nobody can be told that standard error is closed.
    let _ = writeln!(err, "{}", text.as_ref());
}

/// Emphasis on a terminal, plain text elsewhere.
pub(super) fn bold(text: &str) -> String {
    if colours(Stream::Out) {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
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
    match console::Term::stdout().size_checked() {
        Some((_, columns)) if std::io::stdout().is_terminal() => {
            let width = usize::from(columns).clamp(COLUMNS_MIN, COLUMNS_MAX);
            fold(text, width).into_iter().try_for_each(line)
        }
        _ => line(text),
    }
}

/// The narrowest and the widest that text is folded to.
const COLUMNS_MIN: usize = 40;
const COLUMNS_MAX: usize = 100;
/// How much further in the rest of a folded line stands.
const HANGING: usize = 2;

fn fold(text: &str, width: usize) -> Vec<String> {
    let own = text.chars().take_while(|c| *c == ' ').count();
    let lead = |columns| " ".repeat(columns);
    let mut lines = Vec::new();
    let mut current = lead(own);
    let mut is_bare = true;
    for word in text.split_whitespace() {
        let columns = current.chars().count() + 1 + word.chars().count();
        if !is_bare && columns > width {
            lines.push(std::mem::replace(&mut current, lead(own + HANGING)));
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

/// A table with columns as wide as their widest cell (the last one as it comes).
pub(super) fn table(rows: &[Vec<String>]) -> std::io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter()
                .filter_map(|row| row.get(c))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    for row in rows {
        let mut text = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            text.push_str(cell);
            let pad = width.saturating_sub(cell.chars().count()) + 2;
            text.extend(std::iter::repeat_n(' ', pad));
        }
        line(text.trim_end())?;
    }
    Ok(())
}

/// A time as people read it: UTC, to the second.
pub(super) fn time(at: time::OffsetDateTime) -> String {
    at.replace_nanosecond(0)
        .unwrap_or(at)
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_else(|_| at.to_string())
}

/// Control characters of a hostile value must not reach a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// As [`clean`], for text of several lines.
pub(super) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
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

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1_u64, "entry", "entries"), "1 entry");
        assert_eq!(count(0_u64, "entry", "entries"), "0 entries");
    }
}
