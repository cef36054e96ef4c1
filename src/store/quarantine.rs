//! Entries that could not be mapped or reconciled.

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::ids::SourceId;
use crate::records::Quarantined;
use crate::{Store, StoreError};

statements! {
    QUARANTINED = "SELECT source, kind, name, locator, reason, flaws, since FROM quarantine
        WHERE source = $1";
}

impl FromCells for Quarantined {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            source: cells.take()?,
            kind: cells.take()?,
            name: cells.take()?,
            locator: cells.take_json()?,
            reason: cells.take()?,
            flaws: cells.take_json()?,
            since: cells.take()?,
        })
    }
}

impl Store {
    /// All of a source, by kind and name.
    pub async fn quarantined(&self, source: SourceId) -> Result<Vec<Quarantined>, StoreError> {
        let mut found: Vec<Quarantined> = self.database.fetch(QUARANTINED, binds![source]).await?;
        // Here, since the databases disagree about the order of texts.
        found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(found)
    }
}
