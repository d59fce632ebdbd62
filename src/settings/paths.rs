//! Which paths events take, by the flags.

use std::time::Duration;

use super::{AdapterType, FlagSettings, RealtimeUrl, Settings, TransportKind};

/// The paths that are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The router's own sessions: whatever the flags say, who is connected gets everything.
    pub direct: bool,
    /// A Realtime.
    pub realtime: bool,
    /// How this is called in the metadata of an event.
    pub mode: Mode,
}

/// How events are delivered, as their `metadata.broadcast_mode` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To the router's own sessions, without an adapter.
    Direct,
    /// By the adapter that `flags.adapter_type` names.
    Adapter,
    /// By both paths, side by side.
    Dual,
}

impl Mode {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Adapter => "adapter",
            Self::Dual => "dual",
        }
    }
}

impl Paths {
    /// Those of the flags: `dual_mode` alone means both, and without `use_adapter` no type counts.
    #[must_use]
    pub fn of(flags: &FlagSettings) -> Self {
        let adapter = flags.use_adapter.then_some(flags.adapter_type);
        let (realtime, mode) = match adapter {
            _ if flags.dual_mode => (true, Mode::Dual),
            None => (false, Mode::Direct),
            Some(AdapterType::Dual) => (true, Mode::Dual),
            Some(AdapterType::Auto | AdapterType::Realtime) => (true, Mode::Adapter),
            Some(AdapterType::Websocket) => (false, Mode::Adapter),
        };
        Self { direct: true, realtime, mode }
    }
}

impl Settings {
    /// The transport of the realtime path, when that is on.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        Paths::of(&self.flags).realtime.then_some(self.realtime.transport)
    }

    /// How long one request to the Realtime may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.flags.timeout_ms)
    }

    /// Whether events are delivered to the router's own Realtime: it needs its private listener then.
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

    #[test]
    fn flags_name_the_paths() {
        use AdapterType::{Auto, Dual, Realtime, Websocket};
        for (use_adapter, dual_mode, adapter_type, realtime, mode) in [
            (false, false, Auto, false, "direct"),
            (false, false, Realtime, false, "direct"),
            (false, false, Dual, false, "direct"),
            (true, false, Auto, true, "adapter"),
            (true, false, Realtime, true, "adapter"),
            (true, false, Websocket, false, "adapter"),
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
