//! `limits = { requests_per_second = …, burst = … }`: how often somebody may ask.

use super::section::Section;

/// So many requests a second on average, and a burst after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rate {
    /// Requests a second, on average.
    pub(crate) requests_per_second: u32,
    /// Requests at once after a pause.
    pub(crate) burst: u32,
}

impl Rate {
    /// Of one connection, or of one token that only reads.
    pub(crate) const OF_A_CONNECTION: Self = Self {
        requests_per_second: 1_000,
        burst: 2_000,
    };
    /// Of all connections and tokens of a tenant together.
    pub(crate) const OF_A_TENANT: Self = Self {
        requests_per_second: 2_000,
        burst: 4_000,
    };
    /// What no setting may exceed.
    const CEILING: u64 = 1_000_000;

    /// The keys of a section, which may have others beside.
    pub(super) fn read(section: &Section<'_>, default: Self) -> Self {
        let number = |key, default| {
            section
                .number(key, 1, Self::CEILING)
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(default)
        };
        Self {
            requests_per_second: number("requests_per_second", default.requests_per_second),
            burst: number("burst", default.burst),
        }
    }
}
