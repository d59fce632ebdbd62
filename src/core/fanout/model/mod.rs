//! The laws of the fan-out, for any interleaving: a random history of commits, crashes, slow and
//! dead sockets, late pages, retention and restored databases is played against [`World`], and
//! after every step each client's bytes are held against the journal.
//!
//! `make soak` runs 25 times as many cases, by `PROPTEST_CASES`.

mod client;
mod hear;
mod laws;
mod world;

use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

use self::world::{Setup, World};
use super::{
    Begin,
    tests::{PLENTY, filter},
};
use crate::core::{event::Position, protocol::Form, tail::TailLimits};

/// A few clients, or so many that a pass stops in the middle of a group.
const CLIENTS: [usize; 2] = [4, 36];
const FORMS: [&[Form]; 4] =
    [&[Form::Session], &[Form::Session, Form::Sse, Form::Legacy], &[Form::Sse], &[Form::Legacy]];
const FILTERS: [&[&str]; 5] = [&[], &["a"], &["b"], &["a", "b"], &["never"]];

/// Where a client wants to begin; numbers count back from a little beyond the head.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Now,
    /// After the last position it saw.
    Resume,
    After(u64),
    OtherEpoch(u64),
    At(u64),
}

type Kinds = Vec<(&'static str, usize)>;

#[derive(Clone, Debug)]
enum Action {
    Commit(Kinds),
    Crash {
        kinds: Kinds,
        stored: bool,
    },
    Restore {
        ago: usize,
        restart: bool,
    },
    Trim {
        keep: u64,
        told: bool,
    },
    /// Connects and resumes.
    Connect {
        client: usize,
        shard: usize,
        room: usize,
        most: usize,
        filter: usize,
    },
    Subscribe {
        client: usize,
        filter: usize,
        wish: Wish,
    },
    Room {
        client: usize,
        room: usize,
        most: usize,
    },
    Advance {
        shard: usize,
        strides: usize,
    },
    Serve {
        shard: usize,
        which: usize,
        ok: bool,
    },
    Tick {
        seconds: u64,
        answers: [bool; 4],
    },
    End(usize),
    Leave(usize),
    Kill(usize),
}

fn kinds() -> impl Strategy<Value = Kinds> {
    let pad = prop_oneof![4 => Just(0), 3 => 0..200usize, 1 => Just(400)];
    vec((prop::sample::select(vec!["a", "b", "c"]), pad), 0..7)
}

fn room() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(PLENTY), 3 => 0..60usize, 2 => 60..600usize]
}

fn most() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(PLENTY), 1 => 1..100usize]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        3 => Just(Wish::Now),
        4 => Just(Wish::Resume),
        4 => (0..24u64).prop_map(Wish::After),
        1 => (0..9u64).prop_map(Wish::OtherEpoch),
        2 => (0..24u64).prop_map(Wish::At),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let client = || 0..CLIENTS[1];
    let filter = || 0..FILTERS.len();
    let shard = || 0..2usize;
    prop_oneof![
        20 => kinds().prop_map(Action::Commit),
        20 => (shard(), 1..4usize)
            .prop_map(|(shard, strides)| Action::Advance { shard, strides }),
        25 => (shard(), 0..8usize, prop::bool::weighted(0.85))
            .prop_map(|(shard, which, ok)| Action::Serve { shard, which, ok }),
        12 => (client(), filter(), wish())
            .prop_map(|(client, filter, wish)| Action::Subscribe { client, filter, wish }),
        12 => (client(), shard(), room(), most(), filter())
            .prop_map(|(client, shard, room, most, filter)| {
                Action::Connect { client, shard, room, most, filter }
            }),
        12 => (client(), room(), most())
            .prop_map(|(client, room, most)| Action::Room { client, room, most }),
        4 => (0..14u64, any::<bool>()).prop_map(|(keep, told)| Action::Trim { keep, told }),
        4 => (0..20u64, any::<[bool; 4]>())
            .prop_map(|(seconds, answers)| Action::Tick { seconds, answers }),
        1 => (kinds(), any::<bool>()).prop_map(|(kinds, stored)| Action::Crash { kinds, stored }),
        2 => (0..12usize, any::<bool>())
            .prop_map(|(ago, restart)| Action::Restore { ago, restart }),
        1 => client().prop_map(Action::End),
        2 => client().prop_map(Action::Leave),
        4 => client().prop_map(Action::Kill),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let tail = (1..9usize, prop_oneof![3 => Just(1 << 20), 1 => 200..2000usize]);
    let groups = prop_oneof![3 => Just(8), 1 => 1..4usize];
    let max_lag = prop_oneof![5 => Just(0), 1 => 1..20u64];
    let forms = prop::sample::select(&FORMS[..]);
    (1..3usize, tail, 1..600usize, groups, 1..7usize, max_lag, forms).prop_map(
        |(shards, (events, bytes), window_bytes, groups, page, max_lag, forms)| Setup {
            shards,
            tail: TailLimits { events, bytes },
            window_bytes,
            groups,
            page,
            max_lag,
            forms,
        },
    )
}

impl World {
    fn act(&mut self, action: &Action) {
        match action {
            Action::Commit(kinds) => self.commit(kinds),
            Action::Crash { kinds, stored } => self.crash(kinds, *stored),
            Action::Restore { ago, restart } => {
                self.restore(*ago);
                if *restart {
                    self.restart();
                }
            }
            Action::Trim { keep, told } => self.trim(*keep, *told),
            Action::Connect { client, shard, room, most, filter: index } => {
                self.connect(*client, *shard, *room, *most);
                self.wish(*client, *index, Wish::Resume);
            }
            Action::Subscribe { client, filter: index, wish } => self.wish(*client, *index, *wish),
            Action::Room { client, room, most } => {
                if let Some(link) = self.link(*client) {
                    link.wire.room.set(*room);
                    link.wire.most.set(*most);
                }
            }
            Action::Advance { shard, strides } => drop(self.advance(*shard, *strides)),
            Action::Serve { shard, which, ok } => self.serve(*shard, *which, *ok),
            Action::Tick { seconds, answers } => self.tick(*seconds, |client| answers[client % 4]),
            Action::End(client) => self.end(*client),
            Action::Leave(client) => self.leave(*client),
            Action::Kill(client) => {
                if let Some(link) = self.link(*client) {
                    link.wire.gone.set(true);
                }
            }
        }
    }

    fn wish(&mut self, client: usize, index: usize, wish: Wish) {
        let begin = self.begin(client, wish);
        self.subscribe(client, &filter(FILTERS[index]), begin);
    }

    fn begin(&self, client: usize, wish: Wish) -> Begin {
        let head = self.shown();
        let back = |n| (head.head_seq + 4).saturating_sub(n);
        match wish {
            Wish::Now => Begin::Now,
            Wish::Resume => self.client(client).last.map_or(Begin::Now, Begin::After),
            Wish::After(n) => Begin::After(Position { epoch: head.epoch, seq: back(n) }),
            Wish::OtherEpoch(n) => {
                Begin::After(Position { epoch: Uuid::from_u128(u128::MAX), seq: back(n) })
            }
            Wish::At(n) => Begin::At(back(n)),
        }
    }
}

proptest! {
    #![proptest_config({
        let config = ProptestConfig::default();
        ProptestConfig { cases: config.cases.max(4_000), ..config }
    })]

    #[test]
    fn every_client_gets_every_matching_event_once_in_order_or_a_gap(
        setup in setup(),
        clients in prop_oneof![6 => Just(CLIENTS[0]), 1 => Just(CLIENTS[1])],
        room in room(),
        actions in vec(action(), 1..100),
    ) {
        let mut world = World::new(setup, clients);
        for client in 0..clients {
            world.connect(client, client, room, PLENTY);
            world.wish(client, 0, Wish::Now);
        }
        for action in &actions {
            world.act(action);
            world.check();
        }
        world.drain();
    }
}
