//! One run of a source at a time, wherever it was started.
//!
//! A lease is a row with an owner and an end; each commit proves that its run still
//! holds it (fencing). Beside SQLite there is also a file lock, which the system takes
//! back when a process dies: a killed run does not block the next one for a minute.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rollcall_store::ids::{SourceId, TenantId};
use rollcall_store::writes::Fence;
use rollcall_store::{Store, StoreError};
use time::OffsetDateTime;

use super::clock::Clock;
use super::owner::Owner;

/// How long a lease lasts without renewal, in seconds.
pub(crate) const LEASE_SECONDS: u64 = 60;
/// It is renewed every 20 s, so that two renewals may fail.
const RENEWALS_A_LEASE: u32 = 3;

/// A lease that is held, and renewed until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    /// Shown with each commit.
    pub(super) fence: Fence,
    store: Store,
    owner: String,
    renewal: tokio::task::JoinHandle<()>,
    _file: Option<File>,
    /// The tenant's turn to write, once it is taken.
    turn: Option<Box<Lease>>,
}

/// Who wants leases, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Tenancy {
    /// This process.
    pub(crate) owner: Owner,
    /// For how long.
    pub(crate) lasts: Duration,
    /// Beside an SQLite store: the folder of lock files.
    pub(crate) lock_folder: Option<PathBuf>,
}

impl Lease {
    /// Takes the lease of a source, or `None` while another run holds it.
    pub(super) async fn take(
        store: &Store,
        source: SourceId,
        tenancy: &Tenancy,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, StoreError> {
        Self::take_named(store, &name_of(source), tenancy, clock).await
    }

    /// Takes the lease of this name, or `None` while somebody else holds it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the lease holds the handle and ends the task when it is released"
    )]
    pub(super) async fn take_named(
        store: &Store,
        name: &str,
        tenancy: &Tenancy,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, StoreError> {
        let owner = tenancy.owner.text();
        let lock = match &tenancy.lock_folder {
            None => Lock::None,
            Some(folder) => lock_file(folder, name),
        };
        let file = match lock {
            Lock::Taken => return Ok(None),
            Lock::Ours(file) => Some(file),
            Lock::None => None,
        };
        // The lock proves that whoever held the lease here is dead: it counts as run out, and
        // ours ends when it would have.
        let (now, lasts) = match file {
            Some(_) => (clock.now() + tenancy.lasts, Duration::ZERO),
            None => (clock.now(), tenancy.lasts),
        };
        let Some(fence) = store.acquire_lease(name, &owner, lasts, now).await? else {
            return Ok(None);
        };
        let renewal = tokio::spawn(renew(
            store.clone(),
            fence.clone(),
            tenancy.clone(),
            clock.clone(),
        ));
        Ok(Some(Self {
            fence,
            store: store.clone(),
            owner,
            renewal,
            _file: file,
            turn: None,
        }))
    }

    /// Takes the tenant's turn, too; `false` while another source's run has it.
    ///
    /// Whose entry is it, and what do all sources together say? Both are answered from what
    /// the directory holds, so two runs that answered at the same moment could each make the
    /// same person, or each overlook what the other was about to say.
    pub(super) async fn take_turn(
        &mut self,
        tenant: TenantId,
        tenancy: &Tenancy,
        clock: &Arc<dyn Clock>,
    ) -> Result<bool, StoreError> {
        let name = format!("turn:{tenant}");
        let turn = Box::pin(Self::take_named(&self.store, &name, tenancy, clock)).await?;
        self.turn = turn.map(Box::new);
        Ok(self.turn.is_some())
    }

    /// Gives it back.
    pub(super) async fn release(mut self) -> Result<(), StoreError> {
        if let Some(turn) = self.turn.take() {
            Box::pin(turn.release()).await?;
        }
        self.renewal.abort();
        self.store.release_lease(&self.fence, &self.owner).await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(store: Store, fence: Fence, tenancy: Tenancy, clock: Arc<dyn Clock>) {
    let mut ticks = tokio::time::interval(tenancy.lasts / RENEWALS_A_LEASE);
    ticks.tick().await;
    let owner = tenancy.owner.text();
    loop {
        ticks.tick().await;
        let renewed = store
            .renew_lease(&fence, &owner, tenancy.lasts, clock.now())
            .await;
        match renewed {
            Ok(true) => {}
            // Somebody else has it now; the fence keeps our commits out.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, lease = fence.lease, "the lease could not be renewed");
            }
        }
    }
}

/// Who holds the lease of a source, if a process of this program does.
pub(super) async fn holder(
    store: &Store,
    source: SourceId,
    now: OffsetDateTime,
) -> Result<Option<Owner>, StoreError> {
    let holder = store.lease_holder(&name_of(source), now).await?;
    Ok(holder.and_then(|holder| Owner::parse(&holder.owner)))
}

fn name_of(source: SourceId) -> String {
    format!("source:{source}")
}

/// Locks the lease's file. Where locks do not work (some network file systems) the lease
/// alone decides.
fn lock_file(folder: &Path, name: &str) -> Lock {
    let path = folder.join(format!("{}.lock", name.replace(':', "-")));
    let opened = std::fs::create_dir_all(folder).and_then(|()| {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
    });
    let file = match opened {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "no lock file; the lease alone decides");
            return Lock::None;
        }
    };
    match file.try_lock() {
        Ok(()) => Lock::Ours(file),
        Err(std::fs::TryLockError::WouldBlock) => Lock::Taken,
        Err(std::fs::TryLockError::Error(_)) => Lock::None,
    }
}

/// What came of locking the lease's file.
enum Lock {
    /// There is no such file, or locks do not work there.
    None,
    /// Another process has it.
    Taken,
    /// We have it.
    Ours(File),
}
