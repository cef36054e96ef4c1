//! The body of a PATCH: its operations, with their paths read.

use serde_json::{Map, Value as Json};

use crate::json::member;
use crate::path::{Path, PathError};
use crate::refusal::{Refusal, ScimType};

/// URN of the message.
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The most operations of one request.
const OPERATIONS_MAX: usize = 5_000;

/// A request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// What is to be done, in this order. Never empty.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What is done.
    pub kind: OperationKind,
    /// To what; `None`: to the resource as a whole.
    pub path: Option<Path>,
    /// With what; `None` if the member is absent.
    pub value: Option<Json>,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Adds values (§3.5.2.1).
    Add,
    /// Removes values (§3.5.2.2).
    Remove,
    /// Puts values in the place of others (§3.5.2.3).
    Replace,
}

impl PatchRequest {
    /// Reads the body. A refusal of one operation names it.
    pub fn read(body: Json) -> Result<Self, Refusal> {
        let Json::Object(body) = body else {
            return Err(Refusal::syntax("the body must be a JSON object"));
        };
        let is_patch = |urn: &Json| {
            urn.as_str()
                .is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP))
        };
        let schemas = member(&body, "schemas").and_then(Json::as_array);
        if !schemas.is_some_and(|schemas| schemas.iter().any(is_patch)) {
            return Err(Refusal::syntax(format!(
                "`schemas` must be a list with \"{PATCH_OP}\""
            )));
        }
        let operations = match take(body, "Operations") {
            Some(Json::Array(operations)) if !operations.is_empty() => operations,
            _ => {
                return Err(Refusal::syntax(
                    "`Operations` must be a list of at least one operation",
                ));
            }
        };
        if operations.len() > OPERATIONS_MAX {
            return Err(Refusal::new(
                ScimType::TooMany,
                format!("more than {OPERATIONS_MAX} operations: send several requests"),
            ));
        }
        let operations = operations.into_iter().enumerate();
        operations
            .map(|(index, operation)| Operation::read(operation).map_err(|r| r.at(index)))
            .collect::<Result<_, _>>()
            .map(|operations| Self { operations })
    }
}

impl Operation {
    fn read(operation: Json) -> Result<Self, Refusal> {
        let Json::Object(operation) = operation else {
            return Err(Refusal::syntax("an operation must be an object"));
        };
        let word = member(&operation, "op").and_then(Json::as_str);
        let kind = word
            .and_then(OperationKind::parse)
            .ok_or_else(|| Refusal::syntax("`op` must be one of add, remove, replace"))?;
        let path = match member(&operation, "path") {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) if text.trim().is_empty() => None,
            Some(Json::String(text)) => Some(read_path(text)?),
            Some(_) => {
                return Err(Refusal::new(ScimType::InvalidPath, "`path` must be a text"));
            }
        };
        Ok(Self {
            kind,
            path,
            value: take(operation, "value"),
        })
    }
}

impl OperationKind {
    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Add, Self::Remove, Self::Replace];
        all.into_iter()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(word))
    }

    /// The word of the RFC.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

pub(super) fn read_path(text: &str) -> Result<Path, Refusal> {
    Path::parse(text).map_err(|error| {
        let scim_type = match error {
            PathError::Filter(_) => ScimType::InvalidFilter,
            _ => ScimType::InvalidPath,
        };
        Refusal::new(scim_type, format!("path `{text}`: {error}"))
    })
}

fn take(object: Map<String, Json>, name: &str) -> Option<Json> {
    object
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}
