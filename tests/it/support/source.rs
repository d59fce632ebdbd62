//! A client of server-sent events, as strict as the specification: what a browser would repair is a
//! failure here.

use std::net::SocketAddr;

use reqwest::Response;
use serde_json::Value;

use super::router::{PATIENCE, Router, http_builder};

/// A response that is being read.
pub struct Source {
    response: Response,
    unread: Vec<u8>,
    /// The last `id` that came, to resume from.
    pub last_id: Option<String>,
}

/// A block of fields.
#[derive(Debug, Default)]
pub struct Message {
    pub id: Option<String>,
    /// Its name; an event of the journal has none.
    pub event: Option<String>,
    pub retry: Option<u64>,
    /// `null` for a comment.
    pub data: Value,
}

impl Source {
    /// Connects with a query such as `?source=a`, as one that has seen nothing; `subscribed` is
    /// taken.
    pub async fn open(router: &Router, query: &str) -> Self {
        let (source, _) = Self::resume(router, query, None).await;
        source
    }

    /// Connects as one that has seen `last_id`, and takes `subscribed`.
    pub async fn resume(router: &Router, query: &str, last_id: Option<&str>) -> (Self, Message) {
        let mut source = Self::try_open(router.address, query, last_id).await.unwrap();
        let subscribed = source.next().await;
        assert_eq!(subscribed.event.as_deref(), Some("subscribed"), "{subscribed:?}");
        (source, subscribed)
    }

    /// Connects, if a router is there; nothing is taken.
    pub async fn try_open(
        address: SocketAddr,
        query: &str,
        last_id: Option<&str>,
    ) -> reqwest::Result<Self> {
        let client = http_builder().read_timeout(PATIENCE).build()?;
        let mut request = client.get(format!("http://{address}/v1/stream{query}"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        let status = response.status();
        assert!(status == 200 || status == 503, "{}", response.text().await.unwrap());
        let response = response.error_for_status()?;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Self { response, unread: Vec::new(), last_id: last_id.map(ToOwned::to_owned) })
    }

    /// The next message, which must come; comments do not count.
    pub async fn next(&mut self) -> Message {
        self.try_next().await.expect("a message, not the end")
    }

    /// The next message; `None` at the end. Comments do not count.
    pub async fn try_next(&mut self) -> Option<Message> {
        loop {
            let message = self.block().await?;
            if message.data != Value::Null {
                return Some(message);
            }
        }
    }

    /// The next block, comments too; `None` at the end.
    pub async fn block(&mut self) -> Option<Message> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\n\n") {
                let rest = self.unread.split_off(end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                let message = Message::parse(std::str::from_utf8(&block).unwrap());
                if message.id.is_some() {
                    self.last_id.clone_from(&message.id);
                }
                return Some(message);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.unread.extend_from_slice(&chunk);
        }
    }

    /// The next events; their seqs.
    pub async fn seqs(&mut self, n: usize) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.len() < n {
            seqs.push(self.next().await.seq());
        }
        seqs
    }
}

impl Message {
    fn parse(block: &str) -> Self {
        let mut message = Self::default();
        for line in block.trim_end_matches('\n').split('\n').filter(|line| *line != ":") {
            let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
            let twice = match field {
                "id" => message.id.replace(value.into()).is_some(),
                "event" => message.event.replace(value.into()).is_some(),
                "retry" => message.retry.replace(value.parse().unwrap()).is_some(),
                "data" => {
                    std::mem::replace(&mut message.data, serde_json::from_str(value).unwrap())
                        != Value::Null
                }
                other => panic!("{other}"),
            };
            assert!(!twice, "{block}");
        }
        message
    }

    /// Its place in the journal, which its id must be too.
    pub fn seq(&self) -> u64 {
        assert_eq!(self.event, None, "an event: {self:?}");
        let seq = self.data["seq"].as_u64().unwrap();
        let id = format!("{}.{seq}", self.data["epoch"].as_str().unwrap());
        assert_eq!(self.id, Some(id));
        seq
    }
}
