//! What a client says about its own presence.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Channels, ClientMessage, Effect, Now, ServerMessage, ok, refusal, text};

/// The payload of a `presence` message.
#[derive(Deserialize)]
struct Said<'a> {
    event: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Channels {
    pub(super) fn on_presence(&mut self, message: &ClientMessage, now: Now) -> Vec<Effect> {
        let Ok(Said { event: Some(event), payload }) = serde_json::from_str(text(&message.payload))
        else {
            return vec![ok(message)];
        };
        let Some(channel) = self.open.get_mut(&message.topic) else { return Vec::new() };
        let (calls, window) = (self.limits.presence_calls, self.limits.presence_window);
        if !channel.calls.take(now.elapsed, calls, window) {
            return self.fatal(&message.topic, "Client presence rate limit exceeded");
        }
        let (topic, key) = (channel.topic.clone(), channel.key.clone());
        let mut effects = Vec::new();
        match event.to_ascii_lowercase().as_str() {
            "track" if topic.private && !channel.grant.write => return vec![failed(message)],
            "track" => {
                let payload = payload.map_or("{}", RawValue::get);
                if !payload.starts_with('{') {
                    return vec![refusal(message, "Presence track payload must be a map")];
                }
                if payload.len() > self.limits.payload_bytes {
                    return self.fatal(&message.topic, "Track message size exceeded");
                }
                if !self.presence.take(now.elapsed) {
                    return self.fatal(&message.topic, "Too many presence messages per second");
                }
                // As on the real server, who is present is one who wants to know who is.
                if !std::mem::replace(&mut channel.watches, true) {
                    effects.push(Effect::Watch { topic: topic.clone() });
                }
                effects.push(Effect::Track { topic, key, payload: payload.into() });
            }
            "untrack" => effects.push(Effect::Untrack { topic }),
            _ => return vec![failed(message)],
        }
        effects.push(ok(message));
        effects
    }
}

fn failed(message: &ClientMessage) -> Effect {
    Effect::Send(ServerMessage::error(message, "{}"))
}
