//! The export of the demo's directory server, as LDIF (RFC 2849): people as
//! `inetOrgPerson`, groups as `groupOfNames`, some inside others.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::groups::{DirectoryGroup, of_directory};
use super::people::{Company, Person};

const BASE: &str = "dc=example,dc=org";

/// Lines are folded beyond so many characters.
const LINE_CHARS_MAX: usize = 76;

/// Writes the export beside `path`, then renames it: whoever reads `path` finds a whole
/// file.
///
/// # Errors
/// What the file system says.
pub(crate) fn write(company: &Company, path: &Path) -> io::Result<()> {
    let beside = path.with_extension("ldif.new");
    std::fs::write(&beside, text(company))?;
    std::fs::rename(&beside, path)
}

/// The whole export.
fn text(company: &Company) -> String {
    let mut ldif = Ldif::default();
    ldif.tree();
    for person in company.in_directory() {
        ldif.person(company, person);
    }
    for group in of_directory(company) {
        ldif.group(&group);
    }
    ldif.text
}

fn person_dn(person: &Person) -> String {
    format!("uid={},ou=People,{BASE}", escaped(&person.login))
}

fn group_dn(name: &str) -> String {
    format!("cn={},ou=Groups,{BASE}", escaped(name))
}

/// A value within a DN (RFC 4514 §2.4). No value here begins or ends with a space or `#`.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for character in value.chars() {
        if "\",+;<>\\=".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// An export as it grows.
struct Ldif {
    text: String,
}

impl Default for Ldif {
    fn default() -> Self {
        Self {
            text: "version: 1\n".to_owned(),
        }
    }
}

impl Ldif {
    /// The entries that hold the others.
    fn tree(&mut self) {
        self.entry(BASE, &["top", "dcObject", "organization"]);
        self.line("dc", "example");
        self.line("o", "Example");
        for unit in ["People", "Groups"] {
            self.entry(&format!("ou={unit},{BASE}"), &["top", "organizationalUnit"]);
            self.line("ou", unit);
        }
    }

    fn person(&mut self, company: &Company, person: &Person) {
        let classes = ["top", "person", "organizationalPerson", "inetOrgPerson"];
        self.entry(&person_dn(person), &classes);
        self.line("entryUUID", &person.entry_uuid.to_string());
        self.line("uid", &person.login);
        if person.in_hr {
            self.line("employeeNumber", &person.hr_id());
        }
        let kind = if person.in_hr {
            "Employee"
        } else {
            "Contractor"
        };
        self.line("employeeType", kind);
        self.line("cn", &person.display);
        self.line("displayName", &person.display);
        self.line("givenName", person.given);
        self.line("sn", person.family);
        self.line("mail", &person.email());
        self.line("title", &person.directory_title);
        self.line("departmentNumber", person.department.name);
        self.line("l", person.site);
        self.line("telephoneNumber", &person.phone);
        self.line("mobile", &person.mobile);
        self.line("preferredLanguage", person.locale);
        let manager = person.manager.and_then(|number| company.numbered(number));
        if let Some(manager) = manager {
            self.line("manager", &person_dn(manager));
        }
    }

    fn group(&mut self, group: &DirectoryGroup<'_>) {
        self.entry(&group_dn(group.name), &["top", "groupOfNames"]);
        self.line("entryUUID", &group.entry_uuid.to_string());
        self.line("cn", group.name);
        for name in group.groups {
            self.line("member", &group_dn(name));
        }
        for person in &group.people {
            self.line("member", &person_dn(person));
        }
    }

    /// Begins an entry.
    fn entry(&mut self, dn: &str, classes: &[&str]) {
        self.text.push('\n');
        self.line("dn", dn);
        for class in classes {
            self.line("objectClass", class);
        }
    }

    /// One `name: value`, in base64 if it must, folded if it is long.
    fn line(&mut self, name: &str, value: &str) {
        let line = if is_safe(value) {
            format!("{name}: {value}")
        } else {
            format!("{name}:: {}", STANDARD.encode(value))
        };
        let mut room = LINE_CHARS_MAX;
        for character in line.chars() {
            if room == 0 {
                self.text.push_str("\n ");
                room = LINE_CHARS_MAX - 1;
            }
            self.text.push(character);
            room -= 1;
        }
        self.text.push('\n');
    }
}

/// Whether a value may stand as it is (RFC 2849 `SAFE-STRING`, without a space at its end).
fn is_safe(value: &str) -> bool {
    let safe = |c: char| c.is_ascii() && !['\0', '\n', '\r'].contains(&c);
    !value.starts_with([' ', ':', '<']) && !value.ends_with(' ') && value.chars().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, value: &str) -> String {
        let mut ldif = Ldif {
            text: String::new(),
        };
        ldif.line(name, value);
        ldif.text
    }

    #[test]
    fn a_plain_value_stands_as_it_is_and_any_other_in_base64() {
        assert_eq!(lines("sn", "Rigter"), "sn: Rigter\n");
        assert_eq!(lines("sn", "Rüegg"), "sn:: UsO8ZWdn\n");
        assert_eq!(lines("sn", ":x"), "sn:: Ong=\n");
        assert_eq!(lines("sn", "x "), "sn:: eCA=\n");
    }

    #[test]
    fn a_long_line_is_folded() {
        let folded = lines("description", &"a".repeat(200));
        assert!(folded.lines().count() == 3);
        assert!(folded.lines().all(|line| line.len() <= LINE_CHARS_MAX));
        assert_eq!(
            folded.replace("\n ", "").len(),
            "description: \n".len() + 200
        );
    }

    #[test]
    fn a_comma_in_a_name_is_escaped_in_its_dn() {
        let dn = group_dn("Research, applied");
        assert_eq!(dn, r"cn=Research\, applied,ou=Groups,dc=example,dc=org");
    }
}
