//! What only somebody can put right: nothing is sent until it is, and nothing else suffers.

use serde_json::json;

use super::{
    attempts, committed, force, path, post, router_to, until_audited, until_breaker, until_settled,
    watch,
};
use crate::support::{
    destination::{Behaviour, Count, Destination, KEY, Place},
    history::History,
    router::{http, until},
};

/// A key that is not known holds the path until somebody says to try again.
async fn holds_on_a_wrong_key(transport: &str) {
    let destination = Destination::start();
    let router = router_to(&destination, transport, &[]);
    let mut wall = watch(&router).await;
    destination.know("another").await;
    let mut posted = post(&router, 5).await;
    let held = until_breaker(&router, "open").await;
    assert_eq!(held["breaker"]["until"], json!(null), "{held}");
    let cause = held["breaker"]["cause"].as_str().unwrap();
    assert!(cause.contains("realtime.key") && !cause.contains(KEY), "{cause}");
    posted.extend(post(&router, 20).await);
    assert_eq!(wall.seqs(25).await, posted, "the direct path");
    assert_eq!(router.ask("GET", "/readyz").await.status, 200);
    // It is right again, and nobody has said so: events come and go, and none of them is tried.
    destination.know(KEY).await;
    posted.extend(post(&router, 5).await);
    assert_eq!(wall.seqs(5).await, posted[25..]);
    let path_held = path(&router).await;
    assert_eq!(path_held["lag_events"], 30, "{path_held}");
    assert_eq!(attempts(&router, "misconfigured").await, 1);
    assert_eq!(destination.count(Count::Events).await, 0);
    force(&router, "auto").await;
    until_settled(&router, 30).await;
    History::of(committed(&router).await).assert(&destination.received().await);
    until_audited(&router, "open", 1).await;
    assert_eq!(path(&router).await["breaker"]["state"], "closed");
    assert_eq!(attempts(&router, "misconfigured").await, 1);
}

#[tokio::test]
async fn a_wrong_key_holds_broadcasts_until_somebody_says_so() {
    holds_on_a_wrong_key("broadcast").await;
}

#[tokio::test]
async fn a_wrong_key_holds_a_channel_until_somebody_says_so() {
    holds_on_a_wrong_key("channel").await;
}

/// Forced open, nothing is sent; forced closed, whatever fails is tried again and nothing opens.
#[tokio::test]
async fn somebody_opens_and_closes_the_breaker() {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    let mut wall = watch(&router).await;
    force(&router, "open").await;
    let mut posted = post(&router, 10).await;
    assert_eq!(wall.seqs(10).await, posted, "the direct path");
    let opened = path(&router).await;
    assert_eq!((&opened["breaker"]["forced"], &opened["lag_events"]), (&json!("open"), &json!(10)));
    assert_eq!(destination.count(Count::Events).await, 0);
    destination.next([Behaviour::Status(500); 12]).await;
    force(&router, "closed").await;
    posted.extend(post(&router, 10).await);
    destination.until_done().await;
    until_settled(&router, 20).await;
    assert_eq!(wall.seqs(10).await, posted[10..]);
    History::of(committed(&router).await).assert(&destination.received().await);
    assert_eq!(attempts(&router, "transient").await, 12);
    let path = path(&router).await;
    assert_eq!(path["transitions"].as_array().unwrap().len(), 2, "opened, and closed: {path}");
    assert_eq!(path["breaker"]["forced"], "closed");
    force(&router, "auto").await;
    until(async || {
        let log = router.get("/v1/audit?action=breaker.forced").await;
        (log["entries"].as_array().unwrap().len() == 3).then_some(())
    })
    .await;
    let none = http().post(router.url("/v1/adapters/websocket/breaker"));
    assert_eq!(none.json(&json!({ "state": "open" })).send().await.unwrap().status(), 404);
}

/// A join that is refused for a reason that no time heals, and then allowed.
#[tokio::test]
async fn a_refused_join_holds_the_channel_until_somebody_says_so() {
    let destination = Destination::start();
    let router = router_to(&destination, "channel", &[]);
    let mut wall = watch(&router).await;
    destination.next_at(Place::Join, [Behaviour::Status(403)]).await;
    let posted = post(&router, 10).await;
    let held = until_breaker(&router, "open").await;
    assert_eq!(held["breaker"]["until"], json!(null), "{held}");
    assert!(held["breaker"]["cause"].as_str().unwrap().contains("realtime.topic"), "{held}");
    assert_eq!(wall.seqs(10).await, posted, "the direct path");
    assert_eq!(destination.count(Count::Events).await, 0);
    force(&router, "auto").await;
    until_settled(&router, 10).await;
    History::of(committed(&router).await).assert(&destination.received().await);
    assert_eq!(attempts(&router, "misconfigured").await, 1);
}
