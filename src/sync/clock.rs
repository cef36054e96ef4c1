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
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + self.offset
    }
}

/// A clock that a test moves.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Moved(pub(crate) std::sync::Mutex<OffsetDateTime>);

#[cfg(test)]
impl Clock for Moved {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }
}

/// Makes new SCIM ids: `UUIDv7` (RFC 9562 §5.7), each greater than the one before, so that
/// those of one run stand side by side in an index.
#[derive(Debug, Default)]
pub(super) struct Uuids {
    context: std::sync::Mutex<uuid::ContextV7>,
}

impl Uuids {
    pub(super) fn next(&self, now: OffsetDateTime) -> Uuid {
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(
            &self.context,
            seconds,
            now.nanosecond(),
        ))
    }
}
