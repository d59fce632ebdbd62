//! What a rollout decides, and what it is told.

use std::time::Duration;

use super::gates::{Gate, Reason};

/// Why nothing moves up until somebody resumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Somebody wanted that.
    Somebody,
    /// It came back too often.
    Frozen,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Go on to this percentage.
    Advance {
        /// The next step.
        to: u8,
        /// Why, in a sentence.
        why: String,
    },
    /// Come back to this percentage.
    Rollback {
        /// The step before.
        to: u8,
        /// What brought it back.
        reason: Reason,
    },
    /// Stay.
    Wait(Wait),
}

/// Why nothing moves.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait {
    /// There is no next step, or it is beyond the maximum.
    Done,
    /// It does not go on by itself (`rollout.auto`).
    Manual,
    /// Until somebody resumes.
    Paused(Pause),
    /// It came back a short time ago.
    CoolDown {
        /// It may go on then.
        until: Duration,
    },
    /// These gates do not hold.
    Gates(Vec<Gate>),
    /// All gates hold, and must do so until then.
    Hold {
        /// It goes on then.
        until: Duration,
    },
}

/// How a percentage began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The step before held.
    Advanced,
    /// It came back by itself.
    RolledBack,
    /// Somebody brought it back: it cools down, but that is no failure.
    BroughtBack,
    /// Somebody wanted it, here or in the settings.
    Set,
}

/// What is known from before a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The latency before anybody moved.
    pub baseline: Option<Duration>,
    /// Whether it was paused.
    pub paused: Option<Pause>,
    /// How often it came back in a row.
    pub fallen: u32,
    /// From where at most.
    pub from: u8,
    /// It came back because the breaker opened, and nothing has been delivered since.
    pub outage: bool,
}
