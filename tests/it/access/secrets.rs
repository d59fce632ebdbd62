//! Planted secrets: whatever is asked with them, nothing that the router says holds one.

use std::fs;

use serde_json::json;
use signalbox::{core::access::TokenHash, http::ROUTES};

use super::{OPERATOR, PRODUCER, STRANGER, WALL, ask, bearer, concrete, post, shake};
use crate::support::router::{Answer, Router, event, http};

/// Drives a router with every kind of request; all that it answered.
async fn drive(router: &Router, planted: &mut Vec<String>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for token in [WALL, PRODUCER, OPERATOR, STRANGER] {
        for route in ROUTES {
            answers.push(ask(router, route.method, &concrete(route.path), Some(token)).await);
        }
        answers.push(post(router, "/v1/events", token, &event("a")).await);
        let made = post(router, "/v1/tickets", token, &json!({})).await;
        let ticket = made.json["ticket"].as_str().unwrap_or("sbt_made_up_0123456789abcdef");
        planted.push(ticket.to_owned());
        for path in ["/v1/ws", "/v1/events", "/nothing", "/v1/stats"] {
            let path = format!("{path}?ticket={ticket}");
            answers.push(ask(router, "GET", &path, None).await);
            shake(router, &path, "").await;
            shake(router, &path, &bearer(token)).await;
        }
        for (name, value) in [("authorization", token), ("cookie", token), ("x-api-key", token)] {
            let request = http().get(router.url("/v1/events")).header(name, value);
            answers.push(Answer::of(request.send().await.unwrap()).await);
        }
        let garbled = format!("GET /v1/ws HTTP/9\r\nAuthorization: Bearer {token}\r\n\r\n");
        let mut wire = crate::support::wire::Wire::connect(router).await;
        wire.send(garbled.as_bytes()).await;
        wire.rest().await;
    }
    answers
}

#[tokio::test]
async fn nothing_that_a_router_says_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, format!("wall read {}\n", TokenHash::of(WALL))).unwrap();
    let mut router = Router::with(&[
        ("auth.mode", "token"),
        ("auth.tokens_file", file.to_str().unwrap()),
        ("auth.tokens", &format!("producer ingest {PRODUCER}; operator admin {OPERATOR}")),
        ("telemetry.log", "trace"),
        ("limits.client_requests", "100000"),
    ]);
    let mut planted: Vec<String> =
        [WALL, PRODUCER, OPERATOR, STRANGER].map(ToOwned::to_owned).to_vec();
    planted.extend([WALL, PRODUCER, OPERATOR].map(|token| {
        let hash = TokenHash::of(token).to_string();
        hash.trim_start_matches("sha256:").to_owned()
    }));
    let answers = drive(&router, &mut planted).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(answers.iter().any(|answer| answer.status == 401));

    let metrics = ask(&router, "GET", "/metrics", Some(OPERATOR)).await.text;
    let checked = router.command().arg("check-config").output().unwrap();
    let settings = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    assert!(settings.contains("tokens = \"***\""), "{settings}");
    router.terminate();
    let log = router.log();
    assert!(log.contains("\"TRACE\""), "the log is as talkative as it can be");
    let bodies = answers
        .iter()
        // A ticket is told to whom it is made for.
        .filter(|answer| answer.json["ticket"].is_null())
        .map(|answer| format!("{:?} {}", answer.headers, answer.text));
    let said = bodies.chain([metrics, settings]).chain(log.lines().map(ToOwned::to_owned));
    for line in said {
        for secret in &planted {
            assert!(!line.contains(secret.as_str()), "{secret} in: {line}");
        }
    }
}
