//! How much one client may do. Rates are averages over a minute, as on the real server: bursts
//! pass, then everything waits until the average has fallen.

use std::time::Duration;

/// Seconds over which a rate is averaged.
const AVERAGED: f64 = 60.0;

/// What one client may do. A rate of 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Channels on one socket.
    pub channels: usize,
    /// Joins a second.
    pub joins_per_second: u32,
    /// Broadcasts, and messages of unknown meaning, a second.
    pub events_per_second: u32,
    /// Presence messages a second.
    pub presence_per_second: u32,
    /// Presence messages of one channel in each [`Limits::presence_window`].
    pub presence_calls: u32,
    /// See [`Limits::presence_calls`].
    pub presence_window: Duration,
    /// Largest payload of a broadcast or a presence, in bytes.
    pub payload_bytes: usize,
    /// Silence after which a socket is closed.
    pub idle: Duration,
    /// Time without any channel after which a socket is closed.
    pub without_channels: Duration,
}

impl Default for Limits {
    /// Those of a self-hosted real server.
    fn default() -> Self {
        Self {
            channels: 100,
            joins_per_second: 100,
            events_per_second: 100,
            presence_per_second: 1000,
            presence_calls: 5,
            presence_window: Duration::from_secs(30),
            payload_bytes: 3_000_500,
            idle: Duration::from_mins(1),
            without_channels: Duration::from_mins(10),
        }
    }
}

impl Limits {
    /// The same for who may say as much as it has to say.
    #[must_use]
    pub fn without_rates(self) -> Self {
        Self { joins_per_second: 0, events_per_second: 0, ..self }
    }
}

/// What is left of a rate. Times are durations since any fixed moment.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    per_second: f64,
    left: f64,
    at: Duration,
}

impl Allowance {
    /// All of it; a rate of 0 is no limit.
    #[must_use]
    pub fn new(per_second: u32, now: Duration) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: per_second * AVERAGED, at: now }
    }

    /// Takes one, if one is left.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        self.take_all(1, now)
    }

    /// Takes so many, if as many are left.
    pub fn take_all(&mut self, amount: u32, now: Duration) -> bool {
        let amount = f64::from(amount);
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.per_second * AVERAGED);
        self.at = now;
        if self.per_second > 0.0 && self.left < amount {
            return false;
        }
        self.left -= amount;
        true
    }

    /// How many a second were taken, on an average of the last minute.
    #[must_use]
    pub fn rolling(&self) -> f64 {
        self.per_second - self.left / AVERAGED
    }
}

/// Calls in a window of time that begins with the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Calls {
    count: u32,
    ends: Option<Duration>,
}

impl Calls {
    /// Counts one, if the window has room for it.
    pub(super) fn take(&mut self, now: Duration, most: u32, window: Duration) -> bool {
        if self.ends.is_none_or(|ends| now > ends) {
            *self = Self { count: 0, ends: Some(now + window) };
        }
        self.count += 1;
        self.count <= most || most == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_pass_up_to_the_average_of_a_minute() {
        let second = Duration::from_secs(1);
        let mut allowance = Allowance::new(2, second);
        assert!((0..120).all(|_| allowance.take(second)));
        assert!(!allowance.take(second));
        assert!((allowance.rolling() - 2.0).abs() < 0.001);
        assert!(!allowance.take_all(2, second * 3 / 2));
        assert!(allowance.take(second * 3 / 2));
        assert!(!allowance.take(second * 3 / 2));
        let later = second * 1000;
        assert_eq!((0..999).filter(|_| allowance.take(later)).count(), 120, "no more is saved up");
        let mut unlimited = Allowance::new(0, second);
        assert!((0..999).all(|_| unlimited.take(second)));
    }

    #[test]
    fn a_window_begins_with_its_first_call() {
        let at = Duration::from_secs;
        let mut calls = Calls::default();
        let mut take = |second| calls.take(at(second), 2, at(30));
        assert_eq!([5, 6, 35, 36, 37].map(&mut take), [true, true, false, true, true]);
        assert!(!take(66));
    }
}
