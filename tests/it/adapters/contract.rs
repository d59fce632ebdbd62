//! What every transport over HTTP or a WebSocket must do. Events are made up here: a transport does
//! not look into them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::DateTime;
use serde_json::{Value, json};
use signalbox::{
    adapters::{
        Transport, TransportKind,
        realtime::{Destination, broadcast::BroadcastTransport, channel::ChannelTransport},
    },
    core::{
        delivery::{Batch, Delivered, DeliveryError, Item, Which},
        event::{Category, Event, Position},
        flags::Mode,
    },
    settings::Secret,
};
use uuid::Uuid;

use crate::support::{
    channel::Socket,
    router::{PATIENCE, Router},
};

/// A way to make a transport.
pub type Make = fn(Destination) -> Box<dyn Transport>;

pub fn broadcast(destination: Destination) -> Box<dyn Transport> {
    Box::new(BroadcastTransport::try_new(destination).unwrap())
}

pub fn channel(destination: Destination) -> Box<dyn Transport> {
    Box::new(ChannelTransport::try_new(destination).unwrap())
}

/// The router as a destination, where any key is good.
pub fn destination(router: &Router) -> Destination {
    Destination {
        url: router.url(""),
        key: Secret::new("any".to_owned()),
        topic: "monitoring".to_owned(),
        timeout: PATIENCE,
        request_bytes: 2 << 20,
    }
}

/// A router that takes as much as comes.
pub fn unlimited() -> Router {
    Router::with(&[
        ("realtime.events_per_second", "0"),
        ("realtime.topic_events", "20000"),
        ("realtime.topic_bytes", "64MiB"),
    ])
}

const EPOCH: Uuid = Uuid::from_u128(0x5eed);

/// An event of a type, at a place, with data.
pub fn item(seq: u64, event_type: &str, data: &Value) -> Item {
    let id = Uuid::from_u128(u128::from(seq));
    let json = json!({
        "id": id, "seq": seq, "epoch": EPOCH, "event_type": event_type, "data": data,
    });
    let event = Event {
        seq,
        id,
        event_type: event_type.into(),
        source: "test".into(),
        category: Category::System,
        mode: Mode::Dual,
        created_at: DateTime::UNIX_EPOCH,
        json: json.to_string().into(),
    };
    Item { event: Arc::new(event), prev: seq - 1 }
}

pub fn batch(items: Vec<Item>) -> Batch {
    Batch { epoch: EPOCH, items }
}

/// Events without much in them.
pub fn plain(seqs: std::ops::RangeInclusive<u64>) -> Batch {
    batch(seqs.map(|seq| item(seq, "t", &json!({}))).collect())
}

/// A client that hears the topic.
pub async fn listen(router: &Router) -> Socket {
    let mut socket = Socket::connect(router).await;
    socket.join("monitoring", json!({})).await;
    socket
}

/// The places of the next events.
pub async fn heard(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut seqs = Vec::new();
    for _ in 0..count {
        seqs.push(socket.expect("broadcast").await["payload"]["seq"].as_u64().unwrap());
    }
    seqs
}

fn seqs(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

type Answer = Result<Delivered, DeliveryError>;

/// Delivers all of it, as much at a time as fits. How many requests that took, or the first that
/// failed.
async fn deliver_all(transport: &dyn Transport, batch: &Batch) -> Result<usize, DeliveryError> {
    let (mut rest, mut requests) = (batch.clone(), 0);
    while !rest.items.is_empty() {
        let fitting = transport.fitting(&rest);
        let later = rest.items.split_off(fitting);
        assert_taken(&Ok(transport.deliver(&rest).await?), fitting);
        rest.items = later;
        requests += 1;
    }
    Ok(requests)
}

/// All of it was taken, and none of it before.
fn assert_taken(answer: &Answer, events: usize) {
    assert_eq!(*answer, Ok(Delivered { events, known: 0 }));
}

/// Events come as they are, in order, with what came before them; nothing of nothing comes.
pub async fn events_arrive_in_order_as_they_are(make: Make) {
    let router = unlimited();
    let mut listener = listen(&router).await;
    let mut v1 = Socket::connect_v1(&router).await;
    v1.join("monitoring", json!({})).await;
    let transport = make(destination(&router));
    assert_taken(&transport.deliver(&batch(vec![])).await, 0);
    let data = [
        json!({ "text": "Grüße, 世界 \u{1f4e6} \"\\\n\u{0}\u{2028}" }),
        json!({ "n": 1e-7, "list": [1, null, { "a": {} }], "": true }),
        json!({}),
    ];
    let types = ["plain", "größe \"\\ \u{1f4e6}", "*"];
    let items = types.iter().zip(&data).zip(1..).map(|((name, data), seq)| item(seq, name, data));
    let items: Vec<_> = items.collect();
    deliver_all(&*transport, &batch(items.clone())).await.unwrap();
    for item in &items {
        let payload: Value = serde_json::from_slice(&item.payload()).unwrap();
        for socket in [&mut listener, &mut v1] {
            let said = socket.expect("broadcast").await;
            assert_eq!(said["event"], *item.event.event_type);
            assert_eq!(said["payload"], payload);
            assert_eq!(said["payload"]["prev"], json!(item.prev));
        }
    }
    listener.assert_nothing_came().await;
}

/// Ten thousand, as many together as fit: by a channel one, so that one that is refused has none
/// behind it.
pub async fn ten_thousand_events_arrive_in_order(make: Make) {
    let router = unlimited();
    let mut listener = listen(&router).await;
    let transport = make(Destination { request_bytes: 128 << 10, ..destination(&router) });
    let all = plain(1..=10_000);
    let (requests, heard) =
        tokio::join!(deliver_all(&*transport, &all), heard(&mut listener, 10_000));
    assert_eq!(heard, seqs(1..=10_000));
    let expected = match transport.kind() {
        TransportKind::Channel => 10_000..=10_000,
        _ => 5..=200,
    };
    assert!(expected.contains(&requests.clone().unwrap()), "{requests:?}");
}

/// What the settings here do not let through is not sent, and what goes with it not either.
pub async fn an_oversize_event_is_named_and_nothing_is_sent(make: Make) {
    let router = unlimited();
    let mut listener = listen(&router).await;
    let transport = make(Destination { request_bytes: 4096, ..destination(&router) });
    let large = json!({ "text": "x".repeat(5000) });
    let items = vec![item(1, "t", &json!({})), item(2, "t", &large), item(3, "t", &json!({}))];
    let refused = transport.deliver(&batch(items.clone())).await.unwrap_err();
    let DeliveryError::Rejected { which, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(which, Which::These(vec![1]));
    assert_eq!(transport.fitting(&batch(items[1..].to_vec())), 1);
    listener.assert_nothing_came().await;
    let rest = batch(vec![items[0].clone(), items[2].clone()]);
    deliver_all(&*transport, &rest).await.unwrap();
    assert_eq!(heard(&mut listener, 2).await, [1, 3]);
    listener.assert_nothing_came().await;
}

/// What the destination does not take is rejected, and what goes with it comes once all the same.
pub async fn what_the_destination_finds_too_large_is_rejected(make: Make) {
    let router = Router::with(&[("realtime.payload_bytes", "1KiB")]);
    let mut listener = listen(&router).await;
    let transport = make(destination(&router));
    let large = json!({ "text": "x".repeat(2000) });
    let items = vec![item(1, "t", &json!({})), item(2, "t", &large), item(3, "t", &json!({}))];
    let together = batch(items.clone());
    if transport.fitting(&together) == 3 {
        let refused = transport.deliver(&together).await.unwrap_err();
        let DeliveryError::Rejected { which, .. } = refused else { panic!("{refused:?}") };
        assert!([Which::Unknown, Which::These(vec![1])].contains(&which), "{which:?}");
    }
    let alone = transport.deliver(&batch(vec![items[1].clone()])).await;
    assert!(matches!(alone, Err(DeliveryError::Rejected { .. })), "{alone:?}");
    let rest = batch(vec![items[0].clone(), items[2].clone()]);
    deliver_all(&*transport, &rest).await.unwrap();
    assert_taken(&transport.deliver(&plain(4..=4)).await, 1);
    assert_eq!(heard(&mut listener, 3).await, [1, 3, 4]);
    listener.assert_nothing_came().await;
}

/// A key that is not known, and a place where there is no Realtime, stop everything, and are named
/// without the key. Nobody there may be somebody later.
pub async fn a_wrong_key_or_place_is_told_from_an_outage(make: Make) {
    const TOKEN: &str = "sbx_all_7d1f0c6e5b4a39281706f5e4d3c2b1a0";
    let tokens = format!("all ingest,read {TOKEN}");
    let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &tokens)]);
    let with_key = |key: &str| Destination { key: Secret::new(key.into()), ..destination(&router) };
    let wrong = with_key("sbx_all_00000000000000000000000000000000");
    let elsewhere = Destination { url: router.url("/elsewhere"), ..with_key(TOKEN) };
    for (wrong, advice) in [(wrong, "realtime.key"), (elsewhere, "realtime.url")] {
        let transport = make(wrong);
        for refused in
            [transport.deliver(&plain(1..=1)).await.map(|_| ()), transport.health().await]
        {
            let Err(DeliveryError::Misconfigured { reason }) = refused else {
                panic!("{refused:?}")
            };
            assert!(reason.contains(advice) && !reason.contains("sbx_"), "{reason}");
        }
    }
    let right = make(with_key(TOKEN));
    assert_eq!(right.health().await, Ok(()));
    deliver_all(&*right, &plain(1..=2)).await.unwrap();
    let nobody = make(Destination { url: "http://127.0.0.1:1".into(), ..with_key(TOKEN) });
    for refused in [nobody.deliver(&plain(1..=1)).await.map(|_| ()), nobody.health().await] {
        assert!(matches!(refused, Err(DeliveryError::Transient { .. })), "{refused:?}");
    }
}

/// Who is asked too often says so.
pub async fn too_many_are_a_limit_and_no_failure(make: Make) {
    let limits = [("realtime.http_events_per_second", "1"), ("realtime.events_per_second", "1")];
    let router = Router::with(&limits);
    let transport = make(destination(&router));
    let limited = deliver_all(&*transport, &plain(1..=100)).await;
    assert!(matches!(limited, Err(DeliveryError::RateLimited { .. })), "{limited:?}");
}

/// A call that is given up half way does not hinder the next one.
pub async fn a_call_that_is_dropped_leaves_a_usable_transport(make: Make) {
    let router = unlimited();
    let mut listener = listen(&router).await;
    let transport = make(destination(&router));
    let batch = plain(1..=2000);
    let mut seen = tokio::select! {
        biased;
        heard = heard(&mut listener, 1) => heard,
        // It may be over by then; that is as good.
        () = async { deliver_all(&*transport, &batch).await.unwrap(); std::future::pending::<()>().await; } => vec![],
    };
    deliver_all(&*transport, &batch).await.unwrap();
    assert_taken(&transport.deliver(&plain(2001..=2001)).await, 1);
    while seen.last() != Some(&2001) {
        seen.extend(heard(&mut listener, 1).await);
    }
    // What was given up may still be on its way beside what came after it. Who knows an event by its
    // id sees all of them, in order.
    let mut known = HashSet::new();
    seen.retain(|seq| known.insert(*seq));
    assert_eq!(seen, seqs(1..=2001));
}

/// A destination that is gone is found again when it is there again.
pub async fn a_restarted_destination_is_found_again(make: Make) {
    let mut router = unlimited();
    let transport = make(destination(&router));
    deliver_all(&*transport, &plain(1..=3)).await.unwrap();
    router.kill();
    for _ in 0..2 {
        let refused = transport.deliver(&plain(4..=6)).await;
        assert!(matches!(refused, Err(DeliveryError::Transient { .. })), "{refused:?}");
        assert!(transport.health().await.is_err());
    }
    router.restart();
    let mut listener = listen(&router).await;
    // What is left of a connection may be noticed only now.
    if deliver_all(&*transport, &plain(4..=6)).await.is_err() {
        deliver_all(&*transport, &plain(4..=6)).await.unwrap();
    }
    assert_eq!(heard(&mut listener, 3).await, seqs(4..=6));
    assert_eq!(transport.health().await, Ok(()));
}

/// A head is heard as one, and a look at the destination's health not at all.
pub async fn a_head_is_told_and_health_tells_nobody(make: Make) {
    let router = unlimited();
    let mut listener = listen(&router).await;
    let transport = make(destination(&router));
    assert!(transport.describe().contains(&router.address.to_string()), "{}", transport.describe());
    for _ in 0..2 {
        assert_eq!(transport.health().await, Ok(()));
        listener.assert_nothing_came().await;
        let position = Position { epoch: EPOCH, seq: 7 };
        assert_eq!(transport.announce(position).await, Ok(()));
        let said = listener.expect("broadcast").await;
        assert_eq!(said["event"], "signalbox:head");
        assert_eq!(said["payload"], json!({ "epoch": EPOCH, "seq": 7 }));
    }
}

/// Somebody who takes the connection and says nothing is given up in time.
pub async fn silence_ends_at_the_deadline(make: Make) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let transport = make(Destination {
        url,
        key: Secret::new("any".to_owned()),
        topic: "monitoring".to_owned(),
        timeout: Duration::from_millis(200),
        request_bytes: 4096,
    });
    let refused = transport.deliver(&plain(1..=1)).await.unwrap_err();
    assert_eq!(refused, DeliveryError::Transient { reason: "no answer within 200ms".to_owned() });
}
