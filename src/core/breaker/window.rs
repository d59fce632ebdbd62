//! The newest attempts, and how many of them failed.

use std::collections::VecDeque;

/// A bounded row of outcomes: the oldest goes when a newer one comes.
#[derive(Clone, Debug)]
pub(super) struct Window {
    size: usize,
    /// Oldest first; whether it failed.
    outcomes: VecDeque<bool>,
    failures: usize,
}

impl Window {
    /// Of at most `size` attempts.
    pub(super) fn new(size: usize) -> Self {
        Self { size, outcomes: VecDeque::new(), failures: 0 }
    }

    pub(super) fn record(&mut self, failed: bool) {
        self.outcomes.push_back(failed);
        self.failures += usize::from(failed);
        self.trim();
    }

    /// Keeps the newest.
    pub(super) fn resize(&mut self, size: usize) {
        self.size = size;
        self.trim();
    }

    pub(super) fn clear(&mut self) {
        self.outcomes.clear();
        self.failures = 0;
    }

    pub(super) fn attempts(&self) -> usize {
        self.outcomes.len()
    }

    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    fn trim(&mut self) {
        while self.outcomes.len() > self.size {
            self.failures -= usize::from(self.outcomes.pop_front() == Some(true));
        }
    }
}
