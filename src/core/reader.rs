//! A session's cursor: what it writes next, and where it is after a write that was cut short.
//!
//! Nothing is queued for a session. It holds its place, and bytes only of what must go out before
//! anything else: the rest of a frame the kernel took in part, and answers to the client.

use std::cell::OnceCell;

use super::{
    cursor::Start,
    event::{Event, Position, Seq},
    ledger::{Account, Balance},
    numbering::Head,
    protocol::{Gap, GapReason, ServerFrame},
    tail::Tail,
    window::{Interest, Window},
};

/// Bytes of answers that may wait for a client that does not read; more ends the session. One that
/// has nothing waiting before it may be larger by itself: whoever makes it bounds it.
pub const MAX_UNSENT: usize = 64 << 10;
/// Bytes that a session joins for itself at a time, when its group's window has gone on.
const SCRATCH_BYTES: usize = 64 << 10;

/// Where bytes go: a socket that never blocks.
pub trait Sink {
    /// Writes what can be written now.
    ///
    /// # Errors
    /// [`Gone`] when nothing will ever be written again.
    fn write(&self, bytes: &[u8]) -> Result<usize, Gone>;
}

/// The other side is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Where a reader stands after it wrote what it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has all that its group has looked at.
    Current,
    /// The socket refuses bytes: go on when it is writable.
    Blocked,
    /// What comes next is in storage alone: read a page from this `seq` on.
    Page(Seq),
    /// The socket is gone.
    Gone,
    /// Too much waits for a client that does not read.
    Overflow,
}

/// What a reader reads from, for one turn.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What it wants to hear, like all of its group.
    pub interest: &'a Interest,
    /// What its group has joined.
    pub group: &'a Window,
    /// The tail; of another epoch only until the shard has noticed.
    pub tail: &'a Tail,
}

impl Source<'_> {
    /// Whether the tail holds everything from `seq` on that the group has looked at.
    fn in_memory(&self, seq: Seq) -> bool {
        self.tail.epoch() == self.interest.epoch
            && seq >= self.tail.first()
            && self.group.next() <= self.tail.next()
    }
}

/// A page of storage, as a reader needs it. It may be an old one, asked for by another
/// subscription: what it holds is seen from its events.
#[derive(Clone, Copy, Debug)]
pub struct PageView<'a> {
    /// The events, oldest first, without a hole: all of them, not only those that match.
    pub events: &'a [Event],
    /// Everything up to here is in the page.
    pub scanned_through: Seq,
    /// Where the journal began and ended.
    pub head: Head,
}

impl PageView<'_> {
    /// Whether no event between `seq` and the end of the page is missing.
    fn reaches_back_to(&self, seq: Seq) -> bool {
        self.events.first().is_some_and(|first| first.seq <= seq)
    }
}

#[derive(Debug)]
struct Subscription {
    next: Seq,
    account: Account,
}

/// The cursor of one session.
#[derive(Debug, Default)]
pub struct Reader {
    /// Never empty while the socket refuses bytes: trying these tells whether it still does.
    unsent: Vec<u8>,
    /// Bytes of a large answer before which nothing waited.
    large: usize,
    /// How many of the first unsent bytes are the rest of an event's frame.
    cut: usize,
    /// Whether that frame is of a subscription that has ended since.
    cut_is_late: bool,
    /// Such a frame has gone out whole.
    late: bool,
    subscription: Option<Subscription>,
    /// Bytes the socket took.
    taken: u64,
}

impl Reader {
    /// Bytes the socket has taken so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The next `seq` to look at, if there is a subscription.
    #[must_use]
    pub fn next(&self) -> Option<Seq> {
        self.subscription.as_ref().map(|subscription| subscription.next)
    }

    /// Events delivered in this subscription.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.subscription.as_ref().map_or(0, |subscription| subscription.account.delivered())
    }

    /// Whether more answers wait than a client may leave unread.
    #[must_use]
    pub fn overflows(&self) -> bool {
        self.unsent.len() > MAX_UNSENT + self.large + self.cut
    }

    /// Whether no answer waits to go out.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.unsent.len() <= self.cut
    }

    /// Puts whole frames behind what is unsent.
    pub fn say(&mut self, frames: &[u8]) {
        if self.is_heard() {
            self.large = if frames.len() > MAX_UNSENT { frames.len() } else { 0 };
        }
        self.unsent.extend_from_slice(frames);
    }

    /// Begins a subscription in a group that has looked at everything before `group.next()`.
    pub fn subscribe(&mut self, start: Start, group: &Window) {
        let account = Account::open(start.next, group.next(), group.matched());
        self.subscription = Some(Subscription { next: start.next, account });
    }

    /// The group went on at `to` without having looked at the events from `from` on: it was so far
    /// behind that the tail has forgotten them.
    pub fn miss(&mut self, from: Seq, to: Seq) {
        if let Some(subscription) = &mut self.subscription {
            subscription.account.miss(from, to);
        }
    }

    /// Ends the subscription: what is still pending is dropped for `reason`, but for a frame that
    /// was cut: see [`Reader::take_late`] and [`Reader::forget`].
    pub fn unsubscribe(&mut self, source: Source<'_>, reason: &'static str) -> Balance {
        let mut balance = self.balance(source, &Matches::new());
        self.subscription = None;
        // Of a frame that the kernel has in part, the rest still goes out: it stays pending.
        let cut = u64::from(self.cut > 0 && !self.cut_is_late);
        self.cut_is_late |= cut > 0;
        let pending = std::mem::replace(&mut balance.pending, cut);
        balance.drop(reason, pending.saturating_sub(cut));
        balance
    }

    /// Whether a frame that was pending of a subscription when it ended has gone out since this was
    /// asked last.
    pub fn take_late(&mut self) -> bool {
        std::mem::take(&mut self.late)
    }

    /// Lets go of what is unsent, which will never go out; whether such a frame was in it.
    pub fn forget(&mut self) -> bool {
        self.unsent = Vec::new();
        std::mem::take(&mut self.cut) > 0 && self.cut_is_late
    }

    /// The subscription's balance now. `matches` is for all readers of the group.
    pub fn balance(&mut self, source: Source<'_>, matches: &Matches) -> Balance {
        let cut = u64::from(self.cut > 0 && !self.cut_is_late);
        let Some(Subscription { next, account }) = &mut self.subscription else {
            return Balance::default();
        };
        let pending = count(source, *next, account.unseen(), matches).map(|pending| pending + cut);
        account.balance(source.group.matched(), pending)
    }

    /// Writes what can be written now, up to what the group has looked at.
    pub fn pump(&mut self, sink: &impl Sink, source: Source<'_>, scratch: &mut Window) -> Step {
        if let Some(step) = self.flush(sink) {
            return step;
        }
        while let Some(next) = self.next().filter(|next| *next < source.group.next()) {
            let step = if source.group.covers(next) {
                self.write(sink, source.group)
            } else if source.in_memory(next) {
                scratch.restart(next);
                let events = source.tail.from(next).map(AsRef::as_ref);
                scratch.extend(events, source.interest, SCRATCH_BYTES, source.group.next());
                self.write(sink, scratch)
            } else {
                Some(Step::Page(next))
            };
            if let Some(step) = step {
                return step;
            }
        }
        Step::Current
    }

    /// Writes what can be written of a page; what cannot is read again later.
    pub fn page(
        &mut self,
        sink: &impl Sink,
        page: PageView<'_>,
        source: Source<'_>,
        scratch: &mut Window,
    ) -> Step {
        let end = source.group.next();
        if let Some(gap) = self.lost(&page.head, end) {
            let Interest { form, epoch, .. } = *source.interest;
            let position = Position { epoch, seq: gap.to_seq };
            let mut frame = Vec::new();
            form.frame(&mut frame, &ServerFrame::Gap { gap, position });
            self.say(&frame);
        }
        if let Some(step) = self.flush(sink) {
            return step;
        }
        if let Some(next) = self.next().filter(|next| page.reaches_back_to(*next)) {
            scratch.restart(next);
            let events = page.events.iter().skip_while(|event| event.seq < next);
            scratch.extend(events, source.interest, usize::MAX, end);
            scratch.skip_to(end.min(page.scanned_through + 1));
            if let Some(step) = self.write(sink, scratch) {
                return step;
            }
        }
        self.pump(sink, source, scratch)
    }

    /// Steps over what retention has deleted before it could be read.
    fn lost(&mut self, head: &Head, end: Seq) -> Option<Gap> {
        let subscription = self.subscription.as_mut()?;
        let (from_seq, next) = (subscription.next, head.first_seq.min(end));
        if next <= from_seq {
            return None;
        }
        subscription.next = next;
        subscription.account.skip(from_seq, next);
        Some(Gap { from_seq, to_seq: next - 1, reason: GapReason::Retention })
    }

    /// Writes all of `window` from the cursor on; `None` when the socket took everything.
    fn write(&mut self, sink: &impl Sink, window: &Window) -> Option<Step> {
        let subscription = self.subscription.as_mut()?;
        subscription.account.count(window.next(), |from, to| window.count_between(from, to));
        let slice = window.slice(subscription.next);
        if slice.is_empty() {
            subscription.next = window.next();
            return None;
        }
        let Ok(taken) = sink.write(slice) else { return Some(Step::Gone) };
        self.taken += taken as u64;
        let cut = window.cut(subscription.next, taken);
        subscription.account.deliver(cut.frames);
        subscription.next = cut.next;
        self.cut = cut.rest.len();
        self.cut_is_late = false;
        self.unsent.extend_from_slice(cut.rest);
        (taken < slice.len()).then_some(Step::Blocked)
    }

    /// Writes what must go out first; `None` when nothing is left of it.
    pub fn flush(&mut self, sink: &impl Sink) -> Option<Step> {
        if self.unsent.is_empty() {
            return None;
        }
        let Ok(taken) = sink.write(&self.unsent) else { return Some(Step::Gone) };
        self.taken += taken as u64;
        if self.cut > 0 && taken >= self.cut {
            match &mut self.subscription {
                Some(subscription) if !self.cut_is_late => subscription.account.deliver(1),
                _ => self.late = true,
            }
        }
        self.cut = self.cut.saturating_sub(taken);
        if taken == self.unsent.len() {
            self.unsent = Vec::new();
            return None;
        }
        self.unsent.drain(..taken);
        Some(if self.overflows() { Step::Overflow } else { Step::Blocked })
    }
}

/// The places of all events in the tail that match a group's filter, up to where the group has
/// looked: made when it is first needed, for all readers of the group that are behind its window.
pub type Matches = OnceCell<Vec<Seq>>;

/// How many matches from `next` on were counted and are still to be sent; `None` when memory does
/// not hold them.
fn count(source: Source<'_>, next: Seq, unseen: &[(Seq, Seq)], matches: &Matches) -> Option<u64> {
    let Source { interest, group, tail } = source;
    if group.covers(next) {
        let uncounted = unseen.iter().map(|(from, to)| group.count_between(*from, *to));
        return Some(group.count(next) - uncounted.sum::<u64>());
    }
    if !source.in_memory(next) {
        return None;
    }
    let matches = matches.get_or_init(|| {
        let events = tail.from(tail.first()).take_while(|event| event.seq < group.next());
        events.filter(|event| interest.filter.matches(event)).map(|event| event.seq).collect()
    });
    let before = |seq| matches.partition_point(|at| *at < seq);
    let between = |from: Seq, to: Seq| before(to.max(from)) - before(from);
    let uncounted = unseen.iter().map(|(from, to)| between((*from).max(next), *to));
    Some((between(next, Seq::MAX) - uncounted.sum::<usize>()) as u64)
}
