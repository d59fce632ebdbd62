//! What is said on a channel, in version 2 and as text: every server reads that.

use tokio_tungstenite::tungstenite::Message;

use super::destination::{Destination, message_len, quoted};
use crate::{core::delivery::Item, settings::Secret};

/// The reference of the first join on a socket.
const FIRST_JOIN: u64 = 1;
/// The longest reference, in bytes.
const LONGEST_REF: usize = 20;

/// What a channel is joined for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Each push is to be answered.
    pub answers: bool,
    /// What is said is to come back.
    pub echo: bool,
    /// A table whose new rows are to be heard, as `schema` and `table`.
    pub rows: Option<(&'static str, &'static str)>,
}

/// Says things on one channel.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The topic on the wire.
    topic: String,
    /// The same, quoted.
    quoted: String,
    key: Secret,
    /// The reference of its join.
    join: u64,
}

impl Frames {
    /// On a destination's topic, as the only channel of a socket.
    #[must_use]
    pub fn new(destination: &Destination) -> Self {
        Self::on(&destination.topic, destination.key.clone(), FIRST_JOIN)
    }

    /// On a topic, by its name without what begins it on the wire; `join` is the reference of its
    /// join, and no other channel's of the socket.
    #[must_use]
    pub fn on(topic: &str, key: Secret, join: u64) -> Self {
        let topic = format!("realtime:{topic}");
        Self { quoted: quoted(&topic), topic, key, join }
    }

    /// The topic on the wire.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Joins.
    #[must_use]
    pub fn join(&self, reference: u64, wants: Wants) -> Message {
        let (join, topic) = (self.join, &self.quoted);
        let Wants { answers, echo, rows } = wants;
        let rows = rows.map(|(schema, table)| {
            let (schema, table) = (quoted(schema), quoted(table));
            format!("{{\"event\":\"INSERT\",\"schema\":{schema},\"table\":{table}}}")
        });
        let rows = rows.unwrap_or_default();
        let token = match self.key.expose() {
            "" => String::new(),
            key => format!(",\"access_token\":{}", quoted(key)),
        };
        Message::text(format!(
            "[\"{join}\",\"{reference}\",{topic},\"phx_join\",{{\"config\":{{\"broadcast\":\
             {{\"ack\":{answers},\"self\":{echo}}},\"presence\":{{\"enabled\":false}},\
             \"postgres_changes\":[{rows}],\"private\":false}}{token}}}]"
        ))
    }

    /// Broadcasts; the payload is JSON.
    #[must_use]
    pub fn push(&self, reference: u64, event: &str, payload: &[u8]) -> Message {
        let (join, topic, event) = (self.join, &self.quoted, quoted(event));
        let before = format!(
            "[\"{join}\",\"{reference}\",{topic},\"broadcast\",{{\"type\":\"broadcast\",\
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
#[must_use]
pub fn heartbeat(reference: u64) -> Message {
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
        let speaks = Wants { answers: true, ..Wants::default() };
        assert_eq!(read(&frames.join(1, speaks)), json!(["1", "1", topic, "phx_join", payload]));
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
        assert_eq!(read(&keyless.join(1, speaks))[4], json!({ "config": config }));
    }

    #[test]
    fn a_second_channel_of_a_socket_has_a_join_of_its_own() {
        let frames = Frames::on("b", Secret::default(), 2);
        let wants = Wants { echo: true, rows: Some(("s", "t")), ..Wants::default() };
        let join = read(&frames.join(5, wants));
        assert_eq!(
            (&join[0], &join[1], &join[2]),
            (&json!("2"), &json!("5"), &json!("realtime:b"))
        );
        let config = &join[4]["config"];
        assert_eq!(config["broadcast"], json!({ "ack": false, "self": true }));
        let rows = json!([{ "event": "INSERT", "schema": "s", "table": "t" }]);
        assert_eq!(config["postgres_changes"], rows);
        assert_eq!(read(&frames.push(6, "e", b"{}"))[0], "2");
    }
}
