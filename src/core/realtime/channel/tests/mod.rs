//! Conversations, row by row as the real server has them.

mod endings;
mod joins;
mod messages;

use serde_json::json;

use super::*;
use crate::core::realtime::phoenix::{Vsn, decode_text, tests::unframed};

/// A gate by the words of the token: `expires:N` (seconds since 1970), `read`, `write`, `bad`.
struct Words;

impl Gate for Words {
    fn admit(&self, token: Option<&str>, now: DateTime<Utc>) -> Result<Grant, TokenFault> {
        let token = token.unwrap_or("read");
        if token == "bad" {
            return Err(TokenFault::Malformed);
        }
        let expires = token.split(' ').find_map(|word| word.strip_prefix("expires:"));
        let expires = expires.map(|at| DateTime::from_timestamp(at.parse().unwrap(), 0).unwrap());
        match expires {
            Some(at) if at <= now => Err(TokenFault::expired(at, now)),
            _ => {
                Ok(Grant { read: token.contains("read"), write: token.contains("write"), expires })
            }
        }
    }
}

/// A socket whose effects are read as short texts.
struct Socket {
    channels: Channels,
    now: Duration,
    /// The joins that the fan-out has not taken up yet.
    joining: Vec<Joining>,
}

impl Socket {
    fn with(limits: Limits) -> Self {
        Self {
            channels: Channels::new(limits, Duration::ZERO),
            now: Duration::ZERO,
            joining: vec![],
        }
    }

    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn now(&self) -> Now {
        let utc = DateTime::from_timestamp(0, 0).unwrap() + self.now;
        Now { elapsed: self.now, utc }
    }

    /// Says a version 2 message; joins are taken up at once.
    fn say(&mut self, frame: &str) -> Vec<String> {
        let message = decode(frame);
        self.hear(&message)
    }

    fn hear(&mut self, message: &ClientMessage) -> Vec<String> {
        let now = self.now();
        let effects = self.channels.on_message(message, now, &Words, &mut || Uuid::from_u128(7));
        let mut heard = self.read(effects);
        for Joining { number, topic, .. } in std::mem::take(&mut self.joining) {
            let messages = self.channels.joined(&topic, number, None, "{}".into());
            heard.extend(messages.iter().map(said));
        }
        heard
    }

    fn tick(&mut self, seconds: u64) -> Vec<String> {
        self.now = Duration::from_secs(seconds);
        let effects = self.channels.on_tick(self.now());
        self.read(effects)
    }

    fn read(&mut self, effects: Vec<Effect>) -> Vec<String> {
        effects.into_iter().map(|effect| self.short(effect)).collect()
    }

    fn short(&mut self, effect: Effect) -> String {
        let name =
            |topic: &Topic| format!("{}{}", topic.name, if topic.private { "!" } else { "" });
        match effect {
            Effect::Send(message) => said(&message),
            Effect::Join(joining) => {
                let text = format!("join {}", name(&joining.topic));
                self.joining.push(*joining);
                text
            }
            Effect::Leave(topic) => format!("leave {}", name(&topic)),
            Effect::Publish { topic, broadcast, to_self } => {
                let mut frame = Vec::new();
                broadcast.encode(&mut frame, Vsn::V2, "t").unwrap();
                let to_self = if to_self { " to self" } else { "" };
                format!("publish {} of {} bytes{to_self}", name(&topic), broadcast.len())
            }
            Effect::Track { topic, key, payload } => {
                format!("track {} {key} {payload}", name(&topic))
            }
            Effect::Watch { topic } => format!("watch {}", name(&topic)),
            Effect::Untrack { topic } => format!("untrack {}", name(&topic)),
            Effect::Drop(dropped) => format!("drop {}", dropped.as_str()),
            Effect::Note(note) => format!("note {note}"),
            Effect::Close(reason) => format!("close {} {reason}", reason.code().unwrap()),
        }
    }
}

fn decode(frame: &str) -> ClientMessage {
    let frame = bytes::Bytes::copy_from_slice(frame.as_bytes());
    decode_text(Vsn::V2, &frame).unwrap()
}

/// The version 2 text of a message.
fn said(message: &ServerMessage) -> String {
    let mut frame = Vec::new();
    message.encode(&mut frame, Vsn::V2);
    String::from_utf8(unframed(&frame).1.to_vec()).unwrap()
}

/// A `system` message.
fn system(extension: &str, status: &str, message: &str) -> String {
    let payload = json!({
        "extension": extension, "status": status, "message": message, "channel": "a",
    });
    json!(["1", null, "realtime:a", "system", payload]).to_string()
}

const CLOSED: &str = r#"["1","1","realtime:a","phx_close",{}]"#;

/// What is said when a channel ends for good.
fn fatal(text: &str) -> Vec<String> {
    vec![system("system", "error", text), CLOSED.to_owned(), "leave a".to_owned()]
}

fn joined(config: &serde_json::Value) -> Socket {
    let mut socket = Socket::new();
    join(&mut socket, config);
    socket
}

fn join(socket: &mut Socket, config: &serde_json::Value) -> Vec<String> {
    let payload = json!({ "config": config });
    socket.say(&json!(["1", "1", "realtime:a", "phx_join", payload]).to_string())
}

fn ok(reference: u32) -> String {
    format!(r#"["1","{reference}","realtime:a","phx_reply",{{"status":"ok","response":{{}}}}]"#)
}

fn error(reference: u32, response: &str) -> String {
    format!(
        r#"["1","{reference}","realtime:a","phx_reply",{{"status":"error","response":{response}}}]"#
    )
}
