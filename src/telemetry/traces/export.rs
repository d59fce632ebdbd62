//! Ended spans on their way to the collector: a queue with a bound, and a thread with a runtime of
//! its own that empties it. Nobody ever waits for it; what has no room, or does not arrive, is
//! counted.

use std::{fmt, io, mem, sync::Arc, thread, time::Duration};

use arc_swap::ArcSwapOption;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter, SpanProcessor},
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::telemetry::Metrics;

/// Spans that may wait.
const QUEUE: usize = 2_048;
/// Spans in one message to the collector, at most.
const BATCH: usize = 512;
/// How long a span waits for others to go with it.
const DELAY: Duration = Duration::from_secs(1);

/// The end of the queue where spans come in.
pub(super) struct Queue {
    /// Nothing once it is stopped, which lets the other end come to its own.
    spans: ArcSwapOption<mpsc::Sender<SpanData>>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let reason = match &*self.spans.load() {
            Some(spans) if spans.try_send(span).is_ok() => return,
            Some(_) => "queue_full",
            None => "stopped",
        };
        self.metrics.trace_spans_dropped_total.with([reason]).increment(1);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// Takes nothing more, and does not wait: whoever wants to waits for the thread.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        self.spans.store(None);
        Ok(())
    }
}

/// Starts the thread; the second is told when it has sent everything and is gone.
///
/// # Errors
/// When there can be no thread, or no runtime.
pub(super) fn start(
    exporter: impl SpanExporter + 'static,
    metrics: Arc<Metrics>,
) -> io::Result<(Queue, oneshot::Receiver<()>)> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (spans, waiting) = mpsc::channel(QUEUE);
    let (gone, end) = oneshot::channel();
    let shipping = Shipping { exporter, waiting, metrics: metrics.clone(), is_failing: false };
    thread::Builder::new().name("traces".into()).spawn(move || {
        runtime.block_on(shipping.run());
        gone.send(()).ok();
    })?;
    Ok((Queue { spans: ArcSwapOption::from_pointee(spans), metrics }, end))
}

/// The other end.
struct Shipping<E> {
    exporter: E,
    waiting: mpsc::Receiver<SpanData>,
    metrics: Arc<Metrics>,
    is_failing: bool,
}

impl<E: SpanExporter> Shipping<E> {
    async fn run(mut self) {
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                return;
            }
            self.ship(batch).await;
        }
    }

    /// Waits for a span, and a while for others; none once it is stopped and empty.
    async fn gather(&mut self) -> Vec<SpanData> {
        let mut batch = Vec::with_capacity(BATCH);
        self.waiting.recv_many(&mut batch, BATCH).await;
        let others = async {
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                if self.waiting.recv_many(&mut batch, room).await == 0 {
                    return;
                }
            }
        };
        // Whoever came in time is in the batch.
        timeout(DELAY, others).await.unwrap_or_default();
        batch
    }

    /// A collector that is down is told once, and again when it is back.
    async fn ship(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len();
        match self.exporter.export(batch).await {
            Ok(()) => {
                self.metrics.trace_spans_exported_total.increment(spans as u64);
                if mem::take(&mut self.is_failing) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                let dropped = self.metrics.trace_spans_dropped_total.with(["export_failed"]);
                dropped.increment(spans as u64);
                if !mem::replace(&mut self.is_failing, true) {
                    tracing::warn!(%error, "spans do not reach the collector");
                }
            }
        }
    }
}
