//! Users, groups, schemas, attribute paths, filters, contributions, merge and diff.
//!
//! Pure: no runtime, no SQL, no HTTP; time and randomness are arguments. SCIM's difficult
//! semantics (RFC 7643, RFC 7644) live here once, for the inbound endpoint, the sync
//! engine, the connectors and the provisioner alike.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

pub mod contribution;
pub mod diff;
pub mod dn;
pub mod document;
pub mod entry;
pub mod filter;
pub mod fingerprint;
pub mod instant;
pub mod json;
mod kind;
pub mod member;
pub mod merge;
pub mod name;
pub mod password;
pub mod patch;
pub mod path;
pub mod profile;
pub mod refusal;
pub mod resource;
pub mod schema;
pub mod selection;
pub mod sort;
pub mod value;
pub mod view;
pub mod warning;
