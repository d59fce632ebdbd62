//! What the broadcaster asks of a shard, for all its sessions or for one of them.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use uuid::Uuid;

use super::Shard;
use crate::core::{
    event::{Event, Seq},
    filter::Filter,
    ledger::Balance,
    protocol::CloseReason,
};

/// All sessions must end, and come back after a time within the window.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub struct EndAll {
    /// Why.
    pub reason: CloseReason,
    /// The time over which clients spread their reconnecting.
    pub window: Duration,
}

/// Ends the session of that id; whether it is here.
#[derive(Message, Clone, Copy)]
#[rtype(result = "bool")]
pub struct EndSession(pub Uuid);

/// Who is connected here?
#[derive(Message, Clone, Copy)]
#[rtype(result = "Vec<SessionRow>")]
pub struct GetSessions;

/// How do the accounts stand here?
#[derive(Message, Clone, Copy)]
#[rtype(result = "Balance")]
pub struct GetBalance;

/// Which sessions here is an event for?
#[derive(Message, Clone)]
#[rtype(result = "Vec<ReachedRow>")]
pub struct GetReached(pub Arc<Event>);

/// A session that an event is for.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ReachedSession)]
pub struct ReachedRow {
    /// What the client calls itself.
    #[schema(required)]
    pub client_id: Option<String>,
    /// The session's id.
    pub id: Uuid,
    /// What it is spoken to in.
    pub protocol: &'static str,
    /// `reached`: its socket has taken the event. `pending`: it will.
    pub state: &'static str,
}

/// One connected client, as `GET /v1/sessions` shows it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Session)]
pub struct SessionRow {
    /// Whether its socket refuses bytes now.
    pub blocked: bool,
    /// Bytes its socket took.
    pub bytes: u64,
    /// What the client calls itself.
    #[schema(required)]
    pub client_id: Option<String>,
    /// Events delivered in this subscription.
    pub delivered: u64,
    /// Its filter; `null` before it subscribes.
    #[schema(required)]
    pub filter: Option<Filter>,
    /// The session's id.
    pub id: Uuid,
    /// What it is known as; `null` when nobody was asked.
    #[schema(value_type = Option<String>, required)]
    pub identity: Option<Arc<str>>,
    /// How many events the journal is ahead of it.
    pub lag: u64,
    /// Whether it can be moved to another path: it was opened with `switch=1`.
    pub movable: bool,
    /// The delivery path.
    pub path: &'static str,
    /// Where it connects from.
    #[schema(required)]
    pub peer: Option<String>,
    /// What it is spoken to in.
    pub protocol: &'static str,
    /// The last `seq` it is through with; `null` before it subscribes, and for who hears topics only.
    #[schema(value_type = Option<u64>, required)]
    pub seq: Option<Seq>,
    /// The topics of Realtime that it listens to, as they are on the wire.
    #[schema(value_type = Vec<String>)]
    pub topics: Vec<Box<str>>,
}

impl EndAll {
    /// When one client should come back.
    pub(super) fn draw(&self) -> Duration {
        self.window.mul_f64(fastrand::f64())
    }
}

impl Handler<EndAll> for Shard {
    type Result = ();

    fn handle(&mut self, ending: EndAll, ctx: &mut Self::Context) {
        self.ending = Some(ending);
        self.turn(ctx, |fanout, turn| fanout.end_all(ending.reason, turn, || ending.draw()));
    }
}

impl Handler<EndSession> for Shard {
    type Result = bool;

    fn handle(&mut self, EndSession(id): EndSession, ctx: &mut Self::Context) -> bool {
        let found = self.fanout.rows().find(|(_, row)| row.sink.id == id).map(|(key, _)| key);
        if let Some(key) = found {
            self.turn(ctx, |fanout, turn| fanout.end(key, CloseReason::Closed, None, turn));
        }
        found.is_some()
    }
}

impl Handler<GetSessions> for Shard {
    type Result = Vec<SessionRow>;

    fn handle(&mut self, _: GetSessions, _: &mut Self::Context) -> Vec<SessionRow> {
        let head = self.options.tail.load().position().seq;
        let rows = self.fanout.rows().map(|(_, row)| SessionRow {
            id: row.sink.id,
            client_id: row.sink.client_id.clone(),
            movable: row.sink.movable,
            identity: row.sink.identity.clone(),
            peer: row.sink.outlet.peer().map(|peer| peer.to_string()),
            path: row.form.path(),
            protocol: row.form.as_str(),
            filter: row.filter.cloned(),
            topics: row.topics.into_iter().map(Into::into).collect(),
            seq: row.seq,
            lag: row.seq.map_or(0, |seq| head.saturating_sub(seq)),
            delivered: row.delivered,
            bytes: row.bytes,
            blocked: row.blocked,
        });
        rows.collect()
    }
}

impl Handler<GetReached> for Shard {
    type Result = Vec<ReachedRow>;

    fn handle(&mut self, GetReached(event): GetReached, _: &mut Self::Context) -> Vec<ReachedRow> {
        let reached = self.fanout.reached(&event).into_iter().map(|reached| ReachedRow {
            client_id: reached.sink.client_id.clone(),
            id: reached.sink.id,
            protocol: reached.form.as_str(),
            state: if reached.has_it { "reached" } else { "pending" },
        });
        reached.collect()
    }
}

impl Handler<GetBalance> for Shard {
    type Result = MessageResult<GetBalance>;

    fn handle(&mut self, _: GetBalance, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.fanout.balance(&self.options.tail.load()))
    }
}
