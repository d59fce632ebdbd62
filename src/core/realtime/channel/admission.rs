//! Who may join, and with what a channel goes on.

use super::{
    Channels, ClientMessage, Effect, Gate, Grant, Join, JoinFault, Now, TokenFault, Topic, text,
};
use crate::core::realtime::join::{token, topic_name};

/// Bytes that the joins of one socket may have together: what they say is kept.
const MAX_HELD: usize = 5_000_000;
/// Longest token that a channel is renewed with, in bytes: it is kept.
const MAX_TOKEN: usize = 8 << 10;

impl Channels {
    /// Where and what a client may join, or why it may not.
    pub(super) fn admit(
        &self,
        message: &ClientMessage,
        now: Now,
        gate: &dyn Gate,
    ) -> Result<(Topic, Join, Grant), String> {
        let refused = |fault: JoinFault| fault.to_string();
        let name = topic_name(&message.topic).map_err(refused)?;
        let join = Join::parse(text(&message.payload)).map_err(refused)?;
        if self.open.len() >= self.limits.channels {
            return Err("ChannelRateLimitReached: Too many channels".to_owned());
        }
        let held: usize = self.open.values().map(|channel| channel.held).sum();
        if held + message.len() > MAX_HELD {
            return Err(format!(
                "JoinTooLarge: The joins of a socket have at most {MAX_HELD} bytes together"
            ));
        }
        let grant = gate.admit(join.token.as_deref(), now.utc);
        let grant = grant.map_err(|fault| format!("{}: {fault}", fault.code()))?;
        if !grant.read {
            return Err(format!(
                "Unauthorized: You do not have permissions to read from this Channel topic: {name}"
            ));
        }
        Ok((Topic { name: name.into(), private: join.private }, join, grant))
    }

    /// The client renews the token of its channel.
    pub(super) fn access_token(
        &mut self,
        message: &ClientMessage,
        now: Now,
        gate: &dyn Gate,
    ) -> Vec<Effect> {
        let Some(channel) = self.open.get_mut(&message.topic) else { return Vec::new() };
        let Some(token) = token(text(&message.payload)) else { return Vec::new() };
        if channel.token.as_ref() == Some(&token) {
            return Vec::new();
        }
        let grant = match token.len() {
            0..=MAX_TOKEN => gate.admit(Some(&token), now.utc),
            _ => Err(TokenFault::Malformed),
        };
        match grant {
            Ok(grant) if !grant.read => {
                let name = &channel.topic.name;
                let text = format!(
                    "You no longer have permission to read from this Channel topic: {name}"
                );
                self.fatal(&message.topic, &text)
            }
            Ok(grant) => {
                channel.grant = grant;
                channel.token = Some(token);
                Vec::new()
            }
            Err(fault) => self.fatal(&message.topic, &fault.to_string()),
        }
    }
}
