//! The newest requests that had a key: under way, or answered. Bounded by number, bytes and age;
//! what is forgotten is the oldest answer, never a request that is under way.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{Fingerprint, Key};

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most answers.
    pub keys: usize,
    /// Most bytes of all answers together.
    pub bytes: usize,
    /// How long an answer is remembered.
    pub ttl: Duration,
}

/// What is known of a request that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin<A> {
    /// Nothing: it is now under way, until it is finished or abandoned.
    First,
    /// The same one is under way.
    UnderWay,
    /// It was answered.
    Answered(A),
    /// Its key belongs to another one.
    Reused,
}

/// The memory. Times are those since a moment that does not change, and never go back.
#[derive(Debug)]
pub struct Memory<A> {
    requests: HashMap<Key, (Fingerprint, State<A>)>,
    /// The answered ones, oldest first, and when they were answered.
    answered: VecDeque<(Key, Duration)>,
    bytes: usize,
}

#[derive(Debug)]
enum State<A> {
    UnderWay,
    Answered { answer: A, bytes: usize },
}

impl<A> Default for Memory<A> {
    fn default() -> Self {
        Self { requests: HashMap::new(), answered: VecDeque::new(), bytes: 0 }
    }
}

impl<A: Clone> Memory<A> {
    /// A request begins. How many are under way is not bounded here: each has a connection, and
    /// those are.
    pub fn begin(
        &mut self,
        key: Key,
        fingerprint: Fingerprint,
        now: Duration,
        limits: &Limits,
    ) -> Begin<A> {
        self.forget_old(now, limits.ttl);
        match self.requests.get(&key) {
            None => {
                self.requests.insert(key, (fingerprint, State::UnderWay));
                Begin::First
            }
            Some((other, _)) if *other != fingerprint => Begin::Reused,
            Some((_, State::UnderWay)) => Begin::UnderWay,
            Some((_, State::Answered { answer, .. })) => Begin::Answered(answer.clone()),
        }
    }

    /// A request that is under way was answered, in so many bytes. How many answers were forgotten
    /// for want of room.
    pub fn finish(
        &mut self,
        key: Key,
        (answer, bytes): (A, usize),
        now: Duration,
        limits: &Limits,
    ) -> usize {
        self.forget_old(now, limits.ttl);
        if let Some((_, state @ State::UnderWay)) = self.requests.get_mut(&key) {
            *state = State::Answered { answer, bytes };
            self.bytes += bytes;
            self.answered.push_back((key, now));
        }
        let mut forgotten = 0;
        while self.answered.len() > limits.keys || self.bytes > limits.bytes {
            self.forget_oldest();
            forgotten += 1;
        }
        forgotten
    }

    /// A request that is under way came to nothing that would be true of a repetition.
    pub fn abandon(&mut self, key: Key) {
        if let Some((_, State::UnderWay)) = self.requests.get(&key) {
            self.requests.remove(&key);
        }
    }

    fn forget_old(&mut self, now: Duration, ttl: Duration) {
        while self.answered.front().is_some_and(|(_, then)| now.saturating_sub(*then) >= ttl) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.answered.pop_front().and_then(|(key, _)| self.requests.remove(&key));
        if let Some((_, State::Answered { bytes, .. })) = oldest {
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { keys: 3, bytes: 100, ttl: Duration::from_secs(10) };

    fn key(n: u8) -> Key {
        Key::read("", &[b'a' + n]).unwrap()
    }

    fn body(n: u8) -> Fingerprint {
        Fingerprint::of([&[n][..]])
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_request_is_under_way_then_answered_then_forgotten() {
        let mut memory = Memory::default();
        let begin = |memory: &mut Memory<&'static str>, content, now| {
            memory.begin(key(0), body(content), at(now), &LIMITS)
        };
        assert_eq!(begin(&mut memory, 1, 0), Begin::First);
        assert_eq!(begin(&mut memory, 1, 0), Begin::UnderWay);
        assert_eq!(begin(&mut memory, 2, 0), Begin::Reused);
        assert_eq!(memory.finish(key(0), ("done", 9), at(1), &LIMITS), 0);
        assert_eq!(begin(&mut memory, 1, 10), Begin::Answered("done"));
        assert_eq!(begin(&mut memory, 2, 10), Begin::Reused);
        assert_eq!(begin(&mut memory, 2, 11), Begin::First, "its time is over");
        memory.abandon(key(0));
        assert_eq!(begin(&mut memory, 1, 11), Begin::First);
    }

    #[test]
    fn an_answer_is_not_abandoned() {
        let mut memory = Memory::default();
        memory.begin(key(0), body(1), at(0), &LIMITS);
        memory.finish(key(0), ("done", 9), at(0), &LIMITS);
        memory.abandon(key(0));
        assert_eq!(memory.begin(key(0), body(1), at(0), &LIMITS), Begin::Answered("done"));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begin(u8, u8),
        Finish(u8, usize),
        Abandon(u8),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..6_u8, 0..2_u8).prop_map(|(key, body)| Step::Begin(key, body)),
            (0..6_u8, 0..60_usize).prop_map(|(key, bytes)| Step::Finish(key, bytes)),
            (0..6_u8).prop_map(Step::Abandon),
            (0..6_u64).prop_map(Step::Wait),
        ]
    }

    /// The same by a list that is searched from its end: what was answered, when, in how many bytes.
    #[derive(Default)]
    struct Naive {
        under_way: Vec<(u8, u8)>,
        answered: Vec<(u8, u8, usize, Duration)>,
    }

    impl Naive {
        fn forget(&mut self, now: Duration) {
            self.answered.retain(|answer| now < answer.3 + LIMITS.ttl);
            let mut room = LIMITS.bytes;
            let kept = self.answered.iter().rev().take(LIMITS.keys).take_while(|answer| {
                let fits = answer.2 <= room;
                room = room.saturating_sub(answer.2);
                fits
            });
            let kept = kept.count();
            self.answered.drain(..self.answered.len() - kept);
        }

        fn begin(&mut self, key: u8, body: u8) -> Begin<u8> {
            let running = self.under_way.iter().find(|request| request.0 == key);
            let answered = self.answered.iter().find(|request| request.0 == key);
            match (running, answered) {
                (Some(request), _) if request.1 == body => Begin::UnderWay,
                (_, Some(request)) if request.1 == body => Begin::Answered(body),
                (None, None) => {
                    self.under_way.push((key, body));
                    Begin::First
                }
                _ => Begin::Reused,
            }
        }
    }

    proptest! {
        #[test]
        fn it_keeps_the_newest_answers_that_fit_and_no_other(
            steps in prop::collection::vec(step(), 0..80),
        ) {
            let (mut memory, mut naive, mut now) = (Memory::default(), Naive::default(), at(0));
            for step in steps {
                match step {
                    Step::Wait(seconds) => now += at(seconds),
                    Step::Begin(n, content) => {
                        naive.forget(now);
                        let told = memory.begin(key(n), body(content), now, &LIMITS);
                        prop_assert_eq!(told, naive.begin(n, content));
                    }
                    Step::Abandon(n) => {
                        memory.abandon(key(n));
                        naive.under_way.retain(|request| request.0 != n);
                    }
                    Step::Finish(n, bytes) => {
                        let request = naive.under_way.iter().position(|request| request.0 == n);
                        let Some(request) = request else { continue };
                        let (_, content) = naive.under_way.remove(request);
                        memory.finish(key(n), (content, bytes), now, &LIMITS);
                        naive.answered.push((n, content, bytes, now));
                        naive.forget(now);
                    }
                }
                prop_assert!(memory.answered.len() <= LIMITS.keys && memory.bytes <= LIMITS.bytes);
                let known = memory.answered.len() + naive.under_way.len();
                prop_assert_eq!(memory.requests.len(), known, "nothing is kept by mistake");
            }
        }
    }
}
