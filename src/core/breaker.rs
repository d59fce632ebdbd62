//! When a destination is sent to, and when it is left alone.
//!
//! An **attempt** is a request, whatever it carries. Whoever wants to make one asks for a
//! [`Permit`], and gives the [`Pass`] in it back with what came of it. A pass is good for one
//! outcome, and only while the breaker is in the state that gave it: an answer that comes after
//! that says nothing of now, and is ignored.
//!
//! ```text
//! ┌────────┐  too many failures                              ┌──────┐ ◄─┐
//! │ closed │ ──────────────────────────────────────────────► │ open │   │ the probe fails:
//! └────────┘                                                 └──────┘   │ open twice as long
//!      ▲      enough probes      ┌───────────┐   its time is up │       │
//!      └──────────────────────── │ half-open │ ◄────────────────┘       │
//!             succeed            └───────────┘ ─────────────────────────┘
//! ```
//!
//! | state | an attempt | succeeded | failed | neutral | misconfigured |
//! |---|---|---|---|---|---|
//! | closed | goes | counts | counts, and may open | – | opens without an end |
//! | open | waits until its end, if it has one | – | – | – | – |
//! | half-open | goes as the probe, one at a time | closes, at the second | opens again | frees the probe | opens without an end |
//!
//! **Too many failures** are 5 in a row, or 5 % of the last 100 attempts when these are at least 20:
//! all four are limits.
//!
//! **Only a failure opens.** A success can make the window long enough for the percentage to count,
//! but a destination that has just answered well is no reason to stop.
//!
//! **Neutral** is what says nothing of the destination's health: it asked for fewer requests (429),
//! it rejected an event, or the attempt was called off. It neither counts as an attempt nor breaks
//! a row of failures: if it did, a burst of refusals would hide the errors between them.
//!
//! **Open** lasts `open_for`, twice as long each time a probe failed since it was last closed, at
//! most `open_max`; of that, between half and the whole is drawn, so that routers that lost the
//! same destination do not come back in step, and none later than the settings say.
//!
//! **A probe whose outcome never comes** frees its slot after `probe_for`.
//!
//! **Forced** open or closed, outcomes still count but move nothing; and forced closed there are no
//! probes, so that an event that hangs is not found. Closing clears the window and
//! the doubling. From forced open, `auto` goes on with a probe; from forced closed, with what was
//! counted meanwhile. `auto` also ends the hold of `misconfigured`, as [`Breaker::reset`] does.
//!
//! Times are durations since any fixed moment; one that goes back counts as the latest seen.

mod limits;
mod window;
mod words;

use std::time::Duration;

use self::window::Window;
pub use self::{
    limits::{BadBreaker, BreakerLimits},
    words::{BreakerState, Cause, Force, Pass, Permit, Transition, View},
};

/// The breaker of one destination; see the module's documentation.
#[derive(Debug)]
pub struct Breaker {
    limits: BreakerLimits,
    phase: Phase,
    since: Duration,
    /// Why it is in this state; `None` in the first.
    cause: Option<Cause>,
    forced: Force,
    window: Window,
    /// Failures since the last success.
    failures: u32,
    /// Probes that failed since it was last closed: how often the time open doubles.
    reopened: u32,
    /// Passes given so far.
    passes: u64,
    latest: Duration,
}

/// A state and what belongs to it alone.
#[derive(Debug)]
enum Phase {
    /// Outcomes count of passes above this number.
    Closed {
        after: u64,
    },
    /// No end: somebody must act.
    Open {
        until: Option<Duration>,
    },
    HalfOpen {
        successes: u32,
        probe: Option<Probe>,
    },
}

/// A probe under way.
#[derive(Debug)]
struct Probe {
    number: u64,
    lapses: Duration,
}

impl Breaker {
    /// A closed breaker.
    ///
    /// # Errors
    /// When a limit is out of its range.
    pub fn try_new(limits: BreakerLimits, now: Duration) -> Result<Self, BadBreaker> {
        limits.check()?;
        Ok(Self {
            limits,
            phase: Phase::Closed { after: 0 },
            since: now,
            cause: None,
            forced: Force::Auto,
            window: Window::new(limits.attempts),
            failures: 0,
            reopened: 0,
            passes: 0,
            latest: now,
        })
    }

    /// Whether an attempt may be made now. Asking is what ends the time open, hence the transition.
    #[must_use = "a pass that is dropped keeps the next probe waiting"]
    pub fn permit(&mut self, now: Duration) -> (Permit, Option<Transition>) {
        let now = self.at(now);
        let over = matches!(self.phase, Phase::Open { until: Some(until) } if until <= now);
        let transition = over.then(|| self.half_open(now, Cause::TimeIsUp));
        let number = self.passes + 1;
        let lapses = now.saturating_add(self.limits.probe_for);
        let permit = match &mut self.phase {
            Phase::Closed { .. } => Permit::Go(Pass { number }),
            Phase::Open { until } => Permit::Wait { until: *until },
            Phase::HalfOpen { probe: Some(probe), .. } if now < probe.lapses => {
                Permit::Wait { until: Some(probe.lapses) }
            }
            Phase::HalfOpen { probe, .. } => {
                *probe = Some(Probe { number, lapses });
                Permit::Probe(Pass { number })
            }
        };
        if !matches!(permit, Permit::Wait { .. }) {
            self.passes = number;
        }
        (permit, transition)
    }

    /// The destination took what was sent.
    pub fn succeeded(&mut self, pass: Pass, now: Duration) -> Option<Transition> {
        let now = self.at(now);
        if !self.spends(pass) {
            return None;
        }
        self.failures = 0;
        let successes = match &mut self.phase {
            Phase::Closed { .. } => {
                self.window.record(false);
                return None;
            }
            Phase::Open { .. } => return None,
            Phase::HalfOpen { successes, .. } => {
                *successes += 1;
                *successes
            }
        };
        (successes >= self.limits.successes).then(|| self.close(now, Cause::ProbesSucceeded))
    }

    /// The destination could not be reached, gave no answer, or failed. `jitter`, in `0.0..1.0`, is
    /// drawn by the caller.
    pub fn failed(&mut self, pass: Pass, now: Duration, jitter: f64) -> Option<Transition> {
        let now = self.at(now);
        if !self.spends(pass) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let cause = match self.phase {
            Phase::Open { .. } => return None,
            Phase::HalfOpen { .. } => {
                self.reopened = self.reopened.saturating_add(1);
                Cause::ProbeFailed
            }
            Phase::Closed { .. } => {
                self.window.record(true);
                self.too_many().filter(|_| self.forced == Force::Auto)?
            }
        };
        let period = self.limits.open_period(self.reopened, jitter);
        Some(self.open(Some(now.saturating_add(period)), now, cause))
    }

    /// What says nothing of the destination's health; see the module's documentation.
    pub fn neutral(&mut self, pass: Pass) {
        self.spends(pass);
    }

    /// Nothing can be delivered until somebody acts: holds until [`Self::reset`] or
    /// [`Self::force`].
    pub fn misconfigured(
        &mut self,
        pass: Pass,
        now: Duration,
        reason: impl Into<String>,
    ) -> Option<Transition> {
        let now = self.at(now);
        let moves = self.spends(pass) && self.forced == Force::Auto;
        moves.then(|| self.open(None, now, Cause::Misconfigured(reason.into())))
    }

    /// Somebody decides for it, or leaves it to itself again. The transition is `None` when the
    /// state stays the same.
    pub fn force(&mut self, force: Force, now: Duration) -> Option<Transition> {
        let now = self.at(now);
        self.forced = force;
        match (force, &mut self.phase) {
            (Force::Open, Phase::Open { until }) => {
                *until = None;
                self.cause = Some(Cause::Forced);
                None
            }
            (Force::Open, _) => Some(self.open(None, now, Cause::Forced)),
            (Force::Closed, Phase::Closed { .. }) => None,
            (Force::Closed, _) => Some(self.close(now, Cause::Forced)),
            (Force::Auto, Phase::Open { until: None }) => {
                Some(self.half_open(now, Cause::Released))
            }
            (Force::Auto, _) => None,
        }
    }

    /// The destination is another, or reached otherwise: what was learned of it is forgotten. What
    /// somebody forced stays.
    pub fn reset(&mut self, now: Duration) -> Option<Transition> {
        let now = self.at(now);
        self.forget();
        match &mut self.phase {
            Phase::Closed { after } => {
                *after = self.passes;
                None
            }
            Phase::HalfOpen { successes, probe } => {
                *successes = 0;
                *probe = None;
                None
            }
            Phase::Open { .. } if self.forced == Force::Open => None,
            Phase::Open { .. } => Some(self.half_open(now, Cause::Reset)),
        }
    }

    /// Takes other limits, and keeps what was learned as far as they allow; a time that runs ends
    /// when it was to end.
    ///
    /// # Errors
    /// When a limit is out of its range; nothing changes then.
    pub fn adopt(&mut self, limits: BreakerLimits) -> Result<(), BadBreaker> {
        limits.check()?;
        self.limits = limits;
        self.window.resize(limits.attempts);
        Ok(())
    }

    /// What it is now.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            state: self.state(),
            since: self.since,
            until: self.until(),
            cause: self.cause.clone(),
            forced: self.forced,
            consecutive_failures: self.failures,
            window_attempts: self.window.attempts(),
            window_failures: self.window.failures(),
        }
    }

    fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn until(&self) -> Option<Duration> {
        if let Phase::Open { until } = self.phase { until } else { None }
    }

    /// The time, which never goes back.
    fn at(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Whether an outcome counts; frees the probe that it is of.
    fn spends(&mut self, Pass { number }: Pass) -> bool {
        match &mut self.phase {
            Phase::Closed { after } => number > *after,
            Phase::Open { .. } => false,
            Phase::HalfOpen { probe, .. } => {
                probe.take_if(|probe| probe.number == number).is_some()
            }
        }
    }

    /// Why it must open after a failure, if it must.
    fn too_many(&self) -> Option<Cause> {
        if self.failures >= self.limits.failures {
            return Some(Cause::Failures(self.failures));
        }
        let (attempts, failures) = (self.window.attempts(), self.window.failures());
        let percent = usize::try_from(self.limits.error_percent).unwrap_or(usize::MAX);
        let over = attempts >= self.limits.min_attempts && failures * 100 >= attempts * percent;
        over.then_some(Cause::ErrorRate { failures, attempts })
    }

    fn close(&mut self, now: Duration, cause: Cause) -> Transition {
        self.forget();
        self.enter(Phase::Closed { after: self.passes }, now, cause)
    }

    fn open(&mut self, until: Option<Duration>, now: Duration, cause: Cause) -> Transition {
        self.enter(Phase::Open { until }, now, cause)
    }

    fn half_open(&mut self, now: Duration, cause: Cause) -> Transition {
        self.enter(Phase::HalfOpen { successes: 0, probe: None }, now, cause)
    }

    fn forget(&mut self) {
        self.window.clear();
        self.failures = 0;
        self.reopened = 0;
    }

    fn enter(&mut self, phase: Phase, now: Duration, cause: Cause) -> Transition {
        let from = self.state();
        self.phase = phase;
        self.since = now;
        self.cause = Some(cause.clone());
        Transition { from, to: self.state(), at: now, cause, until: self.until() }
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
