//! What a rollout has done, step by step, for programs and for people.

use std::{collections::BTreeMap, fmt::Write as _};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::gates::Gate;

/// The steps that a rollout has taken, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RolloutReport)]
pub struct Report {
    /// Each percentage, for as long as it stayed.
    pub steps: Vec<StepReport>,
}

/// One percentage, from when it began to when it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = RolloutStep)]
pub struct StepReport {
    /// The share of clients.
    pub percent: u8,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When and how it ended; `null` while it lasts.
    #[schema(required)]
    pub end: Option<StepEnd>,
    /// The gates, as they were at the end, or are now.
    pub gates: Vec<Gate>,
    /// The latency before anybody moved, in milliseconds; `null` when it is not known.
    #[schema(required)]
    pub baseline_ms: Option<f64>,
    /// Verdicts on the realtime path since it began, by name.
    pub verdicts: BTreeMap<String, u64>,
    /// Some of the events that were not seen there as they should be.
    pub worst: Vec<WorstCase>,
    /// Clients that were told to move.
    pub moves: MoveCounts,
}

/// How a percentage ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RolloutStepEnd)]
pub struct StepEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// What was done.
    pub outcome: StepOutcome,
    /// The percentage after it.
    pub to: u8,
    /// Who did it: a client's identity, or `rollout` when it did so by itself.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What ended a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RolloutStepOutcome)]
pub enum StepOutcome {
    /// It went on.
    Advanced,
    /// It came back by itself.
    RolledBack,
    /// Somebody brought it back.
    BroughtBack,
    /// Somebody set another one, here or in the settings.
    Set,
}

impl StepOutcome {
    /// Its name in the API, and behind `rollout.` in the audit log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Advanced => "advanced",
            Self::RolledBack => "rolled_back",
            Self::BroughtBack => "brought_back",
            Self::Set => "set",
        }
    }
}

/// An event that was not seen as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RolloutWorstCase)]
pub struct WorstCase {
    /// Which.
    pub id: Uuid,
    /// Where it stands in the journal.
    pub seq: u64,
    /// What was wrong.
    pub verdict: String,
}

/// Clients that were told to move, by where to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RolloutMoves)]
pub struct MoveCounts {
    /// By a frame: sessions on the direct path.
    pub told: u64,
    /// To the realtime path, by the answer to a question where to go.
    pub to_realtime: u64,
    /// Back to the direct path, by the answer to a question where to go.
    pub to_direct: u64,
}

impl Report {
    /// The same for people: Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = "# Rollout\n\n".to_owned();
        text += "| step | began | ended | how | scored | match rate | moves |\n";
        text += "|---|---|---|---|---|---|---|\n";
        for step in &self.steps {
            step.row(&mut text);
        }
        for step in self.steps.iter().rev() {
            step.section(&mut text);
        }
        text
    }
}

/// Verdicts that are no score.
const UNSCORED: &str = "unscored";
const MATCHED: &str = "matched";

impl StepReport {
    fn scored(&self) -> u64 {
        let scored = self.verdicts.iter().filter(|(name, _)| *name != UNSCORED);
        scored.map(|(_, count)| count).sum()
    }

    #[expect(clippy::cast_precision_loss, reason = "a percentage is a float")]
    fn match_rate(&self) -> String {
        let matched = self.verdicts.get(MATCHED).copied().unwrap_or(0);
        match self.scored() {
            0 => "–".to_owned(),
            scored => format!("{:.3} %", matched as f64 * 100.0 / scored as f64),
        }
    }

    fn row(&self, text: &mut String) {
        let (ended, how) = match &self.end {
            Some(end) => (when(end.at), end.outcome.name()),
            None => ("–".to_owned(), "lasts"),
        };
        let MoveCounts { told, to_realtime, to_direct } = self.moves;
        let moves = told.saturating_add(to_realtime).saturating_add(to_direct);
        let (percent, began) = (self.percent, when(self.began));
        let (scored, rate) = (self.scored(), self.match_rate());
        line(
            text,
            format_args!(
                "| {percent} % | {began} | {ended} | {how} | {scored} | {rate} | {moves} |"
            ),
        );
    }

    fn section(&self, text: &mut String) {
        line(text, format_args!("\n## {} % from {}\n", self.percent, when(self.began)));
        if let Some(StepEnd { to, by, reason, outcome, .. }) = &self.end {
            let by = cell(by);
            line(text, format_args!("{} to {to} % by {by}: {}.\n", outcome.words(), cell(reason)));
        }
        if !self.gates.is_empty() {
            line(text, format_args!("| gate | holds | what was measured |\n|---|---|---|"));
        }
        for Gate { gate, holds, detail, .. } in &self.gates {
            let holds = if *holds { "yes" } else { "**no**" };
            line(text, format_args!("| {gate} | {holds} | {} |", cell(detail)));
        }
        if let Some(baseline) = self.baseline_ms {
            line(text, format_args!("\nThe latency before anybody moved: {baseline:.1} ms."));
        }
        if !self.verdicts.is_empty() {
            let counts = self.verdicts.iter().map(|(name, count)| format!("{count} {name}"));
            let counts = counts.collect::<Vec<_>>().join(", ");
            line(text, format_args!("\nVerdicts: {counts}."));
        }
        let MoveCounts { told, to_realtime, to_direct } = self.moves;
        line(
            text,
            format_args!(
                "\nMoves: {told} sessions told; {to_realtime} clients sent to the realtime path \
                 when they asked, {to_direct} back."
            ),
        );
        if !self.worst.is_empty() {
            line(text, format_args!("\n| event | seq | verdict |\n|---|---|---|"));
        }
        for WorstCase { id, seq, verdict } in &self.worst {
            line(text, format_args!("| `{id}` | {seq} | {} |", cell(verdict)));
        }
    }
}

impl StepOutcome {
    fn words(self) -> &'static str {
        match self {
            Self::Advanced => "Went on",
            Self::RolledBack => "Came back",
            Self::BroughtBack => "Brought back",
            Self::Set => "Set",
        }
    }
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _taken = writeln!(text, "{words}");
}

fn when(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Words of somebody, for a place in Markdown.
fn cell(words: &str) -> String {
    let mut cell = String::with_capacity(words.len());
    for char in words.chars() {
        match char {
            '\n' | '\r' => cell.push(' '),
            '|' | '*' | '`' | '<' | '[' | '\\' => cell.extend(['\\', char]),
            other => cell.push(other),
        }
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rollout::Sign;

    fn report() -> Report {
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let end = |seconds, outcome, to, by: &str, reason: &str| {
            let (by, reason) = (by.to_owned(), reason.to_owned());
            Some(StepEnd { at: at(seconds), outcome, to, by, reason })
        };
        let step = |percent, began| StepReport {
            percent,
            began: at(began),
            end: None,
            gates: vec![],
            baseline_ms: None,
            verdicts: BTreeMap::new(),
            worst: vec![],
            moves: MoveCounts::default(),
        };
        let lost = StepReport {
            end: end(90, StepOutcome::RolledBack, 0, "rollout", "the match rate is 99.8%"),
            gates: vec![Gate {
                gate: Sign::MatchRate,
                holds: false,
                value: Some(99.8),
                limit: Some(99.9),
                detail: "99.8% of the scored events match, of 99.9%".to_owned(),
            }],
            baseline_ms: Some(12.25),
            verdicts: [("matched", 19_960), ("missing", 40), ("unscored", 7)]
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
            worst: vec![WorstCase { id: Uuid::nil(), seq: 17, verdict: "missing".to_owned() }],
            moves: MoveCounts { told: 12, to_realtime: 0, to_direct: 3 },
            ..step(25, 60)
        };
        let first =
            StepReport { end: end(60, StepOutcome::Set, 25, "op|s", "try\nit"), ..step(0, 0) };
        Report { steps: vec![first, lost, step(0, 90)] }
    }

    const MARKDOWN: &str = "\
# Rollout

| step | began | ended | how | scored | match rate | moves |
|---|---|---|---|---|---|---|
| 0 % | 2027-01-15 08:00:00Z | 2027-01-15 08:01:00Z | set | 0 | – | 0 |
| 25 % | 2027-01-15 08:01:00Z | 2027-01-15 08:01:30Z | rolled_back | 20000 | 99.800 % | 15 |
| 0 % | 2027-01-15 08:01:30Z | – | lasts | 0 | – | 0 |

## 0 % from 2027-01-15 08:01:30Z


Moves: 0 sessions told; 0 clients sent to the realtime path when they asked, 0 back.

## 25 % from 2027-01-15 08:01:00Z

Came back to 0 % by rollout: the match rate is 99.8%.

| gate | holds | what was measured |
|---|---|---|
| match_rate | **no** | 99.8% of the scored events match, of 99.9% |

The latency before anybody moved: 12.2 ms.

Verdicts: 19960 matched, 40 missing, 7 unscored.

Moves: 12 sessions told; 0 clients sent to the realtime path when they asked, 3 back.

| event | seq | verdict |
|---|---|---|
| `00000000-0000-0000-0000-000000000000` | 17 | missing |

## 0 % from 2027-01-15 08:00:00Z

Set to 25 % by op\\|s: try it.


Moves: 0 sessions told; 0 clients sent to the realtime path when they asked, 0 back.
";

    #[test]
    fn people_read_each_step_with_its_numbers() {
        assert_eq!(report().markdown(), MARKDOWN);
    }

    #[test]
    fn a_step_is_read_again_as_it_was_written() {
        for step in report().steps {
            let json = serde_json::to_string(&step).unwrap();
            assert_eq!(serde_json::from_str::<StepReport>(&json).unwrap(), step);
        }
    }
}
