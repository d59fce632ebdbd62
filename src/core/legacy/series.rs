//! Counts per interval of time, over the events that the history keeps.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::{entry::Entry, totals::average};
use crate::core::event::rfc3339;

/// Most intervals in a series, the newest; those without an event are left out.
pub(super) const MAX_BUCKETS: usize = 1000;

#[derive(Debug, Default)]
struct Bucket {
    count: u64,
    errors: u64,
    bytes: u64,
    responses: u64,
    response_ms: f64,
}

/// The intervals in which something happened, by their beginning, and whether older ones had to be
/// left out.
pub(super) fn series<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    interval_minutes: u32,
) -> (Map<String, Value>, bool) {
    let seconds = i64::from(interval_minutes) * 60;
    let mut buckets: BTreeMap<i64, Bucket> = BTreeMap::new();
    for entry in entries {
        let number = entry.at.timestamp().div_euclid(seconds.max(1));
        let bucket = buckets.entry(number).or_default();
        bucket.count += 1;
        bucket.errors += u64::from(entry.is_error);
        bucket.bytes = bucket.bytes.saturating_add(entry.bytes);
        if let Some(ms) = entry.response_ms {
            bucket.responses += 1;
            bucket.response_ms += ms;
        }
    }
    let is_cut = buckets.len() > MAX_BUCKETS;
    let newest = buckets.into_iter().rev().take(MAX_BUCKETS);
    let series = newest.map(|(number, bucket)| {
        let start = DateTime::from_timestamp(number * seconds, 0).unwrap_or_default();
        let value = json!({
            "count": bucket.count,
            "errors": bucket.errors,
            "total_bytes": bucket.bytes,
            "avg_response_time": average(bucket.response_ms, bucket.responses),
        });
        (rfc3339(start), value)
    });
    (series.collect(), is_cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::legacy::{History, history::tests};

    #[test]
    fn each_interval_counts_what_happened_in_it() {
        let mut history = History::default();
        for (seq, data) in [
            (59, json!({ "direction": "error", "data_size_bytes": 3 })),
            (60, json!({ "data_size_bytes": 4, "response_time_ms": 1 })),
            (119, json!({ "data_size_bytes": 5, "response_time_ms": 2 })),
            (3600, json!({})),
        ] {
            history.take(&tests::event(seq, "redis", &data));
        }
        let bucket = |count, errors, bytes, average| {
            json!({
                "count": count, "errors": errors, "total_bytes": bytes,
                "avg_response_time": average,
            })
        };
        let (found, is_cut) = series(history.entries(), 1);
        let expected = json!({
            "1970-01-01T00:00:00.000000Z": bucket(1, 1, 3, 0.0),
            "1970-01-01T00:01:00.000000Z": bucket(2, 0, 9, 1.5),
            "1970-01-01T01:00:00.000000Z": bucket(1, 0, 0, 0.0),
        });
        assert_eq!((Value::from(found), is_cut), (expected, false));
    }

    #[test]
    fn the_newest_intervals_are_given() {
        let mut history = History::default();
        for seq in 0..=MAX_BUCKETS as u64 {
            history.take(&tests::event(seq * 60, "redis", &json!({})));
        }
        let (found, is_cut) = series(history.entries(), 1);
        assert_eq!((found.len(), is_cut), (MAX_BUCKETS, true));
        assert!(!found.contains_key("1970-01-01T00:00:00.000000Z"));
    }

    proptest! {
        #[test]
        fn no_event_is_counted_twice_or_left_out(
            steps in prop::collection::vec(1..5000_u64, 0..50),
            interval in 1..1441_u32,
        ) {
            let mut history = History::default();
            let mut seq = 0;
            for step in &steps {
                seq += step;
                history.take(&tests::event(seq, "glm", &json!({})));
            }
            let (found, _) = series(history.entries(), interval);
            let sum: u64 = found.values().map(|bucket| bucket["count"].as_u64().unwrap()).sum();
            prop_assert_eq!(sum, steps.len() as u64);
        }
    }
}
