//! Deletes the oldest events, as [`retention`] plans it, in steps that no commit waits for long.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};

use crate::{
    actors::{
        cursors::AdapterCursors,
        journal::{ForgetVerdicts, Journal, Trim},
    },
    core::{
        event::Seq,
        retention::{self, Facts, Plan},
        tail::SharedTail,
    },
    settings::LiveSettings,
    storage::{Storage, StorageError},
    telemetry::Metrics,
};

/// Events deleted in one transaction.
const STEP: u64 = 5_000;
/// How often it is looked whether the interval is another.
const LOOK: Duration = Duration::from_secs(1);

/// What retention works with.
pub struct Retention {
    /// Where the events are.
    pub storage: Arc<dyn Storage>,
    /// Who deletes them.
    pub journal: Addr<Journal>,
    /// How far the enabled adapters have come.
    pub cursors: Arc<AdapterCursors>,
    /// Where the journal begins and ends.
    pub tail: Arc<SharedTail>,
    /// How long they are kept, how much of them, and how often that is looked at.
    pub live: Arc<LiveSettings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Retention {
    /// Looks now and then, for as long as the process lives.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.look().await {
                self.metrics.storage_errors_total.with(["retention"]).increment(1);
                tracing::warn!(%error, "the oldest events cannot be deleted now");
            }
            self.pause().await;
        }
    }

    /// As long as the settings say, also when they say otherwise meanwhile.
    async fn pause(&self) {
        let began = Instant::now();
        let mut left = self.live.load().storage.retention_interval;
        while !left.is_zero() {
            sleep(left.min(LOOK)).await;
            let interval = self.live.load().storage.retention_interval;
            left = interval.saturating_sub(began.elapsed());
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    async fn look(&self) -> Result<(), StorageError> {
        let settings = self.live.load();
        let oldest = TimeDelta::from_std(settings.storage.retain)
            .ok()
            .and_then(|retain| Utc::now().checked_sub_signed(retain));
        let first_young = match oldest {
            Some(oldest) => self.storage.first_since(oldest).await?,
            None => 0,
        };
        let size = self.storage.size_bytes().await?;
        self.metrics.storage_size_bytes.set(size as f64);
        let head = self.tail.load().head();
        let read_by_all = self.cursors.all().into_iter().map(|(_, through)| through).min();
        let max_bytes = settings.storage.max_bytes;
        let facts = Facts { head, first_young, size, max_bytes, read_by_all };
        let Plan { through, unread } = retention::plan(&facts);
        if unread > 0 {
            tracing::error!(
                events = unread,
                "the journal has reached storage.max_bytes: events go that an adapter has not read"
            );
        }
        self.delete(head.first_seq, through).await?;
        if let Some(oldest) = oldest {
            self.forget_verdicts(oldest).await;
        }
        Ok(())
    }

    /// Verdicts go with the events they are on, or soon after: they fell later.
    async fn forget_verdicts(&self, before: DateTime<Utc>) {
        match self.journal.send(ForgetVerdicts(before)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "old verdicts cannot be deleted now"),
            Err(_) => tracing::debug!("the journal is gone, and deletes no verdict"),
        }
    }

    async fn delete(&self, first: Seq, through: Seq) -> Result<(), StorageError> {
        let mut next = first;
        while next <= through {
            let last = through.min(next + STEP - 1);
            // The journal is gone only when the process ends.
            let Ok(trimmed) = self.journal.send(Trim(last)).await else { return Ok(()) };
            trimmed?;
            self.metrics.retention_deleted_total.increment(last + 1 - next);
            self.count_unread(next, last);
            next = last + 1;
        }
        if through >= first {
            tracing::info!(
                first_seq = through + 1,
                events = through + 1 - first,
                "deleted the oldest events"
            );
        }
        Ok(())
    }

    /// What adapters were to deliver and cannot any more.
    fn count_unread(&self, first: Seq, last: Seq) {
        for (adapter, through) in self.cursors.all() {
            let unread = retention::unread(first, last, through);
            if unread > 0 {
                let dropped = self.metrics.adapter_dropped_total.with([&adapter, "retention"]);
                dropped.increment(unread);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use actix::Actor as _;
    use tokio::sync::{oneshot, watch};
    use uuid::Uuid;

    use super::*;
    use crate::{
        actors::journal::{JournalOptions, KeepVerdicts, Publish},
        core::{
            backlog::BacklogLimits,
            batching::{BatchPolicy, Limits},
            event::{self, Category, Position, tests::draft},
            matching::{self, PayloadHash, Verdict},
            tail::{Tail, TailLimits},
        },
        settings::{FileText, OtherFiles, Settings, Snapshot},
        storage::{Durability, OpenWriter, StorageOptions, StoredVerdict, open},
    };

    /// Retention of a journal with the events 1 to 20, all of them too old.
    async fn retention(folder: &tempfile::TempDir) -> Retention {
        let url = format!("sqlite:{}/journal.db", folder.path().display());
        let options = StorageOptions { url, durability: Durability::Process, pool_size: 1 };
        let storage = open(&options).await.unwrap();
        storage.migrate().await.unwrap();
        let wanted = OpenWriter { wait: Duration::ZERO, fresh: Uuid::nil(), last_seen: None };
        let opened = storage.open_writer(wanted).await.unwrap();
        let limits = TailLimits { events: 100, bytes: 1 << 20 };
        let tail = Arc::new(SharedTail::new(Tail::empty(opened.head, limits)));
        let policy = Limits {
            min: 20,
            max: 20,
            step: 1,
            shrink_percent: 50,
            target_latency: Duration::from_secs(1),
            max_linger: Duration::ZERO,
        };
        let (cursors, metrics) = (Arc::new(AdapterCursors::default()), Arc::new(Metrics::new()));
        let journal = Journal::new(JournalOptions {
            storage: storage.clone(),
            writer: opened.writer,
            tail: tail.clone(),
            advanced: watch::channel(()).0,
            cursors: cursors.clone(),
            limits: BacklogLimits { events: 100, bytes: 1 << 20 },
            policy: BatchPolicy::try_new(policy).unwrap(),
            recovery: Duration::ZERO,
            fatal: oneshot::channel().0,
            metrics: metrics.clone(),
            traces: None,
        })
        .start();
        let drafts: Vec<_> =
            (1..=20).map(|id| event::Draft { data: "{}".into(), ..draft(id, "c") }).collect();
        journal.send(Publish::from(drafts)).await.unwrap().unwrap();
        let live = Arc::new(LiveSettings::new(snapshot(u64::MAX)));
        Retention { storage, journal, cursors, tail, live, metrics }
    }

    /// Everything is too old.
    fn snapshot(max_bytes: u64) -> Snapshot {
        let none = FileText { path: Path::new("none").into(), text: Ok(None) };
        let loaded = Settings::load_from(&none, std::iter::empty(), &[], OtherFiles::Read);
        let mut first = Snapshot::first(loaded.unwrap(), Utc::now());
        let storage = &mut first.settings.storage;
        (storage.retain, storage.max_bytes) = (Duration::ZERO, max_bytes);
        first
    }

    #[actix::test]
    async fn verdicts_are_forgotten_when_their_time_is_over() {
        let folder = tempfile::TempDir::new().unwrap();
        let retention = retention(&folder).await;
        let (hash, now) = (PayloadHash::of("x"), Utc::now());
        let verdict = |id, hours| StoredVerdict {
            event_id: Uuid::from_u128(id),
            path: matching::Path::Realtime,
            position: Position { epoch: Uuid::nil(), seq: 1 },
            category: Category::Debug,
            verdict: Verdict::Missing,
            expected: hash,
            seen: None,
            generation: 1,
            decided_at: now - TimeDelta::hours(hours),
        };
        let kept = KeepVerdicts(vec![verdict(1, 1), verdict(2, 3)]);
        retention.journal.send(kept).await.unwrap().unwrap();
        let mut two_hours = snapshot(u64::MAX);
        two_hours.settings.storage.retain = Duration::from_hours(2);
        retention.live.store(two_hours);
        retention.look().await.unwrap();
        let left = async |id| retention.storage.verdicts_on(Uuid::from_u128(id)).await.unwrap();
        assert_eq!((left(1).await.len(), left(2).await.len()), (1, 0));
    }

    #[actix::test]
    async fn what_an_adapter_has_to_read_stays_until_the_size_demands_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let retention = retention(&folder).await;
        retention.cursors.enable("realtime", 5);
        retention.cursors.enable("other", 9);
        retention.look().await.unwrap();
        assert_eq!(retention.storage.head().await.unwrap().first_seq, 6);
        retention.live.store(snapshot(1));
        retention.look().await.unwrap();
        assert_eq!(retention.storage.head().await.unwrap().first_seq, 21);
        let metrics = retention.metrics.render();
        for (adapter, dropped) in [("realtime", 15), ("other", 11)] {
            let line = format!("{{adapter=\"{adapter}\",reason=\"retention\"}} {dropped}\n");
            assert!(metrics.contains(&line), "{metrics}");
        }
    }
}
