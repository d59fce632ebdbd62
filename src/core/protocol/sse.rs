//! Server-sent events as bytes (WHATWG HTML §9.2): what `EventSource` reads.
//!
//! Whatever moves a client's place carries it as `id`, which `EventSource` gives back when it
//! reconnects. Events have no `event` field, so that `onmessage` gets them. JSON here never has a
//! line break, so one `data` field holds it.

use std::io::Write;

use serde_json::json;
use uuid::Uuid;

use super::{CloseReason, Gap, ServerFrame};
use crate::core::event::{Event, Position};

/// The part of an event's bytes that is the same for all of a journal.
#[derive(Clone, Debug)]
pub struct Head(Vec<u8>);

impl Head {
    /// For events of `epoch`.
    #[must_use]
    pub fn new(epoch: Uuid) -> Self {
        Self(format!("id: {epoch}.").into_bytes())
    }
}

/// Appends an event.
pub fn event(out: &mut Vec<u8>, Head(head): &Head, event: &Event) {
    out.reserve(head.len() + event.json.len() + 32);
    out.extend_from_slice(head);
    line(out, format_args!("{}", event.seq));
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&event.json);
    out.extend_from_slice(b"\n\n");
}

/// Appends a frame: those that have a meaning without a client that speaks.
pub(super) fn frame(out: &mut Vec<u8>, frame: &ServerFrame) {
    match frame {
        ServerFrame::Subscribed { position, recovered, gap } => {
            let Position { epoch, seq } = position;
            let data = json!({ "epoch": epoch, "seq": seq, "recovered": recovered });
            // A client that does not come to hear of the gap must come back to before it.
            named(out, "subscribed", gap.is_none().then_some(position), &data);
            if let Some(missing) = gap {
                self::gap(out, missing, position);
            }
        }
        ServerFrame::Gap { gap: missing, position } => gap(out, missing, position),
        ServerFrame::Welcome { .. }
        | ServerFrame::Error { .. }
        | ServerFrame::Pong
        | ServerFrame::Switch(_) => {}
    }
}

/// Appends a comment.
pub(super) fn heartbeat(out: &mut Vec<u8>) {
    out.extend_from_slice(b":\n\n");
}

/// Appends `bye`; `retry` is what makes `EventSource` wait for so long.
pub(super) fn end(out: &mut Vec<u8>, reason: CloseReason, reconnect_after_ms: Option<u64>) {
    if let Some(after) = reconnect_after_ms {
        line(out, format_args!("retry: {after}"));
    }
    let data = json!({ "reason": reason.as_str(), "reconnect_after_ms": reconnect_after_ms });
    named(out, "bye", None, &data);
}

fn gap(out: &mut Vec<u8>, gap: &Gap, position: &Position) {
    let Gap { from_seq, to_seq, reason } = gap;
    let data = json!({ "from_seq": from_seq, "to_seq": to_seq, "reason": reason.as_str() });
    named(out, "gap", Some(position), &data);
}

fn named(out: &mut Vec<u8>, name: &str, id: Option<&Position>, data: &serde_json::Value) {
    if let Some(position) = id {
        line(out, format_args!("id: {position}"));
    }
    line(out, format_args!("event: {name}"));
    line(out, format_args!("data: {data}\n"));
}

fn line(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    writeln!(out, "{text}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{protocol::GapReason, tail::tests};

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    const AT: Position = Position { epoch: Uuid::nil(), seq: 7 };
    const ID: &str = "id: 00000000-0000-0000-0000-000000000000.7\n";

    #[test]
    fn an_event_is_unnamed_and_has_its_place_as_its_id() {
        let head = Head::new(Uuid::nil());
        let said = text(|out| event(out, &head, &tests::event(7, "t")));
        assert_eq!(said, format!("{ID}data: 7\n\n"));
    }

    #[test]
    fn only_what_is_whole_moves_the_place() {
        let subscribed = |gap: Option<Gap>| {
            let frame = ServerFrame::Subscribed { position: AT, recovered: gap.is_none(), gap };
            text(|out| super::frame(out, &frame))
        };
        let whole = subscribed(None);
        assert!(whole.starts_with(&format!("{ID}event: subscribed\ndata: {{")), "{whole}");
        let holed = subscribed(Some(Gap { from_seq: 3, to_seq: 7, reason: GapReason::Retention }));
        assert!(holed.starts_with("event: subscribed\ndata: {"), "{holed}");
        let gap = format!(
            "}}\n\n{ID}event: gap\ndata: {{\"from_seq\":3,\"reason\":\"retention\",\"to_seq\":7}}\n\n"
        );
        assert!(holed.ends_with(&gap), "{holed}");
    }

    #[test]
    fn the_end_says_when_to_come_back_if_at_all() {
        let bye = text(|out| end(out, CloseReason::ShuttingDown, Some(250)));
        assert!(bye.starts_with("retry: 250\nevent: bye\ndata: {"), "{bye}");
        let bye = text(|out| end(out, CloseReason::Closed, None));
        assert!(bye.starts_with("event: bye\ndata: {"), "{bye}");
    }
}
