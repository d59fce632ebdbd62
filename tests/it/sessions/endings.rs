//! How sessions end: by whom, with which code, and that nothing of them is left.

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    process::peers,
    router::{Router, event, until},
    wire::{CLOSE, TEXT, Wire, handshake, masked},
};

async fn sessions(router: &Router) -> Vec<Value> {
    router.get("/v1/sessions").await["sessions"].as_array().unwrap().clone()
}

async fn until_no_session_is_left(router: &Router) {
    until(|| async { sessions(router).await.is_empty().then_some(()) }).await;
}

/// A client that reads nothing must not keep the router's end of the connection.
async fn until_it_holds_no_socket_of(router: &Router, client: &Wire) {
    let peers = || peers(router.pid(), router.address.port());
    until(|| async { (!peers().contains(&client.port())).then_some(()) }).await;
}

#[tokio::test]
async fn a_close_is_answered_and_the_connection_ended_at_once() {
    // A browser waits for the end of the connection, a client that does not answer is waited for.
    let router = Router::start();
    let mut mute = Wire::session(&router).await;
    let id = sessions(&router).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(router.ask("DELETE", &format!("/v1/sessions/{id}")).await.status, 204);
    assert_eq!(mute.close_code().await, Some(1000));
    let mut polite = Wire::session(&router).await;
    polite.send(&masked(CLOSE, &4321_u16.to_be_bytes())).await;
    assert_eq!(polite.close_code().await, Some(4321), "it hears its own code");
    tokio::select! {
        rest = polite.rest() => assert_eq!(rest, b""),
        _ = mute.rest() => panic!("the one that is done waits longer than the one that is not"),
    }
    // Nobody could understand the close frame of a client that speaks no frames.
    let mut babbling = Wire::session(&router).await;
    babbling.send(&[TEXT, 0]).await;
    assert_eq!(babbling.close_code().await, Some(1002));
    tokio::select! {
        rest = babbling.rest() => assert_eq!(rest, b""),
        _ = mute.rest() => panic!("it is waited for"),
    }
    babbling.hang_up().await;
    mute.send(&masked(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(mute.rest().await, b"");
    until_no_session_is_left(&router).await;
}

#[tokio::test]
async fn a_client_that_just_goes_away_leaves_nothing() {
    let router = Router::start();
    let wire = Wire::session(&router).await;
    let dashboard = Dashboard::subscribed(&router, json!({})).await;
    drop((wire, dashboard));
    until_no_session_is_left(&router).await;
    assert_eq!(router.get("/v1/ledger").await["balances"], true);
}

#[tokio::test]
async fn an_operator_can_close_a_session() {
    let router = Router::start();
    let mut kept = Dashboard::connect(&router).await;
    let mut closed = Dashboard::connect(&router).await;
    let id = closed.welcome["session"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{id}");
    assert_eq!(router.ask("DELETE", &path).await.status, 204);
    assert_eq!(closed.close_code().await, Some(1000));
    until(|| async { (sessions(&router).await.len() == 1).then_some(()) }).await;
    let again = router.ask("DELETE", &path).await;
    assert_eq!((again.status, again.problem()), (404, "not_found"));
    let bad = router.ask("DELETE", "/v1/sessions/x").await;
    assert_eq!((bad.status, bad.problem()), (400, "bad_id"));
    kept.say(&json!({ "type": "ping" })).await;
    assert_eq!(kept.next().await["type"], "pong");
}

#[tokio::test]
async fn only_a_client_that_never_pongs_is_given_up() {
    let router = Router::with(&[("session.heartbeat", "1s"), ("session.pong_timeout", "100ms")]);
    let mut alive = Dashboard::connect(&router).await;
    let mut silent = Wire::session(&router).await;
    let (code, other) = tokio::join!(silent.close_code(), async {
        // It answers pings while it waits for a frame that comes when the other one is closed.
        let waiting = until(|| async { (sessions(&router).await.len() == 1).then_some(()) });
        alive.answer_pings_while(waiting).await;
        alive.say(&json!({ "type": "ping" })).await;
        alive.next().await
    });
    assert_eq!((code, other), (Some(4408), json!({ "type": "pong" })));
}

#[tokio::test]
async fn there_is_a_limit_on_sessions() {
    let router = Router::with(&[("session.max_sessions", "3")]);
    let mut inside = Vec::new();
    for _ in 0..3 {
        inside.push(Dashboard::connect(&router).await);
    }
    let mut outside = Wire::connect(&router).await;
    let mut bytes = handshake(&router).into_bytes();
    bytes.extend(masked(TEXT, b"{\"type\":\"subscribe\"}"));
    outside.send(&bytes).await;
    outside.head().await;
    assert_eq!(outside.close_code().await, Some(4429));
    // What it still says is heard: a reset could overtake the reason on its way.
    for _ in 0..2 {
        outside.send(&masked(CLOSE, &1000_u16.to_be_bytes())).await;
    }
    inside.pop();
    until(|| async { Dashboard::try_connect(&router).await.ok() }).await;
}

#[tokio::test]
async fn a_client_too_far_behind_is_closed_and_told_what_it_missed() {
    let settings = [("session.max_lag", "50"), ("session.send_buffer", "4KiB")];
    let router = Router::with(&settings);
    let mut slow = Wire::session(&router).await;
    slow.send(&masked(TEXT, b"{\"type\":\"subscribe\"}")).await;
    assert_eq!(slow.json().await["type"], "subscribed");
    let large = json!({ "event_type": "a", "source": "test", "data": { "x": "x".repeat(50_000) } });
    for _ in 0..10 {
        assert_eq!(router.post(&json!(vec![&large; 20])).await.0, 202);
    }
    until(|| async {
        let dropped = router.get("/v1/ledger").await["direct"]["dropped"].clone();
        dropped["too_far_behind"].is_number().then_some(())
    })
    .await;
    let mut seen = 0;
    loop {
        let (first, payload) = slow.frame().await.expect("the close frame before the end");
        if first == CLOSE {
            assert_eq!(payload[..2], 4410_u16.to_be_bytes());
            break;
        }
        let frame: Value = serde_json::from_slice(&payload).unwrap();
        seen += 1;
        assert_eq!(frame["event"]["seq"], seen);
    }
    let ledger = router.get("/v1/ledger").await;
    let direct = &ledger["direct"];
    let count = |value: &Value| value.as_u64().unwrap();
    let (delivered, dropped) = (count(&direct["delivered"]), &direct["dropped"]["too_far_behind"]);
    assert_eq!((&ledger["balances"], count(&direct["pending"])), (&json!(true), 0), "{ledger}");
    assert_eq!(count(&direct["matched"]), delivered + count(dropped), "{ledger}");
    // The rest of a frame that was begun still comes before the close frame.
    assert!((delivered..=delivered + 1).contains(&seen), "{seen} were seen: {ledger}");

    // It would be as far behind again: what it cannot catch up with is named.
    let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
    let mut again = Dashboard::connect(&router).await;
    let from = json!({ "epoch": epoch, "seq": seen });
    assert_eq!(again.subscribe(json!({ "from": from })).await["recovered"], false);
    let gap = again.next().await;
    assert_eq!((&gap["from_seq"], &gap["reason"]), (&json!(seen + 1), &json!("lag")));
    let next = gap["to_seq"].as_u64().unwrap() + 1;
    assert!((151..200).contains(&next), "{gap}");
    let rest: Vec<_> = (next..=200).collect();
    assert_eq!(again.seqs(rest.len()).await, rest);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_and_costs_nobody_else_anything() {
    let settings = [("session.stall_timeout", "100ms"), ("session.send_buffer", "4KiB")];
    let router = Router::with(&settings);
    let mut stalled = Wire::session(&router).await;
    stalled.send(&masked(TEXT, b"{\"type\":\"subscribe\"}")).await;
    let mut healthy = Dashboard::subscribed(&router, json!({})).await;
    until(|| async {
        let sessions = sessions(&router).await;
        sessions.iter().all(|session| session["seq"].is_number()).then_some(())
    })
    .await;
    let large = json!({ "event_type": "a", "source": "test", "data": { "x": "x".repeat(50_000) } });
    assert_eq!(router.post(&json!(vec![&large; 40])).await.0, 202);
    assert_eq!(healthy.seqs(40).await, (1..=40).collect::<Vec<_>>());
    let cut = until(|| async { (sessions(&router).await.len() == 1).then_some(()) });
    healthy.answer_pings_while(cut).await;
    let ledger = router.get("/v1/ledger").await;
    let direct = &ledger["direct"];
    assert_eq!((&ledger["balances"], &direct["matched"]), (&json!(true), &json!(80)), "{ledger}");
    assert!(direct["dropped"]["stalled"].as_u64().unwrap() > 0, "{ledger}");
    until_it_holds_no_socket_of(&router, &stalled).await;
    assert_eq!(stalled.close_code().await, None, "it is cut, not told");
}

#[tokio::test]
async fn a_client_that_takes_nothing_can_be_closed_too() {
    let router = Router::with(&[("session.send_buffer", "4KiB")]);
    let mut stalled = Wire::session(&router).await;
    stalled.send(&masked(TEXT, b"{\"type\":\"subscribe\"}")).await;
    assert_eq!(stalled.json().await["type"], "subscribed");
    let large = json!({ "event_type": "a", "source": "test", "data": { "x": "x".repeat(50_000) } });
    assert_eq!(router.post(&json!(vec![&large; 40])).await.0, 202);
    let id = sessions(&router).await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(router.ask("DELETE", &format!("/v1/sessions/{id}")).await.status, 204);
    until_it_holds_no_socket_of(&router, &stalled).await;
}

#[tokio::test]
async fn sessions_are_told_when_the_router_stops_and_when_to_come_back() {
    let mut router = Router::with(&[("server.reconnect_window", "3s")]);
    let mut dashboards = Vec::new();
    for _ in 0..5 {
        dashboards.push(Dashboard::subscribed(&router, json!({})).await);
    }
    router.post(&json!([event("a"), event("b")])).await;
    router.signal("TERM");
    let mut delays = Vec::new();
    for dashboard in &mut dashboards {
        assert_eq!(dashboard.seqs(2).await, [1, 2], "what was acknowledged comes before the end");
        let bye = dashboard.next().await;
        assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("shutting_down")));
        delays.push(bye["reconnect_after_ms"].as_u64().unwrap());
        assert_eq!(dashboard.close_code().await, Some(1001));
    }
    assert!(delays.iter().all(|delay| *delay <= 3000), "{delays:?}");
    delays.dedup();
    assert!(delays.len() > 1, "clients spread: {delays:?}");
    assert_eq!(router.wait().code(), Some(0));
}
