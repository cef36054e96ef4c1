//! Connections: who asks over SCIM, for which tenant, and how they are served.
//!
//! A connection is a source of kind `push`, from the configuration or made at run time
//! ([`roster`]). It has at most two live tokens, so that one can be exchanged for the
//! other. [`Admission`] knows whose token a request carries, and how often it may come
//! ([`rate`]); what it finds is [`Admitted`]. A token of `rollcall token create` is
//! admitted, too: it reads its tenant, and belongs to no source. [`guard`] keeps a
//! connection from ending everybody by mistake.

mod admission;
mod guard;
mod rate;
mod roster;

use std::sync::Arc;

use rollcall_store::StoreError;
use rollcall_store::connections::LoggedRequest;
use rollcall_store::records::{Source, Tenant};
use serde_json::{Value as Json, json};
use time::format_description::well_known::Rfc3339;

use crate::config::PushSettings;

pub(crate) use admission::{Admission, Presented};
pub(crate) use guard::holds_now;
pub(crate) use rate::TooMany;
pub(crate) use roster::{Grant, Known, Roster, RosterError};

/// Requests answered, by connection and class of status.
pub(crate) const REQUESTS: &str = "rollcall_connection_requests_total";
/// Requests refused, by connection and reason.
pub(crate) const REFUSED: &str = "rollcall_connection_requests_refused_total";

/// A client that is known.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    /// The connection's name, or the token's.
    pub(crate) name: String,
    /// What tells its token from others of the tenant, and what is not the token itself.
    pub(crate) token: String,
    /// Its tenant.
    pub(crate) tenant: Tenant,
    /// The source that the connection is; `None`: a token that only reads.
    pub(crate) source: Option<Source>,
    /// What its token allows; whoever writes looks at it.
    pub(crate) scope: Scope,
    /// How it is served: profile, answers, limits.
    pub(crate) settings: Arc<PushSettings>,
}

impl Admitted {
    /// Counts a request that was refused, for `/metrics`.
    pub(crate) fn count_refused(&self, reason: &'static str) {
        let (tenant, connection) = (self.tenant.name.clone(), self.name.clone());
        metrics::counter!(REFUSED, "tenant" => tenant, "connection" => connection, "reason" => reason)
            .increment(1);
    }
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Reading and searching.
    Read,
    /// Reading and writing.
    Write,
}

impl Scope {
    /// Its word, in the store and on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The scope of a word that the store holds; one that it does not know allows nothing
    /// more than reading.
    pub(crate) fn of(word: &str) -> Self {
        if word == Self::Write.as_str() {
            Self::Write
        } else {
            Self::Read
        }
    }
}

/// Why a client is not let in. What it says is for strangers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdmissionError {
    /// The token is unknown, revoked or expired: which of them is nobody's business (401).
    #[error("the bearer token is not valid here")]
    Unknown,
    /// The token does not allow it (403).
    #[error("the bearer token does not allow this: it needs the scope {0}")]
    Scope(&'static str),
    /// The client's address is not among those that the token may come from (403).
    #[error("the bearer token may not be used from this address")]
    Address,
    /// Another tenant's path, or one of a tenant that there is not (404).
    #[error("there is nothing at this path for this token")]
    OtherTenant,
    /// The short path, and several tenants that it could mean (404).
    #[error("there are several tenants here: use /t/TENANT/scim/v2")]
    WhichTenant,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who was not let in, and why.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Why.
    pub(crate) error: AdmissionError,
    /// Whose token it is, if it is one of ours.
    pub(crate) client: Option<Box<Admitted>>,
}

impl<E: Into<AdmissionError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            client: None,
        }
    }
}

/// A request that the inspector kept, for programs.
pub(crate) fn as_json(request: &LoggedRequest) -> Json {
    let mut json = json!({
        "seq": request.seq,
        "at": request.at.format(&Rfc3339).unwrap_or_default(),
    });
    if let (Some(json), Some(body)) = (json.as_object_mut(), request.body.as_object()) {
        json.extend(body.clone());
    }
    json
}
