//! Where mapping files are found: the folder that the configuration names, `mappings/`
//! beside it, `mappings/` above it, and at last those that ship with Rollcall.

use std::path::{Path, PathBuf};

use rollcall_directory::schema::Schemas;
use rollcall_mapping::Mapping;

use super::problem::{Level, Problems};
use super::section::{Section, did_you_mean};

/// What ships.
pub(crate) const SHIPPED: [(&str, &str); 6] = [
    ("openldap", include_str!("../../mappings/openldap.toml")),
    (
        "active-directory",
        include_str!("../../mappings/active-directory.toml"),
    ),
    ("rfc2307", include_str!("../../mappings/rfc2307.toml")),
    ("scim", include_str!("../../mappings/scim.toml")),
    ("hr-http", include_str!("../../mappings/hr-http.toml")),
    ("people-csv", include_str!("../../mappings/people-csv.toml")),
];

/// The file of a mapping; a problem if there is none and none ships.
pub(super) fn place(section: &Section<'_>, name: &str, folder: Option<&Path>) -> PathBuf {
    let file = format!("{name}.toml");
    let folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => ["mappings", "../mappings"]
            .map(|folder| section.desk.beside(folder))
            .to_vec(),
    };
    let places = || folders.iter().map(|folder| folder.join(&file));
    if let Some(found) = places().find(|path| path.is_file()) {
        return found;
    }
    if !name.is_empty() && shipped(name).is_none() {
        let looked: Vec<String> = places().map(|path| path.display().to_string()).collect();
        section.error_at(
            "mapping",
            format!(
                "there is no mapping {name:?}: looked for {}",
                looked.join(", ")
            ),
            did_you_mean(name, SHIPPED.iter().map(|(name, _)| *name)),
        );
    }
    places().next().unwrap_or_default()
}

fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, text)| *text)
}

/// Reads and compiles a mapping.
pub(super) fn load(
    name: &str,
    path: &Path,
    schemas: &Schemas,
) -> Result<(Mapping, String), Problems> {
    let text = match (std::fs::read_to_string(path), shipped(name)) {
        (Ok(text), _) => text,
        (Err(e), Some(text)) if e.kind() == std::io::ErrorKind::NotFound => text.to_owned(),
        (Err(e), _) => {
            let message = format!("the mapping cannot be read: {e}");
            return Err(Problems::of_file(path, message, None));
        }
    };
    match Mapping::compile(name, &text, schemas) {
        Ok(mapping) => Ok((mapping, text)),
        Err(problems) => Err(Problems::of_mapping(Level::Error, path, &text, problems)),
    }
}
