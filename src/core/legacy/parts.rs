//! The parts of a committed event that the old protocol is made of, as they were written.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::core::{canonical, event::Event};

pub(in crate::core) use crate::core::canonical::Members;

/// Values of an event's JSON, unparsed.
#[derive(Deserialize)]
pub(in crate::core) struct Parts<'a> {
    #[serde(borrow)]
    pub(in crate::core) event_type: &'a RawValue,
    pub(in crate::core) timestamp: &'a RawValue,
    pub(in crate::core) data: &'a RawValue,
    pub(in crate::core) metadata: &'a RawValue,
}

impl<'a> Parts<'a> {
    /// The parts of an event; `None` of one that the router has not written.
    pub(in crate::core) fn of(event: &'a Event) -> Option<Self> {
        serde_json::from_slice(&event.json).ok()
    }

    /// The members of the data.
    pub(in crate::core) fn data(&self) -> Members<'a> {
        canonical::members(self.data.get()).unwrap_or_default()
    }

    /// The members of the metadata.
    pub(in crate::core) fn metadata(&self) -> Members<'a> {
        canonical::members(self.metadata.get()).unwrap_or_default()
    }
}

/// The value of the first of `names` that is given and not `null`; of a name that is given twice,
/// the last one.
pub(in crate::core) fn member<'a>(members: &Members<'a>, names: &[&str]) -> Option<&'a RawValue> {
    let last = |name: &&str| members.iter().rev().find(|(key, _)| key == name);
    let mut given = names.iter().filter_map(last).map(|(_, value)| *value);
    given.find(|value| value.get() != "null")
}
