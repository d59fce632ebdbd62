//! Double-entry book-keeping of deliveries: what the filter group counted as matched against what
//! the session counted as delivered. `matched = delivered + dropped + pending`, always.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::Serialize;

use super::event::Seq;

/// One subscription's side of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// From this `seq` on the group counts the matches; before it, whoever reads older events.
    joined: Seq,
    /// What the group had counted by then.
    base: u64,
    /// Matches before `joined`, counted up to `read`.
    older: u64,
    /// Everything before it is counted.
    read: Seq,
    /// Whole frames taken by the kernel.
    delivered: u64,
    /// Matches that retention took before they could be read.
    dropped: u64,
    /// Whether retention may have taken events that the group counted.
    lossy: bool,
}

/// Sums of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Events that matched, as the filter groups counted.
    pub matched: u64,
    /// Events whose frames the kernel took whole, as the sessions counted.
    pub delivered: u64,
    /// Events that will not be delivered, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Events that will still be delivered.
    pub pending: u64,
    /// `matched - delivered - dropped - pending`, as absolute values summed: a defect unless 0.
    pub imbalance: u64,
}

impl Balance {
    /// Counts `n` events as dropped for `reason`.
    pub fn drop(&mut self, reason: &'static str, n: u64) {
        if n > 0 {
            *self.dropped.entry(reason).or_default() += n;
        }
    }

    /// All that was dropped.
    #[must_use]
    pub fn total_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }
}

impl AddAssign<&Balance> for Balance {
    fn add_assign(&mut self, other: &Balance) {
        self.matched += other.matched;
        self.delivered += other.delivered;
        self.pending += other.pending;
        self.imbalance += other.imbalance;
        for (reason, n) in &other.dropped {
            self.drop(reason, *n);
        }
    }
}

/// Why events were dropped that no close reason explains.
pub const RETENTION: &str = "retention";
/// The client began another subscription before it had all of this one.
pub const RESUBSCRIBED: &str = "resubscribed";

impl Account {
    /// Opens an account for a subscription that begins at `next` and joins a group which has
    /// looked at everything before `joined` and counted `base` matches so far.
    #[must_use]
    pub fn open(next: Seq, joined: Seq, base: u64) -> Self {
        Self { joined, base, older: 0, read: next, delivered: 0, dropped: 0, lossy: false }
    }

    /// The part of `[from, to)` whose matches are still to be counted by [`Account::count`].
    #[must_use]
    pub fn uncounted(&self, to: Seq) -> Option<(Seq, Seq)> {
        let to = to.min(self.joined);
        (self.read < to).then_some((self.read, to))
    }

    /// Counts `matches` among the events up to `to`, which the group did not see.
    pub fn count(&mut self, matches: u64, to: Seq) {
        self.older += matches;
        self.read = self.read.max(to.min(self.joined));
    }

    /// Counts whole frames taken by the kernel.
    pub fn deliver(&mut self, frames: u64) {
        self.delivered += frames;
    }

    /// What is before `next` was deleted before it could be read.
    pub fn skip(&mut self, next: Seq) {
        self.read = self.read.max(next.min(self.joined));
        self.lossy |= next > self.joined;
    }

    /// Whole frames taken so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The ranges that hold what was counted and is still to be sent, for a cursor at `next` in a
    /// group that has looked at everything before `end`.
    #[must_use]
    pub fn pending_ranges(&self, next: Seq, end: Seq) -> [(Seq, Seq); 2] {
        [(next, self.read.max(next)), (self.joined.max(next), end.max(next))]
    }

    /// The balance. `pending` is counted apart, from the events themselves; `None` when they are
    /// in storage alone, and it is then taken to be what is missing.
    pub fn balance(&mut self, group: u64, pending: Option<u64>) -> Balance {
        let matched = (group - self.base.min(group)) + self.older;
        let owed = matched.saturating_sub(self.delivered + self.dropped);
        let over = (self.delivered + self.dropped).saturating_sub(matched);
        if let (true, Some(pending)) = (self.lossy, pending) {
            self.dropped += owed.saturating_sub(pending);
            self.lossy = false;
        }
        let owed = matched.saturating_sub(self.delivered + self.dropped);
        let pending = pending.unwrap_or(owed);
        let mut balance = Balance {
            matched,
            delivered: self.delivered,
            pending,
            imbalance: owed.abs_diff(pending) + over,
            ..Balance::default()
        };
        balance.drop(RETENTION, self.dropped);
        balance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_names_a_defect() {
        let mut account = Account::open(5, 10, 100);
        assert_eq!(account.uncounted(8), Some((5, 8)));
        account.count(2, 8);
        assert_eq!(account.uncounted(20), Some((8, 10)));
        account.count(1, 20);
        assert_eq!(account.uncounted(20), None);
        account.deliver(3);
        let balance = account.balance(104, Some(4));
        assert_eq!((balance.matched, balance.imbalance), (7, 0));
        assert_eq!(account.balance(104, Some(3)).imbalance, 1, "one was lost");
        account.deliver(5);
        assert_eq!(account.balance(104, Some(0)).imbalance, 1, "one was sent twice");
    }

    #[test]
    fn what_retention_took_is_dropped_by_name() {
        let mut account = Account::open(10, 10, 0);
        account.deliver(2);
        account.skip(20);
        assert_eq!(account.balance(9, None).pending, 7, "not known until it reads memory again");
        let balance = account.balance(9, Some(3));
        assert_eq!((balance.dropped[RETENTION], balance.pending, balance.imbalance), (4, 3, 0));
    }
}
