//! The events of a batch that were acknowledged although the batch was not taken whole: they are not
//! pushed again when it is sent again, or a part of it.
//!
//! So a batch counts as taken whole or not at all, as the contract of a transport wants it, and an
//! event is heard twice only where its answer was lost.

use std::collections::HashSet;

use uuid::Uuid;

use crate::core::{delivery::Batch, event::Seq};

/// More than one batch has: what was never sent again is forgotten then.
const MOST: usize = 20_000;

/// What was acknowledged of batches that were not taken whole.
#[derive(Debug, Default)]
pub(super) struct Taken {
    epoch: Uuid,
    seqs: HashSet<Seq>,
}

impl Taken {
    /// A batch is about to be sent.
    pub(super) fn begin(&mut self, batch: &Batch) {
        if self.epoch != batch.epoch || self.seqs.len() > MOST {
            self.seqs.clear();
            self.epoch = batch.epoch;
        }
    }

    /// An event was acknowledged.
    pub(super) fn note(&mut self, seq: Seq) {
        self.seqs.insert(seq);
    }

    /// Whether it was.
    pub(super) fn has(&self, seq: Seq) -> bool {
        self.seqs.contains(&seq)
    }

    /// A batch was taken whole, and that is told: whoever sends it again means it.
    pub(super) fn settle(&mut self, batch: &Batch) {
        for item in &batch.items {
            self.seqs.remove(&item.event.seq);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::realtime::destination::tests::batch;

    #[test]
    fn what_was_acknowledged_is_known_until_it_is_settled() {
        let mut taken = Taken::default();
        let four = batch(&["a"; 4]);
        taken.begin(&four);
        for seq in [1, 3, 4] {
            taken.note(seq);
        }
        let part = Batch { items: four.items[1..3].to_vec(), ..four.clone() };
        taken.begin(&part);
        assert_eq!([1, 2, 3, 4].map(|seq| taken.has(seq)), [true, false, true, true]);
        taken.settle(&part);
        assert_eq!([1, 3, 4].map(|seq| taken.has(seq)), [true, false, true]);
        taken.begin(&Batch { epoch: Uuid::from_u128(1), ..four.clone() });
        assert!(!taken.has(4), "of another journal");
        for seq in 0..=MOST as u64 {
            taken.note(seq);
        }
        taken.begin(&Batch { epoch: Uuid::from_u128(1), ..four });
        assert!(!taken.has(4), "it is bounded");
    }
}
