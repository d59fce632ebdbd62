//! A subscription's cursor: what it writes next, and where it is after a write that was cut short.
//!
//! Nothing is queued for anybody. A [`Reader`] holds its place; the [`Outbox`] of a socket, which
//! several readers may share, bytes only of what must go out before anything else: the rest of a
//! frame the kernel took in part, and answers to the client.

use std::cell::OnceCell;

use super::{
    cursor::Start,
    event::{Event, Position, Seq},
    interest::{Events, Feed, Interest},
    ledger::{Account, Balance},
    numbering::Head,
    protocol::{Gap, GapReason, ServerFrame},
    window::{Room, Window},
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

    /// Whether bytes that it took earlier went further since this was asked last; for a sink that
    /// has bytes of its own on the way, which move while it takes none.
    fn take_moved(&self) -> bool {
        false
    }
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
    /// What comes next is nowhere any more, and the client cannot be told in its form.
    Lost,
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
    /// Where that is read.
    pub feed: Feed<'a>,
}

impl Source<'_> {
    /// Whether the feed holds everything from `seq` on that the group has looked at.
    fn in_memory(&self, seq: Seq) -> bool {
        self.interest.is_of(self.feed)
            && seq >= self.feed.first()
            && self.group.next() <= self.feed.next()
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

/// Names a subscription to the socket it shares with others.
pub type SubKey = usize;

/// Whose frame has gone out whole, after its first part did earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// A subscription's, which is still there.
    To(SubKey),
    /// One of a subscription that has ended since.
    Late,
}

/// What must go out to a socket before anything else.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Never empty while the socket refuses bytes: trying these tells whether it still does.
    unsent: Vec<u8>,
    /// Bytes of a large answer before which nothing waited.
    large: usize,
    /// How many of the first unsent bytes are the rest of an event's frame.
    cut: usize,
    /// Whose frame that is; nobody's when the subscription has ended since.
    owner: Option<SubKey>,
    paid: Option<Paid>,
    /// Bytes the socket took.
    taken: u64,
    /// Bytes that may wait besides, until none does.
    room: usize,
}

impl Outbox {
    /// Bytes the socket has taken so far.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether more answers wait than a client may leave unread.
    #[must_use]
    pub fn overflows(&self) -> bool {
        self.unsent.len() > MAX_UNSENT + self.large + self.cut + self.room
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

    /// The same for frames that are not answers and may be long. Whoever says them says the next when
    /// these have gone out.
    pub fn say_at_length(&mut self, frames: &[u8]) {
        if self.is_heard() {
            self.large = 0;
        }
        self.room = self.room.max(frames.len());
        self.unsent.extend_from_slice(frames);
    }

    /// Whether a frame of the subscription is cut: its rest is still to go out.
    #[must_use]
    pub fn holds(&self, key: SubKey) -> bool {
        self.cut > 0 && self.owner == Some(key)
    }

    /// The subscription ends. Of a frame that the kernel has in part, the rest still goes out.
    pub fn disown(&mut self, key: SubKey) {
        self.owner = self.owner.filter(|owner| *owner != key);
    }

    /// Whose cut frame has gone out whole since this was asked last.
    pub fn take_paid(&mut self) -> Option<Paid> {
        self.paid.take()
    }

    /// Lets go of what is unsent, which will never go out; whether a frame was in it that was cut,
    /// of a subscription that has ended.
    pub fn forget(&mut self) -> bool {
        self.unsent = Vec::new();
        std::mem::take(&mut self.cut) > 0 && self.owner.is_none()
    }

    /// Writes what must go out first; `None` when nothing is left of it.
    pub fn flush(&mut self, sink: &impl Sink) -> Option<Step> {
        if self.unsent.is_empty() {
            return None;
        }
        let Ok(taken) = sink.write(&self.unsent) else { return Some(Step::Gone) };
        self.taken += taken as u64;
        if self.cut > 0 && taken >= self.cut {
            self.paid = Some(self.owner.take().map_or(Paid::Late, Paid::To));
        }
        self.cut = self.cut.saturating_sub(taken);
        if taken == self.unsent.len() {
            (self.unsent, self.room) = (Vec::new(), 0);
            return None;
        }
        self.unsent.drain(..taken);
        Some(if self.overflows() { Step::Overflow } else { Step::Blocked })
    }
}

/// A socket, and which of its subscriptions writes to it.
pub struct Port<'a, S> {
    /// The socket.
    pub sink: &'a S,
    /// What must go out first.
    pub outbox: &'a mut Outbox,
    /// Who writes.
    pub key: SubKey,
}

/// The cursor of one subscription.
#[derive(Debug)]
pub struct Reader {
    next: Seq,
    account: Account,
}

impl Reader {
    /// Begins a subscription in a group that has looked at everything before `group.next()`.
    #[must_use]
    pub fn new(start: Start, group: &Window) -> Self {
        let account = Account::open(start.next, group.next(), group.matched());
        Self { next: start.next, account }
    }

    /// The next `seq` to look at.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.next
    }

    /// Events delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.account.delivered()
    }

    /// Counts a frame that was cut and has gone out whole.
    pub fn deliver(&mut self) {
        self.account.deliver(1);
    }

    /// The group went on at `to` without having looked at the events from `from` on: it was so far
    /// behind that the tail has forgotten them.
    pub fn miss(&mut self, from: Seq, to: Seq) {
        self.account.miss(from, to);
    }

    /// Ends the subscription: what is still pending of it is dropped for `reason`, but for a frame
    /// that is `cut`, whose rest still goes out.
    #[must_use]
    pub fn close(mut self, source: Source<'_>, cut: bool, reason: &'static str) -> Balance {
        let mut balance = self.balance(source, cut, &Matches::new());
        let pending = std::mem::replace(&mut balance.pending, cut.into());
        balance.drop(reason, pending.saturating_sub(cut.into()));
        balance
    }

    /// The balance now; a frame that is `cut` is pending. `matches` is for all readers of the group.
    pub fn balance(&mut self, source: Source<'_>, cut: bool, matches: &Matches) -> Balance {
        let pending = count(source, self.next, self.account.unseen(), matches);
        self.account.balance(source.group.matched(), pending.map(|n| n + u64::from(cut)))
    }

    /// Writes what can be written now, up to what the group has looked at.
    pub fn pump<S: Sink>(
        &mut self,
        port: &mut Port<'_, S>,
        source: Source<'_>,
        scratch: &mut Window,
    ) -> Step {
        if let Some(step) = port.outbox.flush(port.sink) {
            return step;
        }
        while self.next < source.group.next() {
            let step = if source.group.covers(self.next) {
                self.write(port, source.group)
            } else if source.in_memory(self.next) {
                scratch.restart(self.next);
                let room = Room { bytes: SCRATCH_BYTES, end: source.group.next() };
                source.interest.join(scratch, source.feed, room);
                self.write(port, scratch)
            } else if matches!(source.feed, Feed::Topic(_)) {
                Some(Step::Lost)
            } else {
                Some(Step::Page(self.next))
            };
            if let Some(step) = step {
                return step;
            }
        }
        Step::Current
    }

    /// Writes what can be written of a page; what cannot is read again later.
    pub fn page<S: Sink>(
        &mut self,
        port: &mut Port<'_, S>,
        page: PageView<'_>,
        source: Source<'_>,
        scratch: &mut Window,
    ) -> Step {
        let end = source.group.next();
        if let Some(gap) = self.lost(&page.head, end) {
            let Interest::Events(Events { form, epoch, .. }) = *source.interest else {
                return Step::Lost;
            };
            let position = Position { epoch, seq: gap.to_seq };
            let mut frame = Vec::new();
            form.frame(&mut frame, &ServerFrame::Gap { gap, position });
            port.outbox.say(&frame);
        }
        if let Some(step) = port.outbox.flush(port.sink) {
            return step;
        }
        if page.reaches_back_to(self.next) {
            let next = self.next;
            scratch.restart(next);
            let events = page.events.iter().skip_while(|event| event.seq < next);
            source.interest.join_events(scratch, events, Room { bytes: usize::MAX, end });
            scratch.skip_to(end.min(page.scanned_through + 1));
            if let Some(step) = self.write(port, scratch) {
                return step;
            }
        }
        self.pump(port, source, scratch)
    }

    /// Steps over what retention has deleted before it could be read.
    fn lost(&mut self, head: &Head, end: Seq) -> Option<Gap> {
        let (from_seq, next) = (self.next, head.first_seq.min(end));
        if next <= from_seq {
            return None;
        }
        self.next = next;
        self.account.skip(from_seq, next);
        Some(Gap { from_seq, to_seq: next - 1, reason: GapReason::Retention })
    }

    /// Writes all of `window` from the cursor on; `None` when the socket took everything.
    fn write<S: Sink>(&mut self, port: &mut Port<'_, S>, window: &Window) -> Option<Step> {
        self.account.count(window.next(), |from, to| window.count_between(from, to));
        let slice = window.slice(self.next);
        if slice.is_empty() {
            self.next = window.next();
            return None;
        }
        let Ok(taken) = port.sink.write(slice) else { return Some(Step::Gone) };
        let cut = window.cut(self.next, taken);
        self.account.deliver(cut.frames);
        self.next = cut.next;
        let Port { outbox, key, .. } = port;
        outbox.taken += taken as u64;
        outbox.cut = cut.rest.len();
        outbox.owner = Some(*key);
        outbox.unsent.extend_from_slice(cut.rest);
        (taken < slice.len()).then_some(Step::Blocked)
    }
}

/// The places of all events in the tail that match a group's filter, up to where the group has
/// looked: made when it is first needed, for all readers of the group that are behind its window.
pub type Matches = OnceCell<Vec<Seq>>;

/// How many matches from `next` on were counted and are still to be sent; `None` when memory does
/// not hold them.
fn count(source: Source<'_>, next: Seq, unseen: &[(Seq, Seq)], matches: &Matches) -> Option<u64> {
    let Source { interest, group, feed } = source;
    if group.covers(next) {
        let uncounted = unseen.iter().map(|(from, to)| group.count_between(*from, *to));
        return Some(group.count(next) - uncounted.sum::<u64>());
    }
    if !source.in_memory(next) {
        return None;
    }
    let matches = matches.get_or_init(|| interest.matching(feed, group.next()));
    let before = |seq| matches.partition_point(|at| *at < seq);
    let between = |from: Seq, to: Seq| before(to.max(from)) - before(from);
    let uncounted = unseen.iter().map(|(from, to)| between((*from).max(next), *to));
    Some((between(next, Seq::MAX) - uncounted.sum::<usize>()) as u64)
}
