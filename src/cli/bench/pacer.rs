//! Says when requests are due, at a rate, to the precision of the operating system.
//!
//! A thread, for the runtime's timer is no finer than a millisecond and a delivery takes less.

use std::{sync::Arc, thread, time::Instant};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::plan::Plan;

/// Requests that may be due before a publisher takes them. The schedule itself never slips: times
/// are those of the plan, however late they are taken.
const BEHIND: usize = 1024;

/// One receiver per publisher of the times that its requests are due; closed at the end.
#[must_use]
pub fn start(plan: &Arc<Plan>, rate: f64, began: Instant) -> Vec<Receiver<Instant>> {
    let (publishers, due): (Vec<_>, _) = (0..plan.publishers).map(|_| channel(BEHIND)).unzip();
    let plan = Arc::clone(plan);
    thread::spawn(move || pace(&plan, rate, began, &publishers));
    due
}

fn pace(plan: &Plan, rate: f64, began: Instant, publishers: &[Sender<Instant>]) {
    for (index, publisher) in (0..).zip(publishers.iter().cycle()) {
        let Some(due) = plan.due(rate, index) else { return };
        let due = began + due;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if publisher.blocking_send(due).is_err() {
            return;
        }
    }
}
