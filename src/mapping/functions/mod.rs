//! The functions that mapping files have beyond CEL's own.
//!
//! Each takes values and gives a value; given nothing for its subject it gives nothing, so
//! that `first(lower(mail), uid)` works for people without mail. Their documentation is
//! `docs/admin/mapping-functions.md`, whose examples are a test.

mod date;
mod identity;
mod text;

use std::collections::BTreeMap;

use regex::Regex;
use time::{OffsetDateTime, UtcOffset};

use crate::datum::Datum;

pub(crate) use date::parse_rfc3339;

/// The tables of a mapping file: name, then key, then value.
pub(crate) type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// The regular expressions of a mapping file, compiled once, by their source.
pub(crate) type Patterns = BTreeMap<String, Regex>;

/// What functions may look at beside their arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'m> {
    pub(crate) now: OffsetDateTime,
    pub(crate) zone: UtcOffset,
    pub(crate) tables: &'m Tables,
    pub(crate) patterns: &'m Patterns,
}

/// A function of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Function {
    First,
    Join,
    Lower,
    Upper,
    Trim,
    Split,
    Replace,
    RegexReplace,
    Substring,
    Matches,
    Bit,
    Expired,
    Date,
    Guid,
    Rdn,
    Phone,
    Lookup,
}

impl Function {
    /// All of them, with their names, the fewest and the most arguments that they take.
    const ALL: [(Self, &'static str, usize, usize); 17] = [
        (Self::First, "first", 1, 16),
        (Self::Join, "join", 1, 2),
        (Self::Lower, "lower", 1, 1),
        (Self::Upper, "upper", 1, 1),
        (Self::Trim, "trim", 1, 1),
        (Self::Split, "split", 2, 2),
        (Self::Replace, "replace", 3, 3),
        (Self::RegexReplace, "regexReplace", 3, 3),
        (Self::Substring, "substring", 2, 3),
        (Self::Matches, "matches", 2, 2),
        (Self::Bit, "bit", 2, 2),
        (Self::Expired, "expired", 1, 1),
        (Self::Date, "date", 1, 1),
        (Self::Guid, "guid", 1, 1),
        (Self::Rdn, "rdn", 1, 2),
        (Self::Phone, "phone", 1, 2),
        (Self::Lookup, "lookup", 2, 3),
    ];

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().map(|(function, ..)| *function)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, n, ..)| *n == name)
            .map(|(function, ..)| *function)
    }

    fn row(self) -> (&'static str, usize, usize) {
        Self::ALL
            .iter()
            .find(|(function, ..)| *function == self)
            .map_or(("", 0, 0), |(_, name, least, most)| (name, *least, *most))
    }

    pub(crate) fn name(self) -> &'static str {
        self.row().0
    }

    /// How many arguments it takes, if not this many.
    pub(crate) fn refuses(self, count: usize) -> Option<String> {
        let (name, least, most) = self.row();
        if (least..=most).contains(&count) {
            return None;
        }
        let takes = if least == most {
            format!("{least}")
        } else {
            format!("{least} to {most}")
        };
        Some(format!("`{name}` takes {takes} arguments, not {count}"))
    }

    /// Whether the time matters to it.
    pub(crate) fn needs_time(self) -> bool {
        matches!(self, Self::Expired | Self::Date)
    }

    /// The argument that must be a literal text, since it is compiled or looked up when
    /// the mapping is read.
    pub(crate) fn literal_argument(self) -> Option<usize> {
        match self {
            Self::RegexReplace | Self::Matches => Some(1),
            Self::Lookup => Some(0),
            _ => None,
        }
    }

    /// Calls it. The error never holds a value of the entry.
    pub(crate) fn call<'a>(
        self,
        args: Vec<Datum<'a>>,
        around: &Surroundings<'_>,
    ) -> Result<Datum<'a>, String> {
        let result = match self {
            Self::First => Ok(text::first(args)),
            Self::Join => text::join(args),
            Self::Lower => text::each(args, text::lower),
            Self::Upper => text::each(args, |text| text.to_uppercase().into()),
            Self::Trim => text::each(args, text::trimmed),
            Self::Split => text::split(&args),
            Self::Replace => text::replace(args),
            Self::RegexReplace => text::regex_replace(args, around.patterns),
            Self::Substring => text::substring(args),
            Self::Matches => text::matches(&args, around.patterns),
            Self::Bit => identity::bit(&args),
            Self::Expired => date::expired(&args, around),
            Self::Date => date::date(&args, around),
            Self::Guid => identity::guid(&args),
            Self::Rdn => identity::rdn(&args),
            Self::Phone => identity::phone(args),
            Self::Lookup => text::lookup(args, around.tables),
        };
        result.map_err(|message| format!("{}: {message}", self.name()))
    }
}
