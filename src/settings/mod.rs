//! Settings: what can be set ([`KEYS`]), what each key accepts, and where a value came from.
//!
//! Defaults < `Settings.toml` < environment < overrides at run time. Everything is read and checked at once; what comes
//! out is valid, or a list of every fault with its place. Nothing here is global.

mod cross;
mod effective;
mod example;
mod fault;
mod jwt;
mod keys;
mod layers;
mod lists;
mod load;
mod migration;
mod names;
pub mod nearest;
mod overrides;
mod paths;
mod places;
mod rules;
mod secret;
mod snapshot;
mod table;
mod tokens;
mod units;
mod values;

pub use effective::Effective;
pub use example::example;
pub use fault::{Fault, Faults, Origin, Place};
pub use keys::*;
pub use layers::Origins;
pub use load::{DEFAULT_FILE, FileText, Loaded, OtherFiles};
pub use migration::{ClientId, GlobalOverride, PathName, Segment, Steps};
pub use overrides::Override;
pub use paths::{Mode, Paths, Routing};
pub use places::{HostName, NotAHost, NotARealtimeUrl, NotAnOrigin, RealtimeUrl, WebOrigin};
pub use secret::Secret;
pub use snapshot::{LiveSettings, Snapshot};
pub use table::{Change, Key};
pub use values::{
    AdapterType, AuthMode, DatabaseUrl, Durability, LogFilter, LogFormat, NotADatabaseUrl,
    OtherDatabase, TransportKind,
};

/// What the name of every environment variable begins with.
pub const PREFIX: &str = "SIGNALBOX__";
