//! What a key accepts: a rule knows the default, reads a raw value, and shows a value as TOML.
//!
//! A rule says yes or no; the fault's text is made in one place, from what the rule allows.

use std::{fmt, marker::PhantomData, ops::RangeInclusive, str::FromStr, time::Duration};

use config::ValueKind;

use super::{
    units::{COUNT, DURATION, Number, SIZE, Unit, quoted},
    values::without_password,
};

/// A value as it was written, before anybody knows what it means.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    /// From the file, with its type.
    Typed(&'a ValueKind),
    /// From an environment variable, where everything is text.
    Variable(&'a str),
}

impl Raw<'_> {
    /// What stands between quotes, or in a variable.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Variable(text) => Some(text),
            Self::Typed(ValueKind::String(text)) => Some(text),
            Self::Typed(_) => None,
        }
    }

    /// A number without a unit.
    pub(super) fn whole(&self) -> Option<u64> {
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
    /// What is measured in something: `bytes` or `duration`.
    fn unit(&self) -> Option<&'static str> {
        None
    }
    /// Whether nobody may see the value, not even one that is at fault.
    fn is_secret(&self) -> bool {
        false
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
        format!("a {} from {low} to {high}", self.unit.name)
    }

    fn unit(&self) -> Option<&'static str> {
        self.unit.measure
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

/// Yes or no: `true` or `false`, in a variable also the usual words for them.
pub(super) struct Truth(bool);

/// Yes or no.
pub(super) const fn truth(default: bool) -> Truth {
    Truth(default)
}

impl Rule for Truth {
    type Value = bool;

    fn default(&self) -> bool {
        self.0
    }

    fn read(&self, raw: &Raw<'_>) -> Option<bool> {
        match raw {
            Raw::Typed(ValueKind::Boolean(value)) => Some(*value),
            Raw::Typed(_) => None,
            Raw::Variable(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
        }
    }

    fn show(&self, value: &bool) -> String {
        value.to_string()
    }

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::units::{MINUTE, SECOND};
    use super::*;

    #[test]
    fn the_ends_of_a_range_belong_to_it() {
        let rule = duration(SECOND, SECOND..=MINUTE);
        let read = |text| rule.read(&Raw::Variable(text));
        assert_eq!(read("999ms"), None);
        assert_eq!(read("1s"), Some(Duration::from_secs(1)));
        assert_eq!(read("1m"), Some(Duration::from_mins(1)));
        assert_eq!(read("60001ms"), None);
    }

    #[test]
    fn yes_and_no_are_words_only_in_a_variable() {
        let rule = truth(false);
        for (text, value) in
            [("true", true), ("ON", true), ("1", true), ("no", false), ("0", false)]
        {
            assert_eq!(rule.read(&Raw::Variable(text)), Some(value), "{text}");
        }
        assert_eq!(rule.read(&Raw::Variable("maybe")), None);
        assert_eq!(rule.read(&Raw::Typed(&ValueKind::Boolean(true))), Some(true));
        assert_eq!(rule.read(&Raw::Typed(&ValueKind::String("true".to_owned()))), None);
    }
}
