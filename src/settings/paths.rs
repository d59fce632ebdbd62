//! Which paths events take, by the flags.

use std::time::Duration;

use super::{
    AdapterType, FlagSettings, GlobalOverride, PathName, RealtimeUrl, Settings, TransportKind,
};
use crate::core::flags::{Circumstances, Issue, Only, Rule, issues};
pub use crate::core::flags::{Mode, Paths, Routing};

impl Paths {
    /// Those of the flags: `dual_mode` alone means both, without `use_adapter` no type counts, and
    /// the adapter `websocket` is the direct path. An override wins over all of it.
    #[must_use]
    pub fn of(flags: &FlagSettings) -> Self {
        let adapter = flags.use_adapter.then_some(flags.adapter_type);
        let (direct, mode) = match flags.global_override {
            GlobalOverride::WebsocketOnly => (true, Mode::Direct),
            GlobalOverride::RealtimeOnly => (false, Mode::Adapter),
            GlobalOverride::None if flags.dual_mode => (true, Mode::Dual),
            GlobalOverride::None => match adapter {
                None | Some(AdapterType::Websocket) => (true, Mode::Direct),
                Some(AdapterType::Auto | AdapterType::Realtime) => (true, Mode::Adapter),
                Some(AdapterType::Dual) => (true, Mode::Dual),
            },
        };
        Self { direct, realtime: mode.is_routed(), mode }
    }
}

impl Routing {
    /// That of the flags. Under `realtime_only` the categories do not count.
    #[must_use]
    pub fn of(flags: &FlagSettings) -> Self {
        let rules = match flags.global_override {
            GlobalOverride::RealtimeOnly => [Rule::WHOLE; 5],
            GlobalOverride::None | GlobalOverride::WebsocketOnly => flags.rules(),
        };
        Self::new(Paths::of(flags), rules)
    }
}

impl FlagSettings {
    /// What they say of each category, in the order of [`crate::core::event::Category::ALL`].
    fn rules(&self) -> [Rule; 5] {
        let rule = |enabled, percent, paths: &[PathName]| {
            let realtime = paths.contains(&PathName::Realtime);
            Rule { enabled, percent, realtime }
        };
        [
            rule(self.critical_enabled, self.critical_percentage, &self.critical_paths),
            rule(self.performance_enabled, self.performance_percentage, &self.performance_paths),
            rule(
                self.user_activity_enabled,
                self.user_activity_percentage,
                &self.user_activity_paths,
            ),
            rule(self.system_enabled, self.system_percentage, &self.system_paths),
            rule(self.debug_enabled, self.debug_percentage, &self.debug_paths),
        ]
    }
}

impl Settings {
    /// Where events go.
    #[must_use]
    pub fn routing(&self) -> Routing {
        Routing::of(&self.flags)
    }

    /// Where flags contradict each other, and what else is to be said of them.
    #[must_use]
    pub fn flag_issues(&self) -> Vec<Issue> {
        let flags = &self.flags;
        issues(&Circumstances {
            routing: self.routing(),
            only: match flags.global_override {
                GlobalOverride::None => None,
                GlobalOverride::WebsocketOnly => Some(Only::Websocket),
                GlobalOverride::RealtimeOnly => Some(Only::Realtime),
            },
            use_adapter: flags.use_adapter,
            adapter_is_direct: flags.adapter_type == AdapterType::Websocket,
            dual_mode: flags.dual_mode,
            enable_validation: flags.enable_validation,
            validation_strict: flags.validation_strict,
            rollout_percent: self.rollout.percent,
            rollout_auto: self.rollout.auto,
        })
    }

    /// The transport of the realtime path, when that is on.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        Paths::of(&self.flags).realtime.then_some(self.realtime.transport)
    }

    /// Whether the paths are compared: validation is on, and so is the realtime path.
    #[must_use]
    pub fn compares_paths(&self) -> bool {
        self.flags.enable_validation && Paths::of(&self.flags).realtime
    }

    /// How long one request to the Realtime may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.flags.timeout_ms)
    }

    /// Whether events are delivered to the router's own Realtime: nobody else speaks on their topic
    /// there, then.
    #[must_use]
    pub fn delivers_to_itself(&self) -> bool {
        self.realtime.url == RealtimeUrl::Builtin
            && self.transport().is_some_and(|transport| transport != TransportKind::Postgres)
    }

    /// Whether events are delivered to a project that asks for a key.
    pub(super) fn needs_key(&self) -> bool {
        self.realtime.url != RealtimeUrl::Builtin
            && self.transport().is_some_and(|transport| transport != TransportKind::Postgres)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{event::Category, flags::Level};

    #[test]
    fn flags_name_the_paths() {
        use AdapterType::{Auto, Dual, Realtime, Websocket};
        for (use_adapter, dual_mode, adapter_type, realtime, mode) in [
            (false, false, Auto, false, "direct"),
            (false, false, Realtime, false, "direct"),
            (false, false, Dual, false, "direct"),
            (true, false, Auto, true, "adapter"),
            (true, false, Realtime, true, "adapter"),
            (true, false, Websocket, false, "direct"),
            (true, false, Dual, true, "dual"),
            (false, true, Auto, true, "dual"),
            (false, true, Websocket, true, "dual"),
            (true, true, Realtime, true, "dual"),
        ] {
            let flags =
                FlagSettings { use_adapter, adapter_type, dual_mode, ..FlagSettings::default() };
            let paths = Paths::of(&flags);
            assert_eq!(
                (paths.direct, paths.realtime, paths.mode.as_str()),
                (true, realtime, mode),
                "{flags:?}"
            );
        }
    }

    #[test]
    fn an_override_wins_over_all_other_flags() {
        let flags = |global_override, dual_mode| FlagSettings {
            global_override,
            dual_mode,
            critical_percentage: 0,
            debug_enabled: false,
            system_paths: vec![PathName::Websocket],
            ..FlagSettings::default()
        };
        let websocket = Paths { direct: true, realtime: false, mode: Mode::Direct };
        let realtime = Paths { direct: false, realtime: true, mode: Mode::Adapter };
        for dual_mode in [false, true] {
            let only = flags(GlobalOverride::WebsocketOnly, dual_mode);
            assert_eq!(Paths::of(&only), websocket);
            let only = flags(GlobalOverride::RealtimeOnly, dual_mode);
            assert_eq!(Paths::of(&only), realtime);
            assert!(Routing::of(&only).is_covered(), "the categories do not count");
        }
        let lacks = Routing::of(&flags(GlobalOverride::None, true)).coverage();
        assert_eq!(
            lacks.iter().map(|lack| lack.category).collect::<Vec<_>>(),
            [Category::Critical, Category::System, Category::Debug]
        );
    }

    #[test]
    fn each_category_is_read_from_its_own_keys() {
        for (index, category) in Category::ALL.into_iter().enumerate() {
            let mut settings = Settings::default();
            settings.flags.dual_mode = true;
            let flags = &mut settings.flags;
            let percent = [
                &mut flags.critical_percentage,
                &mut flags.performance_percentage,
                &mut flags.user_activity_percentage,
                &mut flags.system_percentage,
                &mut flags.debug_percentage,
            ];
            *percent.into_iter().nth(index).unwrap() = 0;
            for other in Category::ALL {
                let mode = settings.routing().mode_of(other, uuid::Uuid::nil());
                assert_eq!(mode.is_routed(), other != category, "{category} {other}");
            }
        }
    }

    #[test]
    fn nothing_contradicts_as_long_as_nobody_sets_anything() {
        let mut settings = Settings::default();
        let contradictions = |settings: &Settings| {
            let issues = settings.flag_issues().into_iter();
            let issues = issues.filter(|issue| issue.level == Level::Contradiction);
            issues.map(|issue| issue.flag).collect::<Vec<_>>()
        };
        assert!(contradictions(&settings).is_empty());
        settings.flags.use_adapter = true;
        settings.flags.adapter_type = AdapterType::Websocket;
        settings.rollout.auto = true;
        assert_eq!(contradictions(&settings), ["flags.use_adapter", "rollout.auto"]);
    }

    #[test]
    fn the_private_listener_is_for_the_built_in_realtime_alone() {
        let mut settings = Settings::default();
        assert!(!settings.delivers_to_itself(), "no flag is set");
        settings.flags.dual_mode = true;
        assert!(settings.delivers_to_itself());
        settings.realtime.transport = TransportKind::Postgres;
        assert!(!settings.delivers_to_itself());
        settings.realtime.transport = TransportKind::Channel;
        settings.realtime.url = "https://ref.supabase.co".parse().unwrap();
        assert!(!settings.delivers_to_itself());
    }
}
