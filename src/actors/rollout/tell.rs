//! Telling the sessions of the direct path, and showing the rollout to people.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use chrono::Utc;

use super::{Conductor, Ended, Placing, RolloutOptions, RolloutView, realtime_url};
use crate::{
    actors::{
        broadcaster::Broadcaster,
        shard::{EndSome, GetPresent, PresentRow, TellSwitches},
    },
    core::{
        event::rfc3339,
        millis,
        protocol::{CloseReason, Switch},
        rollout::{Callers, Look, Path, Pause, Present, Summons, Wait, all_leave, assign},
    },
    settings::{LiveSettings, Snapshot},
    telemetry::Metrics,
};

/// Tells sessions to move.
pub(super) struct Teller {
    live: Arc<LiveSettings>,
    placing: Arc<Placing>,
    broadcaster: Addr<Broadcaster>,
    metrics: Arc<Metrics>,
}

impl Teller {
    pub(super) fn new(options: &RolloutOptions) -> Self {
        Self {
            live: options.live.clone(),
            placing: options.placing.clone(),
            broadcaster: options.broadcaster.clone(),
            metrics: options.metrics.clone(),
        }
    }

    /// Who is on the direct path, as far as it may be told something.
    pub(super) async fn present(&self) -> Option<Vec<PresentRow>> {
        let settings = self.live.load();
        let all = self.everybody_leaves(&settings);
        if !all && !self.somebody_belongs_elsewhere(&settings) {
            return Some(Vec::new());
        }
        // Nothing is told while the broadcaster is gone: the watchdog deals with it.
        self.broadcaster.send(GetPresent { all }).await.ok()
    }

    /// Tells those whose turn it is, and ends those that did not go in time.
    pub(super) fn tell(self, present: &[PresentRow], callers: &mut Callers) {
        let settings = self.live.load();
        let sessions = present.iter().map(|row| Present {
            id: row.id,
            client_id: row.client_id.as_deref(),
            movable: row.movable,
        });
        // Looked up before the slots are held: both have one lock.
        let (audience, now) =
            (self.placing.audience(&settings), self.placing.circumstances(&settings));
        let assign = |client: &str| assign(client, &audience.1, now);
        let all_leave = self.everybody_leaves(&settings);
        let called = self.placing.with_moves(|moves, now| {
            let look = Look {
                generation: settings.generation,
                stay: settings.rollout.grace,
                assign: &assign,
                all_leave,
                now,
            };
            callers.look(sessions, &look, moves, fastrand::f64)
        });
        if !called.overdue.is_empty() {
            let sessions = Arc::new(called.overdue);
            let end = self.broadcaster.send(EndSome { sessions, reason: CloseReason::PathEnded });
            actix_rt::spawn(async move {
                match end.await {
                    Ok(count) => tracing::info!(count, "sessions ended that did not move in time"),
                    Err(error) => tracing::debug!(%error, "the broadcaster is gone"),
                }
            });
        }
        if !called.summons.is_empty() {
            let switches = called.summons.into_iter().map(|it| (it.id, switch(it, &settings)));
            let switches = TellSwitches(Arc::new(switches.collect()));
            actix_rt::spawn(async move {
                match self.broadcaster.send(switches).await {
                    Ok(told) => self.told(told),
                    Err(error) => tracing::debug!(%error, "the broadcaster is gone"),
                }
            });
        }
    }

    fn told(&self, told: usize) {
        let told = u64::try_from(told).unwrap_or(u64::MAX);
        self.placing.count_told(told);
        self.metrics.rollout_moves_total.with(["told"]).increment(told);
        tracing::debug!(told, "sessions were told to move");
    }

    fn everybody_leaves(&self, settings: &Snapshot) -> bool {
        // The same whoever the client is.
        all_leave(&self.placing.assign("", settings))
    }

    /// Whether any client may belong to the realtime path.
    fn somebody_belongs_elsewhere(&self, settings: &Snapshot) -> bool {
        let now = self.placing.circumstances(settings);
        let rollout = &settings.rollout;
        let any = rollout.percent > 0 || !rollout.allow.is_empty() || !rollout.segments.is_empty();
        now.forced != Some(Path::Direct) && now.on && now.covered && now.up && any
    }
}

fn switch(Summons { assignment, wait, .. }: Summons, settings: &Snapshot) -> Switch {
    Switch {
        to: assignment.path.name(),
        url: realtime_url(settings),
        topic: settings.realtime.topic.to_string(),
        reason: assignment.detail(),
        not_before_ms: millis::whole(wait),
    }
}

impl Conductor {
    /// The rollout, as it is.
    pub(super) fn view(&self) -> RolloutView {
        let plan = self.rollout.plan();
        let percent = self.rollout.percent();
        let (waits, until, detail) = self.wait_in_words();
        let history = self.steps.iter().rev().filter_map(|step| {
            let (percent, began) = (step.percent, rfc3339(step.began));
            Some(Ended { percent, began, end: step.end.clone()? })
        });
        RolloutView {
            generation: self.generation,
            percent,
            began: rfc3339(self.step.began),
            steps: plan.steps.all().to_vec(),
            next: plan.next(percent),
            previous: plan.steps.before(percent),
            maximum: plan.maximum,
            auto: plan.advances,
            waits,
            until: until.map(|until| {
                let left = until.saturating_sub(self.began.elapsed());
                rfc3339(Utc::now() + left)
            }),
            detail,
            gates: self.rollout.gates().to_vec(),
            suspicions: self.rollout.suspicions().cloned().collect(),
            baseline_ms: self.rollout.baseline().map(millis::exact),
            slow_ms: millis::exact(self.rollout.slow()),
            fallen: self.rollout.fallen(),
            moves: self.moves(),
            waiting: self.options.placing.waiting(),
            history: history.collect(),
        }
    }

    fn wait_in_words(&self) -> (&'static str, Option<Duration>, String) {
        // What somebody did since the last look counts at once.
        let paused = self.rollout.paused().map(Wait::Paused);
        let wait = match (&self.wait, &paused) {
            (Some(Wait::Paused(_)), None) => None,
            (Some(Wait::Done), _) => self.wait.as_ref(),
            (_, Some(_)) => paused.as_ref(),
            (wait, None) => wait.as_ref(),
        };
        let words = |words: &str| words.to_owned();
        match wait {
            None => ("unknown", None, words("Nothing was looked at yet since it is here.")),
            Some(Wait::Done) => ("done", None, words("It is as far as it goes.")),
            Some(Wait::Manual) => {
                ("manual", None, words("It does not move by itself: rollout.auto is off."))
            }
            Some(Wait::Paused(Pause::Somebody)) => {
                ("paused", None, words("Somebody paused it; it goes on when somebody resumes it."))
            }
            Some(Wait::Paused(Pause::Frozen)) => {
                let fallen = self.rollout.fallen();
                let detail =
                    format!("It came back {fallen} times in a row: somebody must resume it.");
                ("frozen", None, detail)
            }
            Some(Wait::CoolDown { until }) => {
                ("cool_down", Some(*until), words("It came back a short time ago."))
            }
            Some(Wait::Gates(closed)) => {
                let closed: Vec<_> = closed.iter().map(|gate| &*gate.detail).collect();
                ("gates", None, format!("It waits: {}.", closed.join("; ")))
            }
            Some(Wait::Hold { until }) => {
                ("hold", Some(*until), words("All gates hold; they must for the whole hold time."))
            }
        }
    }
}
