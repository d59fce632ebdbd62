//! Cases 2 to 5: pings and pongs, reserved bits and opcodes, fragments.

use super::{
    FIRST_TEXT, LAST, NEXT, PROTOCOL_ERROR, Said, TOO_LARGE, bad_json, broken, fine, in_parts,
    router, run, text,
};
use crate::support::wire::{BINARY, CLOSE, PING, PONG, masked, masked_head};

fn pong(payload: &[u8]) -> Said {
    Said::Pong(payload.to_vec())
}

#[tokio::test]
async fn case_2_pings_and_pongs() {
    let mut cases = Vec::new();
    let payloads: [&[u8]; 4] =
        [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", &[0xfe; 125]];
    for (n, payload) in (1..).zip(payloads) {
        cases.push(fine(format!("2.{n}"), vec![masked(PING, payload)], vec![pong(payload)]));
    }
    cases.push(broken("2.5", vec![masked(PING, &[0xfe; 126])], vec![], PROTOCOL_ERROR));
    // 2.6 is 2.4 octet by octet.
    cases.push(fine("2.7", vec![masked(PONG, b"")], vec![]));
    cases.push(fine("2.8", vec![masked(PONG, b"unsolicited")], vec![]));
    let both = vec![masked(PONG, b"unsolicited"), masked(PING, b"asked")];
    cases.push(fine("2.9", both, vec![pong(b"asked")]));
    // 2.11 is 2.10 octet by octet.
    let names: Vec<_> = (0..10).map(|n| format!("payload-{n}").into_bytes()).collect();
    let pings = names.iter().map(|name| masked(PING, name)).collect();
    cases.push(fine("2.10", pings, names.iter().map(|name| pong(name)).collect()));
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_3_reserved_bits() {
    let rsv = |bits: u8, first: u8| masked(first | bits << 4, b"Hello, world!");
    let hello = text(b"Hello, world!");
    let ping = masked(PING, b"");
    let mut cases = vec![broken("3.1", vec![rsv(1, 0x81)], vec![], PROTOCOL_ERROR)];
    for bits in 2..=4 {
        let frames = vec![hello.clone(), rsv(bits, 0x81), ping.clone()];
        cases.push(broken(format!("3.{bits}"), frames, vec![bad_json()], PROTOCOL_ERROR));
    }
    for (bits, first) in [(5, BINARY), (6, PING), (7, CLOSE)] {
        let frames = vec![rsv(bits, first)];
        cases.push(broken(format!("3.{bits}"), frames, vec![], PROTOCOL_ERROR));
    }
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_4_reserved_opcodes() {
    let mut cases = Vec::new();
    for (group, opcodes) in [(1, 3..=7), (2, 11..=15)] {
        for (n, opcode) in (1..).zip(opcodes) {
            for payload in [&b""[..], b"reserved"] {
                let reserved = masked(0x80 | opcode, payload);
                let name = format!("4.{group}.{n} with {payload:?}");
                let alone = vec![reserved.clone(), masked(PING, b"")];
                cases.push(broken(&*name, alone, vec![], PROTOCOL_ERROR));
                let after = vec![text(b"Hello, world!"), reserved, masked(PING, b"")];
                cases.push(broken(name, after, vec![bad_json()], PROTOCOL_ERROR));
            }
        }
    }
    run(&router(), cases).await;
}

fn part(first: u8, n: u8) -> Vec<u8> {
    masked(first, format!("fragment{n}").as_bytes())
}

#[tokio::test]
async fn case_5_fragments_become_one_message() {
    let ping = |payload: &[u8]| masked(PING, payload);
    let cases = vec![
        fine("5.3, 5.4, 5.5", vec![part(FIRST_TEXT, 1), part(LAST, 2)], vec![bad_json()]),
        fine(
            "5.6, 5.7, 5.8",
            vec![part(FIRST_TEXT, 1), ping(b"between"), part(LAST, 2)],
            vec![pong(b"between"), bad_json()],
        ),
        fine(
            "5.19, 5.20",
            vec![
                part(FIRST_TEXT, 1),
                part(NEXT, 2),
                ping(b"one"),
                part(NEXT, 3),
                part(NEXT, 4),
                ping(b"two"),
                part(LAST, 5),
            ],
            vec![pong(b"one"), pong(b"two"), bad_json()],
        ),
        fine(
            "understood",
            [in_parts([&b"{\"type\""[..], b"", b":\"ping\"}"]), vec![ping(b"")]].concat(),
            vec![Said::JsonPong, pong(b"")],
        ),
    ];
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_5_fragments_of_nothing_and_messages_in_messages() {
    let control = |first: u8| vec![masked(first, b"a"), part(LAST, 2)];
    let refused = |name: &str, frames| broken(name, frames, vec![], PROTOCOL_ERROR);
    let cases = vec![
        refused("5.1", control(0x09)),
        refused("5.2", control(0x0a)),
        refused("a close in fragments", control(0x08)),
        refused("5.9, 5.10, 5.11", vec![part(LAST, 1), text(b"x")]),
        refused("5.12, 5.13, 5.14", vec![part(NEXT, 1), text(b"x")]),
        broken(
            "5.15",
            vec![part(FIRST_TEXT, 1), part(LAST, 2), part(NEXT, 3), text(b"x")],
            vec![bad_json()],
            PROTOCOL_ERROR,
        ),
        refused("5.16", vec![part(NEXT, 1), part(FIRST_TEXT, 2), part(LAST, 3)]),
        refused("5.17", vec![part(LAST, 1), part(FIRST_TEXT, 2), part(LAST, 3)]),
        refused("5.18", vec![part(FIRST_TEXT, 1), text(b"fragment2")]),
        refused("5.18, binary", vec![part(0x02, 1), part(BINARY, 2)]),
    ];
    run(&router(), cases).await;
}

#[tokio::test]
async fn what_is_no_frame_of_a_client_or_beyond_all_bounds_ends_the_session() {
    let unmasked = vec![vec![0x81, 2, b'{', b'}']];
    let huge = vec![masked(0x81, &vec![b' '; 1 << 21])];
    let announced = vec![masked_head(BINARY, 1 << 40)];
    let cases = vec![
        broken("unmasked", unmasked, vec![], PROTOCOL_ERROR),
        broken("a length beyond 63 bits", vec![masked_head(BINARY, usize::MAX)], vec![], TOO_LARGE),
        broken("huge", huge, vec![], TOO_LARGE),
        broken("huge, announced only", announced, vec![], TOO_LARGE),
        fine(
            "too large, but not huge",
            vec![text(&vec![b' '; 300 << 10])],
            vec![Said::Error("too_large".into())],
        ),
        fine(
            "too large in fragments",
            vec![
                masked(FIRST_TEXT, &vec![b' '; 200 << 10]),
                masked(NEXT, &vec![b' '; 200 << 10]),
                masked(LAST, b""),
            ],
            vec![Said::Error("too_large".into())],
        ),
    ];
    run(&router(), cases).await;
}
