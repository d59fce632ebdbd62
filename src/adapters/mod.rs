//! Delivery paths, behind one trait: the router's own sessions, a Realtime, or both.
//!
//! An adapter says what it is and how it is. Only the realtime one delivers: by a [`Transport`], of
//! which there are three. The sessions are served by the shards, so their adapter reports what
//! those do, and `dual` is both, side by side: neither delays or fails the other.

pub mod dual;
pub mod factory;
pub mod path;
pub mod realtime;
pub mod rehearsal;
pub mod retry;
pub mod websocket;

use async_trait::async_trait;

pub use self::path::{AdapterKind, MonitoringAdapter, PathCounters, Settled, Tally};
use crate::core::{
    delivery::{Batch, Delivered, DeliveryError},
    event::Position,
};
pub use crate::settings::{Mode, Paths, TransportKind};

/// How a Realtime is reached. One request is under way at a time.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Which of the three it is.
    fn kind(&self) -> TransportKind;

    /// Where it leads, without a secret: for logs and people.
    fn describe(&self) -> String;

    /// Whether the commit to the journal is the delivery already, because the destination is the
    /// journal's own database: nothing is sent then.
    fn is_published(&self) -> bool {
        false
    }

    /// How many of the first events of a batch fit into one request: at least one, when there is
    /// one.
    fn fitting(&self, batch: &Batch) -> usize;

    /// Sends a batch and waits for the answer, at most for `flags.timeout_ms`.
    ///
    /// It may be dropped on its way: the next call must not be hindered by that.
    ///
    /// # Errors
    /// See [`DeliveryError`]. When none is returned, the destination has all of it.
    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError>;

    /// Tells readers there how far the path is, while nothing else is said. Nothing is told where
    /// there is no way to.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    async fn announce(&self, position: Position) -> Result<(), DeliveryError>;

    /// Whether the destination answers and would take something of ours, without sending an event.
    ///
    /// # Errors
    /// Why not.
    async fn health(&self) -> Result<(), DeliveryError>;
}
