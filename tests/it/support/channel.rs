//! A client of Realtime that says exactly what it is told to, in version 1 or 2.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    router::Router,
    wire::{self, BINARY, CLOSE, TEXT, Wire, masked},
};

/// Where `supabase-js` opens its socket.
pub const PATH: &str = "/realtime/v1/websocket";

/// A socket.
pub struct Socket {
    pub wire: Wire,
    is_v2: bool,
    refs: u64,
    /// The refs of the newest joins, by topic.
    joins: HashMap<String, String>,
}

impl Socket {
    /// Version 2.
    pub async fn connect(router: &Router) -> Self {
        Self::connect_to(router, &format!("{PATH}?apikey=any&vsn=2.0.0")).await
    }

    /// Version 1.
    pub async fn connect_v1(router: &Router) -> Self {
        Self::connect_to(router, "/socket/websocket?apikey=any&log_level=info").await
    }

    pub async fn connect_to(router: &Router, path: &str) -> Self {
        let mut wire = Wire::connect(router).await;
        wire.send(wire::upgrade(router, path, "").as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { wire, is_v2: path.contains("vsn=2.0.0"), refs: 0, joins: HashMap::new() }
    }

    /// Joins `realtime:NAME`, which must work; the response.
    pub async fn join(&mut self, name: &str, config: Value) -> Value {
        let answer = self.try_join(name, &json!({ "config": config })).await;
        assert_eq!(answer["status"], "ok", "{answer}");
        answer["response"].clone()
    }

    /// Joins; whatever is answered.
    pub async fn try_join(&mut self, name: &str, payload: &Value) -> Value {
        let reference = self.refs + 1;
        self.say(name, "phx_join", payload).await;
        self.answer(reference).await
    }

    /// Joins a topic that it has joined already: that channel is closed first.
    pub async fn join_again(&mut self, name: &str, config: Value) -> Value {
        let reference = self.say(name, "phx_join", &json!({ "config": config })).await;
        assert_eq!(self.expect("phx_close").await, json!({}));
        loop {
            let said = self.next().await;
            if said.reference == json!(reference.to_string()) {
                return said.payload["response"].clone();
            }
        }
    }

    /// Says something on `realtime:NAME`; by which ref.
    pub async fn say(&mut self, name: &str, event: &str, payload: &Value) -> u64 {
        self.say_on(&format!("realtime:{name}"), event, payload).await
    }

    pub async fn say_on(&mut self, topic: &str, event: &str, payload: &Value) -> u64 {
        self.refs += 1;
        let reference = self.refs.to_string();
        if event == "phx_join" {
            self.joins.insert(topic.to_owned(), reference.clone());
        }
        let frame = if self.is_v2 {
            json!([self.joins.get(topic), reference, topic, event, payload])
        } else {
            json!({ "topic": topic, "event": event, "payload": payload, "ref": reference })
        };
        self.text(&frame.to_string()).await;
        self.refs
    }

    /// Broadcasts; by which ref.
    pub async fn broadcast(&mut self, name: &str, event: &str, payload: Value) -> u64 {
        let payload = json!({ "type": "broadcast", "event": event, "payload": payload });
        self.say(name, "broadcast", &payload).await
    }

    pub async fn text(&mut self, text: &str) {
        self.wire.send(&masked(TEXT, text.as_bytes())).await;
    }

    pub async fn binary(&mut self, bytes: &[u8]) {
        self.wire.send(&masked(BINARY, bytes)).await;
    }

    /// The answer to a ref: what comes before it must be none.
    pub async fn answer(&mut self, reference: u64) -> Value {
        let said = self.next().await;
        assert_eq!(
            (&said.event, &said.reference),
            (&"phx_reply".to_owned(), &json!(reference.to_string())),
            "{said:?}"
        );
        said.payload
    }

    /// The answer to a ref, whatever comes before it.
    pub async fn answer_among(&mut self, reference: u64) -> Value {
        loop {
            let said = self.next().await;
            if said.reference == json!(reference.to_string()) {
                return said.payload;
            }
        }
    }

    /// The next message, which must come.
    pub async fn next(&mut self) -> Said {
        let (first, payload) = self.wire.frame().await.expect("a message, not the end");
        assert_ne!(first, CLOSE, "closed: {}", String::from_utf8_lossy(&payload));
        if first == BINARY {
            return Said::of_binary(&payload);
        }
        assert_eq!(first, TEXT);
        let value: Value = serde_json::from_slice(&payload).unwrap();
        if self.is_v2 { Said::of_array(&value) } else { Said::of_object(&value) }
    }

    /// The next message, which must be this event; its payload.
    pub async fn expect(&mut self, event: &str) -> Value {
        let said = self.next().await;
        assert_eq!(said.event, event, "{said:?}");
        said.payload
    }

    /// A heartbeat, whose answer must be what comes next: so nothing else came.
    pub async fn assert_nothing_came(&mut self) {
        let reference = self.say_on("phoenix", "heartbeat", &json!({})).await;
        assert_eq!(self.answer(reference).await, json!({ "status": "ok", "response": {} }));
    }
}

/// One message of the router, of whichever form.
#[derive(Debug, PartialEq)]
pub struct Said {
    /// Nothing in version 1.
    pub join_ref: Value,
    pub reference: Value,
    pub topic: String,
    pub event: String,
    pub payload: Value,
}

impl Said {
    fn of_array(array: &Value) -> Self {
        assert_eq!(array.as_array().unwrap().len(), 5, "{array}");
        let text = |index: usize| array[index].as_str().unwrap().to_owned();
        let (join_ref, reference) = (array[0].clone(), array[1].clone());
        Self { join_ref, reference, topic: text(2), event: text(3), payload: array[4].clone() }
    }

    fn of_object(object: &Value) -> Self {
        let mut names: Vec<_> = object.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(names, ["event", "payload", "ref", "topic"]);
        let text = |name: &str| object[name].as_str().unwrap().to_owned();
        Self {
            join_ref: Value::Null,
            reference: object["ref"].clone(),
            topic: text("topic"),
            event: text("event"),
            payload: object["payload"].clone(),
        }
    }

    /// Kind 4 as clients read it; a binary payload is its bytes.
    fn of_binary(frame: &[u8]) -> Self {
        let [4, topic, event, meta, encoding, rest @ ..] = frame else { panic!("{frame:?}") };
        let (topic, rest) = rest.split_at(usize::from(*topic));
        let (event, rest) = rest.split_at(usize::from(*event));
        let (meta, rest) = rest.split_at(usize::from(*meta));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let payload =
            if *encoding == 1 { serde_json::from_slice(rest).unwrap() } else { json!(rest) };
        let mut whole = json!({ "type": "broadcast", "event": text(event), "payload": payload });
        if !meta.is_empty() {
            whole["meta"] = serde_json::from_slice(meta).unwrap();
        }
        Self {
            join_ref: Value::Null,
            reference: Value::Null,
            topic: text(topic),
            event: "broadcast".to_owned(),
            payload: whole,
        }
    }
}

/// The frame by which version 2 clients broadcast.
pub fn push(name: &str, event: &str, encoding: u8, payload: &[u8]) -> Vec<u8> {
    let topic = format!("realtime:{name}");
    let lengths = [1, 1, topic.len(), event.len(), 0].map(|length| u8::try_from(length).unwrap());
    let parts = [b"19", topic.as_bytes(), event.as_bytes(), payload];
    [&[3][..], &lengths, &[encoding], &parts.concat()].concat()
}
