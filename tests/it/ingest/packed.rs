//! Compressed bodies: what is in them is taken as if it had come as it is, and what is wrong with it
//! is named as elsewhere. Those that are wrong themselves are in `hostile`.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::refusals::{faults, nothing_was_stored};
use crate::support::router::{Answer, Router, event, http};

const ENCODINGS: [&str; 2] = ["gzip", "zstd"];
const JSON: &str = "application/json";

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
    let router = Router::start();
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
        for header in [format!("{encoding}, {encoding}"), "br".into(), "deflate".into()] {
            let answer = post(&router, &header, JSON, whole.clone()).await;
            assert_eq!((answer.status, answer.problem()), (415, "unsupported_encoding"));
            assert_eq!(answer.header("accept-encoding"), "gzip, zstd, identity");
        }
    }
    nothing_was_stored(&router).await;
}
