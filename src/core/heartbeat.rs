//! When a session is pinged, and when it is given up.
//!
//! A ping waits behind everything written before it, so a pong can only be late when nothing is
//! unsent, and a client that was slow a moment ago gets the time of a slow one. Times are
//! durations since any fixed moment.

use std::time::Duration;

use super::protocol::CloseReason;

/// How patient to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Time between pings.
    pub heartbeat: Duration,
    /// Time for a pong.
    pub pong: Duration,
    /// Time in which a client must take at least a byte of what is unsent.
    pub stall: Duration,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing.
    Rest,
    /// Send a ping.
    Ping,
    /// Give the session up.
    End(CloseReason),
}

/// What is known of a session's pulse.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// The last ping, or the beginning.
    pinged: Duration,
    /// Whether that ping still has no answer.
    waiting: bool,
    /// When the socket last took bytes after it had refused some, or began to refuse.
    moved: Option<Duration>,
}

impl Heartbeat {
    /// A session that begins now.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self { pinged: now, waiting: false, moved: None }
    }

    /// The client said something.
    pub fn heard(&mut self) {
        self.waiting = false;
    }

    /// The socket began to refuse bytes, or took some of what it had refused.
    pub fn moved(&mut self, now: Duration) {
        self.moved = Some(now);
    }

    /// What is due now; `unsent` says whether the socket refuses bytes.
    pub fn check(&mut self, now: Duration, unsent: bool, patience: &Patience) -> Beat {
        let slow_until = self.moved.map(|moved| moved + patience.stall);
        if unsent {
            return match slow_until {
                Some(until) if now >= until => Beat::End(CloseReason::Stalled),
                _ => Beat::Rest,
            };
        }
        if self.waiting {
            let deadline = (self.pinged + patience.pong).max(slow_until.unwrap_or_default());
            return if now >= deadline { Beat::End(CloseReason::NoPong) } else { Beat::Rest };
        }
        if now >= self.pinged + patience.heartbeat {
            self.pinged = now;
            self.waiting = true;
            return Beat::Ping;
        }
        Beat::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { heartbeat: s(25), pong: s(10), stall: s(30) };

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn pings_and_gives_up_without_an_answer() {
        let mut beat = Heartbeat::new(s(0));
        assert_eq!(beat.check(s(24), false, &PATIENCE), Beat::Rest);
        assert_eq!(beat.check(s(25), false, &PATIENCE), Beat::Ping);
        assert_eq!(beat.check(s(34), false, &PATIENCE), Beat::Rest);
        assert_eq!(beat.check(s(35), false, &PATIENCE), Beat::End(CloseReason::NoPong));
        beat.heard();
        assert_eq!(beat.check(s(35), false, &PATIENCE), Beat::Rest);
        assert_eq!(beat.check(s(50), false, &PATIENCE), Beat::Ping);
    }

    #[test]
    fn a_slow_client_is_not_a_silent_one() {
        let mut beat = Heartbeat::new(s(0));
        assert_eq!(beat.check(s(25), false, &PATIENCE), Beat::Ping);
        beat.moved(s(26));
        assert_eq!(beat.check(s(40), true, &PATIENCE), Beat::Rest, "no pong counts while unsent");
        beat.moved(s(45));
        assert_eq!(beat.check(s(50), false, &PATIENCE), Beat::Rest, "it was slow a moment ago");
        assert_eq!(beat.check(s(75), false, &PATIENCE), Beat::End(CloseReason::NoPong));
    }

    #[test]
    fn a_client_that_takes_nothing_is_cut() {
        let mut beat = Heartbeat::new(s(0));
        beat.moved(s(3));
        assert_eq!(beat.check(s(32), true, &PATIENCE), Beat::Rest);
        assert_eq!(beat.check(s(33), true, &PATIENCE), Beat::End(CloseReason::Stalled));
    }
}
