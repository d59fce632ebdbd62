//! One of the two paths that are compared with the journal.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use uuid::Uuid;

use super::{
    Case, Committed, Copies, Ear, MatchLimits, Path, Receipt, Unscored, Verdict,
    ear::Heard,
    outages::Outages,
    recent::{Ids, Recent},
    scores::Scores,
    waiting::Waiting,
};
use crate::core::{event::Seq, stats::Latencies};

#[derive(Debug)]
pub(super) struct Side {
    path: Path,
    waiting: BTreeMap<Seq, Waiting>,
    by_id: HashMap<Uuid, Seq>,
    /// When something is to be decided, of those of which that is known.
    due: BTreeSet<(Duration, Seq)>,
    /// How far the adapter is, and since when.
    passed: (Seq, Duration),
    pub(super) ear: Option<Ear>,
    /// What the probe told and is not looked at yet, with the time when it came: an event may be
    /// seen before its commit is known here.
    heard: VecDeque<(Duration, Heard)>,
    /// Events that were seen, and whose commit was waited for in vain: should it be told after all,
    /// nothing can be said of them.
    given_up: Ids,
    pub(super) recent: Recent,
    pub(super) scores: Scores,
    pub(super) latencies: Latencies,
    pub(super) copies: Copies,
    decided: Vec<Case>,
}

/// What both sides share.
pub(super) struct Common<'a> {
    pub(super) limits: &'a MatchLimits,
    pub(super) outages: &'a Outages,
    /// The newest event that is known to be committed.
    pub(super) head: Seq,
    pub(super) now: Duration,
}

impl Side {
    pub(super) fn new(path: Path) -> Self {
        Self {
            path,
            waiting: BTreeMap::new(),
            by_id: HashMap::new(),
            due: BTreeSet::new(),
            passed: (0, Duration::ZERO),
            ear: None,
            heard: VecDeque::new(),
            given_up: Ids::default(),
            recent: Recent::default(),
            scores: Scores::default(),
            latencies: Latencies::default(),
            copies: Copies::default(),
            decided: Vec::new(),
        }
    }

    pub(super) fn path(&self) -> Path {
        self.path
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_waiting(&self, id: &Uuid) -> Option<&Waiting> {
        self.waiting.get(self.by_id.get(id)?)
    }

    pub(super) fn commit(&mut self, event: Committed, common: &Common<'_>) {
        let (passed, passed_at) = self.passed;
        let delivered = match self.path {
            Path::Websocket => Some(event.at),
            Path::Realtime => (event.seq <= passed).then(|| passed_at.max(event.at)),
        };
        let seq = event.seq;
        if let Some(before) = self.by_id.insert(event.id, seq) {
            self.decide(before, Some(Unscored::Behind), common);
        }
        self.waiting.insert(seq, Waiting::new(event, delivered));
        self.schedule(seq, common);
        while self.waiting.len() > common.limits.max_events
            && let Some(oldest) = self.waiting.first_key_value().map(|(seq, _)| *seq)
        {
            self.decide(oldest, Some(Unscored::Overflow), common);
        }
        self.listen(common);
    }

    pub(super) fn pass(&mut self, through: Seq, at: Duration, common: &Common<'_>) {
        if let Some(ear) = &mut self.ear {
            ear.narrow(through, at);
        }
        let (passed, _) = self.passed;
        if through <= passed {
            return;
        }
        self.passed = (through, at);
        let now = self.waiting.range_mut(passed + 1..=through);
        let now: Vec<Seq> = now.map(|(seq, waiting)| (waiting.deliver(at), *seq).1).collect();
        for seq in now {
            self.schedule(seq, common);
        }
    }

    /// Takes what the probe tells. What is committed is known before most of what is seen; the
    /// rest waits for it, for as long as copies of an event are waited for, and keeps its order.
    pub(super) fn hear(&mut self, heard: Heard, common: &Common<'_>) {
        self.heard.push_back((common.now, heard));
        self.listen(common);
    }

    pub(super) fn listen(&mut self, common: &Common<'_>) {
        while let Some((came, heard)) = self.heard.front().copied() {
            let patient = came.saturating_add(common.limits.settle) > common.now
                && self.heard.len() <= common.limits.max_events;
            if patient
                && matches!(heard, Heard::Receipt(receipt) if self.is_early(&receipt, common.head))
            {
                return;
            }
            self.heard.pop_front();
            match heard {
                Heard::Receipt(receipt) => self.see(&receipt, common),
                Heard::Proven(at) => self.prove(at),
                Heard::Subscribed { from, at } => {
                    self.lose(None, common);
                    self.ear = Some(Ear::new(from, at));
                }
                Heard::Broken { proven } => self.lose(proven, common),
            }
        }
    }

    fn is_early(&self, receipt: &Receipt, head: Seq) -> bool {
        receipt.is_beyond(head)
            && !self.by_id.contains_key(&receipt.id)
            && self.recent.get(&receipt.id).is_none()
    }

    fn see(&mut self, receipt: &Receipt, common: &Common<'_>) {
        let Some(ear) = &mut self.ear else {
            self.copies.outside += 1;
            return;
        };
        let Some(seq) = self.by_id.get(&receipt.id).copied() else {
            if let Some(case) = self.recent.get(&receipt.id) {
                ear.highest = ear.highest.max(case.seq);
                self.copies.after(case.verdict);
                return;
            }
            self.copies.unknown += 1;
            if receipt.is_beyond(common.head) {
                self.given_up.insert(receipt.id);
            }
            return;
        };
        let overtaken = ear.highest > seq;
        ear.highest = ear.highest.max(seq);
        let Some(waiting) = self.waiting.get_mut(&seq) else { return };
        if !waiting.see(receipt, overtaken, common.limits) {
            // Its verdict is certain, and only waits for a proof.
            let missed = waiting.copies() == 0;
            self.copies.after(if missed { Verdict::Missing } else { Verdict::Matched });
            return;
        }
        self.copies.taken += 1;
        if waiting.copies() == 1 {
            self.latencies.record(receipt.at, receipt.at.saturating_sub(waiting.event.at));
        }
        self.schedule(seq, common);
    }

    fn prove(&mut self, at: Duration) {
        if let Some(ear) = &mut self.ear {
            ear.prove(at);
        }
    }

    /// The subscription is over: what it still had to prove, nobody can.
    fn lose(&mut self, proven: Option<Duration>, common: &Common<'_>) {
        if self.ear.is_none() {
            return;
        }
        if let Some(proven) = proven {
            self.prove(proven);
        }
        self.decide_due(common);
        self.ear = None;
        let begun = |waiting: &Waiting| waiting.delivered().is_some() || waiting.copies() > 0;
        let cut = self.waiting.iter().filter(|(_, waiting)| begun(waiting));
        for seq in cut.map(|(seq, _)| *seq).collect::<Vec<_>>() {
            self.decide(seq, Some(Unscored::Broken), common);
        }
    }

    /// Decides what can be decided by now.
    pub(super) fn decide_due(&mut self, common: &Common<'_>) {
        while let Some((key, seq)) = self.due.first().copied() {
            let later = self.waiting.get(&seq).and_then(|waiting| self.key(waiting, common.limits));
            if later.is_some_and(|later| later > key) {
                self.schedule(seq, common);
                continue;
            }
            let cut = match self.ear {
                Some(ear) if ear.proven >= key => (seq <= ear.from).then_some(Unscored::Before),
                Some(_) if key.saturating_add(common.limits.proof_within) <= common.now => {
                    Some(Unscored::Unproven)
                }
                None if key <= common.now => Some(Unscored::Down),
                _ => break,
            };
            self.decide(seq, cut, common);
        }
    }

    /// Decides everything, and gives all that was decided.
    pub(super) fn finish(&mut self, common: &Common<'_>) {
        while let Some(seq) = self.waiting.first_key_value().map(|(seq, _)| *seq) {
            self.decide(seq, Some(Unscored::Stopped), common);
        }
    }

    pub(super) fn forget_passed(&mut self) {
        self.passed = (0, Duration::ZERO);
    }

    pub(super) fn take_decided(&mut self, into: &mut Vec<Case>) {
        into.append(&mut self.decided);
    }

    /// When there is something to decide. While nobody listens there is nothing to wait for but
    /// that somebody says that he did.
    fn key(&self, waiting: &Waiting, limits: &MatchLimits) -> Option<Duration> {
        let due = waiting.due(limits)?;
        let soon = waiting.delivered()?.saturating_add(limits.settle);
        Some(if self.ear.is_none() { due.min(soon) } else { due })
    }

    fn schedule(&mut self, seq: Seq, common: &Common<'_>) {
        let key = self.waiting.get(&seq).and_then(|waiting| self.key(waiting, common.limits));
        let Some(waiting) = self.waiting.get_mut(&seq) else { return };
        if let Some(old) = std::mem::replace(&mut waiting.key, key) {
            self.due.remove(&(old, seq));
        }
        self.due.extend(key.map(|key| (key, seq)));
    }

    fn decide(&mut self, seq: Seq, cut: Option<Unscored>, common: &Common<'_>) {
        let Some(waiting) = self.waiting.remove(&seq) else { return };
        if let Some(key) = waiting.key {
            self.due.remove(&(key, seq));
        }
        let event = &waiting.event;
        if self.by_id.get(&event.id) == Some(&seq) {
            self.by_id.remove(&event.id);
        }
        let cut = cut.or(self.given_up.contains(&event.id).then_some(Unscored::Behind));
        let case = Case {
            path: self.path,
            id: event.id,
            epoch: event.epoch,
            seq,
            category: event.category,
            verdict: waiting.verdict(cut, common.limits, common.outages),
            expected: event.expected,
            seen: waiting.seen(),
            copies: waiting.copies(),
            committed_at: event.at,
            latency: waiting.latency(),
            decided_at: common.now,
        };
        self.scores.add(common.now, case.category, case.verdict);
        self.recent.push(case, common.limits.max_events);
        self.decided.push(case);
    }
}

#[cfg(test)]
impl Side {
    /// Everything that is kept of events, but for what has a fixed bound.
    pub(super) fn kept(&self) -> usize {
        self.waiting.len() + self.heard.len() + self.recent.len()
    }
}
