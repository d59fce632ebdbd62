//! What a shard does about an effect. It never waits itself: tasks do, and send their news.

use std::time::Duration;

use actix::prelude::*;

use super::{Handle, PageRead, Shard, Writable};
use crate::{
    actors::session::{Finish, Lost},
    core::{
        event::Seq,
        fanout::{Effect, Key, Label},
        reader::SubKey,
    },
    storage::{From, PageQuery},
};

impl Shard {
    pub(super) fn carry_out(&self, effect: Effect, ctx: &mut Context<Self>) {
        match effect {
            Effect::AwaitWritable(key) => self.await_writable(key, ctx),
            Effect::ReadPage { session, subscription, from } => {
                self.read_page(session, subscription, from, ctx);
            }
            Effect::Lost(key, label) => self.lose(key, label),
            Effect::Close(key, _) => self.finish(key, Some(self.options.linger)),
            Effect::Cut(key, _) => {
                if let Some(client) = self.fanout.sink(key) {
                    client.outlet.abandon();
                }
                self.finish(key, None);
            }
        }
    }

    fn await_writable(&self, key: Key, ctx: &mut Context<Self>) {
        let (Some(client), shard) = (self.fanout.sink(key), ctx.address()) else { return };
        let (outlet, handle) = (client.outlet.clone(), Handle { key, id: client.id });
        actix_rt::spawn(async move {
            outlet.writable().await;
            // A shard that is gone has no sessions left to serve.
            shard.send(Writable(handle)).await.ok();
        });
    }

    fn read_page(&self, key: Key, subscription: SubKey, from: Seq, ctx: &mut Context<Self>) {
        let (Some(client), shard) = (self.fanout.sink(key), ctx.address()) else { return };
        let handle = Handle { key, id: client.id };
        let (storage, pages) = (self.options.storage.clone(), self.pages.clone());
        let metrics = self.options.metrics.clone();
        let query = PageQuery {
            from: From::After(from.saturating_sub(1)),
            limit: self.fanout.appetite(key).min(self.options.limits.page_events),
            ..PageQuery::default()
        };
        actix_rt::spawn(async move {
            let permit = pages.acquire_owned().await;
            let page = match storage.page(&query).await {
                Ok(page) => {
                    metrics.catch_up_pages_total.increment(1);
                    Some(page)
                }
                Err(error) => {
                    metrics.storage_errors_total.with(["page"]).increment(1);
                    tracing::warn!(%error, "a page for a session cannot be read; trying again");
                    None
                }
            };
            shard.send(PageRead(handle, subscription, page)).await.ok();
            drop(permit);
        });
    }

    fn lose(&self, key: Key, label: Label) {
        let Some(session) = self.fanout.sink(key).and_then(|client| client.lost.clone()) else {
            return;
        };
        // One that is gone has lost nothing more; one that is busy is waited for beside the shard.
        actix_rt::spawn(async move { session.send(Lost(label)).await });
    }

    fn finish(&self, key: Key, linger: Option<Duration>) {
        let Some(client) = self.fanout.sink(key) else { return };
        let session = client.session.clone();
        if session.try_send(Finish(linger)).is_err() {
            // Its mailbox is full of what its client said, or it is gone: wait beside the shard.
            actix_rt::spawn(async move { session.send(Finish(linger)).await });
        }
    }
}
