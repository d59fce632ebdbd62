//! What is told of flags.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    core::{
        event::Category,
        flags::{Issue, Lack, Level, Mode, Paths, Reason, Routing},
    },
    http::settings::SettingOrigin,
    settings::{Effective, Snapshot},
};

/// The flags in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlagsSnapshot {
    /// The number of the settings in force: one more with each change.
    pub generation: u64,
    /// Every flag, in the order of Settings.toml.
    pub flags: Vec<FlagRow>,
    /// The paths that are on by them.
    pub paths: PathsRow,
    /// Whether every event goes to a Realtime: clients are not moved there before.
    pub coverage: CoverageRow,
    /// Where flags contradict each other, and what else is to be said.
    pub issues: Vec<IssueRow>,
}

/// A flag.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlagRow {
    /// Its name here: that of the key, without the section `flags`.
    #[schema(example = "dual_mode")]
    pub name: &'static str,
    /// Its key in Settings.toml.
    #[schema(example = "flags.dual_mode")]
    pub key: &'static str,
    /// The environment variable that sets it.
    #[schema(example = "SIGNALBOX__FLAGS__DUAL_MODE")]
    pub variable: String,
    /// The variable by which the original system knew it; `null` when it did not.
    #[schema(required, example = "MONITORING_DUAL_MODE")]
    pub other_name: Option<&'static str>,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: FlagType,
    /// Its value.
    #[schema(value_type = serde_json::Value, example = true)]
    pub value: Value,
    /// Where the value comes from: for one that was set at run time, by whom and until when.
    pub origin: SettingOrigin,
    /// The value when nobody sets it.
    #[schema(value_type = serde_json::Value, example = false)]
    pub default: Value,
    /// What it means.
    pub description: String,
    /// What is allowed, to follow "must be".
    #[schema(example = "true or false")]
    pub allowed: String,
}

/// What the value of a flag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagType {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// One of a few words.
    Word,
    /// Any of a few words.
    List,
}

impl FlagType {
    fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Integer,
            Value::Array(_) => Self::List,
            Value::String(_) | Value::Object(_) | Value::Null => Self::Word,
        }
    }
}

/// The paths that are on.
#[derive(Debug, Serialize, ToSchema)]
pub struct PathsRow {
    /// The router's own sessions.
    pub direct: bool,
    /// A Realtime.
    pub realtime: bool,
    /// The mode of events that go there; `direct` when none does.
    pub mode: Mode,
}

/// Whether every event goes to a Realtime.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageRow {
    /// Whether it does.
    pub covered: bool,
    /// The categories of which not every event does.
    pub lacking: Vec<LackRow>,
}

/// A category of which not every event goes to a Realtime.
#[derive(Debug, Serialize, ToSchema)]
pub struct LackRow {
    /// Which.
    pub category: Category,
    /// Why.
    pub reason: ReasonWord,
    /// Which share of them does, in percent.
    #[schema(maximum = 99)]
    pub percent: u8,
}

/// Why some events do not go to a Realtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasonWord {
    /// No event does: that path is off.
    Off,
    /// The category is not enabled.
    Disabled,
    /// `realtime` is not among its paths.
    Unlisted,
    /// Its percentage is below 100.
    Share,
}

/// Something to know about the flags.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssueRow {
    /// `contradiction`: a flag does not do what it says, and health is degraded. `note`: it does,
    /// perhaps not as expected.
    pub level: Level,
    /// The key to change.
    #[schema(example = "flags.use_adapter")]
    pub flag: &'static str,
    /// What is said, and what happens instead.
    pub detail: String,
}

impl FlagsSnapshot {
    pub(super) fn of(settings: &Snapshot) -> Self {
        let rows = settings.effective(&settings.origins).into_iter();
        let routing = settings.routing();
        Self {
            generation: settings.generation,
            flags: rows.filter(|row| row.key.can_be_overridden()).map(FlagRow::from).collect(),
            paths: routing.paths().into(),
            coverage: (&routing).into(),
            issues: settings.flag_issues().into_iter().map(IssueRow::from).collect(),
        }
    }
}

impl From<Effective<'_>> for FlagRow {
    fn from(row: Effective<'_>) -> Self {
        Self {
            name: super::change::name(row.key),
            key: row.key.path,
            variable: row.key.variable(),
            other_name: row.key.other_name(),
            kind: FlagType::of(&row.default),
            value: row.value,
            origin: row.origin.into(),
            default: row.default,
            description: row.key.doc.concat().trim().to_owned(),
            allowed: row.key.allowed(),
        }
    }
}

impl From<Paths> for PathsRow {
    fn from(Paths { direct, realtime, mode }: Paths) -> Self {
        Self { direct, realtime, mode }
    }
}

impl From<&Routing> for CoverageRow {
    fn from(routing: &Routing) -> Self {
        let lacking = routing.coverage().into_iter().map(LackRow::from).collect();
        Self { covered: routing.is_covered(), lacking }
    }
}

impl From<Lack> for LackRow {
    fn from(Lack { category, reason }: Lack) -> Self {
        let (reason, percent) = match reason {
            Reason::Off => (ReasonWord::Off, 0),
            Reason::Disabled => (ReasonWord::Disabled, 0),
            Reason::Unlisted => (ReasonWord::Unlisted, 0),
            Reason::Share(percent) => (ReasonWord::Share, percent),
        };
        Self { category, reason, percent }
    }
}

impl From<Issue> for IssueRow {
    fn from(Issue { level, flag, detail }: Issue) -> Self {
        Self { level, flag, detail }
    }
}
