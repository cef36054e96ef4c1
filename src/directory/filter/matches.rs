//! Whether a resource fulfils a condition: the one evaluator of filters. What the store
//! answers by SQL must agree with it.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::{Attribute, Condition, Operand, Operator};
use crate::instant::instant;
use crate::view::View;

/// A text as it is compared where case does not matter. An index of such values holds them
/// in this form.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

impl Condition {
    /// Whether the resource fulfils it.
    #[must_use]
    pub fn matches(&self, resource: &View<'_>) -> bool {
        self.holds(&Scope::Resource(resource))
    }

    /// Whether a value of a multi-valued attribute fulfils it: a condition from brackets.
    #[must_use]
    pub fn matches_value(&self, value: &Json) -> bool {
        self.holds(&Scope::Value(value))
    }

    fn holds(&self, scope: &Scope<'_>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|inner| inner.holds(scope)),
            Self::Or(any) => any.iter().any(|inner| inner.holds(scope)),
            Self::Not(inner) => !inner.holds(scope),
            Self::HasExtension(urn) => scope.get(None, urn).is_some_and(is_present),
            Self::Present(attribute) => any_value(attribute, scope, is_present),
            Self::Compare(attribute, operator, operand) => any_value(attribute, scope, |value| {
                compares(value, attribute.case_exact, *operator, operand)
            }),
            Self::Values(attribute, inner) => {
                let value = scope.get(attribute.extension.as_deref(), &attribute.name);
                value.is_some_and(|value| {
                    elements(value)
                        .iter()
                        .any(|element| inner.holds(&Scope::Value(element)))
                })
            }
        }
    }
}

/// Whose attributes are looked up.
enum Scope<'a> {
    Resource(&'a View<'a>),
    Value(&'a Json),
}

impl<'a> Scope<'a> {
    fn get(&self, extension: Option<&str>, name: &str) -> Option<&'a Json> {
        match self {
            Self::Resource(view) => view.attribute(extension, name),
            Self::Value(Json::Object(parts)) => parts.get(name),
            // A simple value is its own `value`.
            Self::Value(value) => (name != "type" && name != "primary").then_some(*value),
        }
    }
}

fn any_value(attribute: &Attribute, scope: &Scope<'_>, test: impl Fn(&Json) -> bool) -> bool {
    let Some(value) = scope.get(attribute.extension.as_deref(), &attribute.name) else {
        return false;
    };
    let Some(sub) = &attribute.sub else {
        return elements(value).iter().any(test);
    };
    elements(value)
        .iter()
        .filter_map(|element| element.get(sub))
        .flat_map(elements)
        .any(test)
}

/// The values of a list, or the one value.
fn elements(value: &Json) -> &[Json] {
    match value {
        Json::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// RFC 7644 §3.4.2.2 `pr`: a value that is not empty.
pub(crate) fn is_present(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => items.iter().any(is_present),
        Json::Object(parts) => parts.values().any(is_present),
        Json::Bool(_) | Json::Number(_) => true,
    }
}

fn compares(value: &Json, case_exact: bool, operator: Operator, operand: &Operand) -> bool {
    match (operand, value) {
        (Operand::Text(wanted), Json::String(text)) if case_exact => {
            text_compares(text, operator, wanted)
        }
        (Operand::Text(wanted), Json::String(text)) => text_compares(&fold(text), operator, wanted),
        (Operand::Boolean(wanted), Json::Bool(value)) => {
            operator == Operator::Eq && value == wanted
        }
        (Operand::Number(wanted), Json::Number(number)) => {
            number_order(number, wanted).is_some_and(|order| is_so(order, operator))
        }
        (Operand::Instant(wanted), Json::String(text)) => {
            instant(text).is_some_and(|instant| is_so(instant.cmp(wanted), operator))
        }
        _ => false,
    }
}

fn text_compares(text: &str, operator: Operator, wanted: &str) -> bool {
    match operator {
        Operator::Co => text.contains(wanted),
        Operator::Sw => text.starts_with(wanted),
        Operator::Ew => text.ends_with(wanted),
        operator => is_so(text.cmp(wanted), operator),
    }
}

pub(crate) fn number_order(
    left: &serde_json::Number,
    right: &serde_json::Number,
) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn is_so(order: Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Eq => order.is_eq(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Ne => order.is_ne(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::*;
    use crate::schema::Registry;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn ada() -> Map<String, Json> {
        let ada = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "1a",
            "externalId": "X",
            "userName": "Ada@Example.com",
            "name": { "givenName": "Ada", "familyName": "" },
            "active": false,
            "emails": [
                { "value": "ada@work.example", "type": "work", "primary": true },
                { "value": "ada@home.example", "type": "home" },
            ],
            "phoneNumbers": [],
            "groups": [{ "value": "g1", "display": "Staff" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                "employeeNumber": "701984", "manager": { "value": "m1" },
            },
            "urn:rollcall:scim:schemas:extension:identity:1.0:User": { "wrongSignIns": 3 },
            "meta": {
                "resourceType": "User",
                "created": "2026-01-01T00:00:00Z",
                "lastModified": "2026-03-01T12:00:00.250Z",
            },
        });
        ada.as_object().unwrap().clone()
    }

    fn matches(filter: &str) -> bool {
        let registry = Registry::standard();
        let user = registry.resource_type("User").unwrap();
        let condition = Filter::parse(filter).unwrap().resolve(user).unwrap();
        condition.matches(&View::whole(&ada()))
    }

    #[track_caller]
    fn all(wanted: bool, filters: &[&str]) {
        for filter in filters {
            assert_eq!(matches(filter), wanted, "{filter}");
        }
    }

    #[test]
    fn text_ignores_case_unless_the_schema_says_otherwise() {
        all(
            true,
            &[
                r#"userName eq "ada@example.COM""#,
                r#"USERNAME sw "ADA""#,
                r#"userName ew "example.com""#,
                r#"userName co "@EX""#,
                r#"externalId eq "X""#,
                r#"id eq "1a""#,
                r#"userName gt "ABC" and userName lt "b""#,
            ],
        );
        all(false, &[r#"externalId eq "x""#, r#"id eq "1A""#]);
    }

    #[test]
    fn a_list_matches_by_any_value_and_brackets_by_one_and_the_same() {
        all(
            true,
            &[
                r#"emails co "work.example""#,
                r#"emails.value ew "home.example""#,
                r#"emails.type eq "work" and emails.value co "home""#,
                r#"emails[type eq "work" and value co "work"]"#,
                r#"emails[type eq "work"].value eq "ada@work.example""#,
                r#"emails[not (type eq "work")]"#,
                "emails[primary eq true].value pr",
                "emails.primary eq true",
            ],
        );
        all(
            false,
            &[
                r#"emails[type eq "work" and value co "home"]"#,
                r#"emails[type eq "work"].value eq "ada@home.example""#,
                r#"emails[type eq "other"]"#,
            ],
        );
    }

    #[test]
    fn ne_holds_where_no_value_is_equal_and_where_there_is_none() {
        all(
            true,
            &[
                r#"title ne "x""#,
                r#"emails.value ne "other@example""#,
                "active ne true",
            ],
        );
        all(false, &[r#"emails.type ne "work""#]);
    }

    #[test]
    fn present_means_not_empty() {
        all(
            true,
            &[
                "name pr",
                "emails pr",
                "active pr",
                "name.givenName ne null",
                "title eq null",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr",
                "urn:ietf:params:scim:schemas:core:2.0:User pr",
            ],
        );
        all(
            false,
            &[
                "title pr",
                "name.familyName pr",
                "phoneNumbers pr",
                "addresses pr",
                "emails eq null",
            ],
        );
    }

    #[test]
    fn instants_and_numbers_are_compared_as_such() {
        all(
            true,
            &[
                r#"meta.lastModified gt "2026-03-01T13:00:00+01:00""#,
                r#"meta.lastModified eq "2026-03-01T12:00:00.25Z""#,
                r#"meta.created le "2026-01-01T00:00:00Z""#,
                "urn:rollcall:scim:schemas:extension:identity:1.0:User:wrongSignIns ge 3",
                "urn:rollcall:scim:schemas:extension:identity:1.0:User:wrongSignIns lt 3.5",
            ],
        );
        all(false, &[r#"meta.lastModified lt "2026-03-01T12:00:00Z""#]);
    }

    #[test]
    fn booleans_may_be_text_and_the_rest_of_the_resource_can_be_asked_about() {
        all(
            true,
            &[
                "active eq False",
                r#"active eq "false""#,
                r#"schemas eq "urn:ietf:params:scim:schemas:core:2.0:User""#,
                r#"meta.resourceType eq "User""#,
                r#"groups.value eq "g1""#,
                r#"groups eq "g1""#,
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "m1""#,
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:manager.value eq "m1""#,
                r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ada""#,
            ],
        );
    }

    #[test]
    fn not_binds_closest_then_and_then_or() {
        all(
            true,
            &[
                "active pr or title pr and nickName pr",
                "not (title pr) and active pr",
            ],
        );
        all(false, &["(active pr or title pr) and nickName pr"]);
    }

    #[test]
    fn wildcards_and_quotes_are_ordinary_characters() {
        all(
            false,
            &[
                r#"userName co "%""#,
                r#"userName co "_""#,
                r#"userName co "\"' or 1=1""#,
            ],
        );
    }

    proptest! {
        #[test]
        fn single_texts_are_compared_as_a_naive_reader_would(
            have in "[abAB]{0,3}", want in "[abAB]{0,2}",
        ) {
            let registry = Registry::standard();
            let user = registry.resource_type("User").unwrap();
            let resource = json!({ "title": have });
            let resource = resource.as_object().unwrap();
            let (left, right) = (have.to_lowercase(), want.to_lowercase());
            for (operator, expected) in [
                ("eq", left == right), ("ne", left != right), ("co", left.contains(&right)),
                ("sw", left.starts_with(&right)), ("ew", left.ends_with(&right)),
                ("gt", left > right), ("ge", left >= right), ("lt", left < right), ("le", left <= right),
            ] {
                let filter = Filter::parse(&format!("title {operator} \"{want}\"")).unwrap();
                let condition = filter.resolve(user).unwrap();
                prop_assert_eq!(condition.matches(&View::whole(resource)), expected, "{}", filter);
            }
        }
    }
}
