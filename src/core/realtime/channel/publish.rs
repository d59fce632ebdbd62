//! Broadcasts of a client. What is not passed on is counted; who asked for an answer gets one, but
//! for what its token may not write: so the real server has it.

use super::{Channels, ClientMessage, Dropped, Effect, Now, Payload, ServerMessage, TOO_MANY, ok};
use crate::core::realtime::phoenix::{Broadcast, UserBroadcast};

impl Channels {
    pub(super) fn broadcast(&mut self, message: &ClientMessage, now: Now) -> Vec<Effect> {
        if !self.events.take(now.elapsed) {
            return self.fatal(&message.topic, TOO_MANY);
        }
        let Some(channel) = self.open.get(&message.topic) else { return Vec::new() };
        if channel.topic.private && !channel.grant.write {
            return vec![Effect::Drop(Dropped::NotAllowed)];
        }
        if self.reserved.as_deref() == Some(&*channel.topic.name) {
            let answer =
                channel.join.ack.then(|| Effect::Send(ServerMessage::error(message, RESERVED)));
            return [Effect::Drop(Dropped::Reserved)].into_iter().chain(answer).collect();
        }
        match broadcast(&message.payload, self.limits.payload_bytes) {
            Ok(broadcast) => {
                let (topic, to_self) = (channel.topic.clone(), channel.join.to_self);
                let publish = Effect::Publish { topic, broadcast, to_self };
                let answer = channel.join.ack.then(|| ok(message));
                [publish].into_iter().chain(answer).collect()
            }
            Err((dropped, response)) => {
                let answer = || Effect::Send(ServerMessage::error(message, response));
                let answer = channel.join.ack.then(answer);
                [Effect::Drop(dropped)].into_iter().chain(answer).collect()
            }
        }
    }
}

/// The real server has no such topics: there is a reason, so that nobody has to guess.
const RESERVED: &str = r#"{"reason":"Unauthorized: Only the router speaks on this topic"}"#;

/// The broadcast of a payload; or why it is none, and what the sender hears of that.
fn broadcast(payload: &Payload, most: usize) -> Result<Broadcast, (Dropped, &'static str)> {
    if payload.len() > most {
        return Err((Dropped::TooLarge, r#"{"error":"payload_size_exceeded"}"#));
    }
    match payload {
        Payload::Json(json) if json.starts_with(b"{") => Ok(Broadcast::Whole(json.clone())),
        // What the client says about the message is not passed on.
        Payload::User(user) => Ok(Broadcast::User(UserBroadcast { meta: None, ..user.clone() })),
        Payload::Json(_) | Payload::Binary(_) => {
            Err((Dropped::NotAnObject, r#"{"reason":"Broadcast payload must be a map"}"#))
        }
    }
}
