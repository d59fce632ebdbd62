//! What is said on a channel, in version 2 and as text: every server reads that.

use tokio_tungstenite::tungstenite::Message;

use crate::{
    adapters::realtime::destination::{Destination, message_len, quoted},
    core::delivery::Item,
    settings::Secret,
};

/// The reference of the only join on a socket.
const JOIN_REF: u64 = 1;
/// The longest reference, in bytes.
const LONGEST_REF: usize = 20;

/// Says things on one channel.
#[derive(Debug)]
pub(super) struct Frames {
    /// The topic on the wire.
    topic: String,
    /// The same, quoted.
    quoted: String,
    key: Secret,
}

impl Frames {
    pub(super) fn new(destination: &Destination) -> Self {
        let topic = format!("realtime:{}", destination.topic);
        Self { quoted: quoted(&topic), topic, key: destination.key.clone() }
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Joins, to speak only; each push is to be answered.
    pub(super) fn join(&self, reference: u64) -> Message {
        let topic = &self.quoted;
        let token = match self.key.expose() {
            "" => String::new(),
            key => format!(",\"access_token\":{}", quoted(key)),
        };
        Message::text(format!(
            "[\"{JOIN_REF}\",\"{reference}\",{topic},\"phx_join\",{{\"config\":{{\"broadcast\":\
             {{\"ack\":true,\"self\":false}},\"presence\":{{\"enabled\":false}},\
             \"postgres_changes\":[],\"private\":false}}{token}}}]"
        ))
    }

    /// Broadcasts; the payload is JSON.
    pub(super) fn push(&self, reference: u64, event: &str, payload: &[u8]) -> Message {
        let (topic, event) = (&self.quoted, quoted(event));
        let before = format!(
            "[\"{JOIN_REF}\",\"{reference}\",{topic},\"broadcast\",{{\"type\":\"broadcast\",\
             \"event\":{event},\"payload\":"
        );
        let text = [before.as_bytes(), payload, b"}]"].concat();
        // JSON is UTF-8: nothing is replaced.
        let text = String::from_utf8(text)
            .unwrap_or_else(|other| String::from_utf8_lossy(other.as_bytes()).into_owned());
        Message::text(text)
    }

    /// Bytes of an event's push, at most.
    pub(super) fn len(&self, item: &Item) -> usize {
        const AROUND: usize =
            r#"["1","",,"broadcast",{"type":"broadcast","event":,"payload":}]"#.len() + LONGEST_REF;
        message_len(item, AROUND + self.quoted.len())
    }
}

/// A heartbeat, which belongs to no channel.
pub(super) fn heartbeat(reference: u64) -> Message {
    Message::text(format!(r#"[null,"{reference}","phoenix","heartbeat",{{}}]"#))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::adapters::realtime::destination::tests::{batch, destination};

    fn read(message: &Message) -> Value {
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    #[test]
    fn it_says_what_the_real_server_reads() {
        let frames = Frames::new(&destination());
        let config = json!({
            "broadcast": { "ack": true, "self": false }, "presence": { "enabled": false },
            "postgres_changes": [], "private": false,
        });
        let topic = "realtime:a \"wall\"";
        let payload = json!({ "config": config, "access_token": "s3cret" });
        assert_eq!(read(&frames.join(1)), json!(["1", "1", topic, "phx_join", payload]));
        for item in &batch(&["t", "\u{fc}\""]).items {
            let push = frames.push(u64::MAX, &item.event.event_type, &item.payload());
            let payload: Value = serde_json::from_slice(&item.payload()).unwrap();
            let payload = json!({
                "type": "broadcast", "event": &*item.event.event_type, "payload": payload,
            });
            let reference = u64::MAX.to_string();
            assert_eq!(read(&push), json!(["1", reference, topic, "broadcast", payload]));
            assert_eq!(push.len(), frames.len(item), "the longest reference");
        }
        assert_eq!(read(&heartbeat(7)), json!([null, "7", "phoenix", "heartbeat", {}]));
        let keyless = Frames::new(&Destination { key: Secret::default(), ..destination() });
        assert_eq!(read(&keyless.join(1))[4], json!({ "config": config }));
    }
}
