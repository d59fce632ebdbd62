use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

fn reference(json: &str) -> Option<Ref> {
    Ref::from_json(json)
}

fn text(vsn: Vsn, frame: &str) -> Result<ClientMessage, Malformed> {
    decode_text(vsn, &Bytes::copy_from_slice(frame.as_bytes()))
}

fn binary(frame: &[u8]) -> Result<ClientMessage, Malformed> {
    decode_binary(Vsn::V2, &Bytes::copy_from_slice(frame))
}

fn message(
    join_ref: &str,
    reference_: &str,
    topic: &str,
    event: &str,
    json: &str,
) -> ClientMessage {
    ClientMessage {
        join_ref: reference(join_ref),
        reference: reference(reference_),
        topic: topic.into(),
        event: event.into(),
        payload: Payload::Json(json.to_owned().into()),
    }
}

/// The opcode and the payload of the only frame in `bytes`.
pub(in crate::core::realtime) fn unframed(bytes: &[u8]) -> (u8, &[u8]) {
    let (length, at) = match bytes[1] {
        127 => (usize::try_from(u64::from_be_bytes(bytes[2..10].try_into().unwrap())).unwrap(), 10),
        126 => (u16::from_be_bytes([bytes[2], bytes[3]]).into(), 4),
        length => (length.into(), 2),
    };
    assert_eq!(bytes.len(), at + length, "the head announces the frame");
    (bytes[0] & 0x0f, &bytes[at..])
}

fn frame(message: &ServerMessage, vsn: Vsn) -> String {
    let mut out = Vec::new();
    message.encode(&mut out, vsn);
    let (opcode, text) = unframed(&out);
    assert_eq!(opcode, 1);
    String::from_utf8(text.to_vec()).unwrap()
}

/// What a client makes of a broadcast's frame: topic, event, payload and meta.
fn heard(frame: &[u8], vsn: Vsn) -> (String, String, Value, Value) {
    let (opcode, body) = unframed(frame);
    if opcode == 2 {
        let [4, topic, event, meta, encoding, rest @ ..] = body else { panic!("not kind 4") };
        let (topic, rest) = rest.split_at(usize::from(*topic));
        let (event, rest) = rest.split_at(usize::from(*event));
        let (meta, payload) = rest.split_at(usize::from(*meta));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let payload = match encoding {
            1 => serde_json::from_slice(payload).unwrap(),
            _ => json!(payload),
        };
        let meta = serde_json::from_slice(meta).unwrap_or_default();
        return (text(topic), text(event), payload, meta);
    }
    let value: Value = serde_json::from_slice(body).unwrap();
    let (topic, event, payload) = match vsn {
        Vsn::V1 => (&value["topic"], &value["event"], &value["payload"]),
        Vsn::V2 => (&value[2], &value[3], &value[4]),
    };
    assert_eq!(event, "broadcast");
    assert_eq!(payload["type"], "broadcast");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(topic), text(&payload["event"]), payload["payload"].clone(), payload["meta"].clone())
}

#[test]
fn versions_are_known_by_name_and_the_first_is_meant_without_one() {
    for (name, vsn) in [
        (None, Some(Vsn::V1)),
        (Some("1.0.0"), Some(Vsn::V1)),
        (Some("2.0.0"), Some(Vsn::V2)),
        (Some("3.0.0"), None),
        (Some(""), None),
    ] {
        assert_eq!(Vsn::parse(name), vsn);
    }
}

#[test]
fn text_messages_are_read_as_leniently_as_the_real_server_does() {
    for (vsn, frame, expected) in [
        (
            Vsn::V2,
            r#" ["1", "2", "realtime:a", "e", {"x": 1.50} ]"#,
            message(r#""1""#, r#""2""#, "realtime:a", "e", r#"{"x": 1.50}"#),
        ),
        (
            Vsn::V2,
            r#"[null,"26","phoenix","heartbeat",{}]"#,
            message("", r#""26""#, "phoenix", "heartbeat", "{}"),
        ),
        (Vsn::V2, r#"[1,2,"t","e",null,"more",[]]"#, message("1", "2", "t", "e", "null")),
        (
            Vsn::V1,
            r#"{"topic":"realtime:\u0061","event":"e","payload":[],"ref":"2","join_ref":"1"}"#,
            message(r#""1""#, r#""2""#, "realtime:a", "e", "[]"),
        ),
        (
            Vsn::V1,
            r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":null}"#,
            message("", "", "phoenix", "heartbeat", "{}"),
        ),
        (
            Vsn::V1,
            r#"{"other":1,"topic":"t","event":"e","payload":"p"}"#,
            message("", "", "t", "e", r#""p""#),
        ),
    ] {
        assert_eq!(text(vsn, frame), Ok(expected), "{frame}");
    }
}

#[test]
fn malformed_frames_are_told_apart() {
    for (vsn, frame, expected) in [
        (Vsn::V1, "", Malformed::NotJson),
        (Vsn::V1, "{", Malformed::NotJson),
        (Vsn::V1, r#"["t","e",{},"1","1"]"#, Malformed::NotMessage),
        (Vsn::V1, r#"{"topic":"t","event":"e"}"#, Malformed::NotMessage),
        (Vsn::V1, r#"{"topic":1,"event":"e","payload":{}}"#, Malformed::NotMessage),
        (Vsn::V2, "nope", Malformed::NotJson),
        (Vsn::V2, r#"{"topic":"t","event":"e","payload":{}}"#, Malformed::NotMessage),
        (Vsn::V2, r#"["1","2","t","e"]"#, Malformed::NotMessage),
        (Vsn::V2, r#"[{},"2","t","e",{}]"#, Malformed::NotMessage),
        (Vsn::V2, r#"["1","2","t","e",{}"#, Malformed::NotJson),
    ] {
        assert_eq!(text(vsn, frame), Err(expected), "{frame}");
    }
    assert_eq!(decode_text(Vsn::V2, &Bytes::from_static(b"\xff")), Err(Malformed::NotUtf8));
    for (frame, expected) in [
        (&b""[..], Malformed::Truncated),
        (b"\x01\x01\x01\x01\x01", Malformed::UnknownKind),
        (b"\x03", Malformed::Truncated),
        (b"\x03\0\0\0\0\0", Malformed::Truncated),
        (b"\x03\0\0\x05\0\0\x01topi", Malformed::Truncated),
        (b"\x03\0\0\x01\0\0\x01\xff1", Malformed::NotUtf8),
        (b"\x03\0\0\x01\0\0\x01t{", Malformed::NotJson),
        (b"\x03\0\0\x01\0\x01\x01t{1", Malformed::NotJson),
        (b"\0\x01\x01\x01\x01abc", Malformed::Truncated),
    ] {
        assert_eq!(binary(frame), Err(expected), "{frame:?}");
    }
}

#[test]
fn a_broadcast_of_the_javascript_client_is_taken_apart() {
    let frame =
        b"\x03\x02\x02\x0b\x03\0\x0118".iter().chain(b"19realtime:bcevt{\"x\":\"\xc3\xa9\"}");
    let user = UserBroadcast {
        event: "evt".into(),
        encoding: Encoding::Json,
        payload: "{\"x\":\"\u{e9}\"}".into(),
        meta: None,
    };
    let expected = ClientMessage {
        payload: Payload::User(user),
        ..message(r#""18""#, r#""19""#, "realtime:bc", "broadcast", "")
    };
    assert_eq!(binary(&frame.copied().collect::<Vec<_>>()), Ok(expected));
}

#[test]
fn other_binary_pushes_are_read_and_version_1_takes_text_by_either_name() {
    let expected = ClientMessage {
        payload: Payload::Binary(Bytes::from_static(b"\xff\0")),
        ..message(r#""1""#, r#""2""#, "t", "ev", "")
    };
    assert_eq!(binary(b"\0\x01\x01\x01\x0212tev\xff\0"), Ok(expected));
    let frame = Bytes::from_static(br#"{"topic":"t","event":"e","payload":{}}"#);
    assert_eq!(decode_binary(Vsn::V1, &frame), Ok(message("", "", "t", "e", "{}")));
}

#[test]
fn server_messages_have_exactly_the_members_that_strict_clients_want() {
    let to = message("7", r#""8""#, "realtime:\"a", "phx_join", "{}");
    let join_ref = || reference(r#""1""#);
    for (message, v1, v2) in [
        (
            ServerMessage::ok(&to, r#"{"postgres_changes":[]}"#),
            r#"{"topic":"realtime:\"a","event":"phx_reply","payload":{"status":"ok","response":{"postgres_changes":[]}},"ref":"8"}"#,
            r#"[7,"8","realtime:\"a","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"#,
        ),
        (
            ServerMessage::refusal(&to, "unmatched topic"),
            r#"{"topic":"realtime:\"a","event":"phx_reply","payload":{"status":"error","response":{"reason":"unmatched topic"}},"ref":"8"}"#,
            r#"[7,"8","realtime:\"a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
        ),
        (
            ServerMessage::ok(&message("", "", PHOENIX, "heartbeat", "{}"), "{}"),
            r#"{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":null}"#,
            r#"[null,null,"phoenix","phx_reply",{"status":"ok","response":{}}]"#,
        ),
        (
            ServerMessage::close("realtime:a", join_ref()),
            r#"{"topic":"realtime:a","event":"phx_close","payload":{},"ref":"1"}"#,
            r#"["1","1","realtime:a","phx_close",{}]"#,
        ),
        (
            ServerMessage::crash("realtime:a", join_ref()),
            r#"{"topic":"realtime:a","event":"phx_error","payload":{},"ref":"1"}"#,
            r#"["1","1","realtime:a","phx_error",{}]"#,
        ),
        (
            ServerMessage::presence_state("realtime:a", join_ref(), "{}".into()),
            r#"{"topic":"realtime:a","event":"presence_state","payload":{},"ref":null}"#,
            r#"["1",null,"realtime:a","presence_state",{}]"#,
        ),
        (
            ServerMessage::system(
                "realtime:a",
                join_ref(),
                "postgres_changes",
                Ok("Subscribed to PostgreSQL"),
            ),
            r#"{"topic":"realtime:a","event":"system","payload":{"channel":"a","extension":"postgres_changes","message":"Subscribed to PostgreSQL","status":"ok"},"ref":null}"#,
            r#"["1",null,"realtime:a","system",{"channel":"a","extension":"postgres_changes","message":"Subscribed to PostgreSQL","status":"ok"}]"#,
        ),
    ] {
        assert_eq!(frame(&message, Vsn::V1), v1);
        assert_eq!(frame(&message, Vsn::V2), v2);
    }
}

#[test]
fn raw_bytes_reach_only_those_who_can_hold_them() {
    let user = |event: &str, encoding| UserBroadcast {
        event: event.into(),
        encoding,
        payload: Bytes::from_static(b"1"),
        meta: None,
    };
    let long = "e".repeat(256);
    let binary = Broadcast::User(user("e", Encoding::Binary));
    let mut out = Vec::new();
    assert_eq!(binary.encode(&mut out, Vsn::V1, "t"), Err(Unsendable::BinaryToV1));
    let too_long = Broadcast::User(user(&long, Encoding::Binary));
    assert_eq!(too_long.encode(&mut out, Vsn::V2, "t"), Err(Unsendable::TooLong));
    assert!(out.is_empty());
    assert_eq!(binary.encode(&mut out, Vsn::V2, "t"), Ok(()));
    assert_eq!(unframed(&out), (2, &b"\x04\x01\x01\0\0te1"[..]));
    out.clear();
    let json = Broadcast::User(user(&long, Encoding::Json));
    assert_eq!(json.encode(&mut out, Vsn::V2, "t"), Ok(()), "as text");
    assert_eq!(heard(&out, Vsn::V2), ("t".into(), long, json!(1), Value::Null));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((".{0,4}", inner), 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_break_the_decoder(bytes in vec(any::<u8>(), 0..64), kind in 0u8..5) {
        for bytes in [bytes.clone(), [vec![kind], bytes].concat()] {
            let bytes = Bytes::from(bytes);
            for vsn in [Vsn::V1, Vsn::V2] {
                drop(decode_text(vsn, &bytes));
                drop(decode_binary(vsn, &bytes));
            }
        }
    }

    #[test]
    fn both_versions_say_the_same(
        join_ref in proptest::option::of(0..9u8), topic in ".{0,20}", event in ".{0,20}",
        payload in any_json(),
    ) {
        let v1 = json!({
            "topic": topic, "event": event, "payload": payload, "ref": "2", "join_ref": join_ref,
        });
        let v2 = json!([join_ref, "2", topic, event, payload]);
        let read = text(Vsn::V1, &v1.to_string()).unwrap();
        prop_assert_eq!(&read, &text(Vsn::V2, &v2.to_string()).unwrap());
        prop_assert_eq!(read.payload, Payload::Json(payload.to_string().into()));
    }

    #[test]
    fn a_broadcast_is_relayed_alike_whatever_the_versions(
        topic in ".{1,80}", event in ".{0,80}", payload in any_json(),
        meta in proptest::option::of("[a-z]{0,300}"),
    ) {
        let meta = meta.map(|id| json!({ "id": id }));
        let mut whole = json!({ "type": "broadcast", "event": event, "payload": payload });
        if let Some(meta) = &meta {
            whole["meta"] = meta.clone();
        }
        let user = UserBroadcast {
            event: event.as_str().into(),
            encoding: Encoding::Json,
            payload: payload.to_string().into(),
            meta: meta.as_ref().map(|meta| meta.to_string().into()),
        };
        let expected = (topic.clone(), event, payload, meta.unwrap_or_default());
        for broadcast in [Broadcast::Whole(whole.to_string().into()), Broadcast::User(user)] {
            for vsn in [Vsn::V1, Vsn::V2] {
                let mut out = Vec::new();
                prop_assert_eq!(broadcast.encode(&mut out, vsn, &topic), Ok(()));
                prop_assert_eq!(&heard(&out, vsn), &expected);
            }
        }
    }

    #[test]
    fn what_a_binary_frame_holds_comes_out_again(
        topic in "[^\0]{1,60}", event in ".{0,60}", payload in vec(any::<u8>(), 0..40),
    ) {
        let lengths = [0, 3, topic.len(), event.len(), 0].map(|n| u8::try_from(n).unwrap());
        let names = [b"ref", topic.as_bytes(), event.as_bytes()].concat();
        let frame = [&[3u8], &lengths[..], &[0], &names, &payload].concat();
        let read = binary(&frame).unwrap();
        prop_assert_eq!(&*read.topic, &topic);
        let Payload::User(user) = read.payload else { panic!("a user broadcast") };
        let mut out = Vec::new();
        Broadcast::User(user).encode(&mut out, Vsn::V2, &topic).unwrap();
        prop_assert_eq!(heard(&out, Vsn::V2), (topic, event.clone(), json!(payload), Value::Null));
    }
}
