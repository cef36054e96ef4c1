//! What every connector that speaks HTTP needs: a client with TLS, time-outs and pinned
//! addresses, authorisation, patience with a service in trouble, and answers that are bounded
//! and checked before anything believes them. What an answer means is the connector's own
//! business.
//!
//! [`client`] talks, [`body`] unpacks and checks, [`envelope`] looks around in a page
//! without parsing its items, [`seen`] notices keys that come twice, [`outbox`] hands entries
//! on in batches.

pub mod settings;

pub(crate) mod address;
pub(crate) mod ask;
pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod envelope;
pub(crate) mod outbox;
pub(crate) mod outcome;
pub(crate) mod problem;
pub(crate) mod retry;
pub(crate) mod seen;
pub(crate) mod token;
pub(crate) mod validate;
pub(crate) mod validators;
