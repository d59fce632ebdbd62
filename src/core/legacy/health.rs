//! `websocket_health`: how the old sockets are, measured by pings with a payload and their pongs.
//!
//! Times are durations since the router started.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

/// A ping without an answer for so long is a warning.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Nothing heard of any client for so long is stale.
const STALE: Duration = Duration::from_mins(1);
/// Round trips that averages are made of.
const ROUND_TRIPS: usize = 10;

/// What is measured, of all sessions of a port together.
#[derive(Debug, Default)]
pub struct Health {
    /// The newest, newest last.
    round_trips: VecDeque<Duration>,
    heard: Option<Duration>,
    /// Sessions that ended and have not come back.
    gone: u64,
    reconnections: u64,
    timeouts: u64,
}

impl Health {
    /// A session begins. When one has ended before, it counts as come back.
    pub fn opened(&mut self, now: Duration) {
        self.heard = Some(now);
        if self.gone > 0 {
            self.gone -= 1;
            self.reconnections += 1;
        }
    }

    /// A session has ended.
    pub fn closed(&mut self) {
        self.gone += 1;
    }

    /// A ping was answered.
    pub fn pong(&mut self, round_trip: Duration, now: Duration) {
        self.heard = Some(now);
        self.round_trips.push_back(round_trip);
        if self.round_trips.len() > ROUND_TRIPS {
            self.round_trips.pop_front();
        }
    }

    /// A ping had no answer within [`PING_TIMEOUT`].
    pub fn late(&mut self) {
        self.timeouts += 1;
    }

    /// The data of `websocket_health`, under the port it was measured on.
    #[must_use]
    pub fn report(&self, port: u16, now: Duration) -> Value {
        let mut sorted: Vec<_> = self.round_trips.iter().copied().collect();
        sorted.sort_unstable();
        let sum: Duration = sorted.iter().sum();
        let average = sum.checked_div(u32::try_from(sorted.len()).unwrap_or(1)).unwrap_or_default();
        let rank = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
        let p95 = sorted.get(rank).copied().unwrap_or_default();
        let current = self.round_trips.back().copied().unwrap_or_default();
        let is_fresh = self.heard.is_some_and(|heard| now.saturating_sub(heard) < STALE);
        json!({
            port.to_string(): {
                "uptime_seconds": now.as_secs(),
                "uptime_formatted": formatted(now),
                "current_ping_ms": millis(current),
                "avg_ping_ms": millis(average),
                "p95_ping_ms": millis(p95),
                "reconnection_count": self.reconnections,
                "timeout_warnings": self.timeouts,
                "status": if is_fresh { "connected" } else { "stale" },
            },
        })
    }
}

/// Milliseconds to the microsecond.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn formatted(time: Duration) -> String {
    let seconds = time.as_secs();
    let parts = [(seconds / 86_400, 'd'), (seconds / 3600 % 24, 'h'), (seconds / 60 % 60, 'm')];
    let long = parts.into_iter().skip_while(|(n, _)| *n == 0);
    let parts = long.chain([(seconds % 60, 's')]).map(|(n, unit)| format!("{n}{unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_last_ten_round_trips_count() {
        let mut health = Health::default();
        let report = health.report(8080, s(5))["8080"].clone();
        assert_eq!(
            (&report["current_ping_ms"], &report["p95_ping_ms"]),
            (&json!(0.0), &json!(0.0))
        );
        assert_eq!(report["status"], "stale", "nobody was there yet");
        health.opened(s(5));
        for ms in [9_000, 10, 2, 3, 4, 5, 6, 7, 8, 9, 1] {
            health.pong(Duration::from_millis(ms), s(6));
        }
        let report = health.report(8080, s(65))["8080"].clone();
        assert_eq!(report["current_ping_ms"], 1.0);
        assert_eq!((&report["avg_ping_ms"], &report["p95_ping_ms"]), (&json!(5.5), &json!(10.0)));
        assert_eq!(
            (&report["status"], &report["uptime_seconds"]),
            (&json!("connected"), &json!(65))
        );
        assert_eq!(health.report(8080, s(66))["8080"]["status"], "stale");
    }

    #[test]
    fn who_comes_after_somebody_went_has_come_back() {
        let mut health = Health::default();
        health.opened(s(0));
        health.opened(s(0));
        health.closed();
        for _ in 0..3 {
            health.opened(s(1));
        }
        health.late();
        let report = health.report(1, s(1))["1"].clone();
        assert_eq!(
            (&report["reconnection_count"], &report["timeout_warnings"]),
            (&json!(1), &json!(1))
        );
    }

    #[test]
    fn times_read_easily() {
        for (seconds, text) in
            [(0, "0s"), (61, "1m 1s"), (3600, "1h 0m 0s"), (90_061, "1d 1h 1m 1s")]
        {
            assert_eq!(formatted(s(seconds)), text);
        }
    }
}
