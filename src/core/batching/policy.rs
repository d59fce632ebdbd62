//! The law of size and linger; the documentation of [`batching`](super) states it.

use std::time::Duration;

use super::{BadLimits, BatchResult, Limits, Outcome, Plan};

/// Linger comes and goes in this many parts of the most.
const LINGER_PARTS: u32 = 16;
/// Strikes in a row that shrink the size.
const OUT: u32 = 8;
/// Strikes of a failure: two in a row are out.
const FAILED: u32 = 4;
/// Strikes of a refusal for rate, which says little of the size.
const THROTTLED: u32 = 1;
/// Answers in a row at half or twice the usual cost that show another destination.
const ODD: u32 = 3;
/// A trial that did not pay is repeated after this many times of what it took, and the longest.
const REPEAT: (u32, u32) = (8, 64);

/// The policy of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPolicy {
    limits: Limits,
    /// Most events in a batch, but for trials.
    size: usize,
    /// What an event costs in batches of that size: its share of their latency, averaged.
    cost: Option<Duration>,
    /// Answers in a row that cost half or twice of that.
    odd: u32,
    /// Below this, the next larger size is twice this one.
    doubles_to: usize,
    /// The size that proved too large last, while it is above `size`.
    too_large: Option<usize>,
    larger: Trial,
    smaller: Trial,
    trying: Option<Side>,
    /// Of bad answers in a row.
    strikes: u32,
    /// Whether the size has shrunk since the last good answer.
    falling: bool,
    /// What all requests took together: the clock of trials.
    busy: Duration,
    linger: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Larger,
    Smaller,
}

/// When a neighbouring size is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trial {
    due: Duration,
    repeat: u32,
}

impl Trial {
    fn at(due: Duration) -> Self {
        Self { due, repeat: REPEAT.0 }
    }

    /// One that took `spent` did not pay.
    fn put_off(&mut self, now: Duration, spent: Duration) {
        self.due = now.saturating_add(spent.saturating_mul(self.repeat));
        self.repeat = (self.repeat * 2).min(REPEAT.1);
    }
}

impl BatchPolicy {
    /// A policy that starts with the largest batches.
    ///
    /// # Errors
    /// When a limit is out of its range.
    pub fn try_new(limits: Limits) -> Result<Self, BadLimits> {
        let limits = limits.checked()?;
        Ok(Self {
            limits,
            size: limits.max,
            cost: None,
            odd: 0,
            doubles_to: limits.max,
            too_large: None,
            larger: Trial::at(Duration::ZERO),
            smaller: Trial::at(Duration::ZERO),
            trying: None,
            strikes: 0,
            falling: false,
            busy: Duration::ZERO,
            linger: Duration::ZERO,
        })
    }

    /// Its limits.
    #[must_use]
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes other limits and keeps what was learned, as far as they allow.
    ///
    /// # Errors
    /// When a limit is out of its range; nothing changes then.
    pub fn adopt(&mut self, limits: Limits) -> Result<(), BadLimits> {
        self.limits = limits.checked()?;
        self.linger = self.linger.min(limits.max_linger);
        let size = self.size.clamp(limits.min, limits.max);
        let cost = self.cost.filter(|_| size == self.size);
        self.hold(size, cost);
        Ok(())
    }

    /// Another `max_linger`, in its range.
    pub(super) fn linger_at_most(&mut self, max_linger: Duration) {
        self.limits.max_linger = max_linger;
        self.linger = self.linger.min(max_linger);
    }

    /// What to do with a queue of `depth` events.
    #[must_use]
    pub fn next(&self, depth: usize) -> Plan {
        let size = match self.trying {
            Some(Side::Larger) if depth >= self.up() => self.up(),
            Some(Side::Smaller) => self.down(),
            _ => self.size,
        };
        Plan { size, linger: if depth >= size { Duration::ZERO } else { self.linger } }
    }

    /// Learns from the answer to a batch.
    pub fn observe(&mut self, outcome: Outcome) {
        let Outcome { size, latency, result } = outcome;
        self.busy = self.busy.saturating_add(latency);
        let max_linger = self.limits.max_linger;
        let part = max_linger / LINGER_PARTS;
        match result {
            BatchResult::Ok => {
                self.strikes = 0;
                self.falling = false;
                self.learn(size, latency);
                self.linger = self.linger.saturating_sub(part);
            }
            BatchResult::Throttled => {
                self.linger = (self.linger * 2).clamp(part, max_linger);
                self.strike(size, THROTTLED);
            }
            BatchResult::Failed if self.tests_larger(size) => {
                self.strikes += FAILED;
                self.refuse_larger(latency);
            }
            BatchResult::Failed => self.strike(size, FAILED),
        }
        self.trying = self.next_trial();
    }

    /// The next larger size.
    fn up(&self) -> usize {
        let size = self.size;
        let free = if size < self.doubles_to { size * 2 } else { size + self.limits.step };
        let up = match self.too_large {
            // Half way to what was too much, and beyond it once that is near.
            Some(bad) if bad.saturating_sub(size) > size / 8 + 1 => {
                free.min(usize::midpoint(size, bad))
            }
            _ => free,
        };
        up.min(self.limits.max)
    }

    /// The next smaller size.
    fn down(&self) -> usize {
        (self.size * self.limits.shrink_percent / 100).max(self.limits.min)
    }

    fn next_trial(&self) -> Option<Side> {
        let Limits { min, max, .. } = self.limits;
        match () {
            () if self.cost.is_none() || self.strikes >= FAILED => None,
            () if self.size < max && self.busy >= self.larger.due => Some(Side::Larger),
            () if self.size > min && self.busy >= self.smaller.due => Some(Side::Smaller),
            () => None,
        }
    }

    /// Whether a batch of so many is the trial of the larger size.
    fn tests_larger(&self, size: usize) -> bool {
        self.trying == Some(Side::Larger) && size >= self.up()
    }

    fn learn(&mut self, size: usize, latency: Duration) {
        let cost = share(latency, size);
        // The queue was too short for what was planned.
        let short = size < self.size || self.trying == Some(Side::Larger);
        match (self.cost, self.trying) {
            (Some(usual), Some(Side::Larger)) if size >= self.up() => {
                self.judge_larger(usual, cost, latency);
            }
            (Some(usual), Some(Side::Smaller)) if size >= self.down() => {
                self.judge_smaller(usual, cost, latency);
            }
            // Nothing is known against larger batches.
            _ if short && self.too_large.is_none() && self.size < self.limits.max => {
                self.hold(self.up(), None);
            }
            _ if size < self.size => {}
            (Some(usual), _) => self.settle(usual, cost),
            (None, _) => self.cost = Some(cost),
        }
    }

    fn judge_larger(&mut self, usual: Duration, cost: Duration, latency: Duration) {
        let (here, there) = (count(self.size), count(self.up()));
        let pays = if latency > self.limits.target_latency {
            // At least half of what is saved where a request takes as long whatever is in it.
            cost.saturating_mul(2 * there) <= usual.saturating_mul(here + there)
        } else {
            is_no_dearer(cost, usual)
        };
        if pays || self.is_rationed() {
            self.hold(self.up(), Some(cost));
            // Where this came from, events were no cheaper.
            self.smaller.put_off(self.busy, latency);
        } else {
            self.refuse_larger(latency);
        }
    }

    fn judge_smaller(&mut self, usual: Duration, cost: Duration, latency: Duration) {
        let whole = usual.saturating_mul(count(self.size));
        let late = whole > self.limits.target_latency;
        let pays = is_cheaper(cost, usual) || late && is_no_dearer(cost, usual);
        if pays && !self.is_rationed() {
            let bad = self.size;
            self.hold(self.down(), Some(cost));
            self.too_large = Some(bad);
            self.larger.put_off(self.busy, whole);
        } else {
            self.smaller.put_off(self.busy, latency);
        }
    }

    /// Whether the destination wants fewer requests, and so larger ones.
    fn is_rationed(&self) -> bool {
        !self.linger.is_zero()
    }

    /// Another answer at the size that is held.
    fn settle(&mut self, usual: Duration, cost: Duration) {
        if cost <= usual.saturating_mul(2) && cost.saturating_mul(2) >= usual {
            self.odd = 0;
            self.cost = Some(usual / 8 * 7 + cost / 8);
            return;
        }
        self.odd += 1;
        if self.odd >= ODD {
            self.too_large = None;
            self.hold(self.size, Some(cost));
        }
    }

    fn refuse_larger(&mut self, spent: Duration) {
        self.too_large = Some(self.up());
        self.larger.put_off(self.busy, spent);
    }

    /// Holds a size from now on; both of its neighbours are to be tried.
    fn hold(&mut self, size: usize, cost: Option<Duration>) {
        self.size = size;
        self.cost = cost;
        self.odd = 0;
        self.too_large = self.too_large.filter(|bad| *bad > size);
        self.larger = Trial::at(self.busy);
        self.smaller = Trial::at(self.busy);
        self.trying = None;
    }

    /// Shrinks when bad answers come in a row.
    fn strike(&mut self, size: usize, weight: u32) {
        self.strikes += weight;
        if self.strikes < OUT {
            return;
        }
        self.strikes -= FAILED;
        let (held, left) = (self.size, self.down());
        if !self.falling {
            self.doubles_to = left;
            self.falling = true;
        }
        self.hold(left, None);
        // What fails with the smallest batch, too, does not fail for its size.
        self.too_large = (size >= held && left < held).then_some(held);
    }
}

/// An event's share of what its batch took.
fn share(latency: Duration, size: usize) -> Duration {
    latency / count(size.max(1))
}

fn count(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// By a tenth at least.
fn is_cheaper(cost: Duration, usual: Duration) -> bool {
    cost.saturating_mul(10) <= usual.saturating_mul(9)
}

/// But for the twentieth that is chance.
fn is_no_dearer(cost: Duration, usual: Duration) -> bool {
    cost.saturating_mul(20) <= usual.saturating_mul(21)
}

#[cfg(test)]
mod tests;
