//! What comes from a source must not steer the terminal: no colour, no cursor, no other
//! direction of writing, no line of its own. Every character that could is shown by its
//! number instead. All that the command line prints for people comes by here.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Where emphasis begins and ends until a line is written. Noncharacters, which no text of
/// a source needs; in one they do no more than emphasise the rest of its line.
pub(super) const EMPHASIS: char = '\u{fdd0}';
/// See [`EMPHASIS`].
pub(super) const EMPHASIS_END: char = '\u{fdd1}';

const BOLD: &str = "\u{1b}[1m";
const RESET: &str = "\u{1b}[0m";

/// A line with everything shown that would steer a terminal. Line breaks at its edges stay.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let inner = text.trim_matches('\n');
    let start = text.len() - text.trim_start_matches('\n').len();
    let end = text.trim_end_matches('\n').len().max(start);
    let mut shown = String::with_capacity(text.len() + 16);
    shown.extend(std::iter::repeat_n('\n', start));
    for c in inner.chars() {
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.extend(std::iter::repeat_n('\n', text.len() - end));
    Cow::Owned(shown)
}

/// An escaped line with its emphasis as a terminal shows it.
pub(super) fn emphasised(line: &str) -> String {
    let mut shown = line.replace(EMPHASIS, BOLD).replace(EMPHASIS_END, RESET);
    if shown.contains(BOLD) && !shown.ends_with(RESET) {
        shown.push_str(RESET);
    }
    shown
}

/// An escaped line without its emphasis.
pub(super) fn plain(line: &str) -> Cow<'_, str> {
    if line.contains([EMPHASIS, EMPHASIS_END]) {
        Cow::Owned(line.replace([EMPHASIS, EMPHASIS_END], ""))
    } else {
        Cow::Borrowed(line)
    }
}

/// JSON that is safe to look at, and the same JSON: what steers can only stand in a text.
pub(super) fn json(text: &str) -> Cow<'_, str> {
    let steers_here = |c: char| steers(c) && c != '\n';
    if !text.contains(steers_here) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers_here(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a String cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something instead of being seen: controls (C0, C1), separators
/// of lines, marks and overrides of direction (UAX #9), invisible marks and tags.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_by_its_number() {
        for (text, shown) in [
            ("Ada\u{1b}[31m", "Ada\\u{1b}[31m"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("Ada\r\nrun 7: applied", "Ada\\r\\nrun 7: applied"),
            ("a\u{202e}bmoc", "a\\u{202e}bmoc"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("a\tb", "a\\tb"),
        ] {
            assert_eq!(line(text), shown);
            assert_eq!(line(shown), shown);
        }
    }

    #[test]
    fn scripts_of_the_world_stay_as_they_are() {
        for text in [
            "王秀英",
            "محمد",
            "שרה",
            "नेहा\u{200d}",
            "José",
            "👩\u{200d}🔬",
        ] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn breaks_at_the_edges_are_ours_and_those_within_are_not() {
        assert_eq!(line("\na\nb\n\n"), "\na\\nb\n\n");
        assert_eq!(line("\n"), "\n");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "a": "x\u{202e}\u{9b}\u{e0041}\u{1b}\ny" });
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert!(!shown.contains(|c| steers(c) && c != '\n'), "{shown}");
        let again: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(again, value);
    }

    #[test]
    fn emphasis_ends_with_its_line() {
        let text = format!("{EMPHASIS}x");
        assert_eq!(emphasised(&line(&text)), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(plain(&line(&text)), "x");
    }
}
