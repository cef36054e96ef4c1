//! Attribute descriptions (RFC 4512 §2.5): which attribute of the request an answer's
//! `givenName;lang-ja` or `member;range=0-1499` stands for. Names are compared without
//! case, by alias and by OID; `;binary` is how a value was carried and says nothing;
//! other options make an attribute of its own.

use std::collections::HashMap;
use std::sync::Arc;

use super::dynamic::MEMBER_URL;
use super::schema::Subschema;

/// The most different descriptions that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Attributes whose number of values has no limit: the members of groups.
const MEMBER_ATTRIBUTES: &[&str] = &["member", "uniquemember", "memberuid"];

/// Of those, the ones whose values are DNs.
const MEMBER_DN_ATTRIBUTES: &[&str] = &["member", "uniquemember"];

/// What is done with one attribute of an answer.
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent facts, each asked for by itself"
)]
#[derive(Debug, Clone)]
pub(super) struct Use {
    /// The names under which it is delivered; empty: not at all.
    pub(super) deliver: Vec<Arc<str>>,
    pub(super) is_key: bool,
    pub(super) binary: bool,
    pub(super) members: bool,
    pub(super) member_dns: bool,
    /// Describes members by a search.
    pub(super) member_url: bool,
}

/// How much of an attribute an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// No range was given.
    Whole,
    /// A range that ends before the last value.
    Part,
    /// A range up to the last value.
    Rest,
}

/// A description with its range taken out.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) meaning: Arc<Use>,
    pub(super) extent: Extent,
    /// Without the range, as the server spells it.
    pub(super) plain: String,
}

/// The attributes of one request.
#[derive(Debug)]
pub(super) struct Names {
    schema: Subschema,
    /// By canonical description; `None`: everything is delivered.
    wanted: Option<HashMap<String, Vec<Arc<str>>>>,
    key: String,
    key_kind: KeyKind,
    remembered: HashMap<Vec<u8>, Arc<Use>>,
}

/// How the octets of a key become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// As it stands.
    Text,
    /// A UUID in text: without case.
    Uuid,
    /// 16 octets in Microsoft's order.
    Guid,
    /// A security identifier.
    Sid,
    /// Other octets.
    Octets,
}

impl Names {
    pub(super) fn new(schema: Subschema, key: &str, attributes: Option<&[String]>) -> Self {
        let wanted = attributes.map(|attributes| {
            let mut wanted: HashMap<String, Vec<Arc<str>>> = HashMap::new();
            for attribute in attributes {
                let spellings = wanted.entry(canonical(&schema, attribute)).or_default();
                if !spellings
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(attribute))
                {
                    spellings.push(attribute.as_str().into());
                }
            }
            wanted
        });
        let key = canonical(&schema, key);
        let base = key.split(';').next().unwrap_or_default();
        let key_kind = match base {
            "objectguid" | "ms-ds-consistencyguid" | "msexchmailboxguid" => KeyKind::Guid,
            "objectsid" => KeyKind::Sid,
            "entryuuid" | "nsuniqueid" => KeyKind::Uuid,
            other if schema.is_binary(other) => KeyKind::Octets,
            _ => KeyKind::Text,
        };
        Self {
            schema,
            wanted,
            key,
            key_kind,
            remembered: HashMap::new(),
        }
    }

    pub(super) fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// The name under which members by DN are delivered; `None`: they are not asked for.
    pub(super) fn member_attribute(&self) -> Option<Arc<str>> {
        let Some(wanted) = &self.wanted else {
            return MEMBER_DN_ATTRIBUTES.first().map(|name| Arc::from(*name));
        };
        MEMBER_DN_ATTRIBUTES
            .iter()
            .find_map(|name| wanted.get(*name)?.first().cloned())
    }

    /// What an attribute of an answer is for.
    pub(super) fn describe(&mut self, description: &[u8]) -> Described {
        if let Some(known) = self.remembered.get(description) {
            return Described {
                meaning: Arc::clone(known),
                extent: Extent::Whole,
                plain: String::new(),
            };
        }
        let text = String::from_utf8_lossy(description).into_owned();
        let (plain, extent) = without_range(&text);
        let meaning = Arc::new(self.meaning(&plain));
        if extent == Extent::Whole && self.remembered.len() < REMEMBERED_MAX {
            self.remembered
                .insert(description.to_vec(), Arc::clone(&meaning));
        }
        Described {
            meaning,
            extent,
            plain,
        }
    }

    fn meaning(&self, plain: &str) -> Use {
        let canonical = canonical(&self.schema, plain);
        let base = canonical.split(';').next().unwrap_or_default();
        let deliver = match &self.wanted {
            Some(wanted) => wanted.get(&canonical).cloned().unwrap_or_default(),
            None => vec![without_binary(plain).into()],
        };
        Use {
            deliver,
            is_key: canonical == self.key,
            binary: self.schema.is_binary(base)
                || plain
                    .to_ascii_lowercase()
                    .split(';')
                    .any(|option| option == "binary"),
            members: MEMBER_ATTRIBUTES.contains(&base),
            member_dns: MEMBER_DN_ATTRIBUTES.contains(&base),
            member_url: base == MEMBER_URL,
        }
    }
}

/// Folded, by the schema's first name, without `;binary`, other options in order.
fn canonical(schema: &Subschema, description: &str) -> String {
    let folded = description.trim().to_ascii_lowercase();
    let mut parts = folded.split(';');
    let mut name = schema.canonical(parts.next().unwrap_or_default());
    let mut options: Vec<&str> = parts.filter(|option| *option != "binary").collect();
    options.sort_unstable();
    for option in options {
        name.push(';');
        name.push_str(option);
    }
    name
}

fn without_binary(description: &str) -> String {
    let kept: Vec<&str> = description
        .split(';')
        .filter(|part| !part.eq_ignore_ascii_case("binary"))
        .collect();
    kept.join(";")
}

/// Splits `member;range=0-1499` into `member` and how much that is.
fn without_range(description: &str) -> (String, Extent) {
    let mut extent = Extent::Whole;
    let kept: Vec<&str> = description
        .split(';')
        .filter(|part| {
            let folded = part.to_ascii_lowercase();
            let Some(bounds) = folded.strip_prefix("range=") else {
                return true;
            };
            extent = if bounds.ends_with('*') {
                Extent::Rest
            } else {
                Extent::Part
            };
            false
        })
        .collect();
    (kept.join(";"), extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(attributes: Option<&[&str]>) -> Names {
        let mut schema = Subschema::default();
        schema.add("( 2.5.4.42 NAME ( 'givenName' 'gn' ) )");
        let attributes: Option<Vec<String>> =
            attributes.map(|list| list.iter().map(|name| (*name).to_owned()).collect());
        Names::new(schema, "entryUUID", attributes.as_deref())
    }

    fn delivered(names: &mut Names, description: &str) -> Vec<String> {
        let described = names.describe(description.as_bytes());
        described
            .meaning
            .deliver
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_requests_spelling_wins_whatever_the_server_writes() {
        let mut names = names(Some(&["GN", "sn;lang-ja", "userCertificate"]));
        assert_eq!(delivered(&mut names, "givenname"), ["GN"]);
        assert_eq!(delivered(&mut names, "2.5.4.42"), ["GN"]);
        assert_eq!(delivered(&mut names, "SN;LANG-JA"), ["sn;lang-ja"]);
        assert!(delivered(&mut names, "sn").is_empty());
        assert_eq!(
            delivered(&mut names, "usercertificate;binary"),
            ["userCertificate"]
        );
        assert!(names.describe(b"entryuuid").meaning.is_key);
    }

    #[test]
    fn without_a_list_everything_is_delivered_as_the_server_spells_it() {
        let mut names = names(None);
        assert_eq!(delivered(&mut names, "givenName"), ["givenName"]);
        assert_eq!(
            delivered(&mut names, "userCertificate;binary"),
            ["userCertificate"]
        );
        assert_eq!(delivered(&mut names, "cn;lang-ja"), ["cn;lang-ja"]);
    }

    #[test]
    fn ranges_are_told_apart_from_names() {
        let mut names = names(Some(&["member"]));
        let described = names.describe(b"member;range=0-1499");
        assert_eq!(
            (described.plain.as_str(), described.extent),
            ("member", Extent::Part)
        );
        assert!(described.meaning.members);
        assert_eq!(names.describe(b"member;Range=1500-*").extent, Extent::Rest);
    }
}
