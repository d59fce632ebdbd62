//! The messages of a PostgreSQL server, as they come by: a letter, a length, a body.

use std::sync::Mutex;

use tokio::{io::AsyncReadExt as _, net::TcpStream};

use super::Cut;

/// A statement was done; its tag follows, such as `INSERT 0 3`.
const COMMAND_COMPLETE: u8 = b'C';
const READY_FOR_QUERY: u8 = b'Z';

const HEAD: usize = 5;
/// As much of a body as is looked at.
const TAG: usize = 16;

/// Where in the stream it is. What is no PostgreSQL is followed too, and means nothing.
#[derive(Debug, Default)]
pub(super) struct Messages {
    head: Vec<u8>,
    tag: Vec<u8>,
    /// Bytes of the body that are still to come.
    left: usize,
    /// A cut that waits for the server to be ready, so that what it did is done.
    waits: bool,
}

/// A message that ended.
struct Message<'a> {
    kind: u8,
    tag: &'a [u8],
}

impl Messages {
    /// How many of these bytes are passed on before the wire is cut, if it is.
    pub(super) fn pass(&mut self, bytes: &[u8], cuts: &Mutex<Option<Cut>>) -> Option<usize> {
        let mut started = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let Some(message) = self.take(*byte) else { continue };
            let cut = {
                let mut next = cuts.lock().unwrap();
                let is_cut = is_cut(&mut next, &message);
                is_cut.then(|| next.take()).flatten()
            };
            match cut {
                Some(Cut::AnswerTo(_)) => {
                    // It may be ready already.
                    self.waits = !self.ready_in(&bytes[at + 1..]);
                    return Some(started);
                }
                Some(_) => return Some(at + 1),
                None => started = at + 1,
            }
        }
        None
    }

    /// Reads on, passing nothing on, until what was to be done before a cut is done.
    pub(super) async fn await_ready(mut self, server: &mut TcpStream) {
        let mut bytes = vec![0; 1 << 10];
        while self.waits {
            match server.read(&mut bytes).await {
                Ok(n @ 1..) => self.waits = !self.ready_in(&bytes[..n]),
                _ => return,
            }
        }
    }

    fn ready_in(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| self.take(*byte).is_some_and(|it| it.kind == READY_FOR_QUERY))
    }

    /// Takes one byte; the message that it ends.
    fn take(&mut self, byte: u8) -> Option<Message<'_>> {
        if self.left == 0 {
            if self.head.len() == HEAD {
                self.head.clear();
                self.tag.clear();
            }
            self.head.push(byte);
            let length: [u8; 4] = self.head.get(1..HEAD)?.try_into().unwrap();
            // The length counts itself.
            self.left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        } else {
            self.left -= 1;
            if self.tag.len() < TAG {
                self.tag.push(byte);
            }
        }
        (self.left == 0).then(|| Message { kind: self.head[0], tag: &self.tag })
    }
}

/// Whether this message is the one to cut at.
fn is_cut(next: &mut Option<Cut>, message: &Message<'_>) -> bool {
    match next {
        Some(Cut::AnswerTo(statement)) => {
            message.kind == COMMAND_COMPLETE && message.tag.starts_with(statement.as_bytes())
        }
        Some(Cut::AfterMessages(left)) => {
            *left = left.saturating_sub(1);
            *left == 0
        }
        _ => false,
    }
}
