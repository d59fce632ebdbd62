//! A destination that tallies knows without a list what a list would show.

use serde_json::{Value, json};

use crate::support::destination::{Behaviour, Destination, Tallied};

use super::clients::{Poster, Socket};

fn event(seq: u64, prev: u64) -> Value {
    json!({ "id": format!("event-{seq}"), "seq": seq, "prev": prev })
}

/// Posts events, each with what came before it, over HTTP or one by one over a channel.
async fn tallied(events: &[(u64, u64)], by_channel: bool) -> Tallied {
    let destination = Destination::start();
    // Nobody meets it.
    destination.always(Behaviour::Status(500)).await;
    destination.tally().await;
    let events = events.iter().map(|(seq, prev)| event(*seq, *prev));
    if by_channel {
        let mut socket = Socket::joined(&destination).await;
        for event in events {
            let reference = socket.push(event).await;
            assert_eq!(socket.reply().await, (reference, "ok".to_owned()));
        }
    } else {
        let poster = Poster::new(&destination);
        let of = |it| json!({ "topic": "monitoring", "event": "event", "payload": it });
        let messages: Vec<_> = events.map(of).collect();
        for part in messages.chunks(2) {
            let sent = poster.body(&json!({ "messages": part })).send().await.unwrap();
            assert_eq!(sent.status(), 202);
        }
        assert_eq!(poster.post_head(99).await, Ok(202), "a head is no event");
    }
    assert!(destination.received().await.is_empty());
    destination.tallied().await
}

#[tokio::test]
async fn events_in_order_are_without_fault() {
    for by_channel in [false, true] {
        let tallied = tallied(&[(5, 4), (6, 5), (7, 6)], by_channel).await;
        let ids = crc32fast::hash(b"event-5event-6event-7");
        assert_eq!(tallied, Tallied { events: 3, last: Some(7), ids, ..Tallied::default() });
    }
}

#[tokio::test]
async fn every_fault_is_counted() {
    for by_channel in [false, true] {
        for (events, again, missing, unchained) in [
            (&[(1, 0), (2, 1), (2, 1)][..], 1, 0, 0),
            (&[(1, 0), (4, 3)], 0, 2, 0),
            (&[(1, 0), (3, 2), (2, 1), (4, 3)], 1, 1, 0),
            (&[(1, 0), (2, 0)], 0, 0, 1),
        ] {
            let it = tallied(events, by_channel).await;
            assert_eq!((it.again, it.missing, it.unchained), (again, missing, unchained), "{it:?}");
            assert_eq!((it.events, it.faults.is_empty()), (events.len() as u64, false), "{it:?}");
        }
    }
}
