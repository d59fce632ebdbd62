//! A reloader on a real database, with a settings file that is edited.

use std::{
    fs,
    sync::{
        Mutex as StdMutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::Actor as _;
use async_trait::async_trait;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch as signal};
use uuid::Uuid;

use super::*;
use crate::{
    actors::journal::{JournalOptions, PublishError},
    core::{
        backlog::BacklogLimits,
        batching::{BatchPolicy, Limits},
        tail::{SharedTail, Tail, TailLimits},
    },
    storage::{
        AuditQuery, Durability, From, OpenWriter, Storage, StorageOptions, StoredOverride, open,
    },
};

mod overrides;

/// Remembers what it was told, and refuses what it is told to refuse.
#[derive(Clone, Default)]
struct Follower(Arc<Told>);

#[derive(Default)]
struct Told {
    refuses: AtomicBool,
    adopted: StdMutex<Vec<u64>>,
    tried_again: AtomicBool,
}

#[async_trait]
impl Followers for Follower {
    async fn prepare(&self, next: &Settings) -> Result<Adopt, Unfit> {
        if self.0.refuses.load(Ordering::Relaxed) {
            let key = Some("flags.batch_size");
            return Err(Unfit { key, message: format!("not {}", next.flags.batch_size) });
        }
        let told = self.0.clone();
        Ok(Box::new(move |now| {
            Box::pin(async move { told.adopted.lock().unwrap().push(now.generation) })
        }))
    }

    async fn try_again(&self) {
        self.0.tried_again.store(true, Ordering::Relaxed);
    }
}

struct Bench {
    folder: TempDir,
    storage: Arc<dyn Storage>,
    live: Arc<LiveSettings>,
    reloader: Arc<Reloader>,
    follower: Follower,
    metrics: Arc<Metrics>,
}

async fn bench() -> Bench {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/journal.db", folder.path().display());
    let options = StorageOptions { url, durability: Durability::Process, pool_size: 1 };
    let storage = open(&options).await.unwrap();
    storage.migrate().await.unwrap();
    let wanted = OpenWriter { wait: Duration::ZERO, fresh: Uuid::nil(), last_seen: None };
    let opened = storage.open_writer(wanted).await.unwrap();
    let limits = TailLimits { events: 10, bytes: 1 << 20 };
    let policy = Limits {
        min: 1,
        max: 1,
        step: 1,
        shrink_percent: 50,
        target_latency: Duration::from_secs(1),
        max_linger: Duration::ZERO,
    };
    let metrics = Arc::new(Metrics::new());
    let journal = Journal::new(JournalOptions {
        storage: storage.clone(),
        writer: opened.writer,
        tail: Arc::new(SharedTail::new(Tail::empty(opened.head, limits))),
        advanced: signal::channel(()).0,
        cursors: Arc::default(),
        limits: BacklogLimits { events: 10, bytes: 1 << 20 },
        policy: BatchPolicy::try_new(policy).unwrap(),
        recovery: Duration::ZERO,
        fatal: oneshot::channel().0,
        metrics: metrics.clone(),
        traces: None,
    })
    .start();
    fs::write(folder.path().join("Settings.toml"), "[flags]\nbatch_size = 50\n").unwrap();
    let source = source(&folder);
    let loaded = source.load(&[]).unwrap();
    let read = loaded.read.clone();
    let live = Arc::new(LiveSettings::new(Snapshot::first(loaded, Utc::now())));
    let follower = Follower::default();
    let reloader = Arc::new(Reloader::new(ReloaderOptions {
        source,
        live: live.clone(),
        read,
        overrides: Vec::new(),
        followers: follower.clone(),
        journal,
        metrics: metrics.clone(),
    }));
    Bench { folder, storage, live, reloader, follower, metrics }
}

fn source(folder: &TempDir) -> Source {
    Source { path: Some(folder.path().join("Settings.toml")), environment: Vec::new() }
}

impl Bench {
    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("Settings.toml"), text).unwrap();
    }

    async fn reload(&self) -> Result<Applied, ReloadError> {
        self.reloader.apply(Change::Reload).await
    }

    async fn set(&self, key: &str, value: serde_json::Value) -> Result<Applied, ReloadError> {
        self.reloader.apply(Change::Override(over(key, value, None))).await
    }

    async fn clear(&self, key: &str) -> Result<Applied, ReloadError> {
        let (key, by, reason) = (key.to_owned(), "operator".into(), "over".into());
        self.reloader.apply(Change::Clear { key, by, reason }).await
    }

    /// Generation, `flags.dual_mode` and `flags.batch_size` in force.
    fn now(&self) -> (u64, bool, usize) {
        let now = self.live.load();
        (now.generation, now.flags.dual_mode, now.flags.batch_size)
    }

    /// A sample of the metrics.
    fn metric(&self, sample: &str) -> Option<f64> {
        let text = self.metrics.render();
        text.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    async fn stored(&self) -> Vec<StoredOverride> {
        self.storage.overrides().await.unwrap()
    }

    /// Lines of the audit log on overrides, oldest first.
    async fn audited(&self) -> Vec<(String, String, serde_json::Value)> {
        let query = AuditQuery { from: From::After(0), limit: 100, action: None };
        let lines = self.storage.audit(&query).await.unwrap().records;
        let lines = lines.into_iter().filter(|it| it.action.starts_with("override."));
        lines.map(|it| (it.action, it.subject, serde_json::from_str(&it.detail).unwrap())).collect()
    }
}

fn over(key: &str, value: serde_json::Value, until: Option<DateTime<Utc>>) -> Override {
    let (by, reason) = ("operator".into(), "a trial".into());
    Override { key: key.into(), value, by, at: now(), until, reason }
}

#[actix::test]
async fn a_value_set_at_run_time_is_stored_audited_and_restored() {
    let bench = bench().await;
    let applied = bench.set("flags.dual_mode", json!(true)).await.unwrap();
    assert_eq!((applied.generation, applied.changed), (2, vec!["flags.dual_mode"]));
    assert_eq!(bench.now(), (2, true, 50));
    assert_eq!(*bench.follower.0.adopted.lock().unwrap(), [2]);
    let (action, subject, detail) = bench.audited().await.remove(0);
    assert_eq!((&*action, &*subject), ("override.set", "setting:flags.dual_mode"));
    let expected = json!({
        "before": false, "after": true, "until": null, "reason": "a trial", "generation": 2,
    });
    assert_eq!(detail, expected);

    let first = source(&bench.folder).load(&[]).unwrap();
    let (loaded, overrides) = restore(&source(&bench.folder), bench.stored().await, first);
    assert!(loaded.settings.flags.dual_mode && overrides.len() == 1);

    let applied = bench.clear("flags.dual_mode").await.unwrap();
    assert_eq!((applied.generation, bench.now()), (3, (3, false, 50)));
    assert_eq!((bench.stored().await, bench.audited().await.len()), (vec![], 2));
    let nothing = bench.clear("flags.dual_mode").await;
    assert_eq!(nothing, Err(ReloadError::NotSet("flags.dual_mode".into())));
}

#[actix::test]
async fn what_may_not_be_set_or_has_a_bad_value_changes_nothing() {
    let bench = bench().await;
    for (key, value) in [
        ("flags.dual_mode", json!("perhaps")),
        ("flags.batch_size", json!(0)),
        ("flags.dual_mod", json!(true)),
        ("storage.retain", json!("1d")),
    ] {
        let refused = bench.set(key, value).await.unwrap_err();
        assert!(matches!(&refused, ReloadError::Invalid(_)), "{key}: {refused}");
        assert!(refused.to_string().contains(key), "{refused}");
    }
    bench.follower.0.refuses.store(true, Ordering::Relaxed);
    let refused = bench.set("flags.batch_size", json!(7)).await.unwrap_err();
    assert!(refused.to_string().contains("override by operator"), "{refused}");
    assert_eq!(
        (bench.now(), bench.stored().await, bench.audited().await),
        ((1, false, 50), vec![], vec![])
    );
}

#[actix::test]
async fn a_broken_file_is_in_no_overrides_way() {
    let bench = bench().await;
    bench.write("[flags]\nbatch_size = \"many\"\n");
    let refused = bench.reload().await.unwrap_err();
    assert!(refused.to_string().contains("Settings.toml:2:14: flags.batch_size: "), "{refused}");
    bench.set("flags.dual_mode", json!(true)).await.unwrap();
    assert_eq!(bench.now(), (2, true, 50));
    assert!(bench.reloader.last().unwrap().result.is_err(), "still the file's last attempt");
    bench.write("[flags]\nbatch_size = 60\ndual_mode = false\n");
    let applied = bench.reload().await.unwrap();
    assert_eq!(applied.changed, ["flags.batch_size"], "what is set at run time wins");
    assert_eq!(bench.now(), (3, true, 60));
    let cleared = bench.clear("flags.dual_mode").await.unwrap();
    assert_eq!(cleared.changed, ["flags.dual_mode"], "it is laid over the newest good file");
    assert_eq!(bench.now(), (4, false, 60));
}

#[actix::test]
async fn the_same_again_is_unchanged_and_lets_others_try_again() {
    let bench = bench().await;
    let applied = bench.reload().await.unwrap();
    assert_eq!((applied.outcome, applied.generation), (Outcome::Unchanged, 1));
    assert!(bench.follower.0.tried_again.load(Ordering::Relaxed));
    assert!(bench.follower.0.adopted.lock().unwrap().is_empty());
    bench.write("# A line that moves the rest.\n[flags]\nbatch_size = 50\n");
    let applied = bench.reload().await.unwrap();
    let moved = (applied.outcome, applied.changed.len(), applied.generation);
    assert_eq!(moved, (Outcome::Applied, 0, 2), "places are others");
}

#[actix::test]
async fn what_is_gone_or_empty_is_not_taken_for_the_defaults() {
    let bench = bench().await;
    bench.write(" \n");
    assert!(bench.reload().await.unwrap_err().to_string().contains("is empty"));
    fs::remove_file(bench.folder.path().join("Settings.toml")).unwrap();
    assert!(bench.reload().await.unwrap_err().to_string().contains("cannot be read"));
    assert_eq!(bench.now(), (1, false, 50));
    bench.write("# Defaults, and meant.\n");
    assert_eq!(bench.reload().await.unwrap().changed, ["flags.batch_size"]);
}

#[actix::test]
async fn keys_that_need_a_restart_stay_and_are_named() {
    let bench = bench().await;
    bench.write("[server]\nworkers = 0\n[flags]\nbatch_size = 70\n");
    assert_eq!(bench.reload().await.unwrap().changed, ["flags.batch_size"]);
    // At the same place, another value.
    bench.write("[server]\nworkers = 7\n[flags]\nbatch_size = 70\n");
    let applied = bench.reload().await.unwrap();
    assert_eq!((applied.outcome, applied.changed.len()), (Outcome::Applied, 0));
    assert_eq!(applied.needs_restart, ["server.workers"]);
    assert_eq!((bench.live.load().server.workers, bench.now().2), (0, 70));
    assert_eq!(bench.live.load().needs_restart, ["server.workers"]);
    bench.write("[flags]\nbatch_size = 70\n");
    assert_eq!(bench.reload().await.unwrap().needs_restart, Vec::<&str>::new());
}

#[actix::test]
async fn every_attempt_is_counted_and_the_last_good_one_dated() {
    let bench = bench().await;
    let good = || bench.metric("signalbox_reload_last_success_timestamp_seconds").unwrap();
    let first = good();
    bench.write("[flags]\nbatch_size = 0\n");
    bench.reload().await.unwrap_err();
    assert_eq!(
        (good().total_cmp(&first), bench.metric("signalbox_reload_refused")),
        (std::cmp::Ordering::Equal, Some(1.0))
    );
    bench.write("[flags]\nbatch_size = 5\n");
    while good().total_cmp(&first).is_eq() {
        bench.reload().await.unwrap();
    }
    assert_eq!(bench.metric("signalbox_reload_refused"), Some(0.0));
    bench.set("flags.batch_size", json!(0)).await.unwrap_err();
    bench.set("flags.batch_size", json!(9)).await.unwrap();
    bench.clear("flags.batch_size").await.unwrap();
    for outcome in ["set", "refused", "cleared"] {
        let sample = format!("signalbox_override_changes_total{{outcome=\"{outcome}\"}}");
        assert_eq!(bench.metric(&sample), Some(1.0), "{outcome}");
    }
    let generation = bench.metric("signalbox_settings_generation");
    assert_eq!(generation.map(|it| it.to_string()), Some(bench.now().0.to_string()));
}
