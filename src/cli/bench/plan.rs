//! What a load test is going to do: the arguments, made sense of. Pure.

use std::time::Duration;

use super::{BenchArgs, Protocol};
use crate::cli::{client::ClientError, filter::FilterArgs};

/// A load test that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Marks this load test's events.
    pub run: u32,
    /// What clients speak.
    pub protocol: Protocol,
    /// Clients that read as fast as they can; their streams are verified.
    pub clients: usize,
    /// Clients that subscribe and never read.
    pub stalled: usize,
    /// Clients that read slowly, and never stop.
    pub trickling: usize,
    /// Connections that publish, each one request at a time.
    pub publishers: u8,
    /// Events in a request.
    pub batch: usize,
    /// Bytes of an event as it is published.
    pub size: usize,
    /// When the next request is sent.
    pub pace: Pace,
    /// Not measured, but verified.
    pub warmup: Duration,
    /// Measured.
    pub duration: Duration,
    /// How long the last events may take.
    pub drain: Duration,
    /// What each client asks for.
    pub filter: FilterArgs,
    /// There is no filter: every event of the journal must come.
    pub everything: bool,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as fewer than so many events are published and not yet everywhere.
    Window(usize),
    /// When it is due, at so many events a second, whatever became of those before.
    Rate(f64),
}

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// As fast as it can.
    Healthily,
    /// A little at a time, without ever stopping.
    Trickling,
    /// Never.
    Stalled,
}

impl Plan {
    /// Makes sense of the arguments.
    ///
    /// # Errors
    /// When they contradict each other.
    pub fn try_new(args: &BenchArgs, run: u32) -> Result<Self, ClientError> {
        let batch = usize::from(args.batch);
        let window = args.window.unwrap_or(batch.max(16));
        if window < batch {
            return Err(ClientError::Usage(format!(
                "a batch of {batch} never fits a window of {window}: raise --window"
            )));
        }
        if args.protocol == Protocol::Realtime && !args.filter.is_all() {
            let why = "--protocol realtime measures broadcasts on a topic, which have no filter";
            return Err(ClientError::Usage(why.into()));
        }
        Ok(Self {
            run,
            protocol: args.protocol,
            clients: usize::from(args.clients),
            stalled: usize::from(args.stalled),
            trickling: usize::from(args.trickling),
            publishers: args.publishers,
            batch,
            size: args.size,
            pace: args.rate.map_or(Pace::Window(window), |rate| Pace::Rate(f64::from(rate))),
            warmup: args.warmup,
            duration: args.duration,
            drain: args.drain,
            filter: args.filter.clone(),
            everything: args.filter.is_all(),
        })
    }

    /// All clients, whatever they do.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.clients + self.stalled + self.trickling
    }

    /// The whole time that events are published.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.warmup + self.duration
    }

    /// When request `index` (from 0, over all publishers) is due at `rate` events a second; `None`
    /// once the load test is over.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 events in any load test")]
    pub fn due(&self, rate: f64, index: u64) -> Option<Duration> {
        let due = Duration::from_secs_f64(index as f64 * self.batch as f64 / rate);
        (due < self.length()).then_some(due)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    pub(in crate::cli::bench) fn plan(line: &str) -> Result<Plan, ClientError> {
        let line =
            Line::try_parse_from(line.split(' ')).map_err(|e| ClientError::Usage(e.to_string()))?;
        Plan::try_new(&line.args, 1)
    }

    #[test]
    fn without_arguments_a_hundred_clients_are_saturated() {
        let plan = plan("bench").unwrap();
        assert_eq!((plan.clients, plan.pace), (100, Pace::Window(16)));
        assert_eq!(plan.length(), Duration::from_secs(11));
        assert!(plan.everything);
    }

    #[test]
    fn a_window_holds_a_batch() {
        assert_eq!(plan("bench --batch 100").unwrap().pace, Pace::Window(100));
        assert!(matches!(plan("bench --batch 100 --window 99"), Err(ClientError::Usage(_))));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--rate 0", "--clients 0", "--publishers 0", "--batch 10001", "--duration 0s"]
        {
            assert!(plan(&format!("bench {line}")).is_err(), "{line}");
        }
        assert!(plan("bench --rate 5 --window 5").is_err(), "saturation or a rate");
        assert!(plan("bench --protocol realtime --source x").is_err(), "a topic has no filter");
    }

    #[test]
    fn requests_are_due_at_the_rate_whatever_the_batch() {
        let plan = plan("bench --rate 1000 --batch 10").unwrap();
        assert_eq!(plan.due(1000.0, 0), Some(Duration::ZERO));
        assert_eq!(plan.due(1000.0, 100), Some(Duration::from_secs(1)));
        assert_eq!(plan.due(1000.0, 1100), None);
    }
}
