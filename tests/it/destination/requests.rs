//! What the destination does to deliveries over HTTP, and to the questions after its health.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    NEVER,
    clients::{Poster, explain},
};
use crate::support::destination::{Behaviour, Count, Destination, Limits, Place, RetryAfter, Via};

#[tokio::test]
async fn a_delivery_is_taken_and_kept_as_it_came() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    let event = |n: u64| {
        json!({ "topic": "monitoring", "event": "x", "private": true,
                "payload": { "id": format!("id-{n}"), "seq": n, "prev": n - 1 } })
    };
    let answer = poster.body(&json!({ "messages": [event(5), event(6)] })).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (202, String::new()));
    let received = destination.until(2).await;
    let [one] = &received[..] else { panic!("{received:?}") };
    assert_eq!((one.request, one.connection, one.via), (1, 1, Via::Broadcast));
    assert_eq!((one.outcome.as_str(), one.kept, one.told), ("ok", true, true));
    let [first, second] = &one.events[..] else { panic!("{one:?}") };
    assert_eq!(
        (first.seq, first.prev, second.seq, second.prev),
        (Some(5), Some(4), Some(6), Some(5))
    );
    assert_eq!(
        (first.name.as_str(), first.topic.as_str(), first.private),
        ("x", "monitoring", true)
    );
    assert_eq!(first.id.as_deref(), Some("id-5"));
    assert_ne!(first.digest, second.digest);
}

#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    let statuses = [500, 502, 503, 401, 403, 404, 413, 422];
    destination.next(statuses.map(Behaviour::Status)).await;
    destination.next([Behaviour::Error, Behaviour::SystemError("no")]).await;
    for status in statuses.into_iter().chain([500, 503]) {
        assert_eq!(poster.post(&["a"]).await, Ok(status));
    }
    assert_eq!(poster.post(&["a"]).await, Ok(202), "the script is done");
    assert_eq!(destination.received_ids().await, ["a"]);
    let received = destination.until_requests(11).await;
    assert_eq!(received[1].outcome, "status 502");
    assert!(received[..10].iter().all(|it| !it.kept && !it.told && it.ids() == ["a"]));
    assert_eq!(destination.count(Count::Connections).await, 1, "no status ends the connection");
}

#[tokio::test]
async fn when_to_come_again_is_said_in_every_way() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    let ways = [
        RetryAfter::Missing,
        RetryAfter::Seconds(7),
        RetryAfter::Date(90),
        RetryAfter::Text("soon"),
    ];
    destination.next(ways.map(Behaviour::RateLimited)).await;
    let mut said = Vec::new();
    for _ in ways {
        let answer = poster.request(&["a"]).send().await.unwrap();
        assert_eq!(answer.status(), 429);
        said.push(answer.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned()));
    }
    let date = said.remove(2).unwrap();
    assert_eq!(said, [None, Some("7".to_owned()), Some("soon".to_owned())]);
    let ahead = chrono::DateTime::parse_from_rfc2822(&date).unwrap().to_utc() - chrono::Utc::now();
    assert!((0..=90).contains(&ahead.num_seconds()), "{date}");
}

#[tokio::test]
async fn connections_break_in_every_way() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    let ways = [
        (Behaviour::Reset, "reset", false),
        (Behaviour::Close(1000), "closed", false),
        (Behaviour::Garbage, "invalid", false),
        (Behaviour::LoseAnswer, "closed", true),
        (Behaviour::Half, "closed", true),
    ];
    for (behaviour, complaint, is_kept) in ways {
        destination.clear().await;
        destination.next([behaviour]).await;
        let error = poster.post(&["a"]).await.unwrap_err();
        assert!(error.contains(complaint), "{behaviour:?}: {error}");
        let received = destination.until_requests(1).await;
        assert_eq!((received[0].kept, received[0].told), (is_kept, false), "{behaviour:?}");
        assert_eq!(received[0].ids(), ["a"]);
    }
}

#[tokio::test]
async fn silence_is_kept_up_and_tells_nothing() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    for (behaviour, is_kept) in [(Behaviour::Hang, false), (Behaviour::NoAnswer, true)] {
        destination.clear().await;
        destination.next([behaviour]).await;
        let hung = tokio::spawn(poster.request(&["a"]).send());
        let received = destination.until_requests(1).await;
        assert_eq!((received[0].kept, received[0].told), (is_kept, false));
        // Others are answered while it goes on.
        assert_eq!(poster.post(&["b"]).await, Ok(202));
        assert!(!hung.is_finished());
        hung.abort();
    }
}

#[tokio::test]
async fn an_answer_that_takes_long_comes() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Slow(Duration::from_millis(20))]).await;
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    let received = destination.until(1).await;
    assert!(received[0].kept && received[0].told);
}

/// A sender that has gone in the meantime was told nothing.
#[tokio::test]
async fn nobody_is_told_who_did_not_wait() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Slow(Duration::from_secs(1))]).await;
    let waits = tokio::spawn(poster.request(&["a"]).send());
    destination.until_done().await;
    waits.abort();
    let received = destination.until(1).await;
    assert!(received[0].kept && !received[0].told, "{received:?}");
}

#[tokio::test]
async fn answers_come_in_pieces_and_in_heaps() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Partial, Behaviour::Huge(8 << 20)]).await;
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    let answer = poster.request(&["b"]).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (202, 8 << 20));
    let received = destination.until(2).await;
    assert!(received.iter().all(|it| it.kept && it.told));
}

/// What a pool of connections meets: the next request on it is in vain.
#[tokio::test]
async fn a_connection_that_was_to_stay_is_closed() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::AnswerThenClose]).await;
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    while poster.post(&["b"]).await.is_err() {}
    assert_eq!(destination.received_ids().await, ["a", "b"]);
    assert_eq!(destination.count(Count::Connections).await, 2);
}

#[tokio::test]
async fn one_poisoned_event_spoils_its_request() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.poison("of bad", Behaviour::Status(422)).await;
    destination.next([Behaviour::Status(500)]).await;
    assert_eq!(poster.post(&["a", "bad", "b"]).await, Ok(500), "the script comes first");
    for (ids, status) in [(&["a", "bad", "b"][..], 422), (&["bad"], 422), (&["a", "b"], 202)] {
        assert_eq!(poster.post(ids).await, Ok(status), "{ids:?}");
    }
    assert_eq!(destination.received_ids().await, ["a", "b"]);
}

#[tokio::test]
async fn what_the_real_one_refuses_is_refused() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Status(500)]).await;
    destination.limit(Limits { payload_bytes: 100, body_bytes: 400, ..Limits::REAL }).await;
    let with = |field: &str, value: Value| {
        let mut message = json!({ "topic": "t", "event": "e", "payload": { "id": "a" } });
        message[field] = value;
        json!({ "messages": [message] })
    };
    let long = |n: usize| json!({ "id": "a", "text": " ".repeat(n) });
    let cases = [
        (json!({}), 422),
        (json!([]), 400),
        (with("topic", json!("")), 422),
        (with("event", json!(3)), 422),
        (with("payload", json!("text")), 422),
        (with("payload", long(100)), 422),
        (with("payload", long(400)), 413),
    ];
    for (body, status) in cases {
        assert_eq!(poster.body(&body).send().await.unwrap().status(), status, "{body}");
    }
    assert_eq!(destination.count(Count::Left).await, 1, "none of them met the script");
    assert!(destination.received_ids().await.is_empty());
    let elsewhere = poster.client.post(format!("{}/api/other", destination.url()));
    assert_eq!(elsewhere.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn bursts_pass_and_then_nothing_does() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.limit(Limits { events_per_second: Some(3), ..Limits::REAL }).await;
    // Two in the last minute are on the average hardly any.
    assert_eq!(poster.post(&["a", "b"]).await, Ok(202));
    let ids = ["c", "d", "e", "f"];
    let answer = poster.request(&ids).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-rate-limit"]),
        (429, &"3".parse().unwrap())
    );
    assert!(answer.headers().get("retry-after").is_none());
    assert_eq!(poster.post(&["c", "d"]).await, Ok(202));
}

#[tokio::test]
async fn health_is_asked_for_in_every_way_and_scripted_by_itself() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    let url = |path: &str| format!("{}{path}", destination.url());
    let paths = ["/realtime/v1/api/ping", "/api/tenants/realtime/health", "/healthcheck"];
    for path in paths {
        let answer = poster.client.get(url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<Value>().await.unwrap()["data"]["healthy"], true);
    }
    let head = || poster.client.head(url("/realtime/v1/api/broadcast")).send();
    assert_eq!(head().await.unwrap().status(), 200);
    destination.always(Behaviour::Status(500)).await;
    assert_eq!(head().await.unwrap().status(), 200, "deliveries fail, and health passes");
    destination.next_at(Place::Health, [Behaviour::Status(503), Behaviour::Reset]).await;
    assert_eq!(head().await.unwrap().status(), 503);
    assert!(head().await.is_err());
    assert_eq!(head().await.unwrap().status(), 200);
    assert_eq!(destination.count(Count::Health).await, 8);
    assert!(destination.received().await.is_empty());
}

#[tokio::test]
async fn connections_that_wait_are_broken_off_unasked() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Slow(NEVER)]).await;
    let waits = tokio::spawn(poster.request(&["a"]).send());
    destination.until_done().await;
    destination.now(Behaviour::Reset).await;
    let error = waits.await.unwrap().unwrap_err();
    assert!(explain(&error).contains("reset"), "{}", explain(&error));
}
