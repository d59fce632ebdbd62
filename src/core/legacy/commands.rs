//! What a client of `/ws` may ask, and within which bounds: a limit above the largest is taken for
//! the largest, and the answer says what was taken.

use serde::Deserialize;
use serde_json::Value;

use crate::core::protocol::ErrorCode;

/// The commands, for the answer to an unknown one.
pub const KNOWN: [&str; 5] =
    ["get_stats", "get_recent_events", "get_historical_data", "get_time_series", "export"];

/// Most events in an answer.
pub const MAX_LIMIT: usize = 1000;
/// Furthest that an answer looks back, in hours.
pub const MAX_HOURS: f64 = 168.0;
/// Longest interval of a time series, in minutes: a day.
const MAX_INTERVAL: u32 = 1440;
/// Longest name that comes back in an answer, in characters.
const MAX_NAME: usize = 256;

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Totals of one connection type, or of all.
    GetStats {
        /// As the client wrote it; one that there is not has no totals.
        connection_type: Option<String>,
    },
    /// The newest events.
    GetRecentEvents {
        /// See above.
        connection_type: Option<String>,
        /// 1 to [`MAX_LIMIT`].
        limit: usize,
    },
    /// The events of the last hours.
    GetHistoricalData {
        /// See above.
        connection_type: Option<String>,
        /// Above 0, up to [`MAX_HOURS`].
        hours: f64,
    },
    /// Counts per interval over the last hours.
    GetTimeSeries {
        /// See above.
        connection_type: Option<String>,
        /// 1 to a day's.
        interval_minutes: u32,
        /// Above 0, up to [`MAX_HOURS`].
        hours: f64,
    },
    /// A link to the events.
    Export {
        /// What the client would call the file; nothing is written there.
        filepath: String,
    },
}

#[derive(Deserialize)]
struct Wire {
    command: Option<Value>,
    connection_type: Option<Value>,
    limit: Option<Value>,
    hours: Option<Value>,
    interval_minutes: Option<Value>,
    filepath: Option<Value>,
}

/// Why something is no command: what kind of wrong, and what to do about it.
pub type Refusal = (ErrorCode, String);

/// Reads a client's text frame. Members that a command does not know are ignored, as they were.
///
/// # Errors
/// What to answer.
pub fn parse(text: &str) -> Result<Command, Refusal> {
    // An array would pass for an object whose members stand in their order.
    let is_object = text.trim_ascii_start().starts_with('{');
    let wire: Wire = match serde_json::from_str(text) {
        Ok(wire) if is_object => wire,
        Err(error) if !error.is_data() => {
            return Err((ErrorCode::BadJson, format!("a command is JSON: {error}")));
        }
        _ => return Err(bad_request("a command is a JSON object with a `command`")),
    };
    let Some(Value::String(command)) = &wire.command else {
        return Err(bad_request("`command` is missing, or no string"));
    };
    match command.as_str() {
        "get_stats" => Ok(Command::GetStats { connection_type: wire.connection_type()? }),
        "get_recent_events" => Ok(Command::GetRecentEvents {
            connection_type: wire.connection_type()?,
            limit: whole("limit", wire.limit.as_ref(), 100, MAX_LIMIT as u64)?,
        }),
        "get_historical_data" => Ok(Command::GetHistoricalData {
            connection_type: wire.connection_type()?,
            hours: wire.hours()?,
        }),
        "get_time_series" => Ok(Command::GetTimeSeries {
            connection_type: wire.connection_type()?,
            interval_minutes: whole(
                "interval_minutes",
                wire.interval_minutes.as_ref(),
                5,
                MAX_INTERVAL.into(),
            )?,
            hours: wire.hours()?,
        }),
        "export" => {
            let name = name("filepath", wire.filepath)?;
            Ok(Command::Export { filepath: name.unwrap_or("monitoring_export.json".to_owned()) })
        }
        unknown => {
            Err((ErrorCode::UnknownType, format!("unknown command {:?}", shortened(unknown))))
        }
    }
}

fn bad_request(detail: impl Into<String>) -> Refusal {
    (ErrorCode::BadRequest, detail.into())
}

impl Wire {
    fn connection_type(&self) -> Result<Option<String>, Refusal> {
        name("connection_type", self.connection_type.clone())
    }

    fn hours(&self) -> Result<f64, Refusal> {
        let hours = self.hours.as_ref().map_or(Some(1.0), Value::as_f64);
        let hours = hours.filter(|hours| *hours > 0.0).map(|hours| hours.min(MAX_HOURS));
        hours
            .ok_or_else(|| bad_request(format!("`hours` is a number above 0, at most {MAX_HOURS}")))
    }
}

fn name(member: &str, value: Option<Value>) -> Result<Option<String>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => Ok(Some(shortened(&name))),
        Some(_) => Err(bad_request(format!("`{member}` is a string"))),
    }
}

/// A name that may come back to the client, but not at length.
fn shortened(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// A whole number from 1 to `most`; also when it was written as `5.0`, as some languages do.
fn whole<T: TryFrom<u64>>(
    member: &str,
    value: Option<&Value>,
    default: u64,
    most: u64,
) -> Result<T, Refusal> {
    let number = match value {
        None | Some(Value::Null) => Some(default),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole and not negative, and a large one saturates"
        )]
        Some(value) => value
            .as_f64()
            .filter(|number| *number >= 1.0 && number.fract() == 0.0)
            .map(|number| number as u64),
    };
    let number = number.and_then(|number| T::try_from(number.min(most)).ok());
    number
        .ok_or_else(|| bad_request(format!("`{member}` is a whole number from 1, at most {most}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        ErrorCode::{BadJson, BadRequest, UnknownType},
        *,
    };

    #[test]
    fn commands_have_the_defaults_they_had() {
        for (text, command) in [
            (r#"{"command":"get_stats"}"#, Command::GetStats { connection_type: None }),
            (
                r#"{"command":"get_recent_events","connection_type":"redis"}"#,
                Command::GetRecentEvents { connection_type: Some("redis".into()), limit: 100 },
            ),
            (
                r#"{"command":"get_historical_data","connection_type":null,"x":1}"#,
                Command::GetHistoricalData { connection_type: None, hours: 1.0 },
            ),
            (
                r#"{"command":"get_time_series","connection_type":"glm","hours":0.5}"#,
                Command::GetTimeSeries {
                    connection_type: Some("glm".into()),
                    interval_minutes: 5,
                    hours: 0.5,
                },
            ),
            (
                r#" {"command":"export"}"#,
                Command::Export { filepath: "monitoring_export.json".into() },
            ),
        ] {
            assert_eq!(parse(text), Ok(command), "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_taken_for_the_most() {
        let command =
            r#"{"command":"get_time_series","interval_minutes":9999.0,"hours":1e9,"limit":"x"}"#;
        let most = Command::GetTimeSeries {
            connection_type: None,
            interval_minutes: MAX_INTERVAL,
            hours: MAX_HOURS,
        };
        assert_eq!(parse(command), Ok(most));
        let most = Command::GetRecentEvents { connection_type: None, limit: MAX_LIMIT };
        assert_eq!(
            parse(r#"{"command":"get_recent_events","limit":18446744073709551615}"#),
            Ok(most)
        );
        let Ok(Command::Export { filepath }) =
            parse(&format!(r#"{{"command":"export","filepath":"{}"}}"#, "x".repeat(999)))
        else {
            panic!("no export");
        };
        assert_eq!(filepath.len(), MAX_NAME);
    }

    #[test]
    fn what_makes_no_sense_is_told_why() {
        for (text, code, start) in [
            ("", BadJson, "a command is JSON: "),
            ("{", BadJson, "a command is JSON: "),
            ("[]", BadRequest, "a command is a JSON object"),
            (r#"["get_stats",null,null,null,null,null]"#, BadRequest, "a command is a JSON object"),
            ("7", BadRequest, "a command is a JSON object"),
            ("{}", BadRequest, "`command` is missing"),
            (r#"{"command":7}"#, BadRequest, "`command` is missing"),
            (r#"{"command":"drop"}"#, UnknownType, "unknown command \"drop\""),
        ] {
            let (found, error) = parse(text).unwrap_err();
            assert!(found == code && error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_told_what_there_is() {
        for (command, argument, start) in [
            ("get_stats", r#""connection_type":7"#, "`connection_type` is a string"),
            ("get_recent_events", r#""limit":0"#, "`limit` is a whole number from 1"),
            ("get_recent_events", r#""limit":1.5"#, "`limit` is a whole number from 1"),
            ("get_recent_events", r#""limit":"9""#, "`limit` is a whole number from 1"),
            ("get_historical_data", r#""hours":0"#, "`hours` is a number above 0"),
            ("get_time_series", r#""interval_minutes":-5"#, "`interval_minutes` is a whole"),
            ("export", r#""filepath":[]"#, "`filepath` is a string"),
        ] {
            let text = format!(r#"{{"command":"{command}",{argument}}}"#);
            let (code, error) = parse(&text).unwrap_err();
            assert!(code == BadRequest && error.starts_with(start), "{text}: {error}");
        }
    }

    #[test]
    fn every_known_command_may_come_alone() {
        for command in KNOWN {
            assert!(parse(&format!(r#"{{"command":"{command}"}}"#)).is_ok());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_is_within_bounds(limit in any::<f64>(), hours in any::<f64>()) {
            let text = serde_json::json!({
                "command": "get_recent_events", "limit": limit, "hours": hours,
            });
            if let Ok(Command::GetRecentEvents { limit, .. }) = parse(&text.to_string()) {
                prop_assert!((1..=MAX_LIMIT).contains(&limit));
            }
            let text = serde_json::json!({ "command": "get_historical_data", "hours": hours });
            if let Ok(Command::GetHistoricalData { hours, .. }) = parse(&text.to_string()) {
                prop_assert!(hours > 0.0 && hours <= MAX_HOURS);
            }
        }
    }
}
