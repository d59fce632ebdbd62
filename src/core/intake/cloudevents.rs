//! CloudEvents 1.0 to drafts, in the JSON format; the binary mode is put into it first.
//!
//! `type`, `source` and `time` are our fields of that meaning, and `data` must be an object. An `id`
//! is unique within its source only, so ours is a UUID (version 5) of both. What else there is goes
//! into the metadata, each attribute as `ce_<name>`, the `id` too. A `traceparent` attribute (the
//! distributed tracing extension) says where the event was made, and counts more than the request's.

use std::collections::HashSet;

use serde_json::value::RawValue;
use uuid::{Uuid, uuid};

use super::{
    Context, Fault, Faults, Rule,
    body::{syntax, utf8},
    event::{
        Fields, TRACEPARENT, duplicate_key, event_members, metadata, read_data, read_timestamp,
        required, short_text, small_enough, string,
    },
};
use crate::core::{
    canonical::{Members, pointer_segment, quote},
    event::{Draft, MAX_EVENT_TYPE, MAX_SOURCE},
    traceparent::Traceparent,
};

/// The namespace of all sources: an event's id is `uuid5(uuid5(NAMESPACE, source), id)`.
pub const NAMESPACE: Uuid = uuid!("59d30ca0-b62e-4e8f-b41c-fd56b8b55005");

/// The members that mean something to the router.
const KNOWN: [&str; 7] = ["specversion", "id", "source", "type", "time", "data", "data_base64"];

/// A context attribute as it comes in binary mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// In lower case, without the header's `ce-`.
    pub name: String,
    /// As it stands in the header, encoded.
    pub value: Vec<u8>,
}

/// The draft of one event; arguments and faults are those of [`super::event::draft`].
pub(super) fn draft(
    json: &str,
    first_line: Option<usize>,
    ctx: &Context<'_>,
) -> Result<Draft, Faults> {
    small_enough(json, ctx)?;
    let mut faults = Faults::default();
    let (known, mut rest) = attributes(json, first_line, &mut faults)?;
    let [version, given_id, source, event_type, time, data, data_base64] = known;
    faults.keep(read_version(version));
    let id = faults.keep(read_id(given_id));
    let source = faults.keep(short_text("/source", source, MAX_SOURCE));
    let event_type = faults.keep(short_text("/type", event_type, MAX_EVENT_TYPE));
    let time = faults.keep(read_timestamp("/time", time));
    let data = faults.keep(match data_base64 {
        None => read_data(data),
        Some(_) => Err(Fault::new(
            "/data_base64",
            Rule::BinaryData,
            "binary data is not taken: send a JSON object as `data`",
        )),
    });
    faults.event_type = event_type.as_deref().map(Box::from);
    let (Some(id), Some(source), Some(event_type), Some(time), Some((data, canonical)), true) =
        (id, source, event_type, time, data, faults.is_empty())
    else {
        return Err(faults);
    };
    let traceparent = traceparent(&rest).or(ctx.traceparent);
    rest.extend(given_id.map(|raw| ("ce_id".into(), raw)));
    let fields = Fields {
        id: Some(Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, source.as_bytes()), id.as_bytes())),
        event_type,
        timestamp: time,
        source,
        category: None,
        data,
        canonical,
        metadata: metadata(rest, traceparent),
    };
    Ok(fields.complete(ctx, &mut Uuid::nil))
}

/// The event in structured mode that these attributes and this data are.
pub(super) fn structured(attributes: &[Attribute], body: &[u8]) -> Result<String, Faults> {
    let mut faults = Faults::default();
    let mut event = String::from("{");
    for attribute in attributes {
        let Some(value) = faults.keep(decoded(attribute)) else { continue };
        quote(&attribute.name, &mut event);
        event.push(':');
        quote(&value, &mut event);
        event.push(',');
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let data = match utf8(body)? {
        text if text.trim_ascii().is_empty() => "null",
        // What is not one JSON value would be more than the data.
        text => serde_json::from_str::<&RawValue>(text)
            .map_err(|error| syntax("/data".to_owned(), &error, Some(1)))?
            .get(),
    };
    event.push_str("\"data\":");
    event.push_str(data);
    event.push('}');
    Ok(event)
}

/// The values of [`KNOWN`], and all other attributes, named as in the metadata. A `null` counts as
/// left out.
fn attributes<'a>(
    json: &'a str,
    first_line: Option<usize>,
    faults: &mut Faults,
) -> Result<([Option<&'a RawValue>; KNOWN.len()], Members<'a>), Fault> {
    let mut known = [None; KNOWN.len()];
    let mut rest = Vec::new();
    let mut seen = HashSet::new();
    for (key, value) in event_members(json, first_line)? {
        if !seen.insert(key.clone()) {
            faults.push(duplicate_key(&key));
            continue;
        }
        let place = KNOWN.iter().position(|name| **name == *key);
        if value.get() == "null" {
            continue;
        }
        if let Some(known) = place.and_then(|place| known.get_mut(place)) {
            *known = Some(value);
        } else if faults.keep(check(&key, value)).is_some() {
            rest.push((format!("ce_{key}").into(), value));
        }
    }
    Ok((known, rest))
}

/// An attribute that is only kept: its name and its type must be what the specification allows.
fn check(name: &str, value: &RawValue) -> Result<(), Fault> {
    let pointer = pointer_segment(name);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        let detail = "names of attributes are lower-case letters and digits: what is the event's \
                      own belongs in `data`";
        return Err(Fault::new(pointer, Rule::UnknownField, detail));
    }
    match value.get() {
        json if json.starts_with('"') => string(&pointer, value).map(drop),
        "true" | "false" => Ok(()),
        json if is_whole(json) => Ok(()),
        _ => {
            let detail = "must be a string, a whole number or a boolean";
            Err(Fault::new(pointer, Rule::WrongType, detail))
        }
    }
}

/// Where the event was made, if it says so in a form that is valid.
fn traceparent(attributes: &Members<'_>) -> Option<Traceparent> {
    let mut values = attributes.iter().filter_map(|(key, value)| {
        (key.strip_prefix("ce_") == Some(TRACEPARENT)).then_some(*value)
    });
    string(TRACEPARENT, values.next()?).ok()?.parse().ok()
}

/// Whether a number is a whole one of 64 bits, however it is written: `1.0` and `1e3` are, too.
fn is_whole(json: &str) -> bool {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if !json.contains(['.', 'e', 'E']) {
        return json.parse::<i64>().is_ok();
    }
    json.parse::<f64>().is_ok_and(|number| number.fract() == 0.0 && (-END..END).contains(&number))
}

fn read_version(raw: Option<&RawValue>) -> Result<(), Fault> {
    const POINTER: &str = "/specversion";
    match &*string(POINTER, required(POINTER, raw)?)? {
        "1.0" => Ok(()),
        _ => Err(Fault::new(POINTER, Rule::UnsupportedVersion, "must be 1.0")),
    }
}

fn read_id(raw: Option<&RawValue>) -> Result<String, Fault> {
    const POINTER: &str = "/id";
    let id = string(POINTER, required(POINTER, raw)?)?;
    if id.is_empty() {
        return Err(Fault::new(POINTER, Rule::Length, "must not be empty"));
    }
    Ok(id.into_owned())
}

/// The value of a header, which may be quoted, and has what is not printable ASCII as `%XX`.
fn decoded(attribute: &Attribute) -> Result<String, Fault> {
    let value = unquoted(&attribute.value);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = &*value;
    while let Some((first, after)) = rest.split_first() {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
        let escaped = match *rest {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).map_err(|_error| {
        let detail = "is not UTF-8: send UTF-8, percent-encoded";
        Fault::new(pointer_segment(&attribute.name), Rule::NotUtf8, detail)
    })
}

/// A quoted string of HTTP as what it means; anything else as it is.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return value.to_vec();
    };
    let mut escaped = false;
    let kept = inner.iter().copied().filter(|byte| {
        escaped = *byte == b'\\' && !escaped;
        !escaped
    });
    kept.collect()
}
