//! The table of every rule that an event can break: `Name: "code";` under the sentence that says
//! what is wrong. `docs/problems.md` is made of it.

use crate::core::canonical::Reason;

macro_rules! rules {
    ($( #[doc = $meaning:literal] $name:ident: $code:literal; )+) => {
        /// The stable name of what is wrong with an event. It is never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $( #[doc = $meaning] $name, )+ }

        impl Rule {
            /// All of them, by name.
            pub const ALL: &[Self] = &[$( Self::$name, )+];

            /// The name on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => $code, )+ }
            }

            /// What is wrong, as a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$name => $meaning.trim_ascii(), )+ }
            }
        }
    };
}

rules! {
    /// A CloudEvent has `data_base64`: only a JSON object as `data` is taken.
    BinaryData: "binary_data";
    /// A field stands twice.
    DuplicateKey: "duplicate_key";
    /// There is no event in the body.
    Empty: "empty";
    /// The event has more than `limits.event_bytes`.
    EventTooLarge: "event_too_large";
    /// The id is no UUID, or the nil UUID.
    InvalidId: "invalid_id";
    /// The time is not RFC 3339 with a zone, or not of the years 0001 to 9999.
    InvalidTimestamp: "invalid_timestamp";
    /// The text is empty, or longer than it may be.
    Length: "length";
    /// A string has half of a surrogate pair (`\ud800`).
    LoneSurrogate: "lone_surrogate";
    /// The body, or an attribute, is not UTF-8.
    NotUtf8: "not_utf8";
    /// A string has the character U+0000, which no database keeps.
    NulCharacter: "nul_character";
    /// A number is beyond a double (1e400), or has more than 400 decimals.
    NumberOutOfRange: "number_out_of_range";
    /// The field is missing.
    Required: "required";
    /// It is not JSON.
    Syntax: "syntax";
    /// Objects and arrays are nested deeper than 120 levels.
    TooDeep: "too_deep";
    /// The request has more than `limits.batch_events`.
    TooManyEvents: "too_many_events";
    /// There is no such category.
    UnknownCategory: "unknown_category";
    /// There is no such field.
    UnknownField: "unknown_field";
    /// The CloudEvent is not of version 1.0.
    UnsupportedVersion: "unsupported_version";
    /// The value is of another type than it must be.
    WrongType: "wrong_type";
}

impl From<Reason> for Rule {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Nul => Self::NulCharacter,
            Reason::LoneSurrogate => Self::LoneSurrogate,
            Reason::NumberTooLarge | Reason::NumberTooLong => Self::NumberOutOfRange,
            Reason::TooDeep => Self::TooDeep,
            Reason::Syntax(_) => Self::Syntax,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_distinct_and_say_what_is_wrong() {
        assert!(Rule::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
        assert!(Rule::ALL.iter().all(|rule| rule.meaning().ends_with('.')));
    }
}
