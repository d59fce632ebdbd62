//! The mark that each event of a load test carries, and the scan that finds it again.
//!
//! Reading a frame must cost next to nothing, for every client reads every event: no JSON is
//! parsed. A mark has no character that JSON escapes, and a fixed length.

use super::{Protocol, channel, plan::Plan};
use crate::core::event::Seq;

/// Whose event this is, which one, and when it should have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The load test: others may use the same router.
    pub run: u32,
    /// The publisher, from 0.
    pub publisher: u8,
    /// The publisher's own count, from 0; 48 bits.
    pub number: u64,
    /// Nanoseconds since the load test began.
    pub due_ns: u64,
}

const LENGTH: usize = "~rrrrrrrr.pp.nnnnnnnnnnnn.tttttttttttttttt~".len();

const ID_LENGTH: usize = "rrrrrrrr-00pp-8000-8000-nnnnnnnnnnnn".len();

impl Mark {
    /// Finds this run's mark in a frame.
    #[must_use]
    pub fn find(frame: &str, run: u32) -> Option<Self> {
        let starts = frame.match_indices('~').map(|(at, _)| at);
        starts.filter_map(|at| Self::parse(frame.get(at..at + LENGTH)?)).find(|m| m.run == run)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('~')?.strip_suffix('~')?.split('.');
        let mut part = |digits| parts.next().filter(|part| part.len() == digits);
        Some(Self {
            run: u32::from_str_radix(part(8)?, 16).ok()?,
            publisher: u8::from_str_radix(part(2)?, 16).ok()?,
            number: u64::from_str_radix(part(12)?, 16).ok()?,
            due_ns: u64::from_str_radix(part(16)?, 16).ok()?,
        })
    }

    fn text(self) -> String {
        let Self { run, publisher, number, due_ns } = self;
        format!("~{run:08x}.{publisher:02x}.{number:012x}.{due_ns:016x}~")
    }

    /// The id of this mark's event: the same however often it is sent.
    fn id(self) -> String {
        let Self { run, publisher, number, .. } = self;
        format!("{run:08x}-00{publisher:02x}-8000-8000-{number:012x}")
    }
}

/// The `seq` of an event in the form that the router gives it; `None` means: read it as JSON.
#[must_use]
pub fn seq(event: &str) -> Option<Seq> {
    let (_id, rest) = event.strip_prefix(r#"{"id":""#)?.split_at_checked(ID_LENGTH)?;
    let number = rest.strip_prefix(r#"","seq":"#)?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    number.get(..digits)?.parse().ok()
}

/// The body of a request: the batch that begins with `first`, each event as large as planned.
#[must_use]
pub fn body(plan: &Plan, first: Mark) -> String {
    let events: Vec<_> = (0..plan.batch as u64)
        .map(|index| event(plan.size, Mark { number: first.number + index, ..first }))
        .collect();
    match events.as_slice() {
        broadcasts if plan.protocol == Protocol::Realtime => channel::body(plan.run, broadcasts),
        [single] => single.clone(),
        many => format!("[{}]", many.join(",")),
    }
}

fn event(size: usize, mark: Mark) -> String {
    let (id, text) = (mark.id(), mark.text());
    let mut event = format!(
        r#"{{"id":"{id}","event_type":"bench","source":"signalbox-bench","category":"performance","data":{{"mark":"{text}","pad":""#
    );
    let end = r#""}}"#;
    let pad = size.saturating_sub(event.len() + end.len());
    event.extend(('a'..='z').cycle().take(pad));
    event + end
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MARK: Mark = Mark { run: 7, publisher: 3, number: 77, due_ns: 123_456_789 };

    #[test]
    fn a_mark_is_found_among_others() {
        let other = Mark { run: 8, ..MARK };
        let frame = format!("~ ~~ é~{} {} ~00000007.zz", other.text(), MARK.text());
        assert_eq!(Mark::find(&frame, 7), Some(MARK));
        assert_eq!(Mark::find(&frame, 9), None);
        assert_eq!(Mark::find(&MARK.text().replace('3', "é"), 7), None);
    }

    #[test]
    fn an_event_is_as_large_as_planned_and_its_id_does_not_change() {
        let text = event(300, MARK);
        assert_eq!(text.len(), 300);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json["id"].as_str().unwrap().parse::<Uuid>().is_ok());
        let later = event(300, Mark { due_ns: 5, ..MARK });
        assert_eq!(json["id"], serde_json::from_str::<serde_json::Value>(&later).unwrap()["id"]);
    }

    #[test]
    fn the_seq_is_read_from_the_routers_own_form_alone() {
        let event = |head: &str| format!(r#"{{{head}"data":{{"seq":5}}}}"#);
        let id = MARK.id();
        assert_eq!(seq(&event(&format!(r#""id":"{id}","seq":1234,"#))), Some(1234));
        assert_eq!(seq(&event(&format!(r#""id":"{id}","seq":"x","#))), None);
        assert_eq!(seq(&event(r#""id":"é","seq":1234,"#)), None);
        assert_eq!(seq(r#"{"seq":5}"#), None);
    }
}
