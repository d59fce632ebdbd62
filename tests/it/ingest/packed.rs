//! Compressed bodies: what is in them is taken as if it had come as it is, and whatever is wrong
//! with them is refused before it takes memory.

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::refusals::{faults, nothing_was_stored};
use crate::support::{
    router::{Answer, Router, event, http},
    wire::Wire,
};

const ENCODINGS: [&str; 2] = ["gzip", "zstd"];
const JSON: &str = "application/json";
const MIB: usize = 1 << 20;

fn pack(encoding: &str, bytes: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(bytes, 1).unwrap(),
    }
}

async fn post(router: &Router, encoding: &str, content_type: &str, packed: Vec<u8>) -> Answer {
    let request = http().post(router.url("/v1/events")).header("content-encoding", encoding);
    let request = request.header("content-type", content_type).body(packed);
    Answer::of(request.send().await.unwrap()).await
}

/// A list of different events: equal ones would be packed suspiciously well.
fn many(n: u32) -> String {
    let event =
        |n| json!({ "event_type": "a", "source": "s", "data": { "n": n, "r": fastrand::u64(..) } });
    json!((0..n).map(event).collect::<Vec<_>>()).to_string()
}

/// The most memory that the router ever had, in bytes.
fn most_memory(router: &Router) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", router.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib << 10
}

#[tokio::test]
async fn packed_events_are_taken_like_others() {
    let router = Router::start();
    let one = event("a").to_string();
    let mut seq = 0;
    for encoding in ENCODINGS {
        let answer = post(&router, encoding, JSON, pack(encoding, one.as_bytes())).await;
        seq += 1;
        assert_eq!((answer.status, &answer.json["seq"]), (202, &json!(seq)), "{answer:?}");
        // In two parts, which is how appended log files are packed.
        let lines = [format!("{one}\n"), one.clone()].map(|line| pack(encoding, line.as_bytes()));
        let answer = post(&router, encoding, "application/x-ndjson", lines.concat()).await;
        seq += 2;
        assert_eq!((answer.status, &answer.json["last_seq"]), (202, &json!(seq)), "{answer:?}");
        let many = many(10_000);
        let answer = post(&router, encoding, JSON, pack(encoding, many.as_bytes())).await;
        seq += 10_000;
        assert_eq!((answer.status, &answer.json["last_seq"]), (202, &json!(seq)), "{answer:?}");
    }
    let answer = post(&router, "identity", JSON, one.into_bytes()).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn what_is_wrong_in_a_packed_body_is_named_as_elsewhere() {
    let router = Router::with(&[("limits.body_timeout", "1s")]);
    let many = many(10_001);
    for encoding in ENCODINGS {
        for (body, fault) in [
            (many.as_bytes(), ("", "too_many_events")),
            (b"{\"event_type\":\"\xff\"}", ("", "not_utf8")),
            (b" ", ("", "empty")),
            (
                br#"[{"event_type":"a","source":"s","data":{"x":"\u0000"}}]"#,
                ("/0/data/x", "nul_character"),
            ),
        ] {
            let answer = post(&router, encoding, JSON, pack(encoding, body)).await;
            assert_eq!((answer.status, answer.problem()), (422, "invalid_events"));
            assert_eq!(faults(&answer), [fault]);
        }
        let whole = pack(encoding, event("a").to_string().as_bytes());
        let (half, _) = whole.split_at(whole.len() / 2);
        for body in [half.to_vec(), [&*whole, b"and more"].concat(), b"{}".to_vec()] {
            let answer = post(&router, encoding, JSON, body).await;
            assert_eq!((answer.status, answer.problem()), (400, "bad_encoding"), "{answer:?}");
        }
        let stacked = pack(encoding, &whole);
        for header in [format!("{encoding}, {encoding}"), "br".into(), "deflate".into()] {
            let answer = post(&router, &header, JSON, stacked.clone()).await;
            assert_eq!((answer.status, answer.problem()), (415, "unsupported_encoding"));
            assert_eq!(answer.header("accept-encoding"), "gzip, zstd, identity");
        }
        let answer = post(&router, encoding, JSON, stacked).await;
        assert_eq!((answer.status, faults(&answer)[0].0), (422, ""), "packed twice, said once");

        let mut wire = Wire::connect(&router).await;
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: {JSON}\r\n\
             Content-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            router.address,
            whole.len()
        );
        wire.send(&[head.as_bytes(), half].concat()).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    }
    nothing_was_stored(&router).await;
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_takes_memory() {
    const LIMIT: usize = 4 * MIB;
    /// What zstd may keep of what came out: see `content-encoding` in the README.
    const WINDOW: usize = 8 * MIB;
    let router = Router::with(&[("limits.body_bytes", "4MiB"), ("limits.compression_ratio", "50")]);
    // Once all code has run.
    for encoding in ENCODINGS {
        let answer = post(&router, encoding, JSON, pack(encoding, b"[]")).await;
        assert_eq!(answer.status, 422);
    }
    let before = most_memory(&router);
    for encoding in ENCODINGS {
        let part = pack(encoding, &vec![b' '; 16 * MIB]);
        let bomb = part.repeat((LIMIT / 8).div_ceil(part.len()));
        assert!(bomb.len() * 50 > LIMIT && bomb.len() / part.len() * 16 * MIB > 20 * LIMIT);
        let answer = post(&router, encoding, JSON, bomb).await;
        assert_eq!((answer.status, answer.problem()), (413, "body_too_large"), "{encoding}");
        let answer = post(&router, encoding, JSON, pack(encoding, &vec![b' '; MIB])).await;
        assert_eq!((answer.status, answer.problem()), (413, "compression_ratio"), "{encoding}");
        // Too large as it came.
        let answer = post(&router, encoding, JSON, vec![0; LIMIT + 1]).await;
        assert_eq!((answer.status, answer.problem()), (413, "body_too_large"), "{encoding}");
    }
    let grown = most_memory(&router) - before;
    // The packed and the unpacked body, each in a buffer that doubles.
    assert!(grown < 4 * LIMIT + WINDOW, "the router grew by {grown} bytes");
    nothing_was_stored(&router).await;
}
