//! Which events go to a Realtime: decided for each by its category and its id.

use uuid::Uuid;

use super::Mode;
use crate::core::{bucket, event::Category};

/// The paths that are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The router's own sessions: whatever the flags say, who is connected gets everything, unless a
    /// Realtime is to be the only path.
    pub direct: bool,
    /// A Realtime.
    pub realtime: bool,
    /// How an event that goes there is delivered; `Direct` when none does.
    pub mode: Mode,
}

/// Which events of a category go to a Realtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether any may.
    pub enabled: bool,
    /// Which share of them, in percent: from 100 on, all.
    pub percent: u8,
    /// Whether a Realtime is among their paths.
    pub realtime: bool,
}

impl Rule {
    /// All of them.
    pub const WHOLE: Self = Self { enabled: true, percent: 100, realtime: true };

    /// Why some do not go there, if so.
    fn lacks(self) -> Option<Reason> {
        if !self.enabled {
            Some(Reason::Disabled)
        } else if !self.realtime {
            Some(Reason::Unlisted)
        } else if self.percent < 100 {
            Some(Reason::Share(self.percent))
        } else {
            None
        }
    }
}

/// Where events go: a copy is good for as long as one set of flags is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    paths: Paths,
    /// By category, as [`Category::ALL`] lists them.
    rules: [Rule; Category::ALL.len()],
}

/// A category of which not every event goes to a Realtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack {
    /// Which.
    pub category: Category,
    /// Why.
    pub reason: Reason,
}

/// Why some events do not go to a Realtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// None does: that path is off.
    Off,
    /// The category is not enabled.
    Disabled,
    /// A Realtime is not among the category's paths.
    Unlisted,
    /// The category's share, in percent, is not all.
    Share(u8),
}

impl Routing {
    /// Everything to the router's own sessions, and nothing elsewhere.
    pub const DIRECT: Self = Self {
        paths: Paths { direct: true, realtime: false, mode: Mode::Direct },
        rules: [Rule::WHOLE; Category::ALL.len()],
    };

    /// Events take these paths, by the rules of the categories as [`Category::ALL`] lists them.
    #[must_use]
    pub fn new(paths: Paths, rules: [Rule; Category::ALL.len()]) -> Self {
        Self { paths, rules }
    }

    /// The paths that are on.
    #[must_use]
    pub fn paths(&self) -> Paths {
        self.paths
    }

    /// How an event is delivered. The same event gets the same answer for ever, and a larger share
    /// holds all of a smaller one.
    #[must_use]
    pub fn mode_of(&self, category: Category, id: Uuid) -> Mode {
        let Rule { enabled, percent, realtime } = self.rule(category);
        if !(self.paths.realtime && enabled && realtime) {
            return Mode::Direct;
        }
        let goes = match percent {
            0 => false,
            100.. => true,
            _ => {
                let mut buffer = Uuid::encode_buffer();
                let id = id.hyphenated().encode_lower(&mut buffer);
                bucket::within(bucket::bucket(salt(category), id), percent)
            }
        };
        if goes { self.paths.mode } else { Mode::Direct }
    }

    /// The categories of which not every event goes to a Realtime, and why. None is the condition
    /// for clients to be moved there: they would miss what is not sent.
    #[must_use]
    pub fn coverage(&self) -> Vec<Lack> {
        let lacks = |category| {
            let on = self.paths.realtime;
            let reason = if on { self.rule(category).lacks() } else { Some(Reason::Off) };
            reason.map(|reason| Lack { category, reason })
        };
        Category::ALL.into_iter().filter_map(lacks).collect()
    }

    /// Whether every event goes to a Realtime.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.paths.realtime && self.rules.iter().all(|rule| rule.lacks().is_none())
    }

    fn rule(&self, category: Category) -> Rule {
        let [critical, performance, user_activity, system, debug] = self.rules;
        match category {
            Category::Critical => critical,
            Category::Performance => performance,
            Category::UserActivity => user_activity,
            Category::System => system,
            Category::Debug => debug,
        }
    }
}

/// The salts are part of what a share means: another one would pick other events.
fn salt(category: Category) -> &'static str {
    match category {
        Category::Critical => "flags.critical",
        Category::Performance => "flags.performance",
        Category::UserActivity => "flags.user_activity",
        Category::System => "flags.system",
        Category::Debug => "flags.debug",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUAL: Paths = Paths { direct: true, realtime: true, mode: Mode::Dual };

    /// The rules of the original system.
    fn rules() -> [Rule; 5] {
        [
            Rule::WHOLE,
            Rule { percent: 50, realtime: false, ..Rule::WHOLE },
            Rule { enabled: false, percent: 0, ..Rule::WHOLE },
            Rule { percent: 30, ..Rule::WHOLE },
            Rule { percent: 0, ..Rule::WHOLE },
        ]
    }

    fn share(percent: u8) -> Routing {
        Routing::new(DUAL, [Rule { percent, ..Rule::WHOLE }; 5])
    }

    #[test]
    fn each_category_goes_by_its_own_rule() {
        let routing = Routing::new(DUAL, rules());
        let mode = |category, id| routing.mode_of(category, Uuid::from_u128(id));
        for id in 0..200 {
            assert_eq!(mode(Category::Critical, id), Mode::Dual);
            for category in [Category::Performance, Category::UserActivity, Category::Debug] {
                assert_eq!(mode(category, id), Mode::Direct, "{category}");
            }
        }
        let system = (0..200).filter(|id| mode(Category::System, *id).is_routed()).count();
        assert!((40..80).contains(&system), "{system} of 200 at 30 %");
        let adapter = Routing::new(Paths { mode: Mode::Adapter, ..DUAL }, rules());
        assert_eq!(adapter.mode_of(Category::Critical, Uuid::nil()), Mode::Adapter);
        assert_eq!(Routing::DIRECT.mode_of(Category::Critical, Uuid::nil()), Mode::Direct);
    }

    #[test]
    fn coverage_says_what_is_not_sent_and_why() {
        let lacks = Routing::new(DUAL, rules()).coverage();
        let told: Vec<_> = lacks.iter().map(|lack| (lack.category, lack.reason)).collect();
        assert_eq!(
            told,
            [
                (Category::Performance, Reason::Unlisted),
                (Category::UserActivity, Reason::Disabled),
                (Category::System, Reason::Share(30)),
                (Category::Debug, Reason::Share(0)),
            ]
        );
        assert!(!Routing::new(DUAL, rules()).is_covered());
        assert_eq!(share(100).coverage(), []);
        assert!(share(100).is_covered() && !share(99).is_covered());
        assert!(Routing::DIRECT.coverage().iter().all(|lack| lack.reason == Reason::Off));
        assert!(!Routing::DIRECT.is_covered());
    }

    /// Categories do not pick the same tenth of all ids.
    #[test]
    fn a_share_is_met_in_every_category_apart_from_the_others() {
        const EVENTS: u32 = 20_000;
        let routing = share(10);
        let routed = |category, id: u32| {
            routing.mode_of(category, Uuid::from_u128(u128::from(id) << 64)).is_routed()
        };
        for category in Category::ALL {
            let count = (0..EVENTS).filter(|id| routed(category, *id)).count();
            // A tenth is 2,000, give or take 42.
            assert!(count.abs_diff(2_000) < 210, "{category}: {count}");
        }
        let both = (0..EVENTS)
            .filter(|id| routed(Category::Critical, *id) && routed(Category::Debug, *id))
            .count();
        assert!(both.abs_diff(200) < 75, "{both}");
    }

    proptest! {
        #[test]
        fn a_larger_share_holds_all_of_a_smaller_one(id: u128, at in 0..5_usize, share_a: u8, more: u8) {
            let (category, id) = (Category::ALL[at], Uuid::from_u128(id));
            let routed = |percent| share(percent).mode_of(category, id).is_routed();
            prop_assert!(!routed(share_a) || routed(share_a.saturating_add(more)));
            prop_assert!(!routed(0) && routed(100) && routed(255));
        }

        #[test]
        fn an_event_takes_a_mode_that_is_on(id: u128, at in 0..5_usize, realtime: bool) {
            let paths = Paths { realtime, ..DUAL };
            let mode = Routing::new(paths, rules()).mode_of(Category::ALL[at], Uuid::from_u128(id));
            prop_assert!(mode == Mode::Direct || (realtime && mode == paths.mode));
        }
    }
}
