//! What a server of Phoenix channels says, in version 2, as far as it matters to who only speaks.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The answer to what had this reference; why it was refused, if it was.
    Reply(u64, Result<(), String>),
    /// The channel has ended, or is about to; what for.
    End(String),
    /// Whatever others say, or nothing that can be read.
    Other,
}

#[derive(Deserialize)]
struct Message<'a>(
    IgnoredAny,
    #[serde(borrow)] Option<Cow<'a, str>>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] &'a RawValue,
);

impl Said {
    /// Reads a text frame. `topic` is ours, on the wire.
    pub(super) fn read(text: &str, topic: &str) -> Self {
        let Ok(Message(_, reference, about, event, payload)) = serde_json::from_str(text) else {
            return Self::Other;
        };
        match &*event {
            "phx_reply" => reference
                .and_then(|reference| reference.parse().ok())
                .map_or(Self::Other, |reference| Self::Reply(reference, reply(payload.get()))),
            _ if about != topic => Self::Other,
            "phx_close" => Self::End("the channel was closed".to_owned()),
            "phx_error" => Self::End("the channel crashed".to_owned()),
            "system" => failure(payload.get()).map_or(Self::Other, Self::End),
            _ => Self::Other,
        }
    }
}

/// Why something was refused, if it was.
fn reply(payload: &str) -> Result<(), String> {
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    if payload.get("status").and_then(Value::as_str) == Some("ok") {
        return Ok(());
    }
    let response = payload.get("response").unwrap_or(&Value::Null);
    let reason = response.get("reason").or_else(|| response.get("error")).unwrap_or(response);
    Err(reason.as_str().map_or_else(|| reason.to_string(), str::to_owned))
}

/// What a `system` message says of a channel that is about to be closed. Those about the changes of
/// a database, which are not asked for, close nothing.
fn failure(payload: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    (text("status") == Some("error") && text("extension") == Some("system"))
        .then(|| text("message").unwrap_or("the channel failed").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_ends_are_told_from_what_others_say() {
        let read = |text: &str| Said::read(text, "realtime:a");
        let refused = |reason: &str| Said::Reply(7, Err(reason.to_owned()));
        for (text, expected) in [
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"ok","response":{}}]"#,
                Said::Reply(7, Ok(())),
            ),
            (
                r#"[null,"7","phoenix","phx_reply",{"status":"ok","response":{}}]"#,
                Said::Reply(7, Ok(())),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{"reason":"R: é"}}]"#,
                refused("R: é"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{"error":"e"}}]"#,
                refused("e"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":"payload_size_exceeded"}]"#,
                refused("payload_size_exceeded"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{}}]"#,
                refused("{}"),
            ),
            (r#"["1","7","realtime:a","phx_reply",{}]"#, refused("null")),
            (
                r#"["1","1","realtime:a","phx_close",{}]"#,
                Said::End("the channel was closed".into()),
            ),
            (
                r#"["1","1","realtime:a","phx_error",{"reason":"channel_crash"}]"#,
                Said::End("the channel crashed".into()),
            ),
            (
                r#"["1",null,"realtime:a","system",{"extension":"system","status":"error","message":"Too many messages per second","channel":"a"}]"#,
                Said::End("Too many messages per second".into()),
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_others_say_and_what_cannot_be_read_is_neither() {
        for other in [
            r#"["1","1","realtime:b","phx_close",{}]"#,
            r#"["1",null,"realtime:a","system",{"extension":"system","status":"ok","message":"x"}]"#,
            r#"["1",null,"realtime:a","system",{"extension":"postgres_changes","status":"error","message":"x"}]"#,
            r#"[null,null,"realtime:a","broadcast",{"event":"phx_close","payload":{}}]"#,
            r#"["1","x","realtime:a","phx_reply",{"status":"ok"}]"#,
            r#"["1",null,"realtime:a","phx_reply",{"status":"ok"}]"#,
            r#"{"event":"phx_close"}"#,
            "",
            "[",
        ] {
            assert_eq!(Said::read(other, "realtime:a"), Said::Other, "{other}");
        }
    }
}
