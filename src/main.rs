//! Rollcall: keeps one directory of people and groups right.

#![expect(dead_code, reason = "floors are being put together")]

mod config;
mod sync;

fn main() {}
