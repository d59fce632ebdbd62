use super::*;

const S: Duration = Duration::from_secs(1);

fn shares(of: &[(Fault, f64)]) -> ByFault<Share> {
    ByFault::of(|fault| {
        let number = of.iter().find(|(it, _)| *it == fault).map_or(0.0, |(_, share)| *share);
        share(number).unwrap()
    })
}

fn rehearsal(of: &[(Fault, f64)]) -> Rehearsal {
    Rehearsal::try_new(Path::Realtime, shares(of), S * 2, USUAL).unwrap()
}

/// A stage of numbers, of which 13 cannot be altered.
fn stage(most: usize) -> Stage<u32> {
    Stage::new(most, |item| (*item != 13).then_some(item + 1000))
}

/// Plans a batch of numbers, with a draw for each: which are sent.
fn sent(stage: &mut Stage<u32>, batch: &[u32], now: Duration, draws: &[f64]) -> Vec<u32> {
    let of = [
        (Fault::Drop, 0.1),
        (Fault::Duplicate, 0.1),
        (Fault::Delay, 0.1),
        (Fault::Reorder, 0.1),
        (Fault::Alter, 0.1),
    ];
    let mut draws = draws.iter().copied();
    let plan = stage.plan(&rehearsal(&of), batch, now, || draws.next().unwrap());
    let sent = plan.sent.iter().map(|sent| sent.item).collect();
    stage.keep(plan, now);
    sent
}

const DROP: f64 = 0.0;
const DUPLICATE: f64 = 0.1;
const DELAY: f64 = 0.2;
const REORDER: f64 = 0.3;
const ALTER: f64 = 0.4;
const NONE: f64 = 0.5;

fn due(stage: &Stage<u32>, now: Duration) -> Vec<u32> {
    stage.due(now, usize::MAX).into_iter().map(|held| held.item).collect()
}

#[test]
fn each_fault_does_what_its_name_says() {
    type Row<'a> = (&'a str, &'a [f64], &'a [u32], &'a [u32], &'a [u32]);
    let table: [Row<'_>; 9] = [
        ("nothing", &[NONE, NONE, 0.999], &[1, 2, 3], &[], &[]),
        ("dropped", &[NONE, DROP, NONE], &[1, 3], &[], &[]),
        ("twice", &[DUPLICATE, NONE, NONE], &[1, 2, 3], &[1], &[1]),
        ("held back", &[DELAY, NONE, NONE], &[2, 3], &[], &[1]),
        ("swapped", &[REORDER, NONE, NONE], &[2, 1, 3], &[], &[]),
        ("two behind the third", &[REORDER, REORDER, NONE], &[3, 1, 2], &[], &[]),
        ("behind one that is sent", &[REORDER, DROP, NONE], &[3, 1], &[], &[]),
        ("altered", &[NONE, ALTER, NONE], &[1, 1002, 3], &[], &[]),
        ("all at once", &[DUPLICATE, DELAY, ALTER], &[1, 1003], &[1], &[1, 2]),
    ];
    for (name, draws, now, at_once, later) in table {
        let mut stage = stage(10);
        assert_eq!(sent(&mut stage, &[1, 2, 3], S, draws), now, "{name}");
        assert_eq!(due(&stage, S), at_once, "{name}");
        assert_eq!(due(&stage, S * 3), later, "{name}");
        assert_eq!(stage.len(), later.len(), "{name}");
    }
}

#[test]
fn one_with_nothing_behind_it_waits_for_the_next_batch_but_not_for_ever() {
    let mut stage = stage(10);
    assert_eq!(sent(&mut stage, &[1], S, &[REORDER]), [0; 0]);
    assert_eq!((due(&stage, S), due(&stage, S * 2)), (vec![], vec![1]));
    assert_eq!(stage.next_due(), Some(S * 2));
    assert_eq!(sent(&mut stage, &[2], S, &[DROP]), [0; 0], "nothing went before it");
    assert_eq!(due(&stage, S), [0; 0]);
    assert_eq!(sent(&mut stage, &[3], S, &[NONE]), [3]);
    assert_eq!(due(&stage, S), [1]);
    assert_eq!(sent(&mut stage, &[4, 5], S, &[NONE, REORDER]), [4]);
    assert_eq!(due(&stage, S), [1], "what has gone does not count");
}

#[test]
fn what_there_is_no_room_for_is_sent_as_it_should_be() {
    let mut stage = stage(1);
    let draws = [DELAY, DELAY, REORDER, DUPLICATE];
    assert_eq!(sent(&mut stage, &[1, 2, 3, 4], S, &draws), [2, 3, 4]);
    let plan = stage.plan(&rehearsal(&[(Fault::Delay, 1.0)]), &[5], S, || 0.0);
    assert_eq!((plan.sent.len(), plan.planted.get(Fault::Delay)), (1, 0));
    assert_eq!(sent(&mut stage, &[13], S, &[ALTER]), [13], "what cannot be altered");
}

#[test]
fn what_is_held_stays_until_it_is_done_or_all_is_over() {
    let mut stage = stage(10);
    assert_eq!(sent(&mut stage, &[1, 2, 3], S, &[DELAY, DUPLICATE, DELAY]), [2]);
    assert_eq!(due(&stage, S), [2]);
    stage.postpone(S * 2);
    assert_eq!((due(&stage, S), stage.next_due()), (vec![], Some(S * 2)));
    stage.end(S);
    assert_eq!(due(&stage, S), [1, 2, 3]);
    let first = stage.due(S, 2);
    assert_eq!(first.len(), 2);
    stage.done(&first.iter().map(|held| held.number).collect::<Vec<_>>());
    assert_eq!((due(&stage, S), stage.is_empty()), (vec![3], false));
}

#[test]
fn what_was_not_taken_is_not_kept() {
    let stage = stage(10);
    drop(stage.plan(&rehearsal(&[(Fault::Delay, 1.0)]), &[1, 2], S, || 0.0));
    assert!(stage.is_empty());
}

#[test]
fn a_rehearsal_that_makes_no_sense_says_why() {
    let try_new = |of: &[(Fault, f64)], delay, lasts| {
        Rehearsal::try_new(Path::Websocket, shares(of), delay, lasts).map(drop)
    };
    let drop = [(Fault::Drop, 1.0)];
    let table = [
        (try_new(&drop, S, USUAL), Ok(())),
        (try_new(&drop, LONGEST_DELAY, LONGEST), Ok(())),
        (try_new(&[(Fault::Reorder, 0.5), (Fault::Alter, 0.5)], S, S), Ok(())),
        (try_new(&[], S, USUAL), Err(BadRehearsal::NoFault)),
        (try_new(&[(Fault::Drop, 1.0), (Fault::Alter, 1e-6)], S, S), Err(BadRehearsal::TooMany)),
        (try_new(&[(Fault::Reorder, 0.6)], S, S), Err(BadRehearsal::Reorder)),
        (try_new(&drop, Duration::ZERO, USUAL), Err(BadRehearsal::Delay)),
        (try_new(&drop, LONGEST_DELAY + S, USUAL), Err(BadRehearsal::Delay)),
        (try_new(&drop, S, Duration::ZERO), Err(BadRehearsal::Lasts)),
        (try_new(&drop, S, LONGEST + S), Err(BadRehearsal::Lasts)),
    ];
    for (place, (found, expected)) in table.into_iter().enumerate() {
        assert_eq!(found, expected, "{place}");
    }
    for no_share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(share(no_share), Err(NoShare));
    }
    assert_eq!([0.0, 0.002, 1.0].map(share), [0, 2_000, WHOLE].map(|it| Ok(Share::parts(it))));
}

#[test]
fn a_number_that_is_none_plants_nothing() {
    assert_eq!(rehearsal(&[(Fault::Drop, 1.0)]).fault(f64::NAN), None);
}
