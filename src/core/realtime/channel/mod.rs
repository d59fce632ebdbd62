//! The channels of one socket: from what its client says to what is to be done.
//!
//! A channel begins with `phx_join`, is taken up by the fan-out ([`Effect::Join`]), and is answered
//! in the same turn ([`Channels::joined`]): who hears "ok" misses nothing from there on. It ends with
//! `phx_leave`, with a second join of its topic, or with a fatal fault, which stock clients take as
//! an order to stay away (`phx_close`); where they are to come back it is [`Channels::crash`].
//!
//! Lenient as the real server: the `join_ref` of what clients push is not looked at, and answers
//! carry the right one. Only who leaves by a `join_ref` that is over does not end the channel that
//! came after it.

mod admission;
mod effect;
mod gate;
mod presence;
mod publish;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

pub use self::{
    effect::{Dropped, Effect, Joining},
    gate::{Gate, Grant, TokenFault},
};
use super::{
    changes::Bindings,
    join::{Join, JoinFault, Resumed, Topic},
    limits::{Allowance, Calls, Limits},
    phoenix::{ClientMessage, PHOENIX, Payload, Ref, ServerMessage},
};
use crate::core::protocol::CloseReason;

/// Two clocks: one for waiting, one for calendars.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Since any fixed moment.
    pub elapsed: Duration,
    /// The time of day.
    pub utc: DateTime<Utc>,
}

/// The channels of one socket.
#[derive(Debug)]
pub struct Channels {
    limits: Limits,
    /// The name of a topic on which this client may only listen.
    reserved: Option<Box<str>>,
    /// By the topic on the wire.
    open: HashMap<Box<str>, Channel>,
    joins: Allowance,
    events: Allowance,
    presence: Allowance,
    /// How many joins there have been.
    joined: u64,
    heard: Duration,
    /// Since when there is no channel.
    empty: Option<Duration>,
}

#[derive(Debug)]
struct Channel {
    number: u64,
    topic: Topic,
    join_ref: Option<Ref>,
    /// What the answer to the join carries.
    reference: Option<Ref>,
    join: Arc<Join>,
    /// Its own token, or the last one it renewed it with.
    token: Option<Box<str>>,
    /// Why it gets no changes.
    refused: Option<String>,
    key: Box<str>,
    /// Whether it hears who comes and goes.
    watches: bool,
    /// Bytes of its join.
    held: usize,
    grant: Grant,
    calls: Calls,
}

impl Channels {
    /// A socket that has just connected.
    #[must_use]
    pub fn new(limits: Limits, now: Duration) -> Self {
        Self {
            limits,
            reserved: None,
            open: HashMap::new(),
            joins: Allowance::new(limits.joins_per_second, now),
            events: Allowance::new(limits.events_per_second, now),
            presence: Allowance::new(limits.presence_per_second, now),
            joined: 0,
            heard: now,
            empty: Some(now),
        }
    }

    /// From now on, this client may only listen on a topic of this name.
    pub fn reserve(&mut self, topic: Option<&str>) {
        if self.reserved.as_deref() != topic {
            self.reserved = topic.map(Into::into);
        }
    }

    /// What to do about a message. `new_id` names who does not say who it is.
    pub fn on_message(
        &mut self,
        message: &ClientMessage,
        now: Now,
        gate: &dyn Gate,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> Vec<Effect> {
        self.heard = now.elapsed;
        let known = self.open.get(&message.topic).map(|channel| channel.join_ref.clone());
        let mut effects = match (&*message.topic, &*message.event) {
            (PHOENIX, "heartbeat") => vec![ok(message)],
            (_, "phx_join") => self.join(message, now, gate, new_id),
            (_, "phx_leave") if is_stale(message, known.as_ref()) => return vec![ok(message)],
            (_, "phx_leave") => self.leave(message),
            _ if known.is_none() => vec![refusal(message, &JoinFault::Unmatched.to_string())],
            (_, "broadcast") => self.broadcast(message, now),
            (_, "presence") => self.on_presence(message, now),
            (_, "access_token") => self.access_token(message, now, gate),
            _ if !self.events.take(now.elapsed) => self.fatal(&message.topic, TOO_MANY),
            _ => vec![Effect::Drop(Dropped::UnknownEvent)],
        };
        if let Some(join_ref) = known.filter(|_| &*message.event != "phx_join") {
            answer_under(join_ref.as_ref(), &mut effects);
        }
        self.note_empty(now.elapsed);
        effects
    }

    /// The client is alive, although it said nothing: a frame came that is no message, or it was
    /// not listened to.
    pub fn on_sign_of_life(&mut self, now: Duration) {
        self.heard = now;
    }

    /// What the client of the channel of that number hears, once the fan-out takes it up and not
    /// later than what it listens to. `presence` is the payload of a `presence_state`.
    #[must_use]
    pub fn joined(
        &self,
        topic: &Topic,
        number: u64,
        resumed: Option<Resumed>,
        presence: Bytes,
    ) -> Vec<ServerMessage> {
        let wire = topic.wire();
        let channel = self.open.get(&*wire).filter(|channel| channel.number == number);
        let Some(channel) = channel else { return Vec::new() };
        let Channel { join_ref, reference, join, refused, .. } = channel;
        let system =
            |extension, outcome| ServerMessage::system(&wire, join_ref.clone(), extension, outcome);
        let response = join.response(resumed);
        let answer =
            ServerMessage::reply(&wire, join_ref.clone(), reference.clone(), Ok(&response));
        let mut messages = vec![answer];
        if join.presence {
            messages.push(ServerMessage::presence_state(&wire, join_ref.clone(), presence));
        }
        if join.replication_ready {
            messages.push(system("system", Ok("Replication connection established")));
        }
        match refused {
            Some(reason) => messages.push(system("postgres_changes", Err(reason))),
            None if join.changes.is_empty() => {}
            None => messages.push(system("postgres_changes", Ok("Subscribed to PostgreSQL"))),
        }
        messages
    }

    /// What the client of the channel hears, once the fan-out tells it who comes and goes, and before
    /// it is present itself.
    #[must_use]
    pub fn watching(&self, topic: &Topic, presence: Bytes) -> Option<ServerMessage> {
        let wire = topic.wire();
        let channel = self.open.get(&*wire)?;
        Some(ServerMessage::presence_state(&wire, channel.join_ref.clone(), presence))
    }

    /// The channel of that number could not be taken up: its client hears why, and tries again.
    pub fn refuse(&mut self, topic: &Topic, number: u64, reason: &str) -> Vec<Effect> {
        let wire = topic.wire();
        let channel = self.open.get(&*wire).filter(|channel| channel.number == number);
        let Some(Channel { join_ref, reference, .. }) = channel else { return Vec::new() };
        let response = json!({ "reason": reason }).to_string();
        let outcome = Err(&*response);
        let answer = ServerMessage::reply(&wire, join_ref.clone(), reference.clone(), outcome);
        self.open.remove(&*wire);
        vec![Effect::Send(answer)]
    }

    /// The channel ends for what its client did, who is to stay away.
    pub fn fail(&mut self, topic: &Topic, text: &str) -> Vec<Effect> {
        self.fatal(&topic.wire(), text)
    }

    /// What to do because time has passed; to be asked every second or so.
    pub fn on_tick(&mut self, now: Now) -> Vec<Effect> {
        if now.elapsed.saturating_sub(self.heard) >= self.limits.idle {
            return vec![Effect::Close(CloseReason::Idle)];
        }
        let expired = self.open.iter().filter_map(|(wire, channel)| {
            let at = channel.grant.expires.filter(|at| *at <= now.utc)?;
            Some((wire.clone(), TokenFault::expired(at, now.utc).to_string()))
        });
        let expired: Vec<_> = expired.collect();
        let mut effects: Vec<_> =
            expired.iter().flat_map(|(wire, text)| self.fatal(wire, text)).collect();
        self.note_empty(now.elapsed);
        let empty = self.empty.map(|since| now.elapsed.saturating_sub(since));
        if empty.is_some_and(|empty| empty >= self.limits.without_channels) {
            effects.push(Effect::Close(CloseReason::NoChannels));
        }
        effects
    }

    /// The channel cannot go on, through no fault of its client, who is to come back.
    pub fn crash(&mut self, topic: &Topic) -> Vec<Effect> {
        let crashed =
            |channel: &Channel| ServerMessage::crash(&topic.wire(), channel.join_ref.clone());
        self.remove(&topic.wire(), crashed)
    }

    fn join(
        &mut self,
        message: &ClientMessage,
        now: Now,
        gate: &dyn Gate,
        new_id: &mut dyn FnMut() -> Uuid,
    ) -> Vec<Effect> {
        let close = |old: &Channel| ServerMessage::close(&message.topic, old.join_ref.clone());
        let mut effects = self.remove(&message.topic, close);
        if !self.joins.take(now.elapsed) {
            let reason = "ClientJoinRateLimitReached: Too many joins per second";
            effects.extend([refusal(message, reason), Effect::Close(CloseReason::TooManyJoins)]);
            return effects;
        }
        match self.admit(message, now, gate) {
            Ok((topic, mut join, grant)) => {
                effects.extend(join.notes.drain(..).map(Effect::Note));
                let bindings = Bindings::try_new(&join.changes);
                let join = Arc::new(join);
                let key = join.presence_key.clone();
                let watches = join.presence;
                self.joined += 1;
                let channel = Channel {
                    number: self.joined,
                    topic: topic.clone(),
                    join_ref: message.join_ref.clone().or_else(|| message.reference.clone()),
                    reference: message.reference.clone(),
                    join: Arc::clone(&join),
                    token: join.token.clone(),
                    refused: bindings.as_ref().err().cloned(),
                    key: key.unwrap_or_else(|| new_id().to_string().into()),
                    watches,
                    held: message.len(),
                    grant,
                    calls: Calls::default(),
                };
                self.open.insert(message.topic.clone(), channel);
                let joining = Joining { number: self.joined, topic, join, bindings };
                effects.push(Effect::Join(Box::new(joining)));
            }
            Err(reason) => effects.push(refusal(message, &reason)),
        }
        effects
    }

    fn leave(&mut self, message: &ClientMessage) -> Vec<Effect> {
        let close =
            |channel: &Channel| ServerMessage::close(&message.topic, channel.join_ref.clone());
        let mut effects = vec![ok(message)];
        effects.extend(self.remove(&message.topic, close));
        effects
    }

    /// The channel ends for what its client did, who is to stay away.
    fn fatal(&mut self, wire: &str, text: &str) -> Vec<Effect> {
        let Some(channel) = self.open.get(wire) else { return Vec::new() };
        let join_ref = channel.join_ref.clone();
        let system = ServerMessage::system(wire, join_ref.clone(), "system", Err(text));
        let mut effects = vec![Effect::Send(system)];
        effects.extend(self.remove(wire, |_| ServerMessage::close(wire, join_ref)));
        effects
    }

    /// Ends the channel, if it is there, with a last word.
    fn remove(
        &mut self,
        wire: &str,
        last_word: impl FnOnce(&Channel) -> ServerMessage,
    ) -> Vec<Effect> {
        let Some(channel) = self.open.remove(wire) else { return Vec::new() };
        vec![Effect::Send(last_word(&channel)), Effect::Leave(channel.topic)]
    }

    fn note_empty(&mut self, now: Duration) {
        self.empty = match self.empty {
            _ if !self.open.is_empty() => None,
            None => Some(now),
            since => since,
        };
    }
}

/// Whether a message belongs to a join that is over: another one took its place on the topic.
fn is_stale(message: &ClientMessage, current: Option<&Option<Ref>>) -> bool {
    let current = current.and_then(Option::as_ref);
    message.join_ref.is_some() && current.is_some() && message.join_ref.as_ref() != current
}

/// Answers belong to the channel's join, whichever the message named: clients drop what carries
/// another.
fn answer_under(join_ref: Option<&Ref>, effects: &mut [Effect]) {
    for effect in effects {
        if let Effect::Send(message) = effect
            && message.is_reply()
        {
            message.join_ref = join_ref.cloned();
        }
    }
}

const TOO_MANY: &str = "Too many messages per second";

fn ok(message: &ClientMessage) -> Effect {
    Effect::Send(ServerMessage::ok(message, "{}"))
}

fn refusal(message: &ClientMessage, reason: &str) -> Effect {
    Effect::Send(ServerMessage::refusal(message, reason))
}

/// The JSON of a payload; what is none is an empty object.
fn text(payload: &Payload) -> &str {
    match payload {
        Payload::Json(json) => std::str::from_utf8(json).unwrap_or("{}"),
        Payload::User(_) | Payload::Binary(_) => "{}",
    }
}
