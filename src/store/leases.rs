//! Who may work: a row with an owner, an expiry and a number that only grows.

use std::time::Duration;

use time::OffsetDateTime;

use crate::dialect::server_now;
use crate::driver::{Cells, FromCells, Trouble, binds, statements};
use crate::records::LeaseHolder;
use crate::writes::Fence;
use crate::{Store, StoreError};

statements! {
    ACQUIRE = "INSERT INTO leases (name, owner, number, acquired, expires)
            VALUES ($1, $2, 1, $3, $3 + $4)
            ON CONFLICT (name) DO UPDATE SET owner = excluded.owner,
                number = leases.number + 1, acquired = excluded.acquired,
                expires = excluded.expires
            WHERE leases.expires <= excluded.acquired
            RETURNING number",
        postgres: concat!(
            "INSERT INTO leases (name, owner, number, acquired, expires)
            SELECT $1, $2, 1, clock, clock + $4 FROM (SELECT ", server_now!("$3"), " AS clock) AS c
            ON CONFLICT (name) DO UPDATE SET owner = excluded.owner,
                number = leases.number + 1, acquired = excluded.acquired,
                expires = excluded.expires
            WHERE leases.expires <= excluded.acquired
            RETURNING number"
        );
    HOLDER = "SELECT owner, number, acquired, expires FROM leases
            WHERE name = $1 AND expires > $2",
        postgres: concat!(
            "SELECT owner, number, acquired, expires FROM leases
            WHERE name = $1 AND expires > ", server_now!("$2")
        );
    RENEW = "UPDATE leases SET expires = $1 + $2
            WHERE name = $3 AND number = $4 AND owner = $5 AND expires > 0",
        postgres: concat!(
            "UPDATE leases SET expires = ", server_now!("$1"), " + $2
            WHERE name = $3 AND number = $4 AND owner = $5 AND expires > 0"
        );
    RELEASE = "UPDATE leases SET expires = 0 WHERE name = $1 AND number = $2 AND owner = $3";
}

impl FromCells for LeaseHolder {
    fn from_cells(cells: &mut Cells<'_>) -> Result<Self, Trouble> {
        Ok(Self {
            owner: cells.take()?,
            number: cells.take()?,
            acquired: cells.take()?,
            expires: cells.take()?,
        })
    }
}

impl Store {
    /// Takes a lease that is free or has run out for `owner`, who names itself as nobody
    /// else does; `None`: somebody holds it (see [`Store::lease_holder`]). On PostgreSQL the database's clock counts, not `now`.
    pub async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
        now: OffsetDateTime,
    ) -> Result<Option<Fence>, StoreError> {
        let taken = self
            .database
            .execute_returning(ACQUIRE, binds![name, owner, now, micros_of(ttl)])
            .await?;
        Ok(taken.first().map(|(number,): &(i64,)| Fence {
            lease: name.to_owned(),
            number: *number,
        }))
    }

    /// Who holds a lease, if anybody does.
    pub async fn lease_holder(
        &self,
        name: &str,
        now: OffsetDateTime,
    ) -> Result<Option<LeaseHolder>, StoreError> {
        self.database.fetch_one(HOLDER, binds![name, now]).await
    }

    /// Holds a lease for another `ttl`, even if it has run out, so long as nobody else has
    /// taken it; `false`: it has passed to somebody else or was given back.
    pub async fn renew_lease(
        &self,
        fence: &Fence,
        owner: &str,
        ttl: Duration,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let binds = binds![
            now,
            micros_of(ttl),
            fence.lease.as_str(),
            fence.number,
            owner
        ];
        Ok(self.database.execute(RENEW, binds).await? > 0)
    }

    /// Gives a lease back, if it is still held.
    pub async fn release_lease(&self, fence: &Fence, owner: &str) -> Result<(), StoreError> {
        let binds = binds![fence.lease.as_str(), fence.number, owner];
        self.database.execute(RELEASE, binds).await?;
        Ok(())
    }
}

fn micros_of(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_micros()).unwrap_or(i64::MAX)
}
