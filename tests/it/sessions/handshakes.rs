//! Who gets a session: what a handshake must say, and from where it may come.

use serde_json::json;

use crate::support::{
    dashboard::Dashboard,
    router::{Router, http},
    wire::{Wire, handshake, upgrade},
};

/// The status line, the content type and the body of an answer that ends the connection.
async fn answer(router: &Router, request: &str) -> (u16, serde_json::Value, String) {
    let mut wire = Wire::connect(router).await;
    wire.send(request.as_bytes()).await;
    let head = wire.head().await.to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 101 {
        return (status, json!(null), head);
    }
    assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
    (status, serde_json::from_slice(&wire.rest().await).unwrap(), head)
}

#[tokio::test]
async fn what_is_no_handshake_gets_a_problem_that_says_what_to_do() {
    let router = Router::start();
    let good = handshake(&router);
    let long = format!("/v1/ws?client_id={}", "x".repeat(129));
    for (request, status, code) in [
        (upgrade(&router, "/v1/w", ""), 404, "not_found"),
        (upgrade(&router, "/v1/events", ""), 404, "not_found"),
        (good.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400, "bad_handshake"),
        (good.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400, "bad_handshake"),
        (good.replace("Version: 13", "Version: 8"), 426, "upgrade_required"),
        (good.replace("Sec-WebSocket-Version: 13\r\n", ""), 400, "bad_handshake"),
        (good.replace("signalbox.v1.json", "graphql-ws, other"), 400, "unknown_subprotocol"),
        (upgrade(&router, "/v1/ws?client_id=", ""), 400, "bad_parameter"),
        (upgrade(&router, &long, ""), 400, "bad_parameter"),
        (good.replace(&router.address.to_string(), "example.org"), 421, "host_not_allowed"),
        (upgrade(&router, "/v1/ws", "Origin: http://example.org\r\n"), 403, "origin_not_allowed"),
        (upgrade(&router, "/v1/ws", "Origin: null\r\n"), 403, "origin_not_allowed"),
    ] {
        let (got, problem, head) = answer(&router, &request).await;
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{request}\n{problem}");
        assert_eq!(problem["status"], status);
        let version = head.contains("sec-websocket-version: 13\r\n");
        assert_eq!(version, status == 426, "{head}");
    }
    assert_eq!(router.get("/v1/sessions").await, json!({ "sessions": [] }));
}

#[tokio::test]
async fn a_handshake_is_accepted_with_and_without_the_subprotocol() {
    let router = Router::start();
    let own = format!("Origin: http://{}\r\n", router.address);
    for (request, chosen) in [
        (handshake(&router), true),
        (handshake(&router).replace("signalbox.v1.json", "other, signalbox.v1.json"), true),
        (upgrade(&router, "/v1/ws", ""), false),
        (upgrade(&router, "/v1/ws", &own), false),
    ] {
        let (status, _, head) = answer(&router, &request).await;
        assert_eq!(status, 101, "{head}");
        // The example of RFC 6455.
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
        let choice = head.contains("sec-websocket-protocol: signalbox.v1.json\r\n");
        assert_eq!(choice, chosen, "{head}");
    }
}

#[tokio::test]
async fn an_operator_sees_who_is_connected() {
    let router = Router::start();
    let mut wire = Wire::connect(&router).await;
    wire.send(upgrade(&router, "/v1/ws?client_id=wall%20%C3%A9&switch=1", "").as_bytes()).await;
    wire.head().await;
    wire.json().await;
    let mut other = Dashboard::subscribed(&router, json!({ "filter": { "source": ["t*"] } })).await;
    router.publish("a").await;
    let event = other.next().await;
    let sessions = router.get("/v1/sessions").await["sessions"].clone();
    let by = |name: serde_json::Value| {
        let mut rows = sessions.as_array().unwrap().iter();
        rows.find(|row| row["client_id"] == name).unwrap().clone()
    };
    let (waiting, subscribed) = (by(json!("wall \u{e9}")), by(json!(null)));
    assert_eq!((&waiting["filter"], &waiting["seq"]), (&json!(null), &json!(null)), "{waiting}");
    assert_eq!(subscribed["id"], other.welcome["session"]);
    assert_eq!(subscribed["filter"], json!({ "source": ["t*"] }));
    assert_eq!((&subscribed["seq"], &subscribed["lag"]), (&json!(1), &json!(0)));
    assert_eq!((&subscribed["delivered"], &subscribed["path"]), (&json!(1), &json!("direct")));
    assert!(subscribed["bytes"].as_u64().unwrap() > event.to_string().len() as u64);
    assert!(subscribed["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn requests_of_foreign_pages_and_names_are_refused_like_upgrades() {
    let router = Router::start();
    for (path, method) in [("/v1/events", "POST"), ("/v1/events", "GET"), ("/metrics", "GET")] {
        for (name, value, status, code) in [
            ("host", "example.org", 421, "host_not_allowed"),
            ("origin", "http://example.org", 403, "origin_not_allowed"),
            ("origin", "null", 403, "origin_not_allowed"),
        ] {
            let request = http().request(method.parse().unwrap(), router.url(path));
            let request = request
                .header("content-type", "application/json")
                .body(json!({ "event_type": "a", "source": "page", "data": {} }).to_string());
            let response = request.header(name, value).send().await.unwrap();
            let answer = crate::support::router::Answer::of(response).await;
            assert_eq!((answer.status, answer.problem()), (status, code));
        }
    }
    assert_eq!(router.get("/v1/stats").await["journal"]["head_seq"], 0);
}

#[tokio::test]
async fn a_request_that_only_offers_another_protocol_is_served() {
    // As some clients do with every first request, in the hope of HTTP/2.
    let router = Router::start();
    let request = http().get(router.url("/livez")).header("connection", "Upgrade, HTTP2-Settings");
    let request =
        request.header("upgrade", "h2c").header("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "ok\n");
    let plain = router.ask("GET", "/v1/ws").await;
    assert_eq!((plain.status, plain.problem()), (426, "upgrade_required"));
    assert_eq!(plain.header("upgrade"), "websocket");
}
