//! What a client of a load test hears.

use crate::core::event::Seq;

/// What one message says.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// The subscription has begun.
    Subscribed,
    /// An event of this place.
    Event(Seq),
    /// An event that was said on a topic: it has no place.
    Message,
    /// Something is missing.
    Gap,
    /// The request was refused, for this reason.
    Refused(String),
    /// Nothing that matters here.
    Nothing,
}
