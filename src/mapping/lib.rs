//! Mapping files: how the entries of a source become users and groups.
//!
//! A mapping file says, line by line, which attribute of the directory (left) takes which
//! value of an entry (right). [`Mapping::compile`] reads and checks such a file once, down
//! to the column of each mistake; [`Mapping::evaluate`] then turns one entry after the
//! other into a [`Mapped`](rollcall_directory::contribution::Mapped). There is no I/O here:
//! the file's text, the time and the time zone are arguments.

#![warn(missing_docs)]
#![warn(clippy::indexing_slicing)]

mod compile;
mod datum;
mod example;
mod expression;
mod file;
mod functions;
mod lines;
mod mapping;
mod problem;
mod shape;

pub use mapping::{Context, KindMapping, Mapping, ReferenceSpaces, SourceKind};
pub use problem::{LineOf, MapError, Outcome, Problem, TraceLine};

#[cfg(test)]
mod semantics;
#[cfg(test)]
mod shipped;
