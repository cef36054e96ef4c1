//! The difference between two states of a resource, unit by unit: what the journal keeps,
//! a plan shows and an undo turns round.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::document::Document;
use crate::schema::Unit;

/// One unit's change. `before` and `after` are never both absent, and never equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What changes.
    pub unit: Unit,
    /// The old value; absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// The new value; absent: there is none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
}

impl Change {
    /// The change that puts the old value back.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            unit: self.unit,
            before: self.after,
            after: self.before,
        }
    }
}

/// What turns `before` into `after`, ordered by unit.
#[must_use]
pub fn diff(before: &Document, after: &Document) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (unit, old) in before.units() {
        let new = after.get(&unit);
        if new != Some(old) {
            changes.push(Change {
                before: Some(old.clone()),
                after: new.cloned(),
                unit,
            });
        }
    }
    for (unit, new) in after.units() {
        if before.get(&unit).is_none() {
            changes.push(Change {
                before: None,
                after: Some(new.clone()),
                unit,
            });
        }
    }
    changes.sort_by(|a, b| a.unit.cmp(&b.unit));
    changes
}

/// Makes the changes: `apply(diff(a, b), a) == b`.
pub fn apply(changes: &[Change], document: &mut Document) {
    for change in changes {
        document.set(&change.unit, change.after.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const UNITS: [&str; 7] = [
        "userName",
        "title",
        "name.givenName",
        "name.familyName",
        "emails",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ];

    fn document() -> impl Strategy<Value = Document> {
        proptest::collection::vec((0..UNITS.len(), "[ab]{0,2}"), 0..8).prop_map(|sets| {
            let mut document = Document::default();
            for (index, text) in sets {
                let value = if UNITS[index] == "emails" {
                    json!([{"value": text}])
                } else {
                    json!(text)
                };
                document.set(&Unit::from_canonical(UNITS[index]), Some(value));
            }
            document
        })
    }

    proptest! {
        #[test]
        fn applying_the_difference_gives_the_other(a in document(), b in document()) {
            let changes = diff(&a, &b);
            let mut patched = a.clone();
            apply(&changes, &mut patched);
            prop_assert_eq!(&patched, &b);
            let back: Vec<_> = changes.into_iter().map(Change::inverse).collect();
            apply(&back, &mut patched);
            prop_assert_eq!(patched, a);
        }

        #[test]
        fn equal_documents_have_no_difference(a in document()) {
            prop_assert!(diff(&a, &a).is_empty());
        }
    }
}
