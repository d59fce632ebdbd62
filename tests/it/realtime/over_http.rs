//! Broadcasts over HTTP, and the answers they get.

use serde_json::{Value, json};

use crate::support::{
    channel::Socket,
    router::{Answer, Router, http},
};

const PREFIXES: [&str; 2] = ["/realtime/v1", ""];

async fn post(router: &Router, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = http().post(router.url(path)).header("content-type", kind).body(body);
    Answer::of(request.send().await.unwrap()).await
}

async fn post_json(router: &Router, path: &str, body: &Value) -> Answer {
    post(router, path, "application/json", body.to_string()).await
}

#[tokio::test]
async fn what_is_posted_is_heard_in_order_by_public_and_private_channels_apart() {
    let router = Router::start();
    let mut public = Socket::connect(&router).await;
    public.join("a/b c", json!({})).await;
    let mut private = Socket::connect_v1(&router).await;
    private.join("a/b c", json!({ "private": true })).await;
    for prefix in PREFIXES {
        let message = |n: u64, private: bool| json!({ "topic": "a/b c", "event": "e", "payload": { "n": n }, "private": private });
        let several =
            json!({ "messages": [message(1, false), message(2, true), message(3, false)] });
        let answer = post_json(&router, &format!("{prefix}/api/broadcast?vsn=x"), &several).await;
        assert_eq!((answer.status, &*answer.text), (202, ""));
        let one = format!("{prefix}/api/broadcast/a%2Fb%20c/events/%C3%A9");
        let answer = post_json(&router, &one, &json!({ "n": 4 })).await;
        assert_eq!((answer.status, &*answer.text), (202, ""));
        let answer = post(&router, &one, "application/octet-stream", vec![0, 255]).await;
        assert_eq!(answer.status, 202);
        let one = format!("{one}?private=true");
        assert_eq!(post_json(&router, &one, &json!({ "n": 5 })).await.status, 202);
        let mut heard = Vec::new();
        for _ in 0..4 {
            let payload = public.expect("broadcast").await;
            heard.push((payload["event"].clone(), payload["payload"].clone()));
        }
        let expected = [
            (json!("e"), json!({ "n": 1 })),
            (json!("e"), json!({ "n": 3 })),
            (json!("\u{e9}"), json!({ "n": 4 })),
            (json!("\u{e9}"), json!([0, 255])),
        ];
        assert_eq!(heard, expected);
        for n in [2, 5] {
            assert_eq!(private.expect("broadcast").await["payload"], json!({ "n": n }));
        }
    }
    public.assert_nothing_came().await;
    private.assert_nothing_came().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_where_clients_look_for_it() {
    let router = Router::with(&[("realtime.payload_bytes", "1KiB")]);
    let valid = json!({ "topic": "t", "event": "e", "payload": {} });
    let with = |name: &str, value: Value| {
        let mut message = valid.clone();
        message[name] = value;
        json!({ "messages": [valid, message] }).to_string()
    };
    for (body, status, code) in [
        ("{".to_owned(), 400, "bad_json"),
        ("[]".to_owned(), 422, "invalid_broadcasts"),
        ("{}".to_owned(), 422, "invalid_broadcasts"),
        (with("topic", json!("")), 422, "invalid_broadcasts"),
        (with("event", json!(null)), 422, "invalid_broadcasts"),
        (with("payload", json!([1])), 422, "invalid_broadcasts"),
        (with("private", json!("yes")), 422, "invalid_broadcasts"),
        (with("payload", json!({ "x": "x".repeat(1024) })), 422, "invalid_broadcasts"),
    ] {
        let answer = post(&router, "/api/broadcast", "application/json", body.clone()).await;
        assert_eq!((answer.status, answer.problem()), (status, code), "{body}");
        assert_eq!(answer.json["message"], answer.json["detail"]);
        assert_eq!(answer.json["error"], answer.json["detail"]);
    }
    let one = "/api/broadcast/t/events/e";
    let answer = post(&router, one, "text/plain", "x").await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"));
    let answer = post(&router, one, "application/json", "x").await;
    assert_eq!((answer.status, answer.problem()), (400, "bad_json"));
    let answer = post(&router, one, "application/octet-stream", vec![0; 1025]).await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid_broadcasts"));
    assert_eq!(router.ask("GET", one).await.status, 405);
}

#[tokio::test]
async fn a_rate_is_told_and_kept_and_a_batch_is_refused_whole() {
    let router = Router::with(&[("realtime.http_events_per_second", "1")]);
    let batch = |n: usize| {
        let message = json!({ "topic": "t", "event": "e", "payload": {} });
        json!({ "messages": vec![message; n] })
    };
    let answer = post_json(&router, "/api/broadcast", &batch(58)).await;
    assert_eq!((answer.status, answer.header("x-rate-limit")), (202, "1"));
    assert_eq!(answer.header("x-rate-limit-remaining"), "0");
    let answer = post_json(&router, "/api/broadcast", &batch(50)).await;
    assert_eq!((answer.status, answer.problem()), (429, "too_many_requests"));
    let text = "Too many messages to broadcast, please reduce the batch size";
    assert_eq!(answer.json["message"], text);
}

#[tokio::test]
async fn pages_may_post_only_where_their_origin_is_listed() {
    let origin = "https://wall.example.org";
    let router = Router::with(&[("auth.cors_origins", origin)]);
    let url = router.url("/realtime/v1/api/broadcast");
    let preflight = http()
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "apikey,authorization,content-type");
    let answer = Answer::of(preflight.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, origin));
    assert_eq!(answer.header("access-control-allow-methods"), "POST");
    let headers = answer.header("access-control-allow-headers");
    assert_eq!(headers, "apikey,authorization,content-type");
    let other = http().post(&url).header("origin", "https://other.example.org").body("{}");
    let answer = Answer::of(other.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.problem()), (403, "origin_not_allowed"));
}
