//! The only one who changes the settings in force: reads every layer again, validates all of it,
//! builds all that can fail, and swaps one snapshot, or keeps the old one and says exactly what is
//! wrong.
//!
//! One change at a time. What is set at run time is stored before it is in force, in one transaction
//! with the line of the audit log; it is laid over the file as that was when it was last good, so
//! that a file which is broken now is in nobody's way.

mod change;
mod overrides;
mod watch;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix::Addr;
use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Notify, watch as channel};

use self::watch::{Contents, at_start};
pub use self::{
    change::{Adopt, Applied, Attempt, Change, Followers, Outcome, ReloadError, Unfit},
    overrides::restore,
};
use crate::{
    actors::journal::{Journal, Record},
    core::event,
    settings::{
        Fault, Faults, FileText, LiveSettings, Loaded, Origin, OtherFiles, Override, Settings,
        Snapshot,
    },
    telemetry::Metrics,
};

/// Who did what nobody asked for, in the audit log.
const BY: &str = "signalbox";

/// Where settings are read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file that was named, if one was.
    pub path: Option<PathBuf>,
    /// The environment, as it was at the start.
    pub environment: Vec<(String, String)>,
}

impl Source {
    /// That file, and the environment of this process.
    #[must_use]
    pub fn of(path: Option<PathBuf>) -> Self {
        // What is not UTF-8 is kept as far as it goes, so that it is told as a fault.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self { path, environment: variables.collect() }
    }

    /// Reads it, under what was set at run time.
    ///
    /// # Errors
    /// With every fault of all layers, when there is one.
    pub fn load(&self, overrides: &[Override]) -> Result<Loaded, Faults> {
        self.load_from(&self.read(), overrides, OtherFiles::Read)
    }

    fn read(&self) -> FileText {
        FileText::read(self.path.as_deref())
    }

    fn load_from(
        &self,
        file: &FileText,
        overrides: &[Override],
        others: OtherFiles<'_>,
    ) -> Result<Loaded, Faults> {
        Settings::load_from(file, self.environment.iter().cloned(), overrides, others)
    }
}

/// What a reloader is made with.
pub struct ReloaderOptions<F> {
    /// Where settings are read from.
    pub source: Source,
    /// Those in force, which were loaded from there.
    pub live: Arc<LiveSettings>,
    /// The file they were loaded from, as it was then.
    pub read: FileText,
    /// What is set at run time, as it was restored.
    pub overrides: Vec<Override>,
    /// What follows the settings.
    pub followers: F,
    /// Where overrides and the audit log are kept.
    pub journal: Addr<Journal>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// See the module.
pub struct Reloader {
    source: Source,
    live: Arc<LiveSettings>,
    followers: Box<dyn Followers>,
    journal: Addr<Journal>,
    /// Held while a change is made.
    turn: Mutex<Turn>,
    last: ArcSwapOption<Attempt>,
    /// The generation in force, for those who follow it.
    generation: channel::Sender<u64>,
    /// The overrides are others, and so may be the next that expires.
    overridden: Notify,
    metrics: Arc<Metrics>,
}

/// What the settings in force were made of.
struct Turn {
    file: FileText,
    /// What the files held at the last attempt, whatever became of it.
    seen: Contents,
    /// What is set at run time; also what has expired, until it is cleared.
    overrides: Vec<Override>,
    /// Keys of which something may be stored that is not in force.
    unsure: BTreeSet<String>,
}

impl Turn {
    fn counting_at(&self, now: DateTime<Utc>) -> Vec<Override> {
        self.overrides.iter().filter(|it| it.counts_at(now)).cloned().collect()
    }
}

/// Settings that are good, and what they differ in from those in force.
struct Next {
    loaded: Loaded,
    changed: Vec<&'static str>,
    needs_restart: Vec<&'static str>,
}

impl Reloader {
    /// Changes the settings in force.
    #[must_use]
    pub fn new<F: Followers>(options: ReloaderOptions<F>) -> Self {
        let ReloaderOptions { source, live, read, overrides, followers, journal, metrics } =
            options;
        let now = live.load();
        metrics.settings_generation.set(generation(now.generation));
        metrics.reload_last_success_timestamp_seconds.set(seconds(now.loaded_at));
        Self {
            turn: Mutex::new(Turn {
                seen: at_start(&source, &live, &read),
                file: read,
                overrides,
                unsure: BTreeSet::new(),
            }),
            source,
            live,
            followers: Box::new(followers),
            journal,
            last: ArcSwapOption::empty(),
            generation: channel::Sender::new(now.generation),
            overridden: Notify::new(),
            metrics,
        }
    }

    /// Says when there is another generation.
    #[must_use]
    pub fn follow(&self) -> channel::Receiver<u64> {
        self.generation.subscribe()
    }

    /// The last attempt to load the settings again; nothing before the first.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Attempt>> {
        self.last.load_full()
    }

    /// What is set at run time, in no order; also what has expired and is not cleared yet.
    pub async fn overrides(&self) -> Vec<Override> {
        self.turn.lock().await.overrides.clone()
    }

    /// Makes a change, or changes nothing.
    ///
    /// # Errors
    /// See [`ReloadError`].
    pub async fn apply(&self, change: Change) -> Result<Applied, ReloadError> {
        let mut turn = self.turn.lock().await;
        match change {
            Change::Reload => {
                // First: what is written after this is another attempt's.
                turn.seen = self.contents();
                let file = self.source.read();
                self.reload(&mut turn, file).await
            }
            Change::Override(set) => self.set(&mut turn, set).await,
            Change::Clear { key, by, reason } => {
                self.clear(&mut turn, &key, ("override.cleared", &by, &reason)).await
            }
        }
    }

    /// Loads all layers again, with this file.
    async fn reload(&self, turn: &mut Turn, file: FileText) -> Result<Applied, ReloadError> {
        let at = now();
        let outcome = self.try_reload(turn, file, at).await;
        self.tell(&outcome);
        let attempt = Attempt { at, result: outcome };
        let result = attempt.result.clone();
        self.last.store(Some(Arc::new(attempt)));
        result
    }

    async fn try_reload(
        &self,
        turn: &mut Turn,
        file: FileText,
        at: DateTime<Utc>,
    ) -> Result<Applied, ReloadError> {
        self.was_not_lost(&file)?;
        let next = self.load(&file, &turn.counting_at(at), OtherFiles::Read)?;
        if self.is_in_force(&next) {
            turn.file = file;
            self.followers.try_again().await;
            return Ok(self.unchanged(next));
        }
        let adopt = self.prepare(&next).await?;
        turn.file = file;
        Ok(self.swap(next, adopt, at).await)
    }

    /// A file that is gone, or empty, is rather a mistake, or being written, than the wish to have
    /// nothing but defaults.
    fn was_not_lost(&self, file: &FileText) -> Result<(), Faults> {
        let was_there = self.live.load().file.is_some();
        let message = match &file.text {
            Ok(None) if was_there => {
                "was there, and is gone: the settings stay; to do without it, start again"
            }
            Ok(Some(_)) if was_there && file.is_blank() => {
                "is empty, as if it were not written yet: the settings stay; write a comment to \
                 mean it"
            }
            _ => return Ok(()),
        };
        let origin = Origin::File { path: file.path.clone(), place: None };
        Err(Faults::one(Fault { origin, key: None, message: message.to_owned() }))
    }

    /// Good settings, as they would be in force.
    fn load(
        &self,
        file: &FileText,
        overrides: &[Override],
        others: OtherFiles<'_>,
    ) -> Result<Next, Faults> {
        let mut loaded = self.source.load_from(file, overrides, others)?;
        let running = self.live.load();
        let needs_restart = loaded.settings.keep_running(&running.settings);
        let changed = loaded.settings.differing(&running.settings);
        Ok(Next { loaded, changed, needs_restart })
    }

    fn is_in_force(&self, next: &Next) -> bool {
        let running = self.live.load();
        next.changed.is_empty()
            && next.needs_restart == running.needs_restart
            && next.loaded.origins == running.origins
            && next.loaded.file == running.file
    }

    fn unchanged(&self, next: Next) -> Applied {
        Applied {
            generation: self.live.load().generation,
            outcome: Outcome::Unchanged,
            changed: next.changed,
            needs_restart: next.needs_restart,
        }
    }

    /// Builds all that can fail.
    async fn prepare(&self, next: &Next) -> Result<Adopt, ReloadError> {
        let Loaded { settings, origins, .. } = &next.loaded;
        self.followers.prepare(settings).await.map_err(|Unfit { key, message }| match key {
            None => ReloadError::Unfit(message),
            Some(key) => {
                let origin = origins.get(key).cloned().unwrap_or(Origin::Default);
                Faults::one(Fault { origin, key: Some(key.to_owned()), message }).into()
            }
        })
    }

    /// From here on nothing fails.
    async fn swap(&self, next: Next, adopt: Adopt, at: DateTime<Utc>) -> Applied {
        let Next { loaded, changed, needs_restart } = next;
        let Loaded { settings, origins, file, .. } = loaded;
        let number = self.live.load().generation + 1;
        self.live.store(Snapshot {
            settings,
            generation: number,
            loaded_at: at,
            file,
            origins,
            needs_restart: needs_restart.clone(),
        });
        adopt(self.live.load()).await;
        self.generation.send_replace(number);
        self.metrics.settings_generation.set(generation(number));
        Applied { generation: number, outcome: Outcome::Applied, changed, needs_restart }
    }

    /// An attempt is a log line, a metric, and a line of the audit log when it changed something.
    fn tell(&self, outcome: &Result<Applied, ReloadError>) {
        let name = outcome.as_ref().map_or("refused", |applied| applied.outcome.as_str());
        self.metrics.reload_total.with([name]).increment(1);
        self.metrics.reload_refused.set(if outcome.is_err() { 1.0 } else { 0.0 });
        match outcome {
            Err(error) => {
                tracing::error!("the settings stay as they are; these are refused:\n{error}");
            }
            Ok(Applied { generation, outcome, changed, needs_restart }) => {
                self.metrics.reload_last_success_timestamp_seconds.set(seconds(now()));
                if *outcome == Outcome::Unchanged {
                    tracing::info!(generation, "the settings are read again, and are the same");
                    return;
                }
                tracing::info!(generation, ?changed, "the settings are read again, and in force");
                if !needs_restart.is_empty() {
                    tracing::warn!(?needs_restart, "these settings need a restart");
                }
                self.write_down(outcome.as_str(), *generation, changed, needs_restart);
            }
        }
    }

    /// Nobody waits for it: the settings are in force.
    fn write_down(
        &self,
        outcome: &str,
        generation: u64,
        changed: &[&'static str],
        needs_restart: &[&'static str],
    ) {
        let record = Record {
            actor: BY.into(),
            action: format!("settings.{outcome}").into(),
            subject: self.source.path.as_deref().unwrap_or(Path::new("")).to_string_lossy().into(),
            detail: serde_json::json!({
                "generation": generation, "changed": changed, "needs_restart": needs_restart,
            }),
        };
        record.leave(&self.journal.clone().recipient());
    }
}

fn now() -> DateTime<Utc> {
    event::to_micros(Utc::now())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn generation(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn seconds(at: DateTime<Utc>) -> f64 {
    at.timestamp_millis() as f64 / 1e3
}

#[cfg(test)]
mod tests;
