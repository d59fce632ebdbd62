//! Whether a subscription is still heard: something is asked every so often, and what comes back
//! proves that it was whole when that was asked.

use std::{collections::VecDeque, time::Duration};

/// What was asked, and not answered yet. `T` is what an answer proves.
#[derive(Debug)]
pub struct Canary<T> {
    asked: VecDeque<(u64, Duration, T)>,
    next: u64,
    patience: Duration,
}

impl<T> Canary<T> {
    /// Nothing is asked yet; an answer may take so long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self { asked: VecDeque::new(), next: 0, patience }
    }

    /// Something is asked; its number.
    pub fn ask(&mut self, now: Duration, proves: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.asked.push_back((number, now, proves));
        number
    }

    /// This was answered, and those before it never will be: when it was asked, and what is proven.
    /// Nothing when it was not asked, or was answered before.
    pub fn answered(&mut self, number: u64) -> Option<(Duration, T)> {
        let place = self.asked.iter().position(|(asked, ..)| *asked == number)?;
        let (_, at, proves) = self.asked.drain(..=place).next_back()?;
        Some((at, proves))
    }

    /// The first that waits for an answer was answered.
    pub fn answered_first(&mut self) -> Option<(Duration, T)> {
        self.asked.pop_front().map(|(_, at, proves)| (at, proves))
    }

    /// Whether an answer takes too long.
    #[must_use]
    pub fn is_lost(&self, now: Duration) -> bool {
        let first = self.asked.front();
        first.is_some_and(|(_, at, _)| now.saturating_sub(*at) > self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn an_answer_proves_what_was_asked_and_is_for_those_before_it_too() {
        let mut canary = Canary::new(S * 10);
        for n in 0..4_u32 {
            assert_eq!(canary.ask(S * n, n), u64::from(n));
        }
        assert_eq!(canary.answered(1), Some((S, 1)));
        assert_eq!(canary.answered(1), None, "once");
        assert_eq!(canary.answered(0), None, "too late");
        assert_eq!(canary.answered(9), None, "never asked");
        assert_eq!(canary.answered_first(), Some((S * 2, 2)));
        assert_eq!(canary.answered(3), Some((S * 3, 3)));
        assert_eq!(canary.answered_first(), None);
    }

    #[test]
    fn it_is_lost_when_the_oldest_has_no_answer_for_too_long() {
        let mut canary = Canary::new(S * 2);
        assert!(!canary.is_lost(S * 99), "nothing was asked");
        canary.ask(S, ());
        canary.ask(S * 3, ());
        assert!(!canary.is_lost(S * 3));
        assert!(canary.is_lost(S * 3 + S / 2));
        canary.answered(0);
        assert!(!canary.is_lost(S * 5));
        assert!(canary.is_lost(S * 6));
    }
}
