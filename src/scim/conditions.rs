//! `If-Match` and `If-None-Match` (RFC 7644 §3.14, RFC 9110 §13.1). Tags are compared
//! weakly: an answer may leave out attributes, so none is strong.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use super::Scim;
use super::access::Access;
use super::error::ScimError;
use super::target::Target;
use crate::sync::push::IfMatch;

/// A request's conditions.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// It must be at one of these versions.
    pub(super) if_match: Option<IfMatch>,
    /// It must be at none of these.
    if_none_match: Option<IfMatch>,
}

impl Conditions {
    /// Whether the client's copy of this version is still good.
    pub(super) fn client_has(&self, version: i64) -> bool {
        let known = self.if_none_match.as_ref();
        known.is_some_and(|known| known.holds(version))
    }

    /// Refuses to change what `If-None-Match` excludes.
    pub(super) async fn check(
        &self,
        scim: &Scim,
        access: &Access,
        target: &Target,
    ) -> Result<(), ScimError> {
        if self.if_none_match.is_none() {
            return Ok(());
        }
        let resource = access.read(scim, target).await?;
        if self.client_has(resource.version) {
            return Err(ScimError::Precondition(resource.version));
        }
        Ok(())
    }
}

/// The versions in a list of tags; one that is none of ours stands for none.
pub(super) fn tags(list: &str) -> IfMatch {
    let mut versions = Vec::new();
    for tag in list.split(',').map(str::trim) {
        if tag == "*" {
            return IfMatch::Any;
        }
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        versions.extend(tag.parse::<i64>().ok());
    }
    IfMatch::Versions(versions)
}

fn named(headers: &HeaderMap, name: HeaderName) -> Option<IfMatch> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    (!values.is_empty()).then(|| tags(&values.join(",")))
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            if_match: named(&parts.headers, header::IF_MATCH),
            if_none_match: named(&parts.headers, header::IF_NONE_MATCH),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_weak_strong_and_bare() {
        assert_eq!(tags("W/\"7\""), IfMatch::Versions(vec![7]));
        assert_eq!(tags("\"7\", W/\"8\""), IfMatch::Versions(vec![7, 8]));
        assert_eq!(tags("7"), IfMatch::Versions(vec![7]));
        assert_eq!(tags("\"other\""), IfMatch::Versions(vec![]));
        assert_eq!(tags("W/\"1\", *"), IfMatch::Any);
    }
}
