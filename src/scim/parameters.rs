//! The query of a SCIM request, as it comes. Names ignore case; what nobody asks for is
//! not looked at.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::Query;
use rollcall_directory::selection::Selection;

use super::error::ScimError;

/// The parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameter of this name; there twice, it means nothing.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, ScimError> {
        let mut found = self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ScimError::value(format!("`{name}` is there twice"))),
            (first, None) => Ok(first.map(|(_, value)| value.as_str())),
        }
    }

    /// What of each resource is to be shown.
    pub(super) fn selection(&self) -> Result<Selection, ScimError> {
        let (attributes, excluded) = (self.get("attributes")?, self.get("excludedAttributes")?);
        Ok(Selection::parse(attributes, excluded)?)
    }

    /// A whole number.
    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ScimError> {
        let read = |text: &str| {
            let wrong = |_| ScimError::value(format!("`{name}` must be a whole number"));
            text.trim().parse::<i64>().map_err(wrong)
        };
        self.get(name)?.map(read).transpose()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ScimError> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state);
        Ok(Self(query.await?.0))
    }
}

#[cfg(test)]
impl Parameters {
    pub(super) fn of(query: &str) -> Self {
        let uri = format!("http://localhost/Users?{query}").parse().unwrap();
        Self(Query::try_from_uri(&uri).unwrap().0)
    }
}
