//! The actors: thin shells around the rules of [`core`](crate::core). Each one's messages stand at
//! the top of its file.

pub mod adapter;
pub mod batcher;
pub mod begin;
pub mod broadcaster;
pub mod cursors;
pub mod journal;
pub mod legacy;
pub mod line;
pub mod outlet;
pub mod pipe;
pub mod session;
pub mod shard;
pub mod stream;
pub mod validator;
