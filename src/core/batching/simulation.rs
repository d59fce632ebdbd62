//! A destination and its clock, both made up, and who sends to it: one request at a time.

use std::{collections::VecDeque, time::Duration};

use super::{BatchResult, Outcome, PathPolicy, Plan};

/// How long a sender waits for an answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);
/// Events that wait when more than enough do.
const PLENTY: usize = 10_000;

/// How a destination behaves, and what comes for it, for some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) lasts: Duration,
    /// What a request takes, however little is in it.
    pub(super) base: Duration,
    /// What each event adds.
    pub(super) per_event: Duration,
    /// Events in a request that it handles well.
    pub(super) capacity: usize,
    /// What becomes of a request with more.
    pub(super) beyond: Beyond,
    /// Requests in a thousand that fail, whatever is in them.
    pub(super) failing: u64,
    /// Events in a hundred thousand that make their request fail.
    pub(super) poisonous: u64,
    /// At the beginning, every request fails for so long.
    pub(super) down: Duration,
    /// Requests a second beyond which it says 429.
    pub(super) rationed: Option<u32>,
    /// Bursts that come each second, and events in each.
    pub(super) bursts: (u64, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beyond {
    /// The events that are too many take ten times as long.
    Slower,
    /// It is never answered.
    TimesOut,
}

/// Numbers that look drawn, and are the same for the same seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

struct Destination<'a> {
    phases: &'a [Phase],
    chance: Chance,
    allowed_from: Duration,
}

impl Destination<'_> {
    /// The phase at a time, and its start.
    fn phase(&self, now: Duration) -> (usize, Duration) {
        let mut start = Duration::ZERO;
        for (at, phase) in self.phases.iter().enumerate() {
            if now < start + phase.lasts || at + 1 == self.phases.len() {
                return (at, start);
            }
            start += phase.lasts;
        }
        (0, start)
    }

    /// How long the answer takes, what it is, and the wait it asks for.
    fn answer(&mut self, events: usize, now: Duration) -> (Duration, BatchResult, Duration) {
        let (at, start) = self.phase(now);
        let phase = self.phases[at];
        if let Some(per_second) = phase.rationed {
            let wait = self.allowed_from.saturating_sub(now);
            if !wait.is_zero() {
                return (phase.base, BatchResult::Throttled, wait);
            }
            self.allowed_from = now + Duration::from_secs(1) / per_second;
        }
        let latency = self.latency(&phase, events);
        let fails = latency == TIMEOUT
            || now < start + phase.down
            || self.chance.below(1_000) < phase.failing
            || phase.poisonous > 0
                && (0..events).any(|_| self.chance.below(100_000) < phase.poisonous);
        let result = if fails { BatchResult::Failed } else { BatchResult::Ok };
        (latency, result, Duration::ZERO)
    }

    fn latency(&mut self, phase: &Phase, events: usize) -> Duration {
        let count = |events: usize| u32::try_from(events).unwrap();
        let too_many = count(events.saturating_sub(phase.capacity));
        if too_many > 0 && phase.beyond == Beyond::TimesOut {
            return TIMEOUT;
        }
        let usual = phase.base + phase.per_event * (count(events) + 9 * too_many);
        // Up to a tenth more or less, and one in a hundred takes three times as long.
        let outlier = if self.chance.below(100) == 0 { 200 } else { 0 };
        let percent = u32::try_from(90 + self.chance.below(21) + outlier).unwrap();
        (usual * percent / 100).min(TIMEOUT)
    }
}

/// Who decides on batches.
pub(super) enum Sender {
    Adaptive(Box<PathPolicy>),
    /// Always so many, after waiting at most so long for them.
    Fixed(usize, Duration),
}

impl Sender {
    fn next(&mut self, depth: usize, now: Duration) -> Plan {
        match self {
            Self::Adaptive(policy) => policy.next(depth, now),
            Self::Fixed(size, linger) => {
                let fills = depth >= *size;
                Plan { size: *size, linger: if fills { Duration::ZERO } else { *linger } }
            }
        }
    }

    fn observe(&mut self, outcome: Outcome) {
        if let Self::Adaptive(policy) = self {
            policy.observe(outcome);
        }
    }

    fn arrived(&mut self, events: usize, now: Duration) {
        if let Self::Adaptive(policy) = self {
            policy.arrived(events, now);
        }
    }
}

/// What waits for a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// Always more than enough.
    Behind,
    /// What has come. Each phase begins with an empty queue: nobody pays for the phase before.
    Arriving,
}

/// What was seen of a phase.
#[derive(Clone, Default)]
pub(super) struct Seen {
    pub(super) delivered: usize,
    pub(super) requests: usize,
    /// Events in requests that failed.
    pub(super) repeated: usize,
    /// From arrival to acknowledgement, or to the end of the phase.
    pub(super) waits: Vec<Duration>,
}

/// A sender at work. A batch that fails is sent again, from its first event.
struct Run<'a> {
    to: Destination<'a>,
    load: Load,
    queue: VecDeque<Duration>,
    counted: usize,
    now: Duration,
    failures: u32,
    seen: Vec<Seen>,
}

pub(super) fn run(sender: &mut Sender, phases: &[Phase], load: Load, seed: u64) -> Vec<Seen> {
    let end = phases.iter().map(|phase| phase.lasts).sum();
    let mut run = Run {
        to: Destination { phases, chance: Chance(!seed), allowed_from: Duration::ZERO },
        load,
        queue: if load == Load::Arriving { arrivals(phases, seed) } else { VecDeque::new() },
        counted: 0,
        now: Duration::ZERO,
        failures: 0,
        seen: vec![Seen::default(); phases.len()],
    };
    while run.now < end {
        run.give_up_the_phase_before();
        if run.depth() > 0 {
            run.send(sender);
        } else {
            run.now = run.queue.front().copied().unwrap_or(end);
        }
    }
    run.now = end;
    while let Some(arrived) = run.queue.pop_front() {
        run.waited(arrived, end);
    }
    run.seen
}

fn arrivals(phases: &[Phase], seed: u64) -> VecDeque<Duration> {
    let mut chance = Chance(seed);
    let mut start = Duration::ZERO;
    let mut all = Vec::new();
    for phase in phases {
        let micros = u64::try_from(phase.lasts.as_micros()).unwrap();
        let (bursts, events) = phase.bursts;
        for _ in 0..phase.lasts.as_secs() * bursts {
            let at = start + Duration::from_micros(chance.below(micros));
            all.extend((0..events).map(|_| at));
        }
        start += phase.lasts;
    }
    all.sort_unstable();
    all.into()
}

impl Run<'_> {
    fn depth(&self) -> usize {
        match self.load {
            Load::Behind => PLENTY,
            Load::Arriving => self.queue.partition_point(|at| *at <= self.now),
        }
    }

    fn waited(&mut self, arrived: Duration, until: Duration) {
        let phase = self.to.phase(arrived).0;
        self.seen[phase].waits.push(until.checked_sub(arrived).unwrap());
    }

    fn give_up_the_phase_before(&mut self) {
        let start = self.to.phase(self.now).1;
        while let Some(arrived) = self.queue.pop_front_if(|arrived| *arrived < start) {
            self.counted = self.counted.saturating_sub(1);
            self.waited(arrived, start);
        }
    }

    fn send(&mut self, sender: &mut Sender) {
        self.tell(sender);
        let plan = sender.next(self.depth(), self.now);
        if !plan.linger.is_zero() {
            let full = self.queue.get(plan.size - 1).copied().unwrap_or(Duration::MAX);
            self.now = (self.now + plan.linger).min(full.max(self.now));
            self.tell(sender);
        }
        let size = self.depth().min(plan.size);
        let (latency, result, wait) = self.to.answer(size, self.now);
        self.now += latency;
        sender.observe(Outcome { size, latency, result });
        let at = self.to.phase(self.now).0;
        self.seen[at].requests += 1;
        match result {
            BatchResult::Ok => {
                self.failures = 0;
                self.seen[at].delivered += size;
                let taken = if self.load == Load::Arriving { size } else { 0 };
                self.counted -= taken;
                for _ in 0..taken {
                    let arrived = self.queue.pop_front().unwrap();
                    self.waited(arrived, self.now);
                }
            }
            BatchResult::Failed => {
                self.seen[at].repeated += size;
                self.now += Duration::from_millis(20) * (1 << self.failures.min(5));
                self.failures += 1;
            }
            BatchResult::Throttled => self.now += wait.saturating_sub(latency),
        }
    }

    /// Tells the sender what has come since it was told.
    fn tell(&mut self, sender: &mut Sender) {
        if self.load == Load::Arriving {
            let depth = self.depth();
            sender.arrived(depth - self.counted, self.now);
            self.counted = depth;
        }
    }
}
