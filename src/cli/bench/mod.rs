//! `signalbox bench`: a load test against any running router, that verifies every delivery.
//!
//! Clients subscribe, publishers publish, and each client's stream is held against what was
//! acknowledged. What is found goes to standard output, progress to standard error.

use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{sync::watch, task::JoinSet, time};

use self::{
    client::{Client, Ending, Outcome},
    meter::Meter,
    plan::{Pace, Plan, Reads},
    publisher::{Published, Publisher},
    report::Report,
};
use super::{
    client::{ClientError, Target},
    descriptors,
    filter::FilterArgs,
};

pub mod channel;
pub mod client;
pub mod event_stream;
pub mod feed;
pub mod flight;
pub mod mark;
pub mod meter;
pub mod pacer;
pub mod plan;
pub mod publisher;
pub mod report;
pub mod said;
pub mod socket;
pub mod tap;
pub mod verify;

/// Handshakes at once.
const CONNECTING: usize = 64;
const PROGRESS: Duration = Duration::from_millis(250);

/// Loads a router and verifies that every client gets every event, once and in order.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    filter: FilterArgs,
    /// What clients speak
    #[arg(long, value_enum, default_value = "signalbox")]
    protocol: Protocol,
    /// Clients that read as fast as they can
    #[arg(long, default_value = "100", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    clients: u16,
    /// Events a second to publish; without it, as many as the window allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Most events published and not yet read by all clients [default: 16, or the batch]
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = window)]
    window: Option<usize>,
    /// Events in a request
    #[arg(long, default_value = "1", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// Bytes of an event as it is published
    #[arg(long, default_value = "300", value_name = "BYTES")]
    size: usize,
    /// Connections that publish, each one request at a time
    #[arg(long, default_value = "1", value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    publishers: u8,
    /// How long to measure
    #[arg(long, default_value = "10s", value_parser = some_time)]
    duration: Duration,
    /// How long to publish before measuring
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    warmup: Duration,
    /// How long to wait for the last events, before they are lost
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    drain: Duration,
    /// Further clients, that never read: a router should cut them after a while
    #[arg(long, default_value = "0", value_name = "N")]
    stalled: u16,
    /// Further clients, that read slowly without ever stopping: a router must not cut them
    #[arg(long, default_value = "0", value_name = "N")]
    trickling: u16,
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

/// What clients of a load test speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// The session protocol, over a WebSocket
    Signalbox,
    /// Server-sent events
    Sse,
    /// Broadcasts on a topic of the built-in Realtime: they are said by HTTP, and stored nowhere
    Realtime,
}

impl Protocol {
    /// The route that events are published to.
    #[must_use]
    pub fn publishes_to(self) -> &'static str {
        match self {
            Self::Signalbox | Self::Sse => "/v1/events",
            Self::Realtime => "/realtime/v1/api/broadcast",
        }
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be measured in no time".into()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

fn window(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(events @ 1..=1_000_000) => Ok(events),
        _ => Err("1 to 1000000".into()),
    }
}

/// Runs a load test and prints what it found.
///
/// # Errors
/// [`ClientError::Failed`] when a stream was not as promised; otherwise when the router cannot be
/// reached or refuses; [`ClientError::Interrupted`] on Ctrl-C.
pub async fn run(args: BenchArgs) -> Result<(), ClientError> {
    let plan = Arc::new(Plan::try_new(&args, fastrand::u32(..))?);
    let report = tokio::select! {
        report = measure(&args.target, &plan) => report?,
        _ = tokio::signal::ctrl_c() => return Err(ClientError::Interrupted),
    };
    let text = if args.json {
        serde_json::to_string(&report).map_or_else(|e| e.to_string(), |json| json + "\n")
    } else {
        report.table()
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    report.complaint().map_or(Ok(()), |complaint| Err(ClientError::Failed(complaint)))
}

async fn measure(target: &Target, plan: &Arc<Plan>) -> Result<Report, ClientError> {
    ensure_descriptors(plan.connections() + usize::from(plan.publishers) + descriptors::OTHERS)?;
    let clients = connect(target, plan).await?;
    let meter = Arc::new(Meter::start(plan, Instant::now()));
    let (tell, told) = watch::channel(None);
    let mut reading = JoinSet::new();
    for client in clients {
        reading.spawn(client.run(Arc::clone(&meter), told.clone()));
    }
    let published = publish(target, plan, &meter).await?;
    let events = published.iter().map(|published| published.events).collect();
    tell.send_replace(Some(Ending { published: events, by: Instant::now() + plan.drain }));
    let outcomes: Vec<Outcome> = reading.join_all().await;
    Ok(Report::new(plan, &published, meter.measured(), &outcomes))
}

fn ensure_descriptors(needed: usize) -> Result<(), ClientError> {
    let refused = |reason| ClientError::Local { what: "too few file descriptors", reason };
    match descriptors::raise(needed) {
        Ok(limit) if limit >= needed => Ok(()),
        Ok(limit) => {
            Err(refused(format!("{needed} are needed and {limit} allowed; see `ulimit -n`")))
        }
        Err(error) => Err(refused(error.to_string())),
    }
}

async fn connect(target: &Target, plan: &Plan) -> Result<Vec<Client>, ClientError> {
    let bar = progress(plan.connections() as u64, "{msg} {bar:40} {pos}/{len}");
    bar.set_message("connecting");
    let kinds = [
        (Reads::Healthily, plan.clients),
        (Reads::Trickling, plan.trickling),
        (Reads::Stalled, plan.stalled),
    ];
    let each = kinds.into_iter().flat_map(|(reads, clients)| std::iter::repeat_n(reads, clients));
    let clients = stream::iter(each)
        .map(|reads| Client::connect(target, plan, reads))
        .buffer_unordered(CONNECTING)
        .inspect_ok(|_client| bar.inc(1))
        .try_collect()
        .await;
    bar.finish_and_clear();
    clients
}

/// Publishes until the time is over; what each publisher did, in their order.
async fn publish(
    target: &Target,
    plan: &Arc<Plan>,
    meter: &Arc<Meter>,
) -> Result<Vec<Published>, ClientError> {
    let mut due = match plan.pace {
        Pace::Rate(rate) => pacer::start(plan, rate, meter.began()),
        Pace::Window(_) => Vec::new(),
    }
    .into_iter();
    let publishing = (0..plan.publishers).map(|index| {
        let (target, plan, meter) = (target.clone(), Arc::clone(plan), Arc::clone(meter));
        Publisher { index, target, plan, meter, due: due.next() }.run()
    });
    tokio::select! {
        published = futures_util::future::try_join_all(publishing) => published,
        never = show(plan, meter) => match never {},
    }
}

/// Shows how far a load test has come, until it is dropped.
async fn show(plan: &Plan, meter: &Meter) -> std::convert::Infallible {
    let length = u64::try_from(plan.length().as_millis()).unwrap_or(u64::MAX);
    let bar = progress(length, "{msg} {bar:40} {elapsed}");
    let mut tick = time::interval(PROGRESS);
    loop {
        tick.tick().await;
        bar.set_position(meter.at(Instant::now()) / 1_000_000);
        bar.set_message(format!("{} deliveries", meter.counts().deliveries));
    }
}

/// A bar on standard error; nothing where that is no terminal.
fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_bad| ProgressStyle::default_bar()))
}
