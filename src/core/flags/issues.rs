//! Flags that say one thing while another one undoes it.
//!
//! Of the original system's three rules, one stands as it was (strict without validation). Its second
//! is only a note: here `dual_mode` means both paths by itself. Its third cannot happen, since no
//! interval of 0 can be set.

use super::{Lack, Reason, Routing};

/// The one path that everything takes, whatever the categories say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Only {
    /// The router's own sessions.
    Websocket,
    /// A Realtime.
    Realtime,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag by itself")]
pub struct Circumstances {
    /// Where events go.
    pub routing: Routing,
    /// Whether one path is forced on everything.
    pub only: Option<Only>,
    /// `flags.use_adapter`.
    pub use_adapter: bool,
    /// Whether `flags.adapter_type` names the router's own sessions.
    pub adapter_is_direct: bool,
    /// `flags.dual_mode`.
    pub dual_mode: bool,
    /// `flags.enable_validation`.
    pub enable_validation: bool,
    /// `flags.validation_strict`.
    pub validation_strict: bool,
    /// `rollout.percent`.
    pub rollout_percent: u8,
    /// `rollout.auto`.
    pub rollout_auto: bool,
}

/// Something that whoever set the flags should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub level: Level,
    /// The key to change.
    pub flag: &'static str,
    /// What is said, and what happens instead.
    pub detail: String,
}

/// How bad an issue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A flag does not do what it says: health is degraded.
    Contradiction,
    /// It does, perhaps not as expected.
    Note,
}

/// Everything that is to be said about the flags; contradictions first.
#[must_use]
pub fn issues(of: &Circumstances) -> Vec<Issue> {
    let found = [strict(of), websocket_adapter(of), forced(of), rollout(of), dual(of), idle(of)];
    found.into_iter().flatten().collect()
}

fn contradiction(flag: &'static str, detail: impl Into<String>) -> Issue {
    Issue { level: Level::Contradiction, flag, detail: detail.into() }
}

fn note(flag: &'static str, detail: &str) -> Issue {
    Issue { level: Level::Note, flag, detail: detail.to_owned() }
}

fn strict(of: &Circumstances) -> Option<Issue> {
    let off = of.validation_strict && !of.enable_validation;
    let detail = "validation_strict is on while enable_validation is off: requests with an invalid \
                  event are refused whole, but the paths are not compared";
    off.then(|| contradiction("flags.validation_strict", detail))
}

fn websocket_adapter(of: &Circumstances) -> Option<Issue> {
    let direct = of.use_adapter && of.adapter_is_direct && !of.dual_mode && of.only.is_none();
    let detail = "use_adapter is on with adapter_type `websocket`, which is the direct path: \
                  nothing goes to a Realtime";
    direct.then(|| contradiction("flags.use_adapter", detail))
}

/// One path is forced while the rollout wants another.
fn forced(of: &Circumstances) -> Option<Issue> {
    let rolls = of.rollout_percent > 0 || of.rollout_auto;
    let detail = match of.only? {
        Only::Websocket if rolls => {
            "global_override is `websocket_only` while a rollout is on: all clients stay on the \
             direct path"
        }
        Only::Realtime if rolls && of.rollout_percent < 100 => {
            "global_override is `realtime_only` while a rollout is on: all clients belong on the \
             realtime path, whatever its share"
        }
        Only::Websocket | Only::Realtime => return None,
    };
    Some(contradiction("flags.global_override", detail))
}

/// The rollout is on while not every event goes where it moves clients.
fn rollout(of: &Circumstances) -> Option<Issue> {
    let rolls = of.rollout_percent > 0 || of.rollout_auto;
    let lacks = of.routing.coverage();
    if !rolls || lacks.is_empty() || of.only.is_some() {
        return None;
    }
    let flag = if of.rollout_percent > 0 { "rollout.percent" } else { "rollout.auto" };
    let detail = if of.routing.paths().realtime {
        let lacking: Vec<_> = lacks.into_iter().map(told).collect();
        let lacking = lacking.join(", ");
        format!("a rollout is on while not every event goes to a Realtime: {lacking}")
    } else {
        "a rollout is on while no event goes to a Realtime: no client is moved".to_owned()
    };
    Some(contradiction(flag, detail))
}

fn told(Lack { category, reason }: Lack) -> String {
    match reason {
        Reason::Off => format!("{category} (the path is off)"),
        Reason::Disabled => format!("{category} (not enabled)"),
        Reason::Unlisted => format!("{category} (`realtime` is not among its paths)"),
        Reason::Share(percent) => format!("{category} ({percent} %)"),
    }
}

fn dual(of: &Circumstances) -> Option<Issue> {
    let alone = of.dual_mode && !of.use_adapter && of.only.is_none();
    let detail = "dual_mode is on without use_adapter: events take both paths all the same";
    alone.then(|| note("flags.dual_mode", detail))
}

fn idle(of: &Circumstances) -> Option<Issue> {
    let idle = of.enable_validation && !of.routing.paths().realtime;
    let detail = "enable_validation has nothing to compare: no event goes to a Realtime";
    idle.then(|| note("flags.enable_validation", detail))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Mode, Paths, Rule},
        *,
    };

    fn routing(realtime: bool, percent: u8) -> Routing {
        let mode = if realtime { Mode::Dual } else { Mode::Direct };
        let rule = Rule { percent, ..Rule::WHOLE };
        Routing::new(Paths { direct: true, realtime, mode }, [rule; 5])
    }

    /// As it is when nobody sets a flag.
    fn defaults() -> Circumstances {
        Circumstances {
            routing: Routing::DIRECT,
            only: None,
            use_adapter: false,
            adapter_is_direct: false,
            dual_mode: false,
            enable_validation: true,
            validation_strict: false,
            rollout_percent: 0,
            rollout_auto: false,
        }
    }

    fn contradictions(of: Circumstances) -> Vec<&'static str> {
        let found = issues(&of).into_iter().filter(|it| it.level == Level::Contradiction);
        found.map(|it| it.flag).collect()
    }

    #[test]
    fn what_contradicts_is_named_by_the_key_to_change() {
        let (off, dual, half) = (Routing::DIRECT, routing(true, 100), routing(true, 50));
        let base = Circumstances { dual_mode: true, routing: dual, ..defaults() };
        let websocket = Some(Only::Websocket);
        let realtime = Some(Only::Realtime);
        let table: [(Circumstances, &[&str]); 15] = [
            (defaults(), &[]),
            (base, &[]),
            (Circumstances { rollout_percent: 50, ..base }, &[]),
            (
                Circumstances { enable_validation: false, validation_strict: true, ..base },
                &["flags.validation_strict"],
            ),
            (Circumstances { validation_strict: true, ..base }, &[]),
            (
                Circumstances { use_adapter: true, adapter_is_direct: true, ..defaults() },
                &["flags.use_adapter"],
            ),
            (Circumstances { use_adapter: true, adapter_is_direct: true, ..base }, &[]),
            (
                Circumstances { only: websocket, routing: off, rollout_percent: 25, ..base },
                &["flags.global_override"],
            ),
            (Circumstances { only: websocket, routing: off, ..base }, &[]),
            (
                Circumstances { only: realtime, rollout_auto: true, ..base },
                &["flags.global_override"],
            ),
            (Circumstances { only: realtime, rollout_percent: 100, ..base }, &[]),
            (Circumstances { rollout_percent: 25, routing: half, ..base }, &["rollout.percent"]),
            (Circumstances { rollout_auto: true, ..defaults() }, &["rollout.auto"]),
            (Circumstances { rollout_percent: 1, ..defaults() }, &["rollout.percent"]),
            (Circumstances { routing: half, ..base }, &[]),
        ];
        for (of, flags) in table {
            assert_eq!(contradictions(of), flags, "{of:?}");
        }
    }

    #[test]
    fn a_rollout_without_coverage_names_what_is_lacking() {
        let rules = [
            Rule::WHOLE,
            Rule { enabled: false, ..Rule::WHOLE },
            Rule { realtime: false, ..Rule::WHOLE },
            Rule { percent: 40, ..Rule::WHOLE },
            Rule::WHOLE,
        ];
        let routing = Routing::new(routing(true, 100).paths(), rules);
        let of = Circumstances { routing, rollout_percent: 25, ..defaults() };
        let detail =
            issues(&of).into_iter().find(|it| it.flag == "rollout.percent").unwrap().detail;
        assert!(
            detail.ends_with(
                ": performance (not enabled), user_activity (`realtime` is not among its paths), \
                 system (40 %)"
            ),
            "{detail}"
        );
    }

    #[test]
    fn what_only_surprises_is_a_note() {
        let notes = |of: Circumstances| {
            let notes = issues(&of).into_iter().filter(|it| it.level == Level::Note);
            notes.map(|it| it.flag).collect::<Vec<_>>()
        };
        assert_eq!(notes(defaults()), ["flags.enable_validation"]);
        let dual = Circumstances { dual_mode: true, routing: routing(true, 100), ..defaults() };
        assert_eq!(notes(dual), ["flags.dual_mode"]);
        assert!(notes(Circumstances { use_adapter: true, ..dual }).is_empty());
    }
}
