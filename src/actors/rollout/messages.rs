//! What the rollout's actor is told and asked, and what it answers.

use std::{collections::BTreeMap, sync::Arc};

use actix::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    core::rollout::{
        Command, Gate, Measures, MoveCounts, Reason, Refusal, Report, StepEnd, WorstCase,
    },
    tasks::reloader::ReloadError,
};

/// How the realtime path does now; once a second. Answered when what follows from it is done.
#[derive(Clone, Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Observed {
    /// What counts; whether every event goes there is known here.
    pub measures: Measures,
    /// Verdicts since the start of the process, by name.
    pub verdicts: BTreeMap<String, u64>,
    /// Some events that were not seen as they should be, the worst first.
    pub worst: Vec<WorstCase>,
}

/// Somebody wants something of the rollout.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<RolloutView, OrderError>")]
pub struct Order {
    /// What.
    pub command: Command,
    /// Who.
    pub by: Arc<str>,
    /// Why, if that was said.
    pub reason: Option<String>,
}

/// How is the rollout?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "RolloutView")]
pub struct GetRollout;

/// What has the rollout done?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Report")]
pub struct GetReport;

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It must not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The settings could not be changed.
    #[error("the settings could not be changed: {0}")]
    Settings(#[from] ReloadError),
}

/// The rollout, as it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Rollout)]
pub struct RolloutView {
    /// The generation of the settings.
    pub generation: u64,
    /// The share of clients on the realtime path, in percent.
    pub percent: u8,
    /// When it began.
    #[schema(format = DateTime)]
    pub began: String,
    /// The steps, in percent.
    pub steps: Vec<u8>,
    /// The next step; `null` at the end.
    #[schema(required)]
    pub next: Option<u8>,
    /// The step before; `null` at 0.
    #[schema(required)]
    pub previous: Option<u8>,
    /// It never goes beyond this.
    pub maximum: u8,
    /// Whether it goes on and comes back by itself.
    pub auto: bool,
    /// Why it stays where it is: `done`, `manual`, `paused`, `frozen`, `cool_down`, `gates`, `hold`, or
    /// `unknown` before anything was measured.
    pub waits: &'static str,
    /// Until when, where that is known.
    #[schema(format = DateTime, required)]
    pub until: Option<String>,
    /// The same in a sentence.
    pub detail: String,
    /// What must hold before the next step.
    pub gates: Vec<Gate>,
    /// What brings it back if it stays so.
    pub suspicions: Vec<Reason>,
    /// The latency before anybody moved, in milliseconds; `null` when it is not known.
    #[schema(required)]
    pub baseline_ms: Option<f64>,
    /// Above this p95 it comes back, in milliseconds.
    pub slow_ms: f64,
    /// How often it came back by itself in a row.
    pub fallen: u32,
    /// Clients that were told to move since the percentage began.
    pub moves: MoveCounts,
    /// Clients whose turn to move is yet to come.
    pub waiting: usize,
    /// How the steps before ended, newest first.
    pub history: Vec<Ended>,
}

/// A step that is over.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RolloutHistory)]
pub struct Ended {
    /// The percentage.
    pub percent: u8,
    /// When it began.
    #[schema(format = DateTime)]
    pub began: String,
    /// How it ended.
    pub end: StepEnd,
}
