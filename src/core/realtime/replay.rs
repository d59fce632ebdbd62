//! Events of the journal told as broadcasts of a topic: to a channel that says where it was, until it
//! is where the topic goes on.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    join::Resumed,
    phoenix::{Broadcast, Encoding, UserBroadcast, Vsn},
};
use crate::core::{
    cursor,
    delivery::HEAD_EVENT,
    event::{Event, Position, Seq},
    numbering::Head,
    protocol::{Gap, GapReason},
};

/// What a channel is told of the journal before it hears its topic. Equal ones share their bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Replay {
    /// Of which journal.
    pub epoch: Uuid,
    /// The protocol's version.
    pub vsn: Vsn,
    /// The topic on the wire.
    pub topic: Box<str>,
    /// The last that is told.
    pub through: Seq,
}

impl Replay {
    /// Whether the event is told.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        event.seq <= self.through
    }

    /// Appends the frame of an event, if it is told.
    pub fn write(&self, out: &mut Vec<u8>, event: &Event) -> bool {
        self.wants(event) && broadcast(event).encode(out, self.vsn, &self.topic).is_ok()
    }
}

/// An event as it is broadcast on the realtime path: its type is the name of the broadcast, its
/// payload the event and `prev`, the place of the one before it there.
#[must_use]
pub fn broadcast(event: &Event) -> Broadcast {
    let prev = format!(",\"prev\":{}}}", event.seq.saturating_sub(1));
    let json = event.json.strip_suffix(b"}").unwrap_or(&event.json);
    Broadcast::User(UserBroadcast {
        event: event.event_type.clone(),
        encoding: Encoding::Json,
        payload: Bytes::from([json, prev.as_bytes()].concat()),
        meta: None,
    })
}

/// Where the event of a broadcast stands in the journal, if it is one. A head has a place too, and
/// is none: who has heard the event there must hear the head all the same.
#[must_use]
pub fn position(broadcast: &Broadcast) -> Option<Position> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        event: Cow<'a, str>,
        payload: Position,
    }
    match broadcast {
        Broadcast::User(user) if user.encoding == Encoding::Json && *user.event != *HEAD_EVENT => {
            serde_json::from_slice(&user.payload).ok()
        }
        Broadcast::Whole(whole) => {
            let whole: Whole<'_> = serde_json::from_slice(whole).ok()?;
            (whole.event != HEAD_EVENT).then_some(whole.payload)
        }
        Broadcast::User(_) => None,
    }
}

/// How a channel that says where it was goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// What it is answered.
    pub resumed: Resumed,
    /// The first and the last event of the journal that it is told before it hears its topic.
    pub replay: Option<(Seq, Seq)>,
    /// The place up to which it has heard events then.
    pub after: Position,
}

/// Goes on after `from`, on a topic where the newest event said is the one at `published`, or where
/// that is not known: then all of the journal was.
#[must_use]
pub fn resume(from: Position, published: Option<Position>, head: &Head) -> Resume {
    let epoch = head.epoch;
    let published = published.filter(|it| it.epoch == epoch).map_or(head.head_seq, |it| it.seq);
    let start = cursor::resume(from, head);
    let next = match start.gap {
        None if start.recovered => start.next,
        Some(Gap { reason: GapReason::Retention, .. }) => start.next,
        // The place is none of this journal, so there is nothing to be told after it.
        _ => published + 1,
    };
    let position = |seq| Position { epoch, seq };
    Resume {
        resumed: Resumed { position: position(next - 1), recovered: start.recovered },
        replay: (next <= published).then_some((next, published)),
        after: position(published.max(next - 1)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::core::tail::tests::event;

    #[test]
    fn a_channel_is_told_what_the_topic_has_said_and_not_more() {
        let epoch = Uuid::from_u128(5);
        let other = Uuid::from_u128(6);
        let head = Head { epoch, first_seq: 3, head_seq: 9, last_created_at: DateTime::UNIX_EPOCH };
        let at = |seq| Position { epoch, seq };
        for (from, published, position, recovered, replay, after) in [
            (at(4), Some(at(7)), 4, true, Some((5, 7)), 7),
            (at(7), Some(at(7)), 7, true, None, 7),
            (at(8), Some(at(7)), 8, true, None, 8),
            (at(1), Some(at(7)), 2, false, Some((3, 7)), 7),
            (at(4), None, 4, true, Some((5, 9)), 9),
            (at(10), Some(at(7)), 7, false, None, 7),
            (at(4), Some(Position { epoch: other, seq: 2 }), 4, true, Some((5, 9)), 9),
            (Position { epoch: other, seq: 4 }, Some(at(7)), 7, false, None, 7),
        ] {
            let resumed = Resumed { position: at(position), recovered };
            let expected = Resume { resumed, replay, after: at(after) };
            assert_eq!(resume(from, published, &head), expected, "{from} {published:?}");
        }
    }

    #[test]
    fn a_broadcast_tells_where_its_event_stands() {
        let epoch = Uuid::from_u128(5);
        let json = format!(r#"{{"seq":7,"event_type":"t","epoch":"{epoch}"}}"#);
        let event = Event { json: json.clone().into(), ..event(7, "t") };
        let expected = Some(Position { epoch, seq: 7 });
        assert_eq!(position(&broadcast(&event)), expected);
        let whole = |payload: &str| {
            let text = format!(r#"{{"type":"broadcast","event":"t","payload":{payload}}}"#);
            position(&Broadcast::Whole(text.into()))
        };
        assert_eq!(whole(&json), expected);
        let head = whole(&json).map(|Position { epoch, seq }| {
            let text = format!(
                r#"{{"type":"broadcast","event":"{HEAD_EVENT}","payload":{{"epoch":"{epoch}","seq":{seq}}}}}"#
            );
            position(&Broadcast::Whole(text.into()))
        });
        assert_eq!(head, Some(None), "a head is no event");
        for other in ["7", "{}", "[]", r#"{"seq":7}"#, r#"{"seq":-7,"epoch":"x"}"#] {
            assert_eq!(whole(other), None, "{other}");
        }
    }
}
