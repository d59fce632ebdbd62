//! Tickets: what they open, for whom, and for how long.

use serde_json::{Value, json};

use super::{OPERATOR, PRODUCER, WALL, ask, post, router, shake};
use crate::support::{
    router::{Router, until},
    source::Source,
};

async fn ticket(router: &Router, token: &str, body: &Value) -> String {
    let answer = post(router, "/v1/tickets", token, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.json["expires_at"].is_string());
    answer.json["ticket"].as_str().unwrap().to_owned()
}

/// The status of a handshake with a ticket.
async fn open(router: &Router, ticket: &str) -> u16 {
    shake(router, &format!("/v1/ws?ticket={ticket}"), "").await.0
}

#[tokio::test]
async fn a_ticket_opens_a_socket_as_its_owner() {
    let router = router(&[]);
    let ticket = ticket(&router, WALL, &json!({})).await;
    let path = format!("/v1/ws?client_id=w&ticket={ticket}&switch=1");
    let (status, _, mut wire) = shake(&router, &path, "").await;
    assert_eq!(status, 101);
    assert_eq!(wire.json().await["type"], "welcome");
    let sessions = ask(&router, "GET", "/v1/sessions", Some(WALL)).await.json;
    assert_eq!(sessions["sessions"][0]["identity"], "wall");
    // The same as a request of the app, which then only says that this is a socket.
    assert_eq!(ask(&router, "GET", &path, None).await.status, 426);
    assert_eq!(ask(&router, "GET", "/v1/ws", None).await.status, 401);
}

#[tokio::test]
async fn a_ticket_opens_a_stream_as_its_owner() {
    let router = router(&[]);
    let ticket = ticket(&router, WALL, &json!({ "scopes": ["read"] })).await;
    let _open = Source::open(&router, &format!("?client_id=s&ticket={ticket}")).await;
    let sessions = ask(&router, "GET", "/v1/sessions", Some(WALL)).await.json;
    assert_eq!(sessions["sessions"][0]["identity"], "wall");
    assert_eq!(ask(&router, "GET", "/v1/stream?ticket=sbt_00", None).await.status, 401);
}

#[tokio::test]
async fn a_ticket_opens_nothing_else() {
    let router = router(&[]);
    let ticket = ticket(&router, OPERATOR, &json!({})).await;
    for path in ["/v1/events", "/v1/stats", "/v1/sessions", "/metrics"] {
        let path = format!("{path}?ticket={ticket}");
        assert_eq!(ask(&router, "GET", &path, None).await.status, 401, "{path}");
    }
    let path = format!("/v1/tickets?ticket={ticket}");
    assert_eq!(ask(&router, "POST", &path, None).await.status, 401, "no ticket makes another");
    assert_eq!(ask(&router, "GET", "/v1/stats", Some(&ticket)).await.status, 401);
    assert_eq!(open(&router, WALL).await, 401, "a token is no ticket");
}

#[tokio::test]
async fn a_ticket_that_is_not_of_this_router_or_was_changed_is_refused() {
    let (one, other) = (router(&[]), router(&[]));
    let ticket = ticket(&one, WALL, &json!({})).await;
    assert_eq!(open(&other, &ticket).await, 401, "of another router");
    let last = if ticket.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &ticket[..ticket.len() - 1]);
    for wrong in [&changed, &ticket[..ticket.len() - 2], "", "sbt_", &format!("{ticket}00")] {
        assert_eq!(open(&one, wrong).await, 401, "{wrong}");
    }
    assert_eq!(open(&one, &ticket).await, 101);
}

#[tokio::test]
async fn a_ticket_expires() {
    let router = router(&[("auth.ticket_ttl", "1s")]);
    // On a busy machine, one may have expired before it was shown.
    let (ticket, mut wire) = until(|| async {
        let ticket = ticket(&router, WALL, &json!({})).await;
        let (status, _, wire) = shake(&router, &format!("/v1/ws?ticket={ticket}"), "").await;
        (status == 101).then_some((ticket, wire))
    })
    .await;
    until(|| async { (open(&router, &ticket).await == 401).then_some(()) }).await;
    wire.json().await;
    let sessions = ask(&router, "GET", "/v1/sessions", Some(WALL)).await.json;
    let open = sessions["sessions"].as_array().unwrap();
    assert!(!open.is_empty(), "what it opened stays open");
}

#[tokio::test]
async fn a_ticket_allows_what_its_owner_may_or_less() {
    let router = router(&[]);
    let less = ticket(&router, OPERATOR, &json!({ "scopes": ["ingest"] })).await;
    assert_eq!(open(&router, &less).await, 403);
    let same = ticket(&router, OPERATOR, &json!({ "scopes": ["read", "ingest"] })).await;
    assert_eq!(open(&router, &same).await, 101);
    assert_eq!(open(&router, &ticket(&router, PRODUCER, &json!({})).await).await, 403);
    for (token, scopes) in [(WALL, json!(["read", "ingest"])), (PRODUCER, json!(["admin"]))] {
        let answer = post(&router, "/v1/tickets", token, &json!({ "scopes": scopes })).await;
        assert_eq!((answer.status, answer.problem()), (403, "not_allowed"), "{scopes}");
    }
    for body in [
        json!({ "scopes": [] }),
        json!({ "scopes": ["write"] }),
        json!({ "scope": "read" }),
        json!(7),
    ] {
        let answer = post(&router, "/v1/tickets", WALL, &body).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_ticket_request"), "{body}");
    }
}
