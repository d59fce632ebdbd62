//! A channel on its topic. When it is dropped, the channel is no longer there, and not present.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;

use super::{Shared, State, Topics, message};
use crate::core::{
    event::{Position, Seq},
    realtime::{
        join::{Replay, Topic},
        phoenix::Broadcast,
        presence::Diff,
        topic::{Body, Origin, TopicTail},
    },
};

/// Who is present is more than all may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Track message size exceeded")]
pub struct TooMuch;

/// A channel.
pub struct Member {
    topics: Arc<Topics>,
    topic: Topic,
    shared: Arc<Shared>,
    origin: Origin,
}

/// A topic at one moment.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The place of what is said next.
    pub next: Seq,
    /// The newest event of the journal that was said.
    pub published: Option<Position>,
    /// The first and the last of the broadcasts that are asked for again.
    pub past: Option<(Seq, Seq)>,
}

impl Member {
    pub(super) fn new(
        topics: Arc<Topics>,
        topic: Topic,
        shared: Arc<Shared>,
        origin: Origin,
    ) -> Self {
        topics.options.metrics.realtime_channels.increment(1);
        Self { topics, topic, shared, origin }
    }

    /// What the channel sends is known by this.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What is said here.
    #[must_use]
    pub fn tail(&self) -> &Arc<TopicTail> {
        &self.shared.tail
    }

    /// Who is present now: the payload of a `presence_state`.
    #[must_use]
    pub fn present(&self) -> Bytes {
        self.shared.state().presence.state()
    }

    /// The topic as it is now, and who is present then, where that is asked for.
    #[must_use]
    pub fn standing(&self, replay: Option<Replay>, presence: bool) -> (Standing, Bytes) {
        let state = self.shared.state();
        let present = if presence { state.presence.state() } else { Bytes::new() };
        let tail = &self.shared.tail;
        let newest = |replay: Replay| tail.newest(replay.since, replay.limit.into());
        let standing = Standing {
            next: tail.load().next(),
            published: state.published,
            past: replay.and_then(newest),
        };
        (standing, present)
    }

    /// Says something to all.
    pub fn publish(&self, broadcast: Broadcast) {
        self.topics.say(&self.topic, &self.shared, Some(self.origin), broadcast);
    }

    /// The channel is present, under this key as this.
    ///
    /// # Errors
    /// When all who are present would be too much to be told of.
    pub fn track(&self, key: &str, payload: &str) -> Result<(), TooMuch> {
        let mut state = self.shared.state();
        let (before, bytes) = (state.presence.len(), state.presence.bytes());
        let after = state.presence.bytes_with(&self.origin, key, payload);
        let settings = &self.topics.options.settings;
        let everywhere = self.topics.present_bytes.load(Ordering::Relaxed) + after - bytes;
        if after > settings.presence_bytes || everywhere > settings.total_bytes {
            return Err(TooMuch);
        }
        let reference = format!("{:016x}", fastrand::u64(..));
        let diff = state.presence.track(self.origin, key, payload, &reference);
        if state.presence.len() > before {
            self.topics.options.metrics.realtime_present.increment(1);
        }
        self.topics.note_present(bytes, state.presence.bytes());
        self.tell(diff.as_ref(), &state);
        Ok(())
    }

    /// The channel is not present.
    pub fn untrack(&self) {
        let mut state = self.shared.state();
        let bytes = state.presence.bytes();
        let diff = state.presence.untrack(&self.origin);
        self.topics.note_present(bytes, state.presence.bytes());
        if diff.is_some() {
            self.topics.options.metrics.realtime_present.decrement(1);
        }
        self.tell(diff.as_ref(), &state);
    }

    fn tell(&self, diff: Option<&Diff>, state: &State) {
        for payload in diff.into_iter().flat_map(Diff::payloads) {
            let message = message(Some(self.origin), None, Body::Presence(payload));
            self.topics.append(&self.shared, state, message);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.untrack();
        self.topics.leave(&self.topic, &self.shared);
        self.topics.options.metrics.realtime_channels.decrement(1);
    }
}
