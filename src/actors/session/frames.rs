//! What a client's bytes are: WebSocket frames, up to the first that is none.

use std::io;

use actix_http::ws::{Codec, Item};
use actix_web_actors::ws::{self, Frame, ProtocolError};
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::codec::{Decoder, FramedRead};

use crate::core::{
    message::{self, Piece},
    protocol::CloseReason,
};

/// A frame up to this many times the longest message is skipped and answered; a larger one cannot
/// be skipped without reading it, and ends the connection.
const HARD_LIMIT: usize = 4;
/// Bytes that the first read of a client may bring. Most say little, and there are many.
const READ_BUFFER: usize = 256;

/// Decodes the frames of a client. What follows one that is none is read and thrown away: unread, it
/// would make the kernel reset the connection before the client sees why it ends.
pub struct Frames {
    codec: Codec,
    /// Largest frame, in bytes.
    limit: usize,
    broken: bool,
}

impl Frames {
    /// The frames of a client whose messages may have `longest` bytes.
    pub fn read<R: AsyncRead>(input: R, longest: usize) -> FramedRead<R, Self> {
        let limit = longest.saturating_mul(HARD_LIMIT);
        let frames = Self { codec: Codec::new().max_size(limit), limit, broken: false };
        FramedRead::with_capacity(input, frames, READ_BUFFER)
    }
}

impl Decoder for Frames {
    type Item = Result<Frame, CloseReason>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        if self.broken {
            bytes.clear();
            return Ok(None);
        }
        // The codec looks at the length of a frame only when it has all of it.
        let frame = message::announced(bytes, self.limit).and_then(|()| {
            self.codec.decode(bytes).map_err(|error| match error {
                ProtocolError::Overflow => CloseReason::TooLarge,
                _ => CloseReason::ProtocolError,
            })
        });
        self.broken = frame.is_err();
        Ok(frame.transpose())
    }
}

/// The part of a message that a frame is; none of one that is about the connection.
#[must_use]
pub fn piece(frame: &Frame) -> Option<Piece<'_>> {
    match frame {
        Frame::Text(bytes) => Some(Piece::Text(bytes)),
        Frame::Binary(_) => Some(Piece::Binary),
        Frame::Continuation(Item::FirstText(bytes)) => Some(Piece::FirstText(bytes)),
        Frame::Continuation(Item::FirstBinary(_)) => Some(Piece::FirstBinary),
        Frame::Continuation(Item::Continue(bytes)) => Some(Piece::Next(bytes)),
        Frame::Continuation(Item::Last(bytes)) => Some(Piece::Last(bytes)),
        Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) => None,
    }
}

/// Why a session ends whose client has sent a close frame: it is answered with its own code.
#[must_use]
pub fn closed_by_client(reason: Option<ws::CloseReason>) -> CloseReason {
    CloseReason::ClientClosed(reason.map_or(1000, |reason| reason.code.into()))
}
