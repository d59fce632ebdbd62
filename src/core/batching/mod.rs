//! How many waiting events go together, and whether to wait for more.
//!
//! The journal's group commit ([`BatchPolicy`]) and the adapters' batchers ([`PathPolicy`], which
//! adds the ceilings of a [`Class`]) share one law. It decides; the actor that owns it takes events,
//! waits and sends. It knows no clock: what was seen comes in as an [`Outcome`], and times as what
//! has passed since some start.
//!
//! **Size.** A late answer alone says nothing: where the network is slow, small batches make
//! everything worse. So the policy asks what an event *costs*: its share of its batch's latency.
//!
//! 1. It starts with the largest batches: nothing speaks against them yet.
//! 2. Now and then a full queue is used to try the next larger size, or the next smaller one. The
//!    larger one is kept unless events cost more there; where its answer is later than
//!    `target_latency`, it must save at least half of what it saves where a request takes as long
//!    whatever is in it. The smaller one is kept when events cost a tenth less; where answers are
//!    later than `target_latency`, also when they cost no more.
//! 3. A trial that does not pay is repeated after 8, then 16, 32 and 64 times of what it took. So
//!    trials take a small part of the time, however dear one is.
//! 4. Larger means twice as many up to a half of the size at which trouble began, `step` more above
//!    that; and half way to a size that was too much, until that is near.
//! 5. One failure is chance, and changes nothing. Two in a row, or eight refusals for rate, shrink
//!    the size, and so does each further failure. What fails with the smallest batch, too, does not
//!    fail for its size: then good answers bring the size back even while little is waiting.
//! 6. When three answers in a row cost half or twice of what is usual, the destination is another
//!    one: what trials said is forgotten, and the size stays.
//! 7. While requests are rationed (see linger), the larger size is kept, whatever it costs.
//!
//! **Linger** is zero until the destination asks for fewer requests: so an idle queue sends its
//! one event at once, and a busy one fills by itself while the request before is under way. Each
//! refusal for rate doubles it (from a sixteenth of the most), each good answer takes a sixteenth
//! back. A queue that fills the batch never waits.
//!
//! | knob | range | raising it |
//! |---|---|---|
//! | `min` | 1 to `max` | keeps batches larger while the destination suffers |
//! | `max` | `min` to 100,000 | more throughput, more memory and more to repeat after a failure; policy starts here |
//! | `step` | 1 to `max` | is back at the best size sooner after trouble, and passes it by further |
//! | `shrink_percent` | 1 to 99 | what is left of the size: gives way less at each bad answer |
//! | `target_latency` | above 0 | larger batches where they gain little, each event waits longer for its answer |
//! | `max_linger` | 0 to 10 s | fewer requests where these are rationed, at the price of delay |

mod class;
#[cfg(test)]
mod comparison;
mod limits;
mod path;
mod policy;
#[cfg(test)]
mod simulation;

use std::time::Duration;

pub use class::{Ceiling, Class, Frequency};
pub use limits::{BadLimits, Limits, MAX_BATCH, MAX_LINGER, adaptive};
pub use path::PathPolicy;
pub use policy::BatchPolicy;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Take at most this many events.
    pub size: usize,
    /// When fewer are there, wait at most this long for them; zero: take what is there now.
    pub linger: Duration,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Events in it.
    pub size: usize,
    /// From sending it to its answer, without waits before it may be sent again.
    pub latency: Duration,
    /// The answer.
    pub result: BatchResult,
}

/// How a destination answered a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchResult {
    /// It took the batch.
    Ok,
    /// It did not, or gave no answer.
    Failed,
    /// It asked for fewer requests.
    Throttled,
}
