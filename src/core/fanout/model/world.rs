//! The world of the model: a storage, a process with its tail and shards, and clients on wires.
//!
//! The shell's part is played here: effects wait in a list until the model serves one of them, in
//! any order and at any time. A page may be read at one moment and handed over much later, even to
//! another session that got the same key.

use std::{collections::HashSet, rc::Rc, time::Duration};

use uuid::Uuid;

use super::client::{Journal, Journals, Link, Opening};
use crate::core::{
    event::{Category, Event, Position, Seq},
    fanout::{
        Begin, Effect, Fanout, FanoutLimits, Key, Turn,
        tests::{LIMITS, Wire},
    },
    filter::Filter,
    numbering::Head,
    protocol::{CloseReason, Form},
    reader::{PageView, SubKey},
    tail::{SharedTail, Tail, TailLimits},
};

/// What a case is set up with.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) shards: usize,
    pub(super) tail: TailLimits,
    pub(super) window_bytes: usize,
    pub(super) groups: usize,
    pub(super) page: usize,
    pub(super) max_lag: u64,
    /// What clients are spoken to in, in turns.
    pub(super) forms: &'static [Form],
}

/// An effect that waits to be served.
#[derive(Debug)]
pub(super) enum Todo {
    Writable(Key),
    Read(Key, SubKey, Seq),
    Hand(Key, SubKey, Option<(Vec<Event>, Head)>),
    Leave(Key),
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) fanout: Fanout<Rc<Wire>>,
    pub(super) todo: Vec<Todo>,
    /// Sessions whose page could not be read: they wait for a tick.
    pub(super) unread: HashSet<Key>,
    /// Event frames on wires that are gone.
    pub(super) events: u64,
    /// Subscriptions that were ended: one frame each may have been cut, and counted for nobody.
    pub(super) ended: u64,
}

#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) link: Option<Link>,
    /// Where it resumes.
    pub(super) last: Option<Position>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) epoch: Uuid,
    pub(super) journals: Journals,
    pub(super) tail: SharedTail,
    pub(super) shards: Vec<Shard>,
    pub(super) clients: Vec<Client>,
    now: Duration,
    ids: u128,
}

impl World {
    pub(super) fn new(setup: Setup, clients: usize) -> Self {
        let epoch = Uuid::from_u128(1);
        let journal = Journal { events: Vec::new(), first: 1 };
        let mut world = Self {
            epoch,
            journals: Journals::from([(epoch, journal)]),
            tail: SharedTail::new(Tail::empty(Head::empty(epoch), setup.tail)),
            shards: Vec::new(),
            clients: (0..clients).map(|_| Client::default()).collect(),
            now: Duration::ZERO,
            ids: 1,
            setup,
        };
        world.restart();
        world
    }

    /// A client, by any number.
    pub(super) fn client(&self, client: usize) -> &Client {
        &self.clients[client % self.clients.len()]
    }

    fn client_mut(&mut self, client: usize) -> &mut Client {
        let index = client % self.clients.len();
        &mut self.clients[index]
    }

    pub(super) fn link(&self, client: usize) -> Option<&Link> {
        self.client(client).link.as_ref()
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journals[&self.epoch]
    }

    /// What storage says its head is.
    pub(super) fn stored(&self) -> Head {
        let Journal { first, .. } = *self.journal();
        let empty = Head::empty(self.epoch);
        Head { first_seq: first, head_seq: self.journal().head(), ..empty }
    }

    /// The head that readers are shown.
    pub(super) fn shown(&self) -> Head {
        self.tail.load().head()
    }

    /// Puts events into storage, and nowhere else.
    fn store(&mut self, kinds: &[(&str, usize)]) -> Vec<Event> {
        let mut fresh = Vec::new();
        for (kind, pad) in kinds {
            let seq = self.journal().head() + 1;
            self.ids += 1;
            let (id, pad) = (self.ids, "x".repeat(*pad));
            let json = format!(
                r#"{{"seq":{seq},"event_type":"{kind}","timestamp":"{seq}-{id}","data":{{"pad":"{pad}"}},"metadata":{{}}}}"#
            );
            let event = Event {
                seq,
                id: Uuid::from_u128(self.ids),
                event_type: (*kind).into(),
                source: "model".into(),
                category: Category::System,
                mode: crate::core::flags::Mode::Direct,
                created_at: chrono::DateTime::UNIX_EPOCH,
                json: json.into(),
            };
            self.journals.get_mut(&self.epoch).unwrap().events.push(event.clone());
            fresh.push(event);
        }
        fresh
    }

    pub(super) fn commit(&mut self, kinds: &[(&str, usize)]) {
        let fresh = self.store(kinds);
        let tail = self.tail.load().append(fresh, self.stored());
        self.tail.store(tail);
    }

    /// The process dies in a commit: before anything happened, or when only storage has it.
    pub(super) fn crash(&mut self, kinds: &[(&str, usize)], stored: bool) {
        if stored {
            self.store(kinds);
        }
        self.restart();
    }

    /// A new process: nobody is connected, and the tail begins where storage ends.
    pub(super) fn restart(&mut self) {
        for client in &mut self.clients {
            client.link = None;
        }
        self.tail.store(Tail::empty(self.stored(), self.setup.tail));
        let Setup { window_bytes, groups, max_lag, .. } = self.setup;
        let limits = FanoutLimits { window_bytes, groups, max_lag, ..LIMITS };
        let shard = || Shard {
            fanout: Fanout::new(self.epoch, limits),
            todo: Vec::new(),
            unread: HashSet::new(),
            events: 0,
            ended: 0,
        };
        self.shards = (0..self.setup.shards).map(|_| shard()).collect();
    }

    /// The database is put back to what it was `ago` events ago: another journal.
    pub(super) fn restore(&mut self, ago: usize) {
        let mut journal = self.journal().clone();
        journal.events.truncate(journal.events.len().saturating_sub(ago));
        journal.first = journal.first.min(journal.head() + 1);
        self.epoch = Uuid::from_u128(self.epoch.as_u128() + 1);
        self.journals.insert(self.epoch, journal);
        self.tail.store(Tail::empty(self.stored(), self.setup.tail));
    }

    /// Retention deletes all but the newest `keep`; the tail may hear of it later.
    pub(super) fn trim(&mut self, keep: Seq, told: bool) {
        let journal = self.journals.get_mut(&self.epoch).unwrap();
        journal.first = journal.first.max((journal.head() + 1).saturating_sub(keep));
        if told {
            let tail = self.tail.load().trimmed(self.stored());
            self.tail.store(tail);
        }
    }

    /// Lets a shard work with its clients, then takes its effects and reads what clients got.
    fn with<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Fanout<Rc<Wire>>, Turn<'_>) -> R,
    ) -> R {
        let tail = self.tail.load();
        let shard = &mut self.shards[index];
        let result = act(&mut shard.fanout, Turn { tail: &tail, now: self.now });
        for effect in shard.fanout.take_effects() {
            let (key, todo) = match effect {
                Effect::AwaitWritable(key) => (key, Todo::Writable(key)),
                Effect::ReadPage { session, subscription, from } => {
                    (session, Todo::Read(session, subscription, from))
                }
                Effect::Lost(..) => panic!("the journal is in storage"),
                Effect::Close(key, _) | Effect::Cut(key, _) => (key, Todo::Leave(key)),
            };
            let links = self.clients.iter_mut().filter_map(|client| client.link.as_mut());
            let link = links.into_iter().find(|link| link.shard == index && link.key == key);
            let link = link.expect("effects are for sessions that are there");
            if matches!(todo, Todo::Leave(_)) {
                shard.ended += u64::from(!link.ending);
                link.ending = true;
            }
            shard.todo.push(todo);
        }
        result
    }

    pub(super) fn connect(&mut self, client: usize, shard: usize, room: usize, most: usize) {
        if self.link(client).is_none() {
            let wire = Rc::new(Wire::default());
            wire.room.set(room);
            wire.most.set(most);
            let shard = shard % self.shards.len();
            let form = self.setup.forms[client % self.setup.forms.len()];
            let key = self.shards[shard].fanout.join(Rc::clone(&wire), form, self.now);
            self.client_mut(client).link = Some(Link::new(shard, key, form, wire));
        }
    }

    pub(super) fn subscribe(&mut self, client: usize, filter: &Filter, begin: Begin) {
        let Some(link) = self.link(client) else { return };
        if link.form == Form::Legacy && link.seen.is_some() {
            return;
        }
        let (index, key, ending) = (link.shard, link.key, link.ending);
        let stays = self.shards[index].fanout.epoch == self.epoch && !ending;
        let opening = self.opening(filter, begin);
        let taken = self.with(index, |fanout, turn| fanout.subscribe(key, filter, begin, turn));
        if taken.is_ok() && stays {
            self.shards[index].ended += 1;
            self.client_mut(client).link.as_mut().unwrap().open(opening);
        }
    }

    /// What the contract says of the beginning of a subscription.
    fn opening(&self, filter: &Filter, begin: Begin) -> Opening {
        let Head { first_seq: first, head_seq: head, epoch, .. } = self.shown();
        let (seq, gap) = match begin {
            Begin::Now => (head, None),
            Begin::After(place) if place.epoch != epoch => (head, Some((first, head, "epoch"))),
            Begin::After(place) if place.seq > head => (head, Some((head + 1, place.seq, "ahead"))),
            Begin::After(place) => (place.seq, None),
            Begin::At(seq) => (seq.saturating_sub(1).min(head), None),
        };
        let missed = (seq + 1, first - 1, "retention");
        let (seq, gap) = if seq + 1 < first { (first - 1, Some(missed)) } else { (seq, gap) };
        let max_lag = self.setup.max_lag;
        let (seq, gap) = if max_lag > 0 && head - seq > max_lag {
            let from = gap.map_or(seq + 1, |(from, _, _)| from);
            let seq = head - max_lag / 2;
            (seq, Some((from, seq, "lag")))
        } else {
            (seq, gap)
        };
        let gap_with_events = gap.filter(|(from, to, _)| from <= to);
        let at = Position { epoch, seq };
        Opening { filter: filter.clone(), at, recovered: gap.is_none(), gap: gap_with_events }
    }

    /// A pass that is stopped after the clock was asked `strides` times.
    pub(super) fn advance(&mut self, shard: usize, mut strides: usize) -> bool {
        let index = shard % self.shards.len();
        let go_on = move || {
            strides = strides.saturating_sub(1);
            strides > 0
        };
        let done = self.with(index, |fanout, turn| fanout.advance(turn, go_on));
        self.read();
        if done {
            self.assert_current(index);
        }
        done
    }

    /// Serves one effect; `ok` says whether a page can be read.
    pub(super) fn serve(&mut self, shard: usize, which: usize, ok: bool) {
        let index = shard % self.shards.len();
        let shard = &mut self.shards[index];
        if shard.todo.is_empty() {
            return;
        }
        let todo = shard.todo.swap_remove(which % shard.todo.len());
        match todo {
            Todo::Writable(key) => {
                let Some(wire) = shard.fanout.sink(key).cloned() else { return };
                if wire.room.get() > 0 || wire.gone.get() {
                    self.with(index, |fanout, turn| fanout.writable(key, turn));
                } else {
                    shard.todo.push(todo);
                }
            }
            Todo::Read(key, subscription, from) => {
                let page = ok.then(|| self.page(from));
                self.shards[index].todo.push(Todo::Hand(key, subscription, page));
            }
            Todo::Hand(key, subscription, page) => {
                let epoch = shard.fanout.epoch;
                let useful =
                    |(events, head): &(Vec<Event>, Head)| !events.is_empty() && head.epoch == epoch;
                if !page.as_ref().is_some_and(useful) {
                    shard.unread.insert(key);
                }
                let view = page.as_ref().map(|(events, head)| PageView {
                    events,
                    scanned_through: events.last().map_or(head.head_seq, |event| event.seq),
                    head: *head,
                });
                self.with(index, |fanout, turn| fanout.page(key, subscription, view, turn));
            }
            Todo::Leave(key) => self.leave_key(index, key),
        }
    }

    fn page(&self, from: Seq) -> (Vec<Event>, Head) {
        let from = from.max(self.journal().first);
        let events = self.journal().events.iter().filter(|event| event.seq >= from);
        (events.take(self.setup.page).cloned().collect(), self.stored())
    }

    pub(super) fn tick(&mut self, seconds: u64, answer: impl Fn(usize) -> bool) {
        self.now += Duration::from_secs(seconds);
        for index in 0..self.shards.len() {
            self.shards[index].unread.clear();
            self.with(index, Fanout::tick);
        }
        for (client, link) in self.clients.iter().enumerate() {
            if let Some(link) = link.link.as_ref().filter(|_| answer(client)) {
                self.shards[link.shard].fanout.heard(link.key);
            }
        }
    }

    pub(super) fn end(&mut self, client: usize) {
        if let Some((index, key)) = self.place(client) {
            let after = Some(Duration::from_secs(1));
            self.with(index, |fanout, turn| fanout.end(key, CloseReason::Closed, after, turn));
        }
    }

    pub(super) fn leave(&mut self, client: usize) {
        if let Some((index, key)) = self.place(client) {
            self.shards[index].ended += 1;
            self.leave_key(index, key);
        }
    }

    fn place(&self, client: usize) -> Option<(usize, Key)> {
        self.link(client).map(|link| (link.shard, link.key))
    }

    fn leave_key(&mut self, index: usize, key: Key) {
        let Some(client) = (0..self.clients.len()).find(|c| self.place(*c) == Some((index, key)))
        else {
            return;
        };
        self.with(index, |fanout, turn| fanout.leave(key, turn));
        self.read();
        let events = self.clients[client].link.take().map_or(0, |link| link.events);
        let shard = &mut self.shards[index];
        shard.events += events;
        // A socket is not waited for any longer; but a page may still come, for whoever is there.
        shard.todo.retain(|todo| !matches!(todo, Todo::Writable(k) | Todo::Leave(k) if *k == key));
    }

    /// Every client reads what it got.
    pub(super) fn read(&mut self) {
        for client in &mut self.clients {
            if let Some(link) = &mut client.link {
                client.last = link.read(&self.journals).or(client.last);
            }
        }
    }
}
