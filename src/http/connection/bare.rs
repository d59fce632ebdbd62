//! Answers to what is no request: nothing of the app ever sees it, so the server below answers with
//! a status and no body. Here it gets the body that every other error has.

use bytes::Bytes;
use chrono::Utc;

use crate::http::problem::{Code, Problem};

/// Longest head that the server writes by itself, and more.
const LONGEST: usize = 512;
/// How such a head and its answer end.
const END: &[u8] = b"\r\n\r\n";

/// The head of a request did not come in time.
pub(super) fn head_timeout() -> Problem {
    let detail = "the head of the request did not arrive in time";
    Problem::new(Code::HeadTimeout, detail)
}

/// What to write instead of `bytes`, if they end with an answer that has no body and must have one.
/// It is the last of its connection, so nothing follows it.
pub(super) fn complete(bytes: &[u8]) -> Option<Bytes> {
    if !bytes.ends_with(END) {
        return None;
    }
    let end = bytes.get(bytes.len().saturating_sub(LONGEST)..)?;
    let start = end.windows(7).rposition(|seven| seven == b"HTTP/1.")?;
    let head = std::str::from_utf8(end.get(start..)?).ok()?.to_ascii_lowercase();
    let problem =
        problem(head.get(9..12)?).filter(|_| head.contains("\r\ncontent-length: 0\r\n"))?;
    let before = bytes.len() - (end.len() - start);
    Some([bytes.get(..before)?, &answer(&problem)].concat().into())
}

fn problem(status: &str) -> Option<Problem> {
    match status {
        "400" => {
            let detail = "this is not HTTP/1.1 as RFC 9112 has it, or the start of something else";
            Some(Problem::new(Code::BadHttp, detail))
        }
        "431" => {
            let detail = "the head of a request may have 128 KiB and 96 fields";
            Some(Problem::new(Code::HeadTooLarge, detail))
        }
        _ => None,
    }
}

/// The whole answer, after which the connection ends.
pub(super) fn answer(problem: &Problem) -> Bytes {
    let status = problem.code().status();
    let body = serde_json::to_string(problem.body()).unwrap_or_default();
    let date = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT");
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\n\
         connection: close\r\ndate: {date}\r\n\r\n{body}"
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";

    fn completed(answer: &str) -> Option<String> {
        complete(answer.as_bytes()).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn an_answer_without_a_body_gets_one() {
        for (status, code) in [
            ("400 Bad Request", "bad_http"),
            ("431 Request Header Fields Too Large", "head_too_large"),
        ] {
            let answer = completed(&BARE.replace("400 Bad Request", status)).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{answer}");
            assert!(head.contains("\r\nconnection: close\r\n"), "{answer}");
            assert!(body.contains(&format!("\"code\":\"{code}\"")), "{answer}");
        }
        let before = format!("HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n{}", "x".repeat(600));
        let answer = completed(&(before.clone() + BARE)).unwrap();
        assert!(answer.starts_with(&(before + "HTTP/1.1 400 ")), "{answer}");
    }

    #[test]
    fn every_other_answer_is_left_alone() {
        for answer in [
            "",
            "\r\n\r\n",
            "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 9\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 9\r\n\r\n{\"a\":\"b\"}",
            &format!("{BARE}x"),
        ] {
            assert_eq!(completed(answer), None, "{answer}");
        }
    }
}
