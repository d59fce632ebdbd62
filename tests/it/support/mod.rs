//! What several tests need: databases of their own.

pub(crate) mod postgres;
