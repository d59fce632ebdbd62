//! What waits for a commit: whole requests, in the order they came, bounded by events and bytes.

use std::collections::VecDeque;

use super::event::Draft;

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogLimits {
    /// Events.
    pub events: usize,
    /// Bytes.
    pub bytes: usize,
}

/// A request that waits: its events, and whom to answer.
#[derive(Debug)]
pub struct Waiting<R> {
    /// At least one.
    pub drafts: Vec<Draft>,
    /// The one to answer.
    pub reply: R,
    bytes: usize,
}

/// There is no room.
#[derive(Debug, PartialEq, Eq)]
pub struct Full<R>(pub R);

/// Requests in the order they came.
#[derive(Debug)]
pub struct Backlog<R> {
    queue: VecDeque<Waiting<R>>,
    events: usize,
    bytes: usize,
    limits: BacklogLimits,
}

impl<R> Backlog<R> {
    /// Nothing waits.
    #[must_use]
    pub fn new(limits: BacklogLimits) -> Self {
        Self { queue: VecDeque::new(), events: 0, bytes: 0, limits }
    }

    /// Takes other limits; what waits stays.
    pub fn limit(&mut self, limits: BacklogLimits) {
        self.limits = limits;
    }

    /// Events that wait.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Bytes that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whom to answer of those who have waited longest.
    #[must_use]
    pub fn oldest(&self) -> Option<&R> {
        self.queue.front().map(|request| &request.reply)
    }

    /// Puts a request at the end. One that is larger than the limits is taken when nothing else
    /// waits, or it never could be.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn push(&mut self, drafts: Vec<Draft>, reply: R) -> Result<(), Full<R>> {
        let bytes = drafts.iter().map(Draft::size).sum();
        let over = self.events + drafts.len() > self.limits.events
            || self.bytes + bytes > self.limits.bytes;
        if over && !self.queue.is_empty() {
            return Err(Full(reply));
        }
        self.events += drafts.len();
        self.bytes += bytes;
        self.queue.push_back(Waiting { drafts, reply, bytes });
        Ok(())
    }

    /// Puts requests back to the front, in their order: they have been here before.
    pub fn put_back(&mut self, requests: Vec<Waiting<R>>) {
        for request in requests.into_iter().rev() {
            self.events += request.drafts.len();
            self.bytes += request.bytes;
            self.queue.push_front(request);
        }
    }

    /// Takes whole requests of at most `size` events together, but always one.
    pub fn take(&mut self, size: usize) -> Vec<Waiting<R>> {
        let mut taken = Vec::new();
        let mut events = 0;
        while let Some(request) = self.queue.front() {
            if !taken.is_empty() && events + request.drafts.len() > size {
                break;
            }
            let Some(request) = self.queue.pop_front() else { break };
            events += request.drafts.len();
            self.events -= request.drafts.len();
            self.bytes -= request.bytes;
            taken.push(request);
        }
        taken
    }

    /// Takes everything.
    pub fn drain(&mut self) -> Vec<Waiting<R>> {
        self.take(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::tests::draft;

    fn drafts(n: usize) -> Vec<Draft> {
        vec![draft(0, ""); n]
    }

    fn sizes<R>(taken: &[Waiting<R>]) -> Vec<usize> {
        taken.iter().map(|request| request.drafts.len()).collect()
    }

    #[test]
    fn requests_stay_whole_and_in_order() {
        let mut backlog = Backlog::new(BacklogLimits { events: 100, bytes: 1 << 20 });
        for n in [2, 3, 50, 1] {
            backlog.push(drafts(n), ()).unwrap();
        }
        assert_eq!(backlog.events(), 56);
        let taken = backlog.take(6);
        assert_eq!(sizes(&taken), [2, 3]);
        backlog.put_back(taken);
        assert_eq!(sizes(&backlog.take(5)), [2, 3]);
        assert_eq!(sizes(&backlog.take(5)), [50], "one larger than the batch goes alone");
        assert_eq!(sizes(&backlog.take(5)), [1]);
        assert_eq!((backlog.events(), backlog.bytes(), backlog.is_empty()), (0, 0, true));
    }

    #[test]
    fn is_bounded_by_events_and_by_bytes() {
        let mut backlog = Backlog::new(BacklogLimits { events: 5, bytes: 1 << 20 });
        assert!(backlog.push(drafts(9), 1).is_ok(), "or it never could be");
        assert_eq!(backlog.push(drafts(1), 2), Err(Full(2)));
        drop(backlog.drain());
        let mut backlog = Backlog::new(BacklogLimits { events: 5, bytes: 1 });
        assert!(backlog.push(drafts(1), 1).is_ok());
        assert_eq!(backlog.push(drafts(1), 2), Err(Full(2)));
    }
}
