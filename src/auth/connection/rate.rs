//! How often each client may come, and all of a tenant together: so many requests a second
//! on average, and a burst after a pause. In memory, for each process by itself: a limit
//! against abuse, not a quota.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use rollcall_store::ids::{SourceId, TenantId};

use super::Admitted;
use crate::config::Rate;

/// A request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Requests a second that are allowed.
    pub(crate) per_second: u32,
    /// When the next may come.
    pub(crate) wait: Duration,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Connection(SourceId),
    Token(TenantId, String),
    Tenant(TenantId),
}

/// A limiter, and for which rate it was made.
type Limiter = (Rate, Arc<DefaultDirectRateLimiter>);

/// All clients and tenants. Each has a limiter of its own: one at its limit does not slow
/// another.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<HashMap<Key, Limiter>>);

impl Rates {
    /// Counts a request of a client, whose tenant has a rate, too.
    pub(super) fn count(&self, client: &Admitted, of_tenant: Rate) -> Result<(), TooMany> {
        let own = match &client.source {
            Some(source) => Key::Connection(source.id),
            None => Key::Token(client.tenant.id, client.name.clone()),
        };
        // What a client asks in vain is not its tenant's.
        self.count_at(own, client.settings.limits.rate)?;
        self.count_at(Key::Tenant(client.tenant.id), of_tenant)
    }

    fn count_at(&self, key: Key, rate: Rate) -> Result<(), TooMany> {
        let limiter = self.limiter(key, rate);
        limiter.check().map_err(|not_until| TooMany {
            per_second: rate.requests_per_second,
            wait: not_until.wait_time_from(DefaultClock::default().now()),
        })
    }

    fn limiter(&self, key: Key, rate: Rate) -> Arc<DefaultDirectRateLimiter> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&key).filter(|(made_for, _)| *made_for == rate);
        if let Some((_, limiter)) = known {
            return Arc::clone(limiter);
        }
        let limiter = Arc::new(RateLimiter::direct(quota(rate)));
        all.insert(key, (rate, Arc::clone(&limiter)));
        limiter
    }
}

fn quota(rate: Rate) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(rate.requests_per_second)).allow_burst(at_least_one(rate.burst))
}
