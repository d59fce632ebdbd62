//! One batch on its way to a destination: what is sent next, and what is settled.
//!
//! Events are known by their place in the batch. Each is **undecided** until the destination took
//! it or it was set aside; the **settled** prefix is what stands before the first undecided one,
//! and the cursor may follow it. What is sent begins at the first undecided event, so that order
//! is kept whatever fails.
//!
//! | what came of `range` | what is sent next |
//! |---|---|
//! | delivered | what comes after it |
//! | failed | the same again; after two failures of the same range, its left half |
//! | postponed | the same again, however often |
//! | rejected, and the destination says which | what stands before the first of those, then between them |
//! | rejected, unknown which | its left half, and then its right one |
//! | rejected, one event alone | what comes after it: it is a **dead letter** |
//!
//! **A range that keeps failing is halved** though nobody rejected it: its size may be what the
//! destination cannot do in time, or one event in it. Without that, two good probes would close the
//! breaker, the same large range would open it again, and so on for ever. Failing halves settle
//! nothing; after an outage, they are a slow start.
//!
//! **A probe** sends one event, the first undecided. When that fails again and again though the
//! destination is well, it is the event: after as many such probes as the limit says, it is a dead
//! letter too. A destination that is down makes none.
//!
//! A dead letter is told only when the prefix reaches it, in order, so that it can be kept in the
//! same transaction as the cursor's step. What is rejected by name is not sent again meanwhile.
//!
//! A batch that is given up before it is settled leaves [`Carried`] for the next one that begins
//! with the same event: what that one went through is not forgotten.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    ops::Range,
};

use super::Which;

/// Where a batch is.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Requests that each event was in, but for the one that delivered it.
    attempts: Vec<u32>,
    /// What is undecided, in order: each is sent whole, or from its beginning.
    pieces: VecDeque<Range<usize>>,
    /// Set aside, but the prefix is not there yet; with the reason.
    refused: BTreeMap<usize, String>,
    /// Before the first undecided event.
    settled: usize,
    /// Probes that the first undecided event failed while the destination was well.
    failed_probes: u32,
    /// How many of them make it a dead letter.
    max_probes: u32,
    /// What failed last, when it did so once.
    failed: Option<Range<usize>>,
}

/// What is settled now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Events from the beginning of the batch that were delivered or set aside. Never less than
    /// before.
    pub settled: usize,
    /// Those of them that were set aside, and not told before; in order.
    pub dead: Vec<Dead>,
}

/// An event that the destination will never take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Its place in the batch.
    pub index: usize,
    /// Why, in the destination's words.
    pub reason: String,
    /// Requests that it was in.
    pub attempts: u32,
}

/// What the first undecided event went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Requests that it was in.
    pub attempts: u32,
    /// Probes that it failed while the destination was well.
    pub failed_probes: u32,
}

impl Settling {
    /// A batch of `events` of which nothing was sent yet. An event is set aside after `max_probes`
    /// failed probes; 0 counts as 1.
    #[must_use]
    pub fn new(events: usize, max_probes: u32) -> Self {
        Self::resume(events, max_probes, Carried::default())
    }

    /// The same, when its first event was the first undecided one of a batch that was given up.
    #[must_use]
    pub fn resume(events: usize, max_probes: u32, carried: Carried) -> Self {
        let mut attempts = vec![0; events];
        if let Some(first) = attempts.first_mut() {
            *first = carried.attempts;
        }
        Self {
            attempts,
            pieces: Some(0..events).filter(|all| !all.is_empty()).into_iter().collect(),
            refused: BTreeMap::new(),
            settled: 0,
            failed_probes: carried.failed_probes,
            max_probes,
            failed: None,
        }
    }

    /// What is sent now, or less from its beginning; `None` when all is settled.
    #[must_use]
    pub fn next(&self) -> Option<Range<usize>> {
        self.pieces.front().cloned()
    }

    /// What is sent as a probe: the first undecided event. `None` when all is settled.
    #[must_use]
    pub fn probe(&self) -> Option<Range<usize>> {
        self.next().map(|next| next.start..next.start + 1)
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What a later batch that begins with the first undecided event must know.
    #[must_use]
    pub fn carried(&self) -> Carried {
        let attempts = self.attempts.get(self.settled).copied().unwrap_or_default();
        Carried { attempts, failed_probes: self.failed_probes }
    }

    /// The destination took all of `range`.
    pub fn delivered(&mut self, range: Range<usize>) -> Step {
        self.decide(&range);
        self.step()
    }

    /// The destination took nothing of `range`, and will never take some of it. Places in `which`
    /// are within `range`; when none of them is, it counts as unknown which.
    pub fn rejected(&mut self, range: Range<usize>, which: &Which, reason: &str) -> Step {
        self.attempted(&range);
        let named: Vec<_> = match which {
            Which::These(places) => {
                places.iter().filter_map(|place| range.clone().nth(*place)).collect()
            }
            Which::Unknown => vec![],
        };
        match (named.is_empty(), range.len()) {
            (false, _) => named.into_iter().for_each(|index| self.set_aside(index, reason)),
            (true, 1) => self.set_aside(range.start, reason),
            (true, _) => self.halve(&range),
        }
        self.step()
    }

    /// No answer, or one that may be another next time: the destination may have taken some of
    /// `range` all the same.
    pub fn failed(&mut self, range: Range<usize>) -> Step {
        self.attempted(&range);
        if self.failed.as_ref() == Some(&range) {
            self.halve(&range);
            self.failed = None;
        } else {
            self.failed = Some(range);
        }
        self.step()
    }

    /// The destination did not look at `range`: it asks for fewer requests, or a setting is wrong.
    pub fn postponed(&mut self, range: Range<usize>) -> Step {
        self.attempted(&range);
        self.step()
    }

    /// The probe failed. `well` says whether the destination answered well otherwise, asked after
    /// that.
    pub fn probe_failed(&mut self, well: bool, reason: &str) -> Step {
        let Some(probe) = self.probe() else { return self.step() };
        self.attempted(&probe);
        self.failed_probes = self.failed_probes.saturating_add(u32::from(well));
        if well && self.failed_probes >= self.max_probes {
            let count = self.failed_probes;
            let reason = format!("failed {count} probes of a destination that was well: {reason}");
            self.set_aside(probe.start, &reason);
        }
        self.step()
    }

    fn attempted(&mut self, range: &Range<usize>) {
        let end = range.end.min(self.attempts.len());
        for attempts in self.attempts.get_mut(range.start..end).unwrap_or_default() {
            *attempts = attempts.saturating_add(1);
        }
    }

    fn set_aside(&mut self, index: usize, reason: &str) {
        if self.decide(&(index..index + 1)) {
            self.refused.insert(index, reason.to_owned());
        }
    }

    /// Takes `range` out of what is undecided; whether something of it was.
    fn decide(&mut self, range: &Range<usize>) -> bool {
        self.cut(range.start);
        self.cut(range.end);
        let before = self.pieces.len();
        self.pieces.retain(|piece| piece.start < range.start || range.end < piece.end);
        self.pieces.len() < before
    }

    /// Makes two of `range`, which then are sent one after the other.
    fn halve(&mut self, range: &Range<usize>) {
        self.cut(range.start + range.len().div_ceil(2));
        self.cut(range.end);
    }

    /// Lets no piece reach across `at`.
    fn cut(&mut self, at: usize) {
        let within = |piece: &Range<usize>| piece.start < at && at < piece.end;
        let Some(place) = self.pieces.iter().position(within) else { return };
        if let Some(piece) = self.pieces.get_mut(place) {
            let rest = at..mem::replace(&mut piece.end, at);
            self.pieces.insert(place + 1, rest);
        }
    }

    /// Follows the prefix.
    fn step(&mut self) -> Step {
        let settled = self.pieces.front().map_or(self.attempts.len(), |piece| piece.start);
        if settled != self.settled {
            self.settled = settled;
            self.failed_probes = 0;
        }
        let later = self.refused.split_off(&settled);
        let reached = mem::replace(&mut self.refused, later);
        let dead = |(index, reason)| {
            let attempts = self.attempts.get(index).copied().unwrap_or_default();
            Dead { index, reason, attempts }
        };
        Step { settled, dead: reached.into_iter().map(dead).collect() }
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
