//! How much one request may ask for. `/ServiceProviderConfig` tells clients.

use time::Duration;

/// Largest request body, in bytes.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Operations of one bulk request.
pub(super) const BULK_OPERATIONS_MAX: usize = 1_000;
/// Resources of a page when the client does not say.
pub(super) const COUNT_DEFAULT: u32 = 100;
/// Resources of a page at most, whatever the client says.
pub(super) const COUNT_MAX: u32 = 1_000;
/// How long a cursor can be used.
pub(super) const CURSOR_LIFETIME: Duration = Duration::HOUR;
