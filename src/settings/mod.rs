//! Settings: what can be set ([`keys`]), what each key accepts, and where a value came from.
//!
//! Defaults < `Settings.toml` < environment. Everything is read and checked at once; what comes
//! out is valid, or a list of every fault with its place. Nothing here is global.

mod keys;
mod load;
mod rules;
mod table;
mod values;

pub use keys::*;
pub use table::{Change, Key};
pub use values::{AuthMode, DatabaseUrl, Durability, LogFilter, LogFormat};

/// What the name of every environment variable begins with.
pub const PREFIX: &str = "SIGNALBOX__";
