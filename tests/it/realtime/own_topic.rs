//! The topic on which the router tells events, and the port by which it gets there.

use serde_json::json;

use crate::support::{
    channel::Socket,
    router::{Answer, Router, http},
};

const DUAL: (&str, &str) = ("flags.dual_mode", "true");

async fn post(router: &Router, topics: &[&str]) -> Answer {
    let messages =
        topics.iter().map(|topic| json!({ "topic": topic, "event": "e", "payload": {} }));
    let body = json!({ "messages": messages.collect::<Vec<_>>() });
    let request = http().post(router.url("/api/broadcast")).json(&body);
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn nobody_but_the_router_speaks_on_the_topic_of_events() {
    let router =
        Router::with(&[DUAL, ("realtime.topic", "wall"), ("realtime.head_interval", "1h")]);
    let mut listener = Socket::connect(&router).await;
    listener.join("wall", json!({})).await;
    listener.join("room", json!({})).await;
    let refused = post(&router, &["room", "wall"]).await;
    assert_eq!((refused.status, refused.problem()), (403, "topic_reserved"));
    let one = router.url("/realtime/v1/api/broadcast/wall/events/e?private=true");
    let refused = Answer::of(http().post(one).json(&json!({})).send().await.unwrap()).await;
    assert_eq!((refused.status, refused.problem()), (403, "topic_reserved"));
    let mut speaker = Socket::connect(&router).await;
    speaker.join("wall", json!({ "broadcast": { "ack": true } })).await;
    let reference = speaker.broadcast("wall", "e", json!({})).await;
    let answer = speaker.answer(reference).await;
    let reason = answer["response"]["reason"].as_str().unwrap();
    assert_eq!((&answer["status"], &reason[..13]), (&json!("error"), "Unauthorized:"));
    listener.assert_nothing_came().await;
    assert_eq!(post(&router, &["room"]).await.status, 202);
    assert_eq!(listener.next().await.topic, "realtime:room");
}

#[tokio::test]
async fn without_the_realtime_path_the_topic_is_like_all_others() {
    let elsewhere = [DUAL, ("realtime.url", "http://127.0.0.1:9"), ("realtime.key", "any")];
    for settings in [&[][..], &elsewhere] {
        let router = Router::with(settings);
        let mut listener = Socket::connect(&router).await;
        listener.join("monitoring", json!({})).await;
        assert_eq!(post(&router, &["monitoring"]).await.status, 202);
        assert_eq!(listener.expect("broadcast").await["event"], "e");
    }
}

#[tokio::test]
async fn the_port_of_its_own_knows_nobody_in_any_mode() {
    let token = ("auth.tokens", "all ingest,read,admin sbx_all_7d1f0c6e5b4a39281706f5e4d3c2b1a0");
    for mode in ["open", "token"] {
        let log = ("telemetry.log", "info,signalbox::app=debug");
        let router = Router::with(&[DUAL, log, ("auth.mode", mode), token]);
        let log = router.log();
        let (_, rest) =
            log.split_once("reaches itself by http://").expect("it is told at this level");
        let address = rest.split(|c: char| !matches!(c, '0'..='9' | '.' | ':')).next().unwrap();
        let ask = async |path: &str, key: &str| {
            let url = format!("http://{address}{path}");
            let request = http().get(url).header("apikey", key);
            Answer::of(request.send().await.unwrap()).await
        };
        for path in ["/livez", "/v1/events", "/v1/sessions", "/realtime/v1/websocket", "/nothing"] {
            for key in ["any", "sbx_all_7d1f0c6e5b4a39281706f5e4d3c2b1a0", ""] {
                let answer = ask(path, key).await;
                assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"), "{path}");
            }
        }
    }
}
