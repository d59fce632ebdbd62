//! What holds whatever happens, in whatever order, and whatever the clocks do: a small world in
//! which events are committed, delivered, harmed and heard, and what the matcher makes of it.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::core::event::Category;

const LIMITS: MatchLimits = MatchLimits {
    deadline: ms(3_000),
    late_after: ms(1_000),
    settle: ms(400),
    proof_within: ms(1_500),
    max_events: 1_000,
};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Choices, used again from the first when there are no more.
struct Dice<'a>(std::iter::Cycle<std::slice::Iter<'a, u16>>);

impl Dice<'_> {
    fn roll(&mut self, below: u64) -> u64 {
        u64::from(*self.0.next().unwrap()) % below.max(1)
    }
}

/// What may go wrong.
#[derive(Clone, Copy, Debug)]
struct World {
    events: u64,
    /// Events that are lost, doubled, or altered on their way.
    harm: bool,
    /// Probes come and go.
    breaks: bool,
    /// What is told comes late, and each source by itself.
    slow: bool,
}

/// What is told, when it comes, and in the order in which it is told.
type Told = Vec<(u64, Input)>;

#[derive(Clone, Copy, Debug)]
enum Input {
    Committed(Committed),
    Passed(Seq, u64),
    Subscribed(Path, Seq, u64),
    Proven(Path, u64),
    Broken(Path, u64),
    Receipt(Path, Receipt),
}

fn event(seq: Seq, at: u64, routed: bool) -> Committed {
    Committed {
        id: Uuid::from_u128(u128::from(seq)),
        epoch: Uuid::nil(),
        seq,
        category: Category::ALL[usize::try_from(seq % 5).unwrap()],
        expected: PayloadHash::of(&seq.to_string()),
        routed,
        at: ms(at),
    }
}

/// When something is sent on a path, and when it arrives, if it does.
type Sent = Vec<(u64, u64, Seq, bool)>;

struct Happened {
    events: Vec<Committed>,
    told: Told,
    /// What each probe heard, by event.
    heard: HashMap<(Path, Seq), Vec<(u64, bool)>>,
}

/// Makes a source slow: everything it tells comes later, and still in its order.
fn slowly(told: Told, by: u64, dice: &mut Dice<'_>) -> Told {
    let mut latest = 0;
    let come = told.into_iter().map(|(at, input)| {
        latest = latest.max(at + dice.roll(by));
        (latest, input)
    });
    come.collect()
}

fn happen(world: World, dice: &mut Dice<'_>) -> Happened {
    let mut now = 1_000;
    let mut events = Vec::new();
    for seq in 1..=world.events {
        now += dice.roll(120);
        events.push(event(seq, now, dice.roll(4) > 0));
    }
    let end = now + 20_000;
    let commits: Told =
        events.iter().map(|event| (at_of(event), Input::Committed(*event))).collect();
    let mut sources = vec![commits];
    let mut heard = HashMap::new();
    let (sent, passes) = (direct(&events), realtime(&events, dice));
    sources.push(passes.0);
    for (path, sent) in [(Path::Websocket, sent), (Path::Realtime, passes.1)] {
        let sent = harm(sent, world, dice);
        sources.push(probe((path, &sent), (&events, end, world), dice, &mut heard));
    }
    let mut told: Told = Vec::new();
    for source in sources {
        // Longer than what is seen before its commit is waited for.
        told.extend(if world.slow { slowly(source, 1_200, dice) } else { source });
    }
    told.sort_by_key(|(at, _)| *at);
    Happened { events, told, heard }
}

fn at_of(event: &Committed) -> u64 {
    u64::try_from(event.at.as_millis()).unwrap()
}

fn direct(events: &[Committed]) -> Sent {
    events.iter().map(|event| (at_of(event), at_of(event), event.seq, true)).collect()
}

/// An adapter that sends some at a time, one request after another.
fn realtime(events: &[Committed], dice: &mut Dice<'_>) -> (Told, Sent) {
    let (mut now, mut next) = (0, 0);
    let (mut passes, mut sent) = (Vec::new(), Vec::new());
    while next < events.len() {
        now = now.max(at_of(&events[next]));
        let waiting = events[next..].iter().take_while(|event| at_of(event) <= now).count();
        let size = 1 + usize::try_from(dice.roll(waiting as u64)).unwrap();
        let batch = &events[next..next + size];
        sent.extend(batch.iter().filter(|event| event.routed).map(|it| (now, now, it.seq, true)));
        now += dice.roll(300);
        passes.push((now, Input::Passed(batch[size - 1].seq, now)));
        next += size;
    }
    (passes, sent)
}

/// Lets what was sent arrive, and harms some of it.
fn harm(sent: Sent, world: World, dice: &mut Dice<'_>) -> Sent {
    let mut arrive = Vec::new();
    for (at, _, seq, _) in sent {
        let within = if dice.roll(8) == 0 { 1_500 } else { 60 };
        let arrives = at + dice.roll(within);
        let fate = if world.harm { dice.roll(12) } else { 9 };
        match fate {
            0 => {}
            1 => arrive.extend([(at, arrives, seq, true), (at, arrives + 100, seq, true)]),
            2 => arrive.extend([(at, arrives, seq, true), (at, arrives + 100, seq, false)]),
            3 => arrive.push((at, arrives, seq, false)),
            _ => arrive.push((at, arrives, seq, true)),
        }
    }
    arrive.sort_by_key(|(_, arrives, ..)| *arrives);
    arrive
}

/// A probe hears what is sent and arrives while it is subscribed. That it is not any more, it finds
/// out when it is: until then it hears nothing, and proves nothing.
fn probe(
    (path, sent): (Path, &Sent),
    (events, end, world): (&[Committed], u64, World),
    dice: &mut Dice<'_>,
    heard: &mut HashMap<(Path, Seq), Vec<(u64, bool)>>,
) -> Told {
    let mut told = Vec::new();
    let mut up = 0;
    while up < end {
        let down = if world.breaks { up + 200 + dice.roll(8_000) } else { end };
        let newest = events.iter().filter(|event| at_of(event) <= up).count() as Seq;
        told.push((up, Input::Subscribed(path, newest, up)));
        for (at, arrives, seq, whole) in sent {
            // A session reads the journal; who is sent to must be there.
            let there = if path == Path::Websocket { *seq > newest } else { *at >= up };
            if there && (up..down).contains(arrives) {
                let Committed { id, epoch, mut expected, .. } = event(*seq, 0, true);
                if !whole {
                    expected = PayloadHash::of("altered");
                }
                let (seq_seen, at) = (Some(*seq), ms(*arrives));
                let receipt = Receipt { id, seq: seq_seen, epoch: Some(epoch), hash: expected, at };
                told.push((*arrives, Input::Receipt(path, receipt)));
                heard.entry((path, *seq)).or_default().push((*arrives, *whole));
            }
        }
        let proofs = (up..down).step_by(250);
        told.extend(proofs.clone().map(|at| (at, Input::Proven(path, at))));
        let found_out = down + dice.roll(900);
        let last = proofs.last().unwrap_or(up);
        if down < end {
            told.push((found_out, Input::Broken(path, last)));
        }
        up = found_out + 1 + dice.roll(2_000);
    }
    // A proof comes after what was seen by then.
    told.sort_by_key(|(at, input)| (*at, matches!(input, Input::Proven(..))));
    told
}

fn tell(matcher: &mut Matcher, input: Input) {
    match input {
        Input::Committed(event) => matcher.committed(event),
        Input::Passed(through, at) => matcher.passed(through, ms(at)),
        Input::Subscribed(path, from, at) => matcher.subscribed(path, from, ms(at)),
        Input::Proven(path, at) => matcher.proven(path, ms(at)),
        Input::Broken(path, proven) => matcher.broken(path, Some(ms(proven))),
        Input::Receipt(path, receipt) => matcher.receipt(path, receipt),
    }
}

/// Tells all of it, and lets time go on between; the clock may go back.
fn judge(happened: &Happened, dice: &mut Dice<'_>) -> Vec<Case> {
    let mut matcher = Matcher::new(LIMITS, 0);
    let (mut cases, mut last) = (Vec::new(), 0);
    for (at, input) in &happened.told {
        while last + 100 < *at {
            last += 100;
            cases.extend(matcher.tick(ms(last.saturating_sub(dice.roll(3) * 150))));
        }
        tell(&mut matcher, *input);
    }
    cases.extend(matcher.finish(ms(last + 60_000)));
    for path in Path::ALL {
        let report = matcher.report(path, ms(last + 60_000));
        assert_eq!(report.waiting, 0);
        let count = cases.iter().filter(|case| case.path == path).count();
        assert_eq!(report.totals.due(), count as u64);
        assert_eq!(report.reasons.iter().sum::<u64>(), report.totals.unscored);
    }
    assert_eq!(matcher.tick(ms(last + 120_000)), []);
    cases
}

/// Every committed event has exactly one verdict on each of its paths, and nothing else has one.
fn one_each(happened: &Happened, cases: &[Case]) {
    let each = |event: &Committed| {
        let routed = event.routed;
        let paths = Path::ALL.into_iter().filter(move |path| routed || *path == Path::Websocket);
        let seq = event.seq;
        paths.map(move |path| (path, seq))
    };
    let expected: HashSet<_> = happened.events.iter().flat_map(each).collect();
    let found: HashSet<_> = cases.iter().map(|case| (case.path, case.seq)).collect();
    assert_eq!(found.len(), cases.len(), "no event has two");
    assert_eq!(found, expected);
}

/// What the contract says of an event that was heard like this, but for its order.
fn named(heard: Option<&Vec<(u64, bool)>>, committed: u64) -> Verdict {
    let Some(heard) = heard else { return Verdict::Missing };
    if heard.iter().any(|(_, whole)| !whole) {
        Verdict::Differs
    } else if heard.len() > 1 {
        Verdict::Duplicate
    } else if ms(heard[0].0 - committed) > LIMITS.late_after {
        Verdict::Late
    } else {
        Verdict::Matched
    }
}

/// Whether an event that follows it was heard before it, on an unbroken subscription.
fn overtaken(happened: &Happened, path: Path, seq: Seq) -> bool {
    let order = happened.told.iter().filter_map(|(_, input)| match input {
        Input::Receipt(on, receipt) if *on == path => receipt.seq,
        _ => None,
    });
    order.take_while(|heard| *heard != seq).any(|heard| heard > seq)
}

fn world() -> impl Strategy<Value = (World, Vec<u16>)> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let world = (1..60_u64, flags).prop_map(|(events, (harm, breaks, slow))| World {
        events,
        harm,
        breaks,
        slow,
    });
    (world, prop::collection::vec(any::<u16>(), 1..600))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_event_gets_one_verdict_and_no_false_one((world, numbers) in world()) {
        let mut dice = Dice(numbers.iter().cycle());
        let happened = happen(world, &mut dice);
        let cases = judge(&happened, &mut dice);
        one_each(&happened, &cases);
        for case in &cases {
            let missed = !happened.heard.contains_key(&(case.path, case.seq));
            match case.verdict {
                Verdict::Missing => prop_assert!(world.harm && missed, "{case:?}"),
                Verdict::Differs | Verdict::Duplicate => prop_assert!(world.harm, "{case:?}"),
                Verdict::Matched => prop_assert!(!missed, "{case:?}"),
                _ => {}
            }
        }
    }

    #[test]
    fn while_the_probes_listen_every_event_is_scored_and_named_right((world, numbers) in world()) {
        let world = World { breaks: false, slow: false, ..world };
        let mut dice = Dice(numbers.iter().cycle());
        let happened = happen(world, &mut dice);
        for case in judge(&happened, &mut dice) {
            let heard = happened.heard.get(&(case.path, case.seq));
            let committed = u64::try_from(case.committed_at.as_millis()).unwrap();
            let mut expected = named(heard, committed);
            let in_order = matches!(expected, Verdict::Matched | Verdict::Late);
            if in_order && overtaken(&happened, case.path, case.seq) {
                expected = Verdict::Reordered;
            }
            prop_assert_eq!(case.verdict, expected, "{:?}", case);
        }
    }

    /// Order makes `reordered`, and nothing else.
    #[test]
    fn receipts_in_any_order_give_the_same_totals(
        copies in prop::collection::vec((1..20_u64, 0..400_u64, 0..8_u8), 0..60),
        order in any::<prop::sample::Index>(),
        shuffled in Just(()).prop_perturb(|(), mut rng| rng.next_u64()),
    ) {
        let receipts: Vec<_> = copies.iter().map(|(seq, at, kind)| {
            let Committed { id, epoch, mut expected, .. } = event(*seq, 0, true);
            if *kind == 0 {
                expected = PayloadHash::of("altered");
            }
            // Some come too late to be in time, and none after the others have settled.
            let at = ms(1_000 + *at + if seq % 7 == 0 { 1_200 } else { 0 });
            Receipt { id, seq: Some(*seq), epoch: Some(epoch), hash: expected, at }
        }).collect();
        let mut other = receipts.clone();
        other.sort_by_key(|receipt| (receipt.hash, receipt.at.as_nanos() ^ u128::from(shuffled)));
        if !other.is_empty() {
            let turn = order.index(other.len());
            other.rotate_left(turn);
        }
        let totals = [receipts, other].map(|receipts| {
            let mut matcher = Matcher::new(LIMITS, 0);
            matcher.subscribed(Path::Websocket, 0, ms(0));
            for seq in 1..20 {
                matcher.committed(event(seq, 1_000, false));
            }
            for receipt in receipts {
                matcher.receipt(Path::Websocket, receipt);
            }
            matcher.proven(Path::Websocket, ms(60_000));
            matcher.tick(ms(60_000));
            let report = matcher.report(Path::Websocket, ms(60_000));
            let MatchCounts { matched, late, reordered, duplicate, missing, differs, unscored } =
                report.totals;
            (matched + late + reordered, duplicate, missing, differs, unscored, report.copies.taken)
        });
        prop_assert_eq!(totals[0], totals[1]);
    }

    #[test]
    fn nothing_grows_with_what_nobody_committed(
        receipts in prop::collection::vec((0..5_000_u64, any::<bool>()), 0..400),
        max_events in 1..20_usize,
    ) {
        let mut matcher = Matcher::new(MatchLimits { max_events, ..LIMITS }, 0);
        matcher.subscribed(Path::Realtime, 0, ms(0));
        for (seq, told) in receipts {
            let Committed { id, expected: hash, .. } = event(seq, 0, true);
            let receipt = Receipt { id, seq: told.then_some(seq), epoch: None, hash, at: ms(seq) };
            matcher.receipt(Path::Realtime, receipt);
            matcher.proven(Path::Realtime, ms(seq));
            prop_assert!(matcher.realtime.kept() <= 3 * max_events + 1);
        }
    }
}
