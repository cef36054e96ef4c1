//! Why a push was refused, with all that an answer needs.

use std::time::Duration;

use rollcall_directory::refusal::{Refusal, ScimType};
use rollcall_store::{CommitError, StepConflict, StoreError};

use super::Held;

/// How long a client of a paused connection is asked to wait.
const PAUSED_RETRY_AFTER: Duration = Duration::from_mins(5);

/// See the module. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// There is no such resource, or this connection has deleted it (404).
    #[error("there is no {resource_type} with this id")]
    NotFound {
        /// `User`
        resource_type: String,
    },
    /// A unique value is somebody else's (409 uniqueness).
    #[error("{detail}")]
    Uniqueness {
        /// Whose and which.
        detail: String,
    },
    /// A value cannot be taken (400 invalidValue).
    #[error("{detail}")]
    InvalidValue {
        /// Which and why.
        detail: String,
    },
    /// `If-Match` does not hold (412).
    #[error("the resource has changed since it was read: it is at version {found}")]
    Precondition {
        /// Its version now.
        found: i64,
    },
    /// The connection is paused (503 with Retry-After).
    #[error("the connection is paused: {because}")]
    Paused {
        /// Why.
        because: String,
    },
    /// The guard holds it back (429 with Retry-After).
    #[error("{}", .0.detail)]
    Guarded(Held),
    /// Others keep changing the same resource (503; to be tried again).
    #[error("the resource is being changed by others; try again")]
    Busy,
    /// The request itself is wrong (its own scimType).
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The store could not do it (500, or 503 where it is away).
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PushError {
    /// The word of RFC 7644 table 9 that goes with it.
    pub(crate) fn scim_type(&self) -> Option<ScimType> {
        match self {
            Self::Uniqueness { .. } => Some(ScimType::Uniqueness),
            Self::InvalidValue { .. } => Some(ScimType::InvalidValue),
            Self::Refusal(refusal) => Some(refusal.scim_type),
            _ => None,
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NotFound { .. } => 404,
            Self::Uniqueness { .. } => 409,
            Self::InvalidValue { .. } | Self::Store(StoreError::Nul) => 400,
            Self::Precondition { .. } => 412,
            Self::Guarded(_) => 429,
            Self::Paused { .. }
            | Self::Busy
            | Self::Store(StoreError::Unavailable { .. } | StoreError::Conflict { .. }) => 503,
            Self::Refusal(refusal) => refusal.scim_type.status(),
            Self::Store(_) => 500,
        }
    }

    /// When it makes sense to try again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Paused { .. } => Some(PAUSED_RETRY_AFTER),
            Self::Guarded(held) => Some(held.retry_after),
            Self::Busy
            | Self::Store(StoreError::Unavailable { .. } | StoreError::Conflict { .. }) => {
                Some(Duration::from_secs(1))
            }
            _ => None,
        }
    }

    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::InvalidValue {
            detail: detail.into(),
        }
    }
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Setback {
    /// Something has changed meanwhile: it has to be computed again.
    Again,
    /// The userName was taken meanwhile. Computed again, it will be known by whom.
    NameTaken(String),
    /// It cannot be done.
    Refused(PushError),
}

impl<E: Into<PushError>> From<E> for Setback {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Setback {
    /// What an error at the commit means for a push.
    pub(super) fn of(error: CommitError) -> Self {
        match error {
            CommitError::Step { cause, .. } => match cause {
                StepConflict::UserNameTaken { name, .. } => Self::NameTaken(name),
                StepConflict::ValueTaken { .. } => Self::Refused(PushError::Uniqueness {
                    detail: cause.to_string(),
                }),
                StepConflict::TooLong { .. } | StepConflict::Nul { .. } => {
                    Self::Refused(PushError::value(cause.to_string()))
                }
                StepConflict::Version { .. }
                | StepConflict::Said { .. }
                | StepConflict::KeyTaken { .. }
                | StepConflict::Gone { .. }
                | StepConflict::Exists { .. } => Self::Again,
            },
            CommitError::Store(error) => Self::Refused(error.into()),
            // Pushes show no lease.
            CommitError::Fenced { .. } => Self::Again,
        }
    }
}
