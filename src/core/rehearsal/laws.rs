use proptest::prelude::*;

use super::*;

/// Shares that may stand together.
fn any_rehearsal() -> impl Strategy<Value = Rehearsal> {
    let parts = prop::array::uniform6(0_u32..=WHOLE).prop_map(|parts| {
        let sum = parts.iter().map(|part| u64::from(*part)).sum::<u64>().max(1);
        parts.map(|part| u32::try_from(u64::from(part) * u64::from(WHOLE) / sum).unwrap())
    });
    let rehearsal = (parts, 1_u64..5_000).prop_map(|(parts, delay)| {
        let mut parts = parts.into_iter();
        let shares = ByFault::of(|fault| {
            let part = parts.next().unwrap();
            let share = Share::parts(part);
            if fault == Fault::Reorder { share.min(MOST_REORDERED) } else { share }
        });
        Rehearsal::try_new(Path::Realtime, shares, Duration::from_millis(delay), USUAL)
    });
    rehearsal.prop_filter_map("no fault", Result::ok)
}

/// A generator of numbers from 0 up to 1, the same for the same seed.
fn draws(mut seed: u64) -> impl FnMut() -> f64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()) / 2_f64.powi(32)
    }
}

const ALTERED: u64 = 1 << 32;

/// What came out, and what was planted.
struct Run {
    out: Vec<u64>,
    planted: ByFault<u64>,
    most_held: usize,
    /// How many of them came out only because it was over.
    at_the_end: usize,
}

/// Sends numbers from 0 on, in batches of these sizes, a hundredth of a second apart; then ends it.
fn run(rehearsal: &Rehearsal, batches: &[usize], seed: u64, most: usize) -> Run {
    let (mut stage, mut draw) = (Stage::new(most, |item| Some(item + ALTERED)), draws(seed));
    let mut run = Run { out: Vec::new(), planted: ByFault::default(), most_held: 0, at_the_end: 0 };
    let (mut next, mut now) = (0, Duration::ZERO);
    let release = |stage: &mut Stage<u64>, now, run: &mut Run| {
        let due = stage.due(now, usize::MAX);
        stage.done(&due.iter().map(|held| held.number).collect::<Vec<_>>());
        run.out.extend(due.into_iter().map(|held| held.item));
    };
    for size in batches {
        let batch: Vec<u64> = (next..next + *size as u64).collect();
        next += *size as u64;
        let plan = stage.plan(rehearsal, &batch, now, &mut draw);
        run.out.extend(plan.sent.iter().map(|sent| sent.item));
        assert!(plan.sent.iter().all(|sent| sent.item % ALTERED == batch[sent.place]));
        for fault in Fault::ALL {
            *run.planted.get_mut(fault) += plan.planted.get(fault);
        }
        stage.keep(plan, now);
        run.most_held = run.most_held.max(stage.len());
        release(&mut stage, now, &mut run);
        now += Duration::from_millis(10);
    }
    stage.end(now);
    run.at_the_end = stage.len();
    release(&mut stage, now, &mut run);
    assert!(stage.is_empty());
    run
}

proptest! {
    /// What comes out is what went in, but for what was planted; nothing is left behind.
    #[test]
    fn what_comes_out_is_what_went_in_but_for_what_was_planted(
        rehearsal in any_rehearsal(), batches in prop::collection::vec(0_usize..20, 1..40),
        seed: u64, most in 0_usize..30,
    ) {
        let Run { out, planted, most_held, .. } = run(&rehearsal, &batches, seed, most);
        prop_assert!(most_held <= most);
        let sent: usize = batches.iter().sum();
        let mut times = vec![0_u64; sent];
        let altered = out.iter().filter(|item| **item >= ALTERED).count() as u64;
        for item in &out {
            times[usize::try_from(item % ALTERED).unwrap()] += 1;
        }
        let of = |times_seen: u64| times.iter().filter(|it| **it == times_seen).count() as u64;
        prop_assert_eq!(of(0), planted.get(Fault::Drop));
        prop_assert_eq!(of(2), planted.get(Fault::Duplicate));
        prop_assert_eq!(of(0) + of(1) + of(2), sent as u64);
        prop_assert_eq!(altered, planted.get(Fault::Alter));
        // Who first comes behind a later one was delayed or changed places.
        let mut seen = std::collections::HashSet::new();
        let mut newest = None;
        let mut behind = 0;
        for item in out.iter().map(|item| item % ALTERED) {
            if seen.insert(item) {
                behind += u64::from(newest.is_some_and(|newest| newest > item));
                newest = newest.max(Some(item));
            }
        }
        prop_assert!(behind <= planted.get(Fault::Delay) + planted.get(Fault::Reorder));
    }

    /// Who changes places comes behind one that does not, if there is one.
    #[test]
    fn who_changes_places_comes_behind_the_next(
        parts in 10_000_u32..500_000, batches in prop::collection::vec(1_usize..5, 1..60), seed: u64,
    ) {
        let shares = ByFault::of(|it| Share::parts(if it == Fault::Reorder { parts } else { 0 }));
        let delay = Duration::from_secs(1);
        let rehearsal = Rehearsal::try_new(Path::Realtime, shares, delay, USUAL).unwrap();
        let Run { out, planted, at_the_end, .. } = run(&rehearsal, &batches, seed, 1_000);
        let behind = out.iter().enumerate().filter(|(at, item)| out[..*at].iter().any(|it| it > item));
        prop_assert_eq!(behind.count() + at_the_end, usize::try_from(planted.get(Fault::Reorder)).unwrap());
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Over many draws each fault has its share: within five standard deviations.
    #[test]
    fn each_fault_has_its_share(rehearsal in any_rehearsal(), seed: u64) {
        const EVENTS: usize = 10_000;
        let run = run(&rehearsal, &[100; EVENTS / 100], seed, EVENTS);
        for fault in Fault::ALL {
            let share = rehearsal.share(fault).as_percent() / 100.0;
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (events, planted) = (EVENTS as f64, run.planted.get(fault) as f64);
            let deviation = (events * share * (1.0 - share)).sqrt();
            prop_assert!((planted - events * share).abs() <= 5.0 * deviation + 1.0, "{fault:?}");
        }
    }

    #[test]
    fn a_draw_plants_what_its_share_says(rehearsal in any_rehearsal(), draw in 0.0..1.0) {
        let below = |faults: &[Fault]| {
            faults.iter().map(|fault| rehearsal.share(*fault).as_percent() / 100.0).sum::<f64>()
        };
        let place = Fault::ALL.iter().position(|fault| Some(*fault) == rehearsal.fault(draw));
        let (from, to) = match place {
            Some(place) => (below(&Fault::ALL[..place]), below(&Fault::ALL[..=place])),
            None => (below(&Fault::ALL), 1.0),
        };
        prop_assert!(from - 1e-9 <= draw && draw < to + 1e-9);
    }
}
