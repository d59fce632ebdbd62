//! What is measured once a second, by name: a row of the table is a series of `GET /v1/history`.

use serde::Serialize;
use utoipa::ToSchema;

use crate::core::stats::{Join, Row};

macro_rules! series {
    ($(
        #[doc = $help:literal]
        $name:ident: $join:ident;
    )+) => {
        /// How many series there are.
        pub(super) const COUNT: usize = [$(stringify!($name)),+].len();

        /// How values of each become one.
        pub(super) const JOINS: [Join; COUNT] = [$(Join::$join),+];

        /// What was measured at one time; `None` cannot be told.
        #[derive(Debug, Default)]
        pub(super) struct Measured { $( #[doc = $help] pub(super) $name: Option<f64>, )+ }

        /// Each as long as `at`; `null` is what could not be told.
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = HistorySeries)]
        pub(super) struct Series { $( #[doc = $help] $name: Vec<Option<f32>>, )+ }

        impl Measured {
            /// In the order of the table.
            pub(super) fn row(&self) -> Row<COUNT> {
                [$( self.$name.map(narrow) ),+]
            }
        }

        impl From<[Vec<Option<f32>>; COUNT]> for Series {
            fn from([$($name),+]: [Vec<Option<f32>>; COUNT]) -> Self {
                Self { $($name),+ }
            }
        }
    };
}

series! {
    /// Events committed, a second.
    taken: Mean;
    /// Events that the kernel took for sessions, a second.
    shown: Mean;
    /// Events that the destination of the realtime path took, a second.
    sent: Mean;
    /// Sessions that are open.
    sessions: Most;
    /// From commit to socket, in milliseconds: half of the last minute's passes.
    direct_p50: Most;
    /// The same of 95 %.
    direct_p95: Most;
    /// The same of 99 %.
    direct_p99: Most;
    /// Requests to the destination, in milliseconds: half of the last minute's.
    realtime_p50: Most;
    /// The same of 95 %.
    realtime_p95: Most;
    /// The same of 99 %.
    realtime_p99: Most;
    /// HTTP answers, in milliseconds: 95 % of the last minute's.
    http_p95: Most;
    /// Commits, in milliseconds: 95 % of the last minute's.
    commit_p95: Most;
    /// Of the last minute's events those that were invalid or failed, in percent.
    ingest_errors: Most;
    /// Of the second's requests to the destination those that failed, in percent.
    realtime_errors: Most;
    /// Of the last minute's requests those answered with 5xx, in percent.
    http_errors: Most;
    /// Events that wait for the destination.
    lag_events: Most;
    /// How long the oldest of them has been committed.
    lag_seconds: Most;
    /// How long the oldest event has waited for its commit, in milliseconds.
    queue_age: Most;
    /// Most events that the next request to the destination takes.
    batch: Most;
    /// Events matched of those scored on the realtime path in five minutes, in percent.
    match_rate: Mean;
    /// The breaker: 0 is closed, 1 half-open, 2 open.
    breaker: Most;
    /// Memory that the process holds, in bytes.
    memory: Most;
}

#[expect(clippy::cast_possible_truncation, reason = "a point of a chart")]
fn narrow(value: f64) -> f32 {
    value as f32
}
