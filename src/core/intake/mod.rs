//! Bytes from a producer to [`Draft`]s, or everything that is wrong with them.
//!
//! A body is one JSON event, an array of events, NDJSON, or CloudEvents in one of their three modes.
//! Each event is looked at by itself, so that the good ones of a [`Batch`] can be told from the
//! others; [`parse_json`] and [`parse_ndjson`] take all or nothing. What a producer wrote is kept as
//! it wrote it, but for the white space between tokens: nothing is repaired.
//!
//! An event that was read from the router can be posted again: `seq`, `epoch`, `checksum` and
//! `created_at` are the router's to set, and ignored. Any other unknown field is a fault.
//!
//! Pure: the time of receipt and new ids are arguments.

mod body;
mod cloudevents;
mod event;
mod faults;
mod rules;
#[cfg(test)]
mod tests;
mod unpack;

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use body::Shape;
pub use cloudevents::{Attribute, NAMESPACE};
pub use faults::{Fault, Faults, MAX_FAULTS};
pub use rules::Rule;
pub use unpack::{Caps, Encoding, UnpackError, unpack};

use super::{event::Draft, flags::Routing, stats::Tally, traceparent::Traceparent};

/// What holds for all events of a request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// When the request came, truncated to the microsecond: the time of events without one.
    pub received: DateTime<Utc>,
    /// How much is taken.
    pub limits: Limits,
    /// Makes checksums HMACs when set.
    pub secret: Option<&'a [u8]>,
    /// Decides the mode of each event, for its metadata.
    pub routing: &'a Routing,
    /// Where in a trace the request was made: kept in the metadata of each event that says nothing
    /// of its own about it.
    pub traceparent: Option<Traceparent>,
}

/// How much one request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most events in a request.
    pub batch_events: usize,
    /// Most bytes of one event's JSON as it was sent.
    pub event_bytes: usize,
}

/// The events of a body, each for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// In the order of the body; faults point into the body.
    pub events: Vec<Result<Draft, Faults>>,
    /// Whether the body was a list, if only of one.
    pub many: bool,
}

/// The events of a body that are taken, and those that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of the body; never empty.
    pub drafts: Vec<Draft>,
    /// The others, in the order of the body.
    pub rejected: Vec<Rejected>,
    /// Whether the body was a list, if only of one.
    pub many: bool,
}

/// An event that is left out, so that the others of its list can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which of the list it is, from 0.
    pub index: usize,
    /// Why; of all that are rejected together, at most [`MAX_FAULTS`] are listed.
    pub faults: Faults,
}

impl Batch {
    /// All events, or the faults of all events.
    ///
    /// # Errors
    /// When any event has a fault.
    pub fn all_or_nothing(self) -> Result<Parsed, Faults> {
        let parsed = self.valid_only()?;
        if parsed.rejected.is_empty() { Ok(parsed) } else { Err(together(parsed.rejected)) }
    }

    /// What was found, by event type: a tally for each run of events of one type (nothing where it
    /// cannot be read), which share the time that all `took` evenly.
    #[must_use]
    pub fn tallies(&self, took: Duration) -> Vec<(Option<&str>, Tally)> {
        let each = took / u32::try_from(self.events.len()).unwrap_or(u32::MAX).max(1);
        let mut tallies: Vec<(Option<&str>, Tally)> = Vec::new();
        for event in &self.events {
            let (event_type, found) = match event {
                Ok(draft) => (Some(&*draft.event_type), Tally::passed(each)),
                Err(faults) => {
                    (faults.event_type.as_deref(), Tally::failed(each, faults.count() as u64))
                }
            };
            match tallies.last_mut().filter(|(last, _)| *last == event_type) {
                Some((_, tally)) => *tally += found,
                None => tallies.push((event_type, found)),
            }
        }
        tallies
    }

    /// The events without a fault, and the others as rejected.
    ///
    /// # Errors
    /// When no event is without a fault: the faults of all of them.
    pub fn valid_only(self) -> Result<Parsed, Faults> {
        let mut drafts = Vec::with_capacity(self.events.len());
        let mut rejected = Vec::new();
        let mut room = MAX_FAULTS;
        for (index, event) in self.events.into_iter().enumerate() {
            match event {
                Ok(draft) => drafts.push(draft),
                Err(mut faults) => {
                    faults.shorten(room);
                    room -= faults.list.len();
                    rejected.push(Rejected { index, faults });
                }
            }
        }
        if drafts.is_empty() {
            return Err(together(rejected));
        }
        Ok(Parsed { drafts, rejected, many: self.many })
    }
}

fn together(rejected: Vec<Rejected>) -> Faults {
    let mut faults = Faults::default();
    for event in rejected {
        faults.append(event.faults);
    }
    faults
}

/// Reads one event or an array of events; `new_id` makes the ids of those that bring none, and is
/// told which of the list it is for.
///
/// # Errors
/// When the body as a whole cannot be read: not UTF-8, not JSON, empty, or too many events.
pub fn read_json(
    body: &[u8],
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut(usize) -> Uuid,
) -> Result<Batch, Faults> {
    let mut index = 0..;
    body::json(body, Shape::Either, ctx.limits.batch_events, |json, first_line| {
        let at = index.next().unwrap_or_default();
        event::draft(json, first_line, ctx, &mut || new_id(at))
    })
}

/// Reads one event a line, skipping empty lines; `new_id` makes the ids of those that bring none,
/// and is told which event it is for.
///
/// # Errors
/// When the body as a whole cannot be read: empty, or too many events.
pub fn read_ndjson(
    body: &[u8],
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut(usize) -> Uuid,
) -> Result<Batch, Faults> {
    body::ndjson(body, ctx, new_id)
}

/// Reads one CloudEvent in structured mode.
///
/// # Errors
/// When the body as a whole cannot be read: not UTF-8, or empty.
pub fn read_cloudevent(body: &[u8], ctx: &Context<'_>) -> Result<Batch, Faults> {
    body::json(body, Shape::One, 1, |json, first_line| cloudevents::draft(json, first_line, ctx))
}

/// Reads a batch of CloudEvents: an array of them.
///
/// # Errors
/// When the body as a whole cannot be read: not UTF-8, no JSON array, empty, or too many events.
pub fn read_cloudevents(body: &[u8], ctx: &Context<'_>) -> Result<Batch, Faults> {
    let most = ctx.limits.batch_events;
    body::json(body, Shape::List, most, |json, first_line| {
        cloudevents::draft(json, first_line, ctx)
    })
}

/// Reads one CloudEvent in binary mode: attributes from headers, and a body that is its data. Faults
/// point into the same event as it would be in structured mode.
///
/// # Errors
/// When the body as a whole cannot be read: not UTF-8, or not JSON.
pub fn read_binary_cloudevent(
    attributes: &[Attribute],
    body: &[u8],
    ctx: &Context<'_>,
) -> Result<Batch, Faults> {
    let event = cloudevents::structured(attributes, body)?;
    Ok(Batch { events: vec![cloudevents::draft(&event, None, ctx)], many: false })
}

/// [`read_json`], all or nothing.
///
/// # Errors
/// When anything is wrong with the body or any of its events.
pub fn parse_json(
    body: &[u8],
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut(usize) -> Uuid,
) -> Result<Parsed, Faults> {
    read_json(body, ctx, new_id)?.all_or_nothing()
}

/// [`read_ndjson`], all or nothing.
///
/// # Errors
/// When anything is wrong with the body or any of its events.
pub fn parse_ndjson(
    body: &[u8],
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut(usize) -> Uuid,
) -> Result<Parsed, Faults> {
    read_ndjson(body, ctx, new_id)?.all_or_nothing()
}
