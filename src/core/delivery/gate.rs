//! When the next request may be sent: what the breaker, the last answer and the destination's rate
//! say together.

use std::time::Duration;

use super::{Delivered, DeliveryError};
use crate::core::breaker::{
    BadBreaker, Breaker, BreakerLimits, Cause, Force, Pass, Permit, Transition,
};

/// The gate before a destination. Times are durations since any fixed moment.
#[derive(Debug)]
pub struct Gate {
    breaker: Breaker,
    /// Nothing is sent before this.
    not_before: Duration,
    /// Time that an event takes at the rate that the destination bears.
    each: Duration,
}

/// An answer, and what follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Events in the request.
    pub events: usize,
    /// What the destination said.
    pub result: &'a Result<Delivered, DeliveryError>,
    /// How long the next request is to wait for that.
    pub wait: Duration,
    /// Drawn from `0.0..1.0`.
    pub jitter: f64,
}

/// Whether a request may be sent now.
#[derive(Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Go(Pass),
    /// One event may, to see whether the destination is well again.
    Probe(Pass),
    /// Not before then; `None`: not before somebody does something about it.
    Wait(Option<Duration>),
}

impl Gate {
    /// A gate that has seen nothing yet; `per_second` events pass in a second, any number if it
    /// is 0.
    #[must_use]
    pub fn new(breaker: Breaker, per_second: u32) -> Self {
        Self { breaker, not_before: Duration::ZERO, each: each(per_second) }
    }

    /// The breaker.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Nothing is sent before this, whatever the breaker says.
    #[must_use]
    pub fn not_before(&self) -> Duration {
        self.not_before
    }

    /// May a request be sent now?
    pub fn ask(&mut self, now: Duration) -> (Leave, Option<Transition>) {
        if now < self.not_before {
            return (Leave::Wait(Some(self.not_before)), None);
        }
        let (permit, transition) = self.breaker.permit(now);
        let leave = match permit {
            Permit::Go(pass) => Leave::Go(pass),
            Permit::Probe(pass) => Leave::Probe(pass),
            Permit::Wait { until } => Leave::Wait(until),
        };
        (leave, transition)
    }

    /// A request was answered.
    pub fn told(&mut self, pass: Pass, answer: &Answer<'_>, now: Duration) -> Option<Transition> {
        let Answer { events, result, wait, jitter } = *answer;
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        let paced = now.saturating_add(self.each.saturating_mul(events));
        self.not_before = paced.max(now.saturating_add(wait));
        let transition = match result {
            Ok(_) => self.breaker.succeeded(pass, now),
            Err(DeliveryError::Transient { .. }) => self.breaker.failed(pass, now, jitter),
            Err(DeliveryError::Misconfigured { reason }) => {
                self.breaker.misconfigured(pass, now, reason.as_str())
            }
            Err(DeliveryError::RateLimited { .. } | DeliveryError::Rejected { .. }) => {
                self.breaker.neutral(pass);
                None
            }
        };
        if transition.is_some() {
            // From here on it is the breaker that says when; only what was asked for stays.
            self.not_before = paced;
        }
        transition
    }

    /// Somebody opens or closes the breaker, or lets it decide again: then it is tried at once.
    pub fn force(&mut self, force: Force, now: Duration) -> Option<Transition> {
        self.not_before = self.not_before.min(now);
        self.breaker.force(force, now)
    }

    /// Takes other limits and another rate, and keeps what was learned.
    ///
    /// # Errors
    /// When a limit is out of its range; nothing changes then.
    pub fn adopt(&mut self, limits: BreakerLimits, per_second: u32) -> Result<(), BadBreaker> {
        self.breaker.adopt(limits)?;
        self.each = each(per_second);
        Ok(())
    }

    /// The destination is another: what was learned of the one before says nothing of it, and it is
    /// tried at once.
    pub fn reset(&mut self, now: Duration) -> Option<Transition> {
        self.not_before = self.not_before.min(now);
        self.breaker.reset(now)
    }

    /// Somebody may have set right what was misconfigured, here or there: it is tried again.
    pub fn release(&mut self, now: Duration) -> Option<Transition> {
        let holds = matches!(self.breaker.view().cause, Some(Cause::Misconfigured(_)));
        holds.then(|| self.reset(now)).flatten()
    }
}

fn each(per_second: u32) -> Duration {
    Duration::from_secs(1).checked_div(per_second).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::breaker::{BreakerLimits, BreakerState};

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn gate(per_second: u32) -> Gate {
        let breaker = Breaker::try_new(BreakerLimits::default(), at(0)).unwrap();
        Gate::new(breaker, per_second)
    }

    fn go(gate: &mut Gate, now: Duration) -> Pass {
        match gate.ask(now).0 {
            Leave::Go(pass) | Leave::Probe(pass) => pass,
            Leave::Wait(until) => panic!("waits until {until:?}"),
        }
    }

    fn answer(
        events: usize,
        result: &Result<Delivered, DeliveryError>,
        wait: Duration,
        jitter: f64,
    ) -> Answer<'_> {
        Answer { events, result, wait, jitter }
    }

    fn failed() -> Result<Delivered, DeliveryError> {
        Err(DeliveryError::Transient { reason: "reset".to_owned() })
    }

    #[test]
    fn a_failure_is_followed_by_a_wait() {
        let mut gate = gate(0);
        let pass = go(&mut gate, at(1));
        assert_eq!(gate.told(pass, &answer(1, &failed(), at(4), 1.0), at(1)), None);
        assert_eq!(gate.ask(at(4)).0, Leave::Wait(Some(at(5))));
        let pass = go(&mut gate, at(5));
        gate.told(pass, &answer(1, &Ok(Delivered::default()), at(0), 1.0), at(5));
        drop(go(&mut gate, at(5)));
    }

    #[test]
    fn what_the_destination_asks_for_is_obeyed_and_is_no_failure() {
        let mut gate = gate(0);
        for _ in 0..20 {
            let now = gate.not_before();
            let pass = go(&mut gate, now);
            let limited = Err(DeliveryError::RateLimited {
                retry_after: Some(at(30)),
                reason: "slower".to_owned(),
            });
            assert_eq!(gate.told(pass, &answer(1, &limited, at(30), 0.0), now), None);
            assert!(gate.not_before() >= now + at(30));
        }
        assert_eq!(gate.breaker().view().state, BreakerState::Closed);
    }

    #[test]
    fn an_open_breaker_alone_says_when_to_try_again() {
        let mut gate = gate(0);
        let mut now = at(0);
        loop {
            let pass = go(&mut gate, now);
            if gate.told(pass, &answer(1, &failed(), at(60), 1.0), now).is_some() {
                break;
            }
            now = gate.not_before();
        }
        let Leave::Wait(Some(until)) = gate.ask(now).0 else { panic!("is open") };
        assert!(until <= now + at(30), "not the sixty seconds of the retry");
        assert!(matches!(gate.ask(until).0, Leave::Probe(_)));
    }

    #[test]
    fn who_closes_it_does_not_wait() {
        let mut gate = gate(0);
        let pass = go(&mut gate, at(0));
        gate.told(pass, &answer(1, &failed(), at(60), 1.0), at(0));
        assert_eq!(gate.force(Force::Closed, at(1)), None);
        drop(go(&mut gate, at(1)));
    }

    #[test]
    fn only_a_hold_for_misconfiguration_is_released() {
        let mut gate = gate(0);
        let pass = go(&mut gate, at(0));
        assert_eq!(gate.release(at(0)), None, "there is nothing to release");
        let refused = Err(DeliveryError::Misconfigured { reason: "another key".to_owned() });
        gate.told(pass, &answer(1, &refused, at(60), 0.5), at(0));
        assert_eq!(gate.ask(at(9_999)).0, Leave::Wait(None));
        assert!(gate.release(at(9_999)).is_some());
        assert!(matches!(gate.ask(at(9_999)).0, Leave::Probe(_)));
        gate.force(Force::Open, at(10_000));
        assert_eq!(gate.release(at(10_001)), None, "somebody wants it open");
    }

    #[test]
    fn another_destination_is_tried_at_once_and_other_limits_forget_nothing() {
        let mut gate = gate(0);
        let pass = go(&mut gate, at(0));
        gate.told(pass, &answer(1, &failed(), at(60), 1.0), at(0));
        let limits = BreakerLimits { failures: 2, ..BreakerLimits::default() };
        gate.adopt(limits, 10).unwrap();
        assert_eq!(gate.ask(at(1)).0, Leave::Wait(Some(at(60))));
        assert_eq!(gate.breaker().view().consecutive_failures, 1);
        let pass = go(&mut gate, at(60));
        assert!(gate.told(pass, &answer(1, &failed(), at(60), 1.0), at(60)).is_some(), "opens");
        assert!(gate.reset(at(61)).is_some());
        assert!(matches!(gate.ask(at(61)).0, Leave::Probe(_)));
        assert_eq!(gate.breaker().view().consecutive_failures, 0);
    }

    #[test]
    fn a_rate_is_kept_between_requests() {
        let mut gate = gate(10);
        let pass = go(&mut gate, at(0));
        gate.told(pass, &answer(20, &Ok(Delivered::default()), at(0), 0.5), at(0));
        assert_eq!(gate.ask(at(1)).0, Leave::Wait(Some(at(2))));
    }
}
