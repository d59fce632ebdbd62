//! A Realtime: where it is, with which key it is spoken to, and what goes there.

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{
    core::delivery::{Batch, DeliveryError, Item, Which},
    settings::Secret,
};

/// A Realtime, and how it is dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// `http://` or `https://` and where, perhaps with a path, without a slash at its end.
    pub url: String,
    /// The key for it; whoever needs none gets none.
    pub key: Secret,
    /// The topic of events, without what begins it on the wire.
    pub topic: String,
    /// How long one request may take, from the first byte of a connection on.
    pub timeout: Duration,
    /// Bytes of one request.
    pub request_bytes: usize,
}

/// This machine has not what it takes to speak to a Realtime.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client for the Realtime cannot be made: {0}")]
pub struct NoClient(pub String);

impl Destination {
    /// Whether nothing encrypts the way there.
    pub(super) fn is_plain(&self) -> bool {
        self.url.starts_with("http:")
    }

    /// TLS that believes the public authorities; on a plain way there is nobody to believe.
    pub(super) fn tls(&self) -> Result<ClientConfig, NoClient> {
        let roots = if self.is_plain() {
            RootCertStore::empty()
        } else {
            RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
        };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| NoClient(error.to_string()))?;
        Ok(tls.with_root_certificates(roots).with_no_client_auth())
    }

    /// What somebody else said, fit for a log: short, on one line, without the key.
    pub(super) fn told(&self, text: &str) -> String {
        let key = self.key.expose();
        let text = if key.is_empty() { text.to_owned() } else { text.replace(key, "***") };
        let text = text.chars().map(|char| if char.is_control() { ' ' } else { char });
        text.take(MOST_TOLD).collect::<String>().trim().to_owned()
    }

    /// The same error, its words fit for a log.
    #[must_use]
    pub fn clean(&self, error: DeliveryError) -> DeliveryError {
        match error {
            DeliveryError::Transient { reason } => {
                DeliveryError::Transient { reason: self.told(&reason) }
            }
            DeliveryError::RateLimited { retry_after, reason } => {
                DeliveryError::RateLimited { retry_after, reason: self.told(&reason) }
            }
            DeliveryError::Rejected { which, reason } => {
                DeliveryError::Rejected { which, reason: self.told(&reason) }
            }
            DeliveryError::Misconfigured { reason } => {
                DeliveryError::Misconfigured { reason: self.told(&reason) }
            }
        }
    }

    /// It did not answer in time.
    pub(super) fn late(&self) -> DeliveryError {
        let reason = format!("no answer within {}", humantime::format_duration(self.timeout));
        DeliveryError::Transient { reason }
    }
}

/// Characters that somebody else may say.
const MOST_TOLD: usize = 300;

/// A JSON text, quoted.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Bytes of an event's payload, as [`Item::payload`] makes it.
fn payload_len(item: &Item) -> usize {
    const PREV: usize = r#"{"prev":,"#.len();
    let digits = item.prev.checked_ilog10().map_or(1, |tens| tens as usize + 1);
    (PREV + digits + item.event.json.len()).saturating_sub(1)
}

/// Bytes of an event's message, where `around` are those of all but its type and its payload.
pub(super) fn message_len(item: &Item, around: usize) -> usize {
    around + quoted(&item.event.event_type).len() + payload_len(item)
}

/// How many of the first events fit into `most` bytes, where each has so many; one in any case.
pub(super) fn fitting(batch: &Batch, most: usize, len: impl Fn(&Item) -> usize) -> usize {
    let mut bytes = 0_usize;
    let fitting = batch.items.iter().take_while(|item| {
        bytes = bytes.saturating_add(len(item));
        bytes <= most
    });
    fitting.count().max(1).min(batch.items.len())
}

/// Refuses what is too large by itself, before anything is sent.
pub(super) fn refuse_oversize(
    batch: &Batch,
    most: usize,
    len: impl Fn(&Item) -> usize,
) -> Result<(), DeliveryError> {
    let too_large = batch.items.iter().enumerate().filter(|(_, item)| len(item) > most);
    let too_large: Vec<usize> = too_large.map(|(place, _)| place).collect();
    if too_large.is_empty() {
        return Ok(());
    }
    let reason = format!("an event takes more than the {most} bytes of a request");
    Err(DeliveryError::Rejected { which: Which::These(too_large), reason })
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::core::{event::Event, tail::tests::event};

    /// A destination that nobody speaks to.
    pub(crate) fn destination() -> Destination {
        Destination {
            url: "http://127.0.0.1:9".to_owned(),
            key: Secret::new("s3cret".to_owned()),
            topic: "a \"wall\"".to_owned(),
            timeout: Duration::from_secs(1),
            request_bytes: 1000,
        }
    }

    /// Events of these types, each with what came before it.
    pub(crate) fn batch(types: &[&str]) -> Batch {
        let items = types.iter().zip(1_u64..).map(|(event_type, seq)| {
            let json = format!(r#"{{"seq":{seq},"data":{{"é":"{}"}}}}"#, "x".repeat(50));
            let event = Event { json: json.into(), ..event(seq, event_type) };
            Item { event: Arc::new(event), prev: seq * 9 - 9 }
        });
        Batch { epoch: Uuid::nil(), items: items.collect() }
    }

    #[test]
    fn a_message_is_as_long_as_it_is_said_to_be() {
        for item in &batch(&["t", "ü\"\n"]).items {
            for prev in [0, 9, 10, 99, 100, u64::MAX] {
                let item = Item { prev, ..item.clone() };
                let expected = item.payload().len() + quoted(&item.event.event_type).len() + 7;
                assert_eq!(message_len(&item, 7), expected, "{prev}");
            }
        }
    }

    #[test]
    fn as_many_fit_as_there_is_room_for_and_one_in_any_case() {
        let batch = batch(&["a"; 4]);
        for (most, expected) in [(0, 1), (9, 1), (10, 1), (19, 1), (20, 2), (40, 4), (99, 4)] {
            assert_eq!(fitting(&batch, most, |_| 10), expected, "{most}");
        }
        let none = Batch { items: vec![], ..batch };
        assert_eq!(fitting(&none, 99, |_| 10), 0);
    }

    #[test]
    fn what_is_told_is_short_and_without_the_key() {
        let told = destination().told("key\ns3cret\u{1b}[31m is wrong");
        assert_eq!(told, "key *** [31m is wrong");
        assert_eq!(destination().told(&"x".repeat(999)).len(), MOST_TOLD);
    }
}
