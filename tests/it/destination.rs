//! The scripted destination and its judge, which other tests stand on: each behaviour does what it
//! says, seen by plain clients.

mod channels;
mod clients;
mod databases;
mod histories;
mod requests;
mod tallies;

use std::time::Duration;

use crate::support::{
    destination::{Behaviour, Count, Destination, KEY, Limits, Place},
    history::{History, Verdict},
    router::until,
};

use self::clients::{Poster, Socket, payload};

/// Comfortably longer than anything that is waited for in vain.
const NEVER: Duration = Duration::from_mins(10);

#[tokio::test]
async fn ten_thousand_events_survive_a_destination_that_misbehaves() {
    let destination = Destination::start();
    let ids: Vec<_> = (0..10_000).map(|n| format!("event-{n}")).collect();
    let poster = Poster::new(&destination);
    let behaviours = [
        Behaviour::Status(503),
        Behaviour::LoseAnswer,
        Behaviour::Reset,
        Behaviour::Half,
        Behaviour::Garbage,
        Behaviour::AnswerThenClose,
    ];
    let mut lost = 0;
    for batch in ids.chunks(50) {
        if fastrand::bool() {
            let behaviour = fastrand::choice(behaviours).unwrap();
            lost += usize::from(matches!(behaviour, Behaviour::LoseAnswer | Behaviour::Half));
            destination.next([behaviour]).await;
        }
        // A connection that was closed in between is known by the next request on it.
        while poster.post(batch).await != Ok(202) {}
    }
    let received = destination.until(10_000).await;
    let verdict = History::of(ids.clone()).assert(&received);
    assert_eq!(verdict, Verdict { after_lost_answers: lost * 50, after_crashes: 0 });
    assert_eq!(destination.received_ids().await.len(), 10_000 + lost * 50);
    assert_eq!(destination.count(Count::Events).await, 10_000);
}

#[tokio::test]
async fn ten_thousand_events_go_through_one_channel() {
    let destination = Destination::start();
    let mut socket = Socket::joined(&destination).await;
    let ids: Vec<_> = (0..10_000).map(|n| format!("event-{n}")).collect();
    for batch in ids.chunks(100) {
        let mut refs = Vec::new();
        for id in batch {
            refs.push(socket.push(payload(id)).await);
        }
        for reference in refs {
            assert_eq!(socket.reply().await, (reference, "ok".into()));
        }
    }
    destination.until_within(Count::Events, 10_000, NEVER).await;
    let verdict = History::of(ids).assert(&destination.received().await);
    assert_eq!(verdict, Verdict { after_lost_answers: 0, after_crashes: 0 });
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_over_and_keeps_the_port() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    let mut socket = Socket::joined(&destination).await;
    destination.refuse().await;
    assert!(socket.is_over().await, "no connection survives");
    for _ in 0..3 {
        let error = poster.post(&["b"]).await.unwrap_err();
        assert!(error.contains("refused") || error.contains("reset"), "{error}");
    }
    assert!(poster.post(&["b"]).await.unwrap_err().contains("refused"));
    destination.listen().await;
    assert_eq!(poster.post(&["b"]).await, Ok(202));
    assert_eq!(destination.received_ids().await, ["a", "b"]);
}

#[tokio::test]
async fn an_outage_in_a_script_ends_by_itself() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Refuse(Duration::from_secs(1))]).await;
    assert!(poster.post(&["a"]).await.is_err());
    assert!(poster.post(&["a"]).await.unwrap_err().contains("refused"));
    until(|| async { poster.post(&["a"]).await.ok() }).await;
    assert_eq!(destination.received_ids().await, ["a"]);
}

#[tokio::test]
async fn what_is_scripted_is_forgotten_when_it_is_cleared() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    destination.always(Behaviour::Status(500)).await;
    destination.next([Behaviour::Status(502)]).await;
    destination.poison("a", Behaviour::Status(422)).await;
    destination.limit(Limits { payload_bytes: 1, ..Limits::REAL }).await;
    assert_eq!(destination.count(Count::Left).await, 1);
    destination.clear().await;
    assert_eq!(destination.count(Count::Left).await, 0);
    assert!(destination.received().await.is_empty());
    assert_eq!(poster.post(&["a"]).await, Ok(202));
    let received = destination.until(1).await;
    assert_eq!((received[0].request, received[0].ids()), (2, vec!["a"]));
}

#[tokio::test]
async fn who_waits_is_told_when_it_has_come() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Status(500), Behaviour::Ok]).await;
    let (received, (), ()) = tokio::join!(destination.until(3), destination.until_done(), async {
        assert_eq!(poster.post(&["a", "b", "c"]).await, Ok(500));
        assert_eq!(poster.post(&["a", "b", "c"]).await, Ok(202));
    });
    assert_eq!(received.last().unwrap().ids(), ["a", "b", "c"]);
}

#[tokio::test]
#[should_panic(expected = "does not become so")]
async fn who_waits_in_vain_is_told_so() {
    let destination = Destination::start();
    destination.until_within(Count::Events, 1, Duration::from_millis(1)).await;
}

/// The process ends with whoever started it, however that ends.
#[tokio::test]
async fn it_is_gone_when_it_is_dropped() {
    let destination = Destination::start();
    let address = destination.address;
    drop(destination);
    let error = tokio::net::TcpStream::connect(address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn heads_fare_as_deliveries_do_but_use_up_no_script() {
    let destination = Destination::start();
    let poster = Poster::new(&destination);
    destination.next([Behaviour::Status(502)]).await;
    assert_eq!(poster.post_head(7).await, Ok(202));
    assert_eq!(poster.post(&["a"]).await, Ok(502));
    destination.always(Behaviour::Status(503)).await;
    assert_eq!(poster.post_head(8).await, Ok(503));
    destination.always_at(Place::Head, Behaviour::Ok).await;
    assert_eq!(poster.post_head(9).await, Ok(202));
    assert_eq!(destination.count(Count::Heads).await, 2);
    assert_eq!(destination.count(Count::Requests).await, 4);
    assert!(destination.received_ids().await.is_empty());
    let received = destination.received().await;
    assert_eq!((received[0].events[0].seq, &received[0].events[0].id), (Some(7), &None));
}

#[tokio::test]
async fn another_key_is_known_when_it_is_told_so() {
    let destination = Destination::start();
    assert_eq!(Poster::with_key(&destination, "another").post(&["a"]).await, Ok(401));
    destination.know("another").await;
    assert_eq!(Poster::with_key(&destination, "another").post(&["a"]).await, Ok(202));
    assert_eq!(Poster::with_key(&destination, KEY).post(&["a"]).await, Ok(401));
    let outcomes: Vec<_> =
        destination.received().await.into_iter().map(|it| (it.outcome, it.kept)).collect();
    let refused = ("refused 401".to_owned(), false);
    assert_eq!(outcomes, [refused.clone(), ("ok".to_owned(), true), refused]);
}
