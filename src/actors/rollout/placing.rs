//! Where a client belongs, for whoever asks: the settings in force, what is known of the realtime
//! path, and the slots of those that move.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

use super::knobs::{CannotRoll, audience, circumstances};
use crate::{
    core::rollout::{Assignment, Audience, Circumstances, MoveCounts, Moves, Path, assign},
    settings::Snapshot,
};

/// Most clients that are remembered of those that asked.
const MAX_ASKED: usize = 100_000;
/// How long they are remembered.
const REMEMBERED: Duration = Duration::from_mins(2);

/// Where clients belong. Shared by the handlers and the rollout's actor.
pub struct Placing {
    /// The audience of one generation.
    audience: ArcSwap<(u64, Audience)>,
    up: AtomicBool,
    line: Mutex<Line>,
    began: Instant,
    counted: Counted,
}

/// Who waits for a move, and who asked lately.
struct Line {
    moves: Moves,
    asked: HashMap<Box<str>, Duration>,
}

/// Moves since the start.
#[derive(Default)]
struct Counted {
    told: AtomicU64,
    to_realtime: AtomicU64,
    to_direct: AtomicU64,
}

/// Where a client belongs, and when it may go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where, and why.
    pub assignment: Assignment,
    /// How long it must still wait.
    pub wait: Duration,
    /// Whether it was just given its turn to move.
    pub moves: bool,
}

impl Placing {
    /// By these settings; the realtime path is taken to be up until somebody says otherwise.
    ///
    /// # Errors
    /// When the settings make no rollout.
    pub fn try_new(first: &Snapshot) -> Result<Self, CannotRoll> {
        let moves = Moves::new(pace(first));
        Ok(Self {
            audience: ArcSwap::from_pointee((first.generation, audience(first)?)),
            up: AtomicBool::new(true),
            line: Mutex::new(Line { moves, asked: HashMap::new() }),
            began: Instant::now(),
            counted: Counted::default(),
        })
    }

    /// Says whether the realtime path can be reached.
    pub fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    /// How things are for everybody.
    #[must_use]
    pub fn circumstances(&self, settings: &Snapshot) -> Circumstances {
        circumstances(settings, self.up.load(Ordering::Relaxed))
    }

    /// The audience of these settings.
    #[must_use]
    pub fn audience(&self, settings: &Snapshot) -> Arc<(u64, Audience)> {
        let known = self.audience.load_full();
        if known.0 == settings.generation {
            return known;
        }
        match audience(settings) {
            Ok(audience) => {
                let made = Arc::new((settings.generation, audience));
                self.audience.store(made.clone());
                self.lock().moves.adopt(pace(settings));
                made
            }
            Err(error) => {
                // Settings are tried before they are in force.
                tracing::error!(%error, "clients stay where they belonged before");
                known
            }
        }
    }

    /// Where a client belongs.
    #[must_use]
    pub fn assign(&self, client_id: &str, settings: &Snapshot) -> Assignment {
        let audience = self.audience(settings);
        assign(client_id, &audience.1, self.circumstances(settings))
    }

    /// Where a client belongs that is on a path now, or on none, and when it may go there.
    pub fn place(&self, client_id: &str, on: Option<Path>, settings: &Snapshot) -> Placed {
        let assignment = self.assign(client_id, settings);
        let now = self.now();
        let mut line = self.lock();
        line.remember(client_id, now);
        let to = assignment.path;
        if on.is_none_or(|on| on == to) {
            return Placed { assignment, wait: Duration::ZERO, moves: false };
        }
        let moves = !line.moves.has(client_id, to, now);
        match line.moves.slot(client_id, to, now, fastrand::f64()) {
            Some(slot) => {
                drop(line);
                if moves {
                    self.count(to);
                }
                Placed { assignment, wait: slot.saturating_sub(now), moves }
            }
            None => Placed { assignment, wait: settings.rollout.recheck, moves: false },
        }
    }

    /// Clients that asked lately.
    #[must_use]
    pub fn asked(&self) -> Vec<Box<str>> {
        self.lock().asked.keys().cloned().collect()
    }

    /// Clients whose turn to move is yet to come.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().moves.waiting(self.now())
    }

    /// Moves since the start.
    #[must_use]
    pub fn counts(&self) -> MoveCounts {
        let Counted { told, to_realtime, to_direct } = &self.counted;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        MoveCounts { told: read(told), to_realtime: read(to_realtime), to_direct: read(to_direct) }
    }

    /// So many sessions were told to move.
    pub(super) fn count_told(&self, told: u64) {
        self.counted.told.fetch_add(told, Ordering::Relaxed);
    }

    /// Does something with the slots.
    pub(super) fn with_moves<R>(&self, f: impl FnOnce(&mut Moves, Duration) -> R) -> R {
        let now = self.now();
        f(&mut self.lock().moves, now)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn count(&self, to: Path) {
        let counted = match to {
            Path::Realtime => &self.counted.to_realtime,
            Path::Direct => &self.counted.to_direct,
        };
        counted.fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn remember(&mut self, client_id: &str, now: Duration) {
        if let Some(asked) = self.asked.get_mut(client_id) {
            *asked = now;
            return;
        }
        if self.asked.len() >= MAX_ASKED {
            self.asked.retain(|_, asked| now.saturating_sub(*asked) < REMEMBERED);
        }
        // Those beyond the bound are placed all the same: only previews do not know them.
        if self.asked.len() < MAX_ASKED {
            self.asked.insert(client_id.into(), now);
        }
    }
}

fn pace(settings: &Snapshot) -> NonZeroU32 {
    NonZeroU32::new(settings.rollout.pace).unwrap_or(NonZeroU32::MIN)
}
