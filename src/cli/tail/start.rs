//! Where a subscription begins, as the command line writes it and as the protocol does.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::core::event::{Position, rfc3339};

/// A place to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// What comes from now on.
    Now,
    /// All after this position.
    After(Position),
    /// The newest n matching events, then what comes; 1 to 1000.
    Last(u16),
    /// What was committed at this time or later.
    Time(DateTime<Utc>),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(n) = text.strip_prefix("last=") {
            return match n.parse() {
                Ok(n @ 1..=1000) => Ok(Self::Last(n)),
                _ => Err("last=N takes 1 to 1000".into()),
            };
        }
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(time.to_utc()));
        }
        position(text)
            .map(Self::After)
            .ok_or_else(|| "one of: now, last=N, EPOCH.SEQ, an RFC 3339 time".into())
    }
}

impl Start {
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

fn position(text: &str) -> Option<Position> {
    let (epoch, seq) = text.split_once('.')?;
    Some(Position { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_command_line_has_one_in_the_protocol() {
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
        for (text, from) in cases {
            assert_eq!(text.parse::<Start>().unwrap().to_json(), from, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "yesterday", "last=0", "last=1001", "9.12", "2026-01-02"] {
            assert!(text.parse::<Start>().is_err(), "{text}");
        }
    }
}
