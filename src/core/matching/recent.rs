//! The newest verdicts: to show them, and to know a copy that comes after one.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::{Case, Verdict};

/// Worst cases that are shown of each kind, the newest ones: five kinds, a hundred in all.
const WORST: usize = 20;

/// Verdicts that are remembered, at most.
const REMEMBERED: usize = 10_000;

/// Ids, and no more than are remembered.
#[derive(Debug, Default)]
pub(super) struct Ids {
    ids: HashSet<Uuid>,
    order: VecDeque<Uuid>,
}

impl Ids {
    pub(super) fn insert(&mut self, id: Uuid) {
        if self.ids.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: &Uuid) -> bool {
        self.ids.contains(id)
    }
}

#[derive(Debug, Default)]
pub(super) struct Recent {
    cases: HashMap<Uuid, Case>,
    order: VecDeque<Uuid>,
    /// By the place of the verdict.
    worst: [VecDeque<Case>; Verdict::NAMES.len()],
}

impl Recent {
    /// Remembers a verdict, and at most `max` in all.
    pub(super) fn push(&mut self, case: Case, max: usize) {
        if self.cases.insert(case.id, case).is_none() {
            self.order.push_back(case.id);
        }
        while self.order.len() > max.min(REMEMBERED)
            && let Some(oldest) = self.order.pop_front()
        {
            self.cases.remove(&oldest);
        }
        if case.verdict.is_fault()
            && let Some(kind) = self.worst.get_mut(case.verdict.place())
        {
            kind.push_front(case);
            kind.truncate(WORST);
        }
    }

    pub(super) fn get(&self, id: &Uuid) -> Option<&Case> {
        self.cases.get(id)
    }

    /// The worst kinds first, and of each the newest first.
    pub(super) fn worst(&self) -> impl Iterator<Item = &Case> {
        self.worst.iter().rev().flatten()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.cases.len(), self.order.len());
        self.order.len()
    }
}
