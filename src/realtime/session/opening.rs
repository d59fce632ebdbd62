//! How a channel begins: it takes its place on the topic, and what it hears first and then is put
//! together, for the shard to begin it in one turn.

use std::{collections::VecDeque, sync::Arc};

use actix::prelude::*;

use super::{Ctx, Joined, Realtime};
use crate::{
    actors::{
        session::{Session, heard},
        shard::OpenChannel,
    },
    core::{
        fanout::{Attach, Opening},
        interest::Interest,
        realtime::{
            changes::Changes,
            channel::{Effect, Joining},
            join::Topic,
            replay::{self, Replay, Resume},
            topic::Listening,
        },
    },
    realtime::topics::{Member, Standing},
};

impl Session<Realtime> {
    pub(super) fn join(&mut self, joining: Joining, rest: VecDeque<Effect>, ctx: &mut Ctx) {
        let Some(handle) = self.handle else { return ctx.stop() };
        let (topic, number) = (joining.topic.clone(), joining.number);
        let member = match self.protocol.topics.enter(&topic) {
            Ok(member) => member,
            Err(error) => {
                let refusal = self.protocol.channels.refuse(&topic, number, &error.to_string());
                return self.refuse(refusal, rest, ctx);
            }
        };
        let opening = self.protocol.opening(joining, &member);
        // Its own broadcasts are left out from the first of them on, unless it wants them.
        let joined = Joined { label: number, member, is_deaf: false };
        self.protocol.joined.insert(topic.clone(), joined);
        let (shard, outlet) = (self.options.shard.clone(), self.outlet.clone());
        let opened = async move {
            let opened = shard.send(OpenChannel(handle, opening)).await;
            // Of welcomes, which may be long, one waits for a client that does not read.
            if let Ok(Ok(false)) = opened {
                heard(&shard, handle, &outlet).await;
            }
            opened
        };
        ctx.wait(opened.into_actor(self).map(move |opened, session, ctx| match opened {
            Ok(Ok(_)) => {
                session.count_join("ok");
                let now = session.protocol.now().elapsed;
                session.protocol.channels.on_sign_of_life(now);
                session.go_on(rest, ctx);
            }
            Ok(Err(error)) => {
                session.protocol.joined.remove(&topic);
                let reason = format!("FilterLimitReached: {error}");
                let refusal = session.protocol.channels.refuse(&topic, number, &reason);
                session.refuse(refusal, rest, ctx);
            }
            Err(_gone) => ctx.stop(),
        }));
    }

    fn refuse(&mut self, refusal: Vec<Effect>, rest: VecDeque<Effect>, ctx: &mut Ctx) {
        self.count_join("refused");
        self.go_on(refusal.into_iter().chain(rest).collect(), ctx);
    }

    fn count_join(&self, outcome: &'static str) {
        self.options.metrics.realtime_joins_total.with([outcome]).increment(1);
    }
}

impl Realtime {
    /// What the client hears first, and what it listens to.
    fn opening(&self, joining: Joining, member: &Member) -> Opening {
        let Joining { number, topic, join, bindings } = joining;
        let (standing, present) = member.standing(join.replay, join.presence);
        let head = self.journal.load().head();
        let from = join.from.filter(|_| self.topics.tells_events(&topic));
        let resume = from.map(|from| replay::resume(from, standing.published, &head));
        let mut chain = Vec::new();
        if let Some(bindings) = bindings.ok().filter(|bindings| !bindings.is_empty()) {
            let (topic, bindings) = (topic.wire().into(), Arc::new(bindings));
            let changes = Changes { epoch: head.epoch, vsn: self.vsn, topic, bindings };
            chain.push(Attach { interest: Interest::Changes(changes), from: None });
        }
        let listening = Listening {
            topic: member.tail().clone(),
            vsn: self.vsn,
            presence: join.presence,
            except: None,
            after: resume.map(|resume| resume.after),
            past: None,
        };
        chain.extend(self.past(&topic, resume, &standing, &listening));
        let from = Some(standing.next);
        chain.push(Attach { interest: Interest::Messages(listening), from });
        let resumed = resume.map(|resume| resume.resumed);
        let mut welcome = Vec::new();
        for message in self.channels.joined(&topic, number, resumed, present) {
            message.encode(&mut welcome, self.vsn);
        }
        Opening { label: number, welcome, chain }
    }

    /// What it missed and asks for again: events of the journal, broadcasts of the topic.
    fn past(
        &self,
        topic: &Topic,
        resume: Option<Resume>,
        standing: &Standing,
        listening: &Listening,
    ) -> impl Iterator<Item = Attach> {
        let events = resume.and_then(|resume| {
            let (first, through) = resume.replay?;
            let (epoch, topic) = (resume.after.epoch, topic.wire().into());
            let replay = Replay { epoch, vsn: self.vsn, topic, through };
            Some(Attach { interest: Interest::Replay(replay), from: Some(first) })
        });
        let broadcasts = standing.past.map(|(first, last)| {
            let past = Listening { past: Some(last), ..listening.clone() };
            Attach { interest: Interest::Messages(past), from: Some(first) }
        });
        events.into_iter().chain(broadcasts)
    }
}
