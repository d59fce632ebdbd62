//! What begins and does not go on: nobody waits for it longer than the settings say.

use super::{Case, JSON, fatal, post};

pub(super) fn cases() -> Vec<Case> {
    let get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let half = |bytes: &[u8]| bytes[..bytes.len() - 1].to_vec();
    let whole = post(JSON, b"{}");
    let continued = post(&format!("{JSON}Expect: 100-continue\r\n"), b"");
    let continued = String::from_utf8(continued).unwrap().replace("Length: 0", "Length: 2");
    vec![
        fatal("silence", "", &[]),
        fatal("half a line", "GET /livez HT", &[(408, "head_timeout")]),
        fatal("half a head", half(get.as_bytes()), &[(408, "head_timeout")]),
        fatal("a request, and silence", get, &[(200, "")]),
        fatal("a request, and half a line", format!("{get}GET /livez HT"), &[(200, "")]),
        fatal("half a body", half(&whole), &[(408, "body_timeout")]),
        fatal(
            "a head without its body",
            whole[..whole.len() - 2].to_vec(),
            &[(408, "body_timeout")],
        ),
        fatal("no body after 100", continued, &[(100, ""), (408, "body_timeout")]),
    ]
}
