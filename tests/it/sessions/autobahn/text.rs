//! Case 6: text that is UTF-8, text that is not, and how soon that is said.

use super::{
    BAD_UTF8, Case, FIRST_TEXT, LAST, NEXT, bad_json, broken, fine, in_parts, router, run, text,
};
use crate::support::wire::masked;

const KOSME: &[u8] = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}".as_bytes();
const GREETING: &[u8] = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!".as_bytes();

fn valid(name: impl Into<String>, frames: Vec<Vec<u8>>) -> Case {
    fine(name, frames, vec![bad_json()])
}

fn invalid(name: impl Into<String>, frames: Vec<Vec<u8>>) -> Case {
    broken(name, frames, vec![], BAD_UTF8)
}

#[tokio::test]
async fn case_6_fragments_of_text() {
    let octets = |text: &'static [u8]| in_parts(text.chunks(1));
    let bad = [KOSME, b"\xed\xa0\x80", b"edited"].concat();
    let (before, after) = GREETING.split_at(8);
    let cases = vec![
        valid("6.1.1", vec![text(b"")]),
        valid("6.1.2", in_parts([b""; 3])),
        valid("6.1.3", in_parts([&b""[..], b"middle frame payload", b""])),
        valid("6.2.1", vec![text(GREETING)]),
        valid("6.2.2", in_parts([before, after])),
        valid("6.2.3", octets(GREETING)),
        valid("6.2.4", octets(KOSME)),
        invalid("6.3.1", vec![text(&bad)]),
        invalid("6.3.2", in_parts(bad.chunks(1))),
    ];
    run(&router(), cases).await;
}

/// The rest of the message never comes: the router does not wait for it.
#[tokio::test]
async fn case_6_4_what_cannot_be_utf8_is_not_waited_for() {
    let first = masked(FIRST_TEXT, KOSME);
    let cases = vec![
        invalid("6.4.1", vec![first.clone(), masked(NEXT, b"\xf4\x90\x80\x80")]),
        invalid(
            "6.4.2",
            vec![masked(FIRST_TEXT, &[KOSME, b"\xf4"].concat()), masked(NEXT, b"\x90")],
        ),
        // In one frame (6.4.3, 6.4.4) it is seen when the frame is whole, which the testsuite allows.
        invalid("6.4.3, 6.4.4", vec![masked(FIRST_TEXT, &[KOSME, b"\xf4\x90"].concat())]),
        invalid("a character that is cut by the end", vec![first, masked(LAST, b"\xf4")]),
    ];
    run(&router(), cases).await;
}

/// The sequences of Markus Kuhn's stress test, by the numbers of the testsuite.
const VALID: &[(&str, &[&[u8]])] = &[
    (
        "6.5",
        &[
            b"hello$world",
            b"hello\xc2\xa2world",
            b"hello\xe2\x82\xacworld",
            b"hello\xf0\xa4\xad\xa2world",
            KOSME,
        ],
    ),
    ("6.7", &[b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]),
    ("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]),
    ("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]),
    ("6.22", &[b"\xef\xbf\xbe", b"\xef\xbf\xbf", b"\xf0\x9f\xbf\xbe", b"\xf4\x8f\xbf\xbe"]),
    (
        "6.23",
        &[b"\xef\xbf\xb9", b"\xef\xbf\xba", b"\xef\xbf\xbb", b"\xef\xbf\xbc", b"\xef\xbf\xbd"],
    ),
];

const INVALID: &[(&str, &[&[u8]])] = &[
    ("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]),
    ("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]),
    ("6.11", &[b"\xf4\x90\x80\x80"]),
    ("6.12", &[b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf\x80\xbf"]),
    ("6.13", &[b"\xc0 \xc1 \xc2 ", b"\xe0 \xe1 ", b"\xf0 \xf1 ", b"\xf8 \xf9 ", b"\xfc "]),
    (
        "6.14",
        &[
            b"\xc0",
            b"\xe0\x80",
            b"\xf0\x80\x80",
            b"\xf8\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80",
            b"\xdf",
            b"\xef\xbf",
            b"\xf7\xbf\xbf",
            b"\xfb\xbf\xbf\xbf",
            b"\xfd\xbf\xbf\xbf\xbf",
        ],
    ),
    ("6.15", &[b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf"]),
    ("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]),
    ("6.17", &[b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf"]),
    ("6.18", &[b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf"]),
    ("6.19", &[b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80"]),
    (
        "6.20",
        &[
            b"\xed\xa0\x80",
            b"\xed\xad\xbf",
            b"\xed\xae\x80",
            b"\xed\xaf\xbf",
            b"\xed\xb0\x80",
            b"\xed\xbe\x80",
            b"\xed\xbf\xbf",
        ],
    ),
    (
        "6.21",
        &[
            b"\xed\xa0\x80\xed\xb0\x80",
            b"\xed\xa0\x80\xed\xbf\xbf",
            b"\xed\xad\xbf\xed\xb0\x80",
            b"\xed\xaf\xbf\xed\xbf\xbf",
        ],
    ),
];

#[tokio::test]
async fn case_6_sequences_that_are_utf8() {
    let mut cases = Vec::new();
    for (name, sequences) in VALID {
        for bytes in *sequences {
            let name = format!("{name}: {}", bytes.escape_ascii());
            cases.push(valid(&*name, vec![text(bytes)]));
            cases.push(valid(name, in_parts(bytes.chunks(1))));
        }
    }
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_6_sequences_that_are_not_utf8() {
    let mut cases = Vec::new();
    for (name, sequences) in INVALID {
        for bytes in *sequences {
            let name = format!("{name}: {}", bytes.escape_ascii());
            cases.push(invalid(&*name, vec![text(bytes)]));
            cases.push(invalid(name, in_parts(bytes.chunks(1))));
        }
    }
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_6_6_every_beginning_of_a_text() {
    let ends: Vec<_> = (1..=KOSME.len()).collect();
    let cases = ends.into_iter().map(|end| {
        let (name, start) = (format!("6.6.{end}"), &KOSME[..end]);
        let is_whole = [2, 5, 7, 9, 11].contains(&end);
        if is_whole { valid(name, vec![text(start)]) } else { invalid(name, vec![text(start)]) }
    });
    run(&router(), cases.collect()).await;
}
