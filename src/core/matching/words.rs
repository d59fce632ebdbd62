//! What goes into the matcher and what comes out of it.

use std::{fmt, time::Duration};

use serde::Serialize;
use uuid::Uuid;

use super::PayloadHash;
use crate::core::event::{Category, Seq};

/// A path that events are compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// The router's own sessions: the direct path.
    Websocket,
    /// A Realtime.
    Realtime,
}

impl Path {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Websocket, Self::Realtime];

    /// Its name on the wire, in storage and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Realtime => "realtime",
        }
    }

    /// The path of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name() == name)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of an event on a path. Of several that apply, the one further down counts, but for
/// the last, which says that nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Seen once, in time, in order, and unchanged.
    Matched,
    /// Seen later than [`MatchLimits::late_after`] after its commit.
    Late,
    /// Seen after an event that follows it in the journal.
    Reordered,
    /// Seen more than once.
    Duplicate,
    /// Not seen by its deadline.
    Missing,
    /// Seen with another content, in at least one of its copies.
    Differs,
    /// Nothing can be said of it, and why.
    Unscored(Unscored),
}

impl Verdict {
    /// The names, in the order of their weight.
    pub const NAMES: [&'static str; 7] =
        ["matched", "late", "reordered", "duplicate", "missing", "differs", "unscored"];

    /// Its name on the wire, in storage and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self.place()).copied().unwrap_or("unscored")
    }

    /// The verdict of that name; `reason` counts for an unscored one.
    #[must_use]
    pub fn parse(name: &str, reason: Option<&str>) -> Option<Self> {
        let plain = [
            Self::Matched,
            Self::Late,
            Self::Reordered,
            Self::Duplicate,
            Self::Missing,
            Self::Differs,
        ];
        let unscored = Unscored::ALL.into_iter().find(|each| Some(each.name()) == reason);
        plain.into_iter().chain(unscored.map(Self::Unscored)).find(|each| each.name() == name)
    }

    /// Its place among [`Verdict::NAMES`].
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Matched => 0,
            Self::Late => 1,
            Self::Reordered => 2,
            Self::Duplicate => 3,
            Self::Missing => 4,
            Self::Differs => 5,
            Self::Unscored(_) => 6,
        }
    }

    /// Why nothing can be said, where that is so.
    #[must_use]
    pub fn reason(self) -> Option<Unscored> {
        match self {
            Self::Unscored(reason) => Some(reason),
            _ => None,
        }
    }

    /// Whether it is scored and not matched.
    #[must_use]
    pub fn is_fault(self) -> bool {
        !matches!(self, Self::Matched | Self::Unscored(_))
    }
}

/// Why nothing can be said of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unscored {
    /// Its delivery may have begun before the probe was subscribed.
    Before,
    /// No probe was subscribed when it was delivered.
    Down,
    /// The probe's subscription broke before the event's verdict.
    Broken,
    /// The probe did not prove in time that its subscription was whole.
    Unproven,
    /// It came late, and the breaker was open meanwhile: the outage is told elsewhere.
    Breaker,
    /// More events waited for a verdict than there is room for.
    Overflow,
    /// The validator was slower than the journal's tail, or than the probe.
    Behind,
    /// Validation was ended before the event's verdict.
    Stopped,
}

impl Unscored {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Before,
        Self::Down,
        Self::Broken,
        Self::Unproven,
        Self::Breaker,
        Self::Overflow,
        Self::Behind,
        Self::Stopped,
    ];

    /// Its name on the wire, in storage and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Down => "down",
            Self::Broken => "broken",
            Self::Unproven => "unproven",
            Self::Breaker => "breaker",
            Self::Overflow => "overflow",
            Self::Behind => "behind",
            Self::Stopped => "stopped",
        }
    }
}

/// How long things may take, and how much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatchLimits {
    /// How long after it was delivered an event that was not seen is missing. An event is delivered
    /// when it is committed, and on the realtime path when the adapter's cursor passes it.
    pub deadline: Duration,
    /// How long after its commit an event that is seen is late.
    pub late_after: Duration,
    /// How long further copies of an event are waited for after the first; longer than that after
    /// it, a copy is only counted.
    pub settle: Duration,
    /// How long a proof of the probe's subscription is waited for when an event is due.
    pub proof_within: Duration,
    /// Events that wait for a verdict on a path, at most, and events with a verdict that are
    /// remembered there. At least 1.
    pub max_events: usize,
}

impl Default for MatchLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30),
            late_after: Duration::from_secs(5),
            settle: Duration::from_secs(2),
            proof_within: Duration::from_secs(10),
            max_events: 50_000,
        }
    }
}

/// An event that was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its id.
    pub id: Uuid,
    /// The journal's epoch.
    pub epoch: Uuid,
    /// Its place there.
    pub seq: Seq,
    /// What it is about.
    pub category: Category,
    /// What a client is to see.
    pub expected: PayloadHash,
    /// Whether it is to be on the realtime path too.
    pub routed: bool,
    /// When it was committed.
    pub at: Duration,
}

/// An event was seen on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id that was seen.
    pub id: Uuid,
    /// The place that was seen; a table of Supabase's may not have one.
    pub seq: Option<Seq>,
    /// The epoch that was seen; a table has none.
    pub epoch: Option<Uuid>,
    /// What was seen.
    pub hash: PayloadHash,
    /// When.
    pub at: Duration,
}

impl Receipt {
    /// Whether its event may have been committed after `head`.
    pub(super) fn is_beyond(&self, head: Seq) -> bool {
        self.seq.is_none_or(|seq| seq > head)
    }
}

/// A verdict, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Where.
    pub path: Path,
    /// The event.
    pub id: Uuid,
    /// The journal's epoch.
    pub epoch: Uuid,
    /// Its place there.
    pub seq: Seq,
    /// What it is about.
    pub category: Category,
    /// What became of it.
    pub verdict: Verdict,
    /// What a client was to see.
    pub expected: PayloadHash,
    /// What was seen: the copy that differs, else the first one.
    pub seen: Option<PayloadHash>,
    /// Copies that were seen before the verdict.
    pub copies: u32,
    /// When it was committed.
    pub committed_at: Duration,
    /// From the commit to the first copy.
    pub latency: Option<Duration>,
    /// When the verdict fell.
    pub decided_at: Duration,
}
