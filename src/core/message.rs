//! Text messages out of WebSocket frames: heads looked at, fragments joined, size and UTF-8
//! checked.

use super::protocol::{CloseReason, ErrorCode};

/// A data frame of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// The first fragment of a text message.
    FirstText(&'a [u8]),
    /// A whole binary message.
    Binary,
    /// The first fragment of a binary message.
    FirstBinary,
    /// A fragment between the first and the last.
    Next(&'a [u8]),
    /// The last fragment.
    Last(&'a [u8]),
}

/// A message that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client is told, and may go on.
    Error(ErrorCode),
    /// The session ends.
    Close(CloseReason),
}

/// A head that no frame may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It announces more bytes than the limit.
    TooLarge,
    /// It is a control frame in fragments, or of so many bytes, of which it may have 125.
    Control(usize),
}

/// Looks at the head of the frame that `bytes` begin with, once it is there: nobody needs to wait
/// for a payload that will not be taken. `limit` is in bytes.
///
/// # Errors
/// When the frame will not be taken.
pub fn announced(bytes: &[u8], limit: usize) -> Result<(), BadHead> {
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
        return Err(BadHead::Control(length));
    }
    if length > limit { Err(BadHead::TooLarge) } else { Ok(()) }
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
    Text(Vec<u8>),
    /// The message is refused when it ends; its fragments are not kept.
    Skipping(ErrorCode),
}

impl Assembler {
    /// Takes a frame; the whole message when this was its last. `limit` is in bytes.
    ///
    /// # Errors
    /// When the message, now complete, is not taken.
    pub fn take(&mut self, piece: Piece<'_>, limit: usize) -> Result<Option<String>, Refused> {
        match piece {
            Piece::Text(bytes) if bytes.len() > limit => Err(Refused::Error(ErrorCode::TooLarge)),
            Piece::Text(bytes) => text(bytes.to_vec()).map(Some),
            Piece::Binary => Err(Refused::Error(ErrorCode::Binary)),
            Piece::FirstText(bytes) => {
                self.state = State::Text(Vec::new());
                self.keep(bytes, limit);
                Ok(None)
            }
            Piece::FirstBinary => {
                self.state = State::Skipping(ErrorCode::Binary);
                Ok(None)
            }
            Piece::Next(bytes) => {
                self.keep(bytes, limit);
                Ok(None)
            }
            Piece::Last(bytes) => {
                self.keep(bytes, limit);
                match std::mem::take(&mut self.state) {
                    State::Text(whole) => text(whole).map(Some),
                    State::Skipping(code) => Err(Refused::Error(code)),
                    State::Between => Ok(None),
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8], limit: usize) {
        if let State::Text(whole) = &mut self.state {
            if whole.len() + bytes.len() > limit {
                self.state = State::Skipping(ErrorCode::TooLarge);
            } else {
                whole.extend_from_slice(bytes);
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Refused> {
    // Which byte is wrong helps nobody: the client's library is at fault, and told so by the code.
    String::from_utf8(bytes).or(Err(Refused::Close(CloseReason::BadUtf8)))
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
            (masked(0x81, &[5]), Err(BadHead::TooLarge)),
            (masked(0x81, &[126, 1]), Ok(())),
            (masked(0x81, &[126, 1, 0]), Err(BadHead::TooLarge)),
            (masked(0x02, &[127, 0, 0, 0, 0, 0, 0, 0]), Ok(())),
            (masked(0x02, &[127, 0, 0, 0, 0, 0, 0, 0, 4]), Ok(())),
            (masked(0x00, &[127, 0xff, 0, 0, 0, 0, 0, 0, 0]), Err(BadHead::TooLarge)),
            (masked(0x89, &[4]), Ok(())),
            (masked(0x09, &[0]), Err(BadHead::Control(0))),
            (masked(0x88, &[126, 0, 126]), Err(BadHead::Control(126))),
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
    fn what_is_not_taken_is_refused_when_it_ends() {
        let mut assembler = Assembler::default();
        let too_large = Err(Refused::Error(ErrorCode::TooLarge));
        assert_eq!(assembler.take(Piece::Text(b"abcde"), LIMIT), too_large);
        assert_eq!(assembler.take(Piece::FirstText(b"abc"), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Next(b"de"), LIMIT), Ok(None));
        assert_eq!(assembler.take(Piece::Last(b"f"), LIMIT), too_large);
        assert_eq!(assembler.take(Piece::FirstBinary, LIMIT), Ok(None));
        let binary = Err(Refused::Error(ErrorCode::Binary));
        assert_eq!(assembler.take(Piece::Last(b"\xff"), LIMIT), binary);
        let bad = Err(Refused::Close(CloseReason::BadUtf8));
        assert_eq!(assembler.take(Piece::Text(b"\xff"), LIMIT), bad);
        assert_eq!(assembler.take(Piece::Text(b"ok"), LIMIT), Ok(Some("ok".into())));
    }
}
