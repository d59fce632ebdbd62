//! Dead letters that are sent again.

use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{POISON, letter, problem, publish_poison, replay, router_before, router_with};
use crate::support::{
    destination::{Behaviour, Destination, RetryAfter},
    router::{Router, http, until},
};

/// What the audit log says of dead letters, oldest first: what was done, and its detail.
async fn audited(router: &Router) -> Vec<(String, Value)> {
    let log = router.get("/v1/audit?after=0").await;
    let entries = log["entries"].as_array().unwrap().iter();
    let of_letters = entries.filter(|entry| {
        entry["action"].as_str().unwrap().starts_with("dead_letter.") && entry["actor"] == "anybody"
    });
    let told = of_letters
        .map(|entry| (entry["action"].as_str().unwrap().to_owned(), entry["detail"].clone()));
    told.collect()
}

#[tokio::test]
async fn what_the_destination_takes_by_now_is_recovered_once() {
    let destination = Destination::start();
    let router = router_before(&destination);
    router.publish("earlier").await;
    let (id, posted) = publish_poison(&router, &destination).await;
    router.publish("later").await;
    destination.until(2).await;
    destination.clear().await;

    let replayed = replay(&router, id).await;
    assert_eq!((replayed.status, &replayed.json["status"]), (200, &json!("recovered")));
    assert_eq!((&replayed.json["attempts"], &replayed.json["id"]), (&json!(2), &json!(id)));
    assert!(replayed.json["replayed_at"].is_string() && replayed.json["recovered_at"].is_string());
    assert_eq!(letter(&router, id).await, replayed.json);
    let received = destination.received().await;
    let sent: Vec<_> =
        received.iter().flat_map(|it| &it.events).filter(|it| it.id.is_some()).collect();
    let [event] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(event.id.as_deref(), posted["id"].as_str());
    assert_eq!((event.seq, event.prev), (Some(2), Some(1)), "it is no hole to who has passed it");

    assert_eq!(problem(&replay(&router, id).await), (409, "dead_letter_recovered"));
    assert_eq!(destination.received_ids().await.len(), 1);
    let about = |member: &str, value: Value| json!({ "adapter": "realtime", "event_id": posted["id"], member: value });
    let mut recovered = about("x", Value::Null);
    recovered.as_object_mut().unwrap().remove("x");
    let expected = [
        ("dead_letter.replayed".to_owned(), about("status", json!("pending"))),
        ("dead_letter.recovered".to_owned(), recovered),
    ];
    assert_eq!(audited(&router).await, expected);
}

#[tokio::test]
async fn what_is_refused_again_can_be_replayed_again() {
    let destination = Destination::start();
    let router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    let refused = replay(&router, id).await;
    assert_eq!(problem(&refused), (422, "destination_refused"));
    let detail = refused.json["detail"].as_str().unwrap();
    assert!(detail.starts_with("the destination refused it again: 413"), "{detail}");
    let failed = letter(&router, id).await;
    assert_eq!((&failed["status"], &failed["attempts"]), (&json!("failed"), &json!(2)));
    assert!(failed["reason"].as_str().unwrap().starts_with("413"), "{failed}");

    destination.clear().await;
    let replayed = replay(&router, id).await;
    assert_eq!((replayed.status, &replayed.json["attempts"]), (200, &json!(3)));
    let actions: Vec<_> = audited(&router).await.into_iter().map(|(action, _)| action).collect();
    let expected = ["replayed", "failed", "replayed", "recovered"];
    assert_eq!(actions, expected.map(|it| format!("dead_letter.{it}")));
}

#[tokio::test]
async fn what_is_not_taken_now_stays_to_be_replayed() {
    let destination = Destination::start();
    let router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    destination.clear().await;
    destination.next([Behaviour::Status(500)]).await;
    let lost = replay(&router, id).await;
    assert_eq!(problem(&lost), (503, "destination_unavailable"));
    assert!(lost.json["detail"].as_str().unwrap().contains("did not take it: 500"), "{lost:?}");
    let pending = letter(&router, id).await;
    assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!(2)));

    let force = |state: &str| {
        let request = http().post(router.url("/v1/adapters/realtime/breaker"));
        request.body(json!({ "state": state }).to_string()).send()
    };
    assert_eq!(force("open").await.unwrap().status(), 200);
    let kept = replay(&router, id).await;
    assert_eq!(problem(&kept), (503, "destination_unavailable"));
    assert!(kept.json["detail"].as_str().unwrap().contains("breaker is open"), "{kept:?}");
    assert_eq!(letter(&router, id).await, pending, "nothing was sent");
    assert_eq!(force("closed").await.unwrap().status(), 200);
    assert_eq!(replay(&router, id).await.status, 200);
}

#[tokio::test]
async fn a_replay_does_not_wait_for_what_waits_long() {
    let destination = Destination::start();
    let router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    destination.clear().await;
    destination.next([Behaviour::RateLimited(RetryAfter::Seconds(600))]).await;
    router.publish("early").await;
    destination.until_done().await;
    assert_eq!(problem(&replay(&router, id).await), (503, "destination_unavailable"));
    assert_eq!(letter(&router, id).await["status"], "pending");
    assert_eq!(destination.received_ids().await, [""; 0]);
}

#[tokio::test]
async fn only_one_of_two_replays_sends_it() {
    let destination = Destination::start();
    let router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    destination.clear().await;
    destination.always(Behaviour::Slow(Duration::from_millis(200))).await;
    let (one, other) = tokio::join!(replay(&router, id), replay(&router, id));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(destination.received_ids().await.len(), 1);
}

#[tokio::test]
async fn a_replay_ends_although_its_client_is_gone() {
    let destination = Destination::start();
    let router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    destination.clear().await;
    destination.next([Behaviour::Slow(Duration::from_millis(500))]).await;
    let mut client = TcpStream::connect(router.address).await.unwrap();
    let head = format!("POST /v1/dead-letters/{id}/replay HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    destination.until(1).await;
    // It goes with RST: a router that cared would have nobody left to answer.
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    until(async || (letter(&router, id).await["status"] == "recovered").then_some(())).await;
}

#[tokio::test]
async fn a_replay_that_died_with_the_router_can_be_made_again() {
    let destination = Destination::start();
    let mut router = router_before(&destination);
    let (id, _) = publish_poison(&router, &destination).await;
    let url = router.url(&format!("/v1/dead-letters/{id}/replay"));
    assert_eq!(replay(&router, id).await.status, 422);
    destination.clear().await;
    destination.next([Behaviour::NoAnswer]).await;
    let asked = tokio::spawn(http().post(url).send());
    destination.until(1).await;
    router.kill();
    assert!(asked.await.unwrap().is_err());
    router.restart();
    let pending = letter(&router, id).await;
    assert_eq!((&pending["status"], &pending["attempts"]), (&json!("pending"), &json!(3)));
    assert_eq!(replay(&router, id).await.status, 200);
    assert_eq!(destination.received_ids().await.len(), 2, "its first answer was lost");
}

#[tokio::test]
async fn by_policy_pending_ones_are_sent_again_and_recovered_ones_go_in_the_end() {
    let destination = Destination::start();
    let options = [("retry.dead_letters_interval", "20ms"), ("retry.dead_letters_keep", "1s")];
    let router = router_with(&destination, &options);
    destination.poison(POISON, Behaviour::Status(413)).await;
    router.post(&json!({ "event_type": "a", "source": "test", "data": { "is": POISON } })).await;
    // It is pending only until it is sent again for the first time.
    let failed = async || {
        let page = router.get("/v1/dead-letters?status=failed").await;
        page["dead_letters"][0]["id"].as_u64()
    };
    let id = until(failed).await;
    assert_eq!(replay(&router, id).await.status, 422, "somebody has to look at it");

    destination.clear().await;
    assert_eq!(replay(&router, id).await.status, 200);
    let gone = async || {
        let answer = router.ask("GET", &format!("/v1/dead-letters/{id}")).await;
        (answer.status == 404).then_some(())
    };
    until(gone).await;
    let log = router.get("/v1/audit?action=dead_letter.deleted").await;
    assert_eq!(log["entries"][0]["actor"], "signalbox", "{log}");
}
