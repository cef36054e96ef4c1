//! Attribute paths (RFC 7644 §3.5.2, figure 7): `userName`, `name.givenName`,
//! `emails[type eq "work"].value`, `urn:…:User:manager`.
//!
//! A path is only spelling here; what it means is decided against the schema
//! ([`crate::schema::ResourceType::place`]). So a URN alone is read as a URN and a name:
//! only a resource type can tell.

use std::fmt;

use crate::filter::{self, Filter};

/// An attribute, perhaps of an extension, perhaps narrowed to a sub-attribute
/// (RFC 7644 `attrPath`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The schema URN in front of the name, without the joining colon.
    pub schema: Option<String>,
    /// The attribute's name.
    pub name: String,
    /// The sub-attribute's name.
    pub sub: Option<String>,
}

/// A path that may select among the values of a multi-valued attribute
/// (RFC 7644 `PATH`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The attribute. Its `sub` is the sub-attribute after the brackets, if there are any.
    pub attribute: AttributePath,
    /// What stands in brackets.
    pub selector: Option<Filter>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing there.
    #[error("the path is empty")]
    Empty,
    /// A name that no attribute can have.
    #[error(
        "`{0}` is not an attribute name: it must begin with a letter and go on with letters, digits, `-`, `_` or `$`"
    )]
    Name(String),
    /// The brackets are not closed, or something follows them.
    #[error("the brackets do not enclose a filter: write attribute[type eq \"work\"].value")]
    Brackets,
    /// A place instead of a filter.
    #[error("`{0}[…]`: a value is chosen by a filter such as [type eq \"work\"], not by its place")]
    Index(String),
    /// The filter in brackets is wrong.
    #[error("in brackets: {0}")]
    Filter(#[from] filter::FilterError),
}

impl AttributePath {
    /// A path of one plain name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            schema: None,
            name: name.to_owned(),
            sub: None,
        }
    }

    /// Reads `[URN:]name[.sub]`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        let (schema, rest) = split_urn(text);
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        for part in [Some(name), sub].into_iter().flatten() {
            if !is_attribute_name(part) {
                return Err(PathError::Name(part.to_owned()));
            }
        }
        Ok(Self {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
            sub: sub.map(str::to_owned),
        })
    }
}

impl Path {
    /// Reads a path with or without a selector.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let text = text.trim();
        let Some((before, rest)) = text.split_once('[') else {
            return Ok(Self {
                attribute: AttributePath::parse(text)?,
                selector: None,
            });
        };
        let mut attribute = AttributePath::parse(before)?;
        let (inside, after) = rest.rsplit_once(']').ok_or(PathError::Brackets)?;
        if attribute.sub.is_some() {
            return Err(PathError::Brackets);
        }
        if !inside.is_empty() && inside.chars().all(|c| c.is_ascii_digit()) {
            return Err(PathError::Index(attribute.name));
        }
        match after.strip_prefix('.') {
            Some(sub) if is_attribute_name(sub) => attribute.sub = Some(sub.to_owned()),
            Some(sub) => return Err(PathError::Name(sub.to_owned())),
            None if after.is_empty() => {}
            None => return Err(PathError::Brackets),
        }
        Ok(Self {
            attribute,
            selector: Some(Filter::parse(inside)?),
        })
    }
}

/// Splits a URN off: everything before the last colon, which must begin with `urn:`.
fn split_urn(text: &str) -> (Option<&str>, &str) {
    let is_urn = text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    match text.rsplit_once(':') {
        // The version of a schema (`…:2.0:User`) holds a dot, the name after the last
        // colon does not start with a digit.
        Some((schema, rest)) if is_urn => (Some(schema), rest),
        _ => (None, text),
    }
}

/// `ATTRNAME` of RFC 7644, and `$ref`.
pub(crate) fn is_attribute_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '$')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

impl AttributePath {
    /// `attribute[filter].sub`.
    pub(crate) fn write_with_brackets(
        &self,
        f: &mut fmt::Formatter<'_>,
        filter: &Filter,
    ) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        write!(f, "{}[{filter}]", self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Some(selector) => self.attribute.write_with_brackets(f, selector),
            None => self.attribute.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_and_printed_alike() {
        for text in [
            "userName",
            "name.givenName",
            "emails[type eq \"work\"].value",
            "emails[type eq \"work\" and primary eq true]",
            "emails[value ew \"]\"]",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
            "urn:example:scim:1.0:Car:seats[row eq 1].colour",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_a_reason() {
        for text in [
            "",
            "9a",
            "a..b",
            "a[b eq 1",
            "a.b[c eq 1]",
            "a[c eq 1]x",
            "a[c]",
            "a[0]",
            "/a",
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
