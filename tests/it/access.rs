//! Who may do what: every route, in the app and as an upgrade; tickets, places, limits, secrets.

mod command_line;
mod jwt;
mod limits;
mod places;
mod secrets;
mod settings;
mod tickets;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use signalbox::{
    core::access::{Need, Scope},
    http::routes::{ROUTES, Route},
};

use crate::support::{
    router::{Answer, Router, http},
    wire::{Wire, upgrade},
};

const PRODUCER: &str = "sbx_producer_7d1f0c6e5b4a39281706f5e4d3c2b1a0";
const WALL: &str = "sbx_wall_1a2b3c4d5e6f708192a3b4c5d6e7f809aabbcc";
const OPERATOR: &str = "sbx_operator_0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const STRANGER: &str = "sbx_stranger_99999999999999999999999999999999";

/// A router that knows a producer, a wall and an operator, with more settings.
fn router(settings: &[(&str, &str)]) -> Router {
    let tokens = format!("producer ingest {PRODUCER}; wall read {WALL}; operator admin {OPERATOR}");
    let mut all = vec![("auth.mode", "token"), ("auth.tokens", &*tokens)];
    all.extend(settings);
    Router::with(&all)
}

/// A token that allows nothing of what asks for `scope`.
fn token_without(scope: Scope) -> &'static str {
    if scope == Scope::Ingest { WALL } else { PRODUCER }
}

/// A token that allows it, and no more than it must.
fn token_with(scope: Scope) -> &'static str {
    match scope {
        Scope::Ingest => PRODUCER,
        Scope::Read => WALL,
        Scope::Admin => OPERATOR,
    }
}

async fn ask(router: &Router, method: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = http().request(method.parse().unwrap(), router.url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// Posts JSON as somebody.
async fn post(router: &Router, path: &str, token: &str, body: &Value) -> Answer {
    let request = http().post(router.url(path)).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body.to_string());
    Answer::of(request.send().await.unwrap()).await
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Asks for a socket; the status, the rest of the head, and the socket.
async fn shake(router: &Router, path: &str, headers: &str) -> (u16, String, Wire) {
    let mut wire = Wire::connect(router).await;
    wire.send(upgrade(router, path, headers).as_bytes()).await;
    let head = wire.head().await.to_ascii_lowercase();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head, wire)
}

fn concrete(path: &str) -> String {
    path.replace("{id}", "00000000-0000-4000-8000-000000000000").replace("{file}", "docs.js")
}

#[tokio::test]
async fn every_route_asks_for_what_its_line_says() {
    let router = router(&[]);
    for Route { method, path, need, .. } in ROUTES {
        let path = concrete(path);
        let status = async |token| ask(&router, method, &path, token).await.status;
        let nobody = ask(&router, method, &path, None).await;
        let stranger = ask(&router, method, &path, Some(STRANGER)).await;
        if *need == Need::Nothing {
            assert!(![401, 403].contains(&nobody.status), "{method} {path}");
            assert_eq!(nobody.status, stranger.status, "{method} {path}: nobody looks at tokens");
            continue;
        }
        assert_eq!((nobody.status, nobody.problem()), (401, "unauthenticated"), "{method} {path}");
        assert_eq!(nobody.header("www-authenticate"), "Bearer realm=\"signalbox\"");
        assert_eq!(stranger.problem(), "unauthenticated", "{method} {path}");
        assert!(
            stranger
                .header("www-authenticate")
                .contains("error=\"invalid_token\", error_description=\"the token is not")
        );
        let Need::Scope(scope) = *need else {
            assert!(![401, 403].contains(&status(Some(PRODUCER)).await), "{method} {path}");
            continue;
        };
        let refused = ask(&router, method, &path, Some(token_without(scope))).await;
        assert_eq!((refused.status, refused.problem()), (403, "not_allowed"), "{method} {path}");
        assert_eq!(refused.json["scope"], scope.as_str());
        assert!(refused.json["detail"].as_str().unwrap().contains(scope.as_str()));
        assert!(refused.header("www-authenticate").contains("insufficient_scope"));
        for token in [token_with(scope), OPERATOR] {
            assert!(![401, 403].contains(&status(Some(token)).await), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_asks_for_the_same_as_an_upgrade() {
    let router = router(&[]);
    for Route { path, need, .. } in ROUTES.iter().filter(|route| route.method == "GET") {
        let Need::Scope(scope) = *need else { continue };
        if path.contains('{') {
            // No socket is there, and what is there is not told by an upgrade.
            continue;
        }
        let status = async |headers: &str| shake(&router, path, headers).await.0;
        assert_eq!(status("").await, 401, "{path}");
        assert_eq!(status(&bearer(STRANGER)).await, 401, "{path}");
        assert_eq!(status(&bearer(token_without(scope))).await, 403, "{path}");
        assert!([101, 404].contains(&status(&bearer(token_with(scope))).await), "{path}");
    }
    let (_, head, mut wire) = shake(&router, "/v1/ws", "").await;
    assert!(head.contains("www-authenticate: bearer realm=\"signalbox\"\r\n"), "{head}");
    let problem: Value = serde_json::from_slice(&wire.rest().await).unwrap();
    assert_eq!(problem["code"], "unauthenticated");
}

#[tokio::test]
async fn a_route_is_closed_however_its_path_is_written() {
    let router = router(&[]);
    for path in ["/v1/%65vents", "/%761/events", "/v1/sessions?ticket=x", "/v1/stat%73"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(ask(&router, method, path, None).await.status, 401, "{method} {path}");
        }
    }
    let path = "/v1/%73essions/00000000-0000-4000-8000-000000000000";
    assert_eq!(ask(&router, "DELETE", path, Some(WALL)).await.status, 403);
}

#[tokio::test]
async fn credentials_have_one_form() {
    let router = router(&[]);
    for (value, status) in [
        (format!("Bearer {WALL}"), 200),
        (format!("bearer  {WALL}"), 200),
        (WALL.to_owned(), 401),
        (format!("Basic {WALL}"), 401),
        (format!("Bearer {WALL}x"), 401),
        (format!("Bearer {}", &WALL[1..]), 401),
        ("Bearer ".to_owned(), 401),
        ("Bearer".to_owned(), 401),
    ] {
        let request = http().get(router.url("/v1/stats")).header("authorization", &value);
        assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{value}");
    }
    let twice = http().get(router.url("/v1/stats")).bearer_auth(WALL).bearer_auth(OPERATOR);
    assert_eq!(twice.send().await.unwrap().status(), 401);
    for key in ["token", "access_token", "ticket", "apikey"] {
        let path = format!("/v1/stats?{key}={WALL}");
        assert_eq!(ask(&router, "GET", &path, None).await.status, 401, "{key}");
    }
}

#[tokio::test]
async fn a_producer_without_a_token_gets_its_answer_whatever_it_sends() {
    let router = router(&[]);
    let request = http().post(router.url("/v1/events")).body(vec![b' '; 12 << 20]);
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"));
}

#[tokio::test]
async fn an_operator_sees_whose_sessions_there_are_and_the_log_says_who_closed_one() {
    let mut router = router(&[]);
    let (status, _, mut wire) = shake(&router, "/v1/ws?client_id=w1", &bearer(WALL)).await;
    assert_eq!(status, 101);
    wire.json().await;
    let sessions = ask(&router, "GET", "/v1/sessions", Some(WALL)).await.json;
    let session = &sessions["sessions"][0];
    assert_eq!((&session["identity"], &session["client_id"]), (&json!("wall"), &json!("w1")));
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    assert_eq!(ask(&router, "DELETE", &path, Some(WALL)).await.status, 403);
    assert_eq!(ask(&router, "DELETE", &path, Some(OPERATOR)).await.status, 204);
    assert_eq!(wire.close_code().await, Some(1000));
    router.terminate();
    let log = router.log();
    let line = log.lines().find(|line| line.contains("an operator closed a session")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["by"], &line["session"]), (&json!("operator"), &session["id"]));
}

#[tokio::test]
async fn in_open_mode_nobody_is_asked() {
    let router = Router::start();
    for Route { method, path, .. } in ROUTES {
        for token in [None, Some(STRANGER)] {
            let status = ask(&router, method, &concrete(path), token).await.status;
            assert!(![401, 403].contains(&status), "{method} {path}");
        }
    }
    let ticket = ask(&router, "POST", "/v1/tickets", None).await;
    let path = format!("/v1/ws?ticket={}", ticket.json["ticket"].as_str().unwrap());
    let (status, _, mut wire) = shake(&router, &path, "").await;
    assert_eq!(status, 101, "what is written for tokens works without");
    wire.json().await;
    assert_eq!(router.get("/v1/sessions").await["sessions"][0]["identity"], Value::Null);
}

#[tokio::test]
async fn a_session_ends_when_its_token_expires() {
    // On a busy machine, a few seconds may be over before the router listens.
    for seconds in [3, 30] {
        let expires_at = Utc::now() + TimeDelta::seconds(seconds);
        let tokens = format!("wall read {WALL} {}", expires_at.to_rfc3339());
        let router = Router::with(&[("auth.mode", "token"), ("auth.tokens", &tokens)]);
        if let Some(wires) = by_token_and_ticket(&router, WALL, expires_at).await {
            return end_in_time(&router, WALL, expires_at, wires).await;
        }
    }
    panic!("no session was opened in time");
}

/// A socket by token, a socket and a stream by ticket, unless the token has expired before.
async fn by_token_and_ticket(
    router: &Router,
    token: &str,
    expires_at: DateTime<Utc>,
) -> Option<[Wire; 3]> {
    let (status, _, by_token) = shake(router, "/v1/ws", &bearer(token)).await;
    let ticket = ask(router, "POST", "/v1/tickets", Some(token)).await.json;
    let until: DateTime<Utc> = ticket["expires_at"].as_str()?.parse().unwrap();
    assert!(until <= expires_at, "no ticket outlives its token");
    let ticket = ticket["ticket"].as_str()?;
    let (also, _, by_ticket) = shake(router, &format!("/v1/ws?ticket={ticket}"), "").await;
    let mut stream = Wire::connect(router).await;
    let request = format!("GET /v1/stream?ticket={ticket} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.send(request.as_bytes()).await;
    let opened = stream.head().await.starts_with("HTTP/1.1 200 ") && [status, also] == [101, 101];
    opened.then_some([by_token, by_ticket, stream])
}

async fn end_in_time(router: &Router, token: &str, expires_at: DateTime<Utc>, wires: [Wire; 3]) {
    let [mut by_token, mut by_ticket, mut stream] = wires;
    assert_eq!(by_token.close_code().await, Some(4401));
    assert_eq!(by_ticket.close_code().await, Some(4401));
    let said = String::from_utf8(stream.rest().await).unwrap();
    assert!(said.contains("event: bye\n") && said.contains("unauthenticated"), "{said}");
    assert!(Utc::now() >= expires_at);
    let answer = ask(router, "GET", "/v1/stats", Some(token)).await;
    assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"));
    assert!(answer.json["detail"].as_str().unwrap().contains("expired"), "{answer:?}");
}
