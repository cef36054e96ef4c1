//! Mapping files as they were when they made contributions.

use rollcall_directory::fingerprint::Fingerprint;

use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::records::MappingText;
use crate::{Store, StoreError};

statements! {
    REMEMBER = "INSERT INTO mapping_texts (fingerprint, name, text) VALUES ($1, $2, $3)
        ON CONFLICT (fingerprint) DO NOTHING";
    MAPPING = "SELECT fingerprint, name, text FROM mapping_texts WHERE fingerprint = $1";
}

impl FromCells for MappingText {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            fingerprint: cells.take()?,
            name: cells.take()?,
            text: cells.take()?,
        })
    }
}

impl Store {
    /// Keeps a mapping's text, once.
    pub async fn remember_mapping(&self, mapping: &MappingText) -> Result<(), StoreError> {
        let binds = binds![
            mapping.fingerprint,
            mapping.name.as_str(),
            mapping.text.as_str()
        ];
        self.database.execute(REMEMBER, binds).await?;
        Ok(())
    }

    /// The mapping that had this fingerprint.
    pub async fn mapping_text(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<MappingText>, StoreError> {
        self.database.fetch_one(MAPPING, binds![fingerprint]).await
    }
}
