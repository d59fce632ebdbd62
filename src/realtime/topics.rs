//! All topics of the process: who listens to them, who is present, and what was said.
//!
//! What is said is put into the topic's tail, and the shards are woken as by the journal: they read
//! it for their sessions. A public topic is there as long as it has a channel; a private one is kept
//! for a while longer, because its messages may be asked for again. Everything is bounded, and what
//! is forgotten before its time is counted.

mod member;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::sync::watch;

pub use self::member::{Member, Standing, TooMuch};
use crate::{
    core::{
        event::Position,
        realtime::{
            join::Topic,
            limits::Allowance,
            phoenix::Broadcast,
            presence::Presence,
            replay,
            topic::{Body, Message, Origin, TopicTail},
        },
        tail::{SharedTail, TailLimits},
    },
    settings::RealtimeSettings,
    telemetry::Metrics,
};

/// There are as many topics as may be, and somebody listens to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TopicLimitReached: Too many topics")]
pub struct TooManyTopics;

/// What all topics are made with.
pub struct TopicOptions {
    /// Their bounds.
    pub settings: RealtimeSettings,
    /// The journal: some topics tell of its events.
    pub journal: Arc<SharedTail>,
    /// Wakes the shards.
    pub advanced: watch::Sender<()>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// All topics.
pub struct Topics {
    options: TopicOptions,
    /// The router delivers events here, on `realtime.topic`.
    is_destination: AtomicBool,
    began: Instant,
    /// What may still be said over HTTP.
    http: Mutex<Allowance>,
    origins: AtomicU64,
    /// Bytes of all who are present anywhere.
    present_bytes: AtomicUsize,
    open: Mutex<HashMap<Topic, Open>>,
}

/// A topic, and who holds it.
struct Open {
    shared: Arc<Shared>,
    members: usize,
    /// When it was last of use, if it has none.
    idle: Option<Instant>,
}

/// What all who use a topic share.
struct Shared {
    tail: Arc<TopicTail>,
    /// Held while something is said: so messages have an order, and who joins is told of everybody
    /// who came before, and of nobody twice.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    presence: Presence<Origin>,
    /// The newest event of the journal that was said here.
    published: Option<Position>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topics {
    /// No topics yet.
    #[must_use]
    pub fn new(options: TopicOptions) -> Self {
        let http = Allowance::new(options.settings.http_events_per_second, Duration::ZERO);
        Self {
            options,
            is_destination: AtomicBool::new(false),
            began: Instant::now(),
            http: Mutex::new(http),
            origins: AtomicU64::new(0),
            present_bytes: AtomicUsize::new(0),
            open: Mutex::default(),
        }
    }

    /// One more channel of a topic.
    ///
    /// # Errors
    /// When it is new, and there are as many as may be.
    pub fn enter(self: &Arc<Self>, topic: &Topic) -> Result<Member, TooManyTopics> {
        let shared = self.hold(topic, |open| {
            open.members += 1;
            open.idle = None;
        })?;
        let origin = self.origins.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Member::new(self.clone(), topic.clone(), shared, origin))
    }

    /// Whether so much more may be said over HTTP; and how much was, a second.
    pub fn admit(&self, broadcasts: usize) -> (bool, f64) {
        let mut http = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        let amount = u32::try_from(broadcasts).unwrap_or(u32::MAX);
        let admitted = http.take_all(amount, self.began.elapsed());
        (admitted, http.rolling())
    }

    /// Says something that comes from no channel. Where nobody listens, and nobody can ask for it
    /// later, it is heard by nobody.
    ///
    /// # Errors
    /// When it cannot be kept for those who may ask.
    pub fn publish(&self, topic: &Topic, broadcast: Broadcast) -> Result<(), TooManyTopics> {
        let shared = if self.is_kept(topic) {
            // Somebody still speaks here.
            Some(self.hold(topic, |open| open.idle = open.idle.map(|_| Instant::now()))?)
        } else {
            self.open().get(topic).map(|open| open.shared.clone())
        };
        if let Some(shared) = shared {
            self.say(topic, &shared, None, broadcast);
        }
        Ok(())
    }

    /// Whether a topic is of use without a channel: as a place of events, or to be replayed.
    fn is_kept(&self, topic: &Topic) -> bool {
        topic.private || self.tells_events(topic)
    }

    /// Whether the router delivers events here, on `realtime.topic`.
    pub fn deliver_here(&self, is_destination: bool) {
        self.is_destination.store(is_destination, Ordering::Relaxed);
    }

    /// The name under which only the router may speak: who listens takes what is said there for its
    /// events.
    #[must_use]
    pub fn reserved(&self) -> Option<&str> {
        let is_destination = self.is_destination.load(Ordering::Relaxed);
        is_destination.then(|| self.options.settings.topic.as_str())
    }

    /// Whether events are broadcast on a topic.
    #[must_use]
    pub fn tells_events(&self, topic: &Topic) -> bool {
        *topic.name == *self.options.settings.topic.as_str()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Topic, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic, made when it is not there.
    fn hold(
        &self,
        topic: &Topic,
        note: impl FnOnce(&mut Open),
    ) -> Result<Arc<Shared>, TooManyTopics> {
        let mut open = self.open();
        if !open.contains_key(topic) && open.len() >= self.options.settings.topics {
            let idle = open.iter().filter_map(|(topic, open)| Some((open.idle?, topic)));
            let oldest = idle.min_by_key(|(since, _)| *since).map(|(_, topic)| topic.clone());
            open.remove(&oldest.ok_or(TooManyTopics)?);
            self.count_forgotten("too_many");
        }
        let open = match open.entry(topic.clone()) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => place.insert(self.make(topic)),
        };
        note(open);
        Ok(open.shared.clone())
    }

    fn make(&self, topic: &Topic) -> Open {
        let settings = &self.options.settings;
        let limits = TailLimits { events: settings.topic_events, bytes: settings.topic_bytes };
        let tail = Arc::new(TopicTail::new(fastrand::u64(..), &topic.wire(), limits));
        let shared = Arc::new(Shared { tail, state: Mutex::default() });
        Open { shared, members: 0, idle: Some(Instant::now()) }
    }

    /// A channel of the topic is gone.
    fn leave(&self, topic: &Topic, shared: &Arc<Shared>) {
        let mut all = self.open();
        let Some(open) = all.get_mut(topic).filter(|open| Arc::ptr_eq(&open.shared, shared)) else {
            return;
        };
        open.members -= 1;
        if open.members == 0 {
            open.idle = Some(Instant::now());
            if !self.is_kept(topic) {
                all.remove(topic);
            }
        }
    }

    /// Says something on a topic.
    fn say(&self, topic: &Topic, shared: &Shared, origin: Option<Origin>, broadcast: Broadcast) {
        let position = self.tells_events(topic).then(|| self.position(&broadcast)).flatten();
        let mut state = shared.state();
        if let Some(position) = position {
            let is_newer = |old: &Position| old.epoch != position.epoch || old.seq < position.seq;
            if state.published.as_ref().is_none_or(is_newer) {
                state.published = Some(position);
            }
        }
        self.append(shared, &state, message(origin, position, Body::Broadcast(broadcast)));
    }

    /// The place in the journal of the event that is broadcast. A place that the journal does not
    /// have is none: whatever a client says there, nobody misses an event for it.
    fn position(&self, broadcast: &Broadcast) -> Option<Position> {
        let head = self.options.journal.load().position();
        let position = replay::position(broadcast)?;
        (position.epoch == head.epoch && position.seq <= head.seq).then_some(position)
    }

    /// Puts a message behind the others of a topic whose state is held.
    fn append(&self, shared: &Shared, _held: &State, message: Message) {
        shared.tail.append(message);
        self.options.advanced.send_replace(());
    }

    /// Counts broadcasts that were taken, from `socket`, `http` or `router`.
    pub fn count(&self, from: &'static str) {
        self.options.metrics.realtime_broadcasts_total.with([from]).increment(1);
    }

    /// Who is present on a topic took so many bytes, and now takes so many.
    fn note_present(&self, before: usize, after: usize) {
        self.present_bytes.fetch_add(after, Ordering::Relaxed);
        self.present_bytes.fetch_sub(before, Ordering::Relaxed);
    }

    fn count_forgotten(&self, reason: &'static str) {
        self.options.metrics.realtime_topics_forgotten_total.with([reason]).increment(1);
    }
}

fn message(origin: Option<Origin>, position: Option<Position>, body: Body) -> Message {
    // Its place is where it is appended.
    Message { seq: 0, origin, position, at_ms: Utc::now().timestamp_millis(), body }
}
