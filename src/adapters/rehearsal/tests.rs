use std::collections::VecDeque;

use async_trait::async_trait;

use super::*;
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Delivered, DeliveryError, Which},
        event::Position,
        rehearsal::{USUAL, share},
        tail::tests::event,
    },
};

/// A destination that keeps what it takes, and answers as it is told.
#[derive(Default)]
struct Keeper {
    taken: Mutex<Vec<(u64, String)>>,
    requests: Mutex<Vec<Vec<u64>>>,
    answers: Mutex<VecDeque<DeliveryError>>,
    fits: Option<usize>,
}

#[async_trait]
impl Transport for Keeper {
    fn kind(&self) -> TransportKind {
        TransportKind::Broadcast
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn fitting(&self, batch: &Batch) -> usize {
        self.fits.unwrap_or(batch.items.len())
    }

    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let seqs = batch.items.iter().map(|item| item.event.seq).collect();
        self.requests.lock().unwrap().push(seqs);
        if let Some(error) = self.answers.lock().unwrap().pop_front() {
            return Err(error);
        }
        let json = |item: &Item| String::from_utf8(item.event.json.to_vec()).unwrap();
        let taken = batch.items.iter().map(|item| (item.event.seq, json(item)));
        self.taken.lock().unwrap().extend(taken);
        Ok(Delivered { events: batch.items.len(), known: 0 })
    }

    async fn announce(&self, _: Position) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn health(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}

struct Stand {
    keeper: Arc<Keeper>,
    rehearsals: Arc<Rehearsals>,
    transport: Rehearsed,
}

impl Stand {
    fn new(keeper: Keeper) -> Self {
        let keeper = Arc::new(keeper);
        let rehearsals = Arc::new(Rehearsals::new(Arc::default()));
        let transport = Rehearsed::new(keeper.clone(), rehearsals.clone());
        Self { keeper, rehearsals, transport }
    }

    /// A share of a fault; what is delayed is so for two seconds.
    fn begin(&self, path: Path, fault: Fault, of: f64) -> Arc<Running> {
        let shares = ByFault::of(|it| share(if it == fault { of } else { 0.0 }).unwrap());
        let delay = Duration::from_secs(2);
        let rehearsal = Rehearsal::try_new(path, shares, delay, USUAL).unwrap();
        self.rehearsals.begin(rehearsal, "somebody".into(), DateTime::UNIX_EPOCH).0
    }

    fn answer(&self, error: DeliveryError) {
        self.keeper.answers.lock().unwrap().push_back(error);
    }

    fn seqs(&self) -> Vec<u64> {
        self.keeper.taken.lock().unwrap().iter().map(|(seq, _)| *seq).collect()
    }

    async fn until_out(&self) {
        while self.rehearsals.held() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

const WHOLE: Result<Delivered, DeliveryError> = Ok(Delivered { events: 3, known: 0 });

fn batch() -> Batch {
    let items = (1..=3).map(|seq| {
        let json = format!(r#"{{"seq":{seq},"data":{{"n":{seq}}}}}"#);
        let event = Event { json: json.into(), ..event(seq, "t") };
        Item { event: Arc::new(event), prev: seq - 1 }
    });
    Batch { epoch: Uuid::nil(), items: items.collect() }
}

fn transient() -> DeliveryError {
    DeliveryError::Transient { reason: "gone".to_owned() }
}

fn rejected(which: Which) -> DeliveryError {
    DeliveryError::Rejected { which, reason: "no".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_planted_where_nothing_is_rehearsed() {
    let stand = Stand::new(Keeper::default());
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    stand.begin(Path::Websocket, Fault::Drop, 1.0);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    assert_eq!(stand.seqs(), [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_counts_as_delivered_and_is_not_sent() {
    let stand = Stand::new(Keeper::default());
    let running = stand.begin(Path::Realtime, Fault::Drop, 1.0);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    assert_eq!((stand.seqs().len(), stand.keeper.requests.lock().unwrap().len()), (0, 0));
    assert_eq!(running.planted().get(Fault::Drop), 3);
    assert_eq!(stand.rehearsals.end(Some(running.number + 1)).map(|it| it.number), None);
    assert_eq!(stand.rehearsals.end(Some(running.number)).map(|it| it.number), Some(1));
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    assert_eq!(stand.seqs(), [1, 2, 3]);
    let metrics = stand.rehearsals.metrics.render();
    let planted = "signalbox_rehearsal_planted_total{path=\"realtime\",fault=\"drop\"} 3\n";
    assert!(metrics.contains(planted), "{metrics}");
    assert!(metrics.contains("signalbox_rehearsal_active{path=\"realtime\"} 0\n"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn the_second_copy_comes_by_itself_at_once() {
    let stand = Stand::new(Keeper::default());
    stand.begin(Path::Realtime, Fault::Duplicate, 1.0);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    let began = Instant::now();
    stand.until_out().await;
    assert!(began.elapsed() < Duration::from_millis(100));
    assert_eq!(stand.seqs(), [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_is_altered_is_the_same_event_with_another_value() {
    let stand = Stand::new(Keeper::default());
    stand.begin(Path::Realtime, Fault::Alter, 1.0);
    let sent = batch();
    assert_eq!(stand.transport.deliver(&sent).await, WHOLE);
    for (item, (seq, json)) in sent.items.iter().zip(&*stand.keeper.taken.lock().unwrap()) {
        assert_eq!((item.event.seq, item.event.json.len()), (*seq, json.len()));
        assert_ne!(item.event.json, json.as_bytes());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_comes_out_when_it_is_due_or_when_it_is_over() {
    let stand = Stand::new(Keeper { fits: Some(2), ..Keeper::default() });
    stand.begin(Path::Realtime, Fault::Delay, 1.0);
    let began = Instant::now();
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    assert_eq!((stand.seqs().len(), stand.rehearsals.held()), (0, 3));
    stand.until_out().await;
    assert!((1_990..2_100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(*stand.keeper.requests.lock().unwrap(), [vec![1, 2], vec![3]]);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    stand.rehearsals.end(None);
    let ended = Instant::now();
    stand.until_out().await;
    assert!(ended.elapsed() < Duration::from_millis(100));
    assert_eq!(stand.seqs(), [1, 2, 3, 1, 2, 3]);
    assert_eq!(stand.rehearsals.wind_up(USUAL).await, 0);
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_was_not_taken_nothing_is_held_or_counted() {
    let stand = Stand::new(Keeper::default());
    let running = stand.begin(Path::Realtime, Fault::Duplicate, 1.0);
    stand.answer(transient());
    assert_eq!(stand.transport.deliver(&batch()).await, Err(transient()));
    assert_eq!((stand.rehearsals.held(), running.planted().get(Fault::Duplicate)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_named_by_its_place_in_the_batch_as_it_was() {
    let stand = Stand::new(Keeper::default());
    stand.begin(Path::Realtime, Fault::Reorder, 0.5);
    for _ in 0..50 {
        stand.answer(rejected(Which::These(vec![0])));
        let refused = stand.transport.deliver(&batch()).await;
        let Some(sent) = stand.keeper.requests.lock().unwrap().pop() else {
            // All of them wait for one that does not change places.
            stand.keeper.answers.lock().unwrap().clear();
            continue;
        };
        let place = usize::try_from(sent[0] - 1).unwrap();
        assert_eq!(refused, Err(rejected(Which::These(vec![place]))), "{sent:?}");
    }
    assert_eq!(stand.seqs(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_held_back_is_tried_again_until_it_is_taken_or_refused() {
    let stand = Stand::new(Keeper::default());
    stand.begin(Path::Realtime, Fault::Delay, 1.0);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    stand.answer(transient());
    stand.answer(rejected(Which::Unknown));
    stand.answer(rejected(Which::Unknown));
    stand.rehearsals.end(None);
    stand.until_out().await;
    // All three, all three, the first alone; then the others.
    let requests = stand.keeper.requests.lock().unwrap()[..3].to_vec();
    assert_eq!(requests, [vec![1, 2, 3], vec![1, 2, 3], vec![1]]);
    assert_eq!(stand.seqs(), [2, 3]);
    let metrics = stand.rehearsals.metrics.render();
    assert!(metrics.contains("signalbox_rehearsal_lost_total{reason=\"rejected\"} 1\n"));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_outlives_the_transport_and_is_lost_with_the_router_alone() {
    let stand = Stand::new(Keeper::default());
    stand.begin(Path::Realtime, Fault::Delay, 1.0);
    assert_eq!(stand.transport.deliver(&batch()).await, WHOLE);
    let Stand { keeper, rehearsals, transport } = stand;
    drop(transport);
    assert_eq!(rehearsals.wind_up(USUAL).await, 3);
    let metrics = rehearsals.metrics.render();
    assert!(metrics.contains("signalbox_rehearsal_lost_total{reason=\"stopped\"} 3\n"));
    let transport = Rehearsed::new(keeper.clone(), rehearsals.clone());
    let stand = Stand { keeper, rehearsals, transport };
    let position = Position { epoch: Uuid::nil(), seq: 3 };
    assert_eq!(stand.transport.announce(position).await, Ok(()));
    stand.until_out().await;
    assert_eq!(stand.seqs(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn another_one_takes_the_place_of_the_first() {
    let stand = Stand::new(Keeper::default());
    let first = stand.begin(Path::Realtime, Fault::Drop, 1.0);
    let second = stand.begin(Path::Realtime, Fault::Alter, 1.0);
    assert_eq!(stand.rehearsals.running().map(|it| it.number), Some(second.number));
    assert!(stand.rehearsals.end(Some(first.number)).is_none());
    assert!(stand.rehearsals.on(Path::Realtime).is_some());
    assert!(stand.rehearsals.on(Path::Websocket).is_none());
}
