//! The built-in Realtime: over real sockets, and beside the real thing.

mod bounds;
mod broadcasts;
mod changes;
mod clients;
mod endings;
mod frames;
mod journal;
mod limits;
mod over_http;
mod own_topic;
mod presence;
