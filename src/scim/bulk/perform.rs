//! Does the operations of a bulk request, one after the other.

use std::collections::{BTreeSet, HashMap};

use axum::http::StatusCode;
use rollcall_store::records::Resource;
use serde_json::{Map, Value as Json};

use super::super::access::Access;
use super::super::conditions::tags;
use super::super::error::ScimError;
use super::super::show::{entity_tag, location};
use super::super::target::Target;
use super::super::{Scim, create, delete, patch, replace};
use super::order::Step;
use super::references::{BULK_ID, completion, resolved, without};
use super::request::{BulkRequest, Operation, Task, Verb};

/// See the module.
pub(super) struct Performer<'r> {
    scim: &'r Scim,
    access: &'r Access,
    request: &'r BulkRequest,
    /// The ids of what was made, by bulkId; `None`: it came to nothing.
    made: HashMap<String, Option<String>>,
    outcomes: HashMap<usize, Outcome>,
    errors: usize,
}

/// What came of an operation.
#[derive(Debug)]
enum Outcome {
    Done {
        status: StatusCode,
        location: String,
        version: Option<i64>,
    },
    Failed {
        location: Option<String>,
        error: ScimError,
    },
}

impl<'r> Performer<'r> {
    pub(super) fn new(scim: &'r Scim, access: &'r Access, request: &'r BulkRequest) -> Self {
        Self {
            scim,
            access,
            request,
            made: HashMap::new(),
            outcomes: HashMap::new(),
            errors: 0,
        }
    }

    /// Takes the steps until they end, or too many have failed.
    pub(super) async fn perform(&mut self, steps: &[Step]) {
        for step in steps {
            let request = self.request;
            if request.fail_on_errors.is_some_and(|max| self.errors >= max) {
                return;
            }
            match step {
                Step::Do { index, left_out } => {
                    if let Some(operation) = request.operations.get(*index) {
                        let outcome = self.perform_one(operation, left_out).await;
                        self.keep(*index, operation, outcome);
                    }
                }
                Step::Complete { index, left_out } => {
                    if let Some(operation) = request.operations.get(*index) {
                        self.complete(*index, operation, left_out).await;
                    }
                }
            }
        }
    }

    /// The answers so far, in the order of the operations.
    pub(super) fn answers(&self) -> Vec<Json> {
        let operations = self.request.operations.iter().enumerate();
        operations
            .filter_map(|(index, operation)| Some(answer(operation, self.outcomes.get(&index)?)))
            .collect()
    }

    fn keep(&mut self, index: usize, operation: &Operation, outcome: Outcome) {
        if matches!(outcome, Outcome::Failed { .. }) {
            self.errors += 1;
        }
        let makes = matches!(&operation.task, Ok(task) if task.verb == Verb::Post);
        if let (Some(id), true) = (&operation.bulk_id, makes) {
            let made = match &outcome {
                Outcome::Done { location, .. } => location.rsplit('/').next().map(str::to_owned),
                Outcome::Failed { .. } => None,
            };
            self.made.insert(id.clone(), made);
        }
        self.outcomes.insert(index, outcome);
    }

    async fn perform_one(&self, operation: &Operation, left_out: &BTreeSet<String>) -> Outcome {
        let task = match &operation.task {
            Ok(task) => task,
            Err(error) => {
                return Outcome::Failed {
                    location: None,
                    error: again(error),
                };
            }
        };
        let target = match self.target(task) {
            Ok(target) => target,
            Err(error) => {
                return Outcome::Failed {
                    location: None,
                    error,
                };
            }
        };
        let place = format!(
            "{}/{}/{}",
            self.access.base, target.resource_type.endpoint, target.id
        );
        match self.run(operation, task, &target, left_out).await {
            Ok((status, Some(resource))) => Outcome::Done {
                status,
                location: location(self.access, &target, &resource),
                version: Some(resource.version),
            },
            Ok((status, None)) => Outcome::Done {
                status,
                location: place,
                version: None,
            },
            Err(error) => Outcome::Failed {
                location: (task.verb != Verb::Post).then_some(place),
                error,
            },
        }
    }

    async fn run(
        &self,
        operation: &Operation,
        task: &Task,
        target: &Target,
        left_out: &BTreeSet<String>,
    ) -> Result<(StatusCode, Option<Resource>), ScimError> {
        let (scim, access) = (self.scim, self.access);
        let if_match = operation.version.as_deref().map(tags);
        let if_match = if_match.as_ref();
        let lookup = |id: &str| self.id_of(id);
        let data = if left_out.is_empty() {
            resolved(&task.data, &lookup)?
        } else {
            resolved(&without(&task.data, left_out), &lookup)?
        };
        Ok(match task.verb {
            Verb::Post => {
                let pushed = create::create(scim, access, target, data).await?;
                (StatusCode::CREATED, Some(pushed.resource))
            }
            Verb::Put => {
                let pushed = replace::replace(scim, access, target, data, if_match).await?;
                (StatusCode::OK, Some(pushed.resource))
            }
            Verb::Patch => {
                let pushed = patch::patch(scim, access, target, data, if_match).await?;
                (StatusCode::OK, Some(pushed.resource))
            }
            Verb::Delete => {
                delete::delete(scim, access, target, if_match).await?;
                (StatusCode::NO_CONTENT, None)
            }
        })
    }

    /// Adds to a resource what it could not refer to when it was made. If that fails, the
    /// operation has failed, and what it made is taken back.
    async fn complete(&mut self, index: usize, operation: &Operation, left_out: &BTreeSet<String>) {
        let (Ok(task), Some(Outcome::Done { status, .. })) =
            (&operation.task, self.outcomes.get(&index))
        else {
            return;
        };
        let status = *status;
        let id = operation.bulk_id.as_deref().map(|id| self.id_of(id));
        let Some(Ok(id)) = id else { return };
        let Ok(target) = Target::at(self.access, &task.endpoint, &id) else {
            return;
        };
        let done = self.patched(&target, task, left_out).await;
        let outcome = match done {
            Ok(resource) => Outcome::Done {
                status,
                location: location(self.access, &target, &resource),
                version: Some(resource.version),
            },
            Err(error) => {
                let taken_back = delete::delete(self.scim, self.access, &target, None).await;
                if let Err(error) = taken_back {
                    error.log();
                }
                Outcome::Failed {
                    location: None,
                    error,
                }
            }
        };
        self.keep(index, operation, outcome);
    }

    async fn patched(
        &self,
        target: &Target,
        task: &Task,
        left_out: &BTreeSet<String>,
    ) -> Result<Resource, ScimError> {
        let rest = completion(&task.data, left_out);
        let rest = resolved(&rest, &|id: &str| self.id_of(id))?;
        let pushed = patch::patch(self.scim, self.access, target, rest, None).await?;
        Ok(pushed.resource)
    }

    fn target(&self, task: &Task) -> Result<Target, ScimError> {
        let id = match task.id.strip_prefix(BULK_ID) {
            Some(id) => self.id_of(id)?,
            None => task.id.clone(),
        };
        Target::at(self.access, &task.endpoint, &id)
    }

    fn id_of(&self, bulk_id: &str) -> Result<String, ScimError> {
        match self.made.get(bulk_id) {
            Some(Some(id)) => Ok(id.clone()),
            Some(None) => Err(ScimError::BrokenReference(bulk_id.to_owned())),
            None => Err(ScimError::value(format!(
                "no operation makes something with the bulkId `{bulk_id}`"
            ))),
        }
    }
}

/// A mistake that was found when the operation was read, told once more.
fn again(error: &ScimError) -> ScimError {
    match error {
        ScimError::Refused(refusal) => ScimError::Refused(refusal.clone()),
        other => ScimError::syntax(other.to_string()),
    }
}

fn answer(operation: &Operation, outcome: &Outcome) -> Json {
    let mut answer = Map::new();
    let mut put = |name: &str, value: Json| answer.insert(name.to_owned(), value);
    put("method", operation.method.as_str().into());
    if let Some(id) = &operation.bulk_id {
        put("bulkId", id.as_str().into());
    }
    match outcome {
        Outcome::Done {
            status,
            location,
            version,
        } => {
            if let Some(version) = version {
                put("version", entity_tag(*version).into());
            }
            put("location", location.as_str().into());
            put("status", status.as_str().into());
        }
        Outcome::Failed { location, error } => {
            error.log();
            if let Some(location) = location {
                put("location", location.as_str().into());
            }
            put("status", error.status().as_str().into());
            put("response", error.body());
        }
    }
    Json::Object(answer)
}
