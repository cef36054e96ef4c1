//! The integration tests: the real program against real servers. One binary, one module
//! a capability, each reading as its specification.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test that meets the unexpected has failed"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what stands outside the program has clients, clocks and tasks of its own"
)]

mod harness;

mod architecture;
mod connections;
mod correlation;
mod crash;
mod disk_full;
mod endless;
mod freshness;
mod guards;
mod names;
mod quarantine;
mod references;
mod retire;
mod runs;
mod schedule;
mod scim_clients;
mod scim_conformance;
mod scim_crash;
mod secrets;
mod serve;
mod several_voices;
mod shipped_mappings;
mod sync_files;
mod sync_http;
mod sync_ldap;
mod sync_scim;
mod tenants;
mod terminal;
mod two_sources;
mod undo;
