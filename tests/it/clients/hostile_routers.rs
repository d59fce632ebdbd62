//! What a command meets at an address where there is no router, or one that means no good: it ends
//! with the right exit code and one sentence, soon, and never steers the terminal.

use std::{
    fmt::Write as _,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::json;

use super::{fake_router::FakeRouter, signalbox};

/// What is said to whoever has asked.
#[derive(Clone)]
enum Says {
    Nothing,
    Once(Vec<u8>),
    /// The first, and then the second until nobody listens any more.
    WithoutEnd(Vec<u8>, Vec<u8>),
}

/// Something that listens, and says that; its address.
fn listening(says: Says) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming() {
            let says = says.clone();
            thread::spawn(move || talk(client.unwrap(), says));
        }
    });
    url
}

fn talk(mut client: TcpStream, says: Says) {
    // The head is enough to have been asked.
    let heard = client.read(&mut [0; 4096]).unwrap_or_default();
    match says {
        Says::Nothing => {}
        _ if heard == 0 => {}
        Says::Once(bytes) => {
            client.write_all(&bytes).unwrap_or_default();
            client.shutdown(Shutdown::Write).unwrap_or_default();
            // What comes after the head must be heard, or the kernel resets the connection.
            while client.read(&mut bytes.clone()).is_ok_and(|heard| heard > 0) {}
        }
        Says::WithoutEnd(first, rest) => {
            client.write_all(&first).unwrap_or_default();
            while client.write_all(&rest).is_ok() {}
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> Says {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}");
    Says::Once(head.into_bytes())
}

/// Runs a command, with one event on its standard input.
fn run(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let event = json!({ "event_type": "a", "source": "b", "data": {} }).to_string() + "\n";
    // One that takes no input ends without reading it.
    child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap_or_default();
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

/// Runs all of these commands against all of these; each must end with this code and say this.
fn all(commands: &[&[&str]], rows: Vec<(Says, i32, &str)>) {
    let mut wrong = String::new();
    for (says, exit, sentence) in rows {
        let url = listening(says);
        for command in commands {
            let (code, said) = run(signalbox(command, &url));
            let shown = said.chars().all(|char| char == '\n' || !char.is_control());
            let last = said.lines().last().unwrap_or_default();
            if code != Some(exit) || !last.contains(sentence) || !shown || last.len() > 4000 {
                writeln!(wrong, "{command:?}: {code:?}, not {exit} and {sentence:?}: {said}")
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn garbage() -> Vec<(Says, i32, &'static str)> {
    let page = "<html>\x1b[2J</html>";
    let evil = json!({ "code": "x", "detail": "\u{1b}[2J\u{9b}31mno" }).to_string();
    let long = json!({ "code": "x", "detail": "x".repeat(100_000) }).to_string();
    vec![
        (Says::Nothing, 4, "cannot be reached"),
        (Says::Once(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), 4, "cannot be reached"),
        (Says::Once(vec![0; 100]), 4, "cannot be reached"),
        (Says::Once(b"HTTP/1.1 ".to_vec()), 4, "cannot be reached"),
        (
            Says::WithoutEnd(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".to_vec()),
            4,
            "cannot be reached",
        ),
        (Says::WithoutEnd(vec![], vec![b'x'; 4096]), 4, "cannot be reached"),
        (http("404 Not Found", "", page), 1, "refused: 404 Not Found"),
        (
            http("401 Unauthorized", "", &evil),
            1,
            r"refused: 401 Unauthorized: \u{1b}[2J\u{9b}31mno",
        ),
        (http("403 Forbidden", "", &long), 1, "refused: 403 Forbidden"),
        (http("200 OK", "", page), 1, "refused: 200 OK"),
    ]
}

#[test]
fn tail_and_bench_end_where_no_router_is() {
    all(&[&["tail"], &["bench", "--clients=1"]], garbage());
    let busy = http("503 Service Unavailable", "retry-after: 1\r\n", "{\"detail\":\"full\"}");
    all(&[&["tail"], &["bench", "--clients=1"]], vec![(busy, 4, "503 Service Unavailable: full")]);
}

#[test]
fn explain_ends_where_no_router_is() {
    let explain: &[&str] = &["explain", "00000000-0000-4000-8000-000000000000"];
    let rows = garbage().into_iter().filter(|(_, _, words)| *words != "refused: 200 OK");
    let unclear = http("200 OK", "", "{\"id\":7}");
    let unclear = (unclear, 1, "refused: its answer is not understood");
    let busy = http("503 Service Unavailable", "retry-after: 1\r\n", "{\"detail\":\"full\"}");
    let busy = (busy, 4, "503 Service Unavailable: full");
    all(&[explain], rows.chain([unclear, busy]).collect());
}

#[test]
fn send_ends_where_no_router_is() {
    let endless = b"HTTP/1.1 202 Accepted\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x1_0000], b"\r\n".to_vec()].concat();
    let chunks = b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let mut rows = garbage();
    rows.extend([
        (Says::WithoutEnd(endless, vec![b' '; 1 << 16]), 1, "its answer has more than 16 MiB"),
        (Says::WithoutEnd(chunks, chunk), 1, "its answer has more than 16 MiB"),
        (http("202 Accepted", "", "<html>"), 1, "its answer cannot be read"),
        (http("202 Accepted", "", "{}"), 1, "its answer cannot be read"),
        (http("422 Unprocessable Entity", "", "[]"), 1, "refused: 422"),
        (http("422 Unprocessable Entity", "", r#"{"code":"invalid_events"}"#), 1, "refused"),
        (http("301 Moved Permanently", "location: /elsewhere\r\n", ""), 1, "refused"),
    ]);
    all(&[&["send", "--retries=0"]], rows);
}

#[test]
fn send_gives_up_what_never_answers() {
    let url = listening(Says::Once(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let (code, said) = run(signalbox(&["send"], &url));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.lines().last().unwrap().contains("cannot be reached"), "{said}");
}

#[test]
fn tail_ends_when_what_it_hears_makes_no_sense() {
    for (frame, exit) in [
        (json!([]), 1),
        (json!({ "type": "event", "event": 7 }), 1),
        (json!({ "type": "event", "event": { "seq": "x" } }), 1),
        (json!({ "type": "gap" }), 1),
        (json!({ "type": "error", "code": "x", "detail": "\u{1b}[2J" }), 1),
    ] {
        let router = FakeRouter::playing(vec![vec![frame.clone()]]);
        let (code, said) = run(signalbox(&["tail"], &router.url));
        assert_eq!(code, Some(exit), "{frame}: {said}");
        assert!(!said.contains('\u{1b}') && said.lines().count() == 1, "{frame}: {said}");
    }
}
