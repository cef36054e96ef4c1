//! Real servers and the real program, started by the tests on free ports. Each server is a
//! file that the packages' own tests include too.

pub(crate) mod hr_service;
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared with the packages' tests"
)]
pub(crate) mod postgres;
pub(crate) mod rollcall;
pub(crate) mod scim;
pub(crate) mod scim2_server;
#[allow(
    dead_code,
    clippy::allow_attributes,
    reason = "shared with the packages' tests"
)]
pub(crate) mod slapd;
