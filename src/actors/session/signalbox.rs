//! A session that speaks `signalbox.v1.json`: its frames are understood by [`protocol`].

use actix::prelude::*;

use super::{
    super::{begin, shard::Subscribe},
    Protocol, Session,
};
use crate::core::{
    filter::Filter,
    message,
    protocol::{self, ClientFrame, ErrorCode, Form, From, ServerFrame},
};

/// The protocol, and what a session of it remembers.
#[derive(Debug, Default)]
pub struct Signalbox {
    /// Errors the client has made.
    errors: usize,
}

type Ctx = Context<Session<Signalbox>>;

/// Characters of an error's detail: what a client says must not come back to it at length.
const MAX_DETAIL: usize = 300;

impl Protocol for Signalbox {
    fn form(&self) -> Form {
        Form::Session
    }

    fn hear(session: &mut Session<Self>, text: String, ctx: &mut Ctx) {
        match protocol::parse(&text) {
            Ok(ClientFrame::Ping) => session.answer(&ServerFrame::Pong, ctx),
            Ok(ClientFrame::Subscribe(protocol::Subscribe { filter, from, .. })) => {
                let json = filter.as_ref().map_or("{}", |filter| filter.get());
                let most = session.options.settings().session.filter_patterns;
                match Filter::from_json(json, most) {
                    Ok(filter) => session.subscribe(filter, from, ctx),
                    Err(error) => {
                        Self::fail(session, ErrorCode::BadFilter, &error.to_string(), ctx);
                    }
                }
            }
            Err((code, detail)) => Self::fail(session, code, &detail, ctx),
        }
    }

    fn fail(session: &mut Session<Self>, code: ErrorCode, detail: &str, ctx: &mut Ctx) {
        session.options.metrics.session_errors_total.with([code.as_str()]).increment(1);
        session.protocol.errors += 1;
        let detail = detail.chars().take(MAX_DETAIL).collect();
        session.answer(&ServerFrame::Error { code, detail }, ctx);
        if session.protocol.errors > session.options.settings().session.max_errors {
            session.end(message::gave_up(code), ctx);
        }
    }
}

impl Session<Signalbox> {
    fn answer(&self, frame: &ServerFrame, ctx: &mut Ctx) {
        let mut frames = Vec::new();
        Form::Session.frame(&mut frames, frame);
        self.say(frames, ctx);
    }

    /// Finds out where the subscription begins, which may need storage, and subscribes, before the
    /// client's next frame is looked at: its requests are answered in order.
    fn subscribe(&mut self, filter: Filter, from: From, ctx: &mut Ctx) {
        let Some(client) = self.handle else { return ctx.stop() };
        let (storage, shard) = (self.options.storage.clone(), self.options.shard.clone());
        let subscribed = async move {
            match begin::find(&*storage, &filter, from).await {
                Ok(begin) => Ok(shard.send(Subscribe { client, filter, begin }).await),
                Err(unavailable) => Err(unavailable),
            }
        };
        ctx.wait(subscribed.into_actor(self).map(|subscribed, session, ctx| match subscribed {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                Signalbox::fail(session, ErrorCode::TooManyFilters, &error.to_string(), ctx);
            }
            Ok(Err(_gone)) => ctx.stop(),
            Err(error) => {
                Signalbox::fail(session, ErrorCode::Unavailable, &error.to_string(), ctx);
            }
        }));
    }
}
