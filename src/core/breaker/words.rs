//! What a breaker says.

use std::{fmt, time::Duration};

/// One of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Attempts are made.
    Closed,
    /// None is.
    Open,
    /// One at a time, to see.
    HalfOpen,
}

impl BreakerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Its name in logs, metrics and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// The breaker itself.
    #[default]
    Auto,
    /// Somebody wants nothing to be sent.
    Open,
    /// Somebody wants it sent, whatever comes of it.
    Closed,
}

impl Force {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// The right to make one attempt and to tell its outcome once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a probe's outcome must be told, or it keeps the next one waiting"]
pub struct Pass {
    /// From 1.
    pub(super) number: u64,
}

/// The answer to who wants to make an attempt.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Permit {
    /// Send what is due.
    Go(Pass),
    /// Send one event: it shows whether the destination is back.
    Probe(Pass),
    /// Send nothing.
    Wait {
        /// When to ask again; `None`: not before somebody acts.
        until: Option<Duration>,
    },
}

/// Why a state began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// So many failures in a row.
    Failures(u32),
    /// Too many failures among the newest attempts.
    ErrorRate {
        /// Of them failed.
        failures: usize,
        /// Attempts.
        attempts: usize,
    },
    /// The probe failed.
    ProbeFailed,
    /// Enough probes succeeded.
    ProbesSucceeded,
    /// The time open is over.
    TimeIsUp,
    /// The destination says that a setting is wrong; without a secret.
    Misconfigured(String),
    /// Somebody forced it.
    Forced,
    /// Somebody left it to itself again.
    Released,
    /// The settings of the destination changed.
    Reset,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures(count) => write!(f, "{count} failures in a row"),
            Self::ErrorRate { failures, attempts } => {
                write!(f, "{failures} of the last {attempts} attempts failed")
            }
            Self::ProbeFailed => f.write_str("the probe failed"),
            Self::ProbesSucceeded => f.write_str("the probes succeeded"),
            Self::TimeIsUp => f.write_str("it was open long enough to try again"),
            Self::Misconfigured(reason) => write!(f, "misconfigured: {reason}"),
            Self::Forced => f.write_str("forced"),
            Self::Released => f.write_str("no longer forced"),
            Self::Reset => f.write_str("the settings changed"),
        }
    }
}

/// From one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: BreakerState,
    /// The state now; never the same.
    pub to: BreakerState,
    /// When.
    pub at: Duration,
    /// Why.
    pub cause: Cause,
    /// When it will try again by itself: only when `to` is open, and it will.
    pub until: Option<Duration>,
}

/// A breaker, for those who ask how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The state. Open beyond `until`: the next attempt will be the probe.
    pub state: BreakerState,
    /// When it began.
    pub since: Duration,
    /// When it tries again by itself: only when open, and it will.
    pub until: Option<Duration>,
    /// Why it began; `None` since the start.
    pub cause: Option<Cause>,
    /// Who decides.
    pub forced: Force,
    /// Failures since the last success, probes included.
    pub consecutive_failures: u32,
    /// Attempts in the window; while not closed, as it was at the opening.
    pub window_attempts: usize,
    /// Of them failed.
    pub window_failures: usize,
}
