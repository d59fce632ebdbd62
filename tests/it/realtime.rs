//! The built-in Realtime beside the real thing.

mod changes;
