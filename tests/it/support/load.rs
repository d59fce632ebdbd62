//! A load that checks itself: publishers that never give an event up, dashboards that resume, and
//! the journal that both are held against.
//!
//! It runs on a thread of its own, so that a test may kill routers and databases meanwhile.

mod follower;
mod publisher;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{runtime, sync::watch};
use uuid::Uuid;

pub use self::follower::Seen;
use super::router::{PATIENCE, http};

/// What runs, and where.
pub struct Plan {
    pub address: SocketAddr,
    pub publishers: usize,
    /// Bytes that fill up each event.
    pub padding: usize,
    /// For each dashboard the types it wants; all when empty. Every other one, from the second on,
    /// hears server-sent events.
    pub dashboards: Vec<Vec<&'static str>>,
    /// Whether dashboards may be told of gaps.
    pub gaps: bool,
}

/// What happens until it is finished.
pub struct Load {
    world: Arc<World>,
    phase: watch::Sender<Phase>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Publishers finish what they have begun.
    Ending,
    Over,
}

/// What publishers and dashboards have learned so far.
struct World {
    plan: Plan,
    /// Every event that was posted: whose, and its number there.
    posted: Mutex<HashMap<Uuid, (usize, u64)>>,
    /// Every event that was accepted, at the place that was answered, where one was.
    accepted: Mutex<HashMap<Uuid, Option<u64>>>,
    /// How often producers were turned away, by code.
    refused: Mutex<BTreeMap<String, usize>>,
    seen: Vec<Mutex<Seen>>,
    /// Whether dashboards read what they are sent.
    reading: watch::Sender<bool>,
    failed: AtomicBool,
}

/// An event as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    seq: u64,
    id: Uuid,
    epoch: Uuid,
    event_type: String,
    publisher: usize,
    n: u64,
}

impl Load {
    /// A few publishers and dashboards, with and without a filter.
    pub fn start(address: SocketAddr) -> Self {
        let dashboards = vec![vec![], vec![], vec!["tick_1"], vec!["tick_0", "tick_2"]];
        Self::with(Plan { address, publishers: 3, padding: 0, dashboards, gaps: false })
    }

    pub fn with(plan: Plan) -> Self {
        let world = Arc::new(World {
            posted: Mutex::default(),
            accepted: Mutex::default(),
            refused: Mutex::default(),
            seen: plan.dashboards.iter().map(|_| Mutex::default()).collect(),
            reading: watch::Sender::new(true),
            failed: AtomicBool::new(false),
            plan,
        });
        let (phase, follow) = watch::channel(Phase::Running);
        let (running, seed) = (world.clone(), fastrand::u64(..));
        let thread = thread::spawn(move || {
            fastrand::seed(seed);
            run(&running, follow);
        });
        Self { world, phase, thread: Some(thread) }
    }

    /// Events accepted so far.
    pub fn accepted(&self) -> usize {
        self.world.accepted.lock().unwrap().len()
    }

    /// Waits until so many more events were accepted.
    pub fn wait_for(&self, more: usize) {
        let enough = self.accepted() + more;
        self.wait("accepted events", || self.accepted() >= enough);
    }

    /// How often producers were turned away, by code.
    pub fn refused(&self) -> BTreeMap<String, usize> {
        self.world.refused.lock().unwrap().clone()
    }

    /// Waits until producers were turned away for one of `codes` so often again.
    pub fn wait_for_refusals(&self, codes: &[&str], more: usize) {
        let count = || -> usize {
            codes.iter().filter_map(|code| self.refused().get(*code).copied()).sum()
        };
        let enough = count() + more;
        self.wait(&format!("{codes:?} among {:?}", self.refused()), || count() >= enough);
    }

    /// Whether dashboards read what they are sent.
    pub fn set_reading(&self, reading: bool) {
        self.world.reading.send_replace(reading);
    }

    /// What a dashboard has seen.
    pub fn seen(&self, dashboard: usize) -> Seen {
        self.world.seen[dashboard].lock().unwrap().clone()
    }

    /// Waits until every dashboard without a filter is through with `seq`.
    pub fn wait_until_seen(&self, seq: u64) {
        self.wait("dashboards", || {
            let all = self.world.plan.dashboards.iter().zip(&self.world.seen);
            let mut plain = all.filter(|(types, _)| types.is_empty());
            plain.all(|(_, seen)| seen.lock().unwrap().last() >= seq)
        });
    }

    pub fn wait(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let began = Instant::now();
        while !reached() {
            assert!(!self.world.failed.load(Ordering::Relaxed), "a publisher or dashboard failed");
            assert!(
                began.elapsed() < 2 * PATIENCE,
                "waited too long for {what}: {} accepted, {:?}",
                self.accepted(),
                self.refused()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Holds what was learned so far against the journal, under load: everything accepted is there
    /// once, where it was said to be, and dashboards saw exactly what it says. Its epoch.
    pub async fn check(&self) -> Uuid {
        let accepted = self.world.accepted.lock().unwrap().clone();
        let seen: Vec<Seen> = (0..self.world.seen.len()).map(|i| self.seen(i)).collect();
        let journal = self.world.journal().await;
        let posted = self.world.posted.lock().unwrap().clone();
        hold_whole(&journal, &posted);
        hold_accepted(&journal, &accepted);
        for (types, seen) in self.world.plan.dashboards.iter().zip(&seen) {
            let wanted = journal.iter().filter(|row| wants(types, row));
            let expected: Vec<_> = wanted.map(|row| (row.seq, row.id)).collect();
            assert!(seen.events.len() <= expected.len(), "{types:?} saw more than there is");
            assert_eq!(seen.events, expected[..seen.events.len()], "what {types:?} saw");
        }
        journal.first().expect("events").epoch
    }

    /// Lets publishers finish; everything they posted is accepted then.
    pub fn stop_publishing(&self) {
        self.phase.send_replace(Phase::Ending);
        let posted = || self.world.posted.lock().unwrap().len();
        self.wait("the last events", || self.accepted() == posted());
    }

    /// Every event that was posted, with the place that was answered.
    pub fn places(&self) -> HashMap<Uuid, Option<u64>> {
        self.world.accepted.lock().unwrap().clone()
    }

    /// Ends the load and checks everything once more: nobody is still to see anything.
    pub async fn finish(self) -> Uuid {
        self.stop_publishing();
        let journal = self.world.journal().await;
        for (types, seen) in self.world.plan.dashboards.iter().zip(&self.world.seen) {
            let expected = journal.iter().filter(|row| wants(types, row)).count();
            self.wait("the last dashboard", || seen.lock().unwrap().events.len() >= expected);
        }
        assert_eq!(journal.len(), self.accepted(), "all is accepted, and nothing else is there");
        self.check().await
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Over);
        if let Some(thread) = self.thread.take() {
            // It panicked when its runtime could not be made, which a test has noticed.
            drop(thread.join());
        }
    }
}

fn run(world: &Arc<World>, mut phase: watch::Receiver<Phase>) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for index in 0..world.plan.publishers {
            let publishing = publisher::run(world.clone(), index, phase.clone());
            watch_over(world.clone(), tokio::spawn(publishing));
        }
        for index in 0..world.plan.dashboards.len() {
            watch_over(world.clone(), tokio::spawn(follower::run(world.clone(), index)));
        }
        phase.wait_for(|phase| *phase == Phase::Over).await.map(drop).unwrap();
    });
}

fn watch_over(world: Arc<World>, task: tokio::task::JoinHandle<()>) {
    tokio::spawn(async move {
        if task.await.is_err() {
            world.failed.store(true, Ordering::Relaxed);
        }
    });
}

impl World {
    /// The whole journal, page by page.
    async fn journal(&self) -> Vec<Row> {
        let (http, mut rows) = (http(), Vec::<Row>::new());
        loop {
            let after = rows.last().map_or(0, |row| row.seq);
            let address = self.plan.address;
            let url = format!("http://{address}/v1/events?limit=1000&after={after}");
            let page: Value = http.get(url).send().await.unwrap().json().await.unwrap();
            let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
            if events.is_empty() {
                return rows;
            }
            rows.extend(events.iter().map(row));
        }
    }
}

fn row(event: &Value) -> Row {
    let number = |value: &Value| value.as_u64().unwrap();
    Row {
        seq: number(&event["seq"]),
        id: id(&event["id"]),
        epoch: id(&event["epoch"]),
        event_type: event["event_type"].as_str().unwrap().to_owned(),
        publisher: usize::try_from(number(&event["data"]["publisher"])).unwrap(),
        n: number(&event["data"]["n"]),
    }
}

fn id(value: &Value) -> Uuid {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("an id: {value}"))
}

fn wants(types: &[&str], row: &Row) -> bool {
    types.is_empty() || types.contains(&row.event_type.as_str())
}

/// The journal has no hole, one epoch, each id once, nothing that nobody posted, and the events of
/// each publisher in the order they were posted.
fn hold_whole(journal: &[Row], posted: &HashMap<Uuid, (usize, u64)>) {
    let first = journal.first().map_or(0, |row| row.seq);
    let (mut ids, mut last) = (HashSet::new(), HashMap::new());
    for (seq, row) in (first..).zip(journal) {
        assert_eq!(row.seq, seq, "no hole");
        assert_eq!(row.epoch, journal[0].epoch, "one epoch");
        assert!(ids.insert(row.id), "{} is there twice", row.id);
        assert_eq!(posted.get(&row.id), Some(&(row.publisher, row.n)), "as it was posted");
        let before = last.insert(row.publisher, row.n);
        assert!(before.is_none_or(|before| before < row.n), "{row:?} after {before:?}");
    }
}

fn hold_accepted(journal: &[Row], accepted: &HashMap<Uuid, Option<u64>>) {
    let places: HashMap<_, _> = journal.iter().map(|row| (row.id, row.seq)).collect();
    for (id, answered) in accepted {
        let place = places.get(id).copied();
        assert!(place.is_some(), "{id} was accepted at {answered:?} and is lost");
        assert!(answered.is_none() || *answered == place, "{id}: {answered:?} is {place:?}");
    }
}
