//! The server's own schema (RFC 4512 §4.2): which names and numbers mean the same
//! attribute, and which attributes hold octets that are no text.

use std::collections::HashMap;

use super::connection::{Patience, Session};
use super::errors::{Trouble, code};
use super::filter;
use super::message::{Answer, Scope, Search};
use super::settings::Settings;

/// Syntaxes (RFC 4517 and Active Directory's) whose values are octets.
const BINARY_SYNTAXES: &[&str] = &[
    "1.3.6.1.4.1.1466.115.121.1.4",  // audio
    "1.3.6.1.4.1.1466.115.121.1.5",  // binary
    "1.3.6.1.4.1.1466.115.121.1.8",  // certificate
    "1.3.6.1.4.1.1466.115.121.1.9",  // certificate list
    "1.3.6.1.4.1.1466.115.121.1.10", // certificate pair
    "1.3.6.1.4.1.1466.115.121.1.23", // fax
    "1.3.6.1.4.1.1466.115.121.1.28", // JPEG
    "1.3.6.1.4.1.1466.115.121.1.40", // octet string
    "1.2.840.113556.1.4.907",        // NT security descriptor
];

/// Attributes that are octets even where no schema says so, folded.
const BINARY_ATTRIBUTES: &[&str] = &[
    "audio",
    "authorityrevocationlist",
    "cacertificate",
    "certificaterevocationlist",
    "crosscertificatepair",
    "jpegphoto",
    "logonhours",
    "ms-ds-consistencyguid",
    "msexchmailboxguid",
    "ntsecuritydescriptor",
    "objectguid",
    "objectsid",
    "photo",
    "sidhistory",
    "thumbnaillogo",
    "thumbnailphoto",
    "usercertificate",
    "userpkcs12",
    "usersmimecertificate",
];

/// How far `SUP` is followed.
const SUPERIORS_MAX: usize = 20;

#[derive(Debug, Default, Clone)]
struct AttributeType {
    names: Vec<String>,
    superior: Option<String>,
    syntax: Option<String>,
}

/// The attribute types that a server published; empty when it published none.
#[derive(Debug, Default, Clone)]
pub(super) struct Subschema {
    types: Vec<AttributeType>,
    /// Folded names and OIDs.
    by_name: HashMap<String, usize>,
}

impl Subschema {
    /// Takes one `attributeTypes` value in; what is not understood is passed over.
    pub(super) fn add(&mut self, definition: &str) {
        let mut words = Words(definition);
        if words.next() != Some("(") {
            return;
        }
        let Some(oid) = words.next() else { return };
        let mut attribute = AttributeType::default();
        while let Some(word) = words.next() {
            match word {
                "NAME" => attribute.names = words.list(),
                "SUP" => attribute.superior = words.next().map(str::to_lowercase),
                "SYNTAX" => {
                    attribute.syntax = words
                        .next()
                        .and_then(|syntax| syntax.split('{').next())
                        .map(|syntax| syntax.trim_matches('\'').to_owned());
                }
                _ => {}
            }
        }
        let place = self.types.len();
        self.by_name.insert(oid.to_lowercase(), place);
        for name in &attribute.names {
            self.by_name.insert(name.to_lowercase(), place);
        }
        self.types.push(attribute);
    }

    fn find(&self, folded: &str) -> Option<&AttributeType> {
        self.types.get(*self.by_name.get(folded)?)
    }

    /// One folded name for all names of an attribute.
    pub(super) fn canonical(&self, name: &str) -> String {
        let folded = name.to_ascii_lowercase();
        match self.find(&folded).and_then(|found| found.names.first()) {
            Some(first) => first.to_ascii_lowercase(),
            None => folded,
        }
    }

    /// Whether the values are octets.
    pub(super) fn is_binary(&self, canonical: &str) -> bool {
        if BINARY_ATTRIBUTES.contains(&canonical) {
            return true;
        }
        let mut here = self.find(canonical);
        for _ in 0..SUPERIORS_MAX {
            let Some(attribute) = here else { return false };
            if let Some(syntax) = &attribute.syntax {
                return BINARY_SYNTAXES.contains(&syntax.as_str());
            }
            here = attribute
                .superior
                .as_deref()
                .and_then(|name| self.find(name));
        }
        false
    }

    /// Every name and alias in the schema's spelling.
    pub(super) fn names(&self) -> Vec<String> {
        self.types
            .iter()
            .flat_map(|attribute| attribute.names.iter().cloned())
            .collect()
    }
}

/// The words of a definition: parentheses apart, quoted texts without quotes.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        let first = rest.chars().next()?;
        let (word, rest) = match first {
            '(' | ')' => rest.split_at(1),
            '\'' => {
                let inside = rest.get(1..)?;
                inside.split_once('\'')?
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || c == '(' || c == ')')
                    .unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        self.0 = rest;
        Some(word)
    }

    /// One text, or several in parentheses.
    fn list(&mut self) -> Vec<String> {
        match self.next() {
            Some("(") => {
                let mut list = Vec::new();
                while let Some(word) = self.next().filter(|word| *word != ")") {
                    list.push(word.to_owned());
                }
                list
            }
            Some(word) => vec![word.to_owned()],
            None => Vec::new(),
        }
    }
}

/// The values of some attributes of one entry; empty when the entry cannot be read.
pub(super) async fn read_one(
    session: &mut Session,
    settings: &Settings,
    dn: &str,
    attributes: &[String],
) -> Result<Vec<(String, Vec<String>)>, Trouble> {
    let filter = filter::encode(filter::ANYTHING).unwrap_or_default();
    let id = session
        .send_search(&Search {
            base: dn,
            scope: Scope::Base,
            filter: &filter,
            attributes,
            page: None,
        })
        .await?;
    let mut patience = Patience::new(settings.page_timeout);
    let mut found = Vec::new();
    loop {
        match session.answer(id, &mut patience).await? {
            Answer::Entry(mut entry) => {
                while let Some((name, mut values)) = entry.next_attribute()? {
                    let mut texts = Vec::new();
                    while let Some(value) = values.next_value()? {
                        texts.push(String::from_utf8_lossy(value).into_owned());
                    }
                    found.push((String::from_utf8_lossy(name).into_owned(), texts));
                }
            }
            Answer::SearchDone(outcome, _) => {
                if outcome.code != code::SUCCESS {
                    found.clear();
                }
                return Ok(found);
            }
            _ => {}
        }
    }
}

/// Reads the schema that the root DSE names; an unreadable one is an empty one.
pub(super) async fn read(session: &mut Session, settings: &Settings) -> Result<Subschema, Trouble> {
    let mut schema = Subschema::default();
    let root = read_one(session, settings, "", &["subschemaSubentry".to_owned()]).await?;
    let Some(dn) = root.into_iter().flat_map(|(_, values)| values).next() else {
        return Ok(schema);
    };
    for (_, values) in read_one(session, settings, &dn, &["attributeTypes".to_owned()]).await? {
        for definition in values {
            schema.add(&definition);
        }
    }
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_numbers_and_inherited_syntaxes_are_understood() {
        let mut schema = Subschema::default();
        schema.add("( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )");
        schema.add("( 2.5.4.42 NAME ( 'givenName' 'gn' ) DESC 'it''s (a) name' SUP name )");
        schema.add("( 1.2.3 NAME 'blob' SYNTAX '1.3.6.1.4.1.1466.115.121.1.40' )");
        schema.add("not a definition");
        assert_eq!(schema.canonical("GN"), "givenname");
        assert_eq!(schema.canonical("2.5.4.42"), "givenname");
        assert_eq!(schema.canonical("Unknown"), "unknown");
        assert!(schema.is_binary("blob") && schema.is_binary("objectguid"));
        assert!(!schema.is_binary("givenname"));
        assert_eq!(schema.names(), ["name", "givenName", "gn", "blob"]);
    }
}
