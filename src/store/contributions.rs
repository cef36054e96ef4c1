//! What a link says, as its row holds it.
//!
//! Where one source tells all that is known of somebody, its contribution and the document
//! hold the same. It is not written down a second time then: the row holds, in brackets,
//! only the units of which the source says that there is none. Before the document becomes
//! another, such a contribution is written out (`commit/flush.rs`). Whoever reads links
//! reads whole contributions.

use rollcall_directory::contribution::Contribution;
use rollcall_directory::document::Document;

use crate::driver::{Cells, Trouble, json};
use crate::error::StoreError;
use crate::journal::text_of;

/// The two columns that [`take`] reads. The row of the link is `l`.
macro_rules! contribution_columns {
    () => {
        "l.contribution, CASE WHEN substr(l.contribution, 1, 1) = '[' THEN \
         (SELECT said.doc FROM resources said WHERE said.id = l.resource) END"
    };
}
pub(crate) use contribution_columns;

/// The text for the row of a link whose resource holds `document`; `None`: it has to be
/// written down whole.
pub(crate) fn beside(
    contribution: &Contribution,
    document: &Document,
) -> Result<Option<String>, StoreError> {
    match contribution.beside(document) {
        Some(none) => text_of(&[none]).map(Some),
        None => Ok(None),
    }
}

/// The contribution of a row's text and, where that is in brackets, of the document.
pub(crate) fn whole(text: &str, document: Option<&str>) -> Result<Contribution, Trouble> {
    let Some(document) = document else {
        return json(text);
    };
    let document: Document = json(document)?;
    let beside: [Contribution; 1] = json(text)?;
    let mut whole = Contribution::of_document(&document);
    for (unit, value) in beside.iter().flat_map(Contribution::iter) {
        whole.say(unit.clone(), value.clone());
    }
    Ok(whole)
}

/// Reads [`contribution_columns`].
pub(crate) fn take(cells: &mut Cells<'_>) -> Result<Contribution, Trouble> {
    let text: String = cells.take()?;
    let document: Option<String> = cells.take()?;
    whole(&text, document.as_deref())
}
