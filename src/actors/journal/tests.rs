//! The journal against a database that fails as it is told to.

mod notes;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use chrono::DateTime;
use futures_util::future::join_all;
use tokio::sync::oneshot::error::TryRecvError;
use uuid::Uuid;

use super::*;
use crate::{
    core::{
        batching::Limits,
        cursor::durable::{Cursor, CursorStep},
        event::{self, Draft, Event},
        numbering::{Head, Known, Outcome, Proof, number},
        tail::{Tail, TailLimits},
    },
    storage::{
        AuditEntry, AuditQuery, DeadLetter, DeadLetterCount, DeadLetterQuery, Note, Noted,
        OpenWriter, Opened, Page, PageQuery, Records, StoredOverride, StoredVerdict,
    },
};

/// What becomes of the next commit that is not simply stored.
enum Fate {
    /// Its outcome is not known.
    Lost { stored: bool },
    /// Nothing was stored, for a reason.
    Failed(StorageError),
}

/// What one transaction stored.
#[derive(Clone, Debug, PartialEq)]
enum Stored {
    /// The head after it, and the steps that rode along.
    Commit(Seq, Vec<CursorStep>),
    /// Notes.
    Notes(Vec<Note>),
}

struct Rows {
    head: Head,
    known: HashMap<Uuid, Known>,
    fates: VecDeque<Fate>,
    /// What becomes of the next notes.
    note_fates: VecDeque<Fate>,
    /// What was stored, in order.
    stored: Vec<Stored>,
    poison: Option<Uuid>,
    down: bool,
}

impl Rows {
    fn store(&mut self, drafts: &[Draft], steps: &[CursorStep], now: DateTime<Utc>) -> Commit {
        let numbered = number(&self.head, drafts, self.known.clone(), now);
        for (draft, outcome) in drafts.iter().zip(&numbered.outcomes) {
            let known = Known { seq: outcome.seq, checksum: draft.checksum.clone() };
            self.known.entry(draft.id).or_insert(known);
        }
        self.head = numbered.head;
        self.stored.push(Stored::Commit(self.head.head_seq, steps.to_vec()));
        Commit { outcomes: numbered.outcomes, fresh: numbered.fresh, head: numbered.head }
    }
}

impl Rows {
    /// A dead letter can be changed once.
    fn write(&mut self, notes: &[Note]) -> Vec<Noted> {
        let before = self.stored.clone();
        let known = |note: &Note| {
            matches!(note, Note::DeadLetter { .. })
                && before
                    .iter()
                    .any(|stored| matches!(stored, Stored::Notes(notes) if notes.contains(note)))
        };
        self.stored.push(Stored::Notes(notes.to_vec()));
        notes.iter().map(|note| if known(note) { Noted::Absent } else { Noted::Done }).collect()
    }
}

#[derive(Clone)]
struct Database(Arc<Mutex<Rows>>);

impl Database {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap()
    }
}

#[async_trait]
impl Storage for Database {
    fn describe(&self) -> String {
        "a database".into()
    }
    async fn migrate(&self) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }
    async fn open_writer(&self, _: OpenWriter) -> Result<Opened, StorageError> {
        if self.rows().down {
            let reason = "it is down".to_owned();
            return Err(StorageError::Unreachable { what: self.describe(), reason });
        }
        let head = self.rows().head;
        Ok(Opened { writer: Box::new(self.clone()), head, proof: Proof::Same })
    }
    async fn head(&self) -> Result<Head, StorageError> {
        Ok(self.rows().head)
    }
    async fn page(&self, _: &PageQuery) -> Result<Page, StorageError> {
        Err(StorageError::NoJournal)
    }
    async fn event(&self, _: Uuid) -> Result<Option<Event>, StorageError> {
        Ok(None)
    }
    async fn first_since(&self, _: DateTime<Utc>) -> Result<Seq, StorageError> {
        Ok(1)
    }
    async fn size_bytes(&self) -> Result<u64, StorageError> {
        Ok(0)
    }
    async fn cursor(&self, _: &str) -> Result<Option<Cursor>, StorageError> {
        Ok(None)
    }
    async fn cursors(&self) -> Result<Vec<(String, Cursor)>, StorageError> {
        Ok(Vec::new())
    }
    async fn dead_letters(&self, _: &DeadLetterQuery) -> Result<Records<DeadLetter>, StorageError> {
        Err(StorageError::NoJournal)
    }
    async fn dead_letter(&self, _: u64) -> Result<Option<DeadLetter>, StorageError> {
        Ok(None)
    }
    async fn dead_letter_of(&self, _: &str, _: Uuid) -> Result<Option<DeadLetter>, StorageError> {
        Ok(None)
    }
    async fn count_dead_letters(&self) -> Result<Vec<DeadLetterCount>, StorageError> {
        Ok(Vec::new())
    }
    async fn overrides(&self) -> Result<Vec<StoredOverride>, StorageError> {
        Ok(Vec::new())
    }
    async fn audit(&self, _: &AuditQuery) -> Result<Records<AuditEntry>, StorageError> {
        Err(StorageError::NoJournal)
    }
    async fn verdicts_on(&self, _: Uuid) -> Result<Vec<StoredVerdict>, StorageError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Writer for Database {
    async fn commit(
        &mut self,
        drafts: &[Draft],
        steps: &[CursorStep],
        now: DateTime<Utc>,
    ) -> Result<Commit, CommitError> {
        let mut rows = self.rows();
        if drafts.iter().any(|draft| Some(draft.id) == rows.poison) {
            return Err(CommitError::Data("no such value".into()));
        }
        match rows.fates.pop_front() {
            None => Ok(rows.store(drafts, steps, now)),
            Some(Fate::Failed(error)) => Err(CommitError::Failed(error)),
            Some(Fate::Lost { stored }) => {
                if stored {
                    rows.store(drafts, steps, now);
                }
                Err(CommitError::Unknown("the connection broke".into()))
            }
        }
    }
    async fn note(&mut self, notes: &[Note], _: DateTime<Utc>) -> Result<Vec<Noted>, CommitError> {
        let mut rows = self.rows();
        match rows.note_fates.pop_front() {
            None => Ok(rows.write(notes)),
            Some(Fate::Failed(error)) => Err(CommitError::Failed(error)),
            Some(Fate::Lost { stored }) => {
                if stored {
                    rows.write(notes);
                }
                Err(CommitError::Unknown("the connection broke".into()))
            }
        }
    }
    async fn look_up(&mut self, ids: &[Uuid]) -> Result<HashMap<Uuid, Known>, StorageError> {
        let rows = self.rows();
        Ok(ids.iter().filter_map(|id| Some((*id, rows.known.get(id)?.clone()))).collect())
    }
    async fn trim(&mut self, through: Seq) -> Result<Head, StorageError> {
        let mut rows = self.rows();
        rows.head.first_seq = through + 1;
        Ok(rows.head)
    }
}

struct Scene {
    database: Database,
    journal: Addr<Journal>,
    tail: Arc<SharedTail>,
    cursors: Arc<AdapterCursors>,
    fatal: oneshot::Receiver<String>,
    metrics: Arc<Metrics>,
}

/// A journal that gives up after `recovery`, on a database with these fates ahead.
fn scene(recovery: Duration, fates: impl IntoIterator<Item = Fate>) -> Scene {
    let head = Head::empty(Uuid::from_u128(9));
    let rows = Rows {
        head,
        known: HashMap::new(),
        fates: fates.into_iter().collect(),
        note_fates: VecDeque::new(),
        stored: Vec::new(),
        poison: None,
        down: false,
    };
    let database = Database(Arc::new(Mutex::new(rows)));
    let limits = TailLimits { events: 100, bytes: 1 << 20 };
    let tail = Arc::new(SharedTail::new(Tail::empty(head, limits)));
    let policy = Limits {
        min: 10,
        max: 10,
        step: 1,
        shrink_percent: 50,
        target_latency: Duration::from_secs(1),
        max_linger: Duration::ZERO,
    };
    let (told, fatal) = oneshot::channel();
    let metrics = Arc::new(Metrics::new());
    let cursors = Arc::new(AdapterCursors::default());
    let journal = Journal::new(JournalOptions {
        storage: Arc::new(database.clone()),
        writer: Box::new(database.clone()),
        tail: tail.clone(),
        advanced: watch::channel(()).0,
        cursors: cursors.clone(),
        limits: BacklogLimits { events: 100, bytes: 1 << 20 },
        policy: BatchPolicy::try_new(policy).unwrap(),
        recovery,
        fatal: told,
        metrics: metrics.clone(),
        traces: None,
    });
    Scene { database, journal: journal.start(), tail, cursors, fatal, metrics }
}

const PATIENT: Duration = Duration::from_secs(30);

fn draft(id: u128) -> Draft {
    event::tests::draft(id, "c")
}

type Told = Result<Vec<(Seq, bool)>, PublishError>;

impl Scene {
    /// Publishes one request for each id, all at once: the first goes alone, the others together.
    fn publish(&self, ids: &[u128]) -> impl Future<Output = Vec<Told>> + use<> {
        let requests = ids.iter().map(|id| self.journal.send(Publish::from(vec![draft(*id)])));
        let answers = join_all(requests.collect::<Vec<_>>());
        let told = |outcome: &Outcome| (outcome.seq, outcome.duplicate);
        async move {
            let answers = answers.await.into_iter().map(Result::unwrap);
            answers.map(|answer| Ok(answer?.outcomes.iter().map(told).collect())).collect()
        }
    }

    /// Drains; a journal that never ends it fails the test.
    fn drain(&self) -> impl Future<Output = Result<(), MailboxError>> + use<> {
        let drained = self.journal.send(Drain);
        async { tokio::time::timeout(PATIENT, drained).await.expect("drained in time") }
    }

    /// Posts a new event again and again until it is stored.
    async fn healed(&self, id: u128) -> Vec<Told> {
        loop {
            let told = self.publish(&[id]).await;
            if told != [Err(PublishError::Unavailable)] {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where an answer is expected")]
fn stored(seq: Seq) -> Told {
    Ok(vec![(seq, false)])
}

fn unreachable() -> StorageError {
    StorageError::Unreachable { what: "a database".into(), reason: "gone".into() }
}

#[actix::test]
async fn a_lost_commit_that_was_stored_is_found_and_not_stored_twice() {
    let scene = scene(PATIENT, [Fate::Lost { stored: true }, Fate::Lost { stored: true }]);
    assert_eq!(
        scene.publish(&[1, 2, 2, 3]).await,
        [stored(1), stored(2), Ok(vec![(2, true)]), stored(3)]
    );
    let tail = scene.tail.load();
    assert_eq!((tail.next(), tail.first()), (4, 4), "what nobody was shown is read from storage");
    assert_eq!(scene.publish(&[4]).await, [stored(4)]);
}

#[actix::test]
async fn a_lost_commit_that_was_not_stored_is_committed_again() {
    let scene = scene(PATIENT, [Fate::Lost { stored: false }, Fate::Failed(unreachable())]);
    assert_eq!(scene.publish(&[1, 2, 3]).await, [stored(1), stored(2), stored(3)]);
    assert_eq!(scene.tail.load().from(0).count(), 3);
}

#[actix::test]
async fn when_the_database_stays_away_everybody_is_told_what_is_known() {
    let scene = scene(Duration::ZERO, [Fate::Lost { stored: true }]);
    scene.database.rows().down = true;
    let told = scene.publish(&[1, 2]).await;
    assert_eq!(told, [Err(PublishError::Unknown), Err(PublishError::Unavailable)]);
    assert_eq!(scene.publish(&[3]).await, [Err(PublishError::Unavailable)], "at once");
    assert!(matches!(scene.journal.send(Trim(1)).await, Ok(Err(StorageError::Unreachable { .. }))));
    assert_eq!(scene.journal.send(GetStatus).await.unwrap().state, "down");
    scene.database.rows().down = false;
    assert_eq!(scene.healed(4).await, [stored(2)], "after the one that nobody knew of");
    assert_eq!(scene.publish(&[1]).await, [Ok(vec![(1, true)])]);
}

#[actix::test]
async fn a_database_that_comes_back_only_to_fail_keeps_nobody_for_ever() {
    let refused = || Fate::Failed(StorageError::Refused("read only".into()));
    let scene = scene(Duration::ZERO, (0..3).map(|_| refused()));
    assert_eq!(scene.publish(&[1, 2]).await.last(), Some(&Err(PublishError::Unavailable)));
    scene.database.rows().fates.clear();
    assert_eq!(scene.healed(3).await.len(), 1);
}

#[actix::test]
async fn draining_ends_when_the_database_does_not_come_back() {
    let scene = scene(Duration::ZERO, [Fate::Failed(unreachable())]);
    scene.database.rows().down = true;
    let (told, drained) = tokio::join!(scene.publish(&[1]), scene.drain());
    assert_eq!((told, drained), (vec![Err(PublishError::Unavailable)], Ok(())));
    assert_eq!(scene.drain().await, Ok(()), "again");
}

#[actix::test]
async fn draining_waits_for_what_is_being_taken_up_again() {
    let scene = scene(PATIENT, [Fate::Lost { stored: false }]);
    let (told, drained) = tokio::join!(scene.publish(&[1, 2]), scene.drain());
    assert_eq!((told, drained), (vec![stored(1), stored(2)], Ok(())));
    assert_eq!(scene.publish(&[3]).await, [Err(PublishError::ShuttingDown)]);
}

#[actix::test]
async fn another_writer_ends_it_and_nobody_waits_for_an_answer() {
    let mut scene = scene(PATIENT, [Fate::Failed(StorageError::Stale)]);
    let journal = scene.journal.clone();
    let (told, trimmed) = tokio::join!(scene.publish(&[1, 2]), journal.send(Trim(1)));
    assert!(told.iter().all(|told| *told == Err(PublishError::Unavailable)), "{told:?}");
    assert!(matches!(trimmed, Ok(Err(StorageError::Unreachable { .. }))));
    assert_eq!(scene.publish(&[3]).await, [Err(PublishError::Unavailable)]);
    assert_eq!(scene.drain().await, Ok(()));
    assert!(!matches!(scene.fatal.try_recv(), Err(TryRecvError::Empty)));
}

#[actix::test]
async fn nobody_fails_for_the_data_of_another() {
    let scene = scene(PATIENT, []);
    scene.database.rows().poison = Some(Uuid::from_u128(3));
    let told = scene.publish(&[1, 2, 3, 4]).await;
    let refused = Err(PublishError::Refused("no such value".into()));
    assert_eq!(told, [stored(1), stored(2), refused, stored(3)]);
}

#[actix::test]
async fn a_full_disk_is_told_and_passes() {
    let scene = scene(PATIENT, [Fate::Failed(StorageError::Full)]);
    assert_eq!(scene.publish(&[1, 2]).await, [Err(PublishError::StorageFull), stored(1)]);
    assert_eq!(scene.publish(&[1]).await, [stored(2)]);
    let ingest = scene.metrics.stats.ingest();
    assert_eq!((ingest.failed, ingest.accepted, ingest.commit.count), (1, 2, 2));
    let line = "signalbox_events_failed_total{reason=\"storage_full\"} 1\n";
    assert!(scene.metrics.render().contains(line), "{}", scene.metrics.render());
}
