//! What a socket may make the router keep, and what is left of it.

use serde_json::{Value, json};

use crate::support::{
    channel::Socket,
    router::{Answer, Router, http, until},
};

fn reason(answer: &Value) -> &str {
    answer["response"]["reason"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn names_and_joins_are_bounded_over_both_ways() {
    let router = Router::start();
    let mut socket = Socket::connect(&router).await;
    let (longest, longer) = ("x".repeat(1024), "x".repeat(1025));
    socket.join(&longest, json!({})).await;
    let answer = socket.try_join(&longer, &json!({})).await;
    assert!(reason(&answer).starts_with("TopicNameTooLong: "), "{answer}");
    for (topic, status) in [(&longest, 202), (&longer, 422)] {
        let message = json!({ "topic": topic, "event": "e", "payload": {}, "private": true });
        let body = json!({ "messages": [message] });
        for (path, body) in [
            ("/api/broadcast".to_owned(), &body),
            (format!("/api/broadcast/{topic}/events/e?private=true"), &json!({})),
        ] {
            let request = http().post(router.url(&path)).json(body);
            let answer = Answer::of(request.send().await.unwrap()).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
        }
    }
    let large = json!({ "config": { "presence": { "key": "k".repeat(2_000_000) } } });
    for name in ["a", "b"] {
        assert_eq!(socket.try_join(name, &large).await["status"], "ok");
    }
    let answer = socket.try_join("c", &large).await;
    assert!(reason(&answer).starts_with("JoinTooLarge: "), "{answer}");
    socket.join("c", json!({})).await;
}

#[tokio::test]
async fn a_long_name_of_a_broadcast_counts_as_much_as_a_long_payload() {
    let router = Router::with(&[("realtime.payload_bytes", "1KiB")]);
    let message = json!({ "topic": "t", "event": "e".repeat(1025), "payload": {} });
    let body = json!({ "messages": [message] });
    let request = http().post(router.url("/api/broadcast")).json(&body);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid_broadcasts"));
}

#[tokio::test]
async fn who_is_present_anywhere_is_no_more_than_all_topics_may_be() {
    let router = Router::with(&[
        ("realtime.total_bytes", "1MiB"),
        ("realtime.topic_bytes", "1MiB"),
        ("realtime.payload_bytes", "1MiB"),
    ]);
    let mut socket = Socket::connect(&router).await;
    let track = |length: usize| {
        let payload = json!({ "x": "x".repeat(length) });
        json!({ "event": "track", "payload": payload })
    };
    for name in ["a", "b", "c"] {
        socket.join(name, json!({ "presence": { "enabled": true } })).await;
        socket.expect("presence_state").await;
        socket.say(name, "presence", &track(500_000)).await;
        if name == "c" {
            break;
        }
        let mut said = [socket.next().await.event, socket.next().await.event];
        said.sort();
        assert_eq!(said, ["phx_reply", "presence_diff"]);
    }
    assert_eq!(socket.expect("system").await["message"], "Track message size exceeded");
    socket.expect("phx_close").await;
    // What one leaves another may have.
    socket.say("a", "phx_leave", &json!({})).await;
    socket.expect("phx_reply").await;
    socket.expect("phx_close").await;
    socket.join("c", json!({})).await;
    let reference = socket.say("c", "presence", &track(500_000)).await;
    assert_eq!(socket.answer_among(reference).await["status"], "ok");
}

#[tokio::test]
async fn welcomes_of_many_channels_wait_for_a_slow_reader() {
    let router = Router::with(&[("session.send_buffer", "4KiB")]);
    let mut one = Socket::connect(&router).await;
    let names: Vec<_> = (0..12).map(|n| format!("room {n}")).collect();
    for name in &names {
        one.join(name, json!({ "presence": { "key": "me", "enabled": true } })).await;
        one.expect("presence_state").await;
        let payload = json!({ "event": "track", "payload": { "x": "x".repeat(30_000) } });
        one.say(name, "presence", &payload).await;
        for _ in ["the answer", "the difference"] {
            one.next().await;
        }
    }
    let mut two = Socket::connect(&router).await;
    for name in &names {
        let config = json!({ "presence": { "enabled": true } });
        two.say(name, "phx_join", &json!({ "config": config })).await;
    }
    for _ in &names {
        assert_eq!(two.expect("phx_reply").await["status"], "ok");
        let state = two.expect("presence_state").await;
        assert_eq!(state["me"]["metas"][0]["x"].as_str().unwrap().len(), 30_000);
    }
    two.assert_nothing_came().await;
}

fn metric(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(&format!("signalbox_{name} ")));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

/// Waits until nothing is left of any channel.
async fn nothing_is_left(router: &Router) {
    until(|| async {
        let text = router.ask("GET", "/metrics").await.text;
        let names = ["realtime_channels", "realtime_present", "realtime_topics", "filter_groups"];
        names.iter().all(|name| metric(&text, name) == 0.0).then_some(())
    })
    .await;
    assert_eq!(router.get("/v1/ledger").await["balances"], true);
}

#[tokio::test]
async fn nothing_is_left_of_sockets_that_die_while_they_join_or_speak() {
    let router =
        Router::with(&[("realtime.replay_window", "0ms"), ("session.send_buffer", "4KiB")]);
    let mut watcher = Socket::connect(&router).await;
    watcher.join("hall", json!({ "presence": { "enabled": true } })).await;
    watcher.expect("presence_state").await;
    let large = "x".repeat(200_000);
    for n in 0..20 {
        let mut socket = Socket::connect(&router).await;
        // It reads nothing: its welcome is long, and waits for it.
        for name in ["hall", "other"] {
            let config =
                json!({ "private": name == "other", "presence": { "key": n.to_string() } });
            socket.say(name, "phx_join", &json!({ "config": config })).await;
        }
        let payload = json!({ "n": n, "x": large });
        socket.say("hall", "presence", &json!({ "event": "track", "payload": payload })).await;
        socket.broadcast("hall", "e", json!({ "x": large })).await;
        socket
            .say("hall", "phx_join", &json!({ "config": { "presence": { "enabled": true } } }))
            .await;
        socket.say("hall", "presence", &json!({ "event": "track", "payload": { "n": n } })).await;
        if n % 2 == 0 {
            socket.wire.hang_up().await;
        }
        drop(socket);
    }
    drop(watcher);
    nothing_is_left(&router).await;
}

#[tokio::test]
async fn nothing_is_left_of_channels_that_were_refused() {
    let router = Router::with(&[
        ("session.filters_per_worker", "1"),
        ("server.workers", "1"),
        ("realtime.topics", "2"),
    ]);
    let bound = |filter: &str| {
        let table = json!({ "event": "*", "schema": "public", "table": "monitoring_events", "filter": filter });
        json!({ "config": { "postgres_changes": [table], "presence": { "enabled": true } } })
    };
    let mut keeper = Socket::connect(&router).await;
    assert_eq!(keeper.try_join("kept", &bound("seq=gt.1")).await["status"], "ok");
    let mut socket = Socket::connect(&router).await;
    for _ in 0..3 {
        let answer = socket.try_join("refused", &bound("seq=gt.2")).await;
        assert!(reason(&answer).starts_with("FilterLimitReached: "), "{answer}");
    }
    socket.join("there", json!({})).await;
    for n in 0..3 {
        let answer = socket.try_join(&format!("no room {n}"), &json!({})).await;
        assert!(reason(&answer).starts_with("TopicLimitReached: "), "{answer}");
    }
    let text = router.ask("GET", "/metrics").await.text;
    assert!((metric(&text, "realtime_channels") - 2.0).abs() < 0.5, "{text}");
    drop((keeper, socket));
    nothing_is_left(&router).await;
}
