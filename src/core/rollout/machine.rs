//! When the share of clients grows, and when it comes back.

use std::time::Duration;

use super::{
    command::{Command, Order, Refusal},
    gates::{Gate, Pulse, Reason, bad, beyond, gates, opened},
    measures::{Baseline, Counts, Lately, Measures},
    plan::{BadPlan, Plan},
    words::{Cause, Decision, Memory, Pause, Wait},
};

/// A rollout; see the module's documentation. Times are durations since any fixed moment; one that
/// goes back counts as the latest seen.
#[derive(Debug)]
pub struct Rollout {
    plan: Plan,
    step: Step,
    latest: Duration,
    counts: Counts,
    gates: Vec<Gate>,
    bad: Vec<Bad>,
    baseline: Baseline,
    paused: Option<Pause>,
    /// Does not go on before this.
    cool_until: Duration,
    /// How often it came back in a row, and from where first.
    fallen: u32,
    from: u8,
    /// Whether the breaker was open at the last tick, and whether that brings it back.
    open: bool,
    armed: bool,
}

/// One percentage, for as long as it stays.
#[derive(Debug)]
struct Step {
    percent: u8,
    began: Duration,
    /// What is measured counts from then.
    counts_from: Duration,
    /// The counts then; `None`: not yet.
    base: Option<Counts>,
    lately: Lately,
    /// Since when all gates hold.
    held_since: Option<Duration>,
}

/// A reason to come back, and since when.
#[derive(Debug)]
struct Bad {
    reason: Reason,
    since: Duration,
}

impl Rollout {
    /// A rollout that stands at a percentage.
    ///
    /// # Errors
    /// When a knob is out of its range.
    pub fn try_new(
        plan: Plan,
        percent: u8,
        now: Duration,
        memory: Memory,
    ) -> Result<Self, BadPlan> {
        plan.check()?;
        Ok(Self {
            plan,
            step: Step::new(percent, now, now),
            latest: now,
            counts: Counts::default(),
            gates: vec![],
            bad: vec![],
            baseline: memory.baseline.map(Baseline::known).unwrap_or_default(),
            paused: memory.paused,
            cool_until: now,
            fallen: memory.fallen,
            from: memory.from.max(percent),
            open: false,
            armed: !memory.outage,
        })
    }

    /// What to do now, by what is measured now. Nothing has happened by that: whoever does it says so
    /// with [`Self::moved`].
    pub fn tick(&mut self, now: Duration, measures: &Measures) -> Decision {
        let now = self.at(now);
        let lately = self.count(now, measures);
        self.open = measures.breaker_open;
        // Closed alone says nothing: after a start it is, before anything was tried.
        self.armed |= !self.open && measures.attempts > measures.failures;
        if self.step.percent == 0 {
            self.baseline.add(now, measures.p95);
        }
        self.gates = gates(&self.plan, self.counted(), measures);
        let all = self.gates.iter().all(|gate| gate.holds);
        self.step.held_since = all.then(|| self.step.held_since.unwrap_or(now));
        self.suspect(now, lately, measures);
        match self.falls(now) {
            Some((to, reason)) => Decision::Rollback { to, reason },
            None => self.rises(now),
        }
    }

    /// The percentage is another now. What is measured counts from here; after it came back, from when
    /// nothing of before is under way any more.
    pub fn moved(&mut self, percent: u8, cause: Cause, now: Duration) {
        let now = self.at(now);
        let back = matches!(cause, Cause::RolledBack | Cause::BroughtBack);
        let grace = if back { self.plan.grace } else { Duration::ZERO };
        match cause {
            Cause::RolledBack => self.fall(self.step.percent),
            Cause::Advanced if percent > self.from => self.fallen = 0,
            Cause::Advanced | Cause::BroughtBack => {}
            Cause::Set => self.forgive(),
        }
        if back {
            self.cool_until = now.saturating_add(grace.max(self.plan.cool_down));
        }
        let counts_from = now.saturating_add(grace);
        self.step = Step::new(percent, now, counts_from);
        self.bad.clear();
        self.gates.clear();
    }

    /// What somebody wants. A move has not happened by that: see [`Self::moved`].
    ///
    /// # Errors
    /// When it must not be; nothing changes then.
    pub fn command(&mut self, command: Command, covered: bool) -> Result<Order, Refusal> {
        let order = command.order(&self.plan, self.step.percent, covered, &self.gates)?;
        match order {
            Order::Paused => self.paused = Some(Pause::Somebody),
            Order::Resumed => {
                self.paused = None;
                self.forgive();
                self.step.held_since = None;
            }
            Order::Move { .. } => {}
        }
        Ok(order)
    }

    /// Takes another plan; what was counted stays.
    ///
    /// # Errors
    /// When a knob is out of its range; nothing changes then.
    pub fn adopt(&mut self, plan: Plan) -> Result<(), BadPlan> {
        plan.check()?;
        self.plan = plan;
        Ok(())
    }

    /// The percentage.
    #[must_use]
    pub fn percent(&self) -> u8 {
        self.step.percent
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// When this percentage began.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.step.began
    }

    /// The gates, as of the last tick of this step.
    #[must_use]
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// What would bring it back if it stays so.
    pub fn suspicions(&self) -> impl Iterator<Item = &Reason> {
        self.bad.iter().map(|bad| &bad.reason)
    }

    /// The latency before anybody moved, if it is known.
    #[must_use]
    pub fn baseline(&self) -> Option<Duration> {
        self.baseline.median()
    }

    /// Above this p95 it comes back: so many times the baseline. While that is not known, the gate's
    /// limit.
    #[must_use]
    pub fn slow(&self) -> Duration {
        self.baseline().map_or(self.plan.latency, |baseline| {
            let floor = baseline.max(self.plan.latency_floor);
            floor.saturating_mul(self.plan.latency_percent) / 100
        })
    }

    /// Why nothing moves up until somebody resumes; `None`: it may.
    #[must_use]
    pub fn paused(&self) -> Option<Pause> {
        self.paused
    }

    /// How often it came back in a row.
    #[must_use]
    pub fn fallen(&self) -> u32 {
        self.fallen
    }

    /// What must be known to go on from here after a restart.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let (baseline, paused) = (self.baseline(), self.paused);
        Memory { baseline, paused, fallen: self.fallen, from: self.from, outage: !self.armed }
    }

    /// The time, which never goes back.
    fn at(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// What was counted since the step began.
    fn counted(&self) -> Counts {
        self.step.base.map_or_else(Counts::default, |base| self.counts.since(base))
    }

    /// Takes the counts; gives what was added lately.
    fn count(&mut self, now: Duration, measures: &Measures) -> Counts {
        let counts = measures.counts();
        let anew = counts.went_back(self.counts);
        self.counts = counts;
        if now < self.step.counts_from {
            return Counts::default();
        }
        let base = match self.step.base {
            Some(_) if anew => Some(Counts::default()),
            None => Some(counts),
            known => known,
        };
        if base != self.step.base {
            self.step.base = base;
            self.step.lately = Lately::new(now, base.unwrap_or_default());
        }
        self.step.lately.add(now, counts, self.plan.window)
    }

    /// Remembers since when what is bad is bad.
    fn suspect(&mut self, now: Duration, lately: Counts, measures: &Measures) {
        if now < self.step.counts_from {
            return self.bad.clear();
        }
        let since = |reason: &Reason, known: &[Bad]| {
            let same = known.iter().find(|bad| bad.reason.trigger == reason.trigger);
            same.map_or(now, |bad| bad.since)
        };
        let (step, slow) = (self.counted(), self.slow());
        let pulse = Pulse { step, lately, p95: measures.p95, slow };
        self.bad = bad(&self.plan, &pulse)
            .into_iter()
            .map(|reason| Bad { since: since(&reason, &self.bad), reason })
            .collect();
    }

    /// Whether it comes back.
    fn falls(&self, now: Duration) -> Option<(u8, Reason)> {
        let Plan { steps, maximum, .. } = &self.plan;
        let percent = self.step.percent;
        if percent > *maximum {
            return Some((steps.before(maximum + 1)?, beyond(percent, *maximum)));
        }
        let to = steps.before(percent)?;
        if !self.plan.rolls_back || now < self.step.counts_from {
            return None;
        }
        if self.open && self.armed {
            return Some((to, opened()));
        }
        let long = |bad: &&Bad| now.saturating_sub(bad.since) >= self.plan.patience;
        self.bad.iter().find(long).map(|bad| (to, bad.reason.clone()))
    }

    /// Whether it goes on.
    fn rises(&self, now: Duration) -> Decision {
        let Some(to) = self.plan.next(self.step.percent) else { return Decision::Wait(Wait::Done) };
        let wait = if let Some(pause) = self.paused {
            Wait::Paused(pause)
        } else if !self.plan.advances {
            Wait::Manual
        } else if now < self.cool_until {
            Wait::CoolDown { until: self.cool_until }
        } else if let Some(since) = self.step.held_since {
            let until = since.saturating_add(self.plan.hold);
            if now >= until {
                let hold = self.plan.hold.as_secs();
                return Decision::Advance { to, why: format!("all gates held for {hold} s") };
            }
            Wait::Hold { until }
        } else {
            Wait::Gates(self.gates.iter().filter(|gate| !gate.holds).cloned().collect())
        };
        Decision::Wait(wait)
    }

    /// It came back by itself.
    fn fall(&mut self, percent: u8) {
        self.armed &= !self.open;
        self.from = if self.fallen == 0 { percent } else { self.from.max(percent) };
        self.fallen = self.fallen.saturating_add(1);
        let often = self.plan.freeze_after > 0 && self.fallen >= self.plan.freeze_after;
        if often && self.paused.is_none() {
            self.paused = Some(Pause::Frozen);
        }
    }

    /// Somebody has looked at it.
    fn forgive(&mut self) {
        self.fallen = 0;
        if self.paused == Some(Pause::Frozen) {
            self.paused = None;
        }
        self.cool_until = self.latest;
    }
}

impl Step {
    fn new(percent: u8, began: Duration, counts_from: Duration) -> Self {
        let lately = Lately::new(began, Counts::default());
        Self { percent, began, counts_from, base: None, lately, held_since: None }
    }
}
