//! Frames as Autobahn|Testsuite sends them (cases 1 to 7 and 10), for a server that is no echo: a
//! case is named by its number there, is sent whole, frame by frame and octet by octet, and each time
//! the router must say exactly this, close with exactly this code, and say nothing after it.
//!
//! Where the testsuite waits for an echo, the router must show that it has read the message: text is
//! answered with `bad_json`, binary with `binary`, and what is its protocol's ping with its pong.

mod closing;
mod frames;
mod text;

use serde_json::Value;

use crate::support::{
    router::Router,
    wire::{BINARY, CLOSE, PONG, TEXT, Wire, masked},
};

/// The first byte of a frame that is not the last of its message.
const FIRST_TEXT: u8 = 0x01;
const NEXT: u8 = 0x00;
/// The first byte of the last frame of a message.
const LAST: u8 = 0x80;

const OK: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const BAD_UTF8: u16 = 1007;
const TOO_LARGE: u16 = 1009;

/// More than this is not sent octet by octet: in chops of 997 as the testsuite does.
const MANY: usize = 4096;

/// What the router says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// A protocol pong with this payload.
    Pong(Vec<u8>),
    /// A `pong` frame.
    JsonPong,
    /// An `error` frame with this code.
    Error(String),
}

/// One conversation.
struct Case {
    name: String,
    frames: Vec<Vec<u8>>,
    said: Vec<Said>,
    closed: u16,
}

/// Frames that get these answers; then the client closes.
fn fine(name: impl Into<String>, frames: Vec<Vec<u8>>, said: Vec<Said>) -> Case {
    broken(name, [frames, vec![close(OK, b"")]].concat(), said, OK)
}

/// Frames that get these answers, and then the router closes with this code.
fn broken(name: impl Into<String>, frames: Vec<Vec<u8>>, said: Vec<Said>, closed: u16) -> Case {
    Case { name: name.into(), frames, said, closed }
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    masked(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

fn text(payload: &[u8]) -> Vec<u8> {
    masked(TEXT, payload)
}

/// A text message in fragments.
fn in_parts(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<Vec<u8>> {
    let parts = parts.into_iter();
    let mut frames: Vec<_> = parts.map(|part| masked(NEXT, part.as_ref())).collect();
    frames[0][0] = FIRST_TEXT;
    // Also when it is the first.
    frames.last_mut().unwrap()[0] |= LAST;
    frames
}

fn bad_json() -> Said {
    Said::Error("bad_json".into())
}

/// The frames in the pieces in which they are written.
fn chopped(frames: &[Vec<u8>]) -> [Vec<Vec<u8>>; 3] {
    let whole = frames.concat();
    let octets = if whole.len() > MANY { 997 } else { 1 };
    let pieces = whole.chunks(octets).map(<[u8]>::to_vec).collect();
    [vec![whole], frames.to_vec(), pieces]
}

/// Runs all of them, each in a session of its own.
async fn run(router: &Router, cases: Vec<Case>) {
    for case in cases {
        for pieces in chopped(&case.frames) {
            let heard = converse(router, &pieces).await;
            let writes = pieces.len();
            assert_eq!(heard, (case.said.clone(), case.closed), "{} in {writes}", case.name);
        }
    }
}

/// Writes the pieces; what the router says, and the code of its close frame, which is its last word.
async fn converse(router: &Router, pieces: &[Vec<u8>]) -> (Vec<Said>, u16) {
    let mut wire = Wire::session(router).await;
    for piece in pieces {
        // The router may have heard enough.
        if wire.try_send(piece).await.is_err() {
            break;
        }
    }
    let mut said = Vec::new();
    loop {
        let (first, payload) = wire.frame().await.expect("a close frame before the end");
        said.push(match first {
            PONG => Said::Pong(payload),
            TEXT => answer(&payload),
            CLOSE => {
                wire.hang_up().await;
                assert_eq!(wire.rest().await, b"", "after the close frame");
                return (said, u16::from_be_bytes([payload[0], payload[1]]));
            }
            other => panic!("a frame that begins with {other:#x}"),
        });
    }
}

fn answer(payload: &[u8]) -> Said {
    let frame: Value = serde_json::from_slice(payload).unwrap();
    match frame["type"].as_str().unwrap() {
        "pong" => Said::JsonPong,
        "error" => Said::Error(frame["code"].as_str().unwrap().to_owned()),
        other => panic!("{other}"),
    }
}

fn router() -> Router {
    Router::with(&[("session.max_frame", "256KiB")])
}

#[tokio::test]
async fn case_1_messages_of_every_size() {
    let mut cases = Vec::new();
    for (n, size) in (1..).zip([0, 125, 126, 127, 128, 65535, 65536]) {
        cases.push(fine(format!("1.1.{n}"), vec![text(&vec![b'*'; size])], vec![bad_json()]));
        let binary = masked(BINARY, &vec![0xfe; size]);
        cases.push(fine(format!("1.2.{n}"), vec![binary], vec![Said::Error("binary".into())]));
        let mut ping = b"{\"type\":\"ping\"}".to_vec();
        ping.resize(size.max(ping.len()), b' ');
        cases.push(fine(format!("1.1.{n}, understood"), vec![text(&ping)], vec![Said::JsonPong]));
    }
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_10_a_message_in_fragments_of_1300() {
    let frames = in_parts(vec![b'*'; 65536].chunks(1300));
    run(&router(), vec![fine("10.1.1", frames, vec![bad_json()])]).await;
}
