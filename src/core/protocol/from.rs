//! Where a subscription begins: as a member of a `subscribe` frame, and as one word, for query
//! parameters and command lines.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::core::event::{Position, Seq, rfc3339};

/// Most events that `from: {"last": n}` may ask for.
pub const MAX_LAST: usize = 1000;

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "FromWire")]
pub enum From {
    /// What is committed from now on.
    #[default]
    Now,
    /// All after a position.
    After(Position),
    /// The newest n matching events first; 1 to [`MAX_LAST`].
    Last(usize),
    /// What was committed at this time or later.
    Time(DateTime<Utc>),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`from` is \"now\", {\"epoch\",\"seq\"}, {\"last\"} or {\"time\"}")]
enum FromWire {
    Word(String),
    Place(FromPlace),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromPlace {
    epoch: Option<Uuid>,
    seq: Option<Seq>,
    last: Option<usize>,
    time: Option<DateTime<Utc>>,
}

/// What `from` may be, for error texts.
const FROM: &str = r#""now", {"epoch","seq"}, {"last": 1 to 1000} or {"time": RFC 3339}"#;

impl TryFrom<FromWire> for From {
    type Error = String;

    fn try_from(wire: FromWire) -> Result<Self, String> {
        match wire {
            FromWire::Word(word) if word == "now" => Ok(Self::Now),
            FromWire::Place(FromPlace {
                epoch: Some(epoch),
                seq: Some(seq),
                last: None,
                time: None,
            }) => Ok(Self::After(Position { epoch, seq })),
            FromWire::Place(FromPlace { epoch: None, seq: None, last: Some(n), time: None })
                if (1..=MAX_LAST).contains(&n) =>
            {
                Ok(Self::Last(n))
            }
            FromWire::Place(FromPlace { epoch: None, seq: None, last: None, time: Some(time) }) => {
                Ok(Self::Time(time))
            }
            _ => Err(format!("`from` is {FROM}")),
        }
    }
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(n) = text.strip_prefix("last=") {
            let n = n.parse().ok().filter(|n| (1..=MAX_LAST).contains(n));
            return n.map(Self::Last).ok_or_else(|| format!("last=N takes 1 to {MAX_LAST}"));
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(time.to_utc()));
        }
        let place = text.parse::<Position>().ok().map(Self::After);
        place.ok_or_else(|| "one of: now, last=N, EPOCH.SEQ, an RFC 3339 time".into())
    }
}

impl From {
    /// The `from` of a `subscribe` frame.
    #[must_use]
    pub fn to_json(self) -> Value {
        match self {
            Self::Now => json!("now"),
            Self::After(position) => json!(position),
            Self::Last(n) => json!({ "last": n }),
            Self::Time(time) => json!({ "time": rfc3339(time) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_member_that_means_the_same() {
        let epoch = "00000000-0000-0000-0000-000000000009";
        let cases = [
            ("now".to_owned(), json!("now")),
            ("last=1000".to_owned(), json!({"last": 1000})),
            (format!("{epoch}.12"), json!({"epoch": epoch, "seq": 12})),
            (
                "2026-01-02T03:04:05+01:00".to_owned(),
                json!({"time": "2026-01-02T02:04:05.000000Z"}),
            ),
        ];
        for (text, json) in cases {
            let from = text.parse::<From>().unwrap();
            assert_eq!(from.to_json(), json, "{text}");
            assert_eq!(serde_json::from_value::<From>(json).unwrap(), from, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "yesterday", "last=0", "last=1001", "9.12", "2026-01-02"] {
            assert!(text.parse::<From>().is_err(), "{text}");
        }
    }
}
