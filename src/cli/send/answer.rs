//! What the router's answer means for the events that were sent, and for what comes next.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::cli::{client, reply::Reply, tail::line::visible};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// Its events are stored.
    Accepted(T),
    /// Not now: the same again after a while, and not before `after`.
    Later {
        /// What the router asks for.
        after: Option<Duration>,
        /// What it said.
        reason: String,
    },
    /// More than one request may have: nothing is stored, in parts it may go.
    TooLarge(String),
    /// Events are at fault: nothing is stored.
    Faulty(Vec<Fault>),
    /// No, and it would be no again.
    Refused(String),
}

/// The answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Stored {
    /// The epoch of its positions.
    pub epoch: Uuid,
    /// Events that are new.
    pub accepted: u64,
    /// Events whose ids are stored already.
    pub duplicates: u64,
    /// Duplicates that say something else than what is stored.
    #[serde(default)]
    pub differs: u64,
    /// The first new one.
    pub first_seq: Option<u64>,
    /// The last new one.
    pub last_seq: Option<u64>,
}

/// The answer to an event that was sent alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Place {
    /// The event's id.
    pub id: Uuid,
    /// With `seq`, its position.
    pub epoch: Uuid,
    /// With `epoch`, its position.
    pub seq: u64,
    /// Whether it was stored before.
    pub duplicate: bool,
    /// Whether what is stored says something else.
    #[serde(default)]
    pub differs: bool,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which event of the request, from 0, and where in it; for an event sent alone just where.
    pointer: String,
    detail: String,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    errors: Vec<Error>,
}

#[derive(Deserialize)]
struct Error {
    pointer: String,
    code: String,
    detail: String,
}

/// Reads an answer.
#[must_use]
pub fn read<T: DeserializeOwned>(Reply { status, after, body }: &Reply) -> Answer<T> {
    let (status, after) = (*status, *after);
    let reason = visible(&client::answer(status, body));
    match status.as_u16() {
        202 => match serde_json::from_slice(body) {
            Ok(stored) => Answer::Accepted(stored),
            Err(error) => Answer::Refused(format!("its answer cannot be read: {error}")),
        },
        // Some of them are said by what stands between.
        408 | 429 | 502 | 503 | 504 => Answer::Later { after, reason },
        413 => Answer::TooLarge(reason),
        422 => match serde_json::from_slice::<Problem>(body) {
            Ok(problem) if problem.errors.iter().any(|error| error.code == "too_many_events") => {
                Answer::TooLarge(reason)
            }
            Ok(problem) if problem.code == "invalid_events" => {
                Answer::Faulty(problem.errors.into_iter().map(Fault::from).collect())
            }
            _ => Answer::Refused(reason),
        },
        _ => Answer::Refused(reason),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let detail = match &*error.code {
            // Counts the bytes of a body that only the program has seen.
            "not_utf8" => "not UTF-8".to_owned(),
            _ => visible(&error.detail),
        };
        Self { pointer: error.pointer, detail }
    }
}

impl Fault {
    /// Which event of a batch it is, from 0.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.split().map(|(index, _)| index)
    }

    /// The fault of an event of a batch, by its line in the input.
    #[must_use]
    pub fn at_line(&self, line: u64) -> String {
        let Some((index, within)) = self.split() else { return self.to_string() };
        // The line of the batch is not the line of the input.
        let detail =
            self.detail.replacen(&format!(" at line {}, column", index + 1), " at column", 1);
        format!("line {line}: {}", placed(within, &detail))
    }

    fn split(&self) -> Option<(usize, &str)> {
        let rest = self.pointer.strip_prefix('/')?;
        let (index, _) = rest.split_once('/').unwrap_or((rest, ""));
        Some((index.parse().ok()?, rest.get(index.len()..)?))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&placed(&self.pointer, &self.detail))
    }
}

/// A detail, with the pointer to what it is about unless that is all.
fn placed(pointer: &str, detail: &str) -> String {
    if pointer.is_empty() { detail.into() } else { format!("{} {detail}", visible(pointer)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, after: Option<u64>, body: &Value) -> Answer<Stored> {
        let (status, after) = (status.try_into().unwrap(), after.map(Duration::from_secs));
        read(&Reply { status, after, body: body.to_string().into() })
    }

    fn invalid(errors: &[[&str; 3]]) -> Vec<Fault> {
        let errors: Vec<_> = errors
            .iter()
            .map(|[pointer, code, detail]| json!({"pointer": pointer, "code": code, "detail": detail}))
            .collect();
        let body = json!({"code": "invalid_events", "detail": "wrong", "errors": errors});
        match answer(422, None, &body) {
            Answer::Faulty(faults) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_batch_that_is_stored_tells_its_place() {
        let (epoch, seq) = (Uuid::from_u128(9), Some(4));
        let body = json!({
            "epoch": epoch, "accepted": 1, "duplicates": 2, "rejected": [],
            "first_seq": 4, "last_seq": 4,
        });
        let stored =
            Stored { epoch, accepted: 1, duplicates: 2, differs: 0, first_seq: seq, last_seq: seq };
        assert_eq!(answer(202, None, &body), Answer::Accepted(stored));
        assert!(matches!(answer(202, None, &json!({})), Answer::Refused(_)));
    }

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_not() {
        let later = |status, asked| match answer(status, asked, &json!({"detail": "busy"})) {
            Answer::Later { after, .. } => Some(after.map_or(0, |after| after.as_secs())),
            _ => None,
        };
        assert_eq!(later(429, Some(7)), Some(7));
        for status in [408, 502, 504] {
            assert_eq!(later(status, None), Some(0), "{status}");
        }
        for status in [200, 400, 401, 404, 415, 422, 500] {
            assert_eq!(later(status, None), None, "{status}");
        }
    }

    #[test]
    fn what_is_too_large_for_one_request_can_go_in_parts() {
        assert!(matches!(answer(413, None, &json!({})), Answer::TooLarge(_)));
        let errors = json!([{"pointer": "", "code": "too_many_events", "detail": "more than 5"}]);
        let many = json!({"code": "invalid_events", "detail": "", "errors": errors});
        assert!(matches!(answer(422, None, &many), Answer::TooLarge(_)));
    }

    #[test]
    fn a_fault_is_named_by_its_line() {
        let faults = invalid(&[
            ["/3/event_type", "required", "is required"],
            ["/11", "syntax", "not valid JSON at line 12, column 5: expected value"],
            ["/0", "not_utf8", "byte 77 of the body is not UTF-8"],
            ["/2/da\u{1b}ta", "unknown_field", "no such field"],
        ]);
        let indexes: Vec<_> = faults.iter().map(Fault::index).collect();
        assert_eq!(indexes, [Some(3), Some(11), Some(0), Some(2)]);
        let named: Vec<_> = faults.iter().map(|fault| fault.at_line(70)).collect();
        assert_eq!(
            named,
            [
                "line 70: /event_type is required",
                "line 70: not valid JSON at column 5: expected value",
                "line 70: not UTF-8",
                r"line 70: /da\u{1b}ta no such field",
            ]
        );
        let alone = invalid(&[["/source", "length", "must not be empty"]]);
        assert_eq!((alone[0].index(), &*alone[0].to_string()), (None, "/source must not be empty"));
    }
}
