//! The body of a bulk request. A mistake in one operation is that operation's; one in the
//! frame is the whole request's.

use std::collections::HashSet;

use rollcall_directory::json::member;
use serde_json::{Map, Value as Json};

use super::super::error::ScimError;
use super::references::BULK_ID;

/// URN of the message.
const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

/// See the module.
#[derive(Debug)]
pub(super) struct BulkRequest {
    /// What is to be done.
    pub(super) operations: Vec<Operation>,
    /// After so many errors it goes no further; `None`: it goes to the end.
    pub(super) fail_on_errors: Option<usize>,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// As it was sent, for the answer.
    pub(super) method: String,
    /// As it was sent, for the answer and for references.
    pub(super) bulk_id: Option<String>,
    /// The tag that the resource must have.
    pub(super) version: Option<String>,
    /// What is to be done; or why it cannot be.
    pub(super) task: Result<Task, ScimError>,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) verb: Verb,
    /// The resource type's: `Users`.
    pub(super) endpoint: String,
    /// An id, or `bulkId:…`. Empty for POST.
    pub(super) id: String,
    /// The body.
    pub(super) data: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    fn parse(method: &str) -> Option<Self> {
        let known = [
            ("POST", Self::Post),
            ("PUT", Self::Put),
            ("PATCH", Self::Patch),
            ("DELETE", Self::Delete),
        ];
        let mut known = known.into_iter();
        let found = known.find(|(word, _)| word.eq_ignore_ascii_case(method));
        found.map(|(_, verb)| verb)
    }
}

impl BulkRequest {
    /// At most `operations_max` operations are taken.
    pub(super) fn read(body: Json, operations_max: usize) -> Result<Self, ScimError> {
        let Json::Object(body) = body else {
            return Err(ScimError::syntax("the body must be a JSON object"));
        };
        let schemas = member(&body, "schemas").and_then(Json::as_array);
        let is_bulk = |urn: &Json| {
            urn.as_str()
                .is_some_and(|urn| urn.eq_ignore_ascii_case(BULK_REQUEST))
        };
        if !schemas.is_some_and(|schemas| schemas.iter().any(is_bulk)) {
            return Err(ScimError::syntax(format!(
                "`schemas` must be a list with \"{BULK_REQUEST}\""
            )));
        }
        let fail_on_errors = fail_on_errors(&body)?;
        let operations = take(body, "Operations");
        let Some(Json::Array(operations)) = operations else {
            return Err(ScimError::syntax("`Operations` must be a list"));
        };
        if operations.len() > operations_max {
            return Err(ScimError::TooManyOperations {
                found: operations.len(),
                max: operations_max,
            });
        }
        let mut seen = HashSet::new();
        let operations = operations
            .into_iter()
            .map(|operation| {
                let mut operation = Operation::read(operation)?;
                if let Some(id) = &operation.bulk_id
                    && !seen.insert(id.clone())
                {
                    let detail = format!("another operation has the bulkId `{id}`");
                    operation.task = Err(ScimError::value(detail));
                }
                Ok(operation)
            })
            .collect::<Result<_, ScimError>>()?;
        Ok(Self {
            operations,
            fail_on_errors,
        })
    }
}

impl Operation {
    fn read(operation: Json) -> Result<Self, ScimError> {
        let Json::Object(operation) = operation else {
            return Err(ScimError::syntax("each operation must be an object"));
        };
        let text = |name: &str| {
            let text = member(&operation, name).and_then(Json::as_str);
            text.map(str::to_owned)
        };
        let (method, bulk_id, path) = (text("method"), text("bulkId"), text("path"));
        let version = text("version");
        let method = method.unwrap_or_default();
        let data = take(operation, "data").unwrap_or(Json::Null);
        Ok(Self {
            task: task(&method, bulk_id.as_deref(), path.as_deref(), data),
            method,
            bulk_id,
            version,
        })
    }
}

fn task(
    method: &str,
    bulk_id: Option<&str>,
    path: Option<&str>,
    data: Json,
) -> Result<Task, ScimError> {
    let verb = Verb::parse(method)
        .ok_or_else(|| ScimError::syntax("`method` must be one of POST, PUT, PATCH, DELETE"))?;
    let path = path.ok_or_else(|| ScimError::syntax("`path` is missing"))?;
    let (endpoint, id) = split(path);
    if verb == Verb::Post {
        if bulk_id.is_none_or(str::is_empty) {
            return Err(ScimError::value("a POST needs a `bulkId`"));
        }
        if !id.is_empty() {
            return Err(ScimError::value(
                "the path of a POST is a resource type's, such as /Users",
            ));
        }
    } else if id.is_empty() {
        return Err(ScimError::value(
            "the path must name a resource, such as /Users/ID",
        ));
    }
    if verb != Verb::Delete && !data.is_object() {
        return Err(ScimError::syntax("`data` must be an object"));
    }
    Ok(Task {
        verb,
        endpoint: endpoint.to_owned(),
        id: id.to_owned(),
        data,
    })
}

/// `/Users/ID` is `Users` and `ID`.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    let (endpoint, id) = path.split_once('/').unwrap_or((path, ""));
    // A bulkId may hold anything, an id no slash.
    if id.contains('/') && !id.starts_with(BULK_ID) {
        return (path, "");
    }
    (endpoint, id)
}

fn fail_on_errors(body: &Map<String, Json>) -> Result<Option<usize>, ScimError> {
    match member(body, "failOnErrors") {
        None | Some(Json::Null) => Ok(None),
        Some(value) => match value.as_u64().map(usize::try_from) {
            // None at all may fail: the first one ends it.
            Some(Ok(count)) => Ok(Some(count.max(1))),
            _ => Err(ScimError::value("`failOnErrors` must be a whole number")),
        },
    }
}

fn take(object: Map<String, Json>, name: &str) -> Option<Json> {
    let mut members = object.into_iter();
    let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}
