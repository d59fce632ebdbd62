//! Planted secrets: whatever is asked with them, nothing that the router says holds one.

use std::fs;

use serde_json::json;
use signalbox::{core::access::TokenHash, http::routes::ROUTES};

use super::{OPERATOR, PRODUCER, STRANGER, WALL, ask, bearer, concrete, post, shake};
use crate::support::{
    jwt::{SigningKey, claims},
    router::{Answer, Router, event, http},
};

/// Drives a router with every kind of request; all that it answered.
async fn drive(router: &Router, tokens: &[&str], planted: &mut Vec<String>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for token in tokens.iter().copied() {
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
    let [by_file, by_variable] = [SigningKey::secret(), SigningKey::secret()];
    let secret_file = folder.path().join("secret");
    fs::write(&secret_file, by_file.secret_text()).unwrap();
    let jwts = [
        by_file.token(&claims("authenticated", 60)),
        by_variable.token(&claims("service_role", 60)),
        by_variable.token(&claims("service_role", -60)),
        SigningKey::secret().token(&claims("service_role", 60)),
    ];
    let mut router = Router::with(&[
        ("auth.mode", "jwt"),
        ("auth.jwt_secret_file", secret_file.to_str().unwrap()),
        ("auth.jwt_secret", by_variable.secret_text()),
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
    planted.extend([&by_file, &by_variable].map(|key| key.secret_text().to_owned()));
    // Claims alone open nothing, but they are nobody's business either.
    planted.extend(jwts.iter().flat_map(|jwt| jwt.split('.').skip(1)).map(ToOwned::to_owned));
    let mut tokens = vec![WALL, PRODUCER, OPERATOR, STRANGER];
    tokens.extend(jwts.iter().map(String::as_str));
    let answers = drive(&router, &tokens, &mut planted).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(answers.iter().any(|answer| answer.status == 401));

    let said = all_said(&mut router, &answers).await;
    assert!(said.len() > 100);
    for line in said {
        for secret in &planted {
            assert!(!line.contains(secret.as_str()), "{secret} in: {line}");
        }
    }
}

/// All that a router says: answers, metrics, its settings, and then its log.
async fn all_said(router: &mut Router, answers: &[Answer]) -> Vec<String> {
    let metrics = ask(router, "GET", "/metrics", Some(OPERATOR)).await.text;
    let checked = router.command().arg("check-config").output().unwrap();
    let settings = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    for key in ["tokens", "jwt_secret"] {
        assert!(settings.contains(&format!("{key} = \"***\"")), "{settings}");
    }
    router.terminate();
    let log = router.log();
    assert!(log.contains("\"TRACE\""), "the log is as talkative as it can be");
    let bodies = answers
        .iter()
        // A ticket is told to whom it is made for.
        .filter(|answer| answer.json["ticket"].is_null())
        .map(|answer| format!("{:?} {}", answer.headers, answer.text));
    bodies.chain([metrics, settings]).chain(log.lines().map(ToOwned::to_owned)).collect()
}
