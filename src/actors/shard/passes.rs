//! One pass over the sessions: from the news that the journal has advanced until everybody who takes
//! bytes has them. What is observed of it is observed once a pass, not for each client.

use chrono::Utc;

use super::Shard;
use crate::{core::event::Seq, telemetry::PassSpan};

/// A pass that is under way.
pub(super) struct Pass {
    /// The first `seq` that is new in it.
    first: Seq,
    span: Option<PassSpan>,
}

impl Shard {
    /// Begins a pass, unless one is under way.
    pub(super) fn begin_pass(&mut self) {
        if self.pass.is_none() {
            let traces = self.options.traces.as_ref().filter(|_| !self.fanout.is_empty());
            let span = traces.and_then(|traces| traces.pass(self.passed));
            self.pass = Some(Pass { first: self.passed + 1, span });
        }
    }

    /// Everything up to the tail's end has been written, where it could be.
    pub(super) fn end_pass(&mut self) {
        let Some(Pass { first, span }) = self.pass.take() else { return };
        let tail = self.options.tail.load();
        self.passed = tail.position().seq;
        if first > self.passed || self.fanout.is_empty() {
            return;
        }
        if let (Some(traces), Some(span)) = (&self.options.traces, span) {
            traces.finish_pass(span, (first, self.passed), self.fanout.len());
        }
        // Of its events the oldest has waited longest. Clocks may be set back meanwhile.
        let oldest = tail.from(first).next().map(|event| Utc::now() - event.created_at);
        if let Some(took) = oldest.and_then(|took| took.to_std().ok()) {
            self.options.metrics.session_delivery_seconds.record(took);
            self.options.metrics.stats.passed(took);
        }
    }
}
