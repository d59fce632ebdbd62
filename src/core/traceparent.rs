//! The W3C trace context of a request: where in somebody's trace it was made.
//!
//! Reads `traceparent` as strictly as Trace Context Level 1 wants it: what is not valid counts as
//! not there, and is never repaired.

use std::{fmt, str::FromStr};

/// A place in a trace. Shown as version 00, the only one that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// The text is no trace context, and is to be ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent as W3C Trace Context has it")]
pub struct NotATraceparent;

/// Whoever made the request records it.
const SAMPLED: u8 = 1;
/// Length of version 00; later ones begin like it.
const LENGTH: usize = 55;

impl Traceparent {
    /// The trace; never 0.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span that made the request; never 0.
    #[must_use]
    pub fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// Whether that span is recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl FromStr for Traceparent {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        Self::read(text).ok_or(NotATraceparent)
    }
}

impl Traceparent {
    fn read(text: &str) -> Option<Self> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let mut fields = known.split('-');
        let version = hex(fields.next()?, 2)?;
        let trace_id = hex(fields.next()?, 32)?;
        let parent_id = hex(fields.next()?, 16)?;
        let flags = hex(fields.next()?, 2)?;
        let complete = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        if !complete || fields.next().is_some() || trace_id == 0 || parent_id == 0 {
            return None;
        }
        let flags = u8::try_from(flags).ok()?;
        // Of a later version, only this flag is known to mean the same.
        let flags = if version == 0 { flags } else { flags & SAMPLED };
        Some(Self { trace_id, parent_id: u64::try_from(parent_id).ok()?, flags })
    }
}

/// So many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let valid = text.len() == digits && text.bytes().all(lower);
    if valid { u128::from_str_radix(text, 16).ok() } else { None }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_specifications_example_is_read() {
        let context: Traceparent = EXAMPLE.parse().unwrap();
        assert_eq!(context.trace_id(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(context.parent_id(), 0x00f0_67aa_0ba9_02b7);
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), EXAMPLE);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for rest in ["", "-", "-what-will-be"] {
            let later = format!("cc{}ff{rest}", &EXAMPLE[2..53]);
            assert_eq!(later.parse::<Traceparent>().unwrap().to_string(), EXAMPLE, "{later}");
        }
    }

    #[test]
    fn what_is_not_exactly_right_is_not_there() {
        for (what, text) in [
            ("empty", String::new()),
            ("cut", EXAMPLE[..54].into()),
            ("longer than its version", format!("{EXAMPLE}-00")),
            ("a later version that runs on", format!("01{}x", &EXAMPLE[2..])),
            ("the forbidden version", EXAMPLE.replacen("00", "ff", 1)),
            ("upper case", EXAMPLE.to_uppercase()),
            ("no digit", EXAMPLE.replacen('4', "g", 1)),
            ("a sign", EXAMPLE.replacen("-4bf", "-+bf", 1)),
            ("another separator", EXAMPLE.replace('-', "_")),
            ("white space", format!(" {}", &EXAMPLE[..54])),
            ("no trace", format!("00-{:032}-00f067aa0ba902b7-01", 0)),
            ("no parent", format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{:016}-01", 0)),
            ("wide characters", "é".repeat(28)),
        ] {
            assert_eq!(text.parse::<Traceparent>(), Err(NotATraceparent), "{what}: {text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(
            trace_id in 1..=u128::MAX, parent_id in 1..=u64::MAX, flags: u8,
        ) {
            let context = Traceparent { trace_id, parent_id, flags };
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }

        #[test]
        fn whatever_is_read_is_shown_as_it_was(text in "00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|.{50,60}") {
            if let Ok(context) = text.parse::<Traceparent>() {
                prop_assert!(text.starts_with("00") && context.to_string() == text || &text[..2] > "00");
            }
        }
    }
}
