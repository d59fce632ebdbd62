//! What is known of the connections that the original system watched: totals, and the newest 10,000
//! of their events.
//!
//! It is a reader of the journal that keeps nothing which could not be read again. Whoever asks
//! brings it current first, from [`History::resume`] on; while nobody asks, it costs nothing. What
//! it reads back, after a restart or a long time without a question, is bounded by [`MAX_BEHIND`]:
//! then it counts anew from there, and answers say since when.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{ConnectionType, Parts, entry::Entry, totals::Totals};
use crate::core::{
    event::{Event, Position, Seq},
    numbering::Head,
};

/// Events that are read back at most.
pub const MAX_BEHIND: u64 = 100_000;
/// Events that are kept.
const RING_EVENTS: usize = 10_000;
/// Bytes of them that are kept.
const RING_BYTES: usize = 16 << 20;
/// Longest data of the metrics that are kept.
const MAX_METRICS: usize = 32 << 10;

/// The reader.
#[derive(Debug, Default)]
pub struct History {
    epoch: Uuid,
    next: Seq,
    /// When the first event was committed that it has looked at.
    since: Option<DateTime<Utc>>,
    ring: VecDeque<Entry>,
    ring_bytes: usize,
    totals: BTreeMap<ConnectionType, Totals>,
    session_metrics: Option<Box<str>>,
    semaphore_metrics: Option<Box<str>>,
}

impl History {
    /// Where to read on to be current with the journal that ends at `head`: `head_seq + 1` when
    /// nothing is left to read. It begins anew on another journal, and when it is too far behind.
    pub fn resume(&mut self, head: &Head) -> Seq {
        let oldest = head.first_seq.max((head.head_seq + 1).saturating_sub(MAX_BEHIND));
        if self.epoch != head.epoch || self.next < oldest {
            *self = Self { epoch: head.epoch, next: oldest, ..Self::default() };
        }
        self.next
    }

    /// Looks at an event. One that was looked at before is left alone; what lies between that and
    /// this one counts as read.
    pub fn take(&mut self, event: &Event) {
        if event.seq < self.next {
            return;
        }
        self.next = event.seq + 1;
        self.since.get_or_insert(event.created_at);
        match &*event.event_type {
            "session_metrics" => keep(&mut self.session_metrics, event),
            "semaphore_metrics" => keep(&mut self.semaphore_metrics, event),
            _ => {}
        }
        if let Some(entry) = Entry::read(event) {
            self.totals.entry(entry.kind).or_default().add(&entry);
            self.ring_bytes += entry.json.len();
            self.ring.push_back(entry);
            while self.ring.len() > RING_EVENTS || self.ring_bytes > RING_BYTES {
                let Some(oldest) = self.ring.pop_front() else { break };
                self.ring_bytes -= oldest.json.len();
            }
        }
    }

    /// Since when the totals count: the commit of the first event that is in them, or could be.
    pub(super) fn since(&self) -> Option<DateTime<Utc>> {
        self.since
    }

    /// The newest place that was looked at.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.next.saturating_sub(1) }
    }

    /// The first `seq` that was not looked at.
    pub(super) fn next(&self) -> Seq {
        self.next
    }

    /// The events that are kept, newest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.ring.iter().rev()
    }

    /// The oldest event that is kept.
    pub(super) fn oldest(&self) -> Option<&Entry> {
        self.ring.front()
    }

    /// The newest data of `session_metrics` and of `semaphore_metrics`, as JSON.
    pub(super) fn metrics(&self) -> [&str; 2] {
        [&self.session_metrics, &self.semaphore_metrics].map(|data| data.as_deref().unwrap_or("{}"))
    }

    /// The totals of a connection type; `websockets` is how many are open now.
    pub(super) fn stats(&self, kind: ConnectionType, websockets: usize) -> Value {
        self.totals.get(&kind).unwrap_or(&Totals::default()).stats(kind, websockets)
    }
}

/// Keeps the data of an event in the place of an older one's.
fn keep(place: &mut Option<Box<str>>, event: &Event) {
    let data = Parts::of(event).map(|parts| parts.data.get());
    if let Some(data) = data.filter(|data| data.len() <= MAX_METRICS) {
        *place = Some(data.into());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::core::{
        event::{Draft, tests::draft},
        legacy::entry::MAX_VALUE,
    };

    /// An event whose time is that many seconds after 1970.
    pub(in crate::core::legacy) fn event(seq: Seq, source: &str, data: &Value) -> Event {
        let at = DateTime::from_timestamp(i64::try_from(seq).unwrap(), 0).unwrap();
        let event_type = data["event_type"].as_str().unwrap_or("event");
        let draft = Draft {
            event_type: event_type.into(),
            source: source.into(),
            timestamp: at,
            data: data.to_string().into(),
            ..draft(u128::from(seq), "00000000")
        };
        Event::commit(draft, Position { epoch: Uuid::nil(), seq }, at)
    }

    /// A history that has taken these, from seq 1 on.
    pub(in crate::core::legacy) fn history(events: &[(&str, Value)]) -> History {
        let mut history = History::default();
        for (seq, (source, data)) in (1..).zip(events) {
            history.take(&event(seq, source, data));
        }
        history
    }

    fn head(first_seq: Seq, head_seq: Seq) -> Head {
        Head { first_seq, head_seq, ..Head::empty(Uuid::from_u128(1)) }
    }

    #[test]
    fn totals_are_sums_over_the_events_of_a_connection() {
        let redis = |data: Value| ("redis", data);
        let history = history(&[
            redis(json!({ "direction": "send", "data_size_bytes": 10, "response_time_ms": 2 })),
            redis(json!({ "direction": "receive", "data_size_bytes": 5.0, "response_time_ms": 4 })),
            redis(json!({ "direction": "error", "error": null, "active_connections": 3 })),
            redis(json!({ "direction": "send", "error": "late", "data_size_bytes": -1 })),
            redis(json!({ "direction": "send", "error": "", "response_time_ms": "long" })),
        ]);
        let expected = json!({
            "connection_type": "redis", "total_events": 5, "total_sent_bytes": 10,
            "total_received_bytes": 5, "total_bytes": 15, "total_errors": 2,
            "avg_response_time_ms": 3.0, "last_event_timestamp": "1970-01-01T00:00:05.000000Z",
            "active_connections": 3,
        });
        assert_eq!(history.stats(ConnectionType::Redis, 9), expected);
        let websocket = history.stats(ConnectionType::Websocket, 9);
        assert_eq!(
            (&websocket["active_connections"], &websocket["total_events"]),
            (&json!(9), &json!(0))
        );
        assert_eq!(websocket["last_event_timestamp"], Value::Null);
    }

    #[test]
    fn it_reads_on_where_it_was_and_begins_anew_where_it_cannot() {
        let mut history = History::default();
        assert_eq!(history.resume(&head(1, 0)), 1);
        for seq in 1..=3 {
            history.take(&event(seq, "redis", &json!({})));
            history.take(&event(1, "redis", &json!({})));
        }
        assert_eq!(history.resume(&head(1, 5)), 4);
        assert_eq!(history.stats(ConnectionType::Redis, 0)["total_events"], 3, "each once");
        assert_eq!(history.resume(&head(4, 5)), 4, "what it has read may be gone");
        assert_eq!(history.since().unwrap().timestamp(), 1);
        assert_eq!(history.resume(&head(5, 5)), 5, "what it has not read must not be");
        assert_eq!((history.since(), history.entries().count()), (None, 0));
        assert_eq!(history.resume(&head(1, MAX_BEHIND + 4)), 5);
        assert_eq!(history.resume(&head(1, MAX_BEHIND + 5)), 6);
        let other = Head { epoch: Uuid::from_u128(2), ..head(1, 5) };
        assert_eq!(history.resume(&other), 1);
    }

    #[test]
    fn the_newest_metrics_are_kept_unless_they_are_huge() {
        let mut history = History::default();
        assert_eq!(history.metrics(), ["{}", "{}"]);
        for (seq, n) in [(1, 1), (2, MAX_METRICS), (3, 2)] {
            let data = json!({ "event_type": "semaphore_metrics", "n": "x".repeat(n) });
            history.take(&event(seq, "any", &data));
            assert!(history.metrics()[1].len() < 100 && history.metrics()[1].contains("\"x"));
        }
        assert!(history.metrics()[1].contains("xx"));
    }

    #[test]
    fn the_ring_is_bounded_by_events_and_by_bytes() {
        let mut small = History::default();
        let mut large = History::default();
        let metadata = "x".repeat(MAX_VALUE - 10);
        let heavy = json!({
            "metadata": { "x": metadata }, "error": metadata, "script": metadata,
            "function": metadata, "direction": metadata,
        });
        let light = json!({});
        for seq in 1..=10_050 {
            small.take(&event(seq, "redis", &light));
            large.take(&event(seq, "redis", if seq > 6000 { &light } else { &heavy }));
        }
        assert_eq!((small.entries().count(), small.oldest().unwrap().seq), (RING_EVENTS, 51));
        assert!(large.ring_bytes <= RING_BYTES && large.entries().count() < RING_EVENTS);
        let bytes: usize = large.entries().map(|entry| entry.json.len()).sum();
        assert_eq!(large.ring_bytes, bytes);
        assert_eq!(large.stats(ConnectionType::Redis, 0)["total_events"], 10_050);
    }

    proptest! {
        #[test]
        fn totals_are_what_a_naive_count_says(
            events in prop::collection::vec(
                (
                    "(websocket|redis|glm|other)",
                    prop::option::of("(redis|kimi|kafka)"),
                    "(send|receive|error|x)",
                    prop::option::of(0..1_000_000_u64),
                ),
                0..40,
            ),
        ) {
            let data = |kind: &Option<String>, direction: &str, bytes: &Option<u64>| {
                let mut data = json!({ "direction": direction, "data_size_bytes": bytes });
                if let Some(kind) = kind {
                    data["connection_type"] = json!(kind);
                }
                data
            };
            let list: Vec<_> = events.iter().map(|(source, kind, direction, bytes)| {
                (source.as_str(), data(kind, direction, bytes))
            }).collect();
            let history = history(&list);
            for kind in ConnectionType::ALL {
                let of_kind: Vec<_> = events
                    .iter()
                    .filter(|(source, named, ..)| named.as_ref().unwrap_or(source) == kind.as_str())
                    .collect();
                let sum = |wanted: &str| -> u64 {
                    let way = of_kind.iter().filter(|(_, _, direction, _)| direction == wanted);
                    way.map(|(.., bytes)| bytes.unwrap_or(0)).sum()
                };
                let stats = history.stats(kind, 0);
                prop_assert_eq!(&stats["total_events"], &json!(of_kind.len()));
                prop_assert_eq!(&stats["total_sent_bytes"], &json!(sum("send")));
                prop_assert_eq!(&stats["total_received_bytes"], &json!(sum("receive")));
                let errors = of_kind.iter().filter(|(_, _, way, _)| way == "error").count();
                prop_assert_eq!(&stats["total_errors"], &json!(errors));
            }
        }
    }
}
