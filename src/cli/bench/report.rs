//! What a load test found, as a table for people and as JSON for programs. Pure.

use std::fmt;

use serde::Serialize;

use super::{
    Protocol,
    client::Outcome,
    meter::{Latency, Measured},
    plan::{Pace, Plan, Reads},
    publisher::Published,
    verify::Faults,
};

/// The findings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Every stream was as promised.
    pub passed: bool,
    /// What clients spoke.
    pub protocol: Protocol,
    /// Healthy clients.
    pub clients: usize,
    /// Connections that published.
    pub publishers: u8,
    /// Events a request.
    pub batch: usize,
    /// Bytes of an event as published.
    pub size_bytes: usize,
    /// Most events in flight, when the router was saturated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// Events a second that were due, when a rate was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// The measured time.
    pub duration_seconds: f64,
    /// Events acknowledged, the warm-up's included.
    pub published: u64,
    /// Requests that had to be repeated.
    pub repeated_requests: u64,
    /// Events acknowledged in a second.
    pub events_per_second: f64,
    /// Events read by healthy clients in a second.
    pub deliveries_per_second: f64,
    /// Bytes of their frames in a second.
    pub bytes_per_second: f64,
    /// From the time a request was due, or sent, to the answer that its events are committed;
    /// `None` when nothing that was due within the measured time was acknowledged.
    pub ingest_ms: Option<Latency>,
    /// From the time an event was due, or sent, to the read that completed its frame; `None` when
    /// nothing that was due within the measured time was ever delivered.
    pub latency_ms: Option<Latency>,
    /// Deliveries to healthy clients that were verified.
    pub verified: u64,
    /// What was wrong with them.
    pub faults: Faults,
    /// Why healthy connections ended, each reason once.
    pub closed: Vec<String>,
    /// Clients that never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<Slow>,
    /// Clients that read slowly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trickling: Option<Slow>,
}

/// What became of the clients that read slowly, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slow {
    /// How many there were.
    pub clients: usize,
    /// How many of them the router cut.
    pub cut: usize,
    /// Events they read.
    pub received: u64,
    /// What was wrong with what they read; what is still under way is no fault.
    pub faults: Faults,
}

impl Report {
    /// Draws the conclusions.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
    pub fn new(
        plan: &Plan,
        published: &[Published],
        measured: Measured,
        outcomes: &[Outcome],
    ) -> Self {
        let Measured { counts, answers, latency } = measured;
        let seconds = plan.duration.as_secs_f64();
        let sent: Vec<_> = published.iter().map(|published| published.events).collect();
        let mut report = Self {
            passed: false,
            protocol: plan.protocol,
            clients: plan.clients,
            publishers: plan.publishers,
            batch: plan.batch,
            size_bytes: plan.size,
            window: if let Pace::Window(events) = plan.pace { Some(events) } else { None },
            rate: if let Pace::Rate(rate) = plan.pace { Some(rate) } else { None },
            duration_seconds: seconds,
            published: sent.iter().sum(),
            repeated_requests: published.iter().map(|published| published.repeated).sum(),
            events_per_second: counts.published as f64 / seconds,
            deliveries_per_second: counts.deliveries as f64 / seconds,
            bytes_per_second: counts.bytes as f64 / seconds,
            ingest_ms: answers,
            latency_ms: latency,
            verified: 0,
            faults: Faults::default(),
            closed: Vec::new(),
            stalled: None,
            trickling: None,
        };
        for outcome in outcomes {
            report.add(outcome, &sent);
        }
        report.closed.sort_unstable();
        report.closed.dedup();
        let trickling_fine =
            report.trickling.as_ref().is_none_or(|slow| slow.cut == 0 && slow.faults.none());
        report.passed = report.verified > 0 && report.faults.none() && trickling_fine;
        report
    }

    fn add(&mut self, outcome: &Outcome, sent: &[u64]) {
        let Outcome { reads, check, closed } = outcome;
        let slow = match reads {
            Reads::Healthily => {
                self.verified += check.received();
                self.faults.add(check.faults(sent));
                self.faults.closed += u64::from(closed.is_some());
                self.closed.extend(closed.clone());
                return;
            }
            Reads::Trickling => self.trickling.get_or_insert_default(),
            Reads::Stalled => self.stalled.get_or_insert_default(),
        };
        slow.clients += 1;
        slow.cut += usize::from(closed.is_some());
        slow.received += check.received();
        slow.faults.add(check.faults_so_far());
    }

    /// What went wrong, in a few words.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        if self.passed {
            return None;
        }
        if self.verified == 0 {
            return Some("no event reached any client".into());
        }
        let cut = self.trickling.as_ref().filter(|slow| slow.cut > 0);
        Some(match cut {
            Some(slow) if self.faults.none() => {
                format!("{} clients were cut although they never stopped reading", slow.cut)
            }
            _ => self.faults.to_string(),
        })
    }

    /// The findings as a table, with a line end.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![
            ("load", self.load()),
            ("events", format!("{} /s", grouped(self.events_per_second))),
            ("deliveries", format!("{} /s", grouped(self.deliveries_per_second))),
            ("frames", format!("{:.1} MB/s", self.bytes_per_second / 1e6)),
            ("ingest", told(self.ingest_ms)),
            ("latency", told(self.latency_ms)),
            ("verified", format!("{} deliveries: {}", self.verified, self.faults)),
        ];
        if let Some(rate) = self.rate.filter(|rate| self.events_per_second < 0.95 * rate) {
            rows.push((
                "behind",
                format!("the {} /s that were due were not reached", grouped(rate)),
            ));
        }
        if self.repeated_requests > 0 {
            rows.push(("repeated", format!("{} requests", self.repeated_requests)));
        }
        rows.extend(self.closed.iter().map(|why| ("closed", why.clone())));
        rows.extend(self.stalled.iter().map(|slow| ("stalled", slow.to_string())));
        rows.extend(self.trickling.iter().map(|slow| ("trickling", slow.to_string())));
        let rows: Vec<_> = rows.iter().map(|(name, text)| format!("{name:<12}{text}\n")).collect();
        rows.concat()
    }

    fn load(&self) -> String {
        let Self { clients, publishers, batch, size_bytes, duration_seconds, .. } = self;
        let pace = match (self.window, self.rate) {
            (Some(events), _) => format!("window {events}"),
            (None, rate) => format!("rate {} /s", grouped(rate.unwrap_or_default())),
        };
        format!(
            "clients {clients}, publishers {publishers}, batch {batch}, {size_bytes} bytes, {pace}, {duration_seconds} s"
        )
    }
}

fn told(latency: Option<Latency>) -> String {
    latency.map_or("none measured".into(), |ms| ms.to_string())
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, p999, max } = self;
        write!(f, "p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, max {max:.2} ms")
    }
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, cut, received, faults } = self;
        write!(f, "{cut} of {clients} cut by the router")?;
        if *received > 0 { write!(f, "; {received} deliveries: {faults}") } else { Ok(()) }
    }
}

/// A whole number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, doubled, disordered, skipped, gaps, closed } = self;
        write!(
            f,
            "{lost} lost, {doubled} doubled, {disordered} out of order, {skipped} skipped, {gaps} gaps, {closed} closed"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{mark::Mark, meter::Counts, plan::tests::plan, verify::Check},
        *,
    };

    fn outcome(reads: Reads, came: u64, closed: Option<&str>) -> Outcome {
        let mut check = Check::new(1, true);
        for number in 0..came {
            check.on_event(number + 1, Some(Mark { run: 1, publisher: 0, number, due_ns: 0 }));
        }
        Outcome { reads, check, closed: closed.map(str::to_owned) }
    }

    fn report(outcomes: &[Outcome]) -> Report {
        let counts = Counts { published: 3000, deliveries: 12_345_678, bytes: 5_000_000 };
        let latency = Latency { p50: 0.5, p99: 1.25, p999: 2.0, max: 3.0 };
        let plan = plan("bench --clients 2 --duration 1s").unwrap();
        Report::new(
            &plan,
            &[Published { events: 3, repeated: 0 }],
            Measured {
                counts,
                answers: Some(latency),
                latency: Some(Latency { p50: 1.5, ..latency }),
            },
            outcomes,
        )
    }

    #[test]
    fn a_load_test_passes_when_every_healthy_client_got_everything() {
        let fine = || outcome(Reads::Healthily, 3, None);
        assert!(report(&[fine(), fine()]).passed);
        let lost = report(&[fine(), outcome(Reads::Healthily, 2, None)]);
        assert!(!lost.passed && lost.faults.lost == 1);
        let closed = report(&[fine(), outcome(Reads::Healthily, 3, Some("1001 bye"))]);
        assert!(!closed.passed && closed.closed == ["1001 bye"]);
        assert_eq!(report(&[]).complaint().unwrap(), "no event reached any client");
    }

    #[test]
    fn a_stalled_client_may_be_cut_and_a_trickling_one_may_not() {
        let fine = || outcome(Reads::Healthily, 3, None);
        assert!(report(&[fine(), outcome(Reads::Stalled, 0, Some("reset"))]).passed);
        assert!(report(&[fine(), outcome(Reads::Trickling, 1, None)]).passed, "on its way");
        let cut = report(&[fine(), outcome(Reads::Trickling, 1, Some("reset"))]);
        assert!(cut.complaint().unwrap().contains("never stopped reading"));
    }

    #[test]
    fn a_rate_that_was_not_reached_is_pointed_at() {
        let plan = plan("bench --rate 100").unwrap();
        let table = |published| {
            let counts = Counts { published, ..Counts::default() };
            let measured = Measured { counts, ..Measured::default() };
            Report::new(&plan, &[], measured, &[]).table()
        };
        assert!(table(900).contains("behind      the 100 /s"));
        assert!(!table(990).contains("behind"));
    }

    #[test]
    fn the_table_names_every_finding() {
        let outcomes =
            [outcome(Reads::Healthily, 3, None), outcome(Reads::Stalled, 0, Some("reset"))];
        insta::assert_snapshot!(report(&outcomes).table(), @r"
        load        clients 2, publishers 1, batch 1, 300 bytes, window 16, 1 s
        events      3,000 /s
        deliveries  12,345,678 /s
        frames      5.0 MB/s
        ingest      p50 0.50 ms, p99 1.25 ms, p99.9 2.00 ms, max 3.00 ms
        latency     p50 1.50 ms, p99 1.25 ms, p99.9 2.00 ms, max 3.00 ms
        verified    3 deliveries: 0 lost, 0 doubled, 0 out of order, 0 skipped, 0 gaps, 0 closed
        stalled     1 of 1 cut by the router
        ");
    }
}
