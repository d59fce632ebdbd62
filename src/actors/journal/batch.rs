//! A batch on its way to the database, and back to the requests that it was made of.

use tokio::sync::oneshot;

use super::messages::{PublishError, Published};
use crate::core::{
    backlog::Waiting,
    event::{Draft, Event, Position, Seq},
    numbering::Head,
};

pub(super) type Reply = oneshot::Sender<Result<Published, PublishError>>;
pub(super) type Request = Waiting<Reply>;

/// The events of several requests in a row.
pub(super) struct Batch {
    /// Their events are in `drafts`.
    requests: Vec<Request>,
    /// How many events each has.
    sizes: Vec<usize>,
    drafts: Vec<Draft>,
}

impl Batch {
    pub(super) fn new(mut requests: Vec<Request>) -> Self {
        let sizes = requests.iter().map(|request| request.drafts.len()).collect();
        let drafts = requests.iter_mut().flat_map(|request| std::mem::take(&mut request.drafts));
        Self { sizes, drafts: drafts.collect(), requests }
    }

    pub(super) fn len(&self) -> usize {
        self.drafts.len()
    }

    pub(super) fn drafts(&self) -> &[Draft] {
        &self.drafts
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

pub(super) fn answer_all(requests: Vec<Request>, error: &PublishError) {
    for request in requests {
        // A producer that stopped waiting posts again under the same ids.
        drop(request.reply.send(Err(error.clone())));
    }
}
