//! What a server says in version 2, as its clients need it. Payloads are the bytes that came.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::decode::{Array, Fields, cut};

/// A message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// The answer to what had this reference; why it was refused, if it was.
    Reply(u64, Result<(), String>),
    /// Something was said on a topic.
    Broadcast {
        /// The topic on the wire.
        topic: Cow<'a, str>,
        /// What it is called.
        event: Cow<'a, str>,
        /// JSON.
        payload: &'a str,
    },
    /// A row of a table was inserted, or changed.
    Change {
        /// The topic on the wire.
        topic: Cow<'a, str>,
        /// The row as it is now, a JSON object.
        record: &'a str,
    },
    /// News of a channel.
    System {
        /// The topic on the wire.
        topic: Cow<'a, str>,
        /// `system`, or `postgres_changes`.
        extension: String,
        /// What is well, or what is wrong.
        outcome: Result<String, String>,
    },
    /// A channel has ended; why.
    End {
        /// The topic on the wire.
        topic: Cow<'a, str>,
        /// What became of it.
        reason: &'static str,
    },
    /// Whatever else there is, or nothing that can be read.
    Other,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Changed<'a> {
    #[serde(borrow)]
    data: Row<'a>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    record: &'a RawValue,
}

impl<'a> Heard<'a> {
    /// Reads a text frame.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        let Ok(Array(Fields { reference, topic, event, payload, .. })) = serde_json::from_str(text)
        else {
            return Self::Other;
        };
        let payload = payload.get();
        let heard = match &*event {
            "phx_reply" => reference
                .and_then(|reference| reference.get().trim_matches('"').parse().ok())
                .map(|reference| Self::Reply(reference, reply(payload))),
            "phx_close" => Some(Self::End { topic, reason: "the channel was closed" }),
            "phx_error" => Some(Self::End { topic, reason: "the channel crashed" }),
            "system" => system(topic, payload),
            "broadcast" => {
                let said: Option<Said<'a>> = serde_json::from_str(payload).ok();
                said.map(|Said { event, payload }| Self::Broadcast {
                    topic,
                    event,
                    payload: payload.get(),
                })
            }
            "postgres_changes" => {
                let changed: Option<Changed<'a>> = serde_json::from_str(payload).ok();
                changed.map(|changed| Self::Change { topic, record: changed.data.record.get() })
            }
            _ => None,
        };
        heard.unwrap_or(Self::Other)
    }

    /// Reads a binary frame: a broadcast, if its payload is JSON.
    #[must_use]
    pub fn binary(frame: &'a [u8]) -> Self {
        let [4, topic, event, meta, 1, body @ ..] = frame else { return Self::Other };
        let Ok(([topic, event, _], payload)) = cut(&[*topic, *event, *meta], body) else {
            return Self::Other;
        };
        match std::str::from_utf8(payload) {
            Ok(payload) => Self::Broadcast { topic, event, payload },
            Err(_) => Self::Other,
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

fn system<'a>(topic: Cow<'a, str>, payload: &str) -> Option<Heard<'a>> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    let extension = text("extension")?.to_owned();
    let message = text("message").unwrap_or("the channel failed").to_owned();
    let outcome = match text("status")? {
        "error" => Err(message),
        _ => Ok(message),
    };
    Some(Heard::System { topic, extension, outcome })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_client_must_know_is_read() {
        let topic = || Cow::Borrowed("realtime:a");
        let system = |extension: &str, outcome| {
            let extension = extension.to_owned();
            Heard::System { topic: topic(), extension, outcome }
        };
        let table = [
            (
                r#"[null,null,"realtime:a","broadcast",{"type":"broadcast","event":"e","payload":{"n": 1.50},"meta":{}}]"#,
                Heard::Broadcast { topic: topic(), event: "e".into(), payload: r#"{"n": 1.50}"# },
            ),
            (
                r#"[null,null,"realtime:a","postgres_changes",{"ids":[1],"data":{"type":"INSERT","record":{"id":"x"},"errors":null}}]"#,
                Heard::Change { topic: topic(), record: r#"{"id":"x"}"# },
            ),
            (
                r#"["1",null,"realtime:a","system",{"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"a"}]"#,
                system("postgres_changes", Ok("Subscribed to PostgreSQL".into())),
            ),
            (
                r#"["1",null,"realtime:a","system",{"extension":"system","status":"error"}]"#,
                system("system", Err("the channel failed".into())),
            ),
            (
                r#"["1","1","realtime:a","phx_close",{}]"#,
                Heard::End { topic: topic(), reason: "the channel was closed" },
            ),
            (r#"["1","7","x","phx_reply",{"status":"ok","response":{}}]"#, Heard::Reply(7, Ok(()))),
            (r#"["1",7,"x","phx_reply",{"status":"ok"}]"#, Heard::Reply(7, Ok(()))),
            (r#"["1",null,"x","phx_reply",{"status":"ok"}]"#, Heard::Other),
            (r#"[null,null,"x","presence_state",{}]"#, Heard::Other),
            (r#"[null,null,"x","broadcast",{"event":"e"}]"#, Heard::Other),
            (r#"{"event":"phx_close"}"#, Heard::Other),
            ("", Heard::Other),
        ];
        for (text, expected) in table {
            assert_eq!(Heard::text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_broadcast_is_read_from_a_binary_frame_too_if_it_is_json() {
        let frame = b"\x04\x0a\x01\x02\x01realtime:ae{}{\"n\":1}";
        let (topic, event) = ("realtime:a".into(), "e".into());
        assert_eq!(Heard::binary(frame), Heard::Broadcast { topic, event, payload: r#"{"n":1}"# });
        let other: [&[u8]; 5] = [
            b"",
            b"\x04",
            b"\x04\xff\x01\x00\x01x",
            b"\x04\x01\x01\x00\x00tex",
            b"\x04\x01\x01\x00\x01te\xff",
        ];
        for frame in other {
            assert_eq!(Heard::binary(frame), Heard::Other, "{frame:?}");
        }
    }
}
