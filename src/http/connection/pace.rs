//! How long a connection may be without a request that is being answered.
//!
//! | the connection | may last | then |
//! |---|---|---|
//! | is new | `limits.head_timeout` | it ends |
//! | is new, and has begun a head | as long | the client is told, and it ends |
//! | has a request that is being answered | as long as that takes | |
//! | has answered | `server.keep_alive` | it ends |
//! | has answered, and begun another head | `limits.head_timeout` | it ends |
//!
//! What a client trickles in wins it no time. Only the first head is told about: later, what is not
//! read may as well be the rest of a body. Time is an argument.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::time::Instant;

/// How long a connection may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See `limits.head_timeout`.
    pub head: Duration,
    /// See `server.keep_alive`.
    pub keep_alive: Duration,
}

/// The pace of one connection; clones are the same.
#[derive(Clone, Debug)]
pub struct Pace(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    state: Cell<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New { until: Instant },
    FirstHead { until: Instant },
    Busy,
    Idle { until: Instant },
    NextHead { until: Instant },
}

/// How a connection ends that had its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Quietly,
    Told,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub struct Answering(Pace);

impl Pace {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        let state = Cell::new(State::New { until: now + limits.head });
        Self(Rc::new(Inner { limits, state }))
    }

    /// The client said something.
    pub(super) fn heard(&self, now: Instant) {
        let Inner { limits, state } = &*self.0;
        state.set(match state.get() {
            State::New { until } => State::FirstHead { until },
            State::Idle { .. } => State::NextHead { until: now + limits.head },
            other => other,
        });
    }

    /// The client took something.
    pub(super) fn said(&self, now: Instant) {
        if let State::Idle { .. } = self.0.state.get() {
            self.ended(now);
        }
    }

    /// A request has come. Its connection lasts at least as long as what this returns.
    #[must_use]
    pub fn begin(&self) -> Answering {
        self.0.state.set(State::Busy);
        Answering(self.clone())
    }

    /// Until when it may wait, and what then becomes of it.
    pub(super) fn waiting(&self) -> Option<(Instant, Over)> {
        match self.0.state.get() {
            State::Busy => None,
            State::FirstHead { until } => Some((until, Over::Told)),
            State::New { until } | State::Idle { until } | State::NextHead { until } => {
                Some((until, Over::Quietly))
            }
        }
    }

    fn ended(&self, now: Instant) {
        self.0.state.set(State::Idle { until: now + self.0.limits.keep_alive });
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.ended(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { head: Duration::from_secs(10), keep_alive: Duration::from_secs(75) };

    #[test]
    fn a_head_has_its_time_whatever_comes_of_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pace = Pace::new(LIMITS, start);
        assert_eq!(pace.waiting(), Some((at(10), Over::Quietly)));
        for seconds in [1, 9] {
            pace.heard(at(seconds));
            assert_eq!(pace.waiting(), Some((at(10), Over::Told)), "trickling wins no time");
        }
        let request = pace.begin();
        pace.heard(at(20));
        assert_eq!(pace.waiting(), None);
        drop(request);
        pace.ended(at(20));
        assert_eq!(pace.waiting(), Some((at(95), Over::Quietly)));
        pace.said(at(30));
        assert_eq!(pace.waiting(), Some((at(105), Over::Quietly)));
        for seconds in [40, 45] {
            pace.heard(at(seconds));
            pace.said(at(seconds));
            assert_eq!(pace.waiting(), Some((at(50), Over::Quietly)));
        }
    }
}
