//! Durations as others are told them: in milliseconds.

use std::time::Duration;

/// With what is less than one.
#[must_use]
pub fn exact(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The whole ones.
#[must_use]
pub fn whole(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
