//! What a client of the model hears, read from raw bytes as its protocol says. It knows only the
//! protocols, and nothing of the code that writes them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::core::{
    event::{Event, Position, Seq},
    fanout::tests::decode,
    protocol::Form,
};

/// One thing that was heard.
#[derive(Debug)]
pub(super) enum Heard {
    Subscribed {
        at: Position,
        recovered: bool,
    },
    Event {
        seq: Seq,
        text: String,
    },
    Gap {
        from: Seq,
        to: Seq,
        reason: String,
    },
    /// Nothing may follow.
    End,
    Nothing,
}

/// The first whole thing in `bytes`, its id where there are such, and what follows it.
pub(super) fn next(form: Form, bytes: &[u8]) -> Option<(Heard, Option<Position>, &[u8])> {
    if form == Form::Sse {
        let end = bytes.windows(2).position(|two| two == b"\n\n")?;
        let (heard, id) = block(std::str::from_utf8(&bytes[..end]).unwrap());
        return Some((heard, id, &bytes[end + 2..]));
    }
    let (opcode, payload, rest) = decode(bytes)?;
    let heard = match opcode {
        1 if form == Form::Legacy => legacy(std::str::from_utf8(payload).unwrap()),
        1 => frame(std::str::from_utf8(payload).unwrap()),
        8 => {
            assert!(payload.len() >= 2 && std::str::from_utf8(&payload[2..]).is_ok());
            Heard::End
        }
        _ => Heard::Nothing,
    };
    Some((heard, None, rest))
}

/// What an event must look like in a form.
pub(super) fn event_text(form: Form, event: &Event) -> String {
    let text = String::from_utf8(event.json.to_vec()).unwrap();
    if form != Form::Legacy {
        return text;
    }
    let event: Value = serde_json::from_str(&text).unwrap();
    let data = &event["data"];
    format!(
        r#"{{"type":{},"data":{data},"timestamp":{}}}"#,
        event["event_type"], event["timestamp"]
    )
}

fn frame(text: &str) -> Heard {
    if let Some(event) = text.strip_prefix(r#"{"type":"event","event":"#) {
        return event_heard(event.strip_suffix('}').unwrap());
    }
    let frame: Value = serde_json::from_str(text).unwrap();
    match frame["type"].as_str().unwrap() {
        "bye" | "pong" => Heard::Nothing,
        name => named(name, &frame),
    }
}

fn legacy(text: &str) -> Heard {
    let frame: Value = serde_json::from_str(text).unwrap();
    if frame["type"] == "gap" {
        return named("gap", &frame);
    }
    let (seq, _) = frame["timestamp"].as_str().unwrap().split_once('-').unwrap();
    Heard::Event { seq: seq.parse().unwrap(), text: text.into() }
}

/// A block of lines, as `EventSource` takes it.
fn block(text: &str) -> (Heard, Option<Position>) {
    let (mut id, mut name, mut data) = (None, None, None);
    for line in text.split('\n') {
        let (field, value) = line.split_once(": ").unwrap_or((line, ""));
        let place = match field {
            "id" => &mut id,
            "event" => &mut name,
            "data" => &mut data,
            "retry" => {
                assert!(value.parse::<u64>().is_ok(), "{value}");
                continue;
            }
            ":" => continue,
            other => panic!("unexpected {other}"),
        };
        assert_eq!(place.replace(value), None, "each field once");
    }
    let id = id.map(|id| {
        let (epoch, seq) = id.split_once('.').unwrap();
        Position { epoch: epoch.parse().unwrap(), seq: seq.parse().unwrap() }
    });
    let heard = match (name, data) {
        (None, Some(data)) => event_heard(data),
        (None, None) => Heard::Nothing,
        (Some("bye"), Some(data)) => {
            assert_ne!(serde_json::from_str::<Value>(data).unwrap()["reason"], json!(null));
            Heard::End
        }
        (Some(name), data) => named(name, &serde_json::from_str(data.unwrap()).unwrap()),
    };
    if let Heard::Event { seq, .. } = heard {
        assert_eq!(id.map(|id: Position| id.seq), Some(seq), "an event has its place as its id");
    }
    (heard, id)
}

fn event_heard(text: &str) -> Heard {
    let seq = text.split([':', ',']).nth(1).unwrap().parse().unwrap();
    Heard::Event { seq, text: text.into() }
}

fn named(name: &str, data: &Value) -> Heard {
    let number = |name: &str| data[name].as_u64().unwrap();
    match name {
        "subscribed" => {
            let epoch: Uuid = data["epoch"].as_str().unwrap().parse().unwrap();
            let recovered = data["recovered"].as_bool().unwrap();
            Heard::Subscribed { at: Position { epoch, seq: number("seq") }, recovered }
        }
        "gap" => {
            let reason = data["reason"].as_str().unwrap().into();
            Heard::Gap { from: number("from_seq"), to: number("to_seq"), reason }
        }
        other => panic!("unexpected {other}"),
    }
}
