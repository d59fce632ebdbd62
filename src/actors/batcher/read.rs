//! Where events come from: the tail, or storage when that does not go back far enough.

use std::{ops::RangeInclusive, sync::Arc};

use actix::prelude::*;

use super::{Batcher, Phase, SAVE_AGAIN};
use crate::{
    adapters::Settled,
    core::{
        cursor::durable::{self, Cursor, Resume},
        delivery::REALTIME,
        event::{Event, Seq},
        numbering::Head,
    },
    storage::{From, Page, PageQuery, StorageError},
};

/// Events of a page: more than a batch, so that not every batch asks storage.
const PAGE: usize = 256;
/// Most events of the tail that are looked at in a turn: others want theirs.
const LOOK: usize = 4096;

impl Batcher {
    /// Reads from the tail what a batch of `size` lacks, passing over what is not routed here;
    /// `false` when it does not go back so far.
    pub(super) fn read_tail(&mut self, size: usize) -> bool {
        let tail = self.options.tail.load();
        let next = self.outgoing.next();
        if next < tail.first() {
            return false;
        }
        let mut lacks = size.saturating_sub(self.outgoing.ahead());
        let enough = |event: &&Arc<Event>| {
            let lacked = lacks > 0;
            lacks = lacks.saturating_sub(usize::from(event.is_routed()));
            lacked
        };
        let events = tail.from(next).take(LOOK).take_while(enough);
        // The end of what is read is the last event's place.
        self.outgoing.read(events.cloned(), 0);
        true
    }

    /// Reads a page of storage, and goes on when it is there.
    pub(super) fn read_page(&mut self, size: usize, ctx: &mut Context<Self>) {
        self.phase = Phase::Reading;
        let storage = self.options.storage.clone();
        let from = From::After(self.outgoing.next() - 1);
        let query = PageQuery { from, limit: size.max(PAGE), ..PageQuery::default() };
        let page = async move { storage.page(&query).await };
        ctx.spawn(page.into_actor(self).map(Self::on_page));
    }

    fn on_page(page: Result<Page, StorageError>, batcher: &mut Self, ctx: &mut Context<Self>) {
        if batcher.phase != Phase::Reading {
            return;
        }
        match page {
            Ok(page) => {
                batcher.phase = Phase::Idle;
                batcher.take_page(page);
                batcher.proceed_with_page(ctx);
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be read for the adapter");
                ctx.run_later(SAVE_AGAIN, |batcher, ctx| {
                    if batcher.phase == Phase::Reading {
                        batcher.phase = Phase::Idle;
                        batcher.proceed(ctx);
                    }
                });
            }
        }
    }

    fn take_page(&mut self, page: Page) {
        // Its epoch may be another by now: then it is read again.
        if page.head.epoch != self.outgoing.position().epoch {
            return;
        }
        let next = self.outgoing.next();
        if next < page.head.first_seq {
            let lost = next..=page.head.first_seq - 1;
            let count = self.outgoing.skip_to(*lost.end(), &self.options.tail.load());
            self.lose(&lost, count);
        }
        self.outgoing.read(page.events.into_iter().map(Arc::new), page.scanned_through);
    }

    fn proceed_with_page(&mut self, ctx: &mut Context<Self>) {
        let size = self.plan().size;
        self.begin(size, ctx);
    }

    /// Retention was faster: so many events that were, or may have been, routed here.
    fn lose(&self, lost: &RangeInclusive<Seq>, count: u64) {
        tracing::warn!(
            from_seq = lost.start(),
            to_seq = lost.end(),
            events = count,
            "events were deleted before the adapter had delivered them"
        );
        self.options.tally.settle(Settled { skipped: count, ..Settled::default() });
    }

    /// The journal may be another one now: what it does not hold cannot be waited for.
    pub(super) fn follow_epoch(&mut self) {
        let head = self.options.tail.load().head();
        let position = self.outgoing.position();
        if position.epoch == head.epoch {
            return;
        }
        let cursor =
            Cursor { position, through: self.outgoing.through(), updated_at: head.last_created_at };
        let resume = durable::resume(Some(&cursor), &head);
        self.outgoing.go_on(head.epoch, head.head_seq, &resume);
        self.resumed(&resume, &head);
    }

    /// It begins, or begins anew, at a place; what that means is told and stored.
    pub(super) fn resumed(&mut self, resume: &Resume, head: &Head) {
        if let Some(lost) = &resume.lost {
            // Nobody has looked at them.
            self.lose(lost, lost.end() + 1 - lost.start());
        }
        if resume.clamped {
            tracing::warn!(
                head_seq = head.head_seq,
                "the adapter's cursor was beyond the journal's end: it goes on there"
            );
            self.options.metrics.adapter_cursor_clamped_total.with([REALTIME]).increment(1);
        }
        self.save(resume.step(REALTIME, head));
    }
}
