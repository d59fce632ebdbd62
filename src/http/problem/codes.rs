//! The table of every problem's code: `Name: "code", STATUS, "what to do";` under the sentence that
//! says what it means. What is not in it cannot be answered, and `docs/problems.md` is made of it.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($( #[doc = $meaning:literal] $name:ident: $code:literal, $status:ident, $advice:literal; )+) => {
        /// The stable name of what went wrong. It has one status, and is never renamed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( #[doc = $meaning] $name, )+ }

        impl Code {
            /// All of them, by status.
            pub const ALL: &[Self] = &[$( Self::$name, )+];

            /// The name on the wire and in metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => $code, )+ }
            }

            /// The status it is answered with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $( Self::$name => StatusCode::$status, )+ }
            }

            /// What it means, as a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $( Self::$name => $meaning.trim_ascii(), )+ }
            }

            /// What a client should do, as a sentence.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $( Self::$name => $advice, )+ }
            }
        }
    };
}

codes! {
    /// The body broke off, or its framing is wrong.
    BadBody: "bad_body", BAD_REQUEST, "Send it whole.";
    /// What a breaker is to do is not understood.
    BadBreakerRequest: "bad_breaker_request", BAD_REQUEST, "Send `{\"state\": \"open\"}`, or `closed`, or `auto`.";
    /// The compressed body is cut short, or not of the encoding it claims.
    BadEncoding: "bad_encoding", BAD_REQUEST, "Compress it as `Content-Encoding` says.";
    /// The filter cannot be used.
    BadFilter: "bad_filter", BAD_REQUEST, "Mend what `detail` names.";
    /// What a flag is to be is not understood.
    BadFlagRequest: "bad_flag_request", BAD_REQUEST, "Send `{\"value\": …}`, with `expires_in` and `reason` or without.";
    /// The request is no WebSocket handshake.
    BadHandshake: "bad_handshake", BAD_REQUEST, "Connect with a WebSocket client.";
    /// What came is no HTTP/1.1, or the start of something else.
    BadHttp: "bad_http", BAD_REQUEST, "Use an HTTP client.";
    /// The id in the path is no UUID; that of a dead letter is no number.
    BadId: "bad_id", BAD_REQUEST, "Use an id as the router wrote it.";
    /// The `Idempotency-Key` cannot be one, or stands twice.
    BadIdempotencyKey: "bad_idempotency_key", BAD_REQUEST, "Send one, of 1 to 255 visible characters.";
    /// The body is not JSON.
    BadJson: "bad_json", BAD_REQUEST, "Send JSON.";
    /// A parameter has a value that it cannot have, or stands twice.
    BadParameter: "bad_parameter", BAD_REQUEST, "Mend what `detail` names.";
    /// The query of the URL cannot be read.
    BadQuery: "bad_query", BAD_REQUEST, "Percent-encode names and values.";
    /// A rehearsal that makes no sense.
    BadRehearsal: "bad_rehearsal", BAD_REQUEST, "Mend what `detail` names.";
    /// What the rollout is to do is not understood.
    BadRolloutRequest: "bad_rollout_request", BAD_REQUEST, "Send `{\"action\": \"advance\"}`, or another that `detail` lists.";
    /// The request for a ticket is not understood.
    BadTicketRequest: "bad_ticket_request", BAD_REQUEST, "Send `{\"scopes\": […]}`, or nothing.";
    /// There is no such parameter here.
    UnknownParameter: "unknown_parameter", BAD_REQUEST, "Use those that `detail` lists.";
    /// None of the subprotocols offered is spoken here.
    UnknownSubprotocol: "unknown_subprotocol", BAD_REQUEST, "Offer `signalbox.v1.json`, or none.";
    /// The request shows no credentials, or none that are good.
    Unauthenticated: "unauthenticated", UNAUTHORIZED, "Send `Authorization: Bearer TOKEN`.";
    /// The token does not have the scope that this needs.
    NotAllowed: "not_allowed", FORBIDDEN, "Use a token with the scope of `scope`.";
    /// A page of another origin asks.
    OriginNotAllowed: "origin_not_allowed", FORBIDDEN, "Use the router's own pages, or list it in `auth.cors_origins`.";
    /// On this topic of Realtime the router tells events, and nobody else speaks.
    TopicReserved: "topic_reserved", FORBIDDEN, "Use another topic.";
    /// The version of Realtime's protocol is none that is spoken here.
    UnknownVersion: "unknown_version", FORBIDDEN, "Connect with `vsn=1.0.0` or `vsn=2.0.0`.";
    /// There is nothing of that path or id, or no longer.
    NotFound: "not_found", NOT_FOUND, "`GET /` lists the routes.";
    /// The path exists, the method does not.
    MethodNotAllowed: "method_not_allowed", METHOD_NOT_ALLOWED, "Use a method of `Allow`.";
    /// The body did not arrive within `limits.body_timeout`.
    BodyTimeout: "body_timeout", REQUEST_TIMEOUT, "Send less at a time, or faster.";
    /// The head of the request did not arrive within `limits.head_timeout`.
    HeadTimeout: "head_timeout", REQUEST_TIMEOUT, "Send it at once.";
    /// The dead letter is recovered: its destination has the event.
    DeadLetterRecovered: "dead_letter_recovered", CONFLICT, "Nothing is left to do; it may be deleted.";
    /// Nothing can be planted on the path as it is.
    RehearsalImpossible: "rehearsal_impossible", CONFLICT, "Change what `detail` names, or rehearse on the other path.";
    /// A request with this `Idempotency-Key` is being answered.
    RequestInFlight: "request_in_flight", CONFLICT, "Repeat it later.";
    /// The rollout must not do that now.
    RolloutRefused: "rollout_refused", CONFLICT, "Mend what `detail` names; see `GET /v1/rollout`.";
    /// The change was not made, because of other settings, with which it does not go.
    SettingsInvalid: "settings_invalid", CONFLICT, "Mend what `detail` names, and ask again.";
    /// The body has more than `limits.body_bytes`, packed or unpacked.
    BodyTooLarge: "body_too_large", PAYLOAD_TOO_LARGE, "Send it in parts.";
    /// The body grows by more than `limits.compression_ratio` when it is unpacked.
    CompressionRatio: "compression_ratio", PAYLOAD_TOO_LARGE, "Send it in parts, or less compressed.";
    /// The `Content-Encoding` is none that is read, or there are several.
    UnsupportedEncoding: "unsupported_encoding", UNSUPPORTED_MEDIA_TYPE, "Use one of `Accept-Encoding`.";
    /// The `Content-Type` is none that is read.
    UnsupportedMediaType: "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Use one of `Accept`.";
    /// The `Host` is none that the router answers to.
    HostNotAllowed: "host_not_allowed", MISDIRECTED_REQUEST, "Use `localhost`, or a name of `server.hosts`.";
    /// The destination has refused the event again.
    DestinationRefused: "destination_refused", UNPROCESSABLE_ENTITY, "Mend what `detail` says at the destination, and replay it; or delete it.";
    /// The `Idempotency-Key` was used for a request with another content.
    IdempotencyKeyReused: "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Use a new key for what is new.";
    /// Broadcasts are at fault; none was sent.
    InvalidBroadcasts: "invalid_broadcasts", UNPROCESSABLE_ENTITY, "Mend what `detail` names.";
    /// Events are at fault; nothing was stored.
    InvalidEvents: "invalid_events", UNPROCESSABLE_ENTITY, "Mend what `errors` names.";
    /// The flag cannot have that value, here and now.
    InvalidFlag: "invalid_flag", UNPROCESSABLE_ENTITY, "Send a value that `detail` allows.";
    /// The database refused the events for what is in them; nothing was stored.
    RefusedByStorage: "refused_by_storage", UNPROCESSABLE_ENTITY, "Mend what `detail` names.";
    /// The settings would not be good; those in force stay.
    SettingsRefused: "settings_refused", UNPROCESSABLE_ENTITY, "Mend what `reload` or `detail` names.";
    /// This is a WebSocket of version 13, and the request is none.
    UpgradeRequired: "upgrade_required", UPGRADE_REQUIRED, "Connect with `ws://`.";
    /// The client has as many sockets and streams as it may; of Realtime, or all clients have.
    TooManyConnections: "too_many_connections", TOO_MANY_REQUESTS, "Close some, or come back later.";
    /// The client, or all together, ask more often or send more than they may: `limit` says which.
    TooManyRequests: "too_many_requests", TOO_MANY_REQUESTS, "Wait for `Retry-After` seconds.";
    /// The head of the request is too long, or has too many fields.
    HeadTooLarge: "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Send less in it.";
    /// The journal is corrupt: an event is missing.
    JournalCorrupt: "journal_corrupt", INTERNAL_SERVER_ERROR, "An operator must look at the database.";
    /// Nothing is sent to the destination now, or it did not take it.
    DestinationUnavailable: "destination_unavailable", SERVICE_UNAVAILABLE, "Replay it once the destination is well: see `GET /v1/adapters`.";
    /// Events are not taken now.
    NotReady: "not_ready", SERVICE_UNAVAILABLE, "Wait until `GET /readyz` says 200.";
    /// Whether the events were stored is not known.
    OutcomeUnknown: "outcome_unknown", SERVICE_UNAVAILABLE, "Post them again under the same `ids`.";
    /// Too many events wait to be committed; nothing was stored.
    QueueFull: "queue_full", SERVICE_UNAVAILABLE, "Post them again later.";
    /// The router is stopping; nothing was stored.
    ShuttingDown: "shutting_down", SERVICE_UNAVAILABLE, "Ask again: another one starts.";
    /// The storage has no room left; nothing was stored.
    StorageFull: "storage_full", SERVICE_UNAVAILABLE, "Post them again once there is room.";
    /// The storage cannot be reached; nothing was stored.
    StorageUnavailable: "storage_unavailable", SERVICE_UNAVAILABLE, "Ask again later.";
    /// All bodies that are being received are too large together; nothing was stored.
    TooManyBytes: "too_many_bytes", SERVICE_UNAVAILABLE, "Post them again later.";
    /// The filter is new, and there are `session.filters_per_worker` already.
    TooManyFilters: "too_many_filters", SERVICE_UNAVAILABLE, "Ask again later, or for what others ask.";
    /// There are `session.max_sessions` already.
    TooManySessions: "too_many_sessions", SERVICE_UNAVAILABLE, "Connect again later.";
}

impl Code {
    /// Whether the same request may succeed later; the answer then has a `Retry-After`.
    #[must_use]
    pub fn retryable(self) -> bool {
        matches!(self.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            || self == Self::RequestInFlight
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_stand_in_the_order_of_their_statuses() {
        assert!(Code::ALL.is_sorted_by_key(|code| (code.status(), code.as_str())));
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn each_code_says_what_it_means_and_what_to_do() {
        for code in Code::ALL {
            assert!(code.meaning().ends_with('.') && code.advice().ends_with('.'), "{code:?}");
            let valid = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(code.as_str().chars().all(valid), "{code:?}");
        }
    }
}
