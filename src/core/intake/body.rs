//! A body to the events in it: one object, an array, or lines. Knows nothing about fields.

use std::{fmt, str::Utf8Error};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Batch, Context, Fault, Faults, Rule, event::draft};
use crate::core::event::Draft;

/// Whether a body is one event or a list of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    One,
    List,
    Either,
}

/// Reads the one event or each of the list with `read`, which is told where it begins.
pub(super) fn json(
    body: &[u8],
    shape: Shape,
    most: usize,
    mut read: impl FnMut(&str, Option<usize>) -> Result<Draft, Faults>,
) -> Result<Batch, Faults> {
    let text = utf8(body)?;
    match (text.trim_ascii_start().bytes().next(), shape) {
        (None, _) => Err(empty().into()),
        (Some(b'['), Shape::List | Shape::Either) => {
            let elements = Elements::read(text, most)?;
            let events = elements.into_iter().enumerate().map(|(index, element)| {
                read(element.get(), None).map_err(|faults| faults.at(index))
            });
            Ok(Batch { events: events.collect(), many: true })
        }
        (_, Shape::List) => {
            Err(Fault::new("", Rule::WrongType, "a batch must be a JSON array of events").into())
        }
        _ => Ok(Batch { events: vec![read(text, Some(1))], many: false }),
    }
}

/// The text of a body, without the byte order mark.
pub(super) fn utf8(body: &[u8]) -> Result<&str, Fault> {
    let (start, body) = past_bom(body);
    std::str::from_utf8(body).map_err(|error| not_utf8(error, start))
}

pub(super) fn ndjson(
    body: &[u8],
    ctx: &Context<'_>,
    new_id: &mut dyn FnMut(usize) -> Uuid,
) -> Result<Batch, Faults> {
    let mut events = Vec::new();
    let (mut next, body) = past_bom(body);
    for (number, line) in (1..).zip(body.split(|byte| *byte == b'\n')) {
        let start = next;
        next += line.len() + 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let index = events.len();
        // One more than allowed is enough to know.
        if index == ctx.limits.batch_events {
            return Err(too_many(ctx.limits.batch_events).into());
        }
        let event = match std::str::from_utf8(line) {
            Ok(line) => draft(line, Some(number), ctx, &mut || new_id(index)),
            Err(error) => Err(not_utf8(error, start).into()),
        };
        events.push(event.map_err(|faults| faults.at(index)));
    }
    if events.is_empty() { Err(empty().into()) } else { Ok(Batch { events, many: true }) }
}

/// Where and why a text is not JSON; `first_line` is where it begins in the body, if that is known.
pub(super) fn syntax(
    pointer: String,
    error: &serde_json::Error,
    first_line: Option<usize>,
) -> Fault {
    let full = error.to_string();
    let what = match full.rsplit_once(" at line ").map_or(&*full, |(what, _)| what) {
        "trailing characters" => {
            "something follows the event: send many as a list, or as application/x-ndjson"
        }
        what => what,
    };
    let place = first_line.map_or_else(String::new, |first| {
        format!(" at line {}, column {}", first + error.line() - 1, error.column())
    });
    Fault::new(pointer, Rule::Syntax, format!("not valid JSON{place}: {what}"))
}

/// The body without the byte order mark that some editors and shells write, and where it starts.
fn past_bom(body: &[u8]) -> (usize, &[u8]) {
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    body.strip_prefix(BOM).map_or((0, body), |body| (BOM.len(), body))
}

fn not_utf8(error: Utf8Error, start: usize) -> Fault {
    let at = start + error.valid_up_to();
    Fault::new("", Rule::NotUtf8, format!("byte {at} of the body is not UTF-8: send JSON as UTF-8"))
}

fn empty() -> Fault {
    Fault::new(
        "",
        Rule::Empty,
        "there is no event in the body: send one event, or a list of events",
    )
}

fn too_many(most: usize) -> Fault {
    Fault::new("", Rule::TooManyEvents, format!("more than {most} events: send them in parts"))
}

/// Collects an array's elements unparsed, and stops past the limit.
struct Elements<'a> {
    kept: Vec<&'a RawValue>,
    most: usize,
    over: bool,
}

impl<'a> Elements<'a> {
    fn read(array: &'a str, most: usize) -> Result<Vec<&'a RawValue>, Faults> {
        let mut elements = Self { kept: Vec::new(), most, over: false };
        let mut parser = serde_json::Deserializer::from_str(array);
        let read = elements.deserialize(&mut parser).and_then(|()| parser.end());
        if elements.over {
            return Err(too_many(most).into());
        }
        read.map_err(|error| syntax(format!("/{}", elements.kept.len()), &error, Some(1)))?;
        if elements.kept.is_empty() { Err(empty().into()) } else { Ok(elements.kept) }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Elements<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Elements<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while self.kept.len() < self.most {
            let Some(element) = array.next_element()? else { return Ok(()) };
            self.kept.push(element);
        }
        self.over = array.next_element::<IgnoredAny>()?.is_some();
        Ok(())
    }
}
