//! What a row of the metrics' table is, and what it becomes: a handle, or a family of them.

use std::{fmt, marker::PhantomData, sync::Arc};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;

static METADATA: Metadata<'static> = Metadata::new("signalbox", Level::INFO, None);

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// The full name.
    pub name: &'static str,
    /// What it counts as.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// Label names, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Sorts observations into buckets.
    Histogram,
}

/// What a metric is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things, or a state.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// Upper bounds of a histogram's buckets.
    pub(super) fn buckets(self) -> &'static [f64] {
        match self {
            Self::Count => &[1., 2., 5., 10., 25., 50., 100., 250., 500., 1e3, 2.5e3, 5e3, 1e4],
            Self::Bytes => &[256., 1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6],
            Self::Seconds => &[
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10.,
                30.,
            ],
        }
    }
}

/// What all series of a process are kept in.
pub(super) type Registry = Arc<PrometheusRecorder>;

/// A handle on one series: cheap to clone and to use, from any thread.
pub trait Handle: Sized {
    /// Tells the registry what the metric means.
    fn describe(registry: &PrometheusRecorder, name: KeyName, help: &'static str);
    /// The series of that key, made at zero when there is none.
    fn register(registry: &PrometheusRecorder, key: &Key) -> Self;
}

macro_rules! handle {
    ($($kind:ident: $describe:ident, $register:ident;)+) => { $(
        impl Handle for $kind {
            fn describe(registry: &PrometheusRecorder, name: KeyName, help: &'static str) {
                registry.$describe(name, None, help.into());
            }
            fn register(registry: &PrometheusRecorder, key: &Key) -> Self {
                registry.$register(key, &METADATA)
            }
        }
    )+ };
}

handle! {
    Counter: describe_counter, register_counter;
    Gauge: describe_gauge, register_gauge;
    Histogram: describe_histogram, register_histogram;
}

/// All series of one metric with `N` labels.
pub struct Family<H, const N: usize> {
    registry: Registry,
    name: &'static str,
    labels: [&'static str; N],
    handle: PhantomData<fn() -> H>,
}

impl<H: Handle, const N: usize> Family<H, N> {
    pub(super) fn new(registry: &Registry, name: &'static str, labels: [&'static str; N]) -> Self {
        Self { registry: registry.clone(), name, labels, handle: PhantomData }
    }

    /// The series with these values, in the order of the labels. This looks it up: where it counts,
    /// keep what it returns. Values must be few: never an id, a topic or an address.
    #[must_use]
    pub fn with(&self, values: [&str; N]) -> H {
        let labels = self.labels.iter().zip(values);
        let labels = labels.map(|(label, value)| Label::new(*label, value.to_owned()));
        H::register(&self.registry, &Key::from_parts(self.name, labels.collect::<Vec<_>>()))
    }
}

impl<H, const N: usize> fmt::Debug for Family<H, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Family({}, {:?})", self.name, self.labels)
    }
}
