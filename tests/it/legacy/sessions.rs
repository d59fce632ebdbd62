//! Dashboards of the original system are sessions like all others: in who gets one, in what is
//! counted of them, and in how slow ones are treated.

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    legacy_client::{OldDashboard, connection_event},
    router::{Router, until},
    wire::{TEXT, Wire, masked, upgrade},
};

#[tokio::test]
async fn an_upgrade_is_let_in_or_told_why_not() {
    let router = Router::start();
    for (path, headers, method, status) in [
        ("/ws", "", "GET", 101),
        ("/events", "", "GET", 101),
        ("/ws?client_id=wall", "Sec-WebSocket-Protocol: any\r\n", "GET", 101),
        ("/ws", "", "POST", 405),
        ("/events", "", "PUT", 405),
        ("/v1/ws", "", "POST", 405),
        ("/ws/", "", "GET", 404),
        ("/w", "", "POST", 404),
        ("/ws", "Origin: http://example.org\r\n", "GET", 403),
        ("/events", "Origin: http://example.org\r\n", "GET", 403),
    ] {
        let mut wire = Wire::connect(&router).await;
        let request = upgrade(&router, path, headers).replacen("GET", method, 1);
        wire.send(request.as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {head}");
        let is_refused = status == 405;
        assert_eq!(head.to_lowercase().contains("\r\nallow: get\r\n"), is_refused, "{head}");
    }
}

#[tokio::test]
async fn an_old_dashboard_is_counted_like_all_sessions() {
    let router = Router::with(&[("session.max_sessions", "2")]);
    let mut old = OldDashboard::connect(&router).await;
    let mut new = Dashboard::subscribed(&router, json!({})).await;
    let mut third = Wire::connect(&router).await;
    third.send(upgrade(&router, "/ws", "").as_bytes()).await;
    third.head().await;
    assert_eq!(third.close_code().await, Some(4429));
    for _ in 0..10 {
        router.publish("x").await;
        assert_eq!(old.of_type("x").await["data"], json!({ "n": 1 }));
        new.next().await;
    }
    let sessions = router.get("/v1/sessions").await["sessions"].clone();
    let rows = sessions.as_array().unwrap();
    let row = rows.iter().find(|row| row["protocol"] == "legacy").unwrap();
    assert_eq!((&row["delivered"], &row["seq"], &row["lag"]), (&json!(10), &json!(10), &json!(0)));
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    assert_eq!(ledger["direct"]["matched"], 20);
    let closed =
        router.ask("DELETE", &format!("/v1/sessions/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(closed.status, 204);
    assert_eq!(old.socket.close_frame().await.map(|frame| frame.code.into()), Some(1000));
}

#[tokio::test]
async fn a_dashboard_that_reads_nothing_is_cut_and_the_ledger_balances() {
    let router = Router::with(&[
        ("session.stall_timeout", "1s"),
        ("session.send_buffer", "4KiB"),
        ("journal.tail_events", "50"),
    ]);
    let mut slow = Wire::connect(&router).await;
    slow.send(upgrade(&router, "/ws", "").as_bytes()).await;
    slow.head().await;
    let ask = json!({ "command": "get_recent_events", "limit": 1000 }).to_string();
    let mut quick = OldDashboard::connect(&router).await;
    let events: Vec<_> = (0..200).map(|_| connection_event("redis", "send", 1)).collect();
    for _ in 0..10 {
        router.post(&json!(events)).await;
        slow.try_send(&masked(TEXT, ask.as_bytes())).await.ok();
    }
    for _ in 0..2000 {
        quick.of_type("event").await;
    }
    until(|| async {
        let text = router.ask("GET", "/metrics").await.text;
        text.contains("signalbox_session_closed_total{reason=\"stalled\"} 1\n").then_some(())
    })
    .await;
    let ledger = router.get("/v1/ledger").await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    assert!(ledger["direct"]["dropped"]["stalled"].as_u64().unwrap() > 0, "{ledger}");
}

#[tokio::test]
async fn large_answers_reach_a_client_that_reads_slowly() {
    let router = Router::with(&[("session.send_buffer", "4KiB")]);
    let event = connection_event("redis", "send", 1);
    router.post(&json!(vec![event; 1000])).await;
    let mut slow = Wire::connect(&router).await;
    slow.send(upgrade(&router, "/ws", "").as_bytes()).await;
    slow.head().await;
    assert_eq!(slow.json().await["type"], "initial_stats");
    let ask = json!({ "command": "get_recent_events", "limit": 1000 }).to_string();
    for _ in 0..10 {
        slow.send(&masked(TEXT, ask.as_bytes())).await;
    }
    let mut answers: Vec<Value> = Vec::new();
    while answers.len() < 10 {
        assert!(slow.sip(4096).await, "the end after {}", answers.len());
        while let Some((first, payload)) = slow.whole_frame() {
            if first == TEXT {
                answers.push(serde_json::from_slice(&payload).unwrap());
                answers.retain(|answer| answer["type"] == "recent_events");
            }
        }
    }
    for answer in answers {
        let events = answer["events"].as_array().unwrap().len();
        assert!(answer["truncated"] == true || events == 1000, "{events}");
        assert!(events > 500, "{events}");
    }
}

#[tokio::test]
async fn more_commands_than_can_wait_end_the_session() {
    let router = Router::with(&[("session.send_buffer", "4KiB")]);
    let event = connection_event("redis", "send", 1);
    router.post(&json!(vec![event; 1000])).await;
    let mut wire = Wire::connect(&router).await;
    wire.send(upgrade(&router, "/ws", "").as_bytes()).await;
    wire.head().await;
    assert_eq!(wire.json().await["type"], "initial_stats");
    // More than the kernel takes for it: the others must wait.
    let large = json!({ "command": "get_recent_events", "limit": 1000 }).to_string();
    wire.send(&masked(TEXT, large.as_bytes())).await;
    wire.send(&masked(TEXT, b"{").repeat(101)).await;
    until(|| async {
        let text = router.ask("GET", "/metrics").await.text;
        text.contains("signalbox_session_errors_total{code=\"bad_json\"} 101\n").then_some(())
    })
    .await;
    assert_eq!(wire.close_code().await, Some(4429));
}
