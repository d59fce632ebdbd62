//! Messages out of WebSocket frames: heads looked at, fragments joined, size and UTF-8
//! checked, frame by frame.

use super::protocol::{CloseReason, ErrorCode};

/// A data frame of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// The first fragment of a text message.
    FirstText(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// The first fragment of a binary message.
    FirstBinary(&'a [u8]),
    /// A fragment between the first and the last.
    Next(&'a [u8]),
    /// The last fragment.
    Last(&'a [u8]),
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Text.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

/// A message that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client is told, and may go on.
    Error(ErrorCode),
    /// The session ends.
    Close(CloseReason),
}

/// Looks at the head of the frame that `bytes` begin with, once it is there: nobody needs to wait
/// for a payload that will not be taken. Of a close frame it reads the reason too. `limit` is in
/// bytes.
///
/// # Errors
/// Why the session ends: the frame will not be taken.
pub fn announced(bytes: &[u8], limit: usize) -> Result<(), CloseReason> {
    let (first, length) = match bytes {
        [first, second, long @ ..] if second & 0x7f == 127 => match long.first_chunk() {
            Some(length) => (first, u64::from_be_bytes(*length)),
            None => return Ok(()),
        },
        [first, second, long @ ..] if second & 0x7f == 126 => match long.first_chunk() {
            Some(length) => (first, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(()),
        },
        [first, second, ..] => (first, u64::from(second & 0x7f)),
        _ => return Ok(()),
    };
    let (is_final, is_control) = (first & 0x80 != 0, first & 0x08 != 0);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if is_control && (length > 125 || !is_final) {
        return Err(CloseReason::ProtocolError);
    }
    if length > limit {
        return Err(CloseReason::TooLarge);
    }
    if has_bad_reason(bytes) { Err(CloseReason::BadUtf8) } else { Ok(()) }
}

/// Whether this begins with a whole close frame of a client, and its reason is not UTF-8: the codec
/// does not tell that from a code that must not be sent.
fn has_bad_reason(bytes: &[u8]) -> bool {
    let [0x88, length @ 0x80..=0xff, a, b, c, d, rest @ ..] = bytes else { return false };
    let Some(payload) = rest.get(..usize::from(length & 0x7f)) else { return false };
    let mask = [a, b, c, d].into_iter().cycle();
    let reason: Vec<u8> =
        payload.iter().zip(mask).skip(2).map(|(byte, mask)| byte ^ mask).collect();
    std::str::from_utf8(&reason).is_err()
}

/// Joins the fragments of one client.
#[derive(Debug, Default)]
pub struct Assembler {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Between,
    Text(Text),
    Binary(Vec<u8>),
    /// The message is refused when it ends; its fragments are not kept.
    Skipping(ErrorCode),
}

/// Text so far, and how much of it is known to be UTF-8: all but what a character begins with.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    valid: usize,
}

impl Text {
    /// Which byte is wrong helps nobody: the client's library is at fault, and told so by the code.
    const BAD: Refused = Refused::Close(CloseReason::BadUtf8);

    /// Each byte is looked at once, however many fragments there are.
    fn push(&mut self, fragment: &[u8]) -> Result<(), Refused> {
        self.bytes.extend_from_slice(fragment);
        let unknown = self.bytes.get(self.valid..).unwrap_or_default();
        self.valid += match std::str::from_utf8(unknown) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(Self::BAD),
        };
        Ok(())
    }

    fn finish(self) -> Result<String, Refused> {
        String::from_utf8(self.bytes).or(Err(Self::BAD))
    }
}

impl Assembler {
    /// Takes a frame where only text is taken; the whole text when this was its last. `limit` is in
    /// bytes.
    ///
    /// # Errors
    /// When the message, now complete, is not taken; or with the first fragment that cannot be UTF-8.
    pub fn take(&mut self, piece: Piece<'_>, limit: usize) -> Result<Option<String>, Refused> {
        const BINARY: ErrorCode = ErrorCode::Binary;
        let whole = match piece {
            Piece::Binary(_) => return Err(Refused::Error(BINARY)),
            Piece::FirstBinary(_) => {
                self.state = State::Skipping(BINARY);
                None
            }
            text => self.take_any(text, limit)?,
        };
        match whole {
            None => Ok(None),
            Some(Whole::Text(text)) => Ok(Some(text)),
            Some(Whole::Binary(_)) => Err(Refused::Error(BINARY)),
        }
    }

    /// Takes a frame; the whole message when this was its last. `limit` is in bytes.
    ///
    /// # Errors
    /// As [`Assembler::take`], but for binary messages.
    pub fn take_any(&mut self, piece: Piece<'_>, limit: usize) -> Result<Option<Whole>, Refused> {
        match piece {
            Piece::Text(bytes) | Piece::Binary(bytes) if bytes.len() > limit => {
                Err(Refused::Error(ErrorCode::TooLarge))
            }
            Piece::Text(bytes) => {
                Text { bytes: bytes.to_vec(), valid: 0 }.finish().map(Whole::Text).map(Some)
            }
            Piece::Binary(bytes) => Ok(Some(Whole::Binary(bytes.to_vec()))),
            Piece::FirstText(bytes) => {
                self.state = State::Text(Text::default());
                self.keep(bytes, limit).map(|()| None)
            }
            Piece::FirstBinary(bytes) => {
                self.state = State::Binary(Vec::new());
                self.keep(bytes, limit).map(|()| None)
            }
            Piece::Next(bytes) => self.keep(bytes, limit).map(|()| None),
            Piece::Last(bytes) => {
                self.keep(bytes, limit)?;
                match std::mem::take(&mut self.state) {
                    State::Text(whole) => whole.finish().map(Whole::Text).map(Some),
                    State::Binary(bytes) => Ok(Some(Whole::Binary(bytes))),
                    State::Skipping(code) => Err(Refused::Error(code)),
                    State::Between => Ok(None),
                }
            }
        }
    }

    fn keep(&mut self, fragment: &[u8], limit: usize) -> Result<(), Refused> {
        let held = match &self.state {
            State::Text(text) => text.bytes.len(),
            State::Binary(bytes) => bytes.len(),
            State::Between | State::Skipping(_) => return Ok(()),
        };
        if held + fragment.len() > limit {
            self.state = State::Skipping(ErrorCode::TooLarge);
            return Ok(());
        }
        match &mut self.state {
            State::Text(text) => text.push(fragment),
            State::Binary(bytes) => {
                bytes.extend_from_slice(fragment);
                Ok(())
            }
            State::Between | State::Skipping(_) => Ok(()),
        }
    }
}

/// Why a session ends after too many errors, the last of which was `code`.
#[must_use]
pub fn gave_up(code: ErrorCode) -> CloseReason {
    match code {
        ErrorCode::Binary => CloseReason::Binary,
        ErrorCode::TooLarge => CloseReason::TooLarge,
        _ => CloseReason::BadRequests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 4;

    #[test]
    fn a_head_is_enough_to_refuse_a_frame() {
        let masked = |first: u8, length: &[u8]| [&[first, 0x80 | length[0]], &length[1..]].concat();
        for (bytes, expected) in [
            (vec![], Ok(())),
            (vec![0x81], Ok(())),
            (masked(0x81, &[4]), Ok(())),
            (masked(0x81, &[5]), Err(CloseReason::TooLarge)),
            (masked(0x81, &[126, 1]), Ok(())),
            (masked(0x81, &[126, 1, 0]), Err(CloseReason::TooLarge)),
            (masked(0x02, &[127, 0, 0, 0, 0, 0, 0, 0]), Ok(())),
            (masked(0x02, &[127, 0, 0, 0, 0, 0, 0, 0, 4]), Ok(())),
            (masked(0x00, &[127, 0xff, 0, 0, 0, 0, 0, 0, 0]), Err(CloseReason::TooLarge)),
            (masked(0x89, &[4]), Ok(())),
            (masked(0x09, &[0]), Err(CloseReason::ProtocolError)),
            (masked(0x88, &[126, 0, 126]), Err(CloseReason::ProtocolError)),
            (vec![0x88, 0x83, 0, 0, 0, 1, 3, 0xe8, 0xc3], Err(CloseReason::BadUtf8)),
            (vec![0x88, 0x83, 0, 0, 0xf0, 1, 3, 0xe8, 0x91], Ok(())),
            (vec![0x88, 0x83, 0, 0, 0, 1, 3, 0xe8], Ok(())),
            (vec![0x88, 0x80, 0, 0, 0, 1], Ok(())),
        ] {
            assert_eq!(announced(&bytes, LIMIT), expected, "{bytes:?}");
        }
    }

    #[test]
    fn fragments_become_one_message() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.take(Piece::Text(b"ab"), LIMIT), Ok(Some("ab".into())));
        // A character may be split between fragments.
        assert_eq!(assembler.take(Piece::FirstText(b"a\xc3"), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Next(b""), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Last(b"\xa9"), LIMIT), Ok(Some("a\u{e9}".into())));
    }

    #[test]
    fn what_cannot_be_utf8_is_refused_before_the_message_ends() {
        let bad = Err(Refused::Close(CloseReason::BadUtf8));
        let take = |pieces: &[Piece<'_>]| {
            let mut assembler = Assembler::default();
            pieces.iter().map(|piece| assembler.take(*piece, LIMIT)).collect::<Vec<_>>()
        };
        assert_eq!(take(&[Piece::FirstText(b"a\xff")]), std::slice::from_ref(&bad));
        let split = [Piece::FirstText(b"\xf4"), Piece::Next(b"\x90")];
        assert_eq!(take(&split), [Ok(None), bad.clone()], "beyond the last character");
        let cut = [Piece::FirstText(b"\xf0\x9f"), Piece::Last(b"\x98")];
        assert_eq!(take(&cut), [Ok(None), bad]);
    }

    #[test]
    fn what_is_not_taken_is_refused_when_it_ends() {
        let mut assembler = Assembler::default();
        let too_large = Err(Refused::Error(ErrorCode::TooLarge));
        assert_eq!(assembler.take(Piece::Text(b"abcde"), LIMIT), too_large);
        assert_eq!(assembler.take(Piece::FirstText(b"abc"), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Next(b"de"), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Last(b"f"), LIMIT), too_large);
        assert_eq!(assembler.take(Piece::FirstBinary(b""), LIMIT), Ok(None));
        let binary = Err(Refused::Error(ErrorCode::Binary));
        assert_eq!(assembler.take(Piece::Last(b"\xff"), LIMIT), binary);
        let bad = Err(Refused::Close(CloseReason::BadUtf8));
        assert_eq!(assembler.take(Piece::Text(b"\xff"), LIMIT), bad);
        assert_eq!(assembler.take(Piece::Text(b"ok"), LIMIT), Ok(Some("ok".into())));
    }
    #[test]
    fn where_bytes_are_taken_they_become_messages_too() {
        let mut assembler = Assembler::default();
        let binary = |bytes: &[u8]| Ok(Some(Whole::Binary(bytes.to_vec())));
        assert_eq!(assembler.take_any(Piece::Binary(b"\xff"), LIMIT), binary(b"\xff"));
        assert_eq!(assembler.take_any(Piece::FirstBinary(b"\xff"), LIMIT), Ok(None));
        assert_eq!(assembler.take_any(Piece::Last(b"a"), LIMIT), binary(b"\xffa"));
        assert_eq!(assembler.take_any(Piece::FirstBinary(b"abc"), LIMIT), Ok(None));
        let too_large = Err(Refused::Error(ErrorCode::TooLarge));
        assert_eq!(assembler.take_any(Piece::Last(b"de"), LIMIT), too_large);
        assert_eq!(assembler.take_any(Piece::Binary(b"abcde"), LIMIT), too_large);
        let text = Ok(Some(Whole::Text("a".into())));
        assert_eq!(assembler.take_any(Piece::Text(b"a"), LIMIT), text);
    }
}
