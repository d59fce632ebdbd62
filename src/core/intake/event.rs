//! One event's JSON to a [`Draft`], field by field, so that all its faults are found.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Utc};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Context, Fault, Faults, Rule, body::syntax};
use crate::core::{
    canonical::{Members, canonical, checksum, compact, members, pointer_segment, quote, text},
    classify::classify,
    event::{Category, Draft, MAX_EVENT_TYPE, MAX_SOURCE},
    flags::{MODE, Mode},
    traceparent::Traceparent,
};

/// The fields that a producer may set.
const FIELDS: [&str; 7] =
    ["id", "event_type", "timestamp", "source", "category", "data", "metadata"];

/// Fields of an event that was read: accepted, and ignored.
const SET_BY_ROUTER: [&str; 4] = ["seq", "epoch", "checksum", "created_at"];

/// Where in a trace an event was made, among its metadata.
pub(super) const TRACEPARENT: &str = "traceparent";

/// The draft of one event, or its faults with pointers into the event; `first_line` is where the
/// event begins in the body (from 1), if that is known.
pub(super) fn draft(
    json: &str,
    first_line: Option<usize>,
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<Draft, Faults> {
    small_enough(json, ctx)?;
    let mut faults = Faults::default();
    let [id, event_type, timestamp, source, category, data, metadata] =
        fields(json, first_line, &mut faults)?;
    let event_type = faults.keep(short_text("/event_type", event_type, MAX_EVENT_TYPE));
    let source = faults.keep(short_text("/source", source, MAX_SOURCE));
    let id = faults.keep(read_id(id));
    let timestamp = faults.keep(read_timestamp("/timestamp", timestamp));
    let category = faults.keep(read_category(category));
    let data = faults.keep(read_data(data));
    let metadata = faults.keep(read_metadata(metadata, ctx));
    faults.event_type = event_type.as_deref().map(Box::from);
    let (
        Some(event_type),
        Some(source),
        Some(id),
        Some(timestamp),
        Some(category),
        Some((data, canonical)),
        Some(metadata),
        true,
    ) = (event_type, source, id, timestamp, category, data, metadata, faults.is_empty())
    else {
        return Err(faults);
    };
    let fields = Fields { id, event_type, timestamp, source, category, data, canonical, metadata };
    Ok(fields.complete(ctx, new_id))
}

/// What an event is made of, read and without a fault.
pub(super) struct Fields<'a> {
    pub(super) id: Option<Uuid>,
    pub(super) event_type: Cow<'a, str>,
    pub(super) timestamp: Option<DateTime<Utc>>,
    pub(super) source: Cow<'a, str>,
    pub(super) category: Option<Category>,
    /// On one line.
    pub(super) data: Cow<'a, str>,
    /// The canonical form of the data.
    pub(super) canonical: String,
    /// From [`metadata`]: the mode is still to come.
    pub(super) metadata: OpenMetadata,
}

impl Fields<'_> {
    /// The draft, with what the producer left out.
    pub(super) fn complete(self, ctx: &Context<'_>, new_id: &mut dyn FnMut() -> Uuid) -> Draft {
        let category = self.category.unwrap_or_else(|| classify(&self.event_type, &self.data));
        let id = self.id.unwrap_or_else(new_id);
        Draft {
            id,
            event_type: self.event_type.into(),
            timestamp: self.timestamp.unwrap_or(ctx.received),
            source: self.source.into(),
            category,
            checksum: checksum(category, &self.canonical, ctx.secret).into(),
            data: self.data.into(),
            metadata: self.metadata.close(ctx.routing.mode_of(category, id)).into(),
        }
    }
}

pub(super) fn small_enough(json: &str, ctx: &Context<'_>) -> Result<(), Fault> {
    let most = ctx.limits.event_bytes;
    if json.len() <= most {
        return Ok(());
    }
    let detail = format!("has {} bytes: at most {most} are allowed", json.len());
    Err(Fault::new("", Rule::EventTooLarge, detail))
}

/// The members of an event's object.
pub(super) fn event_members(json: &str, first_line: Option<usize>) -> Result<Members<'_>, Fault> {
    members(json).map_err(|error| {
        if error.is_data() {
            Fault::new("", Rule::WrongType, "an event must be a JSON object")
        } else {
            syntax(String::new(), &error, first_line)
        }
    })
}

pub(super) fn duplicate_key(key: &str) -> Fault {
    Fault::new(pointer_segment(key), Rule::DuplicateKey, "is given twice")
}

/// The values of [`FIELDS`] as they were written; `null` counts as left out.
fn fields<'a>(
    json: &'a str,
    first_line: Option<usize>,
    faults: &mut Faults,
) -> Result<[Option<&'a RawValue>; FIELDS.len()], Fault> {
    let mut fields = [None; FIELDS.len()];
    for (key, value) in event_members(json, first_line)? {
        let place = FIELDS.iter().position(|field| **field == *key);
        if let Some(field) = place.and_then(|place| fields.get_mut(place)) {
            if field.replace(value).is_some() {
                faults.push(duplicate_key(&key));
            }
        } else if !SET_BY_ROUTER.contains(&&*key) {
            faults.push(unknown_field(&key));
        }
    }
    Ok(fields.map(|field| field.filter(|value| value.get() != "null")))
}

fn unknown_field(key: &str) -> Fault {
    let rest = "what is the event's own belongs in `data`";
    let detail = match nearest(key, &FIELDS) {
        Some(field) => format!("no such field: did you mean `{field}`? {rest}"),
        None => format!("no such field: {rest}"),
    };
    Fault::new(pointer_segment(key), Rule::UnknownField, detail)
}

/// The known name that was probably meant: one that ends in it (`type`), or is spelled alike.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    const LONGEST: usize = 24;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let likeness = |known: &str| match known.strip_suffix(&*name) {
        Some(before) if before.ends_with('_') => 1.0,
        _ => strsim::jaro_winkler(known, &name),
    };
    let scored = known.iter().map(|known| (likeness(known), *known));
    scored
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

pub(super) fn required<'a>(
    pointer: &str,
    raw: Option<&'a RawValue>,
) -> Result<&'a RawValue, Fault> {
    raw.ok_or_else(|| Fault::new(pointer, Rule::Required, "is required"))
}

pub(super) fn string<'a>(pointer: &str, raw: &'a RawValue) -> Result<Cow<'a, str>, Fault> {
    text(raw.get())
        .map_err(|refusal| Fault::refused(pointer, &refusal))?
        .ok_or_else(|| Fault::new(pointer, Rule::WrongType, "must be a string"))
}

pub(super) fn short_text<'a>(
    pointer: &str,
    raw: Option<&'a RawValue>,
    most: usize,
) -> Result<Cow<'a, str>, Fault> {
    let text = string(pointer, required(pointer, raw)?)?;
    match text.chars().count() {
        0 => Err(Fault::new(pointer, Rule::Length, "must not be empty")),
        long if long > most => {
            let detail = format!("has {long} characters: at most {most} are allowed");
            Err(Fault::new(pointer, Rule::Length, detail))
        }
        _ => Ok(text),
    }
}

fn read_id(raw: Option<&RawValue>) -> Result<Option<Uuid>, Fault> {
    const POINTER: &str = "/id";
    let Some(raw) = raw else { return Ok(None) };
    let text = string(POINTER, raw)?;
    // Of the forms that `Uuid` reads, these two: others are written differently in every language.
    let id = Some(text).filter(|text| matches!(text.len(), 32 | 36));
    match id.and_then(|text| Uuid::try_parse(&text).ok()) {
        Some(id) if id.is_nil() => {
            let detail = "the nil UUID would make all events one: send a unique one, or none";
            Err(Fault::new(POINTER, Rule::InvalidId, detail))
        }
        Some(id) => Ok(Some(id)),
        None => {
            let detail = "must be a UUID such as 0190b5c4-6a2e-7cc3-98c4-dc0c0c07398f";
            Err(Fault::new(POINTER, Rule::InvalidId, detail))
        }
    }
}

pub(super) fn read_timestamp(
    pointer: &str,
    raw: Option<&RawValue>,
) -> Result<Option<DateTime<Utc>>, Fault> {
    let Some(raw) = raw else { return Ok(None) };
    let text = string(pointer, raw)?;
    let time = DateTime::parse_from_rfc3339(&text).ok();
    // By way of a count of microseconds: this also puts a leap second where everybody can hold it.
    let utc = time.and_then(|time| DateTime::from_timestamp_micros(time.timestamp_micros()));
    let in_range = utc.filter(|utc| (1..=9999).contains(&utc.year()));
    in_range.map(Some).ok_or_else(|| {
        let detail = "must be an RFC 3339 time with a zone, of the years 0001 to 9999, such as \
                      2025-11-01T12:30:00.25Z";
        Fault::new(pointer, Rule::InvalidTimestamp, detail)
    })
}

fn read_category(raw: Option<&RawValue>) -> Result<Option<Category>, Fault> {
    const POINTER: &str = "/category";
    let Some(raw) = raw else { return Ok(None) };
    let name = string(POINTER, raw)?;
    if let Some(category) = Category::parse(&name) {
        return Ok(Some(category));
    }
    let known = Category::ALL.map(Category::as_str);
    let detail = match nearest(&name, &known) {
        Some(nearest) => format!("no such category: did you mean `{nearest}`?"),
        None => format!("no such category: use {}, or none", known.join(", ")),
    };
    Err(Fault::new(POINTER, Rule::UnknownCategory, detail))
}

/// An object on one line, and its canonical form.
fn object<'a>(pointer: &str, raw: &'a RawValue) -> Result<(Cow<'a, str>, String), Fault> {
    if !raw.get().starts_with('{') {
        return Err(Fault::new(pointer, Rule::WrongType, "must be an object"));
    }
    let canonical = canonical(raw.get()).map_err(|refusal| Fault::refused(pointer, &refusal))?;
    Ok((compact(raw.get()), canonical))
}

pub(super) fn read_data(raw: Option<&RawValue>) -> Result<(Cow<'_, str>, String), Fault> {
    object("/data", required("/data", raw)?)
}

/// The metadata on one line, with what the router adds.
fn read_metadata(raw: Option<&RawValue>, ctx: &Context<'_>) -> Result<OpenMetadata, Fault> {
    const POINTER: &str = "/metadata";
    let Some(raw) = raw else { return Ok(metadata(vec![], ctx.traceparent)) };
    let (compact, _) = object(POINTER, raw)?;
    let members = members(&compact).map_err(|error| syntax(POINTER.to_owned(), &error, None))?;
    Ok(metadata(members, ctx.traceparent))
}

/// Metadata on one line, which is an object but for its last member, the mode, and its last brace.
pub(super) struct OpenMetadata(String);

impl OpenMetadata {
    /// The whole. The mode comes last: who reads it looks there first.
    fn close(self, mode: Mode) -> String {
        let Self(mut out) = self;
        quote(MODE, &mut out);
        out.push(':');
        quote(mode.as_str(), &mut out);
        out.push('}');
        out
    }
}

/// The members but for any mode, which is the router's to say, and a `traceparent` unless they have
/// one.
pub(super) fn metadata(members: Members<'_>, traceparent: Option<Traceparent>) -> OpenMetadata {
    let mut out = String::from("{");
    let given = members.iter().any(|(key, _)| key == TRACEPARENT);
    for (key, value) in members.into_iter().filter(|(key, _)| key != MODE) {
        quote(&key, &mut out);
        out.push(':');
        out.push_str(value.get());
        out.push(',');
    }
    if let Some(traceparent) = traceparent.filter(|_| !given) {
        quote(TRACEPARENT, &mut out);
        out.push(':');
        quote(&traceparent.to_string(), &mut out);
        out.push(',');
    }
    OpenMetadata(out)
}
