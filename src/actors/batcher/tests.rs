//! The batcher between a real SQLite journal and an adapter that answers as it is told to.

mod routing;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::*;
use crate::{
    actors::journal::PublishError,
    core::{
        batching,
        cursor::durable::CursorStep,
        delivery::{Delivered, DeliveryError, Which},
        event::{Draft, Position, Seq, tests::draft},
        numbering::Head,
        tail::{Tail, TailLimits},
    },
    storage::{self, Durability, OpenWriter, Opened, StorageOptions, Writer},
};

const LIMITS: TailLimits = TailLimits { events: 1000, bytes: 1 << 20 };

type Answer = Result<(), DeliveryError>;

/// Takes batches, and answers by a script; then takes all.
struct Sender {
    script: Mutex<VecDeque<Answer>>,
    sent: mpsc::UnboundedSender<Vec<(Seq, Seq)>>,
    announced: mpsc::UnboundedSender<Seq>,
}

impl Actor for Sender {
    type Context = Context<Self>;
}

impl Handler<DeliverBatch> for Sender {
    type Result = MessageResult<DeliverBatch>;

    fn handle(&mut self, DeliverBatch(batch): DeliverBatch, _: &mut Self::Context) -> Self::Result {
        let places: Vec<_> = batch.items.iter().map(|it| (it.event.seq, it.prev)).collect();
        let sent = places.len();
        self.sent.send(places).unwrap();
        let answer = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let result = answer.unwrap_or(Ok(())).map(|()| Delivered { events: sent, known: 0 });
        let latency = Duration::from_millis(1);
        MessageResult(Some(Attempted { sent, probe: None, latency, result }))
    }
}

impl Handler<Announce> for Sender {
    type Result = ();

    fn handle(&mut self, Announce(position): Announce, _: &mut Self::Context) {
        self.announced.send(position.seq).unwrap();
    }
}

/// Writes down what the journal is told.
struct Scribe {
    steps: mpsc::UnboundedSender<CursorStep>,
    buried: mpsc::UnboundedSender<(Vec<Seq>, CursorStep)>,
    /// How often it cannot yet.
    refuses: usize,
}

impl Actor for Scribe {
    type Context = Context<Self>;
}

impl Handler<SaveCursor> for Scribe {
    type Result = ();

    fn handle(&mut self, SaveCursor(step): SaveCursor, _: &mut Self::Context) {
        self.steps.send(step).unwrap();
    }
}

impl Handler<Bury> for Scribe {
    type Result = Result<(), PublishError>;

    fn handle(&mut self, Bury { letters, step }: Bury, _: &mut Self::Context) -> Self::Result {
        if self.refuses > 0 {
            self.refuses -= 1;
            return Err(PublishError::Unavailable);
        }
        self.buried.send((letters.iter().map(|it| it.event.seq).collect(), step)).unwrap();
        Ok(())
    }
}

struct Bench {
    batcher: Addr<Batcher>,
    tail: Arc<SharedTail>,
    advanced: watch::Sender<()>,
    writer: Box<dyn Writer>,
    sent: mpsc::UnboundedReceiver<Vec<(Seq, Seq)>>,
    announced: mpsc::UnboundedReceiver<Seq>,
    steps: mpsc::UnboundedReceiver<CursorStep>,
    buried: mpsc::UnboundedReceiver<(Vec<Seq>, CursorStep)>,
    _folder: tempfile::TempDir,
}

/// What is there before the batcher is.
#[derive(Default)]
struct Before {
    /// Events in storage, not in the tail.
    stored: u64,
    /// Those of them that retention has taken again.
    trimmed: u64,
    /// The stored cursor.
    cursor: Option<Seq>,
    /// How often dead letters cannot be stored.
    refuses: usize,
}

/// A real journal, as it is before the batcher is.
async fn journal(
    before: &Before,
    folder: &tempfile::TempDir,
) -> (Arc<dyn Storage>, Box<dyn Writer>, Head) {
    let url = format!("sqlite:{}", folder.path().join("journal.db").display()).parse().unwrap();
    let options = StorageOptions { url, durability: Durability::Process, pool_size: 1 };
    let storage = storage::open(&options).await.unwrap();
    storage.migrate().await.unwrap();
    let request = OpenWriter { wait: Duration::ZERO, fresh: Uuid::from_u128(7), last_seen: None };
    let Opened { mut writer, mut head, .. } = storage.open_writer(request).await.unwrap();
    if before.stored > 0 {
        head = commit(&mut *writer, 1..=before.stored).await.0;
    }
    if before.trimmed > 0 {
        head = writer.trim(before.trimmed).await.unwrap();
    }
    (storage, writer, head)
}

fn policy() -> PathPolicy {
    let limits = batching::adaptive(100, Duration::from_secs(2), Duration::from_millis(250));
    PathPolicy::try_new(limits).unwrap()
}

async fn bench(before: Before, script: impl IntoIterator<Item = Answer>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let (storage, writer, head) = journal(&before, &folder).await;
    let tail = Arc::new(SharedTail::new(Tail::empty(head, LIMITS)));
    let (advanced, follow) = watch::channel(());
    let (to_sent, sent) = mpsc::unbounded_channel();
    let (to_announced, announced) = mpsc::unbounded_channel();
    let (to_steps, steps) = mpsc::unbounded_channel();
    let (to_buried, buried) = mpsc::unbounded_channel();
    let script = Mutex::new(script.into_iter().collect());
    let sender = Sender { script, sent: to_sent, announced: to_announced }.start();
    let scribe = Scribe { steps: to_steps, buried: to_buried, refuses: before.refuses }.start();
    let cursor = before.cursor.map(|seq| Cursor {
        position: Position { epoch: head.epoch, seq },
        through: seq,
        updated_at: head.last_created_at,
    });
    let (deliver, announce) = (sender.clone().recipient(), sender.recipient());
    let (save, bury) = (scribe.clone().recipient(), scribe.recipient());
    let batcher = Batcher::new(BatcherOptions {
        storage,
        tail: tail.clone(),
        advanced: follow,
        cursor,
        policy: policy(),
        max_probes: 5,
        announce: Some(Duration::from_millis(20)),
        adapter: AdapterRecipients { deliver, announce },
        journal: JournalRecipients { save, bury },
        tally: Arc::default(),
        news: Arc::default(),
        metrics: Arc::new(Metrics::new()),
    });
    let batcher = batcher.start();
    Bench { batcher, tail, advanced, writer, sent, announced, steps, buried, _folder: folder }
}

/// From 10,000 on, one of four is for this path.
fn routed(id: u64) -> Draft {
    let mode = if id < 10_000 || id.is_multiple_of(4) { "dual" } else { "direct" };
    let metadata = format!(r#"{{"broadcast_mode":"{mode}"}}"#).into();
    Draft { metadata, ..draft(id.into(), "00000000") }
}

async fn commit(
    writer: &mut dyn Writer,
    ids: std::ops::RangeInclusive<u64>,
) -> (Head, Vec<crate::core::event::Event>) {
    let drafts: Vec<_> = ids.map(routed).collect();
    let commit = writer.commit(&drafts, &[], Utc::now()).await.unwrap();
    let first = commit.head.head_seq + 1 - drafts.len() as Seq;
    let place = |(index, draft): (usize, _)| {
        let at = Position { epoch: commit.head.epoch, seq: first + index as Seq };
        crate::core::event::Event::commit(draft, at, commit.head.last_created_at)
    };
    (commit.head, drafts.into_iter().enumerate().map(place).collect())
}

impl Bench {
    /// Commits events, puts them into the tail, and tells.
    async fn publish(&mut self, ids: std::ops::RangeInclusive<u64>) {
        let (head, events) = commit(&mut *self.writer, ids).await;
        self.tail.store(self.tail.load().append(events, head));
        self.advanced.send_replace(());
    }

    /// The events that were sent, until so many of them were.
    async fn seqs(&mut self, events: usize) -> Vec<Seq> {
        let mut seqs = Vec::new();
        while seqs.len() < events {
            seqs.extend(self.sent.recv().await.unwrap().into_iter().map(|(seq, _)| seq));
        }
        seqs
    }

    /// The step that leads to `seq`; those before it lead there in order.
    async fn step_to(&mut self, seq: Seq) -> CursorStep {
        let mut last = 0;
        loop {
            let step = self.steps.recv().await.unwrap();
            assert!(step.through >= last, "{} after {last}", step.through);
            last = step.through;
            if last == seq {
                return step;
            }
        }
    }

    async fn view(&self) -> BatcherView {
        self.batcher.send(GetBatcher).await.unwrap()
    }
}

fn rejected(which: Which) -> Answer {
    Err(DeliveryError::Rejected { which, reason: "too large".to_owned() })
}

#[actix::test]
async fn the_first_time_it_begins_at_the_head_and_says_so() {
    let mut bench = bench(Before { stored: 5, ..Before::default() }, []).await;
    assert_eq!(bench.step_to(5).await.position.seq, 5);
    bench.publish(6..=6).await;
    assert_eq!(bench.sent.recv().await.unwrap(), [(6, 5)], "one event, at once");
    bench.step_to(6).await;
}

#[actix::test]
async fn behind_the_tail_it_reads_storage_and_then_goes_on_live() {
    let before = Before { stored: 1500, cursor: Some(3), ..Before::default() };
    let mut bench = bench(before, []).await;
    bench.publish(1501..=1510).await;
    assert_eq!(bench.seqs(1507).await, (4..=1510).collect::<Vec<_>>());
    bench.step_to(1510).await;
    let view = bench.view().await;
    assert_eq!((view.lag_events, view.balance.imbalance, view.balance.delivered), (0, 0, 1507));
}

#[actix::test]
async fn what_retention_took_is_skipped_and_counted() {
    let before = Before { stored: 50, trimmed: 20, cursor: Some(3), ..Before::default() };
    let mut bench = bench(before, []).await;
    assert_eq!(bench.seqs(30).await.first(), Some(&21));
    bench.step_to(50).await;
    let view = bench.view().await;
    assert_eq!((view.settled.skipped, view.settled.delivered, view.balance.imbalance), (17, 30, 0));
}

#[actix::test]
async fn a_cursor_beyond_the_end_is_brought_back() {
    let mut bench = bench(Before { stored: 5, cursor: Some(99), ..Before::default() }, []).await;
    let step = bench.steps.recv().await.unwrap();
    assert_eq!((step.through, step.clamp), (5, true));
    bench.publish(6..=6).await;
    assert_eq!(bench.seqs(1).await, [6]);
}

#[actix::test]
async fn dead_letters_are_stored_before_anything_goes_on() {
    let script = [rejected(Which::These(vec![1]))];
    let mut bench = bench(Before { refuses: 0, ..Before::default() }, script).await;
    bench.publish(1..=3).await;
    assert_eq!(bench.seqs(3).await, [1, 2, 3], "all at first");
    assert_eq!(bench.seqs(1).await, [1], "then what stands before the one");
    let (dead, step) = bench.buried.recv().await.unwrap();
    assert_eq!((dead, step.through), (vec![2], 2));
    assert_eq!(bench.seqs(1).await, [3]);
    bench.step_to(3).await;
    let view = bench.view().await;
    assert_eq!((view.settled.dead, view.settled.delivered, view.balance.imbalance), (1, 2, 0));
}

#[actix::test]
async fn while_dead_letters_cannot_be_stored_nothing_goes_past_them() {
    let mut bench =
        bench(Before { refuses: 1, ..Before::default() }, [rejected(Which::Unknown)]).await;
    bench.publish(1..=1).await;
    assert_eq!(bench.seqs(1).await, [1]);
    bench.publish(2..=2).await;
    assert!(bench.sent.try_recv().is_err(), "it waits");
    assert_eq!(bench.buried.recv().await.unwrap().0, [1]);
    assert_eq!(bench.seqs(1).await, [2]);
}

/// Whatever is sent while the journal does not know of it would be sent again after a crash.
#[actix::test]
async fn no_more_than_a_batch_is_sent_before_the_journal_knows() {
    let mut bench = bench(Before::default(), []).await;
    bench.publish(1..=250).await;
    assert_eq!(bench.seqs(250).await, (1..=250).collect::<Vec<_>>());
    let mut known = vec![0];
    while let Ok((dead, step)) = bench.buried.try_recv() {
        assert!(dead.is_empty());
        known.push(step.through);
    }
    known.push(250);
    assert!(known.windows(2).all(|two| two[1] - two[0] <= 100), "{known:?}");
}

#[actix::test]
async fn while_the_journal_does_not_know_nothing_more_is_sent() {
    let mut bench = bench(Before { refuses: usize::MAX, ..Before::default() }, []).await;
    bench.publish(1..=250).await;
    while bench.view().await.phase != "storing" {}
    let sent = std::iter::from_fn(|| bench.sent.try_recv().ok()).map(|batch| batch.len());
    assert!((1..=100).contains(&sent.sum::<usize>()));
}

#[actix::test]
async fn a_failed_batch_is_sent_again_from_where_it_failed() {
    let failed = || Err(DeliveryError::Transient { reason: "reset".to_owned() });
    let mut bench = bench(Before::default(), [failed(), failed()]).await;
    bench.publish(1..=4).await;
    let sent = [bench.sent.recv().await.unwrap(), bench.sent.recv().await.unwrap()];
    assert!(sent.iter().all(|batch| batch.first() == Some(&(1, 0))), "{sent:?}");
    bench.step_to(4).await;
    assert_eq!(bench.view().await.settled.delivered, 4, "each counts once");
}

#[actix::test]
async fn idle_it_says_how_far_it_is() {
    let mut bench = bench(Before { stored: 7, ..Before::default() }, []).await;
    assert_eq!(bench.announced.recv().await, Some(7));
    assert_eq!(bench.announced.recv().await, Some(7));
}

#[actix::test]
async fn finished_it_begins_nothing_more() {
    let mut bench = bench(Before::default(), []).await;
    bench.publish(1..=2).await;
    bench.seqs(2).await;
    bench.step_to(2).await;
    bench.batcher.send(FinishBatching).await.unwrap();
    bench.publish(3..=3).await;
    assert_eq!(bench.view().await.phase, "stopped");
    assert!(bench.sent.try_recv().is_err());
}

#[actix::test]
async fn another_journal_is_gone_on_with_from_its_own_head() {
    let mut bench = bench(Before { stored: 5, ..Before::default() }, []).await;
    bench.step_to(5).await;
    let other = Head { epoch: Uuid::from_u128(8), head_seq: 3, ..bench.tail.load().head() };
    bench.tail.store(Tail::empty(other, LIMITS));
    bench.advanced.send_replace(());
    let step = bench.steps.recv().await.unwrap();
    assert_eq!((step.position.epoch, step.through, step.clamp), (other.epoch, 3, true));
}
