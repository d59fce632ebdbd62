//! Every way in which a destination misbehaves, by `broadcast` and by `channel`, as data.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    attempts, committed, dead_letters, path, post, router_to, until_audited, until_settled, watch,
};
use crate::support::{
    destination::{Behaviour, Count, Destination, Place, RetryAfter},
    history::History,
    router::Router,
};

/// Events that come while the first one meets with trouble, and again in a batch that does.
const MORE: usize = 30;
/// Failures in a row that open the breaker.
const OPENING: u64 = 5;

/// What the destination does, and what becomes of it.
#[derive(Clone, Copy)]
struct Case {
    /// Where.
    at: Place,
    /// To one request after the other.
    does: &'static [Behaviour],
    /// Requests that end so, `None`: at least one does, and how many is chance.
    ends: (&'static str, Option<u64>),
    /// Whether events are kept of which nobody is told.
    loses_answers: bool,
}

const fn case(does: &'static [Behaviour], ends: &'static str) -> Case {
    Case { at: Place::Delivery, does, ends: (ends, Some(does.len() as u64)), loses_answers: false }
}

impl Case {
    const fn at(self, at: Place) -> Self {
        Self { at, ..self }
    }

    const fn any_number(self) -> Self {
        Self { ends: (self.ends.0, None), ..self }
    }

    const fn losing_answers(self) -> Self {
        Self { loses_answers: true, ..self }
    }

    fn opens(&self) -> bool {
        self.ends.0 == "transient" && self.does.len() as u64 >= OPENING
    }
}

/// A test of each case, by the transport.
macro_rules! cases {
    ($transport:literal: $($name:ident = $case:expr;)+) => {
        $(#[tokio::test]
        async fn $name() {
            const CASE: Case = $case;
            run($transport, CASE).await;
        })+
    };
}

mod broadcast {
    use super::{Behaviour::*, *};

    cases! { "broadcast":
        goes_well = case(&[Ok], "delivered").any_number();
        refuses = case(&[Refuse(Duration::from_millis(150))], "transient").any_number();
        resets = case(&[Reset], "transient");
        resets_until_it_is_left_alone = case(&[Reset; 7], "transient");
        hangs = case(&[Hang], "transient");
        says_429_and_not_when = case(&[RateLimited(RetryAfter::Missing); 3], "rate_limited");
        says_429_with_nonsense = case(&[RateLimited(RetryAfter::Text("soon"))], "rate_limited");
        says_429_in_a_row = case(&[RateLimited(RetryAfter::Seconds(0)); 8], "rate_limited");
        says_500 = case(&[Status(500)], "transient");
        says_502_in_html = case(&[Status(502)], "transient");
        says_503_until_it_is_left_alone = case(&[Status(503); 6], "transient");
        says_200_which_is_not_202 = case(&[Status(200)], "transient");
        answers_garbage = case(&[Garbage], "transient");
        closes = case(&[Close(0)], "transient");
        answers_half = case(&[Half], "transient").losing_answers();
        loses_the_answer = case(&[LoseAnswer], "transient").losing_answers();
        loses_answers_until_it_is_left_alone = case(&[LoseAnswer; 6], "transient").losing_answers();
        keeps_and_never_answers = case(&[NoAnswer], "transient").losing_answers();
        is_slow = case(&[Slow(Duration::from_millis(50))], "delivered").any_number();
        answers_in_pieces = case(&[Partial], "delivered").any_number();
        says_much = case(&[Huge(1 << 20)], "delivered").any_number();
    }
}

mod channel {
    use super::{Behaviour::*, *};

    cases! { "channel":
        goes_well = case(&[Ok], "delivered").any_number();
        refuses = case(&[Refuse(Duration::from_millis(150))], "transient").any_number();
        resets = case(&[Reset], "transient");
        resets_until_it_is_left_alone = case(&[Reset; 7], "transient");
        hangs = case(&[Hang], "transient");
        closes_the_socket = case(&[Close(1012)], "transient");
        crashes = case(&[Error], "transient");
        crashes_until_it_is_left_alone = case(&[Error; 6], "transient");
        has_a_system_error = case(&[SystemError("Server requested disconnect")], "transient");
        says_429 = case(&[RateLimited(RetryAfter::Missing)], "rate_limited");
        says_500 = case(&[Status(500)], "transient");
        says_500_until_it_is_left_alone = case(&[Status(500); 6], "transient");
        answers_garbage = case(&[Garbage], "transient");
        answers_half = case(&[Half], "transient").losing_answers();
        loses_the_answer = case(&[LoseAnswer], "transient").losing_answers();
        never_answers = case(&[NoAnswer], "transient").losing_answers();
        is_slow = case(&[Slow(Duration::from_millis(50))], "delivered").any_number();
        answers_in_pieces = case(&[Partial], "delivered").any_number();
        refuses_the_handshake = case(&[Status(503), Reset], "transient").at(Place::Connect);
        crashes_at_the_join = case(&[Error, Reset], "transient").at(Place::Join);
        says_429_to_the_join = case(&[Status(429)], "rate_limited").at(Place::Join);
        never_answers_the_join = case(&[NoAnswer], "transient").at(Place::Join);
    }
}

async fn run(transport: &str, case: Case) {
    let destination = Destination::start();
    // Long for what is not to be late on a busy machine, short for what is to be.
    let router = router_to(&destination, transport, &[("flags.timeout_ms", "2000")]);
    let mut wall = watch(&router).await;
    destination.next_at(case.at, case.does.iter().copied()).await;
    // The first one meets with it alone.
    let mut posted = post(&router, 1).await;
    until_met(&destination, case.at).await;
    posted.extend(post(&router, MORE).await);
    assert_eq!(wall.seqs(posted.len()).await, posted, "the direct path");
    destination.until_done().await;
    until_settled(&router, posted.len() as u64).await;
    let mut times = 1;
    if case.at as u8 == Place::Delivery as u8 {
        // And now one in the middle of others, or all of them together.
        destination.next(case.does.iter().copied()).await;
        let again = post(&router, MORE).await;
        assert_eq!(wall.seqs(MORE).await, again, "the direct path");
        destination.until_done().await;
        posted.extend(again);
        until_settled(&router, posted.len() as u64).await;
        times = 2;
    }
    check(&router, &destination, &case, times).await;
}

/// Waits until a request has met what is scripted.
async fn until_met(destination: &Destination, at: Place) {
    match at {
        Place::Connect => destination.until_count(Count::Connect, 1).await,
        Place::Join => destination.until_count(Count::Join, 1).await,
        _ => drop(destination.until_requests(1).await),
    }
}

/// What the destination has, and what the router says of it.
async fn check(router: &Router, destination: &Destination, case: &Case, times: u64) {
    let ids = committed(router).await;
    let verdict = History::of(ids.clone()).assert(&destination.received().await);
    assert_eq!(verdict.after_lost_answers > 0, case.loses_answers, "{verdict:?}");
    assert!(dead_letters(router).await.is_empty());
    let path = path(router).await;
    let (outcome, number) = case.ends;
    let ended = path["attempts"][outcome].as_u64().unwrap();
    match number {
        Some(number) => assert_eq!(ended, number * times, "{outcome}: {path}"),
        None => assert!(ended > 0, "{outcome}: {path}"),
    }
    assert_eq!(attempts(router, outcome).await, ended);
    assert_eq!(path["settled"]["delivered"], ids.len(), "{path}");
    assert_eq!((&path["lag_events"], &path["position"]["seq"]), (&json!(0), &json!(ids.len())));
    assert_eq!(path["breaker"]["state"], "closed", "{path}");
    if number.is_some() {
        let states = path["transitions"].as_array().unwrap();
        let of = |state: &str| states.iter().filter(|it| it["state"] == state).count() as u64;
        assert_eq!(of("closed"), if case.opens() { times } else { 0 }, "{path}");
        for state in ["open", "half-open", "closed"] {
            until_audited(router, state, of(state)).await;
        }
    }
}

/// How long a destination that says when to come back is left alone: what is said is what counts,
/// and not the waits of the settings.
async fn waits(does: RetryAfter) -> f64 {
    let destination = Destination::start();
    let router = router_to(&destination, "broadcast", &[]);
    let mut wall = watch(&router).await;
    destination.next([Behaviour::RateLimited(does)]).await;
    let mut posted = post(&router, 1).await;
    destination.until_requests(1).await;
    posted.extend(post(&router, MORE).await);
    assert_eq!(wall.seqs(posted.len()).await, posted, "the direct path");
    let seen = crate::support::router::until(|| async {
        let path = path(&router).await;
        path["waits_until"].is_string().then_some(path)
    })
    .await;
    let at = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    let wait = at(&seen["waits_until"]) - at(&seen["last_failure"]["at"]);
    until_settled(&router, posted.len() as u64).await;
    let received = destination.received().await;
    History::of(committed(&router).await).assert(&received);
    assert_eq!(received.iter().filter(|it| it.outcome.contains("rate_limited")).count(), 1);
    wait.as_seconds_f64()
}

#[tokio::test]
async fn a_destination_that_says_when_is_left_alone_until_then() {
    let (seconds, date) = tokio::join!(waits(RetryAfter::Seconds(1)), waits(RetryAfter::Date(2)));
    assert!((0.99..1.2).contains(&seconds), "{seconds}");
    // A date has no fractions.
    assert!((0.5..2.3).contains(&date), "{date}");
}

/// Of a batch, one event is never taken: it alone is set aside.
async fn rejects_one(transport: &str, marked: &[usize]) {
    let destination = Destination::start();
    let router = router_to(&destination, transport, &[]);
    let mut wall = watch(&router).await;
    destination.poison("\"poison\"", Behaviour::Status(422)).await;
    let events: Vec<_> = (0..40)
        .map(|n| {
            let data = if marked.contains(&n) { json!({ "poison": n }) } else { json!({ "n": n }) };
            json!({ "event_type": "a", "source": "test", "data": data })
        })
        .collect();
    assert_eq!(router.post(&json!(events)).await.0, 202);
    assert_eq!(wall.seqs(40).await, (1..=40).collect::<Vec<_>>(), "the direct path");
    until_settled(&router, 40).await;
    let ids = committed(&router).await;
    let aside: Vec<_> = marked.iter().map(|n| ids[*n].clone()).collect();
    assert_eq!(dead_letters(&router).await, aside);
    let verdict = History::of(ids).without(aside).assert(&destination.received().await);
    assert_eq!(verdict.after_lost_answers, 0);
    let path = path(&router).await;
    let (dead, alive) = (marked.len(), 40 - marked.len());
    assert_eq!(
        (&path["settled"]["dead"], &path["settled"]["delivered"]),
        (&json!(dead), &json!(alive))
    );
    assert_eq!((&path["attempts"]["transient"], &path["lag_events"]), (&json!(0), &json!(0)));
    assert_eq!((&path["breaker"]["state"], &path["transitions"]), (&json!("closed"), &json!([])));
    let listed = router.get("/v1/dead-letters?after=0").await["dead_letters"].take();
    for letter in listed.as_array().unwrap() {
        assert_eq!(
            (&letter["adapter"], &letter["status"]),
            (&json!("realtime"), &json!("pending"))
        );
        assert!(letter["reason"].as_str().unwrap().contains("Payload size"), "{letter}");
        assert!(letter["attempts"].as_u64() >= Some(1), "{letter}");
    }
}

#[tokio::test]
async fn by_broadcast_one_event_of_a_batch_is_set_aside() {
    rejects_one("broadcast", &[17]).await;
}

#[tokio::test]
async fn by_broadcast_the_first_the_last_and_neighbours_are_set_aside() {
    rejects_one("broadcast", &[0, 19, 20, 21, 39]).await;
}

#[tokio::test]
async fn by_channel_one_event_of_a_batch_is_set_aside() {
    rejects_one("channel", &[17]).await;
}

#[tokio::test]
async fn by_channel_the_first_the_last_and_neighbours_are_set_aside() {
    rejects_one("channel", &[0, 19, 20, 21, 39]).await;
}
