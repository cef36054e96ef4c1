//! What is odd about a request and yet accepted: for the request inspector. Where a
//! connection is strict, it is refused.

use crate::refusal::Refusal;

/// The most that are kept of one request.
const WARNINGS_MAX: usize = 100;

/// Whether what is odd is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// It is, with a warning.
    #[default]
    Lenient,
    /// It is refused.
    Strict,
}

/// What kind of oddness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WarningKind {
    /// An attribute that no schema knows; it is not kept.
    UnknownAttribute,
    /// A schema that the resource type does not have; it is ignored.
    UnknownSchema,
    /// A value of another type, which was understood all the same: `"True"` for `true`.
    Coerced,
    /// A value that has not the form that it should: an e-mail address without `@`.
    Format,
    /// A value that is not among the suggested ones.
    NotCanonical,
}

impl WarningKind {
    /// A word for it, for logs and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownAttribute => "unknown-attribute",
            Self::UnknownSchema => "unknown-schema",
            Self::Coerced => "coerced",
            Self::Format => "format",
            Self::NotCanonical => "not-canonical",
        }
    }
}

/// One oddness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Its kind.
    pub kind: WarningKind,
    /// The attribute's path.
    pub path: String,
    /// What is odd. Never holds the value, which may be nobody's business.
    pub detail: String,
}

/// The warnings of one request, while it is read.
#[derive(Debug)]
pub(crate) struct Notes {
    strictness: Strictness,
    warnings: Vec<Warning>,
}

impl Notes {
    pub(crate) fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            warnings: Vec::new(),
        }
    }

    /// Notes an oddness, or refuses it.
    pub(crate) fn odd(
        &mut self,
        kind: WarningKind,
        path: &str,
        detail: &str,
    ) -> Result<(), Refusal> {
        if self.strictness == Strictness::Strict {
            let detail = format!("`{path}`: {detail}");
            return Err(match kind {
                WarningKind::UnknownAttribute | WarningKind::UnknownSchema => {
                    Refusal::syntax(detail)
                }
                _ => Refusal::value(detail),
            });
        }
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(Warning {
                kind,
                path: path.to_owned(),
                detail: detail.to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn into_warnings(self) -> Vec<Warning> {
        self.warnings
    }
}
