//! Moving clients from the direct path to the realtime path, step by step, and back by itself.
//!
//! - [`assign`] says where a client belongs, and why; [`preview`], who would move if things were
//!   otherwise; [`Moves`], when a client may.
//! - [`Rollout`] says when the share grows and when it comes back; [`Report`] tells it to people.
//!
//! ```text
//!             all gates hold for the whole hold time
//!    ┌────┐ ──────────► ┌────┐ ──────────► ┌────┐ ─────► … 100
//!    │ 0  │             │ 25 │             │ 50 │
//!    └────┘ ◄────────── └────┘ ◄────────── └────┘
//!             a trigger, confirmed; then grace and cool-down
//! ```
//!
//! **Gates** must all hold, at each tick, for the whole hold time: every event goes to Realtime,
//! verdicts are made, the breaker is closed, enough events are scored, and nearly all of those whose
//! verdict is due, the match rate, the p95 of the last minute, and the error rate. Rates are of
//! what was counted since the step began. What is not known does not hold.
//!
//! **Triggers** bring it back one step: the match rate or the error rate within the window, or the p95
//! against the baseline, when they are bad without a break for `patience`; and a rate counts only
//! with `min_faults` faults, so that one bad event of ten is not a rate of 90 %. The breaker has a
//! patience of its own: when it opens, that is enough, once: until something is delivered again, over a
//! restart too, its clients are on the direct path anyway.
//!
//! **After it came back**, nothing counts for `grace`: verdicts of before are still coming. If things are
//! still bad after that, it comes back by another step. It goes on after `cool_down` at the
//! earliest, and after `freeze_after` times in a row only when somebody resumes.
//!
//! **A restart**, of the process or of what counts, begins the step anew: nothing is assumed to hold.
//!
//! Nothing here is done: a [`Decision`] is what should be, and [`Rollout::moved`] says that it is.

mod assign;
mod command;
mod gates;
#[cfg(test)]
mod laws;
mod machine;
mod measures;
mod pacer;
mod patterns;
mod plan;
mod preview;
mod report;
mod summons;
#[cfg(test)]
mod tests;
mod words;

pub use self::{
    assign::{Assignment, Audience, Circumstances, Path, Rule, Segment, assign},
    command::{Command, Order, Refusal},
    gates::{Gate, Reason, Sign},
    machine::Rollout,
    measures::Measures,
    pacer::{Moves, Pacer},
    patterns::{BadPattern, Patterns},
    plan::{BadPlan, Plan, Steps},
    preview::{Mover, Preview, Situation, preview},
    report::{MoveCounts, Report, StepEnd, StepOutcome, StepReport, WorstCase},
    summons::{Called, Callers, Look, Present, Summons, all_leave},
    words::{Cause, Decision, Memory, Pause, Wait},
};
