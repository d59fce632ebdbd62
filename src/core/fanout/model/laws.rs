//! The laws: what must hold after every step, after a whole pass, and when all have come to rest.

use super::world::{Todo, World};
use crate::core::fanout::tests::PLENTY;

impl World {
    /// After a whole pass, who neither refuses bytes nor waits for storage has everything.
    pub(super) fn assert_current(&self, index: usize) {
        let shard = &self.shards[index];
        for link in self.clients.iter().filter_map(|client| client.link.as_ref()) {
            let Some(seen) = link.seen.as_ref().filter(|_| link.shard == index) else { continue };
            let paged = |todo: &Todo| matches!(todo, Todo::Read(key, ..) | Todo::Hand(key, ..) if *key == link.key);
            let waits = shard.unread.contains(&link.key) || shard.todo.iter().any(paged);
            if !(waits || link.ending || link.wire.refused.get() || link.wire.gone.get()) {
                assert_eq!(seen.epoch, self.epoch, "other epochs were ended");
                let missing = seen.missing(self.journal(), self.shown().head_seq);
                assert_eq!(missing, 0, "client at {} is not current", seen.at);
            }
        }
    }

    /// The laws that hold after every step.
    pub(super) fn check(&mut self) {
        self.read();
        let tail = self.tail.load();
        for (index, shard) in self.shards.iter_mut().enumerate() {
            let sum = shard.fanout.balance(&tail);
            assert_eq!(sum.imbalance, 0, "{sum:?}");
            assert_eq!(sum.matched, sum.delivered + sum.total_dropped() + sum.pending, "{sum:?}");
            let links = self.clients.iter().filter_map(|client| client.link.as_ref());
            let here = links.filter(|link| link.shard == index);
            let events = here.map(|link| link.events).sum::<u64>() + shard.events;
            let frames = sum.delivered..=sum.delivered + shard.ended;
            assert!(frames.contains(&events), "{events} frames on the wires: {sum:?}");
        }
    }

    /// Everybody has room, everything is served: all come to rest, and all have everything.
    pub(super) fn drain(&mut self) {
        let told = self.tail.load().trimmed(self.stored());
        self.tail.store(told);
        for round in 0.. {
            assert!(round < 10_000, "it never comes to rest");
            for link in self.clients.iter().filter_map(|client| client.link.as_ref()) {
                link.wire.room.set(PLENTY);
                link.wire.most.set(PLENTY);
                self.shards[link.shard].fanout.heard(link.key);
            }
            let mut rests = true;
            for index in 0..self.shards.len() {
                rests &= self.advance(index, 10_000) && self.shards[index].todo.is_empty();
                self.serve(index, 0, true);
            }
            if rests && round % 2 == 1 {
                break;
            }
            self.tick(0, |_| true);
        }
        self.check();
        (0..self.shards.len()).for_each(|index| self.assert_drained(index));
    }

    fn assert_drained(&mut self, index: usize) {
        let tail = self.tail.load();
        let (head, journal) = (self.stored().head_seq, &self.journals[&self.epoch]);
        let shard = &mut self.shards[index];
        let (mut matched, mut lost) = (0, 0);
        for link in self.clients.iter().filter_map(|client| client.link.as_ref()) {
            let Some(seen) = link.seen.as_ref().filter(|_| link.shard == index) else { continue };
            assert!(!link.ending && link.openings.is_empty());
            assert_eq!((seen.epoch, seen.missing(journal, head)), (self.epoch, 0), "all is there");
            let (_, row) = shard.fanout.rows().find(|(key, _)| *key == link.key).unwrap();
            assert_eq!((row.seq, row.delivered, row.blocked), (Some(head), seen.got, false));
            matched += journal.matching(&seen.filter, seen.start + 1, head);
            lost += seen.lost;
        }
        let sum = shard.fanout.balance(&tail);
        let live = sum.matched - shard.fanout.closed.matched;
        assert_eq!(sum.pending, 0, "{sum:?}");
        // What was lost before anybody counted it is in no account.
        assert!(matched - lost <= live && live <= matched, "{matched} - {lost} : {sum:?}");
    }
}
