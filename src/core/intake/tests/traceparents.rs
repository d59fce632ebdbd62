//! Whose `traceparent` an event keeps, and that nothing else of it depends on that.

use super::*;

const REQUEST: &str = "00-11111111111111111111111111111111-2222222222222222-01";
const OWN: &str = "00-33333333333333333333333333333333-4444444444444444-00";

fn ctx() -> Context<'static> {
    Context { traceparent: Some(REQUEST.parse().unwrap()), ..CONTEXT }
}

fn of_json(fields: &str) -> Draft {
    let parsed = parse_json(with(fields).as_bytes(), &ctx(), &mut ids()).unwrap();
    parsed.drafts.into_iter().next().unwrap()
}

fn of_cloudevent(fields: &str) -> String {
    let event =
        format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t","data":{{}}{fields}}}"#);
    let parsed = read_cloudevent(event.as_bytes(), &ctx()).unwrap().all_or_nothing().unwrap();
    parsed.drafts.into_iter().next().unwrap().metadata.into()
}

#[test]
fn the_request_says_where_an_event_was_made_unless_the_event_does() {
    let kept = |value: &str| format!(r#"{{"traceparent":{value},"broadcast_mode":"direct"}}"#);
    assert_eq!(&*of_json("").metadata, kept(&format!("\"{REQUEST}\"")));
    for given in [&*format!("\"{OWN}\""), "\"mine\"", "null", "7"] {
        let fields = format!(r#""metadata":{{"traceparent":{given}}}"#);
        assert_eq!(&*of_json(&fields).metadata, kept(given), "the producer's is its own");
    }
    assert_eq!(&*one(&with("")).unwrap().metadata, r#"{"broadcast_mode":"direct"}"#);
}

#[test]
fn a_cloudevents_own_attribute_counts_more_than_the_request() {
    let kept = |own: &str, traceparent: &str| {
        format!(r#"{{{own}"ce_id":"1","traceparent":"{traceparent}","broadcast_mode":"direct"}}"#)
    };
    assert_eq!(of_cloudevent(""), kept("", REQUEST));
    let own = of_cloudevent(&format!(r#","traceparent":"{OWN}""#));
    assert_eq!(own, kept(&format!(r#""ce_traceparent":"{OWN}","#), OWN));
    let broken = of_cloudevent(r#","traceparent":"00-x""#);
    assert_eq!(broken, kept(r#""ce_traceparent":"00-x","#, REQUEST));
    assert_eq!(of_cloudevent(r#","traceparent":7"#), kept(r#""ce_traceparent":7,"#, REQUEST));
}

#[test]
fn the_same_event_from_another_place_in_a_trace_does_not_differ() {
    assert_eq!(of_json("").checksum, one(&with("")).unwrap().checksum);
}

#[test]
fn a_batch_is_tallied_by_runs_of_one_type() {
    let body = format!(r#"[{},{{"event_type":"t","id":1}},7]"#, with(""));
    let batch = read_json(body.as_bytes(), &CONTEXT, &mut ids()).unwrap();
    let took = Duration::from_millis(3);
    let expected = [
        (Some("t"), Tally { passed: 1, failed: 1, errors: 3, took: took / 3 * 2 }),
        (None, Tally { passed: 0, failed: 1, errors: 1, took: took / 3 }),
    ];
    assert_eq!(batch.tallies(took), expected);
}

#[test]
fn faults_know_the_type_of_their_event_if_it_could_be_read() {
    let event_type = |json: &str| {
        let batch = read_json(json.as_bytes(), &CONTEXT, &mut ids()).unwrap();
        batch.events.into_iter().next().unwrap().unwrap_err().event_type
    };
    assert_eq!(event_type(r#"{"event_type":"a","source":7}"#).as_deref(), Some("a"));
    assert_eq!(event_type(r#"{"event_type":"","source":"s"}"#), None);
    assert_eq!(event_type("7"), None);
    let event = br#"{"specversion":"0.3","type":"a"}"#;
    let batch = read_cloudevent(event, &CONTEXT).unwrap();
    assert_eq!(batch.events[0].as_ref().unwrap_err().event_type.as_deref(), Some("a"));
}
