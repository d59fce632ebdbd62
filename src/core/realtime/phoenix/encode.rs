//! What clients hear, but for broadcasts: always text, as whole WebSocket frames.

use bytes::Bytes;
use serde_json::json;

use super::{ClientMessage, Ref, Vsn, quoted};
use crate::core::protocol::{Opcode, frame_head};

/// What a message says before its payload.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The join it belongs to; clients drop what carries a stale one. Version 1 does not say it.
    pub join_ref: Option<&'a Ref>,
    /// The message it answers.
    pub reference: Option<&'a Ref>,
    /// The topic on the wire.
    pub topic: &'a str,
    /// What is meant.
    pub event: &'a str,
}

impl<'a> Head<'a> {
    /// The head of what belongs to no join and answers nothing: deliveries to a topic.
    #[must_use]
    pub fn delivery(topic: &'a str, event: &'a str) -> Self {
        Self { join_ref: None, reference: None, topic, event }
    }
}

/// Appends the whole frame of a message whose payload, JSON, is the parts joined.
pub fn text_frame(out: &mut Vec<u8>, vsn: Vsn, head: &Head<'_>, payload: &[&[u8]]) {
    let (topic, event) = (quoted(head.topic), quoted(head.event));
    let reference = Ref::json(head.reference);
    let (before, after) = match vsn {
        Vsn::V1 => (
            format!("{{\"topic\":{topic},\"event\":{event},\"payload\":"),
            format!(",\"ref\":{reference}}}"),
        ),
        Vsn::V2 => {
            let join_ref = Ref::json(head.join_ref);
            (format!("[{join_ref},{reference},{topic},{event},"), "]".to_owned())
        }
    };
    let length = before.len() + payload.iter().map(|part| part.len()).sum::<usize>() + after.len();
    out.reserve(length + 10);
    frame_head(out, Opcode::Text, length);
    out.extend_from_slice(before.as_bytes());
    for part in payload {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(after.as_bytes());
}

/// The event of answers.
const REPLY: &str = "phx_reply";

/// One message to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMessage {
    /// The join it belongs to.
    pub join_ref: Option<Ref>,
    /// The message it answers; `phx_close` and `phx_error` carry the join's.
    pub reference: Option<Ref>,
    /// The topic on the wire.
    pub topic: Box<str>,
    /// What is meant.
    pub event: &'static str,
    /// JSON, always an object.
    pub payload: Bytes,
}

impl ServerMessage {
    /// The good answer to a message; `response` is a JSON object.
    #[must_use]
    pub fn ok(to: &ClientMessage, response: &str) -> Self {
        Self::reply(&to.topic, to.join_ref.clone(), to.reference.clone(), Ok(response))
    }

    /// The bad answer to a message; `response` is a JSON object.
    #[must_use]
    pub fn error(to: &ClientMessage, response: &str) -> Self {
        Self::reply(&to.topic, to.join_ref.clone(), to.reference.clone(), Err(response))
    }

    /// The bad answer that says why.
    #[must_use]
    pub fn refusal(to: &ClientMessage, reason: &str) -> Self {
        Self::error(to, &json!({ "reason": reason }).to_string())
    }

    /// An answer; both outcomes are JSON objects.
    #[must_use]
    pub fn reply(
        topic: &str,
        join_ref: Option<Ref>,
        reference: Option<Ref>,
        outcome: Result<&str, &str>,
    ) -> Self {
        let (status, response) = match outcome {
            Ok(response) => ("ok", response),
            Err(response) => ("error", response),
        };
        let payload = format!("{{\"status\":\"{status}\",\"response\":{response}}}");
        Self { reference, ..Self::push(topic, join_ref, REPLY, payload.into()) }
    }

    /// Whether it answers a message.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.event == REPLY
    }

    /// The channel is closed, and its client is to stay away.
    #[must_use]
    pub fn close(topic: &str, join_ref: Option<Ref>) -> Self {
        Self::end(topic, join_ref, "phx_close")
    }

    /// The channel is closed, and its client is to come back.
    #[must_use]
    pub fn crash(topic: &str, join_ref: Option<Ref>) -> Self {
        Self::end(topic, join_ref, "phx_error")
    }

    fn end(topic: &str, join_ref: Option<Ref>, event: &'static str) -> Self {
        let reference = join_ref.clone();
        Self { reference, ..Self::push(topic, join_ref, event, "{}".into()) }
    }

    /// News of the channel itself. `extension` is `system` or `postgres_changes`.
    #[must_use]
    pub fn system(
        topic: &str,
        join_ref: Option<Ref>,
        extension: &str,
        outcome: Result<&str, &str>,
    ) -> Self {
        let (status, message) = match outcome {
            Ok(message) => ("ok", message),
            Err(message) => ("error", message),
        };
        let channel = topic.strip_prefix("realtime:").unwrap_or(topic);
        let payload = json!({
            "extension": extension, "status": status, "message": message, "channel": channel,
        });
        Self::push(topic, join_ref, "system", payload.to_string().into())
    }

    /// Who is present; sent after each join with presence, before any difference.
    #[must_use]
    pub fn presence_state(topic: &str, join_ref: Option<Ref>, state: Bytes) -> Self {
        Self::push(topic, join_ref, "presence_state", state)
    }

    fn push(topic: &str, join_ref: Option<Ref>, event: &'static str, payload: Bytes) -> Self {
        Self { join_ref, reference: None, topic: topic.into(), event, payload }
    }

    /// Appends the whole frame.
    pub fn encode(&self, out: &mut Vec<u8>, vsn: Vsn) {
        let head = Head {
            join_ref: self.join_ref.as_ref(),
            reference: self.reference.as_ref(),
            topic: &self.topic,
            event: self.event,
        };
        text_frame(out, vsn, &head, &[&self.payload]);
    }
}
