//! Who may work: a row with an owner, an expiry and a number that only grows.

use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::records::LeaseHolder;
use crate::writes::Fence;
use crate::{Store, StoreError, unfinished};

impl Store {
    /// Takes a lease that is free or has run out; `None`: somebody holds it (see
    /// [`Store::lease_holder`]). On PostgreSQL the database's clock counts, not `now`.
    pub async fn acquire_lease(
        &self,
        name: &str,
        owner: Uuid,
        ttl: Duration,
        now: OffsetDateTime,
    ) -> Result<Option<Fence>, StoreError> {
        let _ = (name, owner, ttl, now);
        unfinished()
    }

    /// Who holds a lease, if anybody does.
    pub async fn lease_holder(
        &self,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<Option<LeaseHolder>, StoreError> {
        let _ = (name, now);
        unfinished()
    }

    /// Holds a lease for another `ttl`; `false`: it has passed to somebody else.
    pub async fn renew_lease(
        &self,
        fence: &Fence,
        owner: Uuid,
        ttl: Duration,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let _ = (fence, owner, ttl, now);
        unfinished()
    }

    /// Gives a lease back, if it is still held.
    pub async fn release_lease(&self, fence: &Fence, owner: Uuid) -> Result<(), StoreError> {
        let _ = (fence, owner);
        unfinished()
    }
}
