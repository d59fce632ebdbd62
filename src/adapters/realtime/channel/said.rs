//! What a server of Phoenix channels says, in version 2, as far as it matters to who only speaks.

use crate::core::realtime::phoenix::Heard;

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The answer to what had this reference; why it was refused, if it was.
    Reply(u64, Result<(), String>),
    /// The channel has ended, or is about to; what for.
    End(String),
    /// Whatever others say, or nothing that can be read.
    Other,
}

impl Said {
    /// Reads a text frame. `ours` is our topic, on the wire. What a `system` message says of the
    /// changes of a database, which are not asked for, closes nothing.
    pub(super) fn read(text: &str, ours: &str) -> Self {
        match Heard::text(text) {
            Heard::Reply(reference, outcome) => Self::Reply(reference, outcome),
            Heard::End { topic, reason } if topic == ours => Self::End(reason.to_owned()),
            Heard::System { topic, extension, outcome: Err(message) }
                if topic == ours && extension == "system" =>
            {
                Self::End(message)
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_ends_are_told_from_what_others_say() {
        let read = |text: &str| Said::read(text, "realtime:a");
        let refused = |reason: &str| Said::Reply(7, Err(reason.to_owned()));
        for (text, expected) in [
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"ok","response":{}}]"#,
                Said::Reply(7, Ok(())),
            ),
            (
                r#"[null,"7","phoenix","phx_reply",{"status":"ok","response":{}}]"#,
                Said::Reply(7, Ok(())),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{"reason":"R: é"}}]"#,
                refused("R: é"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{"error":"e"}}]"#,
                refused("e"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":"payload_size_exceeded"}]"#,
                refused("payload_size_exceeded"),
            ),
            (
                r#"["1","7","realtime:a","phx_reply",{"status":"error","response":{}}]"#,
                refused("{}"),
            ),
            (r#"["1","7","realtime:a","phx_reply",{}]"#, refused("null")),
            (
                r#"["1","1","realtime:a","phx_close",{}]"#,
                Said::End("the channel was closed".into()),
            ),
            (
                r#"["1","1","realtime:a","phx_error",{"reason":"channel_crash"}]"#,
                Said::End("the channel crashed".into()),
            ),
            (
                r#"["1",null,"realtime:a","system",{"extension":"system","status":"error","message":"Too many messages per second","channel":"a"}]"#,
                Said::End("Too many messages per second".into()),
            ),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_others_say_and_what_cannot_be_read_is_neither() {
        for other in [
            r#"["1","1","realtime:b","phx_close",{}]"#,
            r#"["1",null,"realtime:a","system",{"extension":"system","status":"ok","message":"x"}]"#,
            r#"["1",null,"realtime:a","system",{"extension":"postgres_changes","status":"error","message":"x"}]"#,
            r#"[null,null,"realtime:a","broadcast",{"event":"phx_close","payload":{}}]"#,
            r#"["1","x","realtime:a","phx_reply",{"status":"ok"}]"#,
            r#"["1",null,"realtime:a","phx_reply",{"status":"ok"}]"#,
            r#"{"event":"phx_close"}"#,
            "",
            "[",
        ] {
            assert_eq!(Said::read(other, "realtime:a"), Said::Other, "{other}");
        }
    }
}
