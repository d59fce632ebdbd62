//! What is set at run time: stored before it is in force, and cleared when its time is up.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Applied, BY, ReloadError, Reloader, Source, Turn, now};
use crate::{
    actors::journal::{PublishError, SetOverride},
    core::event::rfc3339,
    settings::{Loaded, Origins, OtherFiles, Override, Settings},
    storage::{NewAudit, StoredOverride},
};

/// The longest that is slept before the clock is looked at again, which somebody may set.
const LOOK: Duration = Duration::from_secs(30);
/// How long after an override could not be cleared it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The settings with what is stored as set at run time, as far as that is good: `first`, which were
/// loaded without, when none of it is. Whatever is not good is kept, told, and does not count.
#[must_use]
pub fn restore(
    source: &Source,
    stored: Vec<StoredOverride>,
    first: Loaded,
) -> (Loaded, Vec<Override>) {
    let all: Vec<_> = stored.into_iter().map(Override::from).collect();
    let at = now();
    let mut counting: Vec<_> = all.iter().filter(|it| it.counts_at(at)).cloned().collect();
    while !counting.is_empty() {
        match source.load_from(&first.read, &counting, OtherFiles::As(&first.settings)) {
            Ok(loaded) => return (loaded, all),
            Err(faults) => {
                tracing::error!("what was set at run time does not fit the settings:\n{faults}");
                let keys: Vec<_> = faults.list().iter().filter_map(|it| it.key.clone()).collect();
                let before = counting.len();
                counting.retain(|it| !keys.contains(&it.key));
                if counting.len() == before {
                    break;
                }
            }
        }
    }
    (first, all)
}

impl From<StoredOverride> for Override {
    fn from(stored: StoredOverride) -> Self {
        let StoredOverride { key, value, set_by, set_at, expires_at } = stored;
        let (by, reason) = (set_by.into(), "".into());
        Self { key, value, by, at: set_at, until: expires_at, reason }
    }
}

impl From<&Override> for StoredOverride {
    fn from(set: &Override) -> Self {
        Self {
            key: set.key.clone(),
            value: set.value.clone(),
            set_by: set.by.to_string(),
            set_at: set.at,
            expires_at: set.until,
        }
    }
}

/// What was done, by whom, and why.
type Deed<'a> = (&'static str, &'a str, &'a str);

impl Reloader {
    pub(super) async fn set(&self, turn: &mut Turn, set: Override) -> Result<Applied, ReloadError> {
        let (key, by, reason) = (set.key.clone(), set.by.clone(), set.reason.clone());
        let mut overrides = turn.overrides.clone();
        overrides.retain(|it| it.key != key);
        overrides.push(set);
        self.change(turn, overrides, &key, ("override.set", &by, &reason)).await
    }

    pub(super) async fn clear(
        &self,
        turn: &mut Turn,
        key: &str,
        deed: Deed<'_>,
    ) -> Result<Applied, ReloadError> {
        let mut overrides = turn.overrides.clone();
        overrides.retain(|it| it.key != key);
        if overrides.len() == turn.overrides.len() {
            return Err(ReloadError::NotSet(key.to_owned()));
        }
        self.change(turn, overrides, key, deed).await
    }

    async fn change(
        &self,
        turn: &mut Turn,
        overrides: Vec<Override>,
        key: &str,
        deed: Deed<'_>,
    ) -> Result<Applied, ReloadError> {
        let (file, seen, mut unsure) = (turn.file.clone(), turn.seen.clone(), turn.unsure.clone());
        unsure.remove(key);
        let next = Turn { file, seen, overrides, unsure };
        let changed = self.try_change(&next, key, deed).await;
        let outcome = deed.0.trim_start_matches("override.");
        let outcome = if changed.is_ok() { outcome } else { "refused" };
        self.metrics.override_changes_total.with([outcome]).increment(1);
        match &changed {
            Ok(Applied { generation, .. }) => {
                *turn = next;
                self.overridden.notify_one();
                tracing::info!(generation, key, by = deed.1, reason = deed.2, "{}", deed.0);
            }
            Err(error) => {
                tracing::warn!(%error, key, by = deed.1, "{} is refused", deed.0);
                if *error == ReloadError::Storage(PublishError::Unknown) {
                    turn.unsure.insert(key.to_owned());
                    self.overridden.notify_one();
                }
            }
        }
        changed
    }

    async fn try_change(
        &self,
        turn: &Turn,
        key: &str,
        deed: Deed<'_>,
    ) -> Result<Applied, ReloadError> {
        let at = now();
        let running = self.live.load();
        let others = OtherFiles::As(&running.settings);
        let next = self.load(&turn.file, &turn.counting_at(at), others)?;
        let adopt = self.prepare(&next).await?;
        let set = turn.overrides.iter().find(|it| it.key == key);
        let in_force = self.is_in_force(&next);
        let detail = json!({
            "before": told(&running, key),
            "after": told(&next.loaded.settings, key),
            "until": set.and_then(|set| set.until).map(rfc3339),
            "reason": deed.2,
            "generation": running.generation + u64::from(!in_force),
        });
        self.store(key, set, (deed, detail), at).await?;
        if in_force {
            return Ok(self.unchanged(next));
        }
        Ok(self.swap(next, adopt, at).await)
    }

    async fn store(
        &self,
        key: &str,
        set: Option<&Override>,
        ((action, by, _), detail): (Deed<'_>, Value),
        at: DateTime<Utc>,
    ) -> Result<(), ReloadError> {
        let entry = NewAudit {
            at,
            actor: by.into(),
            action: action.into(),
            subject: format!("setting:{key}").into(),
            detail,
        };
        let message = SetOverride { key: key.into(), set: set.map(Into::into), entry };
        let within = self.live.load().journal.answer_timeout;
        match tokio::time::timeout(within, self.journal.send(message)).await {
            Ok(Ok(stored)) => stored.map_err(ReloadError::Storage),
            Ok(Err(_)) => Err(ReloadError::Storage(PublishError::Unavailable)),
            Err(_) => Err(ReloadError::Storage(PublishError::Unknown)),
        }
    }

    /// Clears what has expired, and takes back what may be stored and is not in force, for as long
    /// as the process lives.
    pub async fn expire(self: Arc<Self>) {
        loop {
            let pause = if self.take_back().await { self.clear_expired().await } else { AGAIN };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.overridden.notified() => {}
            }
        }
    }

    /// Clears the one that expired first, if one has; how long to wait then.
    async fn clear_expired(&self) -> Duration {
        match self.next_expiry().await {
            Some((key, left)) if left.is_zero() => {
                let mut turn = self.turn.lock().await;
                let deed = ("override.expired", BY, "its time is up");
                match self.clear(&mut turn, &key, deed).await {
                    Ok(_) | Err(ReloadError::NotSet(_)) => Duration::ZERO,
                    Err(_) => AGAIN,
                }
            }
            Some((_, left)) => left.min(LOOK),
            None => LOOK,
        }
    }

    /// Whoever set it was told that it is not in force, so that is what is stored too; whether
    /// nothing of that kind is left.
    async fn take_back(&self) -> bool {
        let mut turn = self.turn.lock().await;
        while let Some(key) = turn.unsure.first().cloned() {
            let running = self.live.load();
            let set = turn.overrides.iter().find(|it| it.key == key);
            let reason = "it was not known to be stored, and is not in force";
            let detail = json!({
                "value": told(&running, &key), "reason": reason, "generation": running.generation,
            });
            let deed = ("override.taken_back", BY, reason);
            if let Err(error) = self.store(&key, set, (deed, detail), now()).await {
                tracing::debug!(%error, key, "what may be stored is not taken back yet");
                return false;
            }
            turn.unsure.remove(&key);
            tracing::info!(key, reason, "{}", deed.0);
        }
        true
    }

    /// The override that expires first, and in how long.
    async fn next_expiry(&self) -> Option<(String, Duration)> {
        let turn = self.turn.lock().await;
        let expiring = turn.overrides.iter().filter_map(|it| Some((it.until?, &it.key)));
        let (until, key) = expiring.min()?;
        Some((key.clone(), (until - Utc::now()).to_std().unwrap_or_default()))
    }
}

/// A value as it is written, for the audit log.
fn told(settings: &Settings, key: &str) -> Value {
    let origins = Origins::new();
    let rows = settings.effective(&origins);
    rows.into_iter().find(|row| row.key.path == key).map(|row| row.value).unwrap_or_default()
}
