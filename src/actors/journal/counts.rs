//! What the journal counts.

use std::{collections::BTreeMap, time::Duration};

use super::PublishError;
use crate::{
    core::{
        event::Category,
        numbering::{Head, Outcome},
    },
    telemetry::Metrics,
};

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) fn queue(metrics: &Metrics, events: usize, bytes: usize) {
    metrics.journal_queue_events.set(events as f64);
    metrics.journal_queue_bytes.set(bytes as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
pub(super) fn commit(metrics: &Metrics, events: usize, took: Duration, committed: bool) {
    if committed {
        metrics.journal_commits_total.increment(1);
        metrics.journal_commit_seconds.record(took);
        metrics.stats.committed(took);
        metrics.journal_batch_events.record(events as f64);
    } else {
        metrics.storage_errors_total.with(["commit"]).increment(1);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(super) fn head(metrics: &Metrics, head: &Head) {
    metrics.journal_head_seq.set(head.head_seq as f64);
    metrics.journal_first_seq.set(head.first_seq as f64);
}

pub(super) fn accepted(metrics: &Metrics, categories: impl Iterator<Item = Category>) {
    let mut counts = BTreeMap::<_, u64>::new();
    for category in categories {
        *counts.entry(category).or_default() += 1;
    }
    metrics.stats.accepted(&counts);
    for (category, n) in counts {
        metrics.events_accepted_total.with([category.as_str()]).increment(n);
    }
}

/// Events that were taken, and then could not be committed.
pub(super) fn failed(metrics: &Metrics, events: usize, error: &PublishError) {
    metrics.events_failed_total.with([error.code()]).increment(events as u64);
    metrics.stats.failed(events as u64);
}

pub(super) fn duplicates(metrics: &Metrics, outcomes: &[Outcome]) {
    let count = |f: fn(&Outcome) -> bool| outcomes.iter().filter(|o| f(o)).count() as u64;
    metrics.events_duplicate_total.increment(count(|outcome| outcome.duplicate));
    metrics.events_differs_total.increment(count(|outcome| outcome.differs));
}
