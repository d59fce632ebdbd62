//! Lines to batches, as they come: a batch goes when it is full, or when the input pauses. A thread
//! of its own reads, because standard input cannot be read without blocking; it is never more than
//! two batches ahead, so that memory stays bounded however long the input is.

use std::{
    io::{self, BufRead, BufReader, Read},
    thread,
};

use tokio::sync::mpsc;
use uuid::Uuid;

use super::event::with_id;

/// A batch of this many bytes is full; the router's default takes sixteen times as much.
const FULL_BYTES: usize = 1 << 20;
/// Longest line; what a router takes is less, unless somebody raised it far.
const LONGEST: u64 = 16 << 20;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// An event, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its line in the input, from 1.
    pub line: u64,
    /// What is sent, on one line.
    pub json: Vec<u8>,
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// Longer than any event; the lines after it can be read.
    #[error("line {0} is longer than 16 MiB")]
    TooLong(u64),
    /// The input broke off.
    #[error("line {line}: {error}")]
    Broken {
        /// The line that was to be read.
        line: u64,
        /// The cause.
        error: io::Error,
    },
}

/// Reads `input` on a thread of its own, in batches of at most `most` events.
///
/// # Errors
/// When there cannot be one more thread.
pub fn start(
    input: Box<dyn Read + Send>,
    most: usize,
) -> io::Result<mpsc::Receiver<Result<Vec<Event>, InputError>>> {
    let (batches, received) = mpsc::channel(1);
    // It ends with the process, not before: nothing can wake it from a read.
    thread::Builder::new().name("input".into()).spawn(move || {
        for batch in Batches::new(input, most) {
            if batches.blocking_send(batch).is_err() {
                return;
            }
        }
    })?;
    Ok(received)
}

/// Batches of at most `most` events; blocks for the first line of each.
struct Batches<R> {
    reader: BufReader<R>,
    most: usize,
    /// Lines read.
    line: u64,
    /// Comes after the events before it.
    error: Option<InputError>,
    ended: bool,
}

impl<R: Read> Batches<R> {
    fn new(input: R, most: usize) -> Self {
        let reader = BufReader::with_capacity(FULL_BYTES, input);
        Self { reader, most, line: 0, error: None, ended: false }
    }

    /// The next line without white space around it, empty at a blank one; nothing at the end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, InputError> {
        self.line += 1;
        let mut line = Vec::new();
        let broken = |error| InputError::Broken { line: self.line, error };
        let mut some = self.reader.by_ref().take(LONGEST);
        if some.read_until(b'\n', &mut line).map_err(broken)? == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && some.limit() == 0 {
            self.reader.skip_until(b'\n').map_err(broken)?;
            return Err(InputError::TooLong(self.line));
        }
        let text = if self.line == 1 { line.strip_prefix(BOM) } else { None };
        Ok(Some(text.unwrap_or(&line).trim_ascii().to_vec()))
    }

    /// Whether the next line would have to be waited for.
    fn pauses(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = Result<Vec<Event>, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while self.error.is_none() && !self.ended {
            match self.next_line() {
                Ok(Some(line)) if line.is_empty() => {}
                Ok(Some(line)) => {
                    bytes += line.len();
                    let json = with_id(&line, Uuid::now_v7());
                    batch.push(Event { line: self.line, json });
                }
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = matches!(error, InputError::Broken { .. });
                    self.error = Some(error);
                }
            }
            let full = batch.len() == self.most || bytes >= FULL_BYTES;
            if full || (!batch.is_empty() && self.pauses()) {
                break;
            }
        }
        if batch.is_empty() { self.error.take().map(Err) } else { Some(Ok(batch)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of each batch.
    fn lines(input: impl Read, most: usize) -> Vec<Result<Vec<u64>, String>> {
        let lines = |batch: Vec<Event>| batch.into_iter().map(|event| event.line).collect();
        Batches::new(input, most)
            .map(|batch| batch.map(lines).map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn blank_lines_are_counted_and_not_sent() {
        let input = b"\xEF\xBB\xBF{}\r\n\n  \n{}\n{}\n\n{}";
        assert_eq!(lines(&input[..], 2), [Ok(vec![1, 4]), Ok(vec![5]), Ok(vec![7])]);
        assert!(lines(&b"\n \n"[..], 2).is_empty());
        let first = Batches::new(&input[..], 1).next().unwrap().unwrap();
        assert!(first[0].json.starts_with(b"{\"id\":\""), "{first:?}");
    }

    #[test]
    fn a_batch_goes_when_the_input_pauses() {
        let pieces = (&b"1\n2\n"[..]).chain(&b"\n3"[..]).chain(&b"\n4\n5\n"[..]);
        assert_eq!(lines(pieces, 9), [Ok(vec![1, 2]), Ok(vec![4, 5, 6])]);
    }

    #[test]
    fn a_batch_is_full_by_bytes_too() {
        let long = [vec![b'1'; FULL_BYTES], vec![b'\n']].concat();
        let input = [long.clone(), b"2\n3\n".to_vec(), long].concat();
        assert_eq!(lines(&*input, 9), [Ok(vec![1]), Ok(vec![2, 3]), Ok(vec![4])]);
    }

    #[test]
    fn a_line_without_end_is_named_and_what_follows_is_read() {
        let endless = io::repeat(b'x').take(2 * LONGEST);
        let input = (&b"1\n"[..]).chain(endless).chain(&b"\n3"[..]);
        let said = "line 2 is longer than 16 MiB".to_owned();
        assert_eq!(lines(input, 9), [Ok(vec![1]), Err(said), Ok(vec![3])]);
    }

    #[test]
    fn an_input_that_breaks_off_is_an_error_after_what_came_before() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("it is gone"))
            }
        }
        let input = (&b"1\n2"[..]).chain(Broken);
        assert_eq!(lines(input, 9), [Ok(vec![1]), Err("line 2: it is gone".into())]);
    }
}
