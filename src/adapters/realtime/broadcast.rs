//! Broadcasts over HTTP: one request a batch. What is posted is taken whole or not at all.

use async_trait::async_trait;
use chrono::Utc;
use reqwest::{
    Client, Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};

use super::{
    answers::{self, Words},
    destination::{Destination, NoClient, fitting, message_len, quoted, refuse_oversize},
};
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Batch, Delivered, DeliveryError, HEAD_EVENT, Item},
        event::Position,
    },
};

/// Largest body that the real server takes, in bytes, whatever the settings allow.
const MOST: usize = 8_000_000;
/// Bytes of an answer that are looked at.
const MOST_SAID: usize = 8 << 10;
const APIKEY: HeaderName = HeaderName::from_static("apikey");

const BEGIN: &str = r#"{"messages":["#;
const END: &str = "]}";

/// The transport.
#[derive(Debug)]
pub struct BroadcastTransport {
    destination: Destination,
    url: String,
    client: Client,
    /// What a message begins with, up to its event.
    before: String,
}

/// What stands between the event and the payload, and after that.
const BETWEEN: &str = r#","payload":"#;
const AFTER: &str = r#","private":false}"#;

impl BroadcastTransport {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// When this machine has not what it takes, or the key cannot stand in a header.
    pub fn try_new(destination: Destination) -> Result<Self, NoClient> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let key = destination.key.expose();
        if !key.is_empty() {
            headers.insert(APIKEY, header(key)?);
            headers.insert(AUTHORIZATION, header(&format!("Bearer {key}"))?);
        }
        // Where it is said to be, and nowhere else: the key is for no one else.
        let client = Client::builder()
            .tls_backend_preconfigured(destination.tls()?)
            .redirect(Policy::none())
            .no_proxy()
            .default_headers(headers)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| NoClient(root_cause(&error)))?;
        let url = format!("{}/realtime/v1/api/broadcast", destination.url);
        let before = format!("{{\"topic\":{},\"event\":", quoted(&destination.topic));
        Ok(Self { destination, url, client, before })
    }

    fn most(&self) -> usize {
        self.destination.request_bytes.min(MOST).saturating_sub(BEGIN.len() + END.len())
    }

    /// Bytes of one event in a body, with the comma behind it.
    fn len(&self, item: &Item) -> usize {
        message_len(item, self.before.len() + BETWEEN.len() + AFTER.len() + 1)
    }

    fn message(&self, out: &mut Vec<u8>, event: &str, payload: &[u8]) {
        for part in [self.before.as_bytes(), quoted(event).as_bytes(), BETWEEN.as_bytes(), payload]
        {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(AFTER.as_bytes());
    }

    fn body(&self, items: &[Item]) -> Vec<u8> {
        let bytes = items.iter().map(|item| self.len(item)).sum::<usize>();
        let mut body = Vec::with_capacity(bytes + BEGIN.len() + END.len());
        body.extend_from_slice(BEGIN.as_bytes());
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                body.push(b',');
            }
            self.message(&mut body, &item.event.event_type, &item.payload());
        }
        body.extend_from_slice(END.as_bytes());
        body
    }

    /// One exchange, from the connection to the end of the answer, within the deadline.
    async fn post(&self, body: Vec<u8>) -> Result<Answer, DeliveryError> {
        let exchange = async {
            let response = self.client.post(&self.url).body(body).send().await?;
            Answer::read(response).await
        };
        match tokio::time::timeout(self.destination.timeout, exchange).await {
            Ok(Ok(mut answer)) => {
                answer.words.text = self.destination.told(&answer.words.text);
                Ok(answer)
            }
            Ok(Err(error)) => {
                let reason = self.destination.told(&root_cause(&error));
                Err(DeliveryError::Transient { reason })
            }
            Err(_elapsed) => Err(self.destination.late()),
        }
    }
}

#[async_trait]
impl Transport for BroadcastTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::Broadcast
    }

    fn describe(&self) -> String {
        format!("broadcasts to {}", self.url)
    }

    fn fitting(&self, batch: &Batch) -> usize {
        fitting(batch, self.most(), |item| self.len(item))
    }

    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let delivered = Delivered { events: batch.items.len(), known: 0 };
        if batch.items.is_empty() {
            return Ok(delivered);
        }
        refuse_oversize(batch, self.most(), |item| self.len(item))?;
        self.post(self.body(&batch.items)).await?.meaning().map(|()| delivered)
    }

    async fn announce(&self, position: Position) -> Result<(), DeliveryError> {
        let Position { epoch, seq } = position;
        let mut body = BEGIN.as_bytes().to_vec();
        let payload = format!(r#"{{"epoch":"{epoch}","seq":{seq}}}"#);
        self.message(&mut body, HEAD_EVENT, payload.as_bytes());
        body.extend_from_slice(END.as_bytes());
        self.post(body).await?.meaning()
    }

    /// Posts no message: the real server asks who we are, reads it, and says that it wants one.
    async fn health(&self) -> Result<(), DeliveryError> {
        let answer = self.post(format!("{BEGIN}{END}").into_bytes()).await?;
        if answer.status.as_u16() == 422 { Ok(()) } else { answer.meaning() }
    }
}

/// An answer, as far as it matters.
struct Answer {
    status: reqwest::StatusCode,
    retry_after: Option<std::time::Duration>,
    words: Words,
}

impl Answer {
    /// Reads it to its end, or as far as anybody would.
    async fn read(mut response: Response) -> reqwest::Result<Self> {
        let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|value| answers::retry_after(value, Utc::now()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            let room = MOST_SAID - body.len();
            body.extend(chunk.iter().take(room));
            if chunk.len() >= room {
                break;
            }
        }
        Ok(Self { status: response.status(), retry_after, words: Words::of(&body) })
    }

    fn meaning(&self) -> Result<(), DeliveryError> {
        answers::of_status(self.status, &self.words, self.retry_after)
    }
}

fn header(value: &str) -> Result<HeaderValue, NoClient> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_not_shown| NoClient("realtime.key cannot stand in a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The innermost cause: what the operating system said, usually.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        adapters::realtime::destination::tests::{batch, destination},
        core::delivery::Which,
    };

    fn broadcast(request_bytes: usize) -> BroadcastTransport {
        BroadcastTransport::try_new(Destination { request_bytes, ..destination() }).unwrap()
    }

    #[test]
    fn a_body_is_what_the_real_server_reads_and_as_long_as_expected() {
        let transport = broadcast(1000);
        for types in [&["a"][..], &["ü\"", "b", "c"]] {
            let batch = batch(types);
            let body = transport.body(&batch.items);
            let read: Value = serde_json::from_slice(&body).unwrap();
            let messages = batch.items.iter().map(|item| {
                let payload: Value = serde_json::from_slice(&item.payload()).unwrap();
                json!({
                    "topic": "a \"wall\"", "event": &*item.event.event_type, "payload": payload,
                    "private": false,
                })
            });
            assert_eq!(read, json!({ "messages": messages.collect::<Vec<_>>() }));
            let expected = batch.items.iter().map(|item| transport.len(item)).sum::<usize>();
            assert_eq!(body.len(), expected - 1 + BEGIN.len() + END.len());
        }
    }

    #[tokio::test]
    async fn what_is_too_large_by_itself_is_refused_and_nothing_is_sent() {
        let batch = batch(&["a", "a", "long type", "a"]);
        let all = broadcast(1_000_000);
        let one = all.body(&batch.items[..1]).len();
        let transport = broadcast(one + 2);
        assert_eq!(transport.fitting(&batch), 1);
        assert_eq!(broadcast(2 * one).fitting(&batch), 2);
        assert_eq!(all.fitting(&batch), 4);
        let DeliveryError::Rejected { which, .. } = transport.deliver(&batch).await.unwrap_err()
        else {
            panic!("it is not refused");
        };
        assert_eq!(which, Which::These(vec![2]));
    }

    #[tokio::test]
    async fn nothing_is_delivered_at_once_and_nobody_there_is_no_success() {
        let transport = broadcast(1000);
        let none = Batch { items: vec![], ..batch(&[]) };
        assert_eq!(transport.deliver(&none).await, Ok(Delivered::default()));
        let error = transport.deliver(&batch(&["a"])).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Transient { .. }), "{error:?}");
        assert!(transport.health().await.is_err());
        assert!(!format!("{transport:?} {}", transport.describe()).contains("s3cret"));
    }
}
