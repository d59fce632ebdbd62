//! Case 7: who closes hears its own code, once, and nothing is heard after it.

use super::{
    BAD_UTF8, FIRST_TEXT, LAST, OK, PROTOCOL_ERROR, bad_json, broken, close, router, run, text,
};
use crate::support::wire::{CLOSE, PING, masked};

#[tokio::test]
async fn case_7_1_what_comes_after_a_close_is_not_heard() {
    let hello = text(b"Hello, world!");
    let ping = masked(PING, b"");
    let cases = vec![
        broken("7.1.1", vec![hello.clone(), close(OK, b"")], vec![bad_json()], OK),
        broken("7.1.2", vec![close(OK, b""), close(OK, b"")], vec![], OK),
        broken("7.1.3", vec![close(OK, b""), ping.clone()], vec![], OK),
        broken("7.1.4", vec![close(OK, b""), hello.clone()], vec![], OK),
        broken(
            "7.1.5",
            vec![masked(FIRST_TEXT, b"fragment1"), close(OK, b""), masked(LAST, b"fragment2")],
            vec![],
            OK,
        ),
        broken(
            "7.1.6",
            vec![text(&vec![b'*'; 256 << 10]), hello, close(OK, b""), ping],
            vec![bad_json(), bad_json()],
            OK,
        ),
    ];
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_7_3_and_7_5_payloads_of_close_frames() {
    let payload = |payload: &[u8]| vec![masked(CLOSE, payload)];
    let bad_reason = "\u{3ba}\u{1f79}\u{3c3}".as_bytes();
    let cases = vec![
        broken("7.3.1", payload(b""), vec![], OK),
        broken("7.3.2", payload(b"a"), vec![], PROTOCOL_ERROR),
        broken("7.3.3", payload(&OK.to_be_bytes()), vec![], OK),
        broken("7.3.4", vec![close(OK, b"Hello World!")], vec![], OK),
        broken("7.3.5", vec![close(OK, &[b'*'; 123])], vec![], OK),
        broken("7.3.6", vec![close(OK, &[b'*'; 124])], vec![], PROTOCOL_ERROR),
        broken(
            "7.5.1",
            vec![close(OK, &[bad_reason, b"\xed\xa0\x80edited"].concat())],
            vec![],
            BAD_UTF8,
        ),
        broken("7.5.1, cut", vec![close(OK, &bad_reason[..1])], vec![], BAD_UTF8),
    ];
    run(&router(), cases).await;
}

#[tokio::test]
async fn case_7_7_to_7_13_codes_of_close_frames() {
    let mut cases = Vec::new();
    // 1012 to 1014 were registered since.
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        cases.push(broken(format!("7.7: {code}"), vec![close(code, b"")], vec![], code));
        let reason = vec![close(code, b"why")];
        cases.push(broken(format!("7.7: {code} with a reason"), reason, vec![], code));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        cases.push(broken(format!("7.9: {code}"), vec![close(code, b"")], vec![], PROTOCOL_ERROR));
    }
    run(&router(), cases).await;
}
