//! Reading sections: each key is asked for by name and type; what nobody asked for is an
//! unknown key. Mistakes are collected with their places, so that all of a file are told
//! at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::problem::{Finding, Level, Problems, Spot};
use super::tree::{Node, Place, Table, Value};

/// How unlike a name may be to be offered, as a share of its length.
const NEAREST_DISTANCE_SHARE: usize = 2;

/// What all sections of one file share.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: Arc<str>,
    pub(crate) environment: &'a Environment,
    findings: RefCell<Vec<Finding>>,
    /// Secrets of sources that are not where they are to be, by section: each stops its own
    /// source only.
    absent: RefCell<Vec<(String, Finding)>>,
    /// Every key that was ever asked for, as `sources.*.base`.
    known: RefCell<BTreeSet<String>>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(path: &'a Path, text: &str, environment: &'a Environment) -> Self {
        Self {
            path,
            text: text.into(),
            environment,
            findings: RefCell::default(),
            absent: RefCell::default(),
            known: RefCell::default(),
        }
    }

    pub(crate) fn error(&self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.tell(Level::Error, place, message.into(), help);
    }

    pub(crate) fn warning(&self, place: &Place, message: impl Into<String>, help: Option<String>) {
        self.tell(Level::Warning, place, message.into(), help);
    }

    /// A secret of a source that is not there.
    pub(crate) fn absent(&self, section: &str, place: &Place, message: String, help: String) {
        let finding = self.spot(place).finding(Level::Error, message, Some(help));
        self.absent.borrow_mut().push((section.to_owned(), finding));
    }

    /// The secrets that are not there, of a section and all below it.
    pub(crate) fn absent_in(&self, section: &str) -> Problems {
        let below = format!("{section}.");
        let all = self.absent.borrow();
        let own = all
            .iter()
            .filter(|(name, _)| name == section || name.starts_with(&below));
        Problems(own.map(|(_, finding)| finding.clone()).collect())
    }

    fn tell(&self, level: Level, place: &Place, message: String, help: Option<String>) {
        let finding = self.spot(place).finding(level, message, help);
        self.findings.borrow_mut().push(finding);
    }

    fn spot(&self, place: &Place) -> Spot {
        match place {
            Place::File(span) => Spot {
                path: self.path.to_owned(),
                text: self.text.clone(),
                span: span.clone(),
            },
            // The value may be a secret: only the name is shown.
            Place::Variable(name) => Spot {
                path: PathBuf::from("environment"),
                text: Arc::from(name.as_str()),
                span: 0..name.len(),
            },
        }
    }

    /// All that was found, in the order of the file.
    pub(crate) fn into_problems(self) -> (Problems, BTreeSet<String>) {
        let mut findings = self.findings.into_inner();
        findings
            .sort_by(|a, b| (&a.path, a.problem.span.start).cmp(&(&b.path, b.problem.span.start)));
        (Problems(findings), self.known.into_inner())
    }

    /// A path as it stands in the file, beside which it is looked for.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// One table of the file.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) desk: &'a Desk<'a>,
    /// `sources.hr`.
    pub(crate) name: String,
    pub(crate) place: Place,
    table: &'a Table,
    asked: RefCell<BTreeSet<&'static str>>,
}

static EMPTY: Table = BTreeMap::new();

impl<'a> Section<'a> {
    pub(crate) fn new(desk: &'a Desk<'a>, name: &str, place: Place, table: &'a Table) -> Self {
        Self {
            desk,
            name: name.to_owned(),
            place,
            table,
            asked: RefCell::default(),
        }
    }

    /// The node of a key, which is thereby known.
    pub(crate) fn node(&self, key: &'static str) -> Option<&'a Node> {
        self.asked.borrow_mut().insert(key);
        let full = if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        };
        self.desk.known.borrow_mut().insert(full);
        self.table.get(key)
    }

    pub(crate) fn has(&self, key: &'static str) -> bool {
        self.node(key).is_some()
    }

    /// A table below; an empty one if there is none.
    pub(crate) fn section(&self, key: &'static str) -> Section<'a> {
        self.section_if(key)
            .unwrap_or_else(|| self.below(key, self.place.clone(), &EMPTY))
    }

    /// A table below, if there is one.
    pub(crate) fn section_if(&self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        if let Value::Table(table) = &node.value {
            return Some(self.below(key, node.place.clone(), table));
        }
        self.wrong(key, node, "a table", "{ … }");
        None
    }

    fn below(&self, key: &str, place: Place, table: &'a Table) -> Section<'a> {
        let name = if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        };
        Section::new(self.desk, &name, place, table)
    }

    /// The tables of a table of freely named ones: `[sources.NAME]`.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(&'a str, Section<'a>)> {
        let Some(below) = self.section_if(key) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (name, node) in below.table {
            if let Value::Table(table) = &node.value {
                let section = below.below(name, node.key_place.clone(), table);
                all.push((name.as_str(), section));
            } else {
                self.wrong(key, node, "a table", "[section.name]");
            }
        }
        all
    }

    /// All keys of a table whose names are free.
    pub(crate) fn free(&self, key: &'static str) -> Vec<(&'a str, &'a Node)> {
        self.section_if(key).map_or_else(Vec::new, |below| {
            below.table.iter().map(|(k, n)| (k.as_str(), n)).collect()
        })
    }

    pub(crate) fn wrong(&self, key: &str, node: &Node, expected: &str, example: &str) {
        self.desk.error(
            &node.place,
            format!("`{key}` must be {expected}, not {}", node.value.describe()),
            Some(format!("write {key} = {example}")),
        );
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        if let Value::Text(text) = &node.value {
            if !text.trim().is_empty() {
                return Some(text.clone());
            }
            self.desk
                .error(&node.place, format!("`{key}` is empty"), None);
            return None;
        }
        self.wrong(key, node, "a text", "\"…\"");
        None
    }

    /// A text without which there is no going on.
    pub(crate) fn required(&self, key: &'static str) -> String {
        if !self.has(key) {
            self.missing(key);
        }
        self.text(key).unwrap_or_default()
    }

    pub(crate) fn missing(&self, key: &str) {
        self.desk
            .error(&self.place, format!("[{}] lacks `{key}`", self.name), None);
    }

    pub(crate) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(node) = self.node(key) else {
            return default;
        };
        if let Value::Boolean(flag) = node.value {
            return flag;
        }
        self.wrong(key, node, "true or false", "true");
        default
    }

    pub(crate) fn number(&self, key: &'static str, from: u64, to: u64) -> Option<u64> {
        self.number_like(key, from, to, from)
    }

    /// See [`Section::number`], with a number that people would write.
    pub(crate) fn number_like(
        &self,
        key: &'static str,
        from: u64,
        to: u64,
        example: u64,
    ) -> Option<u64> {
        let node = self.node(key)?;
        let number = match node.value {
            Value::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        };
        if let Some(number) = number.filter(|n| (from..=to).contains(n)) {
            return Some(number);
        }
        let expected = if to == u64::MAX {
            format!("a whole number of at least {from}")
        } else {
            format!("a whole number from {from} to {to}")
        };
        self.wrong(key, node, &expected, &example.to_string());
        None
    }

    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let node = self.node(key)?;
        let Value::List(list) = &node.value else {
            self.wrong(key, node, "a list of texts", "[\"…\"]");
            return None;
        };
        let mut all = Vec::new();
        for item in list {
            match &item.value {
                Value::Text(text) => all.push(text.clone()),
                _ => self.wrong(key, item, "a list of texts", "[\"…\"]"),
            }
        }
        Some(all)
    }

    /// A file beside the configuration.
    pub(crate) fn path(&self, key: &'static str) -> Option<PathBuf> {
        Some(self.desk.beside(&self.text(key)?))
    }

    /// A text parsed by `parse`, which says what it must be.
    pub(crate) fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(key)?;
        parse(&text)
            .map_err(|why| self.error_at(key, format!("`{key}`: {why}"), None))
            .ok()
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let all: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
            let help = did_you_mean(&text, known.iter().copied())
                .unwrap_or_else(|| format!("write one of {}", all.join(", ")));
            self.error_at(
                key,
                format!("`{key}` must be one of {}, not {text:?}", all.join(", ")),
                Some(help),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// An error at the value of a key, or at the section if it is not there.
    pub(crate) fn error_at(&self, key: &'static str, message: String, help: Option<String>) {
        let place = self.node(key).map_or(&self.place, |node| &node.place);
        self.desk.error(place, message, help);
    }

    /// See [`Section::error_at`]; it goes on all the same.
    pub(crate) fn warning_at(&self, key: &'static str, message: String, help: Option<String>) {
        let place = self.node(key).map_or(&self.place, |node| &node.place);
        self.desk.warning(place, message, help);
    }

    /// Where the value of a key stands, or the section if it is not there.
    pub(crate) fn spot(&self, key: &'static str) -> Spot {
        let place = self.node(key).map_or(&self.place, |node| &node.place);
        self.desk.spot(place)
    }

    /// Where the section begins.
    pub(crate) fn own_spot(&self) -> Spot {
        self.desk.spot(&self.place)
    }

    /// To be called when everything was asked for: the rest is unknown.
    pub(crate) fn finish(self) {
        let asked = self.asked.borrow();
        for (key, node) in self.table {
            if asked.contains(key.as_str()) {
                continue;
            }
            let of = if self.name.is_empty() {
                String::new()
            } else {
                format!(" in [{}]", self.name)
            };
            let message = format!("unknown key `{key}`{of}");
            let help = did_you_mean(key, asked.iter().copied());
            match &node.key_place {
                place @ Place::Variable(_) => self.desk.warning(place, message, help),
                place @ Place::File(_) => self.desk.error(place, message, help),
            }
        }
    }
}

/// The help for an unknown name, if one of `known` is like it.
pub(crate) fn did_you_mean<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    let folded = name.to_lowercase();
    let limit = name.chars().count().div_ceil(NEAREST_DISTANCE_SHARE).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}
