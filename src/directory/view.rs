//! A resource as a client sees it, for those who only read it: its document, and beside it
//! what comes from columns and rows (`id`, `schemas`, `meta`, `members`, `groups`).

use serde_json::{Map, Value as Json};

use crate::document::Document;

/// See the module. Members' names are in the schema's spelling.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    document: &'a Map<String, Json>,
    beside: Option<&'a Map<String, Json>>,
}

impl<'a> View<'a> {
    /// A resource in one piece.
    #[must_use]
    pub fn whole(resource: &'a Map<String, Json>) -> Self {
        Self {
            document: resource,
            beside: None,
        }
    }

    /// A document, with what stands beside it.
    #[must_use]
    pub fn of(document: &'a Document, beside: &'a Map<String, Json>) -> Self {
        Self {
            document: document.as_object(),
            beside: Some(beside),
        }
    }

    /// The member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Json> {
        self.beside
            .and_then(|beside| beside.get(name))
            .or_else(|| self.document.get(name))
    }

    /// An attribute, of an extension or not.
    #[must_use]
    pub fn attribute(&self, extension: Option<&str>, name: &str) -> Option<&'a Json> {
        match extension {
            Some(urn) => self.get(urn)?.get(name),
            None => self.get(name),
        }
    }
}
