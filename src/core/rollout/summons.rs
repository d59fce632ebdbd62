//! Which sessions of the direct path are told to move, and which end because they did not.
//!
//! A session is told once for each generation of the settings in which its client belongs elsewhere,
//! and again when its client belonged here in between. It is told shortly before its slot, so that
//! nobody waits behind moves that are called off. Where everybody must leave (`realtime_only`), it has
//! a time for that, from its slot, or from when it was first seen if it cannot be moved.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use uuid::Uuid;

use super::{
    assign::{Assignment, Path, Rule},
    pacer::Moves,
};

/// How long before its slot a session is told at most.
const HORIZON: Duration = Duration::from_secs(2);

/// A session of the direct path.
#[derive(Clone, Copy, Debug)]
pub struct Present<'a> {
    /// The session.
    pub id: Uuid,
    /// Its client, when that says who it is.
    pub client_id: Option<&'a str>,
    /// Whether it can be moved.
    pub movable: bool,
}

/// What is to happen to sessions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// These are told to go.
    pub summons: Vec<Summons>,
    /// The time of these is over.
    pub overdue: HashSet<Uuid>,
}

/// A session is to go to the realtime path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summons {
    /// The session.
    pub id: Uuid,
    /// Why.
    pub assignment: Assignment,
    /// How long from now it must still wait.
    pub wait: Duration,
}

/// What is remembered of a session.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The generation for which it was told last.
    told: Option<u64>,
    /// Everybody must leave: when its time is over.
    due: Option<Duration>,
}

/// Who was told.
#[derive(Debug, Default)]
pub struct Callers {
    known: HashMap<Uuid, Known>,
}

/// The present, as [`Callers`] need it.
pub struct Look<'a> {
    /// The generation of the settings.
    pub generation: u64,
    /// How long sessions may stay where everybody must leave.
    pub stay: Duration,
    /// Where a client belongs.
    pub assign: &'a dyn Fn(&str) -> Assignment,
    /// Whether everybody must leave the direct path.
    pub all_leave: bool,
    /// Now.
    pub now: Duration,
}

impl Callers {
    /// Looks at all sessions of the direct path: what is to happen to them now.
    pub fn look<'a>(
        &mut self,
        sessions: impl IntoIterator<Item = Present<'a>>,
        look: &Look<'_>,
        moves: &mut Moves,
        mut jitter: impl FnMut() -> f64,
    ) -> Called {
        let mut called = Called::default();
        let before = std::mem::take(&mut self.known);
        for session in sessions {
            let known = before.get(&session.id).copied();
            let mut known = known.unwrap_or(Known { told: None, due: None });
            let assignment = session.client_id.filter(|_| session.movable).map(look.assign);
            match assignment.filter(|it| it.path == Path::Realtime) {
                Some(assignment) if known.told != Some(look.generation) => {
                    let summons = summon(session, assignment, look, moves, jitter());
                    if let Some(summons) = summons {
                        known.told = Some(look.generation);
                        known.due =
                            Some(look.now.saturating_add(summons.wait).saturating_add(look.stay));
                        called.summons.push(summons);
                    }
                }
                Some(_) => {}
                None => known.told = None,
            }
            known.due = if look.all_leave { known.due } else { None };
            if look.all_leave && !(session.movable && known.told.is_none()) {
                let due = known.due.get_or_insert(look.now.saturating_add(look.stay));
                if look.now >= *due {
                    called.overdue.insert(session.id);
                }
            }
            self.known.insert(session.id, known);
        }
        called
    }
}

/// Tells a session to go, if its slot comes soon.
fn summon(
    session: Present<'_>,
    assignment: Assignment,
    look: &Look<'_>,
    moves: &mut Moves,
    jitter: f64,
) -> Option<Summons> {
    let client = session.client_id?;
    if moves.queue(look.now) > HORIZON && !moves.has(client, Path::Realtime, look.now) {
        return None;
    }
    let slot = moves.slot(client, Path::Realtime, look.now, jitter)?;
    Some(Summons { id: session.id, assignment, wait: slot.saturating_sub(look.now) })
}

/// Whether an assignment means that the direct path ends for all.
#[must_use]
pub fn all_leave(assignment: &Assignment) -> bool {
    assignment.rule == Rule::Override && assignment.path == Path::Realtime
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    struct World {
        callers: Callers,
        moves: Moves,
        generation: u64,
        path: Path,
        rule: Rule,
        sessions: Vec<(Uuid, Option<String>, bool)>,
    }

    impl World {
        /// So many sessions that can be moved, at so many moves a second.
        fn new(sessions: u128, pace: u32) -> Self {
            Self {
                callers: Callers::default(),
                moves: Moves::new(NonZeroU32::new(pace).unwrap()),
                generation: 1,
                path: Path::Realtime,
                rule: Rule::Bucket,
                sessions: (0..sessions)
                    .map(|id| (Uuid::from_u128(id), Some(format!("client-{id}")), true))
                    .collect(),
            }
        }

        fn look(&mut self, now: u64) -> Called {
            let (path, rule) = (self.path, self.rule);
            let assignment = Assignment { path, rule, bucket: 1, percent: 50 };
            let look = Look {
                generation: self.generation,
                stay: Duration::from_secs(10),
                assign: &|_| assignment.clone(),
                all_leave: all_leave(&assignment),
                now: Duration::from_secs(now),
            };
            let sessions = self.sessions.iter().map(|(id, client_id, movable)| Present {
                id: *id,
                client_id: client_id.as_deref(),
                movable: *movable,
            });
            self.callers.look(sessions, &look, &mut self.moves, || 0.0)
        }

        fn told(&mut self, now: u64) -> usize {
            self.look(now).summons.len()
        }
    }

    #[test]
    fn each_is_told_once_in_a_generation() {
        let mut world = World::new(3, 100);
        let called = world.look(1);
        let waits: Vec<_> = called.summons.iter().map(|it| it.wait.as_millis()).collect();
        assert_eq!((waits, called.overdue.len()), (vec![0, 10, 20], 0));
        assert_eq!([world.told(2), world.told(3)], [0, 0]);
        world.generation = 2;
        assert_eq!([world.told(4), world.told(5)], [3, 0]);
    }

    #[test]
    fn who_belonged_here_in_between_is_told_again() {
        let mut world = World::new(2, 100);
        assert_eq!(world.told(1), 2);
        world.path = Path::Direct;
        assert_eq!(world.told(2), 0);
        world.path = Path::Realtime;
        assert_eq!(world.told(100), 2);
    }

    #[test]
    fn only_those_are_told_whose_slot_comes_soon() {
        let mut world = World::new(100, 10);
        let first = world.told(1);
        assert!((20..=22).contains(&first), "{first}");
        let mut told = first;
        for second in 2..20 {
            told += world.told(second);
        }
        assert_eq!(told, 100);
    }

    #[test]
    fn who_cannot_be_moved_is_left_alone() {
        let mut world = World::new(2, 10);
        world.sessions[0].2 = false;
        world.sessions[1].1 = None;
        assert_eq!(world.look(1), Called::default());
        assert_eq!(world.look(1_000), Called::default());
    }

    #[test]
    fn where_all_must_leave_each_has_its_time() {
        let mut world = World::new(40, 10);
        world.rule = Rule::Override;
        world.sessions[0].2 = false;
        assert_eq!(world.look(1).overdue.len(), 0);
        assert_eq!(world.look(10).overdue.len(), 0);
        assert_eq!(world.look(11).overdue, HashSet::from([Uuid::from_u128(0), Uuid::from_u128(1)]));
        for second in 12..14 {
            world.look(second);
        }
        assert_eq!(world.look(30).overdue.len(), 40, "told by then, and did not go");
        world.rule = Rule::Bucket;
        assert_eq!(world.look(31).overdue.len(), 0);
    }

    #[test]
    fn nobody_is_remembered_who_is_gone() {
        let mut world = World::new(5, 100);
        world.look(1);
        world.sessions.truncate(2);
        world.look(2);
        assert_eq!(world.callers.known.len(), 2);
    }
}
