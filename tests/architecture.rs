//! Imports point down only, SQL lives in one package, no file grows without end. The rules
//! and their reasons: docs/ARCHITECTURE.md.

use std::path::{Path, PathBuf};

/// The floors of the root package, from the bottom; a file knows its own and those before.
const FLOORS: [&[&str]; 6] = [
    &["config"],
    &["auth", "sync"],
    &["scim", "admin", "demo"],
    &["server"],
    &["cli"],
    &["main"],
];
const FILE_LINES_MAX: usize = 1_000;

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "connectors", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root).unwrap().display().to_string(), text)
        })
        .collect()
}

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

#[test]
fn a_file_imports_only_from_its_own_floor_and_those_below() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some(floor) = path
            .strip_prefix("src/")
            .and_then(|rest| floor_of(rest.split(['/', '.']).next()?))
        else {
            continue;
        };
        for used in text.split("crate::").skip(1) {
            let name: String = used
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if floor_of(&name).is_some_and(|other| other > floor) {
                wrong.push(format!(
                    "{path} uses crate::{name}, which is a floor above it"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nSee docs/ARCHITECTURE.md",
        wrong.join("\n")
    );
}

#[test]
fn only_the_store_names_a_database() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let outside = !path.starts_with("src/store/") && !path.starts_with("tests/");
        for word in [
            "rusqlite",
            "sqlx",
            "SELECT ",
            "INSERT INTO",
            "UPDATE ",
            "DELETE FROM",
        ] {
            if outside && text.contains(word) {
                wrong.push(format!(
                    "{path} has {word:?}: SQL and drivers belong in src/store"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nSee docs/ARCHITECTURE.md",
        wrong.join("\n")
    );
}

/// Routes that anybody may ask for: they tell nothing of the directory.
/// `&path`: SCIM's `ServiceProviderConfig`, which clients read before they have a token.
const OPEN_ROUTES: [&str; 4] = ["/health/live", "/health/ready", "/metrics", "&path"];

#[test]
fn every_route_is_tried_without_a_token() {
    const TRIED: &str = "src/server/tests/access.rs";
    let all = sources();
    let (_, tried) = all.iter().find(|(path, _)| path == TRIED).unwrap();
    let mut missing = Vec::new();
    let mut count = 0;
    for (path, text) in &all {
        if !path.starts_with("src/") || path.contains("/tests/") || path.contains("demo") {
            continue;
        }
        for rest in text.split(".route(").skip(1) {
            let argument = rest.split_once(',').map_or(rest, |(before, _)| before);
            // A variable, or a text with variables in it.
            let route = argument
                .split_once('"')
                .and_then(|(_, inside)| inside.split_once('"'))
                .map_or(argument.trim(), |(route, _)| route)
                .replace("&type_", "{type_}")
                .replace("&base", "{base}")
                .replace("{type_}", "{base}/Users")
                .replace("{base}", "/scim/v2")
                .replace("{place}", "/scim")
                .replace("{{version}}", "v3")
                .replace("{{id}}", "1")
                .replace("{{*rest}}", "nothing");
            count += 1;
            if !OPEN_ROUTES.contains(&route.as_str()) && !tried.contains(&format!("\"{route}\"")) {
                missing.push(format!("{path} has the route {route}"));
            }
        }
    }
    assert!(
        count > 8,
        "only {count} routes were found: look at this test"
    );
    assert!(
        missing.is_empty(),
        "{}\nAdd a request without a token to {TRIED}, or say in OPEN_ROUTES why not",
        missing.join("\n")
    );
}

#[test]
fn no_file_is_longer_than_a_thousand_lines() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > FILE_LINES_MAX)
        .map(|(path, _)| path)
        .collect();
    assert!(
        long.is_empty(),
        "two ideas each: {}\nSee docs/ARCHITECTURE.md",
        long.join(", ")
    );
}
