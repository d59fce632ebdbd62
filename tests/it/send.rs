//! `signalbox send` as a shell sees it, against the real router and one that says no.

mod busy_router;

use std::{
    fs,
    io::Write,
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use self::busy_router::BusyRouter;
use crate::support::{
    proxy::{Cut, Proxy},
    router::{Router, event, until},
};

fn start(url: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.args(["send", "--url", url]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for the end: exit code, stdout and stderr.
fn end(send: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = send.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn send(url: &str, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut send = start(url, arguments);
    let mut stdin = send.stdin.take().unwrap();
    // One that takes no input ends without reading it.
    stdin.write_all(input.as_bytes()).unwrap_or_default();
    drop(stdin);
    end(send)
}

/// Events numbered `from..to`, one a line.
fn lines(from: u64, to: u64) -> String {
    let line = |n| json!({ "event_type": "a", "source": "b", "data": { "n": n } }).to_string();
    (from..to).map(|n| line(n) + "\n").collect()
}

/// The numbers of all stored events, in `seq` order.
async fn stored(router: &Router) -> Vec<u64> {
    let (mut numbers, mut after) = (Vec::new(), 0);
    loop {
        let page = router.get(&format!("/v1/events?after={after}&limit=1000")).await;
        let events = page["events"].as_array().unwrap();
        let Some(last) = events.last() else { return numbers };
        after = last["seq"].as_u64().unwrap();
        numbers.extend(events.iter().map(|event| event["data"]["n"].as_u64().unwrap()));
    }
}

#[tokio::test]
async fn one_event_by_options_prints_its_position() {
    let router = Router::start();
    router.publish("before").await;
    let id = "0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
    let options = [
        "--event-type=cache",
        "--source=redis",
        r#"--data={"n": 1.50}"#,
        "--category=debug",
        "--timestamp=2026-01-02T04:04:05+01:00",
        r#"--metadata={"by":"hand"}"#,
        "--id",
        id,
    ];
    let (code, out, said) = send(&router.url(""), &options, "");
    assert_eq!((code, &*said), (Some(0), ""));
    let kept = router.get(&format!("/v1/events/{id}")).await;
    let epoch = kept["epoch"].as_str().unwrap();
    assert_eq!(out, format!("{epoch}.2\n"));
    assert_eq!((&kept["data"], &kept["category"]), (&json!({"n": 1.5}), &json!("debug")));
    assert_eq!(kept["timestamp"], "2026-01-02T03:04:05.000000Z");
    assert_eq!(kept["metadata"]["by"], "hand");

    let (code, again, said) = send(&router.url(""), &options, "");
    assert_eq!((code, again), (Some(0), out));
    assert!(said.contains("stored before"), "{said}");
    let (_, out, _) = send(&router.url(""), &[&options[..], &["--json"]].concat(), "");
    let place: Value = serde_json::from_str(&out).unwrap();
    let expected =
        json!({ "id": id, "epoch": epoch, "seq": 2, "duplicate": true, "differs": false });
    assert_eq!(place, expected);
    let (code, out, said) = send(&router.url(""), &["--event-type=", "--source=b", "-q"], "");
    assert_eq!((code, &*out), (Some(1), ""));
    assert!(said.contains("/event_type must not be empty"), "{said}");
}

#[tokio::test]
async fn lines_are_stored_in_their_order() {
    let router = Router::start();
    let (code, out, said) = send(&router.url(""), &[], &lines(0, 1234));
    assert_eq!((code, &*said), (Some(0), ""));
    assert_eq!(out, "sent 1,234 events, seq 1..1234\n");
    assert_eq!(stored(&router).await, (0..1234).collect::<Vec<_>>());
}

#[tokio::test]
async fn events_that_have_ids_are_stored_once_however_often_they_are_sent() {
    let router = Router::start();
    let mut known = event("a");
    known["id"] = json!("0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f");
    let input = format!("{known}\n\n{}{known}", lines(0, 1));
    let (_, out, _) = send(&router.url(""), &["-"], &input);
    assert_eq!(out, "sent 3 events, 1 duplicate, seq 1..2\n");
    let file = router.folder.path().join("events.ndjson");
    fs::write(&file, format!("{known}\n")).unwrap();
    let (code, out, said) = send(&router.url(""), &[file.to_str().unwrap(), "--json"], "");
    assert_eq!((code, &*said), (Some(0), ""));
    let tally: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&tally["sent"], &tally["duplicates"]), (&json!(1), &json!(1)), "{tally}");
    let (_, out, said) = send(&router.url(""), &["--quiet"], &input);
    assert_eq!((&*out, &*said), ("", ""));
}

#[tokio::test]
async fn an_invalid_line_is_named_and_ends_it() {
    let router = Router::start();
    let file = router.folder.path().join("events.ndjson");
    let bad = "{\"event_type\":\"a\",\"sorce\":\"b\",\"data\":{}}\n\n{\n";
    fs::write(&file, [lines(0, 3), bad.into(), lines(3, 9)].concat()).unwrap();
    let (code, out, said) = send(&router.url(""), &["--batch=2", file.to_str().unwrap()], "");
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(out, "sent 2 events, seq 1..2; nothing from line 3 on was acknowledged\n");
    assert!(said.contains("line 4: /source is required"), "{said}");
    assert!(said.contains("did you mean `source`"), "{said}");
    assert!(said.contains("nothing from line 3 on is stored"), "{said}");
    assert_eq!(stored(&router).await, [0, 1]);
    let (code, _, said) = send(&router.url(""), &[], "{}\n\n{\"id\"\n");
    assert_eq!(code, Some(1));
    assert!(said.contains("line 3: not valid JSON at column 5"), "{said}");
}

#[tokio::test]
async fn invalid_lines_are_left_out_when_that_is_allowed() {
    let router = Router::start();
    // More than the router names at once.
    let input: String = (0..130).map(|n| format!("[{n}]\n") + &lines(n, n + 1)).collect();
    let (code, out, said) = send(&router.url(""), &["--skip-invalid", "--batch=999"], &input);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(out, "sent 130 events, left out 130 invalid, seq 1..130\n");
    let named: Vec<_> =
        said.lines().filter(|line| line.contains("must be a JSON object")).collect();
    assert_eq!(named.len(), 130, "{said}");
    assert!(named[129].contains("line 259:"), "{said}");
    assert_eq!(stored(&router).await, (0..130).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_too_large_for_one_request_goes_in_parts() {
    for limits in [
        &[("limits.batch_events", "3")][..],
        &[("limits.body_bytes", "1KiB"), ("limits.event_bytes", "1KiB")],
    ] {
        let router = Router::with(limits);
        let (code, out, said) = send(&router.url(""), &[], &lines(0, 50));
        assert_eq!((code, &*out), (Some(0), "sent 50 events, seq 1..50\n"), "{said}");
        assert_eq!(stored(&router).await, (0..50).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_restart_in_the_middle_loses_and_doubles_nothing() {
    let mut router = Router::start();
    let mut send = start(&router.url(""), &["--batch=7", "--json"]);
    let mut stdin = send.stdin.take().unwrap();
    for round in 0..3 {
        let from = 400 * round;
        stdin.write_all(lines(from, from + 200).as_bytes()).unwrap();
        until(async || {
            let head = router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap();
            (head > from).then_some(())
        })
        .await;
        router.kill();
        stdin.write_all(lines(from + 200, from + 400).as_bytes()).unwrap();
        router.restart();
    }
    drop(stdin);
    let (code, out, said) = end(send);
    assert_eq!(code, Some(0), "{said}");
    let tally: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&tally["sent"], &tally["last_seq"]), (&json!(1200), &json!(1200)), "{tally}");
    assert!(tally["repeated"].as_u64() > Some(0), "{tally}");
    assert_eq!(stored(&router).await, (0..1200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_ids() {
    let router = Router::start();
    let wire = Proxy::start(router.address);
    wire.cut(Cut::AfterCommit);
    // The wire is cut at this word.
    let input = lines(0, 5).replace(r#""event_type":"a""#, r#""event_type":"COMMIT""#);
    let (code, out, said) = send(&format!("http://{}", wire.address), &[], &input);
    assert_eq!((code, wire.was_cut()), (Some(0), true), "{said}");
    assert!(said.contains("trying again"), "{said}");
    assert_eq!(out, "sent 5 events, 5 duplicates\n");
    assert_eq!(stored(&router).await, [0, 1, 2, 3, 4]);
}

#[test]
fn a_busy_router_is_asked_again_with_the_same_bytes() {
    let router = BusyRouter::start(2);
    let (code, out, said) = send(&router.url, &[], &lines(0, 1));
    assert_eq!((code, &*out), (Some(0), "sent 1 event, seq 1..1\n"), "{said}");
    assert!(said.lines().count() == 2 && said.contains("503 Service Unavailable: busy"), "{said}");
    let bodies: Vec<_> = router.bodies.iter().take(3).collect();
    assert!(bodies[0].starts_with("{\"id\":\""), "{bodies:?}");
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2], "{bodies:?}");
}

#[test]
fn retries_come_to_an_end_when_they_are_counted() {
    let router = BusyRouter::start(2);
    let (code, out, said) = send(&router.url, &["--retries=1", "--quiet"], &lines(0, 1));
    assert_eq!((code, &*out), (Some(4), ""));
    assert!(said.contains("cannot be reached: 503") && said.lines().count() == 1, "{said}");
    assert_eq!(router.bodies.iter().take(2).count(), 2);
}

#[tokio::test]
async fn an_interrupt_says_what_was_sent() {
    let router = Router::start();
    let mut send = start(&router.url(""), &[]);
    let stdin = send.stdin.as_mut().unwrap();
    stdin.write_all(lines(0, 2).as_bytes()).unwrap();
    until(async || (stored(&router).await.len() == 2).then_some(())).await;
    kill_process(Pid::from_child(&send), Signal::INT).unwrap();
    let stdin = send.stdin.take();
    let (code, out, _) = end(send);
    drop(stdin);
    assert_eq!(code, Some(130));
    assert!(out.starts_with("sent "), "{out}");
}

#[test]
fn what_cannot_be_sent_says_so_in_its_exit_code() {
    let nowhere = "http://127.0.0.1:1";
    for (arguments, exit, says) in [
        (&[][..], 4, "cannot be reached"),
        (&["--event-type=a", "--source=b"], 4, "cannot be reached"),
        (&["/nowhere/events.ndjson"], 1, "/nowhere/events.ndjson"),
        (&["--event-type=a"], 2, "--source"),
        (&["--data={}"], 2, "--event-type"),
        (&["--event-type=a", "--source=b", "events.ndjson"], 2, "FILE"),
        (&["--event-type=a", "--source=b", "--data=[]"], 2, "JSON object"),
        (&["--batch=0"], 2, "--batch"),
    ] {
        let (code, out, said) = send(nowhere, arguments, &lines(0, 1));
        assert_eq!(code, Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(out.is_empty() || out.starts_with("sent 0 events; nothing from line 1"), "{out}");
    }
}
