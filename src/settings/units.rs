//! How numbers are written: counts, sizes and durations, and the type each ends up as.

use std::{fmt, time::Duration};

use bytesize::ByteSize;

use super::rules::Raw;

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

impl Number for u8 {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
    fn number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for u32 {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
    fn number(&self) -> u64 {
        u64::from(*self)
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
pub(super) struct Unit {
    /// Follows "a".
    pub(super) name: &'static str,
    /// What is measured, if anything.
    pub(super) measure: Option<&'static str>,
    /// Whether it may stand without a unit.
    plain: bool,
    parse: fn(&str) -> Option<u64>,
    /// Suffixes and what they stand for, largest first; none means that it is always plain.
    scale: &'static [(&'static str, u64)],
}

pub(super) static COUNT: Unit =
    Unit { name: "whole number", measure: None, plain: true, parse: |_| None, scale: &[] };

pub(super) static SIZE: Unit = Unit {
    name: "size",
    measure: Some("bytes"),
    plain: true,
    parse: |text| text.parse::<ByteSize>().ok().map(|size| size.as_u64()),
    scale: &[("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB), ("B", 1)],
};

pub(super) static DURATION: Unit = Unit {
    name: "duration",
    measure: Some("duration"),
    plain: false,
    parse: |text| {
        let duration = humantime::parse_duration(text).ok()?;
        let number = u64::try_from(duration.as_millis()).ok()?;
        (Duration::from_millis(number) == duration).then_some(number)
    },
    scale: &[("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", MILLISECOND)],
};

impl Unit {
    pub(super) fn read(&self, raw: &Raw<'_>) -> Option<u64> {
        let plain = if self.plain { raw.whole() } else { None };
        plain.or_else(|| (self.parse)(raw.text()?))
    }

    /// In the largest unit that leaves no rest.
    pub(super) fn show(&self, number: u64) -> String {
        let fits = |&&(_, factor): &&(&str, u64)| {
            if number == 0 { factor == 1 } else { number.is_multiple_of(factor) }
        };
        match self.scale.iter().find(fits) {
            Some((suffix, factor)) => format!("{}{suffix}", number / factor),
            None => number.to_string(),
        }
    }

    pub(super) fn show_toml(&self, number: u64) -> String {
        let shown = self.show(number);
        if self.scale.is_empty() { shown } else { quoted(shown) }
    }
}

/// As a TOML string.
pub(super) fn quoted(text: impl fmt::Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_shown_in_the_largest_unit_that_fits() {
        for (milliseconds, shown) in
            [(0, "0ms"), (1, "1ms"), (1_500, "1500ms"), (90_000, "90s"), (7 * DAY, "7d")]
        {
            assert_eq!(DURATION.show(milliseconds), shown);
        }
        for (bytes, shown) in
            [(0, "0B"), (1_000, "1000B"), (64 * KIB, "64KiB"), (10 * GIB, "10GiB")]
        {
            assert_eq!(SIZE.show(bytes), shown);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same_number(number in 0..=1024 * TIB) {
            for (unit, number) in
                [(&COUNT, number), (&SIZE, number), (&DURATION, number % (3650 * DAY))]
            {
                prop_assert_eq!(unit.read(&Raw::Variable(&unit.show(number))), Some(number));
            }
        }
    }
}
