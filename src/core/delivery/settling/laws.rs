//! A batch, a breaker and a destination that takes, rejects, hangs, is down, asks for patience, or
//! takes and then loses the answer: what holds whatever it does.

use std::{collections::BTreeSet, time::Duration};

use proptest::{collection, prelude::*};

use super::*;
use crate::core::breaker::{Breaker, BreakerLimits, Permit};

const MAX_PROBES: u32 = 5;

/// What befalls a request, whatever it carries.
#[derive(Clone, Copy, Debug)]
enum Luck {
    /// The destination looks at it.
    Fine,
    /// It is down.
    Down,
    /// It takes what it can, and the answer is lost.
    Lost,
    /// It asks for fewer requests.
    Busy,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        8 => Just(Luck::Fine), 3 => Just(Luck::Down), 2 => Just(Luck::Lost), 1 => Just(Luck::Busy),
    ]
}

/// A destination, and how it answers.
#[derive(Clone, Debug, Default)]
struct Destination {
    /// It rejects what holds one of these.
    poison: BTreeSet<usize>,
    /// It says which.
    names: bool,
    /// It does not answer when one of these is in the request, and is well otherwise.
    hanging: BTreeSet<usize>,
    /// For the first requests; later ones have no bad luck.
    luck: Vec<Luck>,
    /// How many events fit into a request, in turn; all, when empty.
    fitting: Vec<usize>,
    requests: Vec<Range<usize>>,
    /// What it took, in order, and whether the answer was lost.
    taken: Vec<(usize, bool)>,
}

enum Answer {
    Taken,
    /// Whether it is well otherwise.
    None {
        well: bool,
    },
    Rejected(Which),
    Busy,
}

impl Destination {
    fn fit(&self, range: Range<usize>) -> Range<usize> {
        let turn = self.requests.len();
        let most = self.fitting.get(turn % self.fitting.len().max(1)).copied();
        range.start..range.end.min(range.start + most.unwrap_or(usize::MAX - range.start))
    }

    fn ask(&mut self, range: &Range<usize>) -> Answer {
        let luck = self.luck.get(self.requests.len()).copied().unwrap_or(Luck::Fine);
        self.requests.push(range.clone());
        match luck {
            Luck::Busy => return Answer::Busy,
            Luck::Down => return Answer::None { well: false },
            Luck::Fine | Luck::Lost => {}
        }
        let lost = matches!(luck, Luck::Lost);
        let bad: Vec<_> = self.poison.range(range.clone()).map(|it| it - range.start).collect();
        if self.hanging.range(range.clone()).next().is_some() {
            return Answer::None { well: true };
        }
        match (bad.is_empty(), lost) {
            (true, _) => {
                self.taken.extend(range.clone().map(|event| (event, lost)));
                if lost { Answer::None { well: false } } else { Answer::Taken }
            }
            (false, true) => Answer::None { well: false },
            (false, false) if self.names => Answer::Rejected(Which::These(bad)),
            (false, false) => Answer::Rejected(Which::Unknown),
        }
    }
}

/// What became of a batch.
struct End {
    destination: Destination,
    dead: Vec<Dead>,
    took: Duration,
}

/// Sends a batch until it is settled, as an adapter would.
fn deliver(events: usize, mut destination: Destination) -> End {
    let mut settling = Settling::new(events, MAX_PROBES);
    let mut now = Duration::ZERO;
    let mut breaker = Breaker::try_new(BreakerLimits::default(), now).unwrap();
    let mut dead = Vec::new();
    let mut settled = 0;
    while let Some(next) = settling.next() {
        assert!(destination.requests.len() < 50_000, "it does not end: {destination:?}");
        now += Duration::from_secs(1);
        let (probes, pass) = match breaker.permit(now).0 {
            Permit::Go(pass) => (false, pass),
            Permit::Probe(pass) => (true, pass),
            Permit::Wait { until } => {
                now = until.expect("nobody has to act");
                continue;
            }
        };
        let range = if probes { settling.probe().unwrap() } else { destination.fit(next) };
        let step = match destination.ask(&range) {
            Answer::Taken => {
                breaker.succeeded(pass, now);
                settling.delivered(range)
            }
            Answer::Rejected(which) => {
                breaker.neutral(pass);
                settling.rejected(range, &which, "rejected")
            }
            Answer::Busy => {
                breaker.neutral(pass);
                settling.postponed(range)
            }
            Answer::None { well } => {
                breaker.failed(pass, now, 0.5);
                if probes { settling.probe_failed(well, "hangs") } else { settling.failed(range) }
            }
        };
        follow(&step, settled, &destination, &dead);
        settled = step.settled;
        dead.extend(step.dead);
    }
    assert_eq!(settled, events);
    End { destination, dead, took: now }
}

/// The prefix never goes back, and holds nothing that is undecided; dead letters come in order.
fn follow(step: &Step, before: usize, destination: &Destination, dead: &[Dead]) {
    assert!(step.settled >= before, "never back");
    let taken: BTreeSet<_> = destination.taken.iter().map(|(event, _)| *event).collect();
    let told: Vec<_> = dead.iter().chain(&step.dead).map(|dead| dead.index).collect();
    assert!(told.is_sorted_by(|a, b| a < b), "in order, each once: {told:?}");
    assert!(step.dead.iter().all(|dead| (before..step.settled).contains(&dead.index)));
    for event in before..step.settled {
        assert!(taken.contains(&event) != told.contains(&event), "{event} is settled");
    }
}

/// Order at the destination, with every repetition explained by a lost answer.
fn in_order(taken: &[(usize, bool)]) {
    let mut newest = None;
    for (at, (event, _)) in taken.iter().enumerate() {
        if newest.is_none_or(|newest| newest < *event) {
            newest = Some(*event);
            continue;
        }
        let before: Vec<_> = taken[..at].iter().filter(|(other, _)| other == event).collect();
        assert!(!before.is_empty(), "{event} overtaken");
        assert!(before.iter().all(|(_, lost)| *lost), "{event} repeated for nothing");
    }
}

/// Events, and a part of them.
fn events_and(part: usize) -> impl Strategy<Value = (usize, BTreeSet<usize>)> {
    (1_usize..150)
        .prop_flat_map(move |events| (Just(events), collection::btree_set(0..events, 0..=part)))
}

proptest! {
    #[test]
    fn whatever_it_does_each_event_is_delivered_in_order_or_rightly_dead(
        (events, poison) in events_and(12),
        hanging in collection::btree_set(0_usize..150, 0..3),
        names in any::<bool>(),
        luck in collection::vec(luck(), 0..120),
        fitting in collection::vec(1_usize..160, 0..4),
    ) {
        let hanging = hanging.into_iter().filter(|event| *event < events).collect();
        let end = deliver(
            events,
            Destination { poison, names, hanging, luck, fitting, ..Destination::default() },
        );
        let Destination { poison, hanging, requests, taken, .. } = end.destination;
        let dead: BTreeSet<_> = end.dead.iter().map(|dead| dead.index).collect();
        prop_assert_eq!(&dead, &(&poison | &hanging), "exactly these");
        let delivered: BTreeSet<_> = taken.iter().map(|(event, _)| *event).collect();
        prop_assert_eq!(delivered, (0..events).filter(|event| !dead.contains(event)).collect());
        in_order(&taken);
        for dead in end.dead {
            let in_it = requests.iter().filter(|range| range.contains(&dead.index)).count();
            prop_assert_eq!(usize::try_from(dead.attempts).unwrap(), in_it);
        }
    }

    /// Halving asks twice a level for each bad event; names cost one request more each.
    #[test]
    fn poison_costs_few_requests((events, poison) in events_and(12), names in any::<bool>()) {
        let levels = usize::try_from(events.next_power_of_two().ilog2()).unwrap();
        let bad = poison.len();
        let most = if names { 2 + bad } else { 1 + 2 * bad * levels };
        let end = deliver(events, Destination { poison, names, ..Destination::default() });
        let requests = end.destination.requests.len();
        prop_assert!(requests <= most, "{requests} requests, of at most {most}");
    }

    #[test]
    fn without_bad_luck_one_request_is_enough(events in 1_usize..1_000) {
        let end = deliver(events, Destination::default());
        prop_assert_eq!(end.destination.requests, vec![0..events]);
    }

    /// What is told is of any range, and nothing panics or settles what was not decided.
    #[test]
    fn no_order_of_answers_breaks_it(
        events in 0_usize..40,
        answers in collection::vec((0_usize..45, 0_usize..45, 0_u8..6), 0..200),
    ) {
        let mut settling = Settling::new(events, 2);
        let mut settled = 0;
        for (start, end, answer) in answers {
            let range = start..end;
            let step = match answer {
                0 => settling.delivered(range),
                1 => settling.rejected(range, &Which::Unknown, "x"),
                2 => settling.rejected(range, &Which::These(vec![end, start, start]), "x"),
                3 => settling.failed(range),
                4 => settling.postponed(range),
                _ => settling.probe_failed(true, "x"),
            };
            prop_assert!(settled <= step.settled && step.settled <= events);
            settled = step.settled;
            let rest = settling.next();
            prop_assert_eq!(rest.is_none(), settled == events);
            prop_assert!(rest.is_none_or(|next| next.start == settled && next.end > next.start));
        }
    }
}

/// One event that the destination cannot digest, in the middle of a large batch: found in the time
/// of its probes and a few halvings.
#[test]
fn an_event_that_hangs_is_found() {
    let hanging = [50].into();
    let end = deliver(100, Destination { hanging, ..Destination::default() });
    assert_eq!(end.dead.iter().map(|dead| dead.index).collect::<Vec<_>>(), [50]);
    assert!(end.dead[0].reason.contains("5 probes"), "{}", end.dead[0].reason);
    assert!(end.took < Duration::from_mins(20), "{:?}", end.took);
    assert!(end.destination.requests.len() < 40, "{}", end.destination.requests.len());
}
