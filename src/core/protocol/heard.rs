//! The frames a router sends, as a reader needs them. Knows nothing of sockets.

use std::{borrow::Cow, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::core::event::{Position, Seq};

/// A frame of the session protocol.
#[derive(Debug)]
pub enum Frame<'a> {
    /// The first one.
    Welcome(Welcome),
    /// The answer to `subscribe`.
    Subscribed(Subscribed),
    /// An event, as it came.
    Event(&'a RawValue),
    /// Events that will not come.
    Gap(Gap<'a>),
    /// Something we said was wrong.
    Error(Fault<'a>),
    /// The session ends.
    Bye(Bye<'a>),
    /// The answer to `ping`.
    Pong,
    /// `switch`, or one of a later version: nothing to do.
    Other,
}

/// See [`Frame::Welcome`].
#[derive(Debug, Deserialize)]
pub struct Welcome {
    heartbeat_ms: u64,
}

impl Welcome {
    /// The connection is dead when nothing was heard for so long: two heartbeats and the time that
    /// the router itself gives a pong.
    #[must_use]
    pub fn silence(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.saturating_mul(2)) + Duration::from_secs(10)
    }
}

/// See [`Frame::Subscribed`].
#[derive(Debug, Deserialize)]
pub struct Subscribed {
    /// The place that the events follow.
    #[serde(flatten)]
    pub position: Position,
    /// Whether everything after the place that was asked for will come.
    #[serde(default)]
    pub recovered: bool,
}

/// See [`Frame::Gap`].
#[derive(Debug, Deserialize)]
pub struct Gap<'a> {
    /// The first that is missing.
    pub from_seq: Seq,
    /// The last that is missing.
    pub to_seq: Seq,
    /// Why.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
}

/// See [`Frame::Error`].
#[derive(Debug, Deserialize)]
pub struct Fault<'a> {
    /// What kind of wrong.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// What to do about it.
    #[serde(borrow)]
    pub detail: Cow<'a, str>,
}

/// See [`Frame::Bye`].
#[derive(Debug, Deserialize)]
pub struct Bye<'a> {
    /// Why.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// When to come back, in milliseconds.
    #[serde(default)]
    pub reconnect_after_ms: u64,
}

/// What a reader shows of an event.
#[derive(Debug, Deserialize)]
pub struct Shown<'a> {
    /// Its journal.
    pub epoch: Uuid,
    /// Its place there.
    pub seq: Seq,
    /// RFC 3339, UTC.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// One of five names.
    #[serde(borrow)]
    pub category: Cow<'a, str>,
    /// Who sent it.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// What it is.
    #[serde(borrow)]
    pub event_type: Cow<'a, str>,
    /// As it came, without white space.
    #[serde(borrow)]
    pub data: &'a RawValue,
}

/// Reads a text frame.
///
/// # Errors
/// When it is not a frame of the protocol.
pub fn parse(text: &str) -> Result<Frame<'_>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(borrow)]
        event: Option<&'a RawValue>,
    }
    let tagged: Tagged<'_> = serde_json::from_str(text)?;
    Ok(match (tagged.kind.as_ref(), tagged.event) {
        ("event", Some(event)) => Frame::Event(event),
        ("welcome", _) => Frame::Welcome(serde_json::from_str(text)?),
        ("subscribed", _) => Frame::Subscribed(serde_json::from_str(text)?),
        ("gap", _) => Frame::Gap(serde_json::from_str(text)?),
        ("error", _) => Frame::Error(serde_json::from_str(text)?),
        ("bye", _) => Frame::Bye(serde_json::from_str(text)?),
        ("pong", _) => Frame::Pong,
        _ => Frame::Other,
    })
}

/// The place of an event.
#[must_use]
pub fn seq(event: &RawValue) -> Option<Seq> {
    #[derive(Deserialize)]
    struct Placed {
        seq: Seq,
    }
    serde_json::from_str(event.get()).ok().map(|Placed { seq }| seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_kept_as_it_came() {
        let text = r#"{"type":"event","event":{"seq":3,"data":{"n":1.50}}}"#;
        let Ok(Frame::Event(event)) = parse(text) else { panic!("{text}") };
        assert_eq!(event.get(), r#"{"seq":3,"data":{"n":1.50}}"#);
    }

    #[test]
    fn a_subscription_tells_its_position() {
        let text = r#"{"epoch":"00000000-0000-0000-0000-000000000009","recovered":true,"seq":12,"type":"subscribed"}"#;
        let Ok(Frame::Subscribed(subscribed)) = parse(text) else { panic!("{text}") };
        assert_eq!(subscribed.position, Position { epoch: Uuid::from_u128(9), seq: 12 });
        assert!(subscribed.recovered);
        assert!(matches!(parse(r#"{"type":"pong"}"#), Ok(Frame::Pong)));
    }

    #[test]
    fn escaped_text_is_read_and_a_frame_of_a_later_version_is_passed_over() {
        let text =
            r#"{"type":"error","code":"bad_filter","detail":"\"a\" is not a glob","more":1}"#;
        let Ok(Frame::Error(fault)) = parse(text) else { panic!("{text}") };
        assert_eq!(fault.detail, "\"a\" is not a glob");
        assert!(matches!(parse(r#"{"type":"poem","lines":3}"#), Ok(Frame::Other)));
        assert!(parse(r#"{"type":"gap","from_seq":"x"}"#).is_err());
        assert!(parse("[]").is_err());
    }
}
