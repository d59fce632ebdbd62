//! What somebody may want of a rollout.

use super::{
    gates::{Gate, Sign},
    plan::Plan,
};

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The next step, without waiting for the rest of the hold time.
    Advance {
        /// Also when gates do not hold; coverage always must.
        force: bool,
    },
    /// The step before.
    Rollback,
    /// This step, whatever the gates say; coverage must hold to go up.
    Set {
        /// One of the steps.
        percent: u8,
    },
    /// Nothing moves up by itself until somebody resumes; it may still come back.
    Pause,
    /// Goes on by itself again, when the gates hold for the whole hold time from now on.
    Resume,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// To be at this percentage.
    Move {
        /// One of the steps.
        to: u8,
    },
    /// It is paused.
    Paused,
    /// It is no longer paused.
    Resumed,
}

/// Why it must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Who moved would miss events.
    #[error("not every event goes to Realtime: clients that moved there would miss some")]
    NotCovered,
    /// Not before these hold.
    #[error("these gates do not hold: {}", names(.0))]
    Gates(Vec<Sign>),
    /// It is at the last step, or the next one is beyond the maximum.
    #[error("{percent} % is as far as it goes: the maximum is {maximum} %")]
    AtTheEnd {
        /// Where it is.
        percent: u8,
        /// As set.
        maximum: u8,
    },
    /// There is no step before.
    #[error("there is no step before {0} %")]
    AtTheStart(u8),
    /// Beyond the maximum.
    #[error("{percent} % is beyond the maximum of {maximum} %")]
    Beyond {
        /// As wanted.
        percent: u8,
        /// As set.
        maximum: u8,
    },
    /// Only steps are taken.
    #[error("{percent} % is no step: these are {steps:?}")]
    NoStep {
        /// As wanted.
        percent: u8,
        /// As set.
        steps: Vec<u8>,
    },
}

fn names(gates: &[Sign]) -> String {
    gates.iter().map(|gate| gate.name()).collect::<Vec<_>>().join(", ")
}

impl Command {
    /// What comes of it at a percentage.
    pub(super) fn order(
        self,
        plan: &Plan,
        percent: u8,
        covered: bool,
        gates: &[Gate],
    ) -> Result<Order, Refusal> {
        let maximum = plan.maximum;
        match self {
            Self::Pause => Ok(Order::Paused),
            Self::Resume => Ok(Order::Resumed),
            Self::Rollback => {
                let to = plan.steps.before(percent).ok_or(Refusal::AtTheStart(percent))?;
                Ok(Order::Move { to })
            }
            Self::Set { percent: to } if !plan.steps.all().contains(&to) => {
                Err(Refusal::NoStep { percent: to, steps: plan.steps.all().to_vec() })
            }
            Self::Set { percent: to } if to > maximum => {
                Err(Refusal::Beyond { percent: to, maximum })
            }
            Self::Set { percent: to } if to > percent && !covered => Err(Refusal::NotCovered),
            Self::Set { percent: to } => Ok(Order::Move { to }),
            Self::Advance { force } => {
                let to = plan.next(percent).ok_or(Refusal::AtTheEnd { percent, maximum })?;
                if !covered {
                    return Err(Refusal::NotCovered);
                }
                let closed: Vec<_> =
                    gates.iter().filter(|gate| !gate.holds).map(|gate| gate.gate).collect();
                if force || (closed.is_empty() && !gates.is_empty()) {
                    Ok(Order::Move { to })
                } else {
                    Err(Refusal::Gates(closed))
                }
            }
        }
    }
}
