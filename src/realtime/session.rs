//! One Realtime socket: what its client says goes to the rules of its [`Channels`], and what they
//! decide is done, in order. It holds no rule itself.
//!
//! While something is being done that takes a turn of the shard, nothing more is read: a client is
//! answered in the order in which it asks.

mod opening;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix::prelude::*;
use actix_web::web;
use chrono::Utc;
use uuid::Uuid;

use super::{
    gate::{Asked, Key},
    topics::{Member, Topics},
};
use crate::{
    actors::{
        session::{Owner, Protocol, Session, SessionOptions},
        shard::{CloseChannel, Except},
    },
    core::{
        access::Identity,
        fanout::Label,
        protocol::{CloseReason, ErrorCode, Form},
        realtime::{
            channel::{Channels, Effect, Now},
            join::Topic,
            limits::Limits,
            phoenix::{Broadcast, ClientMessage, Malformed, Vsn, decode_binary, decode_text},
        },
        tail::SharedTail,
    },
    http::{Router, door::Door},
    settings::RealtimeSettings,
};

/// Largest message of a client, in bytes, as on the real server.
const MAX_MESSAGE: usize = 5_000_000;
/// How often it is looked at what time has done, at most and at least.
const TICK: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// The protocol, and what a socket of it remembers.
pub struct Realtime {
    vsn: Vsn,
    channels: Channels,
    joined: HashMap<Topic, Joined>,
    key: Key,
    topics: Arc<Topics>,
    journal: Arc<SharedTail>,
    began: Instant,
    tick: Duration,
    /// Who speaks, for what is counted.
    from: &'static str,
}

/// A channel that the shard knows.
struct Joined {
    label: Label,
    member: Member,
    /// It does not hear what it sends.
    is_deaf: bool,
}

type Ctx = Context<Session<Realtime>>;

impl Realtime {
    /// A socket that has just connected, and whose it is for the router: when what it is known by
    /// expires, its channels end, each as it was joined, and not the socket.
    #[must_use]
    pub fn new(router: web::Data<Router>, door: Door, asked: Asked, owner: Owner) -> (Self, Owner) {
        let Owner { client_id, identity } = owner;
        let mut limits = limits(&router.settings.realtime);
        let (from, reserved) = match door {
            Door::Public => ("socket", router.topics.reserved()),
            Door::Private => ("router", None),
        };
        if door == Door::Private {
            limits = limits.without_rates();
        }
        let realtime = Self {
            vsn: asked.vsn,
            channels: Channels::new(limits, Duration::ZERO).reserving(reserved),
            joined: HashMap::new(),
            topics: router.topics.clone(),
            journal: router.tail.clone(),
            key: Key::new(router, asked.key, identity.clone()),
            began: Instant::now(),
            from,
            tick: (limits.idle / 4).clamp(TICK.0, TICK.1),
        };
        let identity = Identity { expires_at: None, ..identity };
        (realtime, Owner { client_id, identity })
    }

    fn now(&self) -> Now {
        Now { elapsed: self.began.elapsed(), utc: Utc::now() }
    }
}

fn limits(settings: &RealtimeSettings) -> Limits {
    Limits {
        channels: settings.channels_per_client,
        joins_per_second: settings.joins_per_second,
        events_per_second: settings.events_per_second,
        presence_per_second: settings.presence_per_second,
        presence_calls: settings.presence_calls,
        presence_window: settings.presence_window,
        payload_bytes: settings.payload_bytes,
        idle: settings.idle_timeout,
        without_channels: settings.channel_timeout,
    }
}

impl Protocol for Realtime {
    const BINARY: bool = true;

    fn form(&self) -> Form {
        Form::Realtime(self.vsn)
    }

    fn longest(&self, _: &SessionOptions) -> usize {
        MAX_MESSAGE
    }

    fn begin(session: &mut Session<Self>, ctx: &mut Ctx) {
        ctx.run_interval(session.protocol.tick, |session, ctx| {
            let now = session.protocol.now();
            let effects = session.protocol.channels.on_tick(now);
            session.obey(effects, ctx);
        });
    }

    fn hear(session: &mut Session<Self>, text: String, ctx: &mut Ctx) {
        let message = decode_text(session.protocol.vsn, &text.into());
        session.understand(message, ctx);
    }

    fn hear_binary(session: &mut Session<Self>, bytes: Vec<u8>, ctx: &mut Ctx) {
        let message = decode_binary(session.protocol.vsn, &bytes.into());
        session.understand(message, ctx);
    }

    /// Only what is too large is not taken, and ends the socket.
    fn fail(session: &mut Session<Self>, code: ErrorCode, _: &str, ctx: &mut Ctx) {
        session.options.metrics.session_errors_total.with([code.as_str()]).increment(1);
        session.end(CloseReason::TooLarge, ctx);
    }

    fn lost(session: &mut Session<Self>, label: Label, ctx: &mut Ctx) {
        let mut joined = session.protocol.joined.iter();
        let Some((topic, _)) = joined.find(|(_, joined)| joined.label == label) else { return };
        let topic = topic.clone();
        session.options.metrics.realtime_channels_lost_total.increment(1);
        let effects = session.protocol.channels.crash(&topic);
        session.obey(effects, ctx);
    }
}

impl Session<Realtime> {
    fn understand(&mut self, message: Result<ClientMessage, Malformed>, ctx: &mut Ctx) {
        let now = self.protocol.now();
        let Realtime { channels, key, .. } = &mut self.protocol;
        match message {
            Ok(message) => {
                let effects = channels.on_message(&message, now, key, &mut Uuid::new_v4);
                self.obey(effects, ctx);
            }
            Err(malformed) => {
                channels.on_sign_of_life(now.elapsed);
                let kind = malformed.as_str();
                self.options.metrics.realtime_malformed_total.with([kind]).increment(1);
                tracing::debug!(kind, "a frame of a realtime client is no message");
            }
        }
    }

    fn obey(&mut self, effects: Vec<Effect>, ctx: &mut Ctx) {
        self.go_on(effects.into(), ctx);
    }

    /// Does one thing after the other; what takes a turn of the shard goes on with the rest later.
    fn go_on(&mut self, mut effects: VecDeque<Effect>, ctx: &mut Ctx) {
        let mut frames = Vec::new();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Send(message) => message.encode(&mut frames, self.protocol.vsn),
                Effect::Join(joining) => {
                    self.flush(frames, ctx);
                    return self.join(*joining, effects, ctx);
                }
                Effect::Publish { topic, broadcast, to_self } => {
                    if !to_self && self.hears_itself(&topic) {
                        self.flush(frames, ctx);
                        effects.push_front(Effect::Publish {
                            topic: topic.clone(),
                            broadcast,
                            to_self,
                        });
                        return self.deafen(&topic, effects, ctx);
                    }
                    self.publish(&topic, broadcast);
                }
                Effect::Leave(topic) => {
                    self.flush(std::mem::take(&mut frames), ctx);
                    self.leave(&topic, ctx);
                }
                Effect::Track { topic, key, payload } => {
                    let joined = self.protocol.joined.get(&topic);
                    let tracked = joined.map(|joined| joined.member.track(&key, &payload));
                    if let Some(Err(error)) = tracked {
                        effects = self.protocol.channels.fail(&topic, &error.to_string()).into();
                    }
                }
                Effect::Untrack { topic } => {
                    if let Some(joined) = self.protocol.joined.get(&topic) {
                        joined.member.untrack();
                    }
                }
                Effect::Drop(dropped) => {
                    let reason = dropped.as_str();
                    self.options.metrics.realtime_dropped_total.with([reason]).increment(1);
                }
                Effect::Note(note) => tracing::debug!(note, "a join was read with defaults"),
                Effect::Close(reason) => {
                    self.flush(frames, ctx);
                    return self.end(reason, ctx);
                }
            }
        }
        self.flush(frames, ctx);
    }

    fn flush(&self, frames: Vec<u8>, ctx: &mut Ctx) {
        if !frames.is_empty() {
            self.say(frames, ctx);
        }
    }

    fn publish(&self, topic: &Topic, broadcast: Broadcast) {
        if let Some(joined) = self.protocol.joined.get(topic) {
            self.protocol.topics.count(self.protocol.from);
            joined.member.publish(broadcast);
        }
    }

    fn hears_itself(&self, topic: &Topic) -> bool {
        self.protocol.joined.get(topic).is_some_and(|joined| !joined.is_deaf)
    }

    /// The first time that a channel speaks, it stops to listen to itself: until then it shares its
    /// bytes with all others that only listen.
    fn deafen(&mut self, topic: &Topic, rest: VecDeque<Effect>, ctx: &mut Ctx) {
        let (Some(handle), Some(joined)) = (self.handle, self.protocol.joined.get_mut(topic))
        else {
            return;
        };
        joined.is_deaf = true;
        let except = Except(handle, joined.label, joined.member.origin());
        let done = self.options.shard.send(except).into_actor(self);
        ctx.wait(done.map(|done, session, ctx| match done {
            Ok(()) => session.go_on(rest, ctx),
            Err(_gone) => ctx.stop(),
        }));
    }

    fn leave(&mut self, topic: &Topic, ctx: &mut Ctx) {
        let joined = self.protocol.joined.remove(topic);
        if let (Some(handle), Some(joined)) = (self.handle, joined) {
            self.tell(CloseChannel(handle, joined.label), ctx);
        }
    }
}
