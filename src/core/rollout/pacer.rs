//! When a client may move: so many a second, never more.
//!
//! A [`Pacer`] hands out slots, each at least a slot's width after the one before: in any second, at
//! most `pace` of them. Jitter only widens the distance, by up to a quarter, so that routers do not
//! move clients in step; so between 80 and 100 % of the pace is reached.
//!
//! [`Moves`] remembers who has which slot, so that a client that asks again when its time has come
//! is not sent to the end of the line, and one that is told and asks has one slot. A client that no
//! longer moves gives nothing back: a slot that is not used is lost, and nobody is late for that.
//!
//! Times are durations since any fixed moment; one that goes back counts as the latest seen.

use std::{collections::HashMap, num::NonZeroU32, time::Duration};

use super::assign::Path;

/// How long a slot is good for after its time: a client may ask late.
const GRACE: Duration = Duration::from_secs(30);
/// Most clients that are remembered; beyond that they are told to ask again.
const MAX_WAITING: usize = 200_000;

/// Hands out slots.
#[derive(Clone, Debug)]
pub struct Pacer {
    /// The least distance of two.
    width: Duration,
    /// The earliest time of the next.
    next: Duration,
}

impl Pacer {
    /// At most `pace` slots in any second.
    #[must_use]
    pub fn new(pace: NonZeroU32) -> Self {
        Self { width: width(pace), next: Duration::ZERO }
    }

    /// Takes another pace; slots that are out stay.
    pub fn adopt(&mut self, pace: NonZeroU32) {
        self.width = width(pace);
    }

    /// The next slot, now at the earliest. `jitter` is in `0.0..1.0`.
    pub fn slot(&mut self, now: Duration, jitter: f64) -> Duration {
        let slot = self.next.max(now);
        let more = self.width.mul_f64(0.25 * jitter.clamp(0.0, 1.0));
        self.next = slot.saturating_add(self.width).saturating_add(more);
        slot
    }
}

/// Rounded up, so that a second never holds one more.
fn width(pace: NonZeroU32) -> Duration {
    Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(pace.get())))
}

/// A client's slot.
#[derive(Clone, Copy, Debug)]
struct Grant {
    to: Path,
    at: Duration,
}

impl Grant {
    fn is_good(&self, to: Path, now: Duration) -> bool {
        self.to == to && now <= self.at.saturating_add(GRACE)
    }
}

/// Who may move where, and when.
#[derive(Debug)]
pub struct Moves {
    pacer: Pacer,
    granted: HashMap<Box<str>, Grant>,
    latest: Duration,
    most: usize,
}

impl Moves {
    /// Nobody moves yet.
    #[must_use]
    pub fn new(pace: NonZeroU32) -> Self {
        Self {
            pacer: Pacer::new(pace),
            granted: HashMap::new(),
            latest: Duration::ZERO,
            most: MAX_WAITING,
        }
    }

    /// Takes another pace.
    pub fn adopt(&mut self, pace: NonZeroU32) {
        self.pacer.adopt(pace);
    }

    /// When this client may move there: its slot, which stays the same however often it asks, until
    /// it has gone by for half a minute. `None`: too many wait; let it ask again later.
    pub fn slot(&mut self, client: &str, to: Path, now: Duration, jitter: f64) -> Option<Duration> {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if let Some(grant) = self.granted.get(client).filter(|grant| grant.is_good(to, now)) {
            return Some(grant.at);
        }
        if self.granted.len() >= self.most {
            self.granted.retain(|_, grant| now <= grant.at.saturating_add(GRACE));
        }
        if self.granted.len() >= self.most && !self.granted.contains_key(client) {
            return None;
        }
        let at = self.pacer.slot(now, jitter);
        self.granted.insert(client.into(), Grant { to, at });
        Some(at)
    }

    /// How long a client would wait that asks now for the first time.
    #[must_use]
    pub fn queue(&self, now: Duration) -> Duration {
        self.pacer.next.saturating_sub(now)
    }

    /// Whether a client has a slot there that is still good.
    #[must_use]
    pub fn has(&self, client: &str, to: Path, now: Duration) -> bool {
        let grant = self.granted.get(client);
        grant.is_some_and(|grant| grant.is_good(to, now))
    }

    /// Slots whose time is yet to come.
    #[must_use]
    pub fn waiting(&self, now: Duration) -> usize {
        self.granted.values().filter(|grant| grant.at > now).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(pace: u32) -> NonZeroU32 {
        NonZeroU32::new(pace).unwrap()
    }

    #[test]
    fn the_first_goes_at_once_and_the_others_in_their_turn() {
        let mut pacer = Pacer::new(pace(10));
        let now = Duration::from_secs(5);
        let slots: Vec<_> =
            (0..4).map(|_| pacer.slot(now, 0.0).saturating_sub(now).as_millis()).collect();
        assert_eq!(slots, [0, 100, 200, 300]);
        assert_eq!(pacer.slot(Duration::from_mins(1), 0.0), Duration::from_mins(1));
    }

    #[test]
    fn who_asks_again_keeps_the_slot_until_it_is_long_gone() {
        let mut moves = Moves::new(pace(1));
        let at = |seconds| Duration::from_secs(seconds);
        let mut ask = |client, to, now| moves.slot(client, to, at(now), 0.0).unwrap();
        assert_eq!(ask("a", Path::Realtime, 0), at(0));
        assert_eq!(ask("b", Path::Realtime, 0), at(1));
        assert_eq!(ask("c", Path::Realtime, 0), at(2));
        assert_eq!(ask("b", Path::Realtime, 1), at(1), "its time has come");
        assert_eq!(ask("b", Path::Realtime, 31), at(1), "late, but not too late");
        assert_eq!(ask("b", Path::Realtime, 32), at(32), "a new one");
        assert_eq!(ask("b", Path::Direct, 32), at(33), "back is another move");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut moves = Moves { most: 2, ..Moves::new(pace(1)) };
        let mut ask = |client, now| moves.slot(client, Path::Direct, Duration::from_secs(now), 0.0);
        assert!(ask("a", 0).is_some() && ask("b", 0).is_some());
        assert_eq!(ask("c", 0), None);
        assert!(ask("a", 0).is_some(), "who is remembered has its slot");
        assert!(ask("c", 31).is_some(), "the first is forgotten");
    }

    proptest! {
        #[test]
        fn no_second_has_more_moves_than_the_pace(
            speed in 1_u32..300,
            asks in prop::collection::vec((0_u64..1_500, 0.0..1.0, 0_u8..4), 1..400),
        ) {
            let mut moves = Moves::new(pace(speed));
            let mut now = SECOND;
            let mut slots = vec![];
            for (number, (wait, jitter, repeat)) in asks.into_iter().enumerate() {
                // Bursts, with pauses between.
                now += Duration::from_millis(if wait < 1_400 { 0 } else { wait });
                let client = number.to_string();
                let slot = moves.slot(&client, Path::Realtime, now, jitter).unwrap();
                prop_assert!(slot >= now);
                for _ in 0..repeat {
                    let again = moves.slot(&client, Path::Realtime, now, jitter);
                    prop_assert_eq!(again, Some(slot));
                }
                slots.push(slot);
            }
            let width = usize::try_from(speed).unwrap();
            for pair in slots.windows(width + 1) {
                prop_assert!(pair[width].saturating_sub(pair[0]) >= SECOND);
            }
        }

        /// Also where another pace is set meanwhile, and a clock goes back: in a window of a second,
        /// wherever it begins, no more than the fastest pace that was in force.
        #[test]
        fn a_second_holds_no_more_than_the_fastest_pace(
            speeds in prop::collection::vec(1_u32..200, 1..4),
            asks in prop::collection::vec((0_i64..1_500, 0.0..1.0), 1..400),
        ) {
            let mut moves = Moves::new(pace(speeds[0]));
            let mut now = 5_000_i64;
            let mut slots = vec![];
            let each = asks.len().div_ceil(speeds.len());
            for (number, (step, jitter)) in asks.into_iter().enumerate() {
                moves.adopt(pace(speeds[number / each]));
                now += match step {
                    1_400.. => step,
                    1_300.. => -700,
                    _ => 0,
                };
                let asked = Duration::from_millis(u64::try_from(now.max(0)).unwrap());
                let slot = moves.slot(&number.to_string(), Path::Direct, asked, jitter).unwrap();
                prop_assert!(slot >= asked, "before its time");
                slots.push(slot);
            }
            let fastest = usize::try_from(*speeds.iter().max().unwrap()).unwrap();
            for from in &slots {
                let second = *from..*from + SECOND;
                let within = slots.iter().filter(|slot| second.contains(*slot)).count();
                prop_assert!(within <= fastest, "{within} in a second, at {fastest}");
            }
        }

        #[test]
        fn the_pace_is_nearly_reached(speed in 1_u32..300, jitter in 0.0..1.0) {
            let mut pacer = Pacer::new(pace(speed));
            let last = (0..=speed).map(|_| pacer.slot(SECOND, jitter)).last().unwrap();
            prop_assert!(last.saturating_sub(SECOND) <= SECOND.mul_f64(1.26));
        }
    }
}
