//! How often each client may come: so many requests a second on average, and a burst after
//! a pause. In memory, for each process by itself: a limit against abuse, not a quota.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rollcall_store::ids::{SourceId, TenantId};

use super::Admitted;
use crate::config::RequestLimits;

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Connection(SourceId),
    Token(TenantId, String),
}

/// A limiter, and for which settings it was made.
type Limiter = (RequestLimits, Arc<DefaultDirectRateLimiter>);

/// All clients. Each has a limiter of its own: one at its limit does not slow another.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<Key, Limiter>>);

impl Rates {
    /// Counts a request. `Err`: it is one too many, and when the next may come.
    pub(super) fn count(&self, client: &Admitted) -> Result<(), Duration> {
        let limiter = self.limiter(client);
        limiter
            .check()
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }

    fn limiter(&self, client: &Admitted) -> Arc<DefaultDirectRateLimiter> {
        let key = match &client.source {
            Some(source) => Key::Connection(source.id),
            None => Key::Token(client.tenant.id, client.name.clone()),
        };
        let limits = client.settings.limits;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&key).filter(|(made_for, _)| *made_for == limits);
        if let Some((_, limiter)) = known {
            return Arc::clone(limiter);
        }
        let limiter = Arc::new(RateLimiter::direct(quota(limits)));
        all.insert(key, (limits, Arc::clone(&limiter)));
        limiter
    }
}

fn quota(limits: RequestLimits) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(limits.requests_per_second))
        .allow_burst(at_least_one(limits.burst))
}
