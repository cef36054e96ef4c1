//! Shows mistakes as compilers show them: file, line and column, the line itself, what is
//! wrong with it, and what to write instead.

use annotate_snippets::{AnnotationKind, Group, Level as Shown, Renderer, Snippet};
use serde_json::json;

use super::problem::{Finding, Level, Problems};

/// For whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A terminal.
    Colours,
    /// A file, a pipe.
    Plain,
}

/// The text to be written.
pub(crate) fn present(problems: &Problems, style: Style) -> String {
    let renderer = match style {
        Style::Colours => Renderer::styled(),
        Style::Plain => Renderer::plain(),
    };
    let shown: Vec<String> = problems.0.iter().map(|f| one(f, &renderer)).collect();
    shown.join("\n\n")
}

fn one(finding: &Finding, renderer: &Renderer) -> String {
    let level = match finding.level {
        Level::Error => Shown::ERROR,
        Level::Warning => Shown::WARNING,
    };
    let problem = &finding.problem;
    let path = finding.path.display().to_string();
    let title = level.primary_title(problem.message.as_str());
    // A file that cannot be read at all has no line to show.
    let mut group = if finding.text.is_empty() {
        Group::with_title(title).element(annotate_snippets::Origin::path(path))
    } else {
        let source = &*finding.text;
        let snippet = Snippet::source(source)
            .path(path)
            .annotation(AnnotationKind::Primary.span(first_line(finding)));
        title.element(snippet)
    };
    if let Some(help) = &problem.help {
        group = group.element(Shown::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The part of the span that stands on its first line: a table over many lines is marked
/// where it begins.
fn first_line(finding: &Finding) -> std::ops::Range<usize> {
    let text = &*finding.text;
    let start = finding.problem.span.start.min(text.len());
    let end = finding.problem.span.end.clamp(start, text.len());
    let length = text
        .get(start..end)
        .map_or(0, |part| part.find('\n').unwrap_or(part.len()));
    start..start + length
}

/// For programs: an array of objects.
pub(crate) fn as_json(problems: &Problems) -> serde_json::Value {
    problems
        .0
        .iter()
        .map(|finding| {
            let problem = &finding.problem;
            let level = match finding.level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            json!({
                "level": level,
                "file": finding.path.display().to_string(),
                "line": problem.line,
                "column": problem.column,
                "message": problem.message,
                "help": problem.help,
            })
        })
        .collect()
}
