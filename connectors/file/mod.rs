//! See settings.
pub mod settings;
