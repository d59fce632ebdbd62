//! What is no HTTP, or HTTP that two readers could read in two ways.

use super::{Case, JSON, fatal, post, refused};
use crate::support::router::event;

const HOST: &str = "Host: localhost\r\n";
const BAD_HTTP: &[(u16, &str)] = &[(400, "bad_http")];
const TOO_LARGE: &[(u16, &str)] = &[(431, "head_too_large")];

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{HOST}\r\n").into_bytes()
}

/// A request to take events, of which only the framing is wrong.
fn framed(headers: &str, body: &str) -> Vec<u8> {
    format!("POST /v1/events HTTP/1.1\r\n{HOST}{JSON}{headers}\r\n{body}").into_bytes()
}

fn chunked(body: &str) -> Vec<u8> {
    framed("Transfer-Encoding: chunked\r\n", body)
}

pub(super) fn cases() -> Vec<Case> {
    [no_requests(), heads(), lengths(), chunks(), paths(), methods(), versions(), pipelines()]
        .into_iter()
        .flatten()
        .collect()
}

fn no_requests() -> Vec<Case> {
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n";
    vec![
        fatal("a TLS hello", hello, BAD_HTTP),
        fatal("a preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD_HTTP),
        fatal("one word", b"GET\r\n\r\n", BAD_HTTP),
        fatal("an event", event("a").to_string() + "\r\n\r\n", BAD_HTTP),
        fatal("NUL", [0; 4096], BAD_HTTP),
        fatal("a frame of a WebSocket", b"\x81\x82\0\0\0\0{}\r\n\r\n", BAD_HTTP),
    ]
}

fn heads() -> Vec<Case> {
    let with = |headers: &str| format!("GET /livez HTTP/1.1\r\n{HOST}{headers}\r\n");
    let many = |n: usize| with(&"X: y\r\n".repeat(n));
    vec![
        fatal("no host", "GET /livez HTTP/1.1\r\n\r\n", BAD_HTTP),
        fatal("two hosts", with(HOST), BAD_HTTP),
        fatal("a header's name with a space", with("X : a\r\n"), BAD_HTTP),
        fatal("a header without a colon", with("X\r\n"), BAD_HTTP),
        fatal("a folded header", with("X: a\r\n b\r\n"), BAD_HTTP),
        fatal("NUL in a header", with("X: a\0b\r\n"), BAD_HTTP),
        fatal("only CR", "GET /livez HTTP/1.1\rHost: localhost\r\r", BAD_HTTP),
        refused("90 headers", many(90).into(), 200, ""),
        fatal("200 headers", many(200), TOO_LARGE),
        fatal("a header of 1 MiB", with(&format!("X: {}\r\n", "x".repeat(1 << 20))), TOO_LARGE),
        fatal("1 MiB without a line", "x".repeat(1 << 20), TOO_LARGE),
        refused(
            "a foreign host",
            with("").replace("localhost", "a.org").into(),
            421,
            "host_not_allowed",
        ),
    ]
}

fn lengths() -> Vec<Case> {
    let mut cases: Vec<_> =
        ["-1", "+2", "0x2", "2, 2", "2 2", "", "two", "99999999999999999999999999"]
            .into_iter()
            .map(|length| {
                let request = framed(&format!("Content-Length: {length}\r\n"), "{}");
                fatal(format!("a length of {length:?}"), request, BAD_HTTP)
            })
            .collect();
    let late = &[(408, "body_timeout")];
    cases.extend([
        fatal("two lengths", framed("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), BAD_HTTP),
        fatal("a length too long", framed("Content-Length: 99\r\n", "{}"), late),
        fatal("the longest length", framed("Content-Length: 18446744073709551615\r\n", "{}"), late),
        fatal(
            "a length too short",
            framed("Content-Length: 2\r\n", "{}{\"more\":1}\r\n\r\n"),
            &[(422, "invalid_events"), (400, "bad_http")],
        ),
        fatal(
            "a length and chunks",
            framed("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            BAD_HTTP,
        ),
        fatal(
            "chunks and a length",
            framed("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"),
            BAD_HTTP,
        ),
    ]);
    cases
}

fn chunks() -> Vec<Case> {
    let mut cases: Vec<_> =
        ["gzip, chunked", "chunked, chunked", "xchunked", "identity", "\"chunked\""]
            .into_iter()
            .map(|coding| {
                let request = framed(&format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
                fatal(format!("a coding of {coding}"), request, BAD_HTTP)
            })
            .collect();
    let two = "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n";
    cases.extend([
        fatal("two codings", framed(two, "0\r\n\r\n"), BAD_HTTP),
        refused("whole", chunked("2\r\n{}\r\n0\r\n\r\n"), 422, "invalid_events"),
        refused("an extension", chunked("2;a=b\r\n{}\r\n0\r\n\r\n"), 422, "invalid_events"),
        // The end of the body is lost, and with it the place of an answer.
        fatal("no number", chunked("zz\r\n{}\r\n0\r\n\r\n"), &[]),
        fatal("a number too large", chunked("ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"), &[]),
        fatal("more than was said", chunked("2\r\n{}{}\r\n0\r\n\r\n"), &[]),
        fatal("a negative number", chunked("-2\r\n{}\r\n0\r\n\r\n"), &[]),
        fatal("no end", chunked("2\r\n{}\r\n"), &[(408, "body_timeout")]),
    ]);
    cases
}

fn paths() -> Vec<Case> {
    let mut cases: Vec<_> = [
        "/../../etc/passwd",
        "/v1/%2e%2e/%2e%2e/etc/passwd",
        "//v1//events",
        "/v1/events/",
        "/V1/EVENTS",
        "/v1/events;a=b",
        "/v1%2fevents",
        "/%",
        "*",
    ]
    .into_iter()
    .map(|path| refused(path, get(path), 404, "not_found"))
    .collect();
    for id in ["%zz", "%00", "%ff%fe", "..%2f..", "'%20OR%201=1", "0"] {
        cases.push(refused(id, get(&format!("/v1/events/{id}")), 400, "bad_id"));
    }
    for query in ["limit=0", "limit=-1", "limit=1e9", "after=%00", "since=now"] {
        cases.push(refused(query, get(&format!("/v1/events?{query}")), 400, "bad_parameter"));
    }
    cases.extend([
        refused("an unknown parameter", get("/v1/events?x=1"), 400, "unknown_parameter"),
        refused("a path of 60 KB", get(&format!("/{}", "x".repeat(60_000))), 404, "not_found"),
        fatal("a path of 100 KB", get(&format!("/{}", "x".repeat(100_000))), BAD_HTTP),
        fatal("NUL in a path", get("/\0"), BAD_HTTP),
        fatal("UTF-8 in a path", get("/\u{e9}"), BAD_HTTP),
        fatal("a space in a path", get("/a b"), BAD_HTTP),
    ]);
    cases
}

fn methods() -> Vec<Case> {
    let request = |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\n{HOST}\r\n");
    let mut cases: Vec<_> = ["BREW", "TRACE", "PUT", "get", "PATCH", &*"X".repeat(1000)]
        .into_iter()
        .map(|method| {
            let bytes = request(method, "/v1/events").into();
            refused(method, bytes, 405, "method_not_allowed")
        })
        .collect();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    let json = |headers: &str| post(&format!("{headers}{JSON}"), b"{}");
    cases.extend([
        fatal("a method with an at", request("G@T", "/"), BAD_HTTP),
        fatal("a tunnel", request("CONNECT", "example.org:80"), &[(404, "not_found")]),
        fatal("events to a WebSocket", json(upgrade), &[(404, "not_found")]),
        refused(
            "another type",
            post("Content-Type: text/xml\r\n", b"{}"),
            415,
            "unsupported_media_type",
        ),
        refused("no type", post("", b"{}"), 415, "unsupported_media_type"),
        refused("a foreign page", json("Origin: http://a.org\r\n"), 403, "origin_not_allowed"),
        fatal(
            "a body that nobody wants",
            format!("GET /livez HTTP/1.1\r\n{HOST}Content-Length: 2\r\n\r\n{{}}"),
            &[(200, "")],
        ),
        Case {
            answers: vec![super::answer(100, ""), super::answer(422, "invalid_events")],
            ..refused("100-continue", json("Expect: 100-continue\r\n"), 422, "")
        },
    ]);
    cases
}

fn versions() -> Vec<Case> {
    let get = |version: &str| format!("GET /livez {version}\r\n{HOST}\r\n");
    let post = |headers: &str| format!("POST /v1/events HTTP/1.0\r\n{HOST}{JSON}{headers}\r\n{{}}");
    vec![
        fatal("HTTP/1.0", get("HTTP/1.0"), &[(200, "")]),
        fatal(
            "HTTP/1.0 without a host",
            "GET /livez HTTP/1.0\r\n\r\n",
            &[(421, "host_not_allowed")],
        ),
        fatal("HTTP/1.0 with a length", post("Content-Length: 2\r\n"), &[(422, "invalid_events")]),
        fatal("HTTP/1.0 without a length", post(""), BAD_HTTP),
        fatal("HTTP/1.0 in chunks", post("Transfer-Encoding: chunked\r\n"), BAD_HTTP),
        fatal("HTTP/0.9", "GET /livez\r\n\r\n", BAD_HTTP),
        fatal("HTTP/2.0", get("HTTP/2.0"), BAD_HTTP),
        fatal("HTTP/1.10", get("HTTP/1.10"), BAD_HTTP),
        fatal("another protocol", get("GOPHER/1.1"), BAD_HTTP),
    ]
}

fn pipelines() -> Vec<Case> {
    let (fine, nowhere) = (get("/livez"), get("/nowhere"));
    let refused = post(JSON, b"{}");
    let smuggled =
        framed("Content-Length: 0\r\n", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    vec![
        fatal(
            "nonsense after two requests",
            [&*fine, &*nowhere, b"nonsense\r\n\r\n"].concat(),
            &[(200, ""), (404, "not_found"), (400, "bad_http")],
        ),
        fatal(
            "nonsense after a refusal",
            [&*refused, b"\x16\x03\x01\r\n\r\n"].concat(),
            &[(422, "invalid_events"), (400, "bad_http")],
        ),
        fatal(
            "40 at once",
            [refused.repeat(40), b"\0\r\n\r\n".to_vec()].concat(),
            &[vec![(422, "invalid_events"); 40], vec![(400, "bad_http")]].concat(),
        ),
        // It is the next request, for every reader.
        fatal(
            "a request behind an empty body",
            [&*smuggled, b"\0\r\n\r\n"].concat(),
            &[(422, "invalid_events"), (200, ""), (400, "bad_http")],
        ),
    ]
}
