//! The query of a SCIM request: which part of the list (RFC 7644 §3.4.2.4), which
//! resources of it (§3.4.2.2), what of each (§3.9).

use axum_extra::extract::QueryRejection;
use rollcall_directory::filter::{Filter, Literal, Operator, Test};
use rollcall_directory::path::AttributePath;
use rollcall_directory::schema;
use rollcall_store::records::ListQuery;
use serde::Deserialize;

use super::error::ScimError;
use super::excluded::Excluded;

/// Resources of a list when the client does not say.
const COUNT_DEFAULT: u32 = 100;
/// Resources of a list at most, whatever the client says.
pub(super) const COUNT_MAX: u32 = 1_000;

const ONLY_FILTER: &str = "only userName eq \"…\" in this version";

/// As they come. Others are not looked at: sorting is not offered (§3.4.2.3).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Parameters {
    start_index: Option<String>,
    count: Option<String>,
    filter: Option<String>,
    excluded_attributes: Option<String>,
}

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The first resource's place, from 1.
    pub(super) start_index: u64,
    /// At most so many.
    pub(super) count: u32,
    /// Only the user of this name.
    pub(super) user_name: Option<String>,
    /// What to leave out of each.
    pub(super) excluded: Excluded,
}

impl Parameters {
    /// A list of users, or of groups, which no filter is known for yet.
    pub(super) fn list(&self, of_users: bool) -> Result<Wanted, ScimError> {
        // §3.4.2.4: less than 1 means 1, a negative count means 0.
        let start_index = integer("startIndex", self.start_index.as_deref())?.unwrap_or(1);
        let count = match integer("count", self.count.as_deref())? {
            Some(count) => u32::try_from(count.max(0)).map_or(COUNT_MAX, |c| c.min(COUNT_MAX)),
            None => COUNT_DEFAULT,
        };
        let user_name = match &self.filter {
            Some(filter) if of_users => Some(user_name(filter)?),
            Some(_) => return Err(ScimError::Filter(ONLY_FILTER.to_owned())),
            None => None,
        };
        Ok(Wanted {
            start_index: u64::try_from(start_index.max(1)).unwrap_or(1),
            count,
            user_name,
            excluded: self.excluded()?,
        })
    }

    /// What to leave out.
    pub(super) fn excluded(&self) -> Result<Excluded, ScimError> {
        Excluded::parse(self.excluded_attributes.as_deref().unwrap_or_default())
    }
}

impl Wanted {
    pub(super) fn query(&self) -> ListQuery {
        ListQuery {
            after: None,
            offset: self.start_index - 1,
            limit: self.count,
            user_name: self.user_name.clone(),
        }
    }
}

impl From<QueryRejection> for ScimError {
    fn from(_: QueryRejection) -> Self {
        Self::Value("the query cannot be read: is a parameter there twice?".to_owned())
    }
}

fn integer(name: &str, text: Option<&str>) -> Result<Option<i64>, ScimError> {
    let read = |text: &str| {
        let wrong = |_| ScimError::Value(format!("{name} is no whole number"));
        text.parse::<i64>().map_err(wrong)
    };
    text.map(read).transpose()
}

/// The name in `userName eq "…"`; every other filter is refused.
fn user_name(filter: &str) -> Result<String, ScimError> {
    let parsed = Filter::parse(filter).map_err(|error| ScimError::Filter(error.to_string()))?;
    match parsed {
        Filter::Attribute(path, Test::Compare(Operator::Eq, Literal::Text(name)))
            if is_user_name(&path) =>
        {
            Ok(name)
        }
        _ => Err(ScimError::Filter(ONLY_FILTER.to_owned())),
    }
}

fn is_user_name(path: &AttributePath) -> bool {
    let core = |urn: &String| urn.eq_ignore_ascii_case(schema::USER);
    path.name.eq_ignore_ascii_case("userName")
        && path.sub.is_none()
        && path.schema.as_ref().is_none_or(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<Wanted, ScimError> {
        let uri = format!("http://localhost/Users?{query}").parse().unwrap();
        let parameters = axum_extra::extract::Query::<Parameters>::try_from_uri(&uri);
        parameters.map_err(ScimError::from)?.0.list(true)
    }

    #[test]
    fn the_part_of_a_list_has_defaults_and_limits() {
        let part = |query: &str| list(query).map(|wanted| (wanted.start_index, wanted.count));
        assert_eq!(part("").unwrap(), (1, 100));
        assert_eq!(part("startIndex=11&count=10").unwrap(), (11, 10));
        assert_eq!(part("startIndex=-3&count=-1").unwrap(), (1, 0));
        assert_eq!(part("count=1000000000000").unwrap(), (1, 1_000));
        assert!(part("count=ten").is_err());
        assert!(part("count=1&count=2").is_err());
    }

    #[test]
    fn a_user_is_found_by_user_name_however_it_is_spelled() {
        let urn = "urn:ietf:params:scim:schemas:core:2.0:User";
        for filter in [
            "userName eq \"ada\"".to_owned(),
            "USERNAME Eq \"ada\"".to_owned(),
            format!("{urn}:userName eq \"ada\""),
        ] {
            assert_eq!(user_name(&filter).unwrap(), "ada");
        }
    }

    #[test]
    fn every_other_filter_is_refused_as_such() {
        for filter in [
            "userName co \"a\"",
            "title eq \"x\"",
            "userName eq",
            "userName eq true",
        ] {
            assert!(
                matches!(user_name(filter), Err(ScimError::Filter(_))),
                "{filter}"
            );
        }
    }
}
