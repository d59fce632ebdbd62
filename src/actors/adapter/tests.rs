//! The adapter before a destination that answers as it is told to, on a clock that is moved.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::{sync::mpsc, time};
use uuid::Uuid;

use super::*;
use crate::{
    actors::journal::PublishError,
    adapters::TransportKind,
    core::{
        breaker::{BreakerLimits, BreakerState, Force},
        delivery::{Batch, Delivered, DeliveryError, Item, Which, attempt::Outcome},
        event::{Position, Seq},
        retry::{RetryLimits, RetryPolicy},
        tail::tests::event,
    },
};

/// What the destination does with the next request.
#[derive(Clone, Debug)]
enum Does {
    Take,
    Fail,
    Hang,
    Say(DeliveryError),
}

#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Does>>,
    received: Mutex<Vec<Vec<Seq>>>,
    announced: Mutex<Vec<Seq>>,
    ill: std::sync::atomic::AtomicBool,
}

impl Scripted {
    fn received(&self) -> Vec<Vec<Seq>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for Scripted {
    fn kind(&self) -> TransportKind {
        TransportKind::Broadcast
    }

    fn describe(&self) -> String {
        "a script".to_owned()
    }

    fn fitting(&self, batch: &Batch) -> usize {
        batch.items.len().min(3)
    }

    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let does = self.script.lock().unwrap().pop_front().unwrap_or(Does::Take);
        let seqs: Vec<_> = batch.items.iter().map(|item| item.event.seq).collect();
        match does {
            Does::Take => {
                let events = seqs.len();
                self.received.lock().unwrap().push(seqs);
                Ok(Delivered { events, known: 0 })
            }
            Does::Fail => Err(DeliveryError::Transient { reason: "reset".to_owned() }),
            Does::Hang => std::future::pending().await,
            Does::Say(error) => Err(error),
        }
    }

    async fn announce(&self, position: Position) -> Result<(), DeliveryError> {
        self.announced.lock().unwrap().push(position.seq);
        Ok(())
    }

    async fn health(&self) -> Result<(), DeliveryError> {
        if self.ill.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(DeliveryError::Transient { reason: "ill".to_owned() });
        }
        Ok(())
    }
}

/// Passes on what the audit log is told.
struct Audit(mpsc::UnboundedSender<(String, Value)>);

impl Actor for Audit {
    type Context = Context<Self>;
}

impl Handler<Record> for Audit {
    type Result = Result<(), PublishError>;

    fn handle(&mut self, record: Record, _: &mut Self::Context) -> Self::Result {
        self.0.send((record.action.into(), record.detail)).unwrap();
        Ok(())
    }
}

struct Bench {
    adapter: Addr<Adapter>,
    destination: Arc<Scripted>,
    audit: mpsc::UnboundedReceiver<(String, Value)>,
}

fn bench(script: impl IntoIterator<Item = Does>) -> Bench {
    time::pause();
    let destination = Arc::new(Scripted {
        script: Mutex::new(script.into_iter().collect()),
        ..Scripted::default()
    });
    let (written, audit) = mpsc::unbounded_channel();
    let breaker = Breaker::try_new(BreakerLimits::default(), Duration::ZERO).unwrap();
    let adapter = Adapter::new(AdapterOptions {
        transport: destination.clone(),
        breaker,
        limits: limits(),
        audit: Audit(written).start().recipient(),
        tally: Arc::default(),
        news: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    });
    Bench { adapter: adapter.start(), destination, audit }
}

fn limits() -> Limits {
    Limits {
        breaker: BreakerLimits::default(),
        retry: RetryPolicy::try_new(RetryLimits::default()).unwrap(),
        per_second: 0,
        deadline: Duration::from_secs(10),
    }
}

fn batch(seqs: std::ops::Range<Seq>) -> Batch {
    let item = |seq| Item { event: Arc::new(event(seq, "t")), prev: seq - 1 };
    Batch { epoch: Uuid::nil(), items: seqs.map(item).collect() }
}

impl Bench {
    async fn deliver(&self, seqs: std::ops::Range<Seq>) -> Option<Attempted> {
        self.adapter.send(DeliverBatch(batch(seqs))).await.unwrap()
    }

    async fn view(&self) -> AdapterView {
        self.adapter.send(GetAdapter).await.unwrap()
    }

    async fn force(&self, force: Force) -> BreakerView {
        self.adapter.send(ForceBreaker { force, by: "somebody".into() }).await.unwrap()
    }
}

#[actix::test]
async fn what_fits_is_sent_and_told() {
    let bench = bench([]);
    let attempted = bench.deliver(1..6).await.unwrap();
    assert_eq!((attempted.sent, attempted.probe), (3, None));
    assert_eq!(attempted.result, Ok(Delivered { events: 3, known: 0 }));
    assert_eq!(bench.destination.received(), [[1, 2, 3]]);
    let view = bench.view().await;
    assert_eq!((view.attempts.of(Outcome::Delivered), view.attempts.all()), (1, 1));
}

#[actix::test]
async fn a_request_that_hangs_is_a_failure_and_no_more() {
    let bench = bench([Does::Hang]);
    let began = time::Instant::now();
    let attempted = bench.deliver(1..2).await.unwrap();
    assert_eq!(attempted.result.unwrap_err().to_string(), "no answer within 10 s");
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(bench.deliver(1..2).await.unwrap().result.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(10_500), "it waited before the next");
}

#[actix::test]
async fn it_opens_probes_and_closes_and_all_of_it_is_written_down() {
    let mut bench = bench(vec![Does::Fail; 6]);
    for _ in 0..5 {
        bench.deliver(1..4).await.unwrap().result.unwrap_err();
    }
    let open = bench.view().await.breaker;
    assert_eq!(open.state, BreakerState::Open);
    assert_eq!(bench.audit.recv().await.unwrap().0, "breaker.open");
    // The next one waits until it may probe, and fails; the destination is well otherwise.
    let probe = bench.deliver(1..4).await.unwrap();
    assert_eq!((probe.sent, probe.probe), (1, Some(true)));
    let actions = |audit: &mut mpsc::UnboundedReceiver<_>| {
        std::iter::from_fn(|| audit.try_recv().ok().map(|(action, _): (String, Value)| action))
            .collect::<Vec<_>>()
    };
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(actions(&mut bench.audit), ["breaker.half-open", "breaker.open"]);
    for expected in [Some(true), Some(true), None] {
        assert_eq!(bench.deliver(1..2).await.unwrap().probe, expected);
    }
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(actions(&mut bench.audit), ["breaker.half-open", "breaker.closed"]);
    assert_eq!(bench.view().await.transitions.len(), 5);
}

#[actix::test]
async fn a_probe_tells_whether_the_destination_is_well_otherwise() {
    let bench = bench(vec![Does::Fail; 6]);
    bench.destination.ill.store(true, std::sync::atomic::Ordering::Relaxed);
    for _ in 0..5 {
        bench.deliver(1..4).await.unwrap();
    }
    assert_eq!(bench.deliver(1..4).await.unwrap().probe, Some(false));
}

#[actix::test]
async fn forced_open_it_waits_and_released_it_goes_on_at_once() {
    let mut bench = bench([]);
    assert_eq!(bench.force(Force::Open).await.state, BreakerState::Open);
    for action in ["breaker.forced", "breaker.open"] {
        assert_eq!(bench.audit.recv().await.unwrap().0, action);
    }
    let adapter = bench.adapter.clone();
    let waiting =
        actix_rt::spawn(async move { adapter.send(DeliverBatch(batch(1..3))).await.unwrap() });
    time::sleep(Duration::from_hours(24)).await;
    assert!(!waiting.is_finished() && bench.destination.received().is_empty());
    bench.force(Force::Auto).await;
    assert_eq!(waiting.await.unwrap().unwrap().sent, 1, "a probe");
}

#[actix::test]
async fn what_is_misconfigured_holds_until_somebody_does_something() {
    let wrong = DeliveryError::Misconfigured { reason: "the key is refused".to_owned() };
    let bench = bench([Does::Say(wrong)]);
    bench.deliver(1..2).await.unwrap().result.unwrap_err();
    let view = bench.view().await.breaker;
    assert_eq!((view.state, view.until), (BreakerState::Open, None));
    assert_eq!(view.cause.as_deref(), Some("misconfigured: the key is refused"));
    bench.force(Force::Auto).await;
    assert!(bench.deliver(1..2).await.unwrap().result.is_ok());
}

#[actix::test]
async fn who_asks_for_time_gets_it_and_the_breaker_stays_closed() {
    let asks = DeliveryError::RateLimited {
        retry_after: Some(Duration::from_secs(90)),
        reason: "too many".to_owned(),
    };
    let bench = bench(vec![Does::Say(asks); 10]);
    let began = time::Instant::now();
    for _ in 0..10 {
        bench.deliver(1..2).await.unwrap().result.unwrap_err();
    }
    assert!(bench.deliver(1..2).await.unwrap().result.is_ok());
    assert!(began.elapsed() >= Duration::from_mins(15));
    assert_eq!(bench.view().await.transitions, []);
}

#[actix::test]
async fn a_row_of_failures_waits_longer_each_time() {
    let bench = bench(vec![Does::Fail; 4]);
    let began = time::Instant::now();
    for _ in 0..5 {
        bench.deliver(1..2).await.unwrap();
    }
    let waited = began.elapsed().as_millis();
    assert!((7_500..=15_100).contains(&waited), "1 + 2 + 4 + 8 s, jittered: {waited} ms");
}

#[actix::test]
async fn stopped_it_lets_go_of_who_waits() {
    let bench = bench([]);
    bench.force(Force::Open).await;
    let adapter = bench.adapter.clone();
    let waiting =
        actix_rt::spawn(async move { adapter.send(DeliverBatch(batch(1..3))).await.unwrap() });
    time::sleep(Duration::from_millis(1)).await;
    bench.adapter.send(StopDelivering).await.unwrap();
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(bench.deliver(1..2).await, None);
}

#[actix::test]
async fn it_announces_only_while_events_would_flow() {
    let bench = bench([]);
    let announce = async |seq| {
        let position = Position { epoch: Uuid::nil(), seq };
        bench.adapter.send(Announce(position)).await.unwrap();
    };
    announce(7).await;
    bench.force(Force::Open).await;
    announce(8).await;
    assert_eq!(*bench.destination.announced.lock().unwrap(), [7]);
}

#[actix::test]
async fn a_dead_letter_is_sent_again_at_once_or_not_at_all() {
    let refused = DeliveryError::Rejected { which: Which::Unknown, reason: "too large".to_owned() };
    let bench = bench([Does::Take, Does::Say(refused)]);
    let again = || bench.adapter.send(Redeliver(batch(5..6)));
    assert_eq!(again().await.unwrap(), Ok(()));
    assert_eq!(again().await.unwrap(), Err(RedeliverError::Rejected("too large".to_owned())));
    bench.force(Force::Open).await;
    let adapter = bench.adapter.clone();
    let waiting = actix_rt::spawn(async move { adapter.send(DeliverBatch(batch(6..7))).await });
    time::sleep(Duration::from_millis(1)).await;
    assert_eq!(again().await.unwrap(), Err(RedeliverError::Open("open")), "at once");
    waiting.abort();
    assert_eq!(bench.destination.received(), [[5]]);
}

#[actix::test]
async fn the_requests_of_an_event_are_remembered() {
    let bench = bench([Does::Fail]);
    bench.deliver(1..4).await.unwrap();
    bench.deliver(1..4).await.unwrap();
    let of = async |seq| bench.adapter.send(GetAttempts(seq)).await.unwrap().attempts;
    let outcomes: Vec<_> = of(2).await.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Transient, Outcome::Delivered]);
    assert_eq!(of(4).await, []);
    let failure = bench.view().await.last_failure.unwrap();
    assert_eq!((failure.first, failure.last, failure.reason.as_deref()), (1, 3, Some("reset")));
}
