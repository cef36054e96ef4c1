//! Rollcall: keeps one directory of people and groups right. It reads the places where
//! people are recorded, maps what it reads into one canonical directory, and serves it.
//!
//! The floors, from the top: `cli`; `server`; `scim`; `demo`; `sync`, `auth`; `config`;
//! below them the packages `rollcall-store`, `rollcall-mapping`, `rollcall-connectors`
//! and `rollcall-directory`. Imports point down only (see `docs/ARCHITECTURE.md`).

mod admin;
mod auth;
mod cli;
mod config;
mod demo;
mod scim;
mod server;
mod sync;

#[cfg(test)]
#[path = "../tests/harness/postgres.rs"]
#[expect(
    dead_code,
    reason = "shared with other test binaries, which use all of it"
)]
#[expect(unreachable_pub, reason = "shared with other test binaries")]
mod test_postgres;

/// An import makes and drops some hundred small values an entry, and drops them on another
/// thread than made them: what the system's allocator does worst.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
