//! How sockets and channels end, and that nothing of them is left.

use serde_json::{Value, json};

use crate::support::{
    channel::Socket,
    router::{Router, http, until},
};

async fn sessions(router: &Router) -> Vec<Value> {
    router.get("/v1/sessions").await["sessions"].as_array().unwrap().clone()
}

fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(&format!("signalbox_{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_socket_is_in_the_list_with_its_topics_and_leaves_nothing_when_it_goes() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    let presence = json!({ "presence": { "enabled": true } });
    for name in ["a", "b"] {
        socket.join(name, presence.clone()).await;
        socket.expect("presence_state").await;
        let track = json!({ "event": "track", "payload": { "n": 1 } });
        socket.say(name, "presence", &track).await;
        for _ in 0..2 {
            socket.next().await;
        }
    }
    let row = sessions(&router).await.remove(0);
    assert_eq!((&row["path"], &row["protocol"]), (&json!("realtime"), &json!("realtime/2.0.0")));
    assert_eq!(row["topics"], json!(["realtime:a", "realtime:b"]));
    let text = router.ask("GET", "/metrics").await.text;
    assert_eq!((metric(&text, "realtime_channels"), metric(&text, "realtime_present")), (2, 2));
    drop(socket);
    until(|| async { sessions(&router).await.is_empty().then_some(()) }).await;
    until(|| async {
        let text = router.ask("GET", "/metrics").await.text;
        let names = ["realtime_channels", "realtime_present", "realtime_topics", "filter_groups"];
        names.iter().all(|name| metric(&text, name) == 0).then_some(())
    })
    .await;
    assert_eq!(router.get("/v1/ledger").await["balances"], true);
}

#[tokio::test]
async fn a_router_that_stops_says_so_and_clients_come_back() {
    let mut router = Router::start();
    let mut socket = Socket::connect(&router).await;
    socket.join("room", json!({})).await;
    router.signal("TERM");
    assert_eq!(socket.wire.close_code().await, Some(1012));
    drop(socket);
    assert!(router.wait_patiently().await.success());
}

#[tokio::test]
async fn an_operator_closes_a_socket_so_that_its_client_comes_back() {
    let router = Router::start();
    let mut socket = Socket::connect_v1(&router).await;
    let id = sessions(&router).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(router.ask("DELETE", &format!("/v1/sessions/{id}")).await.status, 204);
    assert_eq!(socket.wire.close_code().await, Some(1012));
}

#[tokio::test]
async fn a_socket_that_says_nothing_or_has_no_channel_is_closed() {
    let router = Router::with(&[("realtime.idle_timeout", "1s")]);
    let mut silent = Socket::connect(&router).await;
    silent.join("room", json!({})).await;
    assert_eq!(silent.wire.close_code().await, Some(1000));
    let router = Router::with(&[("realtime.channel_timeout", "1s")]);
    let mut empty = Socket::connect(&router).await;
    assert_eq!(empty.wire.close_code().await, Some(1000));
}

#[tokio::test]
async fn who_reads_too_slowly_is_told_to_come_back_and_delays_nobody() {
    let router = Router::with(&[
        ("realtime.topic_bytes", "1MiB"),
        ("realtime.payload_bytes", "1MiB"),
        ("session.send_buffer", "4KiB"),
        ("session.stall_timeout", "10m"),
    ]);
    let mut slow = Socket::connect(&router).await;
    slow.join("room", json!({})).await;
    let mut quick = Socket::connect(&router).await;
    quick.join("room", json!({})).await;
    let payload = json!({ "x": "x".repeat(100_000) });
    for _ in 0..60 {
        let url = router.url("/api/broadcast/room/events/e");
        http().post(url).json(&payload).send().await.unwrap();
        assert_eq!(quick.expect("broadcast").await["payload"], payload);
    }
    let mut heard = 0;
    let last = loop {
        let said = slow.next().await;
        if said.event != "broadcast" {
            break said;
        }
        heard += 1;
    };
    assert_eq!((&*last.event, &last.join_ref), ("phx_error", &json!("1")));
    assert!(heard < 60, "{heard}");
    // As stock clients do.
    slow.join("room", json!({})).await;
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    let missed = ledger["direct"]["dropped"]["lost"].as_u64().unwrap();
    assert_eq!(missed + heard, 60, "{ledger}");
}
