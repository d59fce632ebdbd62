//! Input that nobody should send, from bytes that are no HTTP to bombs, against one router that has
//! other things to do: each gets exactly the documented answer, or the end of its connection where
//! there is nothing to answer; nothing of it is stored, memory stays within bounds, and a producer
//! and a dashboard notice nothing.
//!
//! The tables are in the modules, by what is wrong. To add a row is all it takes to add a case.

mod events;
mod http;
mod packed;
mod slow;

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::support::{
    load::{Load, Plan},
    process::most_resident_bytes,
    router::Router,
    wire::Wire,
};

/// One thing to send, and what must come of it.
struct Case {
    name: String,
    /// All at once.
    bytes: Vec<u8>,
    answers: Vec<Answer>,
    /// Whether the router then ends the connection.
    ends: bool,
}

/// A status, and the code of a problem where it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    code: String,
    /// The pointer and the code of the first fault.
    fault: Option<(String, String)>,
}

/// An answer that is a problem, or none when `code` is empty.
fn answer(status: u16, code: &str) -> Answer {
    Answer { status, code: code.to_owned(), fault: None }
}

/// A request that gets this answer, after which the connection lives on.
fn refused(name: impl Into<String>, bytes: Vec<u8>, status: u16, code: &str) -> Case {
    Case { name: name.into(), bytes, answers: vec![answer(status, code)], ends: false }
}

/// What ends the connection, after these answers.
fn fatal(name: impl Into<String>, bytes: impl Into<Vec<u8>>, answers: &[(u16, &str)]) -> Case {
    let answers = answers.iter().map(|(status, code)| answer(*status, code)).collect();
    Case { name: name.into(), bytes: bytes.into(), answers, ends: true }
}

/// A request to take events, with more headers; the body's length is told.
fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

const JSON: &str = "Content-Type: application/json\r\n";

/// What is wrong with how the router takes it.
async fn check(router: &Router, case: &Case) -> Option<String> {
    let mut wire = Wire::connect(router).await;
    // The router may have seen enough before it has all of it.
    wire.try_send(&case.bytes).await.ok();
    for expected in &case.answers {
        let answer = wire.answer().await.map(|(status, body)| read(status, &body, expected));
        if answer.as_ref() != Some(expected) {
            return Some(format!("{}: {answer:?} instead of {expected:?}", case.name));
        }
    }
    if !case.ends {
        return None;
    }
    let more = wire.answer().await;
    more.map(|(status, _)| format!("{}: {status} instead of the end", case.name))
}

/// An answer, as far as it can be `expected`.
fn read(status: u16, body: &[u8], expected: &Answer) -> Answer {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    assert!(body.is_empty() || status == 200 || problem["status"] == status, "{problem}");
    assert!(body.len() < 32 << 10, "what a client says comes back at length: {problem}");
    let first = &problem["errors"][0];
    let fault = expected.fault.as_ref().map(|_| (text(&first["pointer"]), text(&first["code"])));
    Answer { status, code: text(&problem["code"]), fault }
}

#[tokio::test]
async fn no_input_is_stored_takes_memory_or_disturbs_anybody() {
    const AT_ONCE: usize = 4;
    /// So many bodies, packed and unpacked, and what zstd keeps of each.
    const MOST_MEMORY: u64 = AT_ONCE as u64 * ((4 + 4 + 8) << 20);
    let router = Router::with(&[
        ("limits.body_bytes", "4MiB"),
        ("limits.event_bytes", "64KiB"),
        ("limits.compression_ratio", "50"),
        ("limits.head_timeout", "1s"),
        ("limits.body_timeout", "1s"),
        ("server.keep_alive", "1s"),
        ("journal.tail_bytes", "1MiB"),
        ("journal.batch_events", "100"),
    ]);
    let address = router.address;
    let plan = Plan { address, publishers: 1, padding: 0, dashboards: vec![vec![]], gaps: false };
    let load = Load::with(plan);
    load.wait_for(100);
    let before = most_resident_bytes(router.pid());
    for cases in [events::cases(), packed::cases(), http::cases(), slow::cases()] {
        let checks = stream::iter(&cases).map(|case| check(&router, case));
        let faults = checks.buffer_unordered(AT_ONCE).filter_map(async |fault| fault);
        let faults: Vec<_> = faults.collect().await;
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        let grown = most_resident_bytes(router.pid()) - before;
        assert!(grown < MOST_MEMORY, "the router grew by {grown} bytes");
        load.wait_for(1);
    }
    assert_eq!(load.refused(), BTreeMap::new(), "the producer was turned away");
    assert_eq!(load.seen(0).connections, 1, "the dashboard had to come back");
    load.finish().await;
}
