//! The batch: all writes of some steps in one transaction, or none.

use time::OffsetDateTime;

use crate::error::CommitError;
use crate::ids::{SourceId, TenantId};
use crate::records::Actor;
use crate::writes::{Fence, Step};
use crate::{Store, StoreError, unfinished};

impl Store {
    /// Does all writes of all steps, with their journal lines, in one transaction; or,
    /// if one cannot be done, none. A userName may pass from one resource to another
    /// within the batch, whatever the order of the steps: uniqueness counts at its end.
    pub async fn commit(
        &self,
        steps: &[Step],
        actor: &Actor,
        source: Option<SourceId>,
        tenant: TenantId,
        fence: Option<&Fence>,
        now: OffsetDateTime,
    ) -> Result<(), CommitError> {
        let _ = (steps, actor, source, tenant, fence, now);
        Ok(unfinished()?)
    }
}
