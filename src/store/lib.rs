//! The canonical store: one schema on two databases, SQLite inside and PostgreSQL beside.
//!
//! The only package that names SQL or a database driver. The floors above say what they
//! want read and written in the words of [`records`] and [`writes`].

#![warn(missing_docs)]

pub mod ids;
pub mod records;
pub mod writes;
