//! The realtime path: the transports by which a Realtime is reached.
