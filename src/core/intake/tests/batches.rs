//! What becomes of a list in which some events are at fault.

use super::*;
use crate::core::flags::{Mode, Paths, Rule};

#[test]
fn the_valid_events_of_a_list_can_be_taken_alone() {
    let read = |body: &str| read_json(body.as_bytes(), &CONTEXT, &mut ids()).unwrap().valid_only();
    let good = with("");
    let parsed = read(&format!("[7,{good},{{}}]")).unwrap();
    assert_eq!((parsed.drafts.len(), parsed.many), (1, true));
    let rejected: Vec<_> =
        parsed.rejected.iter().map(|event| (event.index, told(&event.faults)[0].0)).collect();
    assert_eq!(rejected, [(0, "/0"), (2, "/2/event_type")]);
    let none = read("[7,{}]").unwrap_err();
    let all = parse_json(b"[7,{}]", &CONTEXT, &mut ids()).unwrap_err();
    assert_eq!((&none, none.count()), (&all, 4));
    assert_eq!(read("{}").unwrap_err().count(), 3, "one event is a list of one");
}

#[test]
fn the_faults_of_what_is_left_out_are_capped_together() {
    let limits = Limits { batch_events: 1_000, event_bytes: 10_000 };
    let ctx = Context { limits, ..CONTEXT };
    let body = format!("[{},{}]", ["{}"; 50].join(","), with(""));
    let parsed = read_json(body.as_bytes(), &ctx, &mut ids()).unwrap().valid_only().unwrap();
    let sum = |count: fn(&Faults) -> usize| -> usize {
        parsed.rejected.iter().map(|event| count(&event.faults)).sum()
    };
    assert_eq!((parsed.rejected.len(), sum(|it| it.list.len()), sum(|it| it.more)), (50, 100, 50));
}

/// Not by the request: two events of one can go different ways.
#[test]
fn the_mode_of_each_event_is_decided_by_its_category_and_its_id() {
    let paths = Paths { direct: true, realtime: true, mode: Mode::Dual };
    let none = Rule { percent: 0, ..Rule::WHOLE };
    let half = Rule { percent: 50, ..Rule::WHOLE };
    let routing = Routing::new(paths, [Rule::WHOLE, half, none, none, none]);
    let limits = Limits { batch_events: 100, event_bytes: 400 };
    let ctx = Context { limits, routing: &routing, ..CONTEXT };
    let modes = |fields: &str| -> Vec<_> {
        let body = format!("[{}]", vec![with(fields); 40].join(","));
        let drafts = parse_json(body.as_bytes(), &ctx, &mut ids()).unwrap().drafts;
        drafts.iter().map(|draft| Mode::of_metadata(&draft.metadata)).collect()
    };
    assert_eq!(modes(r#""category":"critical""#), [Mode::Dual; 40]);
    assert_eq!(
        modes(r#""category":"debug","metadata":{"broadcast_mode":"dual"}"#),
        [Mode::Direct; 40]
    );
    let performance = modes(r#""category":"performance""#);
    let wanted = (1..=40).map(|id| routing.mode_of(Category::Performance, Uuid::from_u128(id)));
    assert_eq!(performance, wanted.collect::<Vec<_>>(), "by the id that the router made");
    assert!((8..32).contains(&performance.iter().filter(|mode| mode.is_routed()).count()));
    let event = read_cloudevent(
        br#"{"specversion":"1.0","id":"1","source":"s","type":"db_error","data":{}}"#,
        &ctx,
    );
    let event = event.unwrap().events.remove(0).unwrap();
    assert_eq!(Mode::of_metadata(&event.metadata), Mode::Dual, "the classifier's category counts");
}
