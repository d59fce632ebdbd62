//! Server-sent events as bytes from a socket: the response's head, its chunks, its blocks.
//!
//! Read by hand, like nothing else that speaks HTTP here: the clock must be read when the bytes
//! come, a slow client must be slow at the socket, and the generator must cost less than the router.

use bytes::{Buf, BytesMut};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::tap::Tap;
use crate::cli::{
    client::{ClientError, Target, answer},
    filter::FilterArgs,
};

/// A head that is longer is none.
const LONGEST_HEAD: usize = 64 << 10;

/// A response that is being read.
pub struct EventStream {
    tap: Tap,
    /// As it came.
    raw: BytesMut,
    /// Without the chunks around it.
    body: BytesMut,
    /// As far as `body` has no end of a block.
    searched: usize,
    chunks: Option<Chunks>,
}

impl EventStream {
    /// Asks for the events of a filter, from now on.
    ///
    /// # Errors
    /// When the router cannot be reached or refuses.
    pub async fn open(
        target: &Target,
        filter: &FilterArgs,
        mut tap: Tap,
    ) -> Result<Self, ClientError> {
        if !target.url.is_plain() {
            let why = "server-sent events are read over plain http:// here";
            return Err(ClientError::Usage(why.into()));
        }
        let request = request(target, filter)?;
        let failed = |e: std::io::Error| target.unreachable(e.to_string());
        tap.write_all(request.as_bytes()).await.map_err(failed)?;
        let mut raw = BytesMut::new();
        let head = loop {
            if let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = raw.split_to(end + 4);
                break String::from_utf8_lossy(&head).to_ascii_lowercase();
            }
            if tap.read_buf(&mut raw).await.map_err(failed)? == 0 || raw.len() > LONGEST_HEAD {
                return Err(target.unreachable("it does not speak HTTP".into()));
            }
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(StatusCode::OK) => {}
            Some(status) if status.is_server_error() => {
                return Err(target.unreachable(answer(status, &raw)));
            }
            Some(status) => return Err(target.refused(answer(status, &raw))),
            None => return Err(target.unreachable("it does not speak HTTP".into())),
        }
        let chunks = head.contains("transfer-encoding: chunked").then(Chunks::default);
        Ok(Self { tap, raw, body: BytesMut::new(), searched: 0, chunks })
    }

    /// The socket.
    pub fn tap(&mut self) -> &mut Tap {
        &mut self.tap
    }

    /// The next block. Nothing is lost when this is given up.
    ///
    /// # Errors
    /// Why there is none: the response has ended.
    pub async fn next(&mut self) -> Result<Utf8Bytes, String> {
        loop {
            if let Some(block) = self.block() {
                return block;
            }
            match &mut self.chunks {
                Some(chunks) => chunks.unpack(&mut self.raw, &mut self.body)?,
                None => self.body.unsplit(self.raw.split()),
            }
            if self.searched + 1 >= self.body.len() {
                match self.tap.read_buf(&mut self.raw).await {
                    Ok(0) => return Err("the response was cut".into()),
                    Ok(_) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    }

    fn block(&mut self) -> Option<Result<Utf8Bytes, String>> {
        let unsearched = self.body.get(self.searched..)?;
        let Some(end) = unsearched.windows(2).position(|two| two == b"\n\n") else {
            self.searched = self.body.len().saturating_sub(1);
            return None;
        };
        let block = self.body.split_to(self.searched + end + 2).freeze();
        self.searched = 0;
        Some(Utf8Bytes::try_from(block).map_err(|_not_utf8| "a block that is not UTF-8".into()))
    }
}

/// The request, as it goes over the wire.
fn request(target: &Target, filter: &FilterArgs) -> Result<String, ClientError> {
    let FilterArgs { event_type, source, category } = filter;
    let mut url = target.url.route("/v1/stream");
    url.query_pairs_mut()
        .extend_pairs(event_type.iter().map(|glob| ("event_type", glob)))
        .extend_pairs(source.iter().map(|glob| ("source", glob)))
        .extend_pairs(category.iter().map(|category| ("category", category.as_str())));
    let (path, query, host) = (url.path(), url.query().unwrap_or_default(), url.authority());
    let authorization = target.authorization()?;
    Ok(format!("GET {path}?{query} HTTP/1.1\r\nHost: {host}\r\n{authorization}\r\n"))
}

/// Where a chunked body stands (RFC 9112 §7.1).
#[derive(Debug, Default)]
struct Chunks {
    /// Bytes of the chunk in hand that are still to come; its line end counts.
    rest: usize,
}

const LINE_END: usize = 2;

impl Chunks {
    /// Moves what is there of the body from `raw` to `body`.
    fn unpack(&mut self, raw: &mut BytesMut, body: &mut BytesMut) -> Result<(), String> {
        loop {
            let data = self.rest.saturating_sub(LINE_END).min(raw.len());
            body.extend_from_slice(&raw.split_to(data));
            self.rest -= data;
            if self.rest > 0 {
                let skipped = if self.rest <= LINE_END { self.rest.min(raw.len()) } else { 0 };
                raw.advance(skipped);
                self.rest -= skipped;
                if self.rest > 0 {
                    return Ok(());
                }
            }
            let Some(end) = raw.windows(LINE_END).position(|two| two == b"\r\n") else {
                return Ok(());
            };
            let line = raw.split_to(end + LINE_END);
            let digits = line
                .as_ref()
                .split(|byte: &u8| !byte.is_ascii_hexdigit())
                .next()
                .unwrap_or_default();
            let size = std::str::from_utf8(digits).ok();
            match size.and_then(|size| usize::from_str_radix(size, 16).ok()) {
                Some(0) => return Err("the response ended".into()),
                Some(size) if size <= usize::MAX - LINE_END => self.rest = size + LINE_END,
                _ => return Err("a chunk without a size".into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_unpacked_wherever_they_are_cut() {
        let sent = b"5\r\nhello\r\n1;x=y\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n";
        for cut in 0..sent.len() {
            let (mut chunks, mut raw, mut body) =
                (Chunks::default(), BytesMut::new(), BytesMut::new());
            let mut ended = false;
            for part in [&sent[..cut], &sent[cut..]] {
                raw.extend_from_slice(part);
                ended = chunks.unpack(&mut raw, &mut body).is_err();
            }
            assert_eq!((&body[..], ended), (&b"hello 0123456789"[..], true), "cut at {cut}");
        }
        let mut nonsense = BytesMut::from(&b"x\r\n"[..]);
        assert!(Chunks::default().unpack(&mut nonsense, &mut BytesMut::new()).is_err());
    }
}
