//! Which path a client belongs on, and why.
//!
//! | first | rule | what it says |
//! |---|---|---|
//! | 1 | `override` | everybody is sent one way, whatever else is set |
//! | 2 | `off` | nothing is sent to Realtime: direct |
//! | 3 | `coverage` | not every event is sent there: who moved would miss some: direct |
//! | 4 | `down` | Realtime cannot be reached: direct |
//! | 5 | `deny` | the client is on the list of those that stay: direct |
//! | 6 | `allow` | the client is on the list of those that go first: realtime |
//! | 7 | `segment` | a pattern of client ids has a percentage of its own; the first that matches counts |
//! | 8 | `bucket` | realtime below the percentage, by the client's bucket |
//!
//! The same client has the same bucket for ever (see [`crate::core::bucket`]), so a percentage that
//! grows only adds clients, in a segment as outside.

use serde::Serialize;

use super::patterns::{BadPattern, Patterns};
use crate::core::{
    bucket::{bucket, within},
    filter::Glob,
};

/// The salt of clients' buckets: changing it moves everybody.
const SALT: &str = "rollout";

/// A path on which a dashboard gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ClientPath)]
pub enum Path {
    /// The router's own sessions.
    Direct,
    /// Supabase Realtime, or the built-in one.
    Realtime,
}

impl Path {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Realtime => "realtime",
        }
    }
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = RolloutRule)]
pub enum Rule {
    /// Everybody is sent one way.
    Override,
    /// Nothing is sent to Realtime.
    Off,
    /// Not every event is sent there.
    Coverage,
    /// It cannot be reached.
    Down,
    /// On the list of those that stay.
    Deny,
    /// On the list of those that go first.
    Allow,
    /// A pattern with a percentage of its own.
    Segment,
    /// The percentage of all.
    Bucket,
}

/// Clients with a percentage of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    clients: Glob,
    percent: u8,
}

impl Segment {
    /// The clients whose id matches a pattern.
    ///
    /// # Errors
    /// When it is no pattern.
    pub fn try_new(clients: &str, percent: u8) -> Result<Self, BadPattern> {
        let bad = |why| BadPattern { pattern: clients.to_owned(), why };
        Ok(Self { clients: Glob::try_new(clients).map_err(bad)?, percent })
    }
}

/// Who goes to Realtime when all is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// How many of all, 0 to 100.
    pub percent: u8,
    /// Those that go first, whatever their bucket.
    pub allow: Patterns,
    /// Those that stay, also when they may go first.
    pub deny: Patterns,
    /// Those with a percentage of their own; the first that matches counts.
    pub segments: Vec<Segment>,
}

/// How things are, whoever the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The one path that everybody is sent to.
    pub forced: Option<Path>,
    /// Whether events are sent to Realtime at all.
    pub on: bool,
    /// Whether every event is.
    pub covered: bool,
    /// Whether it can be reached, as far as is known.
    pub up: bool,
}

/// Where a client belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// There.
    pub path: Path,
    /// What decided.
    pub rule: Rule,
    /// The client's bucket, 0 to 9,999.
    pub bucket: u16,
    /// The percentage that counts for it: its segment's, or that of all.
    pub percent: u8,
}

impl Assignment {
    /// Why, in a sentence.
    #[must_use]
    pub fn detail(&self) -> String {
        let Self { path, bucket, percent, .. } = self;
        let share = u16::from(*percent) * 100;
        let compared = if *path == Path::Realtime { "is below" } else { "is not below" };
        match (self.rule, path) {
            (Rule::Override, Path::Direct) => {
                "Everybody is sent to the direct path (flags.global_override).".to_owned()
            }
            (Rule::Override, Path::Realtime) => {
                "Everybody is sent to the realtime path (flags.global_override).".to_owned()
            }
            (Rule::Off, _) => "No event is sent on the realtime path: it is off.".to_owned(),
            (Rule::Coverage, _) => {
                "Not every event is sent on the realtime path: some would be missed there."
                    .to_owned()
            }
            (Rule::Down, _) => "The realtime path cannot be reached at the moment.".to_owned(),
            (Rule::Deny, _) => "This client is on the list of those that stay.".to_owned(),
            (Rule::Allow, _) => "This client is on the list of those that go first.".to_owned(),
            (Rule::Segment, _) => format!(
                "This client is in a segment of {percent} %: its bucket {bucket} {compared} {share}."
            ),
            (Rule::Bucket, _) => {
                format!("The rollout is at {percent} %: bucket {bucket} {compared} {share}.")
            }
        }
    }
}

/// Where a client belongs; see the module's documentation.
#[must_use]
pub fn assign(client_id: &str, audience: &Audience, now: Circumstances) -> Assignment {
    let bucket = bucket(SALT, client_id);
    let says = |path, rule| Assignment { path, rule, bucket, percent: audience.percent };
    let share = |percent, rule| {
        let path = if within(bucket, percent) { Path::Realtime } else { Path::Direct };
        Assignment { path, rule, bucket, percent }
    };
    if let Some(path) = now.forced {
        return says(path, Rule::Override);
    }
    match now {
        Circumstances { on: false, .. } => return says(Path::Direct, Rule::Off),
        Circumstances { covered: false, .. } => return says(Path::Direct, Rule::Coverage),
        Circumstances { up: false, .. } => return says(Path::Direct, Rule::Down),
        _ => {}
    }
    if audience.deny.contain(client_id) {
        return says(Path::Direct, Rule::Deny);
    }
    if audience.allow.contain(client_id) {
        return says(Path::Realtime, Rule::Allow);
    }
    let segment = audience.segments.iter().find(|segment| segment.clients.matches(client_id));
    segment.map_or_else(
        || share(audience.percent, Rule::Bucket),
        |segment| share(segment.percent, Rule::Segment),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WELL: Circumstances = Circumstances { forced: None, on: true, covered: true, up: true };

    fn patterns(patterns: &[&str]) -> Patterns {
        Patterns::try_new(patterns.iter().copied()).unwrap()
    }

    fn audience(percent: u8) -> Audience {
        Audience {
            percent,
            allow: patterns(&["canary-*", "both"]),
            deny: patterns(&["wall-1", "both", "old-*-screen"]),
            segments: vec![
                Segment::try_new("lab-*", 100).unwrap(),
                Segment::try_new("lab-7", 0).unwrap(),
                Segment::try_new("shop-*", 10).unwrap(),
            ],
        }
    }

    #[test]
    fn the_first_rule_that_says_something_decides() {
        let off = Circumstances { on: false, covered: false, up: false, ..WELL };
        let uncovered = Circumstances { covered: false, up: false, ..WELL };
        let down = Circumstances { up: false, ..WELL };
        let forced = |path| Circumstances { forced: Some(path), ..off };
        let table = [
            ("canary-1", forced(Path::Direct), Path::Direct, Rule::Override),
            ("wall-1", forced(Path::Realtime), Path::Realtime, Rule::Override),
            ("canary-1", off, Path::Direct, Rule::Off),
            ("canary-1", uncovered, Path::Direct, Rule::Coverage),
            ("canary-1", down, Path::Direct, Rule::Down),
            ("wall-1", WELL, Path::Direct, Rule::Deny),
            ("both", WELL, Path::Direct, Rule::Deny),
            ("old-green-screen", WELL, Path::Direct, Rule::Deny),
            ("canary-1", WELL, Path::Realtime, Rule::Allow),
            ("lab-7", WELL, Path::Realtime, Rule::Segment),
            ("dashboard-1", WELL, Path::Direct, Rule::Bucket),
        ];
        for (client, now, path, rule) in table {
            let said = assign(client, &audience(50), now);
            assert_eq!((said.path, said.rule), (path, rule), "{client} {now:?}");
        }
    }

    #[test]
    fn a_client_has_the_bucket_that_it_has_always_had() {
        let said = assign("dashboard-1", &audience(97), WELL);
        assert_eq!((said.bucket, said.path), (9_706, Path::Direct));
        assert_eq!(said.detail(), "The rollout is at 97 %: bucket 9706 is not below 9700.");
        let said = assign("dashboard-1", &audience(98), WELL);
        assert_eq!((said.bucket, said.path), (9_706, Path::Realtime));
        assert_eq!(said.detail(), "The rollout is at 98 %: bucket 9706 is below 9800.");
    }

    #[test]
    fn a_segment_has_its_own_percentage_of_the_same_buckets() {
        let mut moved = 0;
        for number in 0..5_000 {
            let client = format!("shop-{number}");
            let said = assign(&client, &audience(90), WELL);
            assert_eq!((said.rule, said.percent), (Rule::Segment, 10));
            assert_eq!(said.path == Path::Realtime, said.bucket < 1_000);
            moved += u32::from(said.path == Path::Realtime);
        }
        assert!(moved.abs_diff(500) < 110, "{moved}");
    }

    #[test]
    fn every_rule_has_a_sentence() {
        for rule in [Rule::Override, Rule::Off, Rule::Coverage, Rule::Down, Rule::Deny, Rule::Allow]
        {
            let said = Assignment { path: Path::Direct, rule, bucket: 1, percent: 25 };
            assert!(said.detail().ends_with('.'), "{rule:?}");
        }
    }

    fn client() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z]{1,8}-[0-9]{1,4}",
            "canary-[0-9]",
            "lab-[0-9]",
            "shop-[0-9]{1,3}",
            ".{1,9}"
        ]
    }

    fn circumstances() -> impl Strategy<Value = Circumstances> {
        let forced = prop_oneof![
            4 => Just(None), 1 => Just(Some(Path::Direct)), 1 => Just(Some(Path::Realtime))
        ];
        (forced, any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(forced, on, covered, up)| Circumstances { forced, on, covered, up })
    }

    proptest! {
        #[test]
        fn a_percentage_that_grows_only_adds_clients(
            client in client(), now in circumstances(), from in 0_u8..=100, more in 0_u8..=100,
        ) {
            let before = assign(&client, &audience(from), now);
            let after = assign(&client, &audience((from + more).min(100)), now);
            prop_assert_eq!(before.bucket, after.bucket);
            prop_assert_eq!(before.rule, after.rule);
            prop_assert!(before.path == Path::Direct || after.path == Path::Realtime);
        }

        #[test]
        fn nobody_is_sent_where_events_would_be_missed(
            client in client(), now in circumstances(), percent in 0_u8..=100,
        ) {
            let said = assign(&client, &audience(percent), now);
            if now.forced.is_none() && !(now.on && now.covered && now.up) {
                prop_assert_eq!(said.path, Path::Direct);
            }
        }
    }
}
