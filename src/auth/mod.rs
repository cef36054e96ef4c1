//! Who may ask: the tokens that programs carry, and the connections over which identity
//! providers push. No HTTP here.

pub(crate) mod connection;
mod token;

pub(crate) use token::{ADMIN, BearerToken, SCIM_READ};
