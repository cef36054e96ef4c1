//! Printing: results to standard output, messages to standard error, colours only on a
//! terminal, JSON when asked.

use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Prints a line of the answer.
pub(super) fn line(text: impl AsRef<str>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref().as_bytes())?;
    out.write_all(b"\n")
}

/// Prints the answer as JSON, indented on a terminal.
pub(super) fn json(value: &impl Serialize) -> Result<(), super::CliError> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    line(text)?;
    Ok(())
}

/// Prints what went wrong; with `--json` as an object on standard error.
pub(super) fn error(json: bool, message: &str) {
    let mut err = std::io::stderr().lock();
    // Nobody can be told that standard error is closed.
    let _ = if json {
        writeln!(err, "{}", serde_json::json!({ "error": message }))
    } else if std::io::stderr().is_terminal() && !message.contains('\u{1b}') {
        writeln!(err, "\u{1b}[1;31merror:\u{1b}[0m {message}")
    } else if message.starts_with("error") || message.contains('\u{1b}') {
        writeln!(err, "{message}")
    } else {
        writeln!(err, "error: {message}")
    };
}

/// Prints a remark that is no part of the answer.
pub(super) fn remark(text: impl AsRef<str>) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{}", text.as_ref());
}

/// Emphasis on a terminal, plain text elsewhere.
pub(super) fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
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
