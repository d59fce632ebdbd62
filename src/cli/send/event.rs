//! One event as it is sent: with its id, so that it can be sent again. What is wrong with it is for
//! the router to say; nothing here changes a value.

use chrono::DateTime;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    cli::filter,
    core::{
        canonical::{members, quote},
        event::Category,
    },
};

/// One event, given by options instead of lines.
#[derive(Clone, Debug, clap::Args)]
pub struct EventArgs {
    /// Send one event of this type, instead of lines
    #[arg(long, value_name = "TYPE", requires = "source", conflicts_with = "file")]
    event_type: Option<String>,
    /// Where the event comes from
    #[arg(long, requires = "event_type")]
    source: Option<String>,
    /// The event's data, an object
    #[arg(long, value_name = "JSON", default_value = "{}", requires = "event_type",
        value_parser = object)]
    data: Box<RawValue>,
    /// The event's category; the router classifies it without it
    #[arg(long, requires = "event_type", value_parser = filter::category)]
    category: Option<Category>,
    /// When it happened (RFC 3339); the time of receipt without it
    #[arg(long, value_name = "TIME", requires = "event_type", value_parser = time)]
    timestamp: Option<String>,
    /// The event's id, which makes sending it again harmless; a new one without it
    #[arg(long, value_name = "UUID", requires = "event_type")]
    id: Option<Uuid>,
    /// More about the event, an object
    #[arg(long, value_name = "JSON", requires = "event_type", value_parser = object)]
    metadata: Option<Box<RawValue>>,
}

impl EventArgs {
    /// The event as JSON, with `new_id` unless it was given one; nothing without options.
    #[must_use]
    pub fn to_json(&self, new_id: Uuid) -> Option<String> {
        #[derive(Serialize)]
        struct Sent<'a> {
            id: Uuid,
            event_type: &'a str,
            source: &'a str,
            data: &'a RawValue,
            category: Option<&'a str>,
            timestamp: Option<&'a str>,
            metadata: Option<&'a RawValue>,
        }

        let event = Sent {
            id: self.id.unwrap_or(new_id),
            event_type: self.event_type.as_deref()?,
            source: self.source.as_deref()?,
            data: &self.data,
            category: self.category.map(Category::as_str),
            timestamp: self.timestamp.as_deref(),
            metadata: self.metadata.as_deref(),
        };
        serde_json::to_string(&event).ok()
    }
}

/// A line as it is sent: with `new_id` if it is an event without an id, otherwise as it is.
#[must_use]
pub fn with_id(line: &[u8], new_id: Uuid) -> Vec<u8> {
    let text = std::str::from_utf8(line).ok();
    let Some(members) = text.and_then(|text| members(text).ok()) else { return line.to_vec() };
    if members.iter().any(|(key, value)| key == "id" && value.get() != "null") {
        return line.to_vec();
    }
    let mut event = format!(r#"{{"id":"{new_id}""#);
    for (key, value) in members.into_iter().filter(|(key, _)| key != "id") {
        event.push(',');
        quote(&key, &mut event);
        event.push(':');
        event.push_str(value.get());
    }
    event.push('}');
    event.into_bytes()
}

fn object(text: &str) -> Result<Box<RawValue>, String> {
    members(text).map_err(|error| format!("not a JSON object: {error}"))?;
    RawValue::from_string(text.trim().to_owned()).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<String, String> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("not a time such as 2026-01-01T00:00:00Z: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ID: Uuid = Uuid::from_u128(9);

    #[test]
    fn an_event_without_an_id_gets_one_and_keeps_every_value() {
        let sent = |line: &str| String::from_utf8(with_id(line.as_bytes(), ID)).unwrap();
        let id = r#""id":"00000000-0000-0000-0000-000000000009""#;
        assert_eq!(sent("{}"), format!("{{{id}}}"));
        assert_eq!(
            sent(r#" {"data": {"n": 1.50}, "i\"d": null,"id": null} "#),
            format!(r#"{{{id},"data":{{"n": 1.50}},"i\"d":null}}"#)
        );
    }

    #[test]
    fn a_line_that_has_an_id_or_is_no_event_is_sent_as_it_is() {
        for line in [&b"{\"id\": \"x\"}"[..], b"{\"id\": 7, \"id\": null}", b"[]", b"{\xff}", b"{,"]
        {
            assert_eq!(with_id(line, ID), line);
        }
    }

    #[test]
    fn options_make_an_event_that_the_router_reads() {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            event: EventArgs,
            #[arg(id = "file")]
            _file: Option<String>,
        }
        let event = |options: &[&str]| -> Option<Value> {
            let arguments = ["send"].iter().chain(options);
            let cli = <Cli as clap::Parser>::try_parse_from(arguments).ok()?;
            serde_json::from_str(&cli.event.to_json(ID)?).ok()
        };
        let least = ["--event-type", "error", "--source", "redis"];
        assert_eq!(
            event(&least),
            Some(json!({
                "id": ID, "event_type": "error", "source": "redis", "data": {},
                "category": null, "timestamp": null, "metadata": null,
            }))
        );
        let with = |more: [&'static str; 2]| event(&[&least[..], &more].concat());
        assert_eq!(with(["--data", r#"{"n": 1}"#]).unwrap()["data"], json!({"n": 1}));
        for nonsense in [
            ["--data", "[]"],
            ["--data", "{"],
            ["--category", "none"],
            ["--timestamp", "now"],
            ["--id", "7"],
        ] {
            assert_eq!(with(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(event(&["--event-type", "error"]), None);
        assert_eq!(event(&[]), None);
    }
}
