//! What the contract says, event by event.

use super::*;
use crate::core::event::Category;

const LIMITS: MatchLimits = MatchLimits {
    deadline: s(30),
    late_after: s(5),
    settle: s(2),
    proof_within: s(10),
    max_events: 100,
};

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn id(seq: Seq) -> Uuid {
    Uuid::from_u128(u128::from(seq))
}

fn event(seq: Seq, at: u64) -> Committed {
    Committed {
        id: id(seq),
        epoch: Uuid::nil(),
        seq,
        category: Category::System,
        expected: PayloadHash::of(&seq.to_string()),
        routed: true,
        at: s(at),
    }
}

fn copy(seq: Seq, at: u64) -> Receipt {
    let Committed { id, epoch, expected, .. } = event(seq, 0);
    Receipt { id, seq: Some(seq), epoch: Some(epoch), hash: expected, at: s(at) }
}

fn altered(seq: Seq, at: u64) -> Receipt {
    Receipt { hash: PayloadHash::of("altered"), ..copy(seq, at) }
}

/// A matcher with a probe on both paths.
fn listening() -> Matcher {
    let mut matcher = Matcher::new(LIMITS, 0);
    for path in Path::ALL {
        matcher.subscribed(path, 0, s(0));
    }
    matcher
}

/// What is decided by then, when both probes prove themselves.
fn by(matcher: &mut Matcher, at: u64) -> Vec<(Path, Seq, Verdict)> {
    for path in Path::ALL {
        matcher.proven(path, s(at));
    }
    told(&matcher.tick(s(at)))
}

fn told(cases: &[Case]) -> Vec<(Path, Seq, Verdict)> {
    cases.iter().map(|case| (case.path, case.seq, case.verdict)).collect()
}

/// The verdict of one event on the direct path, which is committed at second 10, and of those
/// around it nothing.
fn verdict(tell: impl FnOnce(&mut Matcher)) -> Verdict {
    let mut matcher = listening();
    for seq in 1..=3 {
        matcher.committed(Committed { routed: false, ..event(seq, 10) });
    }
    tell(&mut matcher);
    let found: Vec<_> = by(&mut matcher, 100).into_iter().filter(|(_, seq, _)| *seq == 2).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].2
}

fn see(matcher: &mut Matcher, copies: impl IntoIterator<Item = Receipt>) {
    for copy in copies {
        matcher.receipt(Path::Websocket, copy);
    }
}

#[test]
fn of_several_verdicts_the_heaviest_counts() {
    use Verdict::{Differs, Duplicate, Late, Matched, Missing, Reordered};
    let table: [(&[Receipt], Verdict); 12] = [
        (&[copy(2, 10)], Matched),
        (&[copy(1, 10), copy(2, 15), copy(3, 15)], Matched),
        (&[copy(2, 16)], Late),
        (&[copy(3, 10), copy(2, 10)], Reordered),
        (&[copy(3, 16), copy(2, 16)], Reordered),
        (&[copy(2, 10), copy(2, 12)], Duplicate),
        (&[copy(3, 16), copy(2, 16), copy(2, 16)], Duplicate),
        (&[copy(2, 10), copy(2, 13)], Matched),
        (&[], Missing),
        (&[copy(2, 41)], Missing),
        (&[altered(2, 10)], Differs),
        (&[copy(3, 16), copy(2, 16), altered(2, 17)], Differs),
    ];
    for (copies, expected) in table {
        assert_eq!(verdict(|matcher| see(matcher, copies.iter().copied())), expected, "{copies:?}");
    }
}

#[test]
fn another_epoch_is_another_event() {
    let other = Receipt { epoch: Some(Uuid::from_u128(1)), ..copy(2, 10) };
    assert_eq!(verdict(|matcher| see(matcher, [other])), Verdict::Differs);
    let row = Receipt { epoch: None, ..copy(2, 10) };
    assert_eq!(verdict(|matcher| see(matcher, [row])), Verdict::Matched);
}

#[test]
fn late_alone_is_excused_by_an_open_breaker() {
    let breaker = Verdict::Unscored(Unscored::Breaker);
    for (opened, closed, copies, expected) in [
        (11, 12, vec![copy(2, 20)], breaker),
        (5, 10, vec![copy(2, 20)], breaker),
        (20, 30, vec![copy(2, 20)], breaker),
        (5, 9, vec![copy(2, 20)], Verdict::Late),
        (21, 30, vec![copy(2, 20)], Verdict::Late),
        (11, 12, vec![copy(3, 19), copy(2, 20)], Verdict::Reordered),
        (11, 12, vec![], Verdict::Missing),
        (10, 12, vec![copy(2, 11)], Verdict::Matched),
    ] {
        let found = verdict(|matcher| {
            matcher.breaker(false, s(opened));
            matcher.breaker(true, s(closed));
            see(matcher, copies.clone());
        });
        assert_eq!(found, expected, "{opened} {closed} {copies:?}");
    }
}

#[test]
fn on_the_realtime_path_the_deadline_starts_when_the_cursor_passes() {
    let mut matcher = listening();
    matcher.committed(event(1, 10));
    matcher.committed(event(2, 10));
    matcher.committed(Committed { routed: false, ..event(3, 10) });
    assert_eq!(by(&mut matcher, 60).len(), 3, "the direct path alone");
    matcher.passed(1, s(60));
    matcher.passed(1, s(80));
    assert_eq!(by(&mut matcher, 89), []);
    assert_eq!(by(&mut matcher, 90), [(Path::Realtime, 1, Verdict::Missing)]);
    matcher.passed(3, s(100));
    matcher.receipt(Path::Realtime, copy(2, 130));
    assert_eq!(by(&mut matcher, 200), [(Path::Realtime, 2, Verdict::Late)], "lag, not loss");
}

#[test]
fn until_the_cursor_passes_it_an_event_may_be_sent_again() {
    let mut matcher = listening();
    matcher.committed(event(1, 10));
    matcher.receipt(Path::Realtime, copy(1, 10));
    let direct = by(&mut matcher, 50);
    assert_eq!(direct, [(Path::Websocket, 1, Verdict::Missing)]);
    matcher.receipt(Path::Realtime, copy(1, 50));
    matcher.passed(1, s(50));
    assert_eq!(by(&mut matcher, 51), []);
    assert_eq!(by(&mut matcher, 52), [(Path::Realtime, 1, Verdict::Duplicate)]);
}

#[test]
fn nothing_is_decided_without_a_proof() {
    let mut matcher = listening();
    matcher.committed(event(1, 10));
    matcher.committed(event(2, 10));
    matcher.passed(2, s(10));
    matcher.receipt(Path::Realtime, copy(1, 10));
    matcher.proven(Path::Realtime, s(11));
    assert_eq!(matcher.tick(s(21)), []);
    let unproven = Verdict::Unscored(Unscored::Unproven);
    assert_eq!(told(&matcher.tick(s(22))), [(Path::Realtime, 1, unproven)]);
    assert_eq!(matcher.tick(s(49)), []);
    let rest = [(Path::Websocket, 1), (Path::Websocket, 2), (Path::Realtime, 2)];
    assert_eq!(told(&matcher.tick(s(50))), rest.map(|(path, seq)| (path, seq, unproven)));
}

#[test]
fn a_break_hides_only_what_was_not_seen_to_be_wrong() {
    let mut matcher = listening();
    for seq in 1..=5 {
        matcher.committed(event(seq, 10));
    }
    matcher.passed(3, s(10));
    for copy in [copy(1, 10), copy(2, 14), altered(3, 14), copy(5, 14)] {
        matcher.receipt(Path::Realtime, copy);
    }
    matcher.broken(Path::Realtime, Some(s(13)));
    let broken = Verdict::Unscored(Unscored::Broken);
    let decided = told(&matcher.tick(s(15)));
    assert_eq!(
        decided,
        [
            (Path::Realtime, 1, Verdict::Matched),
            (Path::Realtime, 2, broken),
            (Path::Realtime, 3, Verdict::Differs),
            (Path::Realtime, 5, broken),
        ]
    );

    // The fourth waits on: it is delivered to the next subscription.
    matcher.subscribed(Path::Realtime, 5, s(20));
    matcher.receipt(Path::Realtime, copy(4, 24));
    matcher.passed(3, s(21));
    matcher.passed(5, s(24));
    let realtime = |(path, ..): &(Path, Seq, Verdict)| *path == Path::Realtime;
    let decided: Vec<_> = by(&mut matcher, 30).into_iter().filter(realtime).collect();
    assert_eq!(decided, [(Path::Realtime, 4, Verdict::Late)]);
}

#[test]
fn what_a_subscription_may_have_missed_is_unscored() {
    let mut matcher = Matcher::new(LIMITS, 0);
    for seq in 1..=4 {
        matcher.committed(event(seq, 10));
    }
    assert_eq!(matcher.tick(s(11)), [], "a probe may say that it heard them");
    matcher.subscribed(Path::Websocket, 2, s(10));
    matcher.subscribed(Path::Realtime, 4, s(10));
    matcher.passed(2, s(12));
    matcher.passed(4, s(14));
    let decided = by(&mut matcher, 44);
    let before = Verdict::Unscored(Unscored::Before);
    for path in Path::ALL {
        for (seq, expected) in
            [(1, before), (2, before), (3, Verdict::Missing), (4, Verdict::Missing)]
        {
            assert!(decided.contains(&(path, seq, expected)), "{path} {seq} {decided:?}");
        }
    }
    matcher.broken(Path::Websocket, None);
    matcher.committed(event(5, 50));
    let down = (Path::Websocket, 5, Verdict::Unscored(Unscored::Down));
    assert_eq!(told(&matcher.tick(s(52))), [down]);
}

#[test]
fn what_comes_after_a_verdict_is_counted() {
    let mut matcher = listening();
    for seq in 1..=2 {
        matcher.committed(Committed { routed: false, ..event(seq, 10) });
    }
    see(&mut matcher, [copy(1, 10)]);
    assert_eq!(by(&mut matcher, 60).len(), 2);
    see(&mut matcher, [copy(1, 60), copy(2, 60), copy(2, 60)]);
    matcher.broken(Path::Websocket, None);
    see(&mut matcher, [copy(1, 60)]);
    matcher.subscribed(Path::Websocket, 2, s(60));
    see(&mut matcher, [Receipt { id: id(7), ..copy(1, 60) }]);
    let copies = Copies { taken: 1, again: 1, arrived_after: 2, unknown: 1, outside: 1 };
    assert_eq!(matcher.report(Path::Websocket, s(60)).copies, copies);
    assert_eq!(by(&mut matcher, 200), []);
}

#[test]
fn an_event_may_be_seen_before_its_commit_is_known() {
    let mut matcher = listening();
    see(&mut matcher, [copy(2, 10), copy(1, 10), altered(3, 10)]);
    matcher.proven(Path::Websocket, s(40));
    assert_eq!(matcher.tick(s(1)), []);
    for seq in 1..=3 {
        matcher.committed(Committed { routed: false, ..event(seq, 10) });
    }
    let found = [(1, Verdict::Reordered), (2, Verdict::Matched), (3, Verdict::Differs)];
    let decided = told(&matcher.tick(s(40)));
    assert_eq!(decided, found.map(|(seq, verdict)| (Path::Websocket, seq, verdict)));
}

#[test]
fn a_commit_that_is_known_too_late_is_not_missing() {
    let mut matcher = listening();
    see(&mut matcher, [copy(1, 10)]);
    assert_eq!(matcher.tick(s(12)), []);
    assert_eq!(matcher.report(Path::Websocket, s(12)).copies.unknown, 1);
    matcher.committed(Committed { routed: false, ..event(1, 10) });
    let behind = (Path::Websocket, 1, Verdict::Unscored(Unscored::Behind));
    assert_eq!(by(&mut matcher, 50), [behind]);
}

#[test]
fn the_oldest_give_way_and_what_was_skipped_counts() {
    let mut matcher = Matcher::new(MatchLimits { max_events: 2, ..LIMITS }, 10);
    for path in Path::ALL {
        matcher.subscribed(path, 10, s(0));
    }
    matcher.committed(event(10, 1));
    for seq in 11..=13 {
        matcher.committed(event(seq, 1));
    }
    matcher.skipped(20);
    matcher.skipped(15);
    assert_eq!(matcher.head(), 20);
    let overflow = Verdict::Unscored(Unscored::Overflow);
    let decided = matcher.tick(s(2));
    assert_eq!(told(&decided), Path::ALL.map(|path| (path, 11, overflow)));
    let stopped = matcher.finish(s(3));
    assert_eq!(stopped.len(), 4);
    assert!(stopped.iter().all(|case| case.verdict == Verdict::Unscored(Unscored::Stopped)));
    let report = matcher.report(Path::Realtime, s(3));
    assert_eq!((report.totals.unscored, report.waiting), (10, 0));
    assert_eq!(report.reasons, [0, 0, 0, 0, 0, 1, 7, 2], "overflow, behind, stopped");
}

#[test]
fn a_report_shows_rates_alerts_worst_cases_and_latency() {
    let mut matcher = listening();
    matcher.limit(MatchLimits { max_events: 1_000, ..LIMITS });
    let of = |seq| if seq <= 100 { Category::Critical } else { Category::Debug };
    for seq in 1..=200 {
        matcher.committed(Committed { routed: false, category: of(seq), ..event(seq, 10) });
    }
    let seen = (1..=200).filter(|seq| ![50, 51, 150, 151].contains(seq));
    see(&mut matcher, seen.map(|seq| if seq == 60 { altered(60, 11) } else { copy(seq, 11) }));
    assert_eq!(by(&mut matcher, 40).len(), 200);

    let report = matcher.report(Path::Websocket, s(40));
    let minute = report.within(Window::Minute);
    assert_eq!((minute.matched, minute.missing, minute.differs), (195, 4, 1));
    assert_eq!(minute.match_rate(), Some(97.5));
    assert_eq!(report.totals, minute);
    let alerts = report.alerts(&[1.0, 5.0, 3.0, 2.0, 10.0]);
    let alert = Alert {
        path: Path::Websocket,
        category: Category::Critical,
        mismatch_percent: 3.0,
        limit_percent: 1.0,
        scored: 100,
        faults: 3,
    };
    assert_eq!(alerts, [alert]);
    let worst: Vec<_> = report.worst.iter().map(|case| (case.seq, case.verdict.name())).collect();
    let missing = [151, 150, 51, 50].map(|seq| (seq, "missing"));
    assert_eq!(worst, [vec![(60, "differs")], missing.to_vec()].concat());
    let case = &report.worst[0];
    assert_eq!((case.seen, case.latency), (Some(PayloadHash::of("altered")), Some(s(1))));
    assert_eq!(report.latency.count, 196);
    assert!(report.latency.p95_ms.is_some_and(|p95| (1_000.0..1_032.0).contains(&p95)));

    assert_eq!(matcher.seen(Path::Websocket, &id(60)), Some(Seen::Decided(*case)));
    assert_eq!(matcher.seen(Path::Realtime, &id(60)), None);
    let hour_later = matcher.report(Path::Websocket, s(3_800));
    assert_eq!(hour_later.within(Window::Hour), MatchCounts::default());
    assert_eq!((hour_later.latency.count, hour_later.totals), (0, minute));
}
