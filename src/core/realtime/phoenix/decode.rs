//! Frames of clients, decoded. What is malformed is refused with a reason to count it by: the
//! connection stays open, as on the real server.
//!
//! Lenient where it costs nothing: `ref` and `join_ref` may be absent, `null` or numbers, and a
//! version 2 array may be longer than it should be.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{ClientMessage, Encoding, Payload, Ref, UserBroadcast, Vsn};

/// Why a frame of a client is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Malformed {
    /// Text that is no UTF-8.
    #[error("the frame is not UTF-8")]
    NotUtf8,
    /// Text that is no JSON.
    #[error("the frame is not JSON")]
    NotJson,
    /// JSON that is no message of this version.
    #[error("the frame is not a message: send topic, event and payload as `vsn` says")]
    NotMessage,
    /// A binary frame of no kind that clients send.
    #[error("the binary frame is of an unknown kind: send 0 or 3")]
    UnknownKind,
    /// A binary frame that is shorter than its head says.
    #[error("the binary frame is shorter than its lengths say")]
    Truncated,
}

impl Malformed {
    /// The reason as a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::NotMessage => "not_message",
            Self::UnknownKind => "unknown_kind",
            Self::Truncated => "truncated",
        }
    }
}

impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() { Self::NotMessage } else { Self::NotJson }
    }
}

/// Decodes a text frame.
///
/// # Errors
/// When it is no message of that version.
pub fn decode_text(vsn: Vsn, frame: &Bytes) -> Result<ClientMessage, Malformed> {
    let text = std::str::from_utf8(frame).or(Err(Malformed::NotUtf8))?;
    let Fields { join_ref, reference, topic, event, payload } = match vsn {
        Vsn::V1 if text.trim_ascii_start().starts_with('{') => serde_json::from_str(text)?,
        Vsn::V1 => return Err(json(text).err().unwrap_or(Malformed::NotMessage)),
        Vsn::V2 => serde_json::from_str::<Array<'_>>(text)?.0,
    };
    Ok(ClientMessage {
        join_ref: reference_of(join_ref)?,
        reference: reference_of(reference)?,
        topic: topic.into(),
        event: event.into(),
        payload: Payload::Json(frame.slice_ref(payload.get().as_bytes())),
    })
}

/// Decodes a binary frame. Version 1 has none: there it is text by another name.
///
/// # Errors
/// When it is no message of that version.
pub fn decode_binary(vsn: Vsn, frame: &Bytes) -> Result<ClientMessage, Malformed> {
    if vsn == Vsn::V1 {
        return decode_text(vsn, frame);
    }
    match frame.as_ref() {
        [0, rest @ ..] => {
            let (lengths, body) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
            let (texts, data) = cut::<4>(lengths, body)?;
            Ok(message(texts, Payload::Binary(frame.slice_ref(data))))
        }
        [3, rest @ ..] => {
            let (lengths, body) = rest.split_first_chunk().ok_or(Malformed::Truncated)?;
            let (encoding, body) = body.split_first().ok_or(Malformed::Truncated)?;
            let ([join_ref, reference, topic, event, meta], data) = cut::<5>(lengths, body)?;
            let encoding = if *encoding == 0 { Encoding::Binary } else { Encoding::Json };
            if encoding == Encoding::Json {
                json(utf8(data)?)?;
            }
            if !meta.is_empty() {
                json(&meta)?;
            }
            let user = UserBroadcast {
                event: event.into(),
                encoding,
                payload: frame.slice_ref(data),
                meta: (!meta.is_empty()).then(|| Bytes::copy_from_slice(meta.as_bytes())),
            };
            let texts = [join_ref, reference, topic, "broadcast".into()];
            Ok(message(texts, Payload::User(user)))
        }
        [] => Err(Malformed::Truncated),
        [..] => Err(Malformed::UnknownKind),
    }
}

fn message(
    [join_ref, reference, topic, event]: [Cow<'_, str>; 4],
    payload: Payload,
) -> ClientMessage {
    ClientMessage {
        join_ref: Ref::from_text(&join_ref),
        reference: Ref::from_text(&reference),
        topic: topic.into(),
        event: event.into(),
        payload,
    }
}

/// Cuts the texts of those lengths off the body; the rest is the data.
pub(super) fn cut<'a, const N: usize>(
    lengths: &[u8; N],
    mut body: &'a [u8],
) -> Result<([Cow<'a, str>; N], &'a [u8]), Malformed> {
    let mut texts = [const { Cow::Borrowed("") }; N];
    for (text, length) in texts.iter_mut().zip(lengths) {
        let (bytes, rest) =
            body.split_at_checked(usize::from(*length)).ok_or(Malformed::Truncated)?;
        *text = head_text(bytes);
        body = rest;
    }
    Ok((texts, body))
}

/// A text of a binary head. The JavaScript client writes one byte for each character, so what is not
/// UTF-8 is Latin-1.
fn head_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().copied().map(char::from).collect(), Cow::Borrowed)
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).or(Err(Malformed::NotUtf8))
}

/// Whether the text is JSON: what is not would break the frames it is spliced into.
fn json(text: &str) -> Result<(), Malformed> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(Malformed::from)
}

fn reference_of(raw: Option<&RawValue>) -> Result<Option<Ref>, Malformed> {
    raw.map(|raw| Ref::from_json(raw.get()).ok_or(Malformed::NotMessage)).transpose()
}

/// The parts of a text message, which are also the members of a version 1 object.
#[derive(Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow, default)]
    pub(super) join_ref: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "ref")]
    pub(super) reference: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) topic: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) payload: &'a RawValue,
}

/// A version 2 array: the parts in their order, then anything.
pub(super) struct Array<'a>(pub(super) Fields<'a>);

impl<'de> Deserialize<'de> for Array<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(ArrayVisitor)
    }
}

struct ArrayVisitor;

impl<'de> Visitor<'de> for ArrayVisitor {
    type Value = Array<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[join_ref, ref, topic, event, payload]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let fields = Fields {
            join_ref: next(&mut seq)?,
            reference: next(&mut seq)?,
            topic: next::<_, Text<'de>>(&mut seq)?.0,
            event: next::<_, Text<'de>>(&mut seq)?.0,
            payload: next(&mut seq)?,
        };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Array(fields))
    }
}

fn next<'de, A: SeqAccess<'de>, T: Deserialize<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(missing)
}

fn missing<E: Error>() -> E {
    E::custom("the array is too short")
}

/// A string that borrows when nothing in it is escaped, which `Cow` by itself does not.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
