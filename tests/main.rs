//! The integration tests: the real program against real servers. One binary, one module
//! a capability, each reading as its specification.

mod harness;

mod architecture;
mod serve;
mod sync_files;
