//! What one client has taken, or all of them together.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use governor::{
    RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::core::{access::Quota, millis};

/// What a client may take; nothing is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quotas {
    pub(super) requests: Option<Quota>,
    pub(super) bytes: Option<Quota>,
}

impl Quotas {
    /// Whether there is no limit.
    pub(super) fn are_none(&self) -> bool {
        self.requests.is_none() && self.bytes.is_none()
    }

    /// After so long without a request, a client has all of them again.
    pub(super) fn refill(&self) -> Duration {
        let quotas = [self.requests, self.bytes].into_iter().flatten();
        quotas.map(|quota| quota.refill(quota.burst.get())).max().unwrap_or_default()
    }
}

/// A quota, and what is left of it.
pub(super) struct Bucket {
    pub(super) quota: Quota,
    left: RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>,
}

impl Bucket {
    fn new(quota: Quota) -> Self {
        let full = governor::Quota::per_second(quota.per_second).allow_burst(quota.burst);
        Self { quota, left: RateLimiter::direct(full).with_middleware() }
    }

    /// A bucket of which so much is taken already.
    fn with(quota: Quota, taken: u32) -> Self {
        let bucket = Self::new(quota);
        let taken = taken.min(quota.burst.get());
        // Of a full bucket no more is taken than it holds.
        bucket.take(taken).ok();
        bucket
    }

    /// What is taken and has not come back.
    fn taken(&self) -> u32 {
        // To look costs one, of a bucket that nobody uses any more.
        let left = self.take(1).map_or(0, |left| left + 1);
        self.quota.burst.get().saturating_sub(left)
    }

    /// Takes so much, and tells what is left; or takes nothing, and tells how long to wait. What is
    /// more than all of it takes all of it.
    pub(super) fn take(&self, amount: u32) -> Result<u32, Duration> {
        let Some(amount) = NonZeroU32::new(amount) else { return Ok(self.quota.burst.get()) };
        match self.left.check_n(amount.min(self.quota.burst)) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(later)) => Err(later.wait_time_from(DefaultClock::default().now())),
            Err(_more_than_all) => Err(self.quota.refill(amount.get())),
        }
    }
}

/// A client, or all of them.
pub(super) struct Client {
    pub(super) requests: ArcSwapOption<Bucket>,
    pub(super) bytes: ArcSwapOption<Bucket>,
    connections: AtomicUsize,
    /// When it was seen last, in milliseconds since the router started.
    seen: AtomicU64,
}

impl Client {
    /// A client that has taken nothing.
    pub(super) fn new(quotas: &Quotas) -> Self {
        Self {
            requests: ArcSwapOption::from_pointee(quotas.requests.map(Bucket::new)),
            bytes: ArcSwapOption::from_pointee(quotas.bytes.map(Bucket::new)),
            connections: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// Has other quotas from now on; what was taken is taken, as far as there is as much.
    pub(super) fn adopt(&self, quotas: &Quotas) {
        for (bucket, quota) in [(&self.requests, quotas.requests), (&self.bytes, quotas.bytes)] {
            let before = bucket.load();
            if before.as_ref().map(|bucket| bucket.quota) == quota {
                continue;
            }
            let taken = before.as_ref().map_or(0, |bucket| bucket.taken());
            bucket.store(quota.map(|quota| Arc::new(Bucket::with(quota, taken))));
        }
    }

    /// Takes one connection of `most`, where 0 is any number; false when there is none left.
    pub(super) fn connect(&self, most: usize) -> bool {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let fits = most == 0 || before < most;
        if !fits {
            self.disconnect();
        }
        fits
    }

    /// Gives a connection back.
    pub(super) fn disconnect(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Notes when it was seen, since the router started.
    pub(super) fn saw(&self, now: Duration) {
        self.seen.store(millis::whole(now), Ordering::Relaxed);
    }

    /// When it was seen last, since the router started.
    pub(super) fn last_seen(&self) -> Duration {
        Duration::from_millis(self.seen.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_tells_when_there_is_more() {
        let bucket = Bucket::new(Quota::of(1, 3, 0).unwrap());
        assert_eq!(bucket.take(1), Ok(2));
        assert_eq!(bucket.take(2), Ok(0));
        let wait = bucket.take(2).unwrap_err();
        assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(2), "{wait:?}");
        assert_eq!(bucket.take(0), Ok(3), "nothing costs nothing");
    }

    #[test]
    fn what_is_more_than_all_takes_all() {
        let bucket = Bucket::new(Quota::of(1, 3, 0).unwrap());
        assert_eq!(bucket.take(u32::MAX), Ok(0));
        assert!(bucket.take(1).is_err());
    }

    #[test]
    fn under_other_quotas_what_was_taken_is_taken() {
        let quotas = |burst| Quotas { requests: Quota::of(1, burst, 0), bytes: None };
        let client = Client::new(&quotas(10));
        let take = |amount| client.requests.load().as_ref().unwrap().take(amount);
        assert_eq!(take(7), Ok(3));
        client.adopt(&quotas(20));
        assert_eq!(take(1), Ok(12), "13 of 20 were left");
        client.adopt(&quotas(3));
        assert!(take(1).is_err(), "more than all of it was taken");
        client.adopt(&Quotas { requests: None, bytes: None });
        assert!(client.requests.load().is_none());
        client.adopt(&quotas(3));
        assert_eq!(take(1), Ok(2), "nobody counted meanwhile");
    }

    #[test]
    fn connections_are_bounded_and_given_back() {
        let client = Client::new(&Quotas { requests: None, bytes: None });
        assert!(client.connect(2) && client.connect(2) && !client.connect(2));
        client.disconnect();
        assert!(client.connect(2) && !client.connect(2));
        assert!(client.connect(0), "any number");
    }
}
