use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::core::{
    cursor::durable,
    delivery::Which,
    flags::Mode,
    numbering::Head,
    tail::{TailLimits, tests::event as an_event},
};

const EPOCH: Uuid = Uuid::from_u128(7);

fn from(next: Seq) -> Outgoing {
    let resume = Resume { next, prev: next - 1, lost: None, clamped: false };
    Outgoing::new(EPOCH, next - 1, &resume, 5)
}

/// The tail of a journal that ends at `head`, all of it in memory.
fn tail(head: Seq, event: impl Fn(Seq) -> Event) -> Tail {
    let limits = TailLimits { events: 1_000, bytes: 1 << 20 };
    let empty = Tail::empty(Head::empty(EPOCH), limits);
    empty.append((1..=head).map(event).collect(), Head { head_seq: head, ..Head::empty(EPOCH) })
}

/// One of which the even ones are routed.
fn half(seq: Seq) -> Event {
    let mode = if seq.is_multiple_of(2) { Mode::Adapter } else { Mode::Direct };
    Event { mode, ..an_event(seq, "t") }
}

fn halves(seqs: impl IntoIterator<Item = Seq>) -> Vec<Arc<Event>> {
    seqs.into_iter().map(|seq| Arc::new(half(seq))).collect()
}

fn events(seqs: impl IntoIterator<Item = Seq>) -> Vec<Arc<Event>> {
    seqs.into_iter().map(|seq| Arc::new(an_event(seq, "t"))).collect()
}

fn attempted(sent: usize, result: Result<Delivered, DeliveryError>) -> Attempted {
    Attempted { sent, probe: None, latency: Duration::ZERO, result }
}

fn delivered(events: usize) -> Attempted {
    attempted(events, Ok(Delivered { events, known: 0 }))
}

fn seqs(batch: &Batch) -> Vec<(Seq, Seq)> {
    batch.items.iter().map(|item| (item.event.seq, item.prev)).collect()
}

fn places(progress: &Progress) -> Option<(Seq, Seq)> {
    progress.step.as_ref().map(|step| (step.position.seq, step.through))
}

#[test]
fn the_cursor_follows_what_is_delivered() {
    let mut outgoing = from(5);
    outgoing.read(events(5..=9), 9);
    assert!(outgoing.begin(3));
    let (range, batch) = outgoing.request(100).unwrap();
    assert_eq!((range.start, seqs(&batch)), (0, vec![(5, 4), (6, 5), (7, 6)]));
    assert_eq!(outgoing.look(&tail(20, |seq| an_event(seq, "t"))), 16);
    assert_eq!(outgoing.depth(), 16);
    let progress = outgoing.answered(0, &delivered(2));
    assert_eq!((places(&progress), progress.delivered), (Some((6, 6)), 2));
    let (range, batch) = outgoing.request(100).unwrap();
    assert_eq!((range.start, seqs(&batch)), (2, vec![(7, 6)]));
    assert_eq!(places(&outgoing.answered(2, &delivered(1))), Some((7, 7)));
    assert!(!outgoing.is_under_way() && outgoing.begin(100));
    assert_eq!(outgoing.position(), Position { epoch: EPOCH, seq: 7 });
}

#[test]
fn what_is_routed_elsewhere_is_passed_over_and_never_a_prev() {
    let mut outgoing = from(1);
    outgoing.read(halves(1..=5), 5);
    assert!(outgoing.begin(10));
    let (_, batch) = outgoing.request(10).unwrap();
    assert_eq!(seqs(&batch), [(2, 0), (4, 2)]);
    assert_eq!(places(&outgoing.answered(0, &delivered(1))), Some((2, 2)));
    let end = outgoing.answered(1, &delivered(1));
    assert_eq!(places(&end), Some((4, 5)), "the rest was not for this path");
    outgoing.read(halves([7]), 7);
    assert!(!outgoing.begin(10));
    let step = outgoing.catch_up().unwrap();
    assert_eq!((step.position.seq, step.through), (4, 7));
    assert_eq!(outgoing.catch_up(), None);
}

#[test]
fn what_is_routed_elsewhere_waits_for_nothing() {
    let mut outgoing = from(1);
    let tail = tail(9, half);
    assert_eq!(outgoing.look(&tail), 4);
    assert_eq!((outgoing.depth(), outgoing.unread()), (4, 4));
    outgoing.read(halves(1..=5), 0);
    assert_eq!((outgoing.depth(), outgoing.unread(), outgoing.routed()), (4, 2, 2));
    assert!(outgoing.begin(1));
    outgoing.answered(0, &delivered(1));
    assert_eq!(outgoing.depth(), 3);
    assert_eq!(outgoing.skip_to(7, &tail), 1, "6 is lost, and 7 was for others");
    assert_eq!((outgoing.depth(), outgoing.unread()), (2, 1));
}

#[test]
fn after_a_restart_the_next_one_knows_what_came_before_it() {
    let mut outgoing = from(1);
    outgoing.read(halves(1..=3), 3);
    outgoing.begin(10);
    let step = outgoing.answered(0, &delivered(1)).step.unwrap();
    let head = Head { head_seq: 6, ..Head::empty(EPOCH) };
    let cursor = durable::Cursor {
        position: step.position,
        through: step.through,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    };
    let mut outgoing = Outgoing::new(EPOCH, 6, &durable::resume(Some(&cursor), &head), 5);
    assert_eq!(outgoing.next(), 4);
    outgoing.read(halves(4..=6), 6);
    outgoing.begin(1);
    assert_eq!(seqs(&outgoing.request(1).unwrap().1), [(4, 2)]);
}

#[test]
fn a_dead_letter_comes_with_the_step_over_it() {
    let mut outgoing = from(1);
    outgoing.read(events(1..=2), 2);
    outgoing.begin(2);
    let rejected = |which| Err(DeliveryError::Rejected { which, reason: "too large".to_owned() });
    let first = outgoing.answered(0, &attempted(2, rejected(Which::These(vec![1]))));
    assert_eq!((places(&first), first.dead.len()), (None, 0), "what is before it goes first");
    let then = outgoing.answered(0, &delivered(1));
    assert_eq!(places(&then), Some((2, 2)));
    let [dead] = then.dead.as_slice() else { panic!("{then:?}") };
    assert_eq!((dead.event.seq, &*dead.reason, dead.attempts), (2, "too large", 1));
}

#[test]
fn what_retention_took_is_stepped_over() {
    let mut outgoing = from(1);
    let tail = tail(12, |seq| an_event(seq, "t"));
    outgoing.look(&tail);
    assert_eq!(outgoing.skip_to(10, &tail), 10);
    assert_eq!((outgoing.next(), outgoing.depth()), (11, 2));
    outgoing.read(events(11..=12), 12);
    outgoing.begin(9);
    assert_eq!(seqs(&outgoing.request(9).unwrap().1), [(11, 10), (12, 11)]);
}

#[test]
fn another_journal_forgets_what_was_read_of_the_old_one() {
    let mut outgoing = from(1);
    outgoing.read(events(1..=5), 5);
    outgoing.begin(2);
    let resume = Resume { next: 4, prev: 3, lost: None, clamped: true };
    outgoing.go_on(Uuid::from_u128(8), 3, &resume);
    assert_eq!((outgoing.next(), outgoing.is_under_way(), outgoing.routed()), (4, false, 0));
    assert_eq!(outgoing.position(), Position { epoch: Uuid::from_u128(8), seq: 3 });
}

/// How a simulated destination answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Takes,
    TakesAndIsSilent,
    Fails,
    IsBusy,
    Probes,
}

fn answers() -> impl Strategy<Value = Vec<(Answer, usize)>> {
    let answer = prop_oneof![
        4 => Just(Answer::Takes),
        1 => Just(Answer::TakesAndIsSilent),
        2 => Just(Answer::Fails),
        1 => Just(Answer::IsBusy),
        2 => Just(Answer::Probes),
    ];
    prop::collection::vec((answer, 1_usize..8), 1..60)
}

proptest! {
    /// Whatever a destination does, it has every event or it is a dead letter, in order, and the
    /// cursor never goes back, nor beyond what is settled.
    #[test]
    fn nothing_is_lost_or_disordered_whatever_the_destination_does(
        script in answers(),
        poison in prop::collection::btree_set(1_u64..40, 0..4),
        sizes in prop::collection::vec(1_usize..12, 1..8),
    ) {
        let mut outgoing = from(1);
        let mut taken: Vec<Seq> = Vec::new();
        let mut dead = BTreeSet::new();
        let mut through = 0;
        let mut script = script.into_iter();
        let mut sizes = sizes.into_iter().cycle();
        for _ in 0..2_000 {
            if !outgoing.is_under_way() {
                let next = outgoing.next();
                outgoing.read(events(next..=(next + 6).min(39)), 0);
                if !outgoing.begin(sizes.next().unwrap()) { break; }
            }
            let (range, batch) = outgoing.request(sizes.next().unwrap()).unwrap();
            let (answer, most) = script.next().unwrap_or((Answer::Takes, 100));
            let probe = matches!(answer, Answer::Probes).then_some(false);
            let sent = if probe.is_some() { 1 } else { batch.items.len().min(most) };
            let seqs: Vec<_> = batch.items[..sent].iter().map(|item| item.event.seq).collect();
            let refused = seqs.iter().any(|seq| poison.contains(seq));
            let result = match answer {
                Answer::Takes | Answer::TakesAndIsSilent if refused => Err(DeliveryError::Rejected {
                    which: Which::Unknown, reason: "no".to_owned(),
                }),
                Answer::Takes => { taken.extend(&seqs); Ok(Delivered { events: sent, known: 0 }) }
                Answer::TakesAndIsSilent => {
                    taken.extend(&seqs);
                    Err(DeliveryError::Transient { reason: "lost".to_owned() })
                }
                Answer::Fails | Answer::Probes => Err(DeliveryError::Transient { reason: "down".to_owned() }),
                Answer::IsBusy => Err(DeliveryError::RateLimited { retry_after: None, reason: "busy".to_owned() }),
            };
            let at = Attempted { sent, probe, latency: Duration::ZERO, result };
            let progress = outgoing.answered(range.start, &at);
            dead.extend(progress.dead.iter().map(|dead| dead.event.seq));
            if let Some(step) = progress.step {
                prop_assert!(step.through > through);
                through = step.through;
                for seq in 1..=through {
                    prop_assert!(taken.contains(&seq) != dead.contains(&seq), "{seq} at {through}");
                }
            }
        }
        prop_assert_eq!(through, 39);
        prop_assert_eq!(&dead, &poison);
        let mut first_times = Vec::new();
        for seq in &taken {
            if !first_times.contains(seq) { first_times.push(*seq); }
        }
        prop_assert!(first_times.is_sorted(), "{:?}", first_times);
        prop_assert_eq!(outgoing.routed(), 39);
    }
}
