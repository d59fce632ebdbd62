//! What the validator is told and asked, and what it answers.
//!
//! A probe tells what happens to it in its order, and waits for each answer before it tells the
//! next: `ProbeUp`, then any number of `Receipts` and `ProbeProven`, then `ProbeDown`. A proof comes
//! after everything that was seen before it. A probe that could not tell something is down, and
//! begins anew.

use actix::prelude::*;
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    actors::journal::PublishError,
    core::{
        event::Seq,
        matching::{Alert, Case, Path, PathReport, Seen, Shown},
    },
};

/// A probe is subscribed. Every event after `from` that is delivered on the path from now on
/// reaches it. On the direct path `from` is what `subscribed` says; on the realtime path it is the
/// journal's head after the join was answered. A subscription before it is over.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ProbeUp {
    /// Where.
    pub path: Path,
    /// The last event that it may not get.
    pub from: Seq,
    /// When.
    pub at: Instant,
}

/// A probe's subscription was whole until `at`: the echo came of what was sent then, or later. All
/// that it saw by then is told.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ProbeProven {
    /// Where.
    pub path: Path,
    /// Until when.
    pub at: Instant,
}

/// A probe's subscription is over: a connection that ended, an echo that did not come, a `gap`.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct ProbeDown {
    /// Where.
    pub path: Path,
    /// Until when it was whole, where that is known to be later than the last proof.
    pub proven: Option<Instant>,
    /// Why, for people.
    pub reason: Box<str>,
}

/// A probe saw events, in this order.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct Receipts {
    /// Where.
    pub path: Path,
    /// What was seen, and when.
    pub seen: Vec<(Shown, Instant)>,
}

/// How do the paths compare?
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "ValidationView")]
pub struct GetValidation;

/// What is known of an event, on the direct path and on the realtime one.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "SeenOnPaths")]
pub struct GetSeen(pub Uuid);

/// Nothing more is compared; answered when every verdict is on its way to the journal.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct FinishValidating;

/// Verdicts that wait to be kept are kept now. Answered with how many they were, once they are
/// durable; those that fell meanwhile are not waited for.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<usize, PublishError>")]
pub struct WriteVerdicts;

/// What is remembered of an event.
#[derive(Clone, Debug)]
pub struct SeenOnPaths {
    /// In the order of [`Path::ALL`].
    pub paths: [Option<Seen>; Path::ALL.len()],
    /// The time that the durations in it are counted from.
    pub began: DateTime<Utc>,
}

/// The comparison, as it is.
#[derive(Clone, Debug)]
pub struct ValidationView {
    /// Whether events are compared: validation is on, and so is the realtime path.
    pub is_active: bool,
    /// The time that all durations in it are counted from.
    pub began: DateTime<Utc>,
    /// In the order of [`Path::ALL`].
    pub paths: [PathReport; Path::ALL.len()],
    /// Why the probe of each path was last down, and when.
    pub downs: [Option<(DateTime<Utc>, Box<str>)>; Path::ALL.len()],
    /// What is to be told about.
    pub alerts: Vec<Alert>,
    /// Verdicts that were not kept in storage, because too many came at once or it was away.
    pub not_kept: u64,
}

impl ValidationView {
    /// One of the paths.
    #[must_use]
    pub fn of(&self, path: Path) -> &PathReport {
        let [websocket, realtime] = &self.paths;
        match path {
            Path::Websocket => websocket,
            Path::Realtime => realtime,
        }
    }

    /// The worst cases of both paths, the worst kinds first.
    #[must_use]
    pub fn worst(&self) -> Vec<&Case> {
        let mut worst: Vec<_> = self.paths.iter().flat_map(|path| &path.worst).collect();
        worst.sort_by_key(|case| std::cmp::Reverse((case.verdict.place(), case.decided_at)));
        worst
    }
}
