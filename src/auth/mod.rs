//! Who may ask: the tokens that programs carry. No HTTP here.

mod token;

pub(crate) use token::{BearerToken, SCIM_READ, SCIM_WRITE};
