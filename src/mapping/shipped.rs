//! The mapping files that ship: each compiles, and keeps its own examples.

use rollcall_directory::schema::Schemas;
use time::UtcOffset;
use time::macros::datetime;

use crate::{Context, Mapping};

const SHIPPED: [(&str, &str); 6] = [
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

#[test]
fn shipped_mappings_compile_and_keep_their_examples() {
    let context = Context {
        now: datetime!(2026-01-01 0:00 UTC),
        zone_offset: UtcOffset::UTC,
    };
    for (name, text) in SHIPPED {
        let mapping = match Mapping::compile(name, text, &Schemas::standard()) {
            Ok(mapping) => mapping,
            Err(problems) => panic!("{problems:#?}"),
        };
        assert!(!mapping.examples.is_empty(), "{name}");
        let told: Vec<String> = mapping
            .run_examples(&context)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(told.is_empty(), "{told:#?}");
    }
}
