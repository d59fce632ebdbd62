//! What clients of the session protocol `signalbox.v1.json` may say ([`parse`]), what the router says
//! to any session ([`ServerFrame`]) and in which bytes ([`Form`]), and why a session ends
//! ([`CloseReason`]).

mod codes;
mod form;
mod frames;
mod from;
pub mod heard;
pub mod legacy;
mod meanings;
pub mod session;
pub mod sse;
mod websocket;

pub use self::{
    codes::{CloseReason, ErrorCode},
    form::Form,
    frames::{Gap, GapReason, ServerFrame, Switch},
    from::{From, MAX_LAST},
    websocket::{Opcode, close_frame, close_frame_of, control_frame, frame_head, text_frame},
};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "signalbox.v1.json";

/// The `type` of every frame that a client may send.
pub const CLIENT_FRAMES: [&str; 2] = ["subscribe", "ping"];

/// What a client may say.
#[derive(Debug)]
pub enum ClientFrame {
    /// Begin to receive events, or begin anew: a second one replaces the first.
    Subscribe(Subscribe),
    /// Answered with `pong`.
    Ping,
}

/// What a subscription asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    #[serde(rename = "type")]
    _type: IgnoredAny,
    /// Which events; all without it.
    #[serde(default)]
    pub filter: Option<Box<RawValue>>,
    /// From where; from now without it.
    #[serde(default)]
    pub from: From,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    #[serde(rename = "type")]
    _type: IgnoredAny,
}

/// Reads a client's text frame.
///
/// # Errors
/// What to answer: the code and the detail of an `error` frame.
pub fn parse(text: &str) -> Result<ClientFrame, (ErrorCode, String)> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(rename = "type", borrow)]
        kind: std::borrow::Cow<'a, str>,
    }
    let no_frame = || (ErrorCode::BadRequest, "a frame is a JSON object with a `type`".to_owned());
    let tag: Tag<'_> = serde_json::from_str(text).map_err(|e| {
        if e.is_data() { no_frame() } else { (ErrorCode::BadJson, format!("a frame is JSON: {e}")) }
    })?;
    // An array would pass for an object whose members stand in their order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(no_frame());
    }
    let misused = |e: serde_json::Error| (ErrorCode::BadRequest, e.to_string());
    match tag.kind.as_ref() {
        "subscribe" => serde_json::from_str(text).map(ClientFrame::Subscribe).map_err(misused),
        "ping" => serde_json::from_str(text).map(|Ping { .. }| ClientFrame::Ping).map_err(misused),
        other => {
            let known = CLIENT_FRAMES.join(", ");
            let detail = format!("unknown type {other:?}; known are {known}");
            Err((ErrorCode::UnknownType, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::core::event::Position;

    fn subscribe(text: &str) -> From {
        match parse(text) {
            Ok(ClientFrame::Subscribe(subscribe)) => subscribe.from,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_subscription_may_begin_in_four_ways() {
        let epoch = Uuid::from_u128(1);
        assert_eq!(subscribe(r#"{"type":"subscribe"}"#), From::Now);
        assert_eq!(subscribe(r#"{"type":"subscribe","from":"now"}"#), From::Now);
        let after = format!(r#"{{"type":"subscribe","from":{{"epoch":"{epoch}","seq":4}}}}"#);
        assert_eq!(subscribe(&after), From::After(Position { epoch, seq: 4 }));
        assert_eq!(subscribe(r#"{"type":"subscribe","from":{"last":5}}"#), From::Last(5));
        let time = subscribe(r#"{"type":"subscribe","from":{"time":"1970-01-01T00:00:00Z"}}"#);
        assert_eq!(time, From::Time(DateTime::UNIX_EPOCH));
    }

    #[test]
    fn a_filter_is_kept_as_it_was_said() {
        let Ok(ClientFrame::Subscribe(subscribe)) =
            parse(r#"{"filter":{"source":["a"]},"type":"subscribe"}"#)
        else {
            panic!("not a subscription");
        };
        assert_eq!(subscribe.filter.unwrap().get(), r#"{"source":["a"]}"#);
    }

    #[test]
    fn what_is_wrong_gets_its_code() {
        for (text, code) in [
            ("", ErrorCode::BadJson),
            ("{", ErrorCode::BadJson),
            ("7", ErrorCode::BadRequest),
            (r#"["ping"]"#, ErrorCode::BadRequest),
            ("{}", ErrorCode::BadRequest),
            (r#"{"type":"x"}"#, ErrorCode::UnknownType),
            (r#"{"type":"subscribe","form":"now"}"#, ErrorCode::BadRequest),
            (r#"{"type":"subscribe","from":"then"}"#, ErrorCode::BadRequest),
            (r#"{"type":"subscribe","from":{"last":1001}}"#, ErrorCode::BadRequest),
            (r#"{"type":"subscribe","from":{"last":0}}"#, ErrorCode::BadRequest),
            (r#"{"type":"subscribe","from":{"seq":1}}"#, ErrorCode::BadRequest),
            (r#"{"type":"ping","x":1}"#, ErrorCode::BadRequest),
        ] {
            assert_eq!(parse(text).map_err(|(code, _)| code).unwrap_err(), code, "{text}");
        }
    }
}
