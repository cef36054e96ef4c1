//! Functions on text and lists of text.

use std::borrow::Cow;

use super::{Patterns, Tables};
use crate::datum::Datum;

/// The longest text that a function may make, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

type Outcome<'a> = Result<Datum<'a>, String>;

/// `first(a, b, …)`: the first that is there; a list stands for its items.
pub(super) fn first(args: Vec<Datum<'_>>) -> Datum<'_> {
    for arg in args {
        match arg {
            Datum::List(items) => {
                if let Some(item) = items.into_iter().find(|item| !item.is_nothing()) {
                    return item;
                }
            }
            arg if arg.is_nothing() => {}
            arg => return arg,
        }
    }
    Datum::Null
}

/// `join(list, separator)`: what is absent is left out; nothing left is nothing.
pub(super) fn join(args: Vec<Datum<'_>>) -> Outcome<'_> {
    let mut args = args.into_iter();
    let list = match args.next() {
        Some(Datum::List(items)) => items,
        Some(Datum::Null) | None => return Ok(Datum::Null),
        Some(other) => {
            return Err(format!(
                "the first argument is {}, not a list",
                other.kind()
            ));
        }
    };
    let separator = match args.next() {
        Some(Datum::Text(separator)) => separator,
        None => Cow::Borrowed(""),
        Some(other) => return Err(format!("the separator is {}, not a text", other.kind())),
    };
    let mut joined = String::new();
    for item in list.into_iter().filter(|item| !item.is_nothing()) {
        let text = as_text(&item)?;
        if !joined.is_empty() {
            joined.push_str(&separator);
        }
        joined.push_str(&text);
        if joined.len() > TEXT_BYTES_MAX {
            return Err("the text becomes longer than 1 MiB".to_owned());
        }
    }
    Ok(if joined.is_empty() {
        Datum::Null
    } else {
        Datum::text(joined)
    })
}

/// Applies `change` to the text, or to each text of a list.
pub(super) fn each<'a>(
    args: Vec<Datum<'a>>,
    change: impl Fn(Cow<'a, str>) -> Cow<'a, str> + Copy,
) -> Outcome<'a> {
    each_of(args.into_iter().next().unwrap_or(Datum::Null), |text| {
        Ok(change(text))
    })
}

/// Applies `change`, which may fail, to the text, or to each text of a list.
pub(super) fn each_of<'a>(
    subject: Datum<'a>,
    change: impl Fn(Cow<'a, str>) -> Result<Cow<'a, str>, String> + Copy,
) -> Outcome<'a> {
    match subject {
        Datum::Null => Ok(Datum::Null),
        Datum::Text(text) => change(text).map(Datum::Text),
        number @ (Datum::Int(_) | Datum::Double(_)) => {
            change(Cow::Owned(as_text(&number)?.into_owned())).map(Datum::Text)
        }
        Datum::List(items) => items
            .into_iter()
            .map(|item| each_of(item, change))
            .collect::<Result<_, _>>()
            .map(Datum::List),
        other => Err(format!("needs a text, not {}", other.kind())),
    }
}

/// In small letters. What is in small letters already is not copied.
pub(super) fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if text.bytes().all(is_lower) {
        text
    } else {
        text.to_lowercase().into()
    }
}

pub(super) fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// `split(text, separator)`.
pub(super) fn split<'a>(args: &[Datum<'a>]) -> Outcome<'a> {
    let [subject, separator] = args else {
        return Ok(Datum::Null);
    };
    if *subject == Datum::Null {
        return Ok(Datum::List(Vec::new()));
    }
    let separator = as_text(separator)?;
    if separator.is_empty() {
        return Err("the separator is empty".to_owned());
    }
    Ok(Datum::List(
        as_text(subject)?
            .split(separator.as_ref())
            .map(Datum::text)
            .collect(),
    ))
}

/// `replace(text, old, new)`.
pub(super) fn replace(args: Vec<Datum<'_>>) -> Outcome<'_> {
    let Ok([subject, old, new]) = <[Datum<'_>; 3]>::try_from(args) else {
        return Ok(Datum::Null);
    };
    let (old, new) = (as_text(&old)?, as_text(&new)?);
    if old.is_empty() {
        return Err("what to replace is empty".to_owned());
    }
    each_of(subject, |text| {
        let grown = text.matches(old.as_ref()).count().saturating_mul(new.len());
        if text.len().saturating_add(grown) > TEXT_BYTES_MAX {
            return Err("the text becomes longer than 1 MiB".to_owned());
        }
        Ok(Cow::Owned(text.replace(old.as_ref(), &new)))
    })
}

/// `regexReplace(text, 'pattern', replacement)`: `$1` in the replacement is a group.
pub(super) fn regex_replace<'a>(args: Vec<Datum<'a>>, patterns: &Patterns) -> Outcome<'a> {
    let Ok([subject, pattern, new]) = <[Datum<'a>; 3]>::try_from(args) else {
        return Ok(Datum::Null);
    };
    let (pattern, new) = (as_text(&pattern)?, as_text(&new)?);
    let regex = patterns
        .get(pattern.as_ref())
        .ok_or("the pattern must be a literal text")?;
    each_of(subject, |text| {
        let mut out = String::new();
        let mut copied = 0;
        for found in regex.captures_iter(&text) {
            let Some(whole) = found.get(0) else { continue };
            out.push_str(text.get(copied..whole.start()).unwrap_or_default());
            found.expand(&new, &mut out);
            copied = whole.end();
            if out.len() > TEXT_BYTES_MAX {
                return Err("the text becomes longer than 1 MiB".to_owned());
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Ok(Cow::Owned(out))
    })
}

/// `matches(text, 'pattern')`: whether the pattern is found anywhere in the text.
pub(super) fn matches<'a>(args: &[Datum<'a>], patterns: &Patterns) -> Outcome<'a> {
    let [subject, pattern] = args else {
        return Ok(Datum::Null);
    };
    if *subject == Datum::Null {
        return Ok(Datum::Null);
    }
    let regex = patterns
        .get(as_text(pattern)?.as_ref())
        .ok_or("the pattern must be a literal text")?;
    Ok(Datum::Bool(regex.is_match(&as_text(subject)?)))
}

/// `substring(text, start[, end])`, counted in characters from 0, cut at the text's end.
pub(super) fn substring(args: Vec<Datum<'_>>) -> Outcome<'_> {
    let mut args = args.into_iter();
    let subject = args.next().unwrap_or(Datum::Null);
    let start = args.next().map_or(Ok(0), |d| position(&d))?;
    let end = args.next().map_or(Ok(usize::MAX), |d| position(&d))?;
    each_of(subject, |text| {
        Ok(Cow::Owned(
            text.chars()
                .skip(start)
                .take(end.saturating_sub(start))
                .collect(),
        ))
    })
}

fn position(datum: &Datum<'_>) -> Result<usize, String> {
    match datum {
        Datum::Int(at) => usize::try_from(*at).map_err(|_| "a position is below 0".to_owned()),
        other => Err(format!("a position is {}, not a number", other.kind())),
    }
}

/// `lookup('table', key[, default])`.
pub(super) fn lookup<'a>(args: Vec<Datum<'a>>, tables: &Tables) -> Outcome<'a> {
    let mut args = args.into_iter();
    let table = args.next().unwrap_or(Datum::Null);
    let key = args.next().unwrap_or(Datum::Null);
    let default = args.next().unwrap_or(Datum::Null);
    let table = tables
        .get(as_text(&table)?.as_ref())
        .ok_or("there is no such table")?;
    if key.is_nothing() {
        return Ok(Datum::Null);
    }
    Ok(table
        .get(as_text(&key)?.as_ref())
        .map_or(default, |value| Datum::text(value.as_str())))
}

/// A scalar as text.
pub(super) fn as_text<'d>(datum: &'d Datum<'_>) -> Result<Cow<'d, str>, String> {
    match datum {
        Datum::Text(text) => Ok(Cow::Borrowed(text)),
        Datum::Int(number) => Ok(Cow::Owned(number.to_string())),
        Datum::Double(number) => Ok(Cow::Owned(number.to_string())),
        Datum::Bool(flag) => Ok(Cow::Owned(flag.to_string())),
        other => Err(format!("needs a text, not {}", other.kind())),
    }
}
