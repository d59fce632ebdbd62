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
        session::{Owner, Protocol, Session, SessionOptions, heard},
        shard::{CloseChannel, Handle, Say, Shard, Tune},
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
            topic::Tuning,
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
    /// It is the router's own: it may say what only the router says.
    is_own: bool,
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
        let Owner { client_id, identity, .. } = owner;
        let mut limits = limits(&router.settings().realtime);
        let is_own = door == Door::Private;
        if is_own {
            limits = limits.without_rates();
        }
        let realtime = Self {
            vsn: asked.vsn,
            channels: Channels::new(limits, Duration::ZERO),
            joined: HashMap::new(),
            topics: router.topics.clone(),
            journal: router.tail.clone(),
            key: Key::new(router, asked.key, identity.clone()),
            began: Instant::now(),
            from: if is_own { "router" } else { "socket" },
            is_own,
            tick: (limits.idle / 4).clamp(TICK.0, TICK.1),
        };
        let identity = Identity { expires_at: None, ..identity };
        (realtime, Owner { client_id, identity, movable: false })
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
        let Realtime { channels, key, topics, is_own, .. } = &mut self.protocol;
        // The settings may be others since it connected.
        channels.reserve(topics.reserved().filter(|_| !*is_own));
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
            if self.takes_a_turn(&effect) {
                let next = if frames.is_empty() {
                    self.take_turn(effect, effects, ctx)
                } else {
                    effects.push_front(effect);
                    self.hand(|handle| Say(handle, std::mem::take(&mut frames)), effects, ctx)
                };
                let Some(rest) = next else { return };
                effects = rest;
                continue;
            }
            match effect {
                Effect::Send(message) => message.encode(&mut frames, self.protocol.vsn),
                Effect::Publish { topic, broadcast, .. } => self.publish(&topic, broadcast),
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
                Effect::Join(_) | Effect::Leave(_) | Effect::Watch { .. } | Effect::Close(_) => {}
            }
        }
        if !frames.is_empty() {
            self.say(frames, ctx);
        }
    }

    /// Whether the shard must do something about it, after all that was said before.
    fn takes_a_turn(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Join(_) | Effect::Leave(_) | Effect::Watch { .. } | Effect::Close(_) => true,
            Effect::Publish { topic, to_self, .. } => !to_self && self.hears_itself(topic),
            _ => false,
        }
    }

    /// Does what takes a turn of the shard: the rest, if it is to be gone on with at once.
    fn take_turn(
        &mut self,
        effect: Effect,
        mut rest: VecDeque<Effect>,
        ctx: &mut Ctx,
    ) -> Option<VecDeque<Effect>> {
        match effect {
            Effect::Join(joining) => self.join(*joining, rest, ctx),
            Effect::Watch { topic } => self.watch(&topic, rest, ctx),
            Effect::Publish { ref topic, .. } => {
                let topic = topic.clone();
                rest.push_front(effect);
                self.deafen(&topic, rest, ctx);
            }
            Effect::Leave(topic) => {
                let Some(Joined { label, .. }) = self.protocol.joined.remove(&topic) else {
                    return Some(rest);
                };
                return self.hand(|handle| CloseChannel(handle, label), rest, ctx);
            }
            Effect::Close(reason) => self.end(reason, ctx),
            _ => return Some(rest),
        }
        None
    }

    /// Hands something to the shard: the rest, if it was taken at once. Otherwise it is gone on with
    /// when there is room in the shard's mailbox, for what is handed over next must not be there first.
    fn hand<M>(
        &mut self,
        message: impl FnOnce(Handle) -> M,
        rest: VecDeque<Effect>,
        ctx: &mut Ctx,
    ) -> Option<VecDeque<Effect>>
    where
        M: Message<Result = ()> + Send + 'static,
        Shard: Handler<M>,
    {
        let message = message(self.handle?);
        match self.options.shard.try_send(message) {
            Ok(()) => return Some(rest),
            Err(SendError::Full(message)) => {
                self.options.metrics.mailbox_full_total.with(["shard"]).increment(1);
                let sent = self.options.shard.send(message);
                self.wait_for(sent, rest, ctx);
            }
            Err(SendError::Closed(_)) => ctx.stop(),
        }
        None
    }

    /// Goes on with the rest when the shard has done something.
    fn wait_for<M>(&self, sent: Request<Shard, M>, rest: VecDeque<Effect>, ctx: &mut Ctx)
    where
        M: Message<Result = ()> + Send + 'static,
        Shard: Handler<M>,
    {
        ctx.wait(sent.into_actor(self).map(|done, session, ctx| match done {
            Ok(()) => session.go_on(rest, ctx),
            Err(_gone) => ctx.stop(),
        }));
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
        let tuning = Tuning::Except(joined.member.origin());
        let sent = self.options.shard.send(Tune(handle, joined.label, tuning));
        self.wait_for(sent, rest, ctx);
    }

    /// Hears who comes and goes from here on, and is told who is there.
    fn watch(&self, topic: &Topic, mut rest: VecDeque<Effect>, ctx: &mut Ctx) {
        let (Some(handle), Some(joined)) = (self.handle, self.protocol.joined.get(topic)) else {
            return;
        };
        let (shard, outlet, topic) =
            (self.options.shard.clone(), self.outlet.clone(), topic.clone());
        let tune = Tune(handle, joined.label, Tuning::Presence);
        let tuned = async move {
            let tuned = shard.send(tune).await;
            heard(&shard, handle, &outlet).await;
            tuned
        };
        ctx.wait(tuned.into_actor(self).map(move |tuned, session, ctx| {
            if tuned.is_err() {
                return ctx.stop();
            }
            let Realtime { channels, joined, .. } = &session.protocol;
            let present = joined.get(&topic).map(|joined| joined.member.present());
            let state = present.and_then(|present| channels.watching(&topic, present));
            if let Some(state) = state {
                rest.push_front(Effect::Send(state));
            }
            session.go_on(rest, ctx);
        }));
    }
}
