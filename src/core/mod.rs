//! The rules, and nothing else: no actor, database, file, socket or clock. Time, randomness and
//! ids come in as arguments, decisions go out as values.

pub mod access;
pub mod backlog;
pub mod batching;
pub mod breaker;
pub mod bucket;
pub mod canary;
pub mod canonical;
pub mod classify;
pub mod cursor;
pub mod delivery;
pub mod event;
pub mod fanout;
pub mod filter;
pub mod flags;
pub mod heartbeat;
pub mod idempotency;
pub mod intake;
pub mod interest;
pub mod ledger;
pub mod legacy;
pub mod matching;
pub mod message;
pub mod numbering;
pub mod protocol;
pub mod reader;
pub mod realtime;
pub mod rehearsal;
pub mod retention;
pub mod retry;
pub mod rollout;
pub mod share;
pub mod stats;
pub mod tail;
pub mod traceparent;
pub mod window;
