//! The three spans while they last, and what each says at its end. One that is dropped ends too, with
//! what is known by then.

use opentelemetry::{
    KeyValue, Value,
    trace::{Span as _, SpanContext, Status},
};
use opentelemetry_sdk::trace::Span;

use crate::core::event::Seq;

/// A request that is being answered; one that is given up ends with what is known.
#[derive(Debug)]
pub struct RequestSpan {
    pub(super) span: Span,
    /// What it is named without a route.
    pub(super) name: &'static str,
}

impl RequestSpan {
    /// The span, for others to refer to, if it is recorded.
    #[must_use]
    pub fn context(&self) -> Option<SpanContext> {
        Some(self.span.span_context().clone()).filter(SpanContext::is_sampled)
    }

    /// It was answered; `route` is the pattern, or nothing when there is no such route.
    pub fn answered(mut self, route: Option<&str>, status: u16) {
        self.span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if let Some(route) = route {
            self.span.update_name(format!("{} {route}", self.name));
            self.span.set_attribute(KeyValue::new("http.route", route.to_owned()));
        }
        if status >= 500 {
            self.span.set_attribute(KeyValue::new("error.type", status.to_string()));
            self.span.set_status(Status::error(""));
        }
    }
}

/// A batch that is being committed.
#[derive(Debug)]
pub struct CommitSpan(pub(super) Span);

impl CommitSpan {
    /// It is committed, with new events at these places if there are any; the span, for others to
    /// refer to.
    #[must_use]
    pub fn committed(mut self, places: Option<(Seq, Seq)>) -> SpanContext {
        self.0.set_attribute(KeyValue::new(OUTCOME, "committed"));
        if let Some((first_seq, last_seq)) = places {
            set_places(&mut self.0, first_seq, last_seq);
        }
        self.0.span_context().clone()
    }

    /// It is not committed, or nobody knows.
    pub fn failed(mut self, outcome: &'static str) {
        self.0.set_attribute(KeyValue::new(OUTCOME, outcome));
        self.0.set_attribute(KeyValue::new("error.type", outcome));
        self.0.set_status(Status::error(""));
    }
}

/// A worker that writes what is new to its sessions.
#[derive(Debug)]
pub struct PassSpan {
    pub(super) span: Span,
    /// Where the last commit ends that is linked.
    pub(super) linked: Seq,
}

impl PassSpan {
    /// All sessions that take bytes have been written to; commits that came `later` than the pass
    /// began are among what they got.
    pub(super) fn finished(
        self,
        later: impl Iterator<Item = SpanContext>,
        (first_seq, last_seq): (Seq, Seq),
        sessions: usize,
    ) {
        let mut span = self.span;
        for commit in later {
            span.add_link(commit, Vec::new());
        }
        set_places(&mut span, first_seq, last_seq);
        let events = (last_seq + 1).saturating_sub(first_seq);
        span.set_attribute(KeyValue::new("signalbox.events", count(events)));
        span.set_attribute(KeyValue::new("signalbox.sessions", count(sessions)));
    }
}

const OUTCOME: &str = "signalbox.outcome";

fn set_places(span: &mut Span, first_seq: Seq, last_seq: Seq) {
    span.set_attribute(KeyValue::new("signalbox.first_seq", count(first_seq)));
    span.set_attribute(KeyValue::new("signalbox.last_seq", count(last_seq)));
}

pub(super) fn count(n: impl TryInto<i64>) -> Value {
    n.try_into().unwrap_or(i64::MAX).into()
}
