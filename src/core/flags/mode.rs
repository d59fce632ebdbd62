//! How an event is delivered, as its metadata says it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The member of an event's metadata that says its mode.
pub const MODE: &str = "broadcast_mode";

/// How an event is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// To the router's own sessions, without an adapter.
    #[default]
    Direct,
    /// By the adapter too: to a Realtime.
    Adapter,
    /// By both paths, side by side.
    Dual,
}

/// All that is read of the metadata.
#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    broadcast_mode: Option<Cow<'a, str>>,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Direct, Self::Adapter, Self::Dual];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Adapter => "adapter",
            Self::Dual => "dual",
        }
    }

    /// Whether what is delivered so goes to a Realtime.
    #[must_use]
    pub fn is_routed(self) -> bool {
        self != Self::Direct
    }

    /// What an event's metadata says, a JSON object in any order; `Direct` where it says nothing
    /// that is known.
    ///
    /// The router writes the mode as the last member, without white space: then the rest is not
    /// looked at.
    #[must_use]
    pub fn of_metadata(metadata: &str) -> Self {
        if let Some(mode) = Self::last_member(metadata) {
            return mode;
        }
        let read = serde_json::from_str::<Metadata<'_>>(metadata).ok();
        let word = read.and_then(|metadata| metadata.broadcast_mode);
        let known = word.and_then(|word| Self::ALL.into_iter().find(|it| it.as_str() == word));
        known.unwrap_or_default()
    }

    /// The mode, if it is the last member. A quote within a string is escaped, so that no string
    /// of valid JSON looks like it.
    fn last_member(metadata: &str) -> Option<Self> {
        let rest = metadata.strip_suffix("\"}")?;
        let (rest, mode) = Self::ALL
            .into_iter()
            .find_map(|mode| Some((rest.strip_suffix(mode.as_str())?, mode)))?;
        let rest = rest.strip_suffix("\":\"")?.strip_suffix(MODE)?;
        matches!(rest.as_bytes(), [.., b'{' | b',', b'"']).then_some(mode)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mode_is_read_wherever_it_stands() {
        for (metadata, mode) in [
            (r#"{"broadcast_mode":"dual"}"#, Mode::Dual),
            (r#"{"a":1,"broadcast_mode":"adapter"}"#, Mode::Adapter),
            (r#"{"a":1,"broadcast_mode":"direct"}"#, Mode::Direct),
            (r#"{"broadcast_mode":"dual","traceparent":"00"}"#, Mode::Dual),
            (r#"{ "a": {}, "broadcast_mode" : "adapter" }"#, Mode::Adapter),
            (r#"{"\u0062roadcast_mode":"dual"}"#, Mode::Dual),
            ("{}", Mode::Direct),
            (r#"{"broadcast_mode":"Dual"}"#, Mode::Direct),
            (r#"{"broadcast_mode":7}"#, Mode::Direct),
            (r#"{"a":{"broadcast_mode":"dual"}}"#, Mode::Direct),
            (r#"{"a\"broadcast_mode":"dual"}"#, Mode::Direct),
            (r#"{"xbroadcast_mode":"dual"}"#, Mode::Direct),
            (r#"{"a":"\"broadcast_mode\":\"dual"}"#, Mode::Direct),
            (r#"{"a":",\"broadcast_mode\":\"dual"}"#, Mode::Direct),
            ("", Mode::Direct),
        ] {
            assert_eq!(Mode::of_metadata(metadata), mode, "{metadata}");
        }
    }

    proptest! {
        #[test]
        fn no_other_member_is_taken_for_it(
            key in ".{0,20}", value in ".{0,40}", nested: bool, mode in 0..4_usize,
        ) {
            let other = if nested { json!({ value: "dual" }) } else { json!(value) };
            let mut metadata = serde_json::Map::from_iter([(key, other)]);
            let mode = Mode::ALL.get(mode).copied();
            metadata.remove(MODE);
            metadata.extend(mode.map(|mode| (MODE.to_owned(), json!(mode))));
            let text = serde_json::Value::from(metadata).to_string();
            prop_assert_eq!(Mode::of_metadata(&text), mode.unwrap_or_default());
        }
    }
}
