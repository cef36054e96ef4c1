//! Every mapping that ships has a golden run: entries that use each of its lines
//! (`tests/golden/NAME.ldif`, `.json`, `.csv`; groups of JSON in `NAME.group.json`), and
//! beside them what the mapping makes of them.

use std::path::{Path, PathBuf};

use crate::harness::rollcall::{Database, Rollcall};

/// A source of each kind, of which only the settings matter: nothing is connected to.
fn source(kind: &str, name: &str) -> String {
    let how = match kind {
        "ldap" => "urls = [\"ldap://localhost\"]\nbase = \"dc=example,dc=org\"",
        "scim" => "url = \"https://idp.example.org/scim/v2\"",
        "http" => "users = { url = \"https://hr.example.org/users\" }",
        _ => "format = \"csv\"\nusers_file = \"people.csv\"",
    };
    format!("[sources.s]\nkind = \"{kind}\"\nmapping = \"{name}\"\n{how}\n")
}

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file)
}

/// What `rollcall map` shows of a file.
fn mapped(rollcall: &Rollcall, file: &Path, more: &[&str]) -> String {
    let path = file.display().to_string();
    let arguments = [&["map", "--source", "s", "--file", &path][..], more].concat();
    rollcall.run(&arguments).exits(0).stdout
}

#[test]
fn every_shipped_mapping_gives_what_its_golden_run_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    names.sort();
    for name in names {
        let text = std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("mappings/{name}.toml")),
        )
        .unwrap();
        let table: toml::Table = text.parse().unwrap();
        let rollcall = Rollcall::new(
            Database::Sqlite,
            &source(table["kind"].as_str().unwrap(), &name),
        );
        let file = ["ldif", "json", "csv"]
            .map(|format| golden(&format!("{name}.{format}")))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("{name} has no entries in tests/golden: write some"));
        let mut shown = mapped(&rollcall, &file, &[]);
        let groups = golden(&format!("{name}.group.json"));
        if groups.exists() {
            shown += &mapped(&rollcall, &groups, &["--group"]);
        }
        for kind in ["user", "group"] {
            let lines = table.get(kind).and_then(|k| k.get("attributes"));
            for (target, line) in lines.and_then(toml::Value::as_table).into_iter().flatten() {
                uses(&shown, &name, target, line.as_str().unwrap());
            }
        }
        insta::with_settings!({
            snapshot_path => "golden",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

/// Some entry must use a line, or its golden run proves nothing of it.
#[track_caller]
fn uses(shown: &str, name: &str, target: &str, expression: &str) {
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:";
    let target = target.replace(urn, "enterprise:");
    let line = format!(": {target} = {expression}  →  ");
    let has_value = shown.lines().any(|shown| {
        shown.split_once(&line).is_some_and(|(_, outcome)| {
            !["(none)", "says nothing", "FAILS"]
                .iter()
                .any(|nothing| outcome.starts_with(nothing))
        })
    });
    assert!(
        has_value,
        "no entry of the golden run of {name} has a value for {target}"
    );
}
