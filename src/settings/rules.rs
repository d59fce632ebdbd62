//! What a key accepts: a rule knows the default, reads a raw value, and shows a value as TOML.
//!
//! A rule says yes or no; the fault's text is made in one place, from what the rule allows.

use std::{fmt, marker::PhantomData, ops::RangeInclusive, str::FromStr, time::Duration};

use bytesize::ByteSize;
use config::ValueKind;

use super::values::without_password;

/// The unit that durations are written in here: milliseconds.
pub(super) const MILLISECOND: u64 = 1;
pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// The unit that sizes are written in here: bytes.
pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;
pub(super) const TIB: u64 = 1 << 40;

/// A value as it was written, before anybody knows what it means.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    /// From the file, with its type.
    Typed(&'a ValueKind),
    /// From an environment variable, where everything is text.
    Variable(&'a str),
}

impl Raw<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Variable(text) => Some(text),
            Self::Typed(ValueKind::String(text)) => Some(text),
            Self::Typed(_) => None,
        }
    }

    fn whole(&self) -> Option<u64> {
        match self {
            Self::Variable(text) => text.parse().ok(),
            Self::Typed(ValueKind::I128(number)) => u64::try_from(*number).ok(),
            Self::Typed(_) => None,
        }
    }
}

/// As it was written, near enough to be recognised, and without a password.
impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(text) => f.write_str(&quoted(without_password(text))),
            Self::Typed(ValueKind::String(text)) => f.write_str(&quoted(without_password(text))),
            Self::Typed(ValueKind::Nil) => f.write_str("a date"),
            Self::Typed(ValueKind::Array(_)) => f.write_str("an array"),
            Self::Typed(ValueKind::Table(_)) => f.write_str("a table"),
            Self::Typed(other) => write!(f, "{other}"),
        }
    }
}

/// What one key accepts.
pub(super) trait Rule {
    /// What the rest of the program gets.
    type Value;
    /// The value when nobody says anything.
    fn default(&self) -> Self::Value;
    /// The value, if it is one that is allowed.
    fn read(&self, raw: &Raw<'_>) -> Option<Self::Value>;
    /// The value as TOML, without a secret.
    fn show(&self, value: &Self::Value) -> String;
    /// What is allowed, to follow "must be".
    fn allowed(&self) -> String;
}

/// What a number of the table ends up as.
pub(super) trait Number {
    /// From a count, bytes or milliseconds; the largest there is when it does not fit.
    fn from_number(number: u64) -> Self;
    /// The count, bytes or milliseconds.
    fn number(&self) -> u64;
}

impl Number for u64 {
    fn from_number(number: u64) -> Self {
        number
    }
    fn number(&self) -> u64 {
        *self
    }
}

impl Number for usize {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
    fn number(&self) -> u64 {
        u64::try_from(*self).unwrap_or(u64::MAX)
    }
}

impl Number for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }
    fn number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How a number is written.
struct Unit {
    name: &'static str,
    /// Whether it may stand without a unit.
    plain: bool,
    parse: fn(&str) -> Option<u64>,
    /// Suffixes and what they stand for, largest first; none means that it is always plain.
    scale: &'static [(&'static str, u64)],
}

static COUNT: Unit = Unit { name: "whole number", plain: true, parse: |_| None, scale: &[] };

static SIZE: Unit = Unit {
    name: "size",
    plain: true,
    parse: |text| text.parse::<ByteSize>().ok().map(|size| size.as_u64()),
    scale: &[("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)],
};

static DURATION: Unit = Unit {
    name: "duration",
    plain: false,
    parse: |text| {
        let duration = humantime::parse_duration(text).ok()?;
        let number = u64::try_from(duration.as_millis()).ok()?;
        (Duration::from_millis(number) == duration).then_some(number)
    },
    scale: &[("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND)],
};

impl Unit {
    fn read(&self, raw: &Raw<'_>) -> Option<u64> {
        let plain = if self.plain { raw.whole() } else { None };
        plain.or_else(|| (self.parse)(raw.text()?))
    }

    /// In the largest unit that leaves no rest.
    fn show(&self, number: u64) -> String {
        let fits = |&&(_, factor): &&(&str, u64)| {
            if number == 0 { factor == 1 } else { number.is_multiple_of(factor) }
        };
        match self.scale.iter().find(fits) {
            Some((suffix, factor)) => format!("{}{suffix}", number / factor),
            None => number.to_string(),
        }
    }

    fn show_toml(&self, number: u64) -> String {
        let shown = self.show(number);
        if self.scale.is_empty() { shown } else { quoted(shown) }
    }
}

/// A number within a range.
pub(super) struct Ranged<T> {
    default: u64,
    range: RangeInclusive<u64>,
    unit: &'static Unit,
    value: PhantomData<fn() -> T>,
}

const fn ranged<T>(default: u64, range: RangeInclusive<u64>, unit: &'static Unit) -> Ranged<T> {
    Ranged { default, range, unit, value: PhantomData }
}

/// A whole number.
pub(super) const fn count<T>(default: u64, range: RangeInclusive<u64>) -> Ranged<T> {
    ranged(default, range, &COUNT)
}

/// A number of bytes, with a unit or plain.
pub(super) const fn size<T>(default: u64, range: RangeInclusive<u64>) -> Ranged<T> {
    ranged(default, range, &SIZE)
}

/// A time span with its unit, to the millisecond.
pub(super) const fn duration(default: u64, range: RangeInclusive<u64>) -> Ranged<Duration> {
    ranged(default, range, &DURATION)
}

impl<T: Number> Rule for Ranged<T> {
    type Value = T;

    fn default(&self) -> T {
        T::from_number(self.default)
    }

    fn read(&self, raw: &Raw<'_>) -> Option<T> {
        self.unit.read(raw).filter(|number| self.range.contains(number)).map(T::from_number)
    }

    fn show(&self, value: &T) -> String {
        self.unit.show_toml(value.number())
    }

    fn allowed(&self) -> String {
        let (low, high) = (self.unit.show(*self.range.start()), self.unit.show(*self.range.end()));
        let range = format!("a {} from {low} to {high}", self.unit.name);
        if self.unit.scale.is_empty() {
            return range;
        }
        format!("{range}, such as {}", self.unit.show_toml(self.default))
    }
}

/// One of a few words.
pub(super) struct OneOf<T: 'static> {
    default: T,
    words: &'static [(&'static str, T)],
}

/// One of a few words, each with what it stands for.
pub(super) const fn one_of<T: Copy>(default: T, words: &'static [(&'static str, T)]) -> OneOf<T> {
    OneOf { default, words }
}

impl<T: Copy + PartialEq> Rule for OneOf<T> {
    type Value = T;

    fn default(&self) -> T {
        self.default
    }

    fn read(&self, raw: &Raw<'_>) -> Option<T> {
        let text = raw.text()?;
        self.words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn show(&self, value: &T) -> String {
        let word = self.words.iter().find(|(_, meaning)| meaning == value);
        word.map(|(word, _)| quoted(word)).unwrap_or_default()
    }

    fn allowed(&self) -> String {
        self.words.iter().map(|(word, _)| quoted(word)).collect::<Vec<_>>().join(" or ")
    }
}

/// Text that its own type knows how to read.
pub(super) struct Parsed<T> {
    default: T,
    form: &'static str,
}

/// Text that its own type knows how to read; `form` follows "must be".
pub(super) const fn parsed<T>(default: T, form: &'static str) -> Parsed<T> {
    Parsed { default, form }
}

impl<T: Clone + FromStr + fmt::Display> Rule for Parsed<T> {
    type Value = T;

    fn default(&self) -> T {
        self.default.clone()
    }

    fn read(&self, raw: &Raw<'_>) -> Option<T> {
        raw.text()?.parse().ok()
    }

    fn show(&self, value: &T) -> String {
        quoted(value)
    }

    fn allowed(&self) -> String {
        self.form.to_owned()
    }
}

/// As a TOML string.
fn quoted(text: impl fmt::Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}
