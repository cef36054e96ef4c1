//! Time and new ids, as arguments: a test decides what they are.

use time::OffsetDateTime;
use uuid::Uuid;

/// Where the time comes from.
pub(crate) trait Clock: std::fmt::Debug + Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's clock; moved by `ROLLCALL_TEST_CLOCK_OFFSET` where a test says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock {
    /// Added to what the machine says.
    pub(crate) offset: time::Duration,
}

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.offset
    }
}

/// A new `UUIDv7` (RFC 9562 §5.7): ascending in time, random behind it.
pub(super) fn new_uuid(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        seconds,
        now.nanosecond(),
    ))
}
