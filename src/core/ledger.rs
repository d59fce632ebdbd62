//! Double-entry book-keeping of deliveries: what the filter group counted as matched against what
//! the session counted as delivered. `matched = delivered + dropped + pending`, always.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::Serialize;

use super::event::Seq;

/// One subscription's side of the ledger.
///
/// The group counts a match when it looks at the event. What it never looks at, because it was
/// there before the subscription or because the tail forgot it too soon, is [`Account::unseen`]:
/// the session counts that by itself when it reads it.
#[derive(Clone, Debug)]
pub struct Account {
    /// What the group had counted when the account was opened.
    base: u64,
    /// Ranges `[from, to)` that the group does not count and that are still to be counted,
    /// ascending; none of it is before the cursor.
    unseen: Vec<(Seq, Seq)>,
    /// Matches counted in such ranges.
    own: u64,
    /// Whole frames taken by the kernel.
    delivered: u64,
    /// Matches that retention took after they were counted.
    dropped: u64,
    /// Whether retention may have taken more of those than `dropped` says.
    lossy: bool,
}

/// Sums of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Balance {
    /// Events whose frames the kernel took whole, as the sessions counted.
    pub delivered: u64,
    /// Events that will not be delivered, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// `matched - delivered - dropped - pending`, as absolute values summed: a defect unless 0.
    pub imbalance: u64,
    /// Events that matched, as the filter groups counted.
    pub matched: u64,
    /// Events that will still be delivered.
    pub pending: u64,
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
/// The subscription had all it wanted: nothing is ever dropped for this.
pub const OVER: &str = "over";
/// What came next for a subscription was nowhere any more.
pub const LOST: &str = "lost";

impl Account {
    /// Opens an account for a subscription that begins at `next` and joins a group which has
    /// looked at everything before `joined` and counted `base` matches so far.
    #[must_use]
    pub fn open(next: Seq, joined: Seq, base: u64) -> Self {
        let mut account =
            Self { base, unseen: Vec::new(), own: 0, delivered: 0, dropped: 0, lossy: false };
        account.miss(next, joined);
        account
    }

    /// The group went on at `to` without having looked at the events from `from` on.
    pub fn miss(&mut self, from: Seq, to: Seq) {
        if from < to {
            self.unseen.push((from, to));
        }
    }

    /// What is still to be counted by [`Account::count`].
    #[must_use]
    pub fn unseen(&self) -> &[(Seq, Seq)] {
        &self.unseen
    }

    /// Counts what the group did not see of the events before `to`; `matches` says how many match
    /// in a range `[from, to)`.
    pub fn count(&mut self, to: Seq, matches: impl Fn(Seq, Seq) -> u64) {
        for (from, end) in &mut self.unseen {
            let through = to.min(*end);
            if *from < through {
                self.own += matches(*from, through);
                *from = through;
            }
        }
        self.unseen.retain(|(from, end)| from < end);
    }

    /// Counts whole frames taken by the kernel.
    pub fn deliver(&mut self, frames: u64) {
        self.delivered += frames;
    }

    /// The events in `[from, to)` were deleted before they could be read.
    pub fn skip(&mut self, from: Seq, to: Seq) {
        let overlap = |(begin, end): &(Seq, Seq)| to.min(*end).saturating_sub(from.max(*begin));
        let uncounted: Seq = self.unseen.iter().map(overlap).sum();
        self.lossy |= uncounted < to.saturating_sub(from);
        self.count(to, |_, _| 0);
    }

    /// Whole frames taken so far.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The balance. `pending` is counted apart, from the events themselves; `None` when they are
    /// in storage alone, and it is then taken to be what is missing.
    pub fn balance(&mut self, group: u64, pending: Option<u64>) -> Balance {
        let matched = group.saturating_sub(self.base) + self.own;
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
        account.count(8, |from, to| to - from);
        assert_eq!(account.unseen(), [(8, 10)]);
        account.count(20, |_, _| 0);
        assert_eq!(account.unseen(), []);
        account.deliver(3);
        let balance = account.balance(104, Some(4));
        assert_eq!((balance.matched, balance.imbalance), (7, 0));
        assert_eq!(account.balance(104, Some(3)).imbalance, 1, "one was lost");
        account.deliver(5);
        assert_eq!(account.balance(104, Some(0)).imbalance, 1, "one was sent twice");
    }

    #[test]
    fn what_the_group_missed_is_counted_by_whoever_reads_it() {
        let mut account = Account::open(5, 10, 0);
        account.miss(20, 30);
        account.count(25, |from, to| to - from);
        assert_eq!(account.unseen(), [(25, 30)]);
        assert_eq!(account.balance(7, None).matched, 17);
        account.skip(25, 30);
        assert_eq!(account.balance(7, Some(17)).imbalance, 0, "nobody had counted what went");
        account.skip(30, 31);
        assert_eq!(account.balance(7, Some(16)).dropped[RETENTION], 1);
    }

    #[test]
    fn what_retention_took_is_dropped_by_name() {
        let mut account = Account::open(10, 10, 0);
        account.deliver(2);
        account.skip(12, 20);
        assert_eq!(account.balance(9, None).pending, 7, "not known until it reads memory again");
        let balance = account.balance(9, Some(3));
        assert_eq!((balance.dropped[RETENTION], balance.pending, balance.imbalance), (4, 3, 0));
    }
}
