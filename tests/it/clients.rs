//! `signalbox tail` and `signalbox bench` as a shell sees them, against routers that misbehave.

mod fake_router;
mod hostile_routers;

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

use fake_router::{EPOCH, FakeRouter, Fault, event, session};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

fn signalbox(arguments: &[&str], url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.args(arguments).args(["--url", url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn bench(fault: Fault) -> (Option<i32>, Value) {
    let router = FakeRouter::broadcasting(fault);
    let arguments =
        ["bench", "--clients=3", "--duration=300ms", "--warmup=0s", "--drain=3s", "--json"];
    let Output { status, stdout, .. } = signalbox(&arguments, &router.url).output().unwrap();
    (status.code(), serde_json::from_slice(&stdout).unwrap())
}

#[test]
fn bench_passes_when_every_client_gets_everything() {
    let (code, report) = bench(Fault::None);
    assert_eq!((code, &report["passed"]), (Some(0), &json!(true)), "{report}");
    assert_eq!(report["verified"].as_u64(), report["published"].as_u64().map(|n| 3 * n));
    assert!(report["ingest_ms"]["max"].as_f64().unwrap() > 0.0);
    assert!(report["latency_ms"]["max"].as_f64().unwrap() > 0.0);
}

#[test]
fn bench_fails_when_a_client_misses_an_event() {
    let (code, report) = bench(Fault::Lose);
    assert_eq!(code, Some(1));
    assert_eq!((&report["faults"]["lost"], &report["faults"]["skipped"]), (&json!(1), &json!(1)));
}

#[test]
fn bench_fails_when_a_client_gets_an_event_twice() {
    let (code, report) = bench(Fault::Double);
    assert_eq!((code, &report["faults"]["doubled"]), (Some(1), &json!(1)));
}

#[test]
fn bench_fails_when_a_connection_ends() {
    let (code, report) = bench(Fault::Close);
    assert_eq!((code, &report["faults"]["closed"]), (Some(1), &json!(1)));
}

#[test]
fn clients_that_cannot_connect_say_so_and_exit_with_4() {
    let event = "00000000-0000-4000-8000-000000000000";
    for command in [&["tail"][..], &["bench"], &["explain", event]] {
        let out = signalbox(command, "http://127.0.0.1:1").output().unwrap();
        assert_eq!(out.status.code(), Some(4));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.contains("cannot be reached") && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn tail_goes_on_where_it_was_cut_and_shows_what_is_missing() {
    let bye = json!({ "type": "bye", "reason": "shutting_down", "reconnect_after_ms": 1 });
    let gap = json!({ "type": "gap", "from_seq": 2, "to_seq": 6, "reason": "retention" });
    let router = FakeRouter::playing(vec![
        session(0, vec![event(1, &json!({"n": 1})), bye]),
        session(1, vec![gap, event(7, &json!({"n": 7}))]),
    ]);
    let mut tail =
        signalbox(&["tail", "--from", "last=9", "--source", "r*"], &router.url).spawn().unwrap();
    let lines = lines(&mut tail, 3);
    assert_eq!(lines[0], r#"2026-01-02T03:04:05.000006Z  critical       redis  error  {"n":1}"#);
    assert_eq!(lines[1], "--- gap: events 2 to 6 are missing here (retention) ---");
    assert!(lines[2].ends_with(r#"{"n":7}"#));
    let subscribes: Vec<_> = router.subscribed.iter().take(2).collect();
    let filter = json!({ "source": ["r*"] });
    assert_eq!(
        subscribes,
        [
            json!({ "type": "subscribe", "filter": filter, "from": { "last": 9 } }),
            json!({ "type": "subscribe", "filter": filter, "from": { "epoch": EPOCH, "seq": 1 } }),
        ]
    );
    let said = interrupt(tail);
    assert!(said.contains(&format!("--from {EPOCH}.7")), "{said}");
}

#[test]
fn tail_prints_nothing_but_events_as_json() {
    let gap = json!({ "type": "gap", "from_seq": 1, "to_seq": 6, "reason": "retention" });
    let router = FakeRouter::playing(vec![session(0, vec![gap, event(7, &json!({"n": 1.5}))])]);
    let mut tail = signalbox(&["tail", "--json"], &router.url).spawn().unwrap();
    let lines = lines(&mut tail, 1);
    assert_eq!(
        serde_json::from_str::<Value>(&lines[0]).unwrap(),
        event(7, &json!({"n": 1.5}))["event"]
    );
    assert!(interrupt(tail).contains("events 1 to 6 are missing"));
}

#[test]
fn tail_ends_when_its_filter_is_refused() {
    let error = json!({ "type": "error", "code": "bad_filter", "detail": "no such category" });
    let router = FakeRouter::playing(vec![vec![error]]);
    let out = signalbox(&["tail"], &router.url).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("no such category"));
}

fn lines(tail: &mut Child, count: usize) -> Vec<String> {
    let out = BufReader::new(tail.stdout.as_mut().unwrap());
    out.lines().take(count).map(Result::unwrap).collect()
}

/// Presses Ctrl-C; what was said on standard error.
fn interrupt(mut tail: Child) -> String {
    kill_process(Pid::from_child(&tail), Signal::INT).unwrap();
    let mut said = String::new();
    tail.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(tail.wait().unwrap().code(), Some(130), "{said}");
    said
}
