//! Types of values that say which events and which clients go where.

use std::{borrow::Cow, fmt, str::FromStr};

/// One path for everything, whatever the categories say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalOverride {
    /// None: the categories decide.
    None,
    /// Events go to the router's own sessions alone.
    WebsocketOnly,
    /// Events go to a Realtime alone.
    RealtimeOnly,
}

/// A path, as a category names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathName {
    /// The router's own sessions, which get every category whatever is listed.
    Websocket,
    /// A Realtime.
    Realtime,
}

impl PathName {
    pub(super) const FORM: &'static str = "\"websocket\" and \"realtime\"";
    pub(super) const BOTH: &'static [Self] = &[Self::Websocket, Self::Realtime];
}

/// The text names no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", PathName::FORM)]
pub struct NotAPath;

impl FromStr for PathName {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        match text {
            "websocket" => Ok(Self::Websocket),
            "realtime" => Ok(Self::Realtime),
            _ => Err(NotAPath),
        }
    }
}

impl fmt::Display for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Websocket => "websocket",
            Self::Realtime => "realtime",
        })
    }
}

/// What a client calls itself: 1 to 128 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    pub(super) const FORM: &'static str = "client ids of 1 to 128 characters";

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", ClientId::FORM)]
pub struct NotAClientId;

impl FromStr for ClientId {
    type Err = NotAClientId;

    fn from_str(text: &str) -> Result<Self, NotAClientId> {
        let fits = (1..=128).contains(&text.chars().count());
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Clients that have a percentage of their own: `wall-*=100`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What their ids look like: `*` stands for any characters.
    pub pattern: String,
    /// Which share of them is on the realtime path, in percent.
    pub percent: u8,
}

impl Segment {
    pub(super) const FORM: &'static str = "PATTERN=PERCENT, such as \"wall-*=100\"";
}

/// The text is no segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", Segment::FORM)]
pub struct NotASegment;

impl FromStr for Segment {
    type Err = NotASegment;

    fn from_str(text: &str) -> Result<Self, NotASegment> {
        let (pattern, percent) = text.rsplit_once('=').ok_or(NotASegment)?;
        let percent = percent.parse().ok().filter(|percent| *percent <= 100).ok_or(NotASegment)?;
        if pattern.is_empty() || pattern.chars().count() > 128 {
            return Err(NotASegment);
        }
        Ok(Self { pattern: pattern.to_owned(), percent })
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.pattern, self.percent)
    }
}

/// The shares that a rollout goes through, in percent: rising, each once, the last one 100 or less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Cow<'static, [u8]>);

impl Steps {
    pub(super) const FORM: &'static str = "rising percentages such as \"25, 50, 75, 100\"";

    /// By quarters.
    pub(super) const DEFAULT: Self = Self(Cow::Borrowed(&[25, 50, 75, 100]));

    /// The percentages, without the 0 that it begins with.
    #[must_use]
    pub fn list(&self) -> &[u8] {
        &self.0
    }
}

/// The text is no list of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {}", Steps::FORM)]
pub struct NoSteps;

impl FromStr for Steps {
    type Err = NoSteps;

    fn from_str(text: &str) -> Result<Self, NoSteps> {
        let steps = text.split(',').map(|step| step.trim().parse::<u8>());
        let steps: Vec<_> = steps.collect::<Result<_, _>>().ok().ok_or(NoSteps)?;
        let rises = steps.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
        let within = steps.iter().all(|step| (1..=100).contains(step));
        if rises && within && !steps.is_empty() {
            Ok(Self(Cow::Owned(steps)))
        } else {
            Err(NoSteps)
        }
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.0.iter().map(u8::to_string).collect();
        f.write_str(&steps.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["wall-*=100", "a=b=0"] {
            assert_eq!(text.parse::<Segment>().unwrap().to_string(), text);
        }
        for bad in ["", "a", "=1", "a=101", "a=-1", "a=x"] {
            assert_eq!(bad.parse::<Segment>(), Err(NotASegment), "{bad}");
        }
        for text in ["25, 50, 75, 100", "1", "10, 90"] {
            assert_eq!(text.parse::<Steps>().unwrap().to_string(), text);
        }
        for bad in ["", "0", "50, 25", "50, 50", "101", "a"] {
            assert_eq!(bad.parse::<Steps>(), Err(NoSteps), "{bad}");
        }
    }
}
