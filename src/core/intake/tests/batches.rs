//! What becomes of a list in which some events are at fault.

use super::*;

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
