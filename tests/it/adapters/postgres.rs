//! The transport by rows, into a real PostgreSQL.

mod encrypted;
mod faults;
mod obstacles;
mod outages;
mod place;
mod pooler;
mod same;

use serde_json::Value;
use signalbox::{
    adapters::Transport as _,
    core::{
        canonical::canonical,
        delivery::{Delivered, DeliveryError, Which},
    },
};
use tokio_postgres::Client;

use self::place::{There, batch, event, settings, transport};

const SLOT: &str = "SELECT pg_create_logical_replication_slot(\
     'rows_' || current_database(), 'wal2json', true)::text";
/// What the publication tells since the slot was made.
const CHANGES: &str = "SELECT data FROM pg_logical_slot_get_changes(\
     'rows_' || current_database(), NULL, NULL, 'format-version', '2', \
     'include-transaction', 'false', 'actions', 'insert', 'add-tables', \
     (SELECT string_agg(schemaname || '.' || tablename, ',') FROM pg_publication_tables \
      WHERE pubname = 'supabase_realtime'))";

/// The rows that were told of: their columns' values by name.
async fn told(client: &Client) -> Vec<Value> {
    let rows = client.query(CHANGES, &[]).await.unwrap();
    let row = |row: &tokio_postgres::Row| {
        let change: Value = serde_json::from_str(row.get(0)).unwrap();
        let columns = change["columns"].as_array().unwrap().iter();
        columns.map(|it| (it["name"].as_str().unwrap().to_owned(), it["value"].clone())).collect()
    };
    rows.iter().map(row).collect()
}

fn micros(text: &Value) -> i64 {
    let text = text.as_str().unwrap().replacen(' ', "T", 1);
    let text = if text.ends_with("+00") { format!("{text}:00") } else { text };
    chrono::DateTime::parse_from_rfc3339(&text).unwrap().timestamp_micros()
}

/// Object text in its one form, so that values are compared and not spellings.
fn value_of(text: &str) -> String {
    canonical(text).unwrap()
}

#[actix::test]
async fn every_row_is_told_of_once_in_order_with_the_values_of_the_journal() {
    let there = There::new().await;
    there.client.query(SLOT, &[]).await.unwrap();
    let objects = [
        r#"{"n":1.50,"big":9007199254740993,"e":1e2,"small":1e-7,"z":-0.0}"#,
        r#"{"b":1,"a":{"deep":[[[]],null,true]},"":"\ud83d\ude00 \" \\ \u0001"}"#,
        r#"{"long":"PLACE"}"#,
        "{}",
    ];
    let times = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2025-11-03T09:32:55.1Z"];
    let events: Vec<_> = (1..=40)
        .map(|n: u64| {
            let at = usize::try_from(n).unwrap();
            let data = objects[at % 4].replace("PLACE", &"x,\u{e9}".repeat(20_000));
            event(n, times[at % 3], &data, objects[(at + 1) % 4])
        })
        .collect();
    let transport = transport(&there.url);
    for part in events.chunks(7) {
        let delivered = transport.deliver(&batch(part)).await;
        assert_eq!(delivered, Ok(Delivered { events: part.len(), known: 0 }));
    }
    let told = told(&there.client).await;
    assert_eq!(told.len(), events.len());
    for (row, event) in told.iter().zip(&events) {
        let sent: Value = serde_json::from_slice(&event.json).unwrap();
        for name in ["id", "seq", "event_type", "source", "category", "checksum"] {
            assert_eq!(row[name], sent[name], "{name}");
        }
        for name in ["timestamp", "created_at"] {
            assert_eq!(micros(&row[name]), micros(&sent[name]), "{name}: {}", row[name]);
        }
        let json = std::str::from_utf8(&event.json).unwrap();
        for name in ["data", "metadata"] {
            let raw: std::collections::HashMap<&str, &serde_json::value::RawValue> =
                serde_json::from_str(json).unwrap();
            assert_eq!(value_of(row[name].as_str().unwrap()), value_of(raw[name].get()));
        }
    }
}

#[actix::test]
async fn a_batch_that_is_sent_again_inserts_nothing_and_tells_nobody() {
    let there = There::new().await;
    there.client.query(SLOT, &[]).await.unwrap();
    let transport = transport(&there.url);
    let first = batch(&place::events(1..=3));
    assert_eq!(transport.deliver(&first).await, Ok(Delivered { events: 3, known: 0 }));
    assert_eq!(transport.deliver(&first).await, Ok(Delivered { events: 3, known: 3 }));
    let more = batch(&place::events(2..=5));
    assert_eq!(transport.deliver(&more).await, Ok(Delivered { events: 4, known: 2 }));
    let told: Vec<_> = told(&there.client).await.iter().map(|row| row["seq"].clone()).collect();
    assert_eq!(told, [1, 2, 3, 4, 5]);
}

#[actix::test]
async fn a_batch_has_more_values_than_a_statement_has_parameters() {
    let there = There::new().await;
    let events = place::events(1..=10_000);
    let delivered = transport(&there.url).deliver(&batch(&events)).await;
    assert_eq!(delivered, Ok(Delivered { events: 10_000, known: 0 }));
    assert_eq!(there.seqs().await, (1..=10_000).collect::<Vec<_>>());
}

#[actix::test]
async fn the_table_of_the_original_takes_what_it_has_columns_for() {
    let there = There::empty().await;
    there
        .sql(
            "CREATE SCHEMA monitoring;
             CREATE TABLE monitoring.monitoring_events (
                 id UUID PRIMARY KEY DEFAULT gen_random_uuid(), event_type VARCHAR(50) NOT NULL,
                 timestamp TIMESTAMPTZ NOT NULL, source VARCHAR(100) NOT NULL,
                 data JSONB NOT NULL, metadata JSONB NOT NULL DEFAULT '{}',
                 created_at TIMESTAMPTZ DEFAULT now());
             CREATE PUBLICATION supabase_realtime FOR TABLE monitoring.monitoring_events",
        )
        .await;
    let transport = transport(&there.url);
    transport.health().await.unwrap();
    let delivered = transport.deliver(&batch(&place::events(1..=3))).await;
    assert_eq!(delivered, Ok(Delivered { events: 3, known: 0 }));
    assert_eq!(there.count().await, 3);
}

#[actix::test]
async fn as_many_events_fit_as_a_request_may_have_bytes_but_one_at_least() {
    let there = There::new().await;
    let mut settings = settings(&there.url);
    let events = place::events(1..=4);
    settings.realtime.request_bytes = events[0].json.len() * 3;
    let transport = place::with(&settings);
    assert_eq!(transport.fitting(&batch(&events)), 3);
    assert_eq!(transport.fitting(&batch(&events[..2])), 2);

    let large = event(5, "2025-11-03T09:32:55Z", &format!(r#"{{"x":"{:9999}"}}"#, ""), "{}");
    let mixed = batch(&[events[0].clone(), large.clone(), events[1].clone()]);
    assert_eq!(transport.fitting(&batch(&[large])), 1);
    assert_eq!(transport.fitting(&mixed), 1);
    let Err(DeliveryError::Rejected { which, reason }) = transport.deliver(&mixed).await else {
        panic!("one is too large")
    };
    assert_eq!((which, there.count().await), (Which::These(vec![1]), 0));
    assert!(reason.contains("realtime.request_bytes"), "{reason}");
}
