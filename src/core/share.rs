//! A share of a whole, such as the match rate or an error rate, exact to a ten-thousandth of a
//! percent.

use std::{fmt, str::FromStr};

/// Parts of a million, 0 to 1,000,000. Written as a percentage: `99.9%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

/// The whole, in parts of it.
const WHOLE: u32 = 1_000_000;
/// Parts that are a percent.
const PERCENT: u32 = WHOLE / 100;
/// Digits after the point that are exact.
const DIGITS: usize = 4;

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(WHOLE);

    /// So many percent, at most 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        if percent >= 100 { Self::ALL } else { Self(percent * PERCENT) }
    }

    /// So many of a million, at most all.
    #[must_use]
    pub const fn parts(parts: u32) -> Self {
        if parts >= WHOLE { Self::ALL } else { Self(parts) }
    }

    /// `part` of `whole`, rounded down; all of nothing is [`Share::ALL`].
    #[must_use]
    pub fn of(part: u64, whole: u64) -> Self {
        if part >= whole {
            return Self::ALL;
        }
        let parts = u128::from(part) * u128::from(WHOLE) / u128::from(whole);
        Self(u32::try_from(parts).unwrap_or(WHOLE))
    }

    /// How many of a million.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// In percent, 0 to 100.
    #[must_use]
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / f64::from(PERCENT)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / PERCENT, self.0 % PERCENT);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:0DIGITS$}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

/// The text is no percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percentage is a number from 0 to 100 with `%`, such as 99.9%")]
pub struct NoShare;

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        let number = text.strip_suffix('%').ok_or(NoShare)?;
        let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if !digits(whole) || !digits(rest) || rest.len() > DIGITS {
            return Err(NoShare);
        }
        let whole: u32 = whole.parse().ok().ok_or(NoShare)?;
        let rest: u32 = format!("{rest:0<DIGITS$}").parse().ok().ok_or(NoShare)?;
        let parts = whole.checked_mul(PERCENT).and_then(|parts| parts.checked_add(rest));
        parts.filter(|parts| *parts <= WHOLE).map(Self).ok_or(NoShare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_as_it_is_read() {
        for (text, parts) in
            [("0%", 0), ("0.2%", 2_000), ("99.9%", 999_000), ("99.9999%", 999_999), ("100%", WHOLE)]
        {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.millionths(), &*share.to_string()), (parts, text));
        }
        for bad in ["", "%", "1", "100.1%", "-1%", "1.%", ".5%", "1e1%", "0.00001%", "99999999999%"]
        {
            assert_eq!(bad.parse::<Share>(), Err(NoShare), "{bad}");
        }
    }

    #[test]
    fn a_part_of_a_whole_is_rounded_down() {
        assert_eq!(Share::of(0, 0), Share::ALL);
        assert_eq!(Share::of(2, 3).millionths(), 666_666);
        assert_eq!(Share::of(u64::MAX - 1, u64::MAX).millionths(), 999_999);
        assert!(Share::of(9_989, 10_000) < Share::parts(999_000));
    }
}
