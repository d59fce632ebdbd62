//! Traces by OTLP, when the standard environment variables ask for them; otherwise there is no
//! [`Traces`] at all, and nobody pays for it.
//!
//! Three spans: a request, the commit that its events were part of, the passes in which the workers
//! wrote them to their sessions. A commit and a pass serve many requests: they are children of the
//! first that is recorded, and linked to all. They hold numbers and outcomes, never what an event,
//! a header or a path says. docs/tracing.md describes them.

mod environment;
mod export;
mod spans;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    trace::{
        Link, SpanBuilder, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
        Tracer, TracerProvider,
    },
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{SdkTracer, SdkTracerProvider, Span, SpanExporter as _},
};
use reqwest::redirect::Policy;
use tokio::{sync::oneshot, time::timeout};

use self::{
    environment::{Wish, read, wish},
    spans::count,
};
use super::Metrics;
use crate::core::{event::Seq, traceparent::Traceparent};

pub use self::spans::{CommitSpan, PassSpan, RequestSpan};
pub use opentelemetry::trace::SpanContext;

/// Commits that passes can still be linked to.
const COMMITS: usize = 128;

/// Where spans are made.
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// The last commits that are recorded, each with its last `seq`.
    commits: Mutex<VecDeque<(Seq, SpanContext)>>,
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

/// Why there are no traces although they were asked for.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// What is asked for is not here.
    #[error("{0}")]
    Unsupported(String),
    /// The exporter does not take its settings. What they are could be a secret.
    #[error(
        "what OTEL_EXPORTER_OTLP_* say cannot be used: an endpoint is a URL such as \
         http://127.0.0.1:4318, the compression is gzip or none"
    )]
    Exporter(#[from] ExporterBuildError),
    /// There is no client for HTTP.
    #[error("no client for HTTP can be made: {0}")]
    Client(#[from] reqwest::Error),
    /// There is no thread for it.
    #[error("no thread can be started: {0}")]
    Thread(#[from] io::Error),
}

impl Traces {
    /// Starts, if the environment of this process asks for it.
    ///
    /// # Errors
    /// When what it asks for cannot be done; a router can do without.
    pub fn start(metrics: &Arc<Metrics>) -> Result<Option<Self>, TracesError> {
        match wish(read) {
            Wish::Off => return Ok(None),
            Wish::Not(why) => return Err(TracesError::Unsupported(why)),
            Wish::On => {}
        }
        // Only the first of a process installs it; all are the same.
        rustls::crypto::ring::default_provider().install_default().ok();
        let within = environment::timeout(read);
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none());
        let client = client.timeout(within).build()?;
        let mut exporter = SpanExporter::builder().with_http().with_http_client(client).build()?;
        let resource = resource();
        exporter.set_resource(&resource);
        let (queue, end) = export::start(exporter, metrics.clone())?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_span_processor(queue).build();
        let scope = InstrumentationScope::builder("signalbox").with_version(VERSION).build();
        let tracer = provider.tracer_with_scope(scope);
        let (commits, end) = (Mutex::default(), Mutex::new(Some(end)));
        Ok(Some(Self { tracer, provider, commits, end }))
    }

    /// Sends what waits, for as long as `within`; nothing is recorded any more.
    pub async fn stop(&self, within: Duration) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stopped = self.provider.shutdown();
        let Some(end) = end.filter(|_| stopped.is_ok()) else { return };
        if timeout(within, end).await.is_err() {
            tracing::warn!("the collector did not take the last spans in time");
        }
    }

    /// A request has come, from a `parent` of somebody else's if there is one.
    #[must_use]
    pub fn request(
        &self,
        method: &'static str,
        parent: Option<Traceparent>,
        state: Option<&str>,
    ) -> RequestSpan {
        let parent = parent.map(|parent| remote(parent, state));
        // As the conventions name a method that is none of the known ones.
        let (name, method) = if method == "other" { ("HTTP", "_OTHER") } else { (method, method) };
        let builder = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("http.request.method", method)]);
        RequestSpan { span: self.begin(builder, parent), name }
    }

    /// A batch is being committed, of requests of which these are recorded; nothing when none is.
    #[must_use]
    pub fn commit<'a>(
        &self,
        requests: impl Iterator<Item = &'a SpanContext>,
        events: usize,
    ) -> Option<CommitSpan> {
        let builder = self
            .tracer
            .span_builder("journal commit")
            .with_attributes([KeyValue::new("signalbox.events", count(events))]);
        self.linked(builder, requests.cloned().collect()).map(CommitSpan)
    }

    /// What a commit stored can be read from now on, up to this place.
    pub fn shown(&self, last_seq: Seq, commit: SpanContext) {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if commits.len() == COMMITS {
            commits.pop_front();
        }
        commits.push_back((last_seq, commit));
    }

    /// A worker begins to write to its sessions what was committed after `seq`; nothing when none
    /// of those commits is recorded.
    #[must_use]
    pub fn pass(&self, seq: Seq) -> Option<PassSpan> {
        let newer = self.commits(seq, Seq::MAX);
        let linked = newer.last().map(|(last_seq, _)| *last_seq)?;
        let newer = newer.into_iter().map(|(_, commit)| commit).collect();
        let span = self.linked(self.tracer.span_builder("session delivery"), newer)?;
        Some(PassSpan { span, linked })
    }

    /// All sessions of a worker that take bytes have what was committed from `first` to `last`; some
    /// of those commits may have come after the pass began.
    pub fn finish_pass(&self, pass: PassSpan, (first, last): (Seq, Seq), sessions: usize) {
        let later = self.commits(pass.linked, last);
        pass.finished(later.into_iter().map(|(_, commit)| commit), (first, last), sessions);
    }

    /// The recorded commits that end after a place, and not after another.
    fn commits(&self, after: Seq, through: Seq) -> Vec<(Seq, SpanContext)> {
        let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let within =
            |(last_seq, _): &&(Seq, SpanContext)| after < *last_seq && *last_seq <= through;
        commits.iter().filter(within).cloned().collect()
    }

    /// A child of the first of `contexts`, linked to all of them.
    fn linked(&self, builder: SpanBuilder, contexts: Vec<SpanContext>) -> Option<Span> {
        let parent = contexts.first()?.clone();
        let links = contexts.into_iter().map(|context| Link::new(context, Vec::new(), 0));
        Some(self.begin(builder.with_links(links.collect()), Some(parent)))
    }

    fn begin(&self, builder: SpanBuilder, parent: Option<SpanContext>) -> Span {
        let context = Context::new();
        let parent = match parent {
            Some(parent) => context.with_remote_span_context(parent),
            None => context,
        };
        self.tracer.build_with_context(builder, &parent)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn remote(parent: Traceparent, state: Option<&str>) -> SpanContext {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    // A state that is not valid is dropped, and the trace goes on without it.
    let state = state.and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    let trace_id = TraceId::from(parent.trace_id());
    SpanContext::new(trace_id, SpanId::from(parent.parent_id()), flags, true, state)
}

/// Who speaks: what the environment says, and our own name where it says nothing.
fn resource() -> Resource {
    let own = [("service.name", "signalbox"), ("service.version", VERSION)];
    let resource = Resource::builder_empty()
        .with_attributes(own.map(|(key, value)| KeyValue::new(key, value)))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match read("OTEL_SERVICE_NAME") {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}
