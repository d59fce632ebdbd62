//! A batch on its way to the database, and back to the requests that it was made of.

use std::time::Instant;

use tokio::sync::oneshot;

use super::{
    counts,
    messages::{PublishError, Published},
};
use crate::{
    core::{
        backlog::Waiting,
        event::{Draft, Event, Position, Seq},
        millis,
        numbering::Head,
    },
    storage::{Commit, CommitError},
    telemetry::{CommitSpan, Metrics, SpanContext, Traces},
};

/// Whoever waits for a commit.
#[derive(Debug)]
pub(super) struct Reply {
    answer: oneshot::Sender<Result<Published, PublishError>>,
    /// The span of the request, if it is recorded.
    span: Option<SpanContext>,
    since: Instant,
}

impl Reply {
    pub(super) fn new(
        answer: oneshot::Sender<Result<Published, PublishError>>,
        span: Option<SpanContext>,
    ) -> Self {
        Self { answer, span, since: Instant::now() }
    }

    pub(super) fn send(self, answer: Result<Published, PublishError>) {
        // A producer that stopped waiting posts again under the same ids.
        drop(self.answer.send(answer));
    }

    /// How long it has waited, in milliseconds.
    pub(super) fn age_ms(&self) -> u64 {
        millis::whole(self.since.elapsed())
    }
}

pub(super) type Request = Waiting<Reply>;

/// The events of several requests in a row.
pub(super) struct Batch {
    /// Their events are in `drafts`.
    requests: Vec<Request>,
    /// How many events each has.
    sizes: Vec<usize>,
    drafts: Vec<Draft>,
    /// The span of the commit, if any of the requests is recorded.
    span: Option<CommitSpan>,
}

impl Batch {
    pub(super) fn new(mut requests: Vec<Request>, traces: Option<&Traces>) -> Self {
        let sizes = requests.iter().map(|request| request.drafts.len()).collect();
        let drafts = requests.iter_mut().flat_map(|request| std::mem::take(&mut request.drafts));
        let drafts: Vec<_> = drafts.collect();
        let spans = requests.iter().filter_map(|request| request.reply.span.as_ref());
        let span = traces.and_then(|traces| traces.commit(spans, drafts.len()));
        Self { requests, sizes, drafts, span }
    }

    pub(super) fn len(&self) -> usize {
        self.drafts.len()
    }

    pub(super) fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// Ends the span of the commit; it, and the last new place, when something new is to be shown.
    pub(super) fn end_span(
        &mut self,
        result: &Result<Commit, CommitError>,
    ) -> Option<(Seq, SpanContext)> {
        let span = self.span.take()?;
        let outcome = match result {
            Ok(Commit { fresh, head, .. }) => {
                let places = (!fresh.is_empty())
                    .then(|| (head.head_seq + 1 - fresh.len() as Seq, head.head_seq));
                let context = span.committed(places);
                return places.map(|(_, last_seq)| (last_seq, context));
            }
            Err(CommitError::Data(_)) => "refused",
            Err(CommitError::Failed(_)) => "failed",
            Err(CommitError::Unknown(_)) => "unknown",
        };
        span.failed(outcome);
        None
    }

    /// The requests as they were.
    pub(super) fn take_apart(mut self) -> Vec<Request> {
        let mut drafts = self.drafts.into_iter();
        for (request, size) in self.requests.iter_mut().zip(self.sizes) {
            request.drafts = drafts.by_ref().take(size).collect();
        }
        self.requests
    }

    /// After a commit: whom to answer about how many events, and the fresh ones at their places.
    pub(super) fn placed(self, fresh: &[usize], head: &Head) -> (Vec<(Reply, usize)>, Vec<Event>) {
        let replies = self.requests.into_iter().map(|request| request.reply).zip(self.sizes);
        (replies.collect(), place(self.drafts, fresh, head))
    }
}

/// The fresh ones of `drafts`, at the places up to `head`.
fn place(drafts: Vec<Draft>, fresh: &[usize], head: &Head) -> Vec<Event> {
    let mut seq = head.head_seq - fresh.len() as Seq;
    let mut events = Vec::with_capacity(fresh.len());
    let mut fresh = fresh.iter().copied().peekable();
    for (index, draft) in drafts.into_iter().enumerate() {
        if fresh.next_if_eq(&index).is_some() {
            seq += 1;
            let at = Position { epoch: head.epoch, seq };
            events.push(Event::commit(draft, at, head.last_created_at));
        }
    }
    events
}

/// Tells all of them why they failed, and counts their events.
pub(super) fn answer_all(requests: Vec<Request>, error: &PublishError, metrics: &Metrics) {
    for request in requests {
        counts::failed(metrics, request.drafts.len(), error);
        request.reply.send(Err(error.clone()));
    }
}
