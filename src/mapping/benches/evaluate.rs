//! What it costs to evaluate the openldap mapping over one entry.

use rollcall_directory::entry::{Attribute, Attributes, Entry, EntryKey, Kind, Locator, Value};
use rollcall_directory::schema::Schemas;
use rollcall_mapping::{Context, Mapping};
use time::macros::datetime;

fn main() {
    divan::main();
}

fn entry() -> Entry {
    let attributes = [
        ("entryUUID", "6f0d6f6c-7263-4c61-8c6c-6c6162303031"),
        ("uid", "u0000001"),
        ("cn", "Jürgen Müller"),
        ("sn", "Müller"),
        ("givenName", "Jürgen"),
        ("displayName", "Jürgen Müller (ENG-001)"),
        ("mail", "u0000001@example.org"),
        ("employeeNumber", "10000007"),
        ("employeeType", "employee"),
        ("telephoneNumber", "+41 044 1234567"),
        ("mobile", "+41 0791234567"),
        ("departmentNumber", "ENG-001"),
        ("title", "Senior Engineer"),
        ("manager", "uid=u0000002,ou=people,dc=example,dc=org"),
        ("l", "Zürich"),
        ("st", "Zürich"),
        ("street", "7 Bahnhofstraße"),
        ("postalCode", "08001"),
        ("preferredLanguage", "de"),
        ("o", "Example Holding, Inc."),
    ];
    let list = attributes
        .iter()
        .map(|(name, value)| Attribute {
            name: (*name).into(),
            values: vec![Value::from(*value)],
        })
        .collect();
    Entry {
        key: EntryKey::new("6f0d6f6c-7263-4c61-8c6c-6c6162303031"),
        kind: Kind::User,
        locator: Locator::Dn("uid=u0000001,ou=people,dc=example,dc=org".to_owned()),
        attributes: Attributes::new(list, true),
        flaws: Vec::new(),
    }
}

#[divan::bench]
fn openldap(bencher: divan::Bencher<'_, '_>) {
    let text = include_str!("../../../mappings/openldap.toml");
    let Ok(mapping) = Mapping::compile("openldap", text, &Schemas::standard()) else {
        return;
    };
    let context = Context {
        now: datetime!(2027-01-01 0:00 UTC),
        zone_offset: time::UtcOffset::UTC,
    };
    let entry = entry();
    bencher.bench(|| mapping.evaluate(&entry, &context));
}
