//! The keys of a source of kind `file`.

use rollcall_connectors::file::settings::{Encoding, Format, Settings};

use super::section::Section;
use super::source::or_word;

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Csv,
    JsonLines,
    Ldif,
}

pub(super) fn read(section: &Section<'_>) -> Settings {
    if !section.has("users_file") && !section.has("groups_file") {
        section.missing("users_file");
    }
    let encodings = [
        ("utf-8", Encoding::Utf8),
        ("latin1", Encoding::Latin1),
        ("windows-1252", Encoding::Windows1252),
        ("utf-16le", Encoding::Utf16Le),
        ("utf-16be", Encoding::Utf16Be),
    ];
    Settings {
        users: section.path("users_file"),
        groups: section.path("groups_file"),
        format: format(section),
        encoding: section
            .word("encoding", &encodings)
            .unwrap_or(Encoding::Utf8),
        age_max: section
            .parsed("age_max", or_word("any"))
            .unwrap_or(Some(Settings::AGE_MAX_DEFAULT)),
        user_classes: section.texts("user_classes").unwrap_or_default(),
        group_classes: section.texts("group_classes").unwrap_or_default(),
    }
}

fn format(section: &Section<'_>) -> Format {
    let words = [
        ("csv", Word::Csv),
        ("json-lines", Word::JsonLines),
        ("ldif", Word::Ldif),
    ];
    if !section.has("format") {
        section.missing("format");
    }
    let word = section.word("format", &words);
    let delimiter = section.parsed("delimiter", |text| match text.as_bytes() {
        [octet] if octet.is_ascii() => Ok(*octet),
        _ => Err("write one ASCII character, like \";\" or \"\\t\"".to_owned()),
    });
    let value_separator = section.text("value_separator");
    match word {
        Some(Word::JsonLines) => Format::JsonLines,
        Some(Word::Ldif) => Format::Ldif,
        Some(Word::Csv) | None => Format::Csv {
            delimiter: delimiter.unwrap_or(b','),
            value_separator,
        },
    }
}

/// The settings of a source that has mistakes: never opened.
pub(super) fn nothing() -> Settings {
    Settings {
        users: None,
        groups: None,
        format: Format::JsonLines,
        encoding: Encoding::Utf8,
        age_max: None,
        user_classes: Vec::new(),
        group_classes: Vec::new(),
    }
}

/// What decides who is read.
pub(super) fn who_is_read(settings: &Settings) -> String {
    let Settings {
        users,
        groups,
        format,
        encoding,
        user_classes,
        group_classes,
        age_max: _,
    } = settings;
    format!("{users:?} {groups:?} {format:?} {encoding:?} {user_classes:?} {group_classes:?}")
}
