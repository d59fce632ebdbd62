//! The path of an event, as people read it: a line a fact, indented under what it belongs to.

use std::fmt::Write;

use serde::Deserialize;

use crate::cli::tail::line::visible;

/// The router's answer, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Trace {
    id: String,
    committed: Committed,
    direct: Direct,
    realtime: Option<OnRealtime>,
    validation: Option<Validation>,
}

#[derive(Debug, Deserialize)]
struct Committed {
    source: String,
    epoch: String,
    seq: u64,
    event_type: String,
    event_source: String,
    category: String,
    timestamp: String,
    created_at: String,
    checksum: String,
}

#[derive(Debug, Deserialize)]
struct Direct {
    source: String,
    matched: usize,
    reached: usize,
    pending: usize,
    sessions: Vec<Session>,
    omitted: usize,
}

#[derive(Debug, Deserialize)]
struct Session {
    id: String,
    client_id: Option<String>,
    protocol: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct OnRealtime {
    cursor: Option<Cursor>,
    attempts: Option<Requests>,
    dead_letter: Option<DeadLetter>,
}

#[derive(Debug, Deserialize)]
struct Cursor {
    source: String,
    state: String,
    through: u64,
    updated_at: String,
}

#[derive(Debug, Deserialize)]
struct Requests {
    source: String,
    since: String,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Deserialize)]
struct Attempt {
    at: String,
    outcome: String,
    reason: Option<String>,
    latency_ms: f64,
    breaker: String,
    first_seq: u64,
    last_seq: u64,
}

#[derive(Debug, Deserialize)]
struct DeadLetter {
    source: String,
    id: u64,
    status: String,
    reason: String,
    attempts: u32,
    created_at: String,
    replayed_at: Option<String>,
    recovered_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Validation {
    paths: Vec<OnPath>,
}

#[derive(Debug, Deserialize)]
struct OnPath {
    path: String,
    source: String,
    verdict: Option<String>,
    reason: Option<String>,
    expected_hash: String,
    seen_hash: Option<String>,
    copies: Option<u32>,
    latency_ms: Option<f64>,
}

/// The whole text. What others said in it does not steer the terminal.
pub(super) fn told(trace: &Trace) -> String {
    let mut lines = Lines(String::new());
    let Committed { event_type, event_source, category, .. } = &trace.committed;
    lines.add(0, &format!("{}: {event_type} from {event_source}, {category}", trace.id));
    committed(&mut lines, &trace.committed);
    direct(&mut lines, &trace.direct);
    match &trace.realtime {
        None => lines.add(1, "realtime: the path is off, and never was on"),
        Some(realtime) => on_realtime(&mut lines, realtime),
    }
    match &trace.validation {
        None => lines.add(1, "validation: nothing is known of it"),
        Some(validation) => seen(&mut lines, validation),
    }
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, depth: usize, line: &str) {
        // A String takes everything.
        writeln!(self.0, "{:1$}{2}", "", 2 * depth, visible(line)).unwrap_or_default();
    }
}

fn committed(lines: &mut Lines, committed: &Committed) {
    let Committed { source, epoch, seq, timestamp, created_at, checksum, .. } = committed;
    lines.add(1, &format!("committed: {created_at}, as {seq} of epoch {epoch} ({source})"));
    lines.add(2, &format!("its own time is {timestamp}, its checksum {checksum}"));
}

fn direct(lines: &mut Lines, direct: &Direct) {
    let Direct { source, matched, reached, pending, sessions, omitted } = direct;
    let counts = format!(
        "for {matched} that are connected now: {reached} have it, {pending} will get it ({source})"
    );
    lines.add(1, &format!("direct: {counts}"));
    for Session { id, client_id, protocol, state } in sessions {
        let client = client_id.as_ref().map(|client| format!(" of {client}")).unwrap_or_default();
        lines.add(2, &format!("{state}: session {id}{client}, {protocol}"));
    }
    if *omitted > 0 {
        lines.add(2, &format!("and {omitted} more"));
    }
}

fn on_realtime(lines: &mut Lines, realtime: &OnRealtime) {
    let standing = match &realtime.cursor {
        None => "the path has stored no cursor".to_owned(),
        Some(Cursor { source, state, through, updated_at }) => {
            format!("{state}; the path was through with {through} at {updated_at} ({source})")
        }
    };
    lines.add(1, &format!("realtime: {standing}"));
    match &realtime.attempts {
        None => lines.add(2, "the path is off now"),
        Some(Requests { source, since, attempts }) => {
            let count = attempts.len();
            lines.add(2, &format!("requests with it since {since}: {count} ({source})"));
            for attempt in attempts {
                lines.add(3, &request(attempt));
            }
        }
    }
    if let Some(letter) = &realtime.dead_letter {
        dead_letter(lines, letter);
    }
}

fn request(attempt: &Attempt) -> String {
    let Attempt { at, outcome, reason, latency_ms, breaker, first_seq, last_seq } = attempt;
    let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let with = format!("with {first_seq} to {last_seq}, breaker {breaker}");
    format!("{at} {outcome} after {latency_ms:.1} ms, {with}{why}")
}

fn dead_letter(lines: &mut Lines, letter: &DeadLetter) {
    let DeadLetter { source, id, status, reason, attempts, created_at, .. } = letter;
    let told = format!("{status}, sent {attempts} times: {reason} ({source})");
    lines.add(2, &format!("dead letter {id} since {created_at}: {told}"));
    if let Some(at) = &letter.replayed_at {
        lines.add(3, &format!("replayed {at}"));
    }
    if let Some(at) = &letter.recovered_at {
        lines.add(3, &format!("recovered {at}"));
    }
}

fn seen(lines: &mut Lines, validation: &Validation) {
    lines.add(1, "validation: what was seen of it");
    for seen in &validation.paths {
        let OnPath { path, source, verdict, reason, copies, latency_ms, .. } = seen;
        let verdict = verdict.as_deref().unwrap_or("waits for its verdict");
        let why = reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
        let copies = copies.map_or(String::new(), |copies| match copies {
            1 => ", seen once".to_owned(),
            copies => format!(", seen {copies} times"),
        });
        let after = latency_ms.map_or(String::new(), |ms| format!(" after {ms:.1} ms"));
        lines.add(2, &format!("{path}: {verdict}{why}{copies}{after} ({source})"));
        if let Some(hash) = seen.seen_hash.as_ref().filter(|hash| **hash != seen.expected_hash) {
            lines.add(3, &format!("its content was {hash}, not {}", seen.expected_hash));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn everything() -> serde_json::Value {
        json!({
            "id": "i",
            "committed": {
                "source": "storage", "epoch": "e", "seq": 7, "event_type": "a\u{1b}[2J",
                "event_source": "s", "category": "debug", "timestamp": "T0", "created_at": "T1",
                "checksum": "c",
            },
            "direct": {
                "source": "now", "matched": 2, "reached": 1, "pending": 1, "omitted": 1,
                "sessions": [{ "id": "x", "client_id": "wall", "protocol": "p", "state": "pending" }],
            },
            "realtime": {
                "cursor": { "source": "storage", "state": "settled", "through": 9, "updated_at": "T2" },
                "attempts": { "source": "recent", "since": "T3", "attempts": [{
                    "at": "T4", "outcome": "rejected", "reason": "no\n", "latency_ms": 1.26,
                    "breaker": "closed", "events": 2, "first_seq": 7, "last_seq": 8,
                }] },
                "dead_letter": {
                    "source": "storage", "id": 3, "status": "failed", "reason": "no", "attempts": 2,
                    "created_at": "T5", "replayed_at": "T6", "recovered_at": null,
                },
            },
            "validation": { "paths": [
                {
                    "path": "websocket", "source": "recent", "verdict": "matched", "reason": null,
                    "expected_hash": "aa", "seen_hash": "aa", "copies": 1, "latency_ms": 3.16,
                    "decided_at": "T7", "generation": null,
                },
                {
                    "path": "realtime", "source": "storage", "verdict": "differs", "reason": null,
                    "expected_hash": "aa", "seen_hash": "bb", "copies": null, "latency_ms": null,
                    "decided_at": "T8", "generation": 2,
                },
                {
                    "path": "realtime", "source": "recent", "verdict": "unscored",
                    "reason": "broken", "expected_hash": "aa", "seen_hash": null, "copies": 0,
                    "latency_ms": null, "decided_at": "T9", "generation": null,
                },
            ] },
        })
    }

    #[test]
    fn every_fact_has_a_line_and_its_source() {
        let expected = r"i: a\u{1b}[2J from s, debug
  committed: T1, as 7 of epoch e (storage)
    its own time is T0, its checksum c
  direct: for 2 that are connected now: 1 have it, 1 will get it (now)
    pending: session x of wall, p
    and 1 more
  realtime: settled; the path was through with 9 at T2 (storage)
    requests with it since T3: 1 (recent)
      T4 rejected after 1.3 ms, with 7 to 8, breaker closed: no\u{a}
    dead letter 3 since T5: failed, sent 2 times: no (storage)
      replayed T6
  validation: what was seen of it
    websocket: matched, seen once after 3.2 ms (recent)
    realtime: differs (storage)
      its content was bb, not aa
    realtime: unscored (broken), seen 0 times (recent)
";
        assert_eq!(told(&serde_json::from_value(everything()).unwrap()), expected);
    }
}
