//! The configuration file.
pub mod policy;
