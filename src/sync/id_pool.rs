//! Numbers for new rows. Gaps do no harm: a plan may take numbers that are never used.

use rollcall_store::{IdKind, Store, StoreError};

/// New rows' numbers, fetched from the store in blocks.
#[derive(Debug)]
pub(super) struct IdPool {
    store: Store,
    links: std::ops::Range<i64>,
    resources: std::ops::Range<i64>,
}

impl IdPool {
    /// Numbers a block.
    const BLOCK_IDS: u32 = 10_000;

    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            links: 0..0,
            resources: 0..0,
        }
    }

    pub(super) async fn next(&mut self, kind: IdKind) -> Result<i64, StoreError> {
        loop {
            let range = match kind {
                IdKind::Link => &mut self.links,
                IdKind::Resource => &mut self.resources,
            };
            if let Some(id) = range.next() {
                return Ok(id);
            }
            *range = self.store.reserve_ids(kind, Self::BLOCK_IDS).await?;
        }
    }
}
