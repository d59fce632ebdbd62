//! The validator with a journal's tail, and probes that say what they are told to say.

use std::sync::Mutex;

use super::*;
use crate::{
    core::{
        event::{Category, Draft, Event, tests::draft},
        matching::{Seen, Shown, Unscored},
        numbering::Head,
        tail::{Tail, TailLimits},
    },
    settings::Snapshot,
};

/// A journal that keeps verdicts, or does not take any now.
#[derive(Clone, Default)]
struct Books(Arc<Mutex<(Vec<StoredVerdict>, Option<PublishError>)>>);

impl Actor for Books {
    type Context = Context<Self>;
}

impl Handler<KeepVerdicts> for Books {
    type Result = Result<(), PublishError>;

    fn handle(&mut self, KeepVerdicts(found): KeepVerdicts, _: &mut Self::Context) -> Self::Result {
        let (kept, away) = &mut *self.0.lock().unwrap();
        if let Some(error) = away {
            return Err(error.clone());
        }
        kept.extend(found);
        Ok(())
    }
}

struct Bench {
    settings: String,
    validator: Addr<Validator>,
    live: Arc<LiveSettings>,
    tail: Arc<SharedTail>,
    advanced: watch::Sender<()>,
    news: Arc<PathNews>,
    books: Books,
    metrics: Arc<Metrics>,
}

const EPOCH: Uuid = Uuid::from_u128(9);

fn snapshot(generation: u64, settings: &str) -> Snapshot {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("Settings.toml");
    std::fs::write(&path, settings).unwrap();
    let loaded = Settings::load(Some(&path), std::iter::empty()).unwrap();
    Snapshot { generation, ..Snapshot::first(loaded, Utc::now()) }
}

fn bench(settings: &str) -> Bench {
    tokio::time::pause();
    let live = Arc::new(LiveSettings::new(snapshot(1, settings)));
    let limits = TailLimits { events: 50, bytes: 1 << 20 };
    let tail = Arc::new(SharedTail::new(Tail::empty(Head::empty(EPOCH), limits)));
    let (advanced, follow) = watch::channel(());
    let (news, books) = (Arc::<PathNews>::default(), Books::default());
    let metrics = Arc::new(Metrics::new());
    let validator = Validator::new(ValidatorOptions {
        live: live.clone(),
        tail: tail.clone(),
        advanced: follow,
        news: news.clone(),
        keep: books.clone().start().recipient(),
        metrics: metrics.clone(),
    });
    let settings = settings.to_owned();
    Bench { settings, validator: validator.start(), live, tail, advanced, news, books, metrics }
}

const DUAL: &str = "[flags]\ndual_mode = true\n";
/// With verdicts that wait a second.
const SOON: &str = "[flags]\ndual_mode = true\nmetrics_flush_interval = 1\n";

impl Bench {
    /// Commits events of these numbers, which are their ids too.
    fn commit(&self, seqs: std::ops::RangeInclusive<u64>, mode: &str) {
        let at = Utc::now();
        let metadata = format!("{{\"broadcast_mode\":\"{mode}\"}}");
        let events = seqs.clone().map(|seq| {
            let draft = Draft { metadata: (*metadata).into(), ..draft(seq.into(), "00000000") };
            Event::commit(draft, Position { epoch: EPOCH, seq }, at)
        });
        let events: Vec<_> = events.collect();
        let head = Head { head_seq: *seqs.end(), last_created_at: at, ..Head::empty(EPOCH) };
        self.tail.store(self.tail.load().append(events, head));
        self.advanced.send_replace(());
    }

    fn shown(&self, seq: u64) -> Shown {
        let tail = self.tail.load();
        let event = tail.from(seq).next().unwrap();
        Shown::read(std::str::from_utf8(&event.json).unwrap()).unwrap()
    }

    async fn up(&self, path: Path) {
        let from = self.tail.load().position().seq;
        self.validator.send(ProbeUp { path, from, at: Instant::now() }).await.unwrap();
    }

    async fn see(&self, path: Path, seqs: impl IntoIterator<Item = u64>) {
        let seen = seqs.into_iter().map(|seq| (self.shown(seq), Instant::now())).collect();
        self.validator.send(Receipts { path, seen }).await.unwrap();
    }

    /// Time goes on, and the probes prove themselves.
    async fn later(&self, seconds: u64) {
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
            for path in Path::ALL {
                self.validator.send(ProbeProven { path, at: Instant::now() }).await.unwrap();
            }
        }
        self.view().await;
    }

    async fn view(&self) -> ValidationView {
        self.validator.send(GetValidation).await.unwrap()
    }

    /// So many events are committed, and then validation goes off: each has a verdict, which waits.
    async fn decide(&self, events: u64) {
        for seq in 1..=events {
            self.commit(seq..=seq, "direct");
            // Looks before the tail forgets it.
            self.view().await;
        }
        self.live.store(snapshot(2, &format!("{}enable_validation = false\n", self.settings)));
    }

    fn kept(&self) -> Vec<(Path, u64, Verdict)> {
        let (kept, _) = &*self.books.0.lock().unwrap();
        kept.iter().map(|one| (one.path, one.position.seq, one.verdict)).collect()
    }
}

#[actix::test]
async fn both_paths_are_compared_and_what_is_wrong_is_kept() {
    let bench = bench(SOON);
    for path in Path::ALL {
        bench.up(path).await;
    }
    bench.commit(1..=4, "dual");
    bench.commit(5..=5, "direct");
    bench.see(Path::Websocket, [1, 2, 3, 4, 5]).await;
    bench.see(Path::Realtime, [1, 3, 2]).await;
    bench.news.passed(5);
    bench.later(40).await;
    let view = bench.view().await;
    let [websocket, realtime] = view.paths.each_ref().map(|path| path.totals.by_place());
    assert_eq!((websocket, realtime), ([5, 0, 0, 0, 0, 0, 0], [2, 0, 1, 0, 1, 0, 0]));
    let expected = [(Path::Realtime, 2, Verdict::Reordered), (Path::Realtime, 4, Verdict::Missing)];
    assert_eq!(bench.kept(), expected);
    assert_eq!(view.alerts.len(), 1);
    assert_eq!((view.alerts[0].path, view.alerts[0].category), (Path::Realtime, Category::System));
    let seen = bench.validator.send(GetSeen(Uuid::from_u128(4))).await.unwrap();
    assert!(matches!(seen.paths[0], Some(Seen::Decided(case)) if case.verdict == Verdict::Matched));
    assert!(matches!(seen.paths[1], Some(Seen::Decided(case)) if case.verdict == Verdict::Missing));
    let metrics = bench.metrics.render();
    for line in [
        "signalbox_validation_verdicts_total{path=\"realtime\",verdict=\"missing\"} 1\n",
        "signalbox_validation_verdicts_total{path=\"websocket\",verdict=\"matched\"} 5\n",
        "signalbox_validation_alert{path=\"realtime\",category=\"system\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
}

#[actix::test]
async fn an_event_that_the_cursor_has_not_passed_waits() {
    let bench = bench(DUAL);
    bench.up(Path::Realtime).await;
    bench.commit(1..=2, "adapter");
    bench.news.passed(1);
    bench.later(100).await;
    let view = bench.view().await;
    assert_eq!((view.of(Path::Realtime).totals.missing, view.of(Path::Realtime).waiting), (1, 1));
}

#[actix::test]
async fn an_open_breaker_excuses_what_is_late() {
    let bench = bench(DUAL);
    bench.up(Path::Realtime).await;
    bench.commit(1..=1, "dual");
    bench.news.closed(false);
    bench.later(8).await;
    bench.news.closed(true);
    bench.see(Path::Realtime, [1]).await;
    bench.news.passed(1);
    bench.later(5).await;
    let reasons = bench.view().await.of(Path::Realtime).reasons;
    let place = Unscored::ALL.iter().position(|reason| *reason == Unscored::Breaker).unwrap();
    assert_eq!(reasons[place], 1, "{reasons:?}");
}

#[actix::test]
async fn what_the_tail_forgot_is_unscored() {
    let bench = bench(DUAL);
    bench.up(Path::Websocket).await;
    bench.commit(1..=1, "direct");
    bench.view().await;
    // Committed at once: the validator has no chance to look between.
    for seq in 2..=200 {
        bench.commit(seq..=seq, "direct");
    }
    let first = bench.tail.load().first();
    let view = bench.view().await;
    assert!(first > 3);
    assert_eq!(view.of(Path::Websocket).totals.unscored, first - 2);
    assert_eq!(view.of(Path::Websocket).waiting as u64, 1 + 200 - first + 1);
}

#[actix::test]
async fn while_it_is_off_nothing_waits_and_turned_off_it_lets_go() {
    let bench = bench("");
    bench.commit(1..=3, "direct");
    assert!(!bench.view().await.is_active);
    assert_eq!(bench.view().await.of(Path::Websocket).waiting, 0);
    bench.live.store(snapshot(2, DUAL));
    assert!(bench.view().await.is_active);
    bench.commit(4..=5, "dual");
    assert_eq!(bench.view().await.of(Path::Realtime).waiting, 2);
    bench.live.store(snapshot(3, "[flags]\ndual_mode = true\nenable_validation = false\n"));
    let view = bench.view().await;
    assert_eq!((view.is_active, view.of(Path::Realtime).waiting), (false, 0));
    assert_eq!(view.of(Path::Realtime).totals.unscored, 2);
}

#[actix::test]
async fn verdicts_wait_for_a_journal_that_takes_none_now() {
    let bench = bench(SOON);
    bench.up(Path::Websocket).await;
    bench.books.0.lock().unwrap().1 = Some(PublishError::Unavailable);
    bench.commit(1..=1, "direct");
    bench.later(40).await;
    assert_eq!(bench.kept(), []);
    bench.books.0.lock().unwrap().1 = None;
    bench.later(2).await;
    assert_eq!(bench.kept(), [(Path::Websocket, 1, Verdict::Missing)]);
}

#[actix::test]
async fn a_few_wait_for_their_interval_and_a_lot_does_not() {
    let bench = bench("[flags]\ndual_mode = true\nmetrics_flush_interval = 60\n");
    bench.decide(103).await;
    bench.later(50).await;
    assert_eq!(bench.kept().len(), 100);
    bench.later(15).await;
    assert_eq!(bench.kept().len(), 103);
}

#[actix::test]
async fn what_is_not_to_be_stored_is_counted_and_not_kept() {
    let bench = bench("[flags]\ndual_mode = true\nmetrics_persistence = false\n");
    bench.decide(3).await;
    assert_eq!(bench.validator.send(WriteVerdicts).await.unwrap(), Ok(0));
    let counted = "signalbox_validation_verdicts_dropped_total{reason=\"off\"} 3\n";
    assert!(bench.metrics.render().contains(counted), "{}", bench.metrics.render());
}

/// More than go together: the rest is not left for later.
#[actix::test]
async fn asked_for_it_writes_all_that_waits_and_says_how_many() {
    let bench = bench(DUAL);
    let write = async || bench.validator.send(WriteVerdicts).await.unwrap();
    assert_eq!(write().await, Ok(0));
    bench.decide(260).await;
    bench.books.0.lock().unwrap().1 = Some(PublishError::Unavailable);
    assert_eq!(write().await, Err(PublishError::Unavailable));
    assert_eq!(bench.kept(), []);
    bench.books.0.lock().unwrap().1 = None;
    let (one, other) = tokio::join!(write(), write());
    assert_eq!((one, other), (Ok(260), Ok(260)), "both may say so: it is durable for both");
    assert_eq!(bench.kept().len(), 260, "each once");
    assert_eq!(write().await, Ok(0));
}

#[actix::test]
async fn what_the_database_refuses_is_told_and_counted_and_not_tried_for_ever() {
    let bench = bench(DUAL);
    let refused = PublishError::Refused("no such table".into());
    bench.books.0.lock().unwrap().1 = Some(refused.clone());
    bench.decide(1).await;
    assert_eq!(bench.validator.send(WriteVerdicts).await.unwrap(), Err(refused));
    assert_eq!(bench.view().await.not_kept, 1);
    let counted = "signalbox_validation_verdicts_dropped_total{reason=\"refused\"} 1\n";
    assert!(bench.metrics.render().contains(counted), "{}", bench.metrics.render());
    assert_eq!(bench.validator.send(WriteVerdicts).await.unwrap(), Ok(0));
}

#[actix::test]
async fn who_asks_while_it_ends_is_answered() {
    let bench = bench(DUAL);
    bench.decide(260).await;
    let write = bench.validator.send(WriteVerdicts);
    let (written, finished) = tokio::join!(write, bench.validator.send(FinishValidating));
    assert_eq!((written.unwrap(), finished.unwrap()), (Err(PublishError::Unknown), ()));
}

#[actix::test]
async fn finished_it_keeps_what_is_left() {
    let bench = bench(DUAL);
    bench.commit(1..=250, "direct");
    bench.up(Path::Websocket).await;
    bench.validator.send(FinishValidating).await.unwrap();
    assert!(!bench.kept().is_empty());
    let view = bench.view().await;
    assert_eq!(view.of(Path::Websocket).totals.due(), 250);
    assert_eq!(view.of(Path::Websocket).waiting, 0);
    assert!(!view.is_active);
}

#[actix::test]
async fn another_journal_begins_anew() {
    let bench = bench(DUAL);
    bench.up(Path::Websocket).await;
    bench.commit(1..=10, "direct");
    assert_eq!(bench.view().await.of(Path::Websocket).waiting, 10);
    let head = Head { head_seq: 5, ..Head::empty(Uuid::from_u128(1)) };
    let limits = TailLimits { events: 50, bytes: 1 << 20 };
    bench.tail.store(Tail::empty(head, limits));
    let view = bench.view().await;
    assert_eq!(view.of(Path::Websocket).waiting, 0);
    assert_eq!(view.of(Path::Websocket).totals.unscored, 10);
    let event =
        Event::commit(draft(77, "00000000"), Position { epoch: head.epoch, seq: 6 }, Utc::now());
    bench.tail.store(bench.tail.load().append(vec![event], Head { head_seq: 6, ..head }));
    assert_eq!(bench.view().await.of(Path::Websocket).waiting, 1);
}
