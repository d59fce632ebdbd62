//! The table of every metric: `name: Kind, Unit, [labels];` under the sentence that is its help.
//!
//! A row becomes a field of [`Metrics`]: a handle, or a [`Family`] of them when it has labels. The
//! metric's name is the field's name after `signalbox_`.

use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::{
    family::{Definition, Family, Handle, Kind, Registry, Unit},
    stats::Stats,
};

macro_rules! metrics {
    (@type $kind:ident) => { $kind };
    (@type $kind:ident $($label:literal)+) => { Family<$kind, { [$($label),+].len() }> };
    (@make $registry:ident, $name:expr, $kind:ident) => {
        $kind::register(&$registry, &Key::from_static_name($name))
    };
    (@make $registry:ident, $name:expr, $kind:ident $($label:literal)+) => {
        Family::new(&$registry, $name, [$($label),+])
    };
    ($(
        #[doc = $help:literal]
        $name:ident: $kind:ident, $unit:ident, [$($label:literal),*];
    )+) => {
        /// Every metric of one router.
        pub struct Metrics {
            registry: Registry,
            /// What `GET /v1/stats` tells of the same.
            pub stats: Stats,
            $( #[doc = $help] pub $name: metrics!(@type $kind $($label)*), )+
        }

        /// Every metric, as the table has it.
        pub static METRICS: &[Definition] = &[$( Definition {
            name: concat!("signalbox_", stringify!($name)),
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            help: $help.trim_ascii(),
        }, )+];

        impl Metrics {
            fn in_registry(registry: Registry) -> Self {
                $( $kind::describe(
                    &registry, concat!("signalbox_", stringify!($name)).into(), $help.trim_ascii(),
                ); )+
                Self {
                    $( $name: metrics!(
                        @make registry, concat!("signalbox_", stringify!($name)), $kind $($label)*
                    ), )+
                    registry,
                    stats: Stats::default(),
                }
            }
        }
    };
}

metrics! {
    /// Events committed for the first time.
    events_accepted_total: Counter, Count, ["category"];
    /// Events whose id was already in the journal.
    events_duplicate_total: Counter, Count, [];
    /// Events that were taken, and then could not be committed.
    events_failed_total: Counter, Count, ["reason"];
    /// Duplicates that differ from the first event of their id.
    events_differs_total: Counter, Count, [];
    /// Events refused at ingest.
    ingest_rejected_total: Counter, Count, ["reason"];
    /// Requests with an Idempotency-Key, by what was known of it.
    idempotent_requests_total: Counter, Count, ["outcome"];
    /// Answers to requests with an Idempotency-Key that were forgotten before their time.
    idempotent_answers_evicted_total: Counter, Count, [];
    /// Invalid events left out of requests that asked for it.
    events_skipped_total: Counter, Count, [];

    /// The generation of the settings in force.
    settings_generation: Gauge, Count, [];
    /// Attempts to load the settings again: applied, unchanged, or refused.
    reload_total: Counter, Count, ["outcome"];
    /// When settings were last loaded well, in seconds since 1970.
    reload_last_success_timestamp_seconds: Gauge, Seconds, [];
    /// Whether the last attempt to load the settings again was refused.
    reload_refused: Gauge, Count, [];
    /// Changes of what is set at run time: set, cleared, expired, or refused.
    override_changes_total: Counter, Count, ["outcome"];

    /// Events waiting for a commit.
    journal_queue_events: Gauge, Count, [];
    /// Bytes waiting for a commit.
    journal_queue_bytes: Gauge, Bytes, [];
    /// Commits.
    journal_commits_total: Counter, Count, [];
    /// Time one commit took.
    journal_commit_seconds: Histogram, Seconds, [];
    /// Events in one commit.
    journal_batch_events: Histogram, Count, [];
    /// The newest event.
    journal_head_seq: Gauge, Count, [];
    /// The oldest event that is kept.
    journal_first_seq: Gauge, Count, [];
    /// 1 when the journal takes events, 0 while it recovers or is down.
    journal_state: Gauge, Count, [];
    /// Attempts to take up a lost database again.
    journal_recoveries_total: Counter, Count, ["outcome"];

    /// Sessions that are open.
    sessions: Gauge, Count, [];
    /// Sessions opened.
    session_opened_total: Counter, Count, [];
    /// Sessions closed.
    session_closed_total: Counter, Count, ["reason"];
    /// Events that the kernel took for a client, whole.
    session_deliveries_total: Counter, Count, [];
    /// Bytes that the kernel took for clients.
    session_delivered_bytes_total: Counter, Bytes, [];
    /// Time from commit to socket: one observation for each pass of a worker, of its oldest event.
    session_delivery_seconds: Histogram, Seconds, [];
    /// Events that a session matched and will not be given.
    session_dropped_total: Counter, Count, ["reason"];
    /// Errors told to clients.
    session_errors_total: Counter, Count, ["code"];
    /// Pages read from storage for sessions that were behind the tail.
    catch_up_pages_total: Counter, Count, [];
    /// Groups of sessions with the same filter, over all workers.
    filter_groups: Gauge, Count, [];

    /// Requests of an adapter to its destination, by how they ended.
    adapter_attempts_total: Counter, Count, ["adapter", "outcome"];
    /// Time one request of an adapter took.
    adapter_request_seconds: Histogram, Seconds, ["adapter"];
    /// Events that an adapter is done with: delivered, known there before, or dead.
    adapter_events_total: Counter, Count, ["adapter", "outcome"];
    /// Events in one request of an adapter.
    adapter_batch_events: Histogram, Count, ["adapter"];
    /// Events that wait for an adapter, those on their way among them.
    adapter_lag_events: Gauge, Count, ["adapter"];
    /// How long the oldest of them has been committed.
    adapter_lag_seconds: Gauge, Seconds, ["adapter"];
    /// 1 for the state that the breaker is in, 0 for the others.
    adapter_breaker_state: Gauge, Count, ["adapter", "state"];
    /// Times that a cursor was beyond the journal's end.
    adapter_cursor_clamped_total: Counter, Count, ["adapter"];
    /// Transitions of the breaker.
    adapter_breaker_transitions_total: Counter, Count, ["adapter", "to"];

    /// Events that were compared with what a probe saw, by what became of them.
    validation_verdicts_total: Counter, Count, ["path", "verdict"];
    /// Events of which nothing can be said, and why.
    validation_unscored_total: Counter, Count, ["path", "reason"];
    /// Copies that a probe saw, by what they counted for.
    validation_copies_total: Counter, Count, ["path", "outcome"];
    /// Events that wait for their verdict.
    validation_waiting_events: Gauge, Count, ["path"];
    /// Events matched of those scored in the last minute, from 0 to 1; 1 when none was.
    validation_match_ratio: Gauge, Count, ["path"];
    /// Time from commit to probe.
    validation_delivery_seconds: Histogram, Seconds, ["path"];
    /// 1 while too much of a category is not matched.
    validation_alert: Gauge, Count, ["path", "category"];
    /// Verdicts that are not kept in storage.
    validation_verdicts_dropped_total: Counter, Count, ["reason"];

    /// Channels of the built-in Realtime that are open.
    realtime_channels: Gauge, Count, [];
    /// Joins of channels.
    realtime_joins_total: Counter, Count, ["outcome"];
    /// Channels told to come back because their client read too slowly.
    realtime_channels_lost_total: Counter, Count, [];
    /// Broadcasts taken, by where they came from.
    realtime_broadcasts_total: Counter, Count, ["from"];
    /// What clients said that was not done.
    realtime_dropped_total: Counter, Count, ["reason"];
    /// Frames of clients that are no messages.
    realtime_malformed_total: Counter, Count, ["kind"];
    /// Who is present, on all topics.
    realtime_present: Gauge, Count, [];
    /// Topics that are kept.
    realtime_topics: Gauge, Count, [];
    /// Bytes of the messages of all topics.
    realtime_topics_bytes: Gauge, Bytes, [];
    /// Topics whose messages were forgotten before their time.
    realtime_topics_forgotten_total: Counter, Count, ["reason"];

    /// Dead letters, as they were counted last: `GET /metrics` and `GET /v1/stats` count them.
    dead_letters: Gauge, Count, ["adapter", "status"];
    /// Events that an adapter was to deliver and never will.
    adapter_dropped_total: Counter, Count, ["adapter", "reason"];

    /// The share of clients on the realtime path, in percent.
    rollout_percent: Gauge, Count, [];
    /// What the rollout decided: once a second.
    rollout_decisions_total: Counter, Count, ["decision"];
    /// Steps of the rollout that ended, by how.
    rollout_steps_total: Counter, Count, ["outcome"];
    /// Decisions of the rollout that could not be carried out; they are made again.
    rollout_failures_total: Counter, Count, [];
    /// Clients told to move: sessions by a frame, others when they asked.
    rollout_moves_total: Counter, Count, ["how"];

    /// 1 while the probe on a path is connected, and subscribed there.
    probe_connected: Gauge, Count, ["path"];
    /// Subscriptions of a probe that broke.
    probe_breaks_total: Counter, Count, ["path"];
    /// Events that a probe saw, each copy of them.
    probe_receipts_total: Counter, Count, ["path"];
    /// What a probe was told on its path and is no event.
    probe_unreadable_total: Counter, Count, ["path"];
    /// Time until what a probe asks comes back.
    probe_echo_seconds: Histogram, Seconds, ["path"];
    /// 1 while faults are planted on the path on purpose.
    rehearsal_active: Gauge, Count, ["path"];
    /// Faults that were planted on purpose.
    rehearsal_planted_total: Counter, Count, ["path", "fault"];
    /// Events that a rehearsal holds back.
    rehearsal_held_events: Gauge, Count, [];
    /// Events that a rehearsal held back and that could not be sent afterwards.
    rehearsal_lost_total: Counter, Count, ["reason"];

    /// Events deleted because of their age, or to stay within the size.
    retention_deleted_total: Counter, Count, [];
    /// Bytes that the journal takes in the database.
    storage_size_bytes: Gauge, Bytes, [];
    /// Failed operations on the database.
    storage_errors_total: Counter, Count, ["operation"];

    /// Answered requests; the route is its pattern, never the path.
    http_requests_total: Counter, Count, ["route", "method", "status"];
    /// Time to answer a request; the route is its pattern, never the path.
    http_request_seconds: Histogram, Seconds, ["route"];

    /// Requests refused for who asked, from where, or for what.
    access_refused_total: Counter, Count, ["reason"];
    /// Requests and connections refused by a limit; the label is its setting.
    limited_total: Counter, Count, ["limit"];
    /// Clients whose use is counted, to be held under their limits.
    limit_clients: Gauge, Count, [];
    /// Tickets made.
    tickets_total: Counter, Count, [];

    /// Spans that the collector took.
    trace_spans_exported_total: Counter, Count, [];
    /// Spans that did not reach the collector.
    trace_spans_dropped_total: Counter, Count, ["reason"];

    /// Messages that an actor's full mailbox refused.
    mailbox_full_total: Counter, Count, ["actor"];
    /// Events matched but neither delivered, dropped nor pending: anything but 0 is a defect.
    ledger_imbalance: Gauge, Count, [];
    /// Memory that the process holds; 0 where that cannot be known.
    resident_memory_bytes: Gauge, Bytes, [];
    /// Always 1; the label is the version that runs.
    build_info: Gauge, Count, ["version"];
}

impl Metrics {
    /// All metrics, at zero.
    #[must_use]
    pub fn new() -> Self {
        let metrics = Self::in_registry(Arc::new(builder().build_recorder()));
        metrics.build_info.with([env!("CARGO_PKG_VERSION")]).set(1.0);
        metrics
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        self.registry.handle().render()
    }

    /// Sorts what was observed into the histograms. Observations wait in memory until then, so this
    /// wants to be called every few seconds, whether anybody reads `/metrics` or not.
    pub fn upkeep(&self) {
        self.registry.handle().run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[expect(clippy::expect_used, reason = "the one error is a list of buckets that is empty")]
fn builder() -> PrometheusBuilder {
    let histograms = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram);
    histograms.fold(PrometheusBuilder::new(), |builder, metric| {
        let matcher = Matcher::Full(metric.name.to_owned());
        builder.set_buckets_for_metric(matcher, metric.unit.buckets()).expect("buckets")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_rules_of_prometheus() {
        let mut seen = HashSet::new();
        for Definition { name, kind, unit, labels, help } in METRICS {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(!help.is_empty() && help.ends_with('.'), "{name} needs a sentence of help");
            let valid = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(name.chars().all(valid), "{name}");
            assert!(labels.iter().all(|label| label.chars().all(valid)), "{name}: {labels:?}");
            let base = name.strip_suffix("_total");
            assert_eq!(base.is_some(), *kind == Kind::Counter, "{name}: `_total` is for counters");
            let base = base.unwrap_or(name);
            assert_eq!(base.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
            assert_eq!(base.ends_with("_bytes"), *unit == Unit::Bytes, "{name}");
            let words: Vec<_> = base.split('_').collect();
            for taken in ["count", "sum", "bucket", "counter", "gauge", "histogram"] {
                assert!(!words.contains(&taken), "{name}: `{taken}` is told by the type");
            }
            for short in ["ms", "s", "sec", "ns", "us", "kb", "mb", "min", "millis"] {
                assert!(!words.contains(&short), "{name}: `{short}` is not a base unit");
            }
            let reserved =
                |label: &&str| ["le", "quantile"].contains(label) || label.starts_with("__");
            assert!(!labels.iter().any(reserved), "{name}: {labels:?}");
        }
    }

    #[test]
    fn every_metric_is_rendered_with_its_help_and_type() {
        let metrics = Metrics::new();
        for metric in METRICS.iter().filter(|metric| !metric.labels.is_empty()) {
            let labels = metric.labels.iter().map(|label| ::metrics::Label::new(*label, "x"));
            let key = Key::from_parts(metric.name, labels.collect::<Vec<_>>());
            match metric.kind {
                Kind::Counter => drop(Counter::register(&metrics.registry, &key)),
                Kind::Gauge => drop(Gauge::register(&metrics.registry, &key)),
                Kind::Histogram => drop(Histogram::register(&metrics.registry, &key)),
            }
        }
        let text = metrics.render();
        for Definition { name, kind, help, .. } in METRICS {
            let kind = format!("{kind:?}").to_lowercase();
            assert!(text.contains(&format!("# HELP {name} {help}\n")), "{name}\n{text}");
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}\n{text}");
        }
    }

    #[test]
    fn two_routers_in_one_process_count_apart() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.events_accepted_total.with(["debug"]).increment(2);
        one.events_accepted_total.with(["debug"]).increment(3);
        other.sessions.set(7.0);
        let line = "signalbox_events_accepted_total{category=\"debug\"} 5\n";
        assert!(one.render().contains(line), "{}", one.render());
        assert!(one.render().contains("signalbox_sessions 0\n"));
        assert!(!other.render().contains("debug"));
        assert!(other.render().contains("signalbox_sessions 7\n"));
    }

    #[test]
    fn observations_fall_into_buckets() {
        let metrics = Metrics::new();
        metrics.journal_commit_seconds.record(0.003);
        metrics.upkeep();
        let text = metrics.render();
        assert!(text.contains("signalbox_journal_commit_seconds_bucket{le=\"0.0025\"} 0\n"));
        assert!(text.contains("signalbox_journal_commit_seconds_bucket{le=\"0.005\"} 1\n"));
    }
}
