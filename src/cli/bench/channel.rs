//! A channel of a Realtime, on which what publishers say is heard: Phoenix, version 2.0.0.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{
    said::Said,
    socket::{Socket, text},
};
use crate::{
    cli::client::{ClientError, Target, root_cause},
    core::realtime::phoenix::Heard,
};

/// A Realtime closes a socket on which nothing is said for a minute.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// What events are called on the topic.
const EVENT: &str = "bench";
/// How the frame of a broadcast begins.
const BROADCAST: char = '\u{4}';

/// A channel that was asked for.
pub struct Channel {
    socket: Box<Socket>,
    heartbeat: Interval,
}

impl Channel {
    /// Asks to join the load test's topic.
    ///
    /// # Errors
    /// When the Realtime cannot be reached.
    pub async fn join(target: &Target, mut socket: Socket, run: u32) -> Result<Self, ClientError> {
        let config = json!({ "config": { "broadcast": { "self": false }, "private": false } });
        let join = json!(["1", "1", format!("realtime:{}", topic(run)), "phx_join", config]);
        let sent = socket.send(Message::text(join.to_string())).await;
        sent.map_err(|e| target.unreachable(root_cause(&e)))?;
        let mut heartbeat = interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { socket: Box::new(socket), heartbeat })
    }

    /// The next message. Nothing is lost when this is given up.
    ///
    /// # Errors
    /// Why there is none: the connection has ended.
    pub async fn next(&mut self) -> Result<Utf8Bytes, String> {
        let heartbeat = r#"[null,"0","phoenix","heartbeat",{}]"#;
        loop {
            tokio::select! {
                biased;
                message = self.socket.next() => match message {
                    // What was said comes in binary frames, whose heads are ASCII here.
                    Some(Ok(Message::Binary(bytes))) => {
                        let no_text = |_| "a broadcast that is no text".to_owned();
                        return Utf8Bytes::try_from(bytes).map_err(no_text);
                    }
                    message => if let Some(said) = text(message) {
                        return said;
                    },
                },
                _ = self.heartbeat.tick() => {
                    let sent = self.socket.send(Message::text(heartbeat)).await;
                    sent.map_err(|error| root_cause(&error))?;
                }
            }
        }
    }

    /// The socket.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

/// The topic of a load test.
fn topic(run: u32) -> String {
    format!("bench-{run:08x}")
}

/// The body of a request that says `events`, each a JSON object, on the load test's topic.
#[must_use]
pub fn body(run: u32, events: &[String]) -> String {
    let topic = topic(run);
    let message =
        |event: &String| format!(r#"{{"topic":"{topic}","event":"{EVENT}","payload":{event}}}"#);
    let messages: Vec<_> = events.iter().map(message).collect();
    format!(r#"{{"messages":[{}]}}"#, messages.join(","))
}

/// What a message of a channel says.
#[must_use]
pub fn said(text: &str) -> Said {
    if text.starts_with(BROADCAST) {
        return Said::Message;
    }
    match Heard::text(text) {
        Heard::Reply(_, Ok(())) => Said::Subscribed,
        Heard::Reply(_, Err(reason)) => Said::Refused(reason),
        Heard::End { reason, .. } => Said::Refused(reason.to_owned()),
        Heard::System { outcome: Err(_), .. } => Said::Gap,
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_channel_tells_what_became_of_it() {
        let reply = |status: &str| {
            format!(
                r#"["1","1","realtime:bench-1","phx_reply",{{"status":"{status}","response":{{"reason":"no"}}}}]"#
            )
        };
        assert_eq!(said(&reply("ok")), Said::Subscribed);
        assert_eq!(said(&reply("error")), Said::Refused("no".into()));
        assert_eq!(said("\u{4}\u{17}\u{5}\0\u{1}realtime:bench-00000001bench{}"), Said::Message);
        for nothing in ["[]", "", r#"[null,null,"realtime:bench-1","presence_state",{}]"#] {
            assert_eq!(said(nothing), Said::Nothing, "{nothing}");
        }
    }

    #[test]
    fn what_is_said_on_the_topic_is_one_request() {
        let body: Value = serde_json::from_str(&body(7, &["{}".into(), "{}".into()])).unwrap();
        assert_eq!(body["messages"][1]["topic"], "bench-00000007");
    }
}
