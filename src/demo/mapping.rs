//! The demo's two mapping files: the one for HR services that Rollcall ships, and one for
//! the export of the demo's directory.

/// Mapping files, by their stems.
pub(crate) const FILES: [(&str, &str); 2] = [
    ("hr-http", include_str!("../../mappings/hr-http.toml")),
    ("directory-export", DIRECTORY_EXPORT),
];

/// Of the LDIF export.
pub(crate) const DIRECTORY_EXPORT: &str = include_str!("directory-export.toml");
