//! An HTTP answer, read whole: whoever answers, no more of it is taken than a router would say, and
//! nobody is waited for longer than makes sense.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode, header};

/// Most bytes of an answer: a router names a hundred faults, and numbers ten thousand events.
const MAX_BYTES: usize = 16 << 20;
/// The longest time to come back after, whatever is asked for.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// When to come back, if it says so.
    pub after: Option<Duration>,
    /// All of its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// The connection did not give one.
    #[error(transparent)]
    Lost(#[from] reqwest::Error),
    /// It is longer than any of a router.
    #[error("its answer has more than {} MiB", MAX_BYTES >> 20)]
    TooLong,
}

impl Reply {
    /// Reads it to its end.
    ///
    /// # Errors
    /// When there is none, or none that is sensible.
    pub async fn read(mut response: Response) -> Result<Self, NoReply> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(NoReply::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let after = response.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|value| wait(value.to_str().ok()?));
        Ok(Self { status: response.status(), after, body: body.freeze() })
    }
}

/// What a `Retry-After` in seconds asks for, or as much of it as makes sense.
fn wait(text: &str) -> Option<Duration> {
    let seconds = text.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_ever() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("18446744073709551615"), Some(MAX_WAIT));
        for no_seconds in ["", "-1", "1.5", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(wait(no_seconds), None, "{no_seconds}");
        }
    }
}
