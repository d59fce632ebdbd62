//! WebSocket frames as the router sends them (RFC 6455): whole, and never masked.

use super::CloseReason;

/// Kinds of WebSocket frames that the router sends (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Text.
    Text = 1,
    /// Binary.
    Binary = 2,
    /// Close.
    Close = 8,
    /// Ping.
    Ping = 9,
    /// Pong.
    Pong = 10,
}

/// Appends the head of an unmasked, final frame.
#[expect(clippy::cast_possible_truncation, reason = "each arm has checked the length")]
pub fn frame_head(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    out.push(0x80 | opcode as u8);
    match length {
        0..=125 => out.push(length as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends a text frame.
pub fn text_frame(out: &mut Vec<u8>, text: &str) {
    frame_head(out, Opcode::Text, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Appends a control frame; a payload over the 125 bytes that the RFC allows is cut.
pub fn control_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let payload = payload.get(..125).unwrap_or(payload);
    frame_head(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends the close frame of `reason`, if it has one.
pub fn close_frame(out: &mut Vec<u8>, reason: CloseReason) {
    if let Some(code) = reason.code() {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_str().as_bytes());
        control_frame(out, Opcode::Close, &payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_head_that_their_length_needs() {
        for (length, head) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (0xffff, vec![0x81, 126, 0xff, 0xff]),
            (0x1_0000, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            frame_head(&mut out, Opcode::Text, length);
            assert_eq!(out, head);
        }
    }
}
