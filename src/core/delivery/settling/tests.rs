use super::*;

fn unknown(settling: &mut Settling, range: Range<usize>) -> Step {
    settling.rejected(range, &Which::Unknown, "bad")
}

fn step(settled: usize, dead: &[(usize, u32)]) -> Step {
    let dead = dead.iter().map(|(index, attempts)| {
        let reason = "bad".to_owned();
        Dead { index: *index, reason, attempts: *attempts }
    });
    Step { settled, dead: dead.collect() }
}

#[test]
fn all_goes_at_once() {
    let mut batch = Settling::new(8, 5);
    assert_eq!(batch.next(), Some(0..8));
    assert_eq!(batch.delivered(0..8), step(8, &[]));
    assert_eq!((batch.next(), batch.probe(), batch.is_settled()), (None, None, true));
    assert!(Settling::new(0, 5).is_settled());
}

#[test]
fn what_fits_goes_first() {
    let mut batch = Settling::new(8, 5);
    assert_eq!(batch.delivered(0..3), step(3, &[]));
    assert_eq!(batch.next(), Some(3..8));
    assert_eq!(unknown(&mut batch, 3..7), step(3, &[]));
    assert_eq!(batch.next(), Some(3..5), "half of what was sent, not of what is left");
    batch.delivered(3..5);
    assert_eq!(batch.next(), Some(5..7));
}

#[test]
fn an_unknown_one_is_found_by_halving_left_half_first() {
    let mut batch = Settling::new(8, 5);
    let mut requests = vec![];
    let mut steps = vec![];
    while let Some(range) = batch.next() {
        requests.push(range.clone());
        let bad = range.contains(&5);
        steps.push(if bad { unknown(&mut batch, range) } else { batch.delivered(range) });
    }
    assert_eq!(requests, [0..8, 0..4, 4..8, 4..6, 4..5, 5..6, 6..8]);
    let settled: Vec<_> = steps.iter().map(|step| step.settled).collect();
    assert_eq!(settled, [0, 4, 4, 4, 5, 6, 8]);
    assert_eq!(steps[5], step(6, &[(5, 4)]), "with all requests that it was in");
}

#[test]
fn named_ones_are_told_when_the_prefix_reaches_them() {
    let mut batch = Settling::new(6, 5);
    batch.delivered(0..1);
    let these = Which::These(vec![1, 3]);
    assert_eq!(batch.rejected(1..6, &these, "bad"), step(1, &[]));
    assert_eq!(batch.next(), Some(1..2));
    assert_eq!(batch.delivered(1..2), step(3, &[(2, 1)]));
    assert_eq!(batch.next(), Some(3..4));
    assert_eq!(batch.delivered(3..4), step(5, &[(4, 1)]));
    assert_eq!(batch.delivered(5..6), step(6, &[]));
}

#[test]
fn a_name_of_nothing_that_was_sent_counts_as_unknown() {
    for places in [vec![], vec![2], vec![usize::MAX]] {
        let mut batch = Settling::new(4, 5);
        batch.rejected(0..2, &Which::These(places), "bad");
        assert_eq!(batch.next(), Some(0..1));
    }
}

#[test]
fn a_failure_is_followed_by_the_same_again_and_then_by_halves() {
    let mut batch = Settling::new(8, 5);
    let mut sent = vec![];
    for _ in 0..7 {
        let range = batch.next().unwrap();
        sent.push(range.clone());
        assert_eq!(batch.failed(range), step(0, &[]));
    }
    assert_eq!(sent, [0..8, 0..8, 0..4, 0..4, 0..2, 0..2, 0..1]);
    for range in [0..1, 1..2, 2..4, 4..8] {
        assert_eq!(batch.next(), Some(range.clone()), "and larger again when it is back");
        batch.delivered(range);
    }
    assert!(batch.is_settled());
}

#[test]
fn who_asks_for_patience_gets_the_same_however_often() {
    let mut batch = Settling::new(8, 5);
    for _ in 0..100 {
        batch.postponed(0..8);
        assert_eq!(batch.next(), Some(0..8));
    }
    assert_eq!(batch.carried().attempts, 100);
}

#[test]
fn a_probe_is_one_event_and_what_is_left_goes_on_from_there() {
    let mut batch = Settling::new(8, 5);
    assert_eq!(batch.probe(), Some(0..1));
    assert_eq!(batch.delivered(0..1), step(1, &[]));
    assert_eq!((batch.probe(), batch.next()), (Some(1..2), Some(1..8)));
    assert_eq!(unknown(&mut batch, 1..2), step(2, &[(1, 1)]), "rejected alone");
}

#[test]
fn an_event_that_fails_five_probes_of_a_well_destination_is_a_dead_letter() {
    let mut batch = Settling::new(2, 5);
    for _ in 0..4 {
        assert_eq!(batch.probe_failed(true, "hangs"), step(0, &[]));
        assert_eq!(batch.probe_failed(false, "down"), step(0, &[]), "these do not count");
    }
    let end = batch.probe_failed(true, "hangs");
    assert_eq!((end.settled, end.dead[0].index, end.dead[0].attempts), (1, 0, 9));
    assert_eq!(end.dead[0].reason, "failed 5 probes of a destination that was well: hangs");
    for _ in 0..4 {
        assert_eq!(batch.probe_failed(true, "hangs").dead, [], "each event has its own five");
    }
    assert_eq!(batch.probe_failed(true, "hangs").settled, 2);
    assert_eq!(batch.probe_failed(true, "hangs").settled, 2, "nothing is left to fail");
}

#[test]
fn a_destination_that_is_down_makes_no_dead_letters() {
    let mut batch = Settling::new(2, 5);
    for _ in 0..1_000 {
        assert_eq!(batch.probe_failed(false, "down"), step(0, &[]));
    }
    assert_eq!(batch.next(), Some(0..2));
    let mut nearly = Settling::resume(1, 5, Carried { attempts: 9, failed_probes: 5 });
    assert_eq!(nearly.probe_failed(false, "down"), step(0, &[]), "nor a last one");
    assert_eq!(nearly.probe_failed(true, "hangs").dead[0].attempts, 11);
}

/// Fault 17 of the original: the count of retries was lost when an event was queued again, so that
/// it was retried for ever; and it went to the end of the queue.
#[test]
fn fault_17_what_an_event_went_through_is_not_forgotten() {
    let mut batch = Settling::new(5, 5);
    batch.delivered(0..2);
    for _ in 0..4 {
        batch.probe_failed(true, "hangs");
    }
    let carried = batch.carried();
    assert_eq!(carried, Carried { attempts: 4, failed_probes: 4 });
    let mut smaller = Settling::resume(3, 5, carried);
    assert_eq!(smaller.next(), Some(0..3), "it is the first again, not the last");
    let end = smaller.probe_failed(true, "hangs");
    assert_eq!((end.settled, end.dead[0].attempts), (1, 5));
    assert_eq!(smaller.carried(), Carried::default(), "the next one went through nothing");
}

/// Fault 17 of the original: what failed was queued behind what came later.
#[test]
fn fault_17_what_failed_is_sent_before_what_comes_after_it() {
    let mut batch = Settling::new(100, 5);
    batch.delivered(0..10);
    for _ in 0..50 {
        let range = batch.next().unwrap();
        assert_eq!(range.start, 10);
        batch.failed(range);
    }
}

/// Fault 18 of the original: an event counted as sent before it was.
#[test]
fn fault_18_nothing_is_settled_before_its_answer() {
    let mut batch = Settling::new(3, 5);
    for _ in 0..3 {
        let _sent = batch.next();
        assert_eq!(batch.failed(0..3).settled, 0, "the answer was lost");
    }
    assert_eq!(batch.next().map(|next| next.start), Some(0), "so it is sent again");
    assert_eq!(batch.delivered(0..3).settled, 3);
}
