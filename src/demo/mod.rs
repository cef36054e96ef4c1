//! What `rollcall demo` brings along, so that it runs on a machine with nothing installed:
//! a company of made-up people ([`people`]), its HR service on a loopback port
//! ([`hr_service`]), the export of its directory ([`ldif`]), and the configuration and
//! mappings that make one directory of both ([`config`], [`mapping`]).

pub(crate) mod config;
pub(crate) mod hr_service;
pub(crate) mod ldif;
pub(crate) mod mapping;
pub(crate) mod people;

mod dice;
mod groups;
mod names;
#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests start servers and clients of their own"
)]
mod tests;
